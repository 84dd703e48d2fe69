SELECT ln("Source"."psfFlux") AS "log", log10("Source"."psfFlux") AS "log10", ceil("Source"."ra") AS "ceiling", floor("Source"."ra") AS "floor", truncate_to("Source"."ra", 2) AS "truncate", round_to("Source"."ra", 2) AS "round", ("Source"."visit" % 7) AS "mod", power("Source"."visit", 2) AS "power", sqrt("Source"."psfFlux") AS "sqrt", pi() AS "pi", random() AS "rand", seeded_random(5) AS "rand_2" FROM "survey"."Source" AS "Source"

SELECT (("Source"."visit" + 1) % (-7)) AS "mod", -"Source"."visit" AS "col_2", +"Source"."ra" AS "col_3", cot(radians("Source"."dec")) AS "cot", atan2("Source"."dec", "Source"."ra") AS "atan2", exp(-abs("Source"."dec")) AS "exp", coalesce("Source"."psfFlux", 0) AS "coalesce", upper("Source"."band") AS "upper" FROM "survey"."Source" AS "Source"

SELECT nanojansky_to_ab_mag("Object"."g_psfFlux") - nanojansky_to_ab_mag("Object"."r_psfFlux") AS "gr", flux_to_ab_mag_sigma("Object"."g_psfFlux", "Object"."g_psfFluxErr") AS "scisql_nanojanskytoabmagsigma" FROM "survey"."Object" AS "Object"

SELECT CAST("Source"."ra" AS DOUBLE) AS "ra", CAST("Source"."visit" AS SMALLINT) AS "visit", CAST("Source"."visit" AS INTEGER) AS "visit_2", CAST("Source"."visit" AS BIGINT) AS "visit_3", CAST("Source"."ra" AS REAL) AS "ra_2", left(CAST("Source"."band" AS VARCHAR), 1) AS "band", CAST("Source"."band" AS VARCHAR) AS "band_2", CAST('2020-01-01T00:00:00' AS TIMESTAMP(6)) AS "cast" FROM "survey"."Source" AS "Source"
-- CAST(… AS INT) is an extension that other ADQL services may not have

SELECT 255 AS "col_1", 31 & "Source"."visit" AS "col_2", ("Source"."visit" ^ opaque(-1)) AS "col_3", "Source"."visit" | 2 ^ opaque(3) AS "col_4" FROM "survey"."Source" AS "Source"
-- a hexadecimal number is an extension that other ADQL services may not have
-- the operator & is an extension that other ADQL services may not have
-- the operator ~ is an extension that other ADQL services may not have
-- the operator | is an extension that other ADQL services may not have
-- the operator ^ is an extension that other ADQL services may not have

SELECT "Source"."band" AS "band" FROM "survey"."Source" AS "Source" WHERE "Source"."band" LIKE 'g%' AND "Source"."band" NOT ILIKE '%R' AND "Source"."band" IS NOT NULL AND "Source"."ra" BETWEEN 1 AND 2 AND "Source"."visit" NOT IN (1, 2) AND NOT ("Source"."dec" > 3)

SELECT CASE WHEN "Source"."ra" > 180 THEN "Source"."ra" - 360 ELSE "Source"."ra" END AS "lon", CASE "Source"."band" WHEN 'g' THEN 1 END AS "case" FROM "survey"."Source" AS "Source" LIMIT 5
-- CASE is an extension that other ADQL services may not have
-- LIMIT is an extension that other ADQL services may not have

SELECT "Visit"."visit" AS "visit" FROM "survey"."Visit" AS "Visit" WHERE "Visit"."obsStart" < CAST('2025-01-01T00:00:00' AS TIMESTAMP(6)) LIMIT 5 OFFSET 2
-- TIMESTAMP('…') is an extension that other ADQL services may not have
-- LIMIT is an extension that other ADQL services may not have
-- obsStart counts TAI, and so is '2025-01-01' read; end it in Z if it is UTC
