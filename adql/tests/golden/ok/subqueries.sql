SELECT "Object"."objectId" AS "objectId" FROM "survey"."Object" AS "Object" WHERE "Object"."objectId" IN (SELECT "ForcedSource"."objectId" AS "objectId" FROM "survey"."ForcedSource" AS "ForcedSource" WHERE "ForcedSource"."psfFlux" > 5)

SELECT "o"."objectId" AS "objectId" FROM "survey"."Object" "o" WHERE NOT EXISTS (SELECT "f"."objectId" AS "objectId", "f"."visit" AS "visit", "f"."band" AS "band", "f"."psfFlux" AS "psfFlux", "f"."psfFluxErr" AS "psfFluxErr" FROM "survey"."ForcedSource" "f" WHERE "f"."objectId" = "o"."objectId" AND "o"."coord_ra" > 1)

SELECT "v"."visit" AS "visit", (SELECT avg("s"."psfFlux") AS "avg" FROM "survey"."Source" "s" WHERE "s"."visit" = "v"."visit") AS "mean" FROM "survey"."Visit" "v"
-- a query as a value is an extension that other ADQL services may not have

WITH "bright" AS (SELECT "Object"."objectId" AS "ID", "Object"."r_psfFlux" AS "r_psfFlux" FROM "survey"."Object" AS "Object" ORDER BY "r_psfFlux" DESC LIMIT 5), "two" ("a", "B") AS (SELECT "bright"."ID" AS "ID", "bright"."r_psfFlux" AS "r_psfFlux" FROM "bright" AS "bright") SELECT "two"."a" AS "a", "b"."ID" AS "ID" FROM "two" AS "two" JOIN "bright" "b" ON "two"."a" = "b"."ID"
-- a list of column names after a table's alias is an extension that other ADQL services may not have

SELECT "q"."objectId" AS "objectId" FROM (SELECT "Object"."objectId" AS "objectId", "Object"."detect_isPrimary" AS "detect_isPrimary" FROM "survey"."Object" AS "Object" LIMIT 3) AS "q" WHERE "q"."detect_isPrimary" = true
-- detect_isPrimary is a boolean, which ADQL does not have: 1 was read as one

SELECT 1 AS "col_1" FROM "gaia"."Source" AS "Source" WHERE EXISTS (SELECT 1 AS "col_1" FROM "survey"."Source" AS "Source_2" WHERE "Source"."phot_g_mean_mag" = "Source_2"."psfFlux")

SELECT 1 AS "col_1" FROM "gaia"."Source" AS "Source" WHERE EXISTS (SELECT 1 AS "col_1" FROM "survey"."Source" AS "Source_2" WHERE "Source"."ra" = "Source_2"."ra")

SELECT "r_psfFlux_2"."visit" AS "visit" FROM "survey"."Visit" AS "r_psfFlux_2" WHERE EXISTS (SELECT 1 AS "col_1" FROM "survey"."Object" AS "Object" WHERE "r_psfFlux_2"."visit" > "Object"."objectId")

SELECT (SELECT count(*) AS "count" FROM (SELECT "Source"."visit" AS "v" FROM "survey"."Source" AS "Source") AS "t" WHERE EXISTS (SELECT 1 AS "col_1" FROM "survey"."Object" AS "Object" WHERE "Object"."objectId" = "v_2"."visit")) AS "n" FROM "survey"."Visit" AS "v_2"
-- a query as a value is an extension that other ADQL services may not have

WITH "t" AS (SELECT "Object"."objectId" AS "objectId" FROM "survey"."Object" AS "Object" WHERE "Object"."objectId" = 1) SELECT "q"."objectId" AS "objectId", "t"."objectId" AS "objectId_2" FROM (WITH "t_2" AS (SELECT "Object"."objectId" AS "objectId" FROM "survey"."Object" AS "Object" WHERE "Object"."objectId" < 3) SELECT "t"."objectId" AS "objectId" FROM "t_2" AS "t") AS "q", "t" AS "t"
-- WITH inside a query is an extension that other ADQL services may not have
-- two output columns are called objectId: one is now objectId_2

WITH "b" AS (SELECT "q"."visit" AS "visit" FROM (WITH "t" AS (SELECT "Visit"."visit" AS "visit" FROM "survey"."Visit" AS "Visit") SELECT "t"."visit" AS "visit" FROM "t" AS "t") AS "q"), "t_2" AS (SELECT 7 AS "x" FROM "survey"."Visit" AS "Visit") SELECT "b"."visit" AS "visit", "t"."x" AS "x" FROM "b" AS "b", "t_2" AS "t"
-- WITH inside a query is an extension that other ADQL services may not have

SELECT "v"."visit" AS "visit" FROM "survey"."Visit" AS "v" WHERE EXISTS (WITH "u" AS (SELECT "s"."psfFlux" AS "psfFlux" FROM "survey"."Source" AS "s" WHERE "s"."visit" = "v"."visit") SELECT "u"."psfFlux" AS "psfFlux" FROM "u" AS "u")
-- WITH inside a query is an extension that other ADQL services may not have

WITH "T" AS (SELECT "Visit"."visit" AS "visit" FROM "survey"."Visit" AS "Visit"), "t_2" AS (SELECT "Object"."objectId" AS "objectId" FROM "survey"."Object" AS "Object") SELECT "t"."objectId" AS "objectId", "T_2"."visit" AS "visit" FROM "t_2" AS "t", "T" AS "T_2"

SELECT "v"."visit" AS "visit", "V_2"."visit" AS "other" FROM "survey"."Visit" AS "v" JOIN "survey"."Visit" AS "V_2" ON "v"."visit" = "V_2"."visit"
