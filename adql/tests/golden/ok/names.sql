SELECT "Object"."objectId" AS "objectId", "Object"."coord_ra" AS "coord_ra" FROM "survey"."Object" AS "Object"

SELECT "o"."objectId" AS "objectId", "o"."coord_ra" AS "x", "o"."coord_dec" AS "Dec" FROM "survey"."Object" AS "o"

SELECT "Object"."objectId" AS "objectId", "Object"."coord_ra" AS "coord_ra" FROM "survey"."Object" AS "Object"

SELECT "columns"."table_name" AS "table_name", "columns"."size" AS "size" FROM "TAP_SCHEMA"."columns" AS "columns"

SELECT "astrometry"."source_id" AS "source_id", "astrometry"."pmra" AS "pmra" FROM "gaia"."astrometry" AS "astrometry"

SELECT "s"."ra" AS "ra", "Source"."ra" AS "ra_2", "Source_2"."ra" AS "ra_3" FROM "survey"."Source" AS "Source", "gaia"."Source" AS "Source_2", "survey"."Source" AS "s"
-- two output columns are called ra: one is now ra_2
-- two output columns are called ra: one is now ra_3

SELECT "Odd"."lower" AS "lower", "Odd"."LOWER" AS "LOWER_2", "Odd"."lower" AS "lower_3", "Odd"."top" AS "top", "Odd"."_healpix_29" AS "_healpix_29" FROM "survey"."Odd" AS "Odd"
-- a name that begins with an underscore is an extension that other ADQL services may not have
-- lower is a reserved word of ADQL: other services want it quoted, "lower"
-- LOWER is a reserved word of ADQL: other services want it quoted, "LOWER"
-- two output columns are called LOWER: one is now LOWER_2
-- two output columns are called lower: one is now lower_3
