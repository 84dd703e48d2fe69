SELECT "Object"."objectId" AS "objectId", avg("Object"."coord_ra") OVER (PARTITION BY floor("Object"."coord_ra") ORDER BY "Object"."coord_dec" ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS "m" FROM "survey"."Object" AS "Object"
-- a window function (OVER) is an extension that other ADQL services may not have

SELECT "o"."objectId" AS "objectId" FROM "survey"."Object" AS "o" LEFT JOIN "survey"."Source" AS "s" ON true

SELECT 'a' AS "col_1", "Object"."coord_ra" AS "coord_ra" FROM "survey"."Object" AS "Object" WHERE "Object"."coord_ra" >= -1
-- the character ‘ was read as '
-- the character “ was read as "
-- the character ≥ was read as >=
-- the character − was read as -

SELECT "Object"."coord_ra" AS "distance" FROM "survey"."Object" AS "Object"
-- distance is a reserved word of ADQL: other services want it quoted, "distance"
-- a closing semicolon is an extension that other ADQL services may not have

SELECT 255 & 3 AS "col_1", (1 ^ opaque(-1)) AS "col_2", 7 % 2 AS "col_3" FROM "survey"."Object" AS "Object" LIMIT 5
-- a hexadecimal number is an extension that other ADQL services may not have
-- the operator & is an extension that other ADQL services may not have
-- the operator ~ is an extension that other ADQL services may not have
-- the operator % is an extension that other ADQL services may not have
-- LIMIT is an extension that other ADQL services may not have

SELECT CASE WHEN "Object"."coord_ra" > 180 THEN "Object"."coord_ra" - 360 ELSE "Object"."coord_ra" END AS "lon" FROM "survey"."Object" AS "Object"
-- CASE is an extension that other ADQL services may not have

SELECT "Object"."objectId" AS "objectId" FROM "survey"."Object" AS "Object"
-- AS OF is an extension that other ADQL services may not have

SELECT "Object"."objectId" AS "objectId" FROM "survey"."Object" AS "Object" ORDER BY 1
-- AS OF is an extension that other ADQL services may not have
-- a closing semicolon is an extension that other ADQL services may not have

SELECT 'its' AS "col_1" FROM "survey"."Object" AS "Object"

SELECT "a"."objectId" AS "objectId" FROM "survey"."Object" AS "a" JOIN ("survey"."Object" AS "b" JOIN "survey"."Object" AS "c" ON "b"."objectId" = "c"."objectId") ON "a"."objectId" = "b"."objectId"

SELECT "Source"."band" AS "band" FROM "survey"."Source" AS "Source" WHERE "Source"."band" LIKE '50\%\_\!\\a%' OR "Source"."band" LIKE 'a\%' ESCAPE '\'
-- ESCAPE after LIKE is an extension that other ADQL services may not have

SELECT "v"."a" AS "a", "v"."b" AS "b" FROM (SELECT "Visit"."visit" AS "visit", "Visit"."band" AS "band", "Visit"."expMidptMJD" AS "expMidptMJD", "Visit"."obsStart" AS "obsStart", "Visit"."size" AS "size" FROM "survey"."Visit" AS "Visit") AS "v" ("a", "b", "c", "d", "e") WHERE "v"."a" < 3
-- a list of column names after a table's alias is an extension that other ADQL services may not have

SELECT avg(CAST(CASE WHEN "Visit"."visit" > 1 THEN NULL END AS DOUBLE)) AS "avg", sum(CAST(CASE "Visit"."visit" WHEN 1 THEN NULL ELSE NULL END AS DOUBLE)) AS "sum" FROM "survey"."Visit" AS "Visit"
-- CASE is an extension that other ADQL services may not have

SELECT "Star"."id" AS "id" FROM "typed"."Star" AS "Star" WHERE NULL IN ("Star"."n", 2) OR CASE NULL WHEN "Star"."flag" THEN 1 WHEN true THEN 2 END = 1
-- CASE is an extension that other ADQL services may not have
-- beside n, which is a number, '2' is read as 2
-- flag is a boolean, which ADQL does not have: 1 was read as one

SELECT "s"."id" AS "id" FROM "typed"."Star" AS "s", "typed"."Star" AS "o" WHERE ("s"."id" IN ("o"."id", 5) OR "s"."id" IN (CAST("o"."mag" AS DOUBLE))) AND ("s"."id" NOT IN (9007199254740993) AND "s"."id" NOT IN (2.5)) AND "s"."id" IN (1, CAST("o"."mag" AS DOUBLE)) AND "s"."n" IN ("o"."id", CAST("o"."mag" AS DOUBLE))

SELECT CASE WHEN "s"."id" = "o"."id" THEN 1 WHEN "s"."id" = CAST("o"."mag" AS DOUBLE) THEN 2 ELSE 3 END AS "case" FROM "typed"."Star" AS "s", "typed"."Star" AS "o" WHERE ("s"."id" >= "o"."id" AND "s"."id" <= CAST("o"."mag" AS DOUBLE)) OR ("s"."id" < 0.5 OR "s"."id" > "o"."id") OR "s"."id" BETWEEN 1 AND CAST("o"."mag" AS DOUBLE)
-- CASE is an extension that other ADQL services may not have

SELECT DISTINCT "Star"."n" AS "q", "Star"."id" AS "id" FROM "typed"."Star" AS "Star" ORDER BY abs("q") DESC, abs("q") + "id", -"q"

SELECT lag("Star"."seen", 1, CAST('2020-01-01T00:00:00' AS TIMESTAMP(6))) OVER (ORDER BY "Star"."id") AS "a", lead("Star"."begun", 1, CAST('2020-01-01T00:00:00' AS TIMESTAMP(6))) OVER (ORDER BY "Star"."id") AS "b", lag("Star"."n", 1, CAST(-7 AS INTEGER)) OVER (ORDER BY "Star"."id") AS "c" FROM "typed"."Star" AS "Star"
-- a window function (OVER) is an extension that other ADQL services may not have
-- seen counts TAI, and so is '2020-01-01' read; end it in Z if it is UTC
