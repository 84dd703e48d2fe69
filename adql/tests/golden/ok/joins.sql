SELECT "o"."objectId" AS "objectId", "ForcedSource"."band" AS "band" FROM "survey"."Object" AS "o" JOIN "survey"."ForcedSource" AS "ForcedSource" ON "o"."objectId" = "ForcedSource"."objectId"

SELECT "ForcedSource"."visit" AS "visit", "ForcedSource"."band" AS "band", "ForcedSource"."objectId" AS "objectId", "ForcedSource"."psfFlux" AS "psfFlux", "ForcedSource"."psfFluxErr" AS "psfFluxErr", "Visit"."expMidptMJD" AS "expMidptMJD", "Visit"."obsStart" AS "obsStart", "Visit"."size" AS "size" FROM "survey"."ForcedSource" AS "ForcedSource" JOIN "survey"."Visit" AS "Visit" ON "ForcedSource"."visit" = "Visit"."visit" AND "ForcedSource"."band" = "Visit"."band"

SELECT coalesce("Visit"."visit", "s"."visit") AS "visit", "s"."psfFlux" AS "psfFlux" FROM "survey"."Visit" AS "Visit" FULL JOIN "survey"."Source" "s" ON "Visit"."visit" = "s"."visit"

SELECT "Visit"."visit" AS "visit" FROM "survey"."Source" AS "Source" RIGHT JOIN "survey"."Visit" AS "Visit" ON "Source"."visit" = "Visit"."visit" AND "Source"."band" = "Visit"."band" WHERE "Visit"."visit" > 5

SELECT count(*) AS "count" FROM "survey"."Object" AS "Object" CROSS JOIN "survey"."Visit" AS "Visit"

SELECT "a"."visit" AS "visit" FROM "survey"."Visit" "a" LEFT JOIN ("survey"."Source" "s" JOIN "survey"."ForcedSource" "f" ON "s"."visit" = "f"."visit") ON "a"."visit" = "s"."visit", "survey"."Object" "o"

SELECT "o"."objectId" AS "objectId" FROM "survey"."Object" "o", "survey"."Source" "s" WHERE sky_open_cone("o"."coord_ra", "o"."coord_dec", "s"."ra", "s"."dec", 0.001)

SELECT "tables"."schema_name" AS "schema_name", "tables"."table_name" AS "table_name", "tables"."description" AS "description", "Visit"."visit" AS "visit", "Visit"."band" AS "band", "Visit"."expMidptMJD" AS "expMidptMJD", "Visit"."obsStart" AS "obsStart", "Visit"."size" AS "size" FROM "TAP_SCHEMA"."tables" AS "tables" JOIN "survey"."Visit" AS "Visit" ON true
