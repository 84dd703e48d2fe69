SELECT "Object"."objectId" AS "objectId" FROM "survey"."Object" AS "Object" WHERE "Object"."detect_isPrimary" = true
-- detect_isPrimary is a boolean, which ADQL does not have: 1 was read as one

SELECT "Object"."objectId" AS "objectId" FROM "survey"."Object" AS "Object" WHERE false <> "Object"."detect_isPrimary" AND "Object"."detect_isPrimary" = true AND "Object"."detect_isPrimary" IN (false, true)
-- detect_isPrimary is a boolean, which ADQL does not have: 'false' was read as one
-- detect_isPrimary is a boolean, which ADQL does not have: 'TRUE' was read as one
-- detect_isPrimary is a boolean, which ADQL does not have: 0 was read as one
-- detect_isPrimary is a boolean, which ADQL does not have: 1 was read as one

SELECT "Object"."objectId" AS "objectId" FROM "survey"."Object" AS "Object" WHERE "Object"."detect_isPrimary" AND "Object"."objectId" = 1 AND "Object"."detect_isPrimary" = true
-- a condition without a comparison is an extension that other ADQL services may not have
-- a literal TRUE or FALSE is an extension that other ADQL services may not have
