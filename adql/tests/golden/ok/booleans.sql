SELECT "Object"."objectId" AS "objectId" FROM "survey"."Object" AS "Object" WHERE "Object"."detect_isPrimary" = true

SELECT "Object"."objectId" AS "objectId" FROM "survey"."Object" AS "Object" WHERE false <> "Object"."detect_isPrimary" AND "Object"."detect_isPrimary" = true AND "Object"."detect_isPrimary" IN (false, true)

SELECT "Object"."objectId" AS "objectId" FROM "survey"."Object" AS "Object" WHERE "Object"."detect_isPrimary" AND "Object"."objectId" = 1 AND "Object"."detect_isPrimary" = true
-- a condition without a comparison is an extension that other ADQL services may not have
-- a literal TRUE or FALSE is an extension that other ADQL services may not have
