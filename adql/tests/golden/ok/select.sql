SELECT DISTINCT "Visit"."band" AS "band" FROM "survey"."Visit" AS "Visit" LIMIT 10

SELECT ALL "Visit"."visit" AS "visit", "Visit"."band" AS "band", "Visit"."expMidptMJD" AS "expMidptMJD", "Visit"."obsStart" AS "obsStart", "Visit"."size" AS "size" FROM "survey"."Visit" AS "Visit"

SELECT "v"."visit" AS "visit", "v"."band" AS "band", "v"."expMidptMJD" AS "expMidptMJD", "v"."obsStart" AS "obsStart", "v"."size" AS "size", "v"."count" AS "count", "v"."visit" AS "visit_2", 2 * "v"."expMidptMJD" AS "col_8", "v"."count" AS "count_2", 'a' || "v"."band" AS "col_10" FROM (SELECT "Visit"."visit" AS "visit", "Visit"."band" AS "band", "Visit"."expMidptMJD" AS "expMidptMJD", "Visit"."obsStart" AS "obsStart", "Visit"."size" AS "size", "Visit"."visit" AS "count" FROM "survey"."Visit" AS "Visit") "v"
-- count is a reserved word of ADQL: other services want it quoted, "count"
-- two output columns are called visit: one is now visit_2
-- two output columns are called count: one is now count_2

SELECT count(*) AS "count", count(DISTINCT "Visit"."band") AS "count_2", avg("Visit"."expMidptMJD") AS "avg", max("Visit"."visit") - min("Visit"."visit") AS "span" FROM "survey"."Visit" AS "Visit"

SELECT "o"."objectId" AS "objectId", "o"."coord_ra" AS "coord_ra", "o"."coord_dec" AS "coord_dec", "o"."g_psfFlux" AS "g_psfFlux", "o"."g_psfFluxErr" AS "g_psfFluxErr", "o"."r_psfFlux" AS "r_psfFlux", "o"."r_psfFluxErr" AS "r_psfFluxErr", "o"."detect_isPrimary" AS "detect_isPrimary", "o"."refBand" AS "refBand", "f"."objectId" AS "objectId_2", "f"."visit" AS "visit", "f"."band" AS "band", "f"."psfFlux" AS "psfFlux", "f"."psfFluxErr" AS "psfFluxErr" FROM "survey"."Object" "o" JOIN "survey"."ForcedSource" "f" ON "o"."objectId" = "f"."objectId"
-- two output columns are called objectId: one is now objectId_2

SELECT "s"."visit" AS "ra_2", 1 AS "x", "s"."ra" AS "ra", "s"."ra" AS "ra_3", 2 AS "X_2" FROM "survey"."Source" "s"
-- two output columns are called ra: one is now ra_3
-- two output columns are called X: one is now X_2

SELECT CAST("Visit"."visit" AS VARCHAR) AS "visit", ("Visit"."band") AS "band" FROM "survey"."Visit" AS "Visit"

SELECT 1 AS "col_1"
-- a SELECT without FROM is an extension that other ADQL services may not have
-- a closing semicolon is an extension that other ADQL services may not have

SELECT "derived"."visit" AS "visit" FROM (SELECT "Visit"."visit" AS "visit" FROM "survey"."Visit" AS "Visit") AS "derived"
-- a query in FROM without a name is an extension that other ADQL services may not have
