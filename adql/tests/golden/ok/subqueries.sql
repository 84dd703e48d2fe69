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
