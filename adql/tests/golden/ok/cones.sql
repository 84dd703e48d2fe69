SELECT "Object"."objectId" AS "objectId" FROM "survey"."Object" AS "Object" WHERE sky_closed_cone("Object"."coord_ra", "Object"."coord_dec", 53.1, -27.8, 0.1)

SELECT "Object"."objectId" AS "objectId" FROM "survey"."Object" AS "Object" WHERE sky_closed_cone("Object"."coord_ra", "Object"."coord_dec", 53.1, -27.8, 0.1)

SELECT "Object"."objectId" AS "objectId" FROM "survey"."Object" AS "Object" WHERE sky_closed_cone("Object"."coord_ra", "Object"."coord_dec", 53.1, -27.8, 0.1)

SELECT "Object"."objectId" AS "objectId" FROM "survey"."Object" AS "Object" WHERE sky_closed_cone("Object"."coord_ra", "Object"."coord_dec", 53.1, -27.8, 0.1)

SELECT "Object"."objectId" AS "objectId" FROM "survey"."Object" AS "Object" WHERE sky_closed_cone("Object"."coord_ra", "Object"."coord_dec", 53.1, -27.8, 0.1)

SELECT "Object"."objectId" AS "objectId" FROM "survey"."Object" AS "Object" WHERE sky_open_cone("Object"."coord_ra", "Object"."coord_dec", 53.1, -27.8, 0.1) AND sky_open_cone("Object"."coord_ra", "Object"."coord_dec", 53.1, -27.8, 0.1)

SELECT "Object"."objectId" AS "objectId" FROM "survey"."Object" AS "Object" WHERE (NOT sky_closed_cone("Object"."coord_ra", "Object"."coord_dec", 53.1, -27.8, 0.1)) OR (NOT sky_open_cone("Object"."coord_ra", "Object"."coord_dec", 53.1, -27.8, 0.1))

SELECT "Object"."objectId" AS "objectId" FROM "survey"."Object" AS "Object" WHERE (sky_closed_cone("Object"."coord_ra", "Object"."coord_dec", 53.1, -27.8, 0.2) AND (NOT sky_open_cone("Object"."coord_ra", "Object"."coord_dec", 53.1, -27.8, 0.1))) AND (NOT sky_closed_cone("Object"."coord_ra", "Object"."coord_dec", 53.1, -27.8, 0.2))

SELECT "Object"."objectId" AS "objectId" FROM "survey"."Object" AS "Object" WHERE (NOT sky_closed_cone("Object"."coord_ra", "Object"."coord_dec", 53.1, -27.8, 0.1)) AND (NOT sky_closed_cone("Object"."coord_ra", "Object"."coord_dec", 53.1, -27.8, 0.2)) AND sky_closed_cone("Object"."coord_ra", "Object"."coord_dec", 53.1, -27.8, 1) AND sky_closed_cone("Object"."coord_ra", "Object"."coord_dec", 53.1, -27.8, 2)

SELECT sky_distance("Object"."coord_ra", "Object"."coord_dec", 53.1, -27.8) AS "d" FROM "survey"."Object" AS "Object" WHERE sky_distance("Object"."coord_ra", "Object"."coord_dec", 53.1, -27.8) < -1 ORDER BY "d"

SELECT CAST(sky_closed_cone("Object"."coord_ra", "Object"."coord_dec", 53.1, -27.8, 0.1) AS INTEGER) AS "contains", "Object"."coord_ra" AS "coord1", 2 AS "two" FROM "survey"."Object" AS "Object"

SELECT "o"."objectId" AS "objectId" FROM "survey"."Object" "o" JOIN "gaia"."Source" "g" ON sky_closed_cone("g"."ra", "g"."dec", "o"."coord_ra", "o"."coord_dec", "o"."g_psfFlux" / 3600)

SELECT "Object"."objectId" AS "objectId" FROM "survey"."Object" AS "Object" WHERE sky_closed_cone("Object"."coord_ra", "Object"."coord_dec", 53.1, -27.8, 0.1) AND NOT sky_closed_cone("Object"."coord_ra", "Object"."coord_dec", 53.1, -27.8, 0.01)
-- a condition without a comparison is an extension that other ADQL services may not have
-- CONTAINS and INTERSECTS should be compared with 1 or 0

SELECT "Object"."objectId" AS "objectId" FROM "survey"."Object" AS "Object" WHERE sky_closed_cone("Object"."coord_ra", "Object"."coord_dec", 53.1, -27.8, 2 * 0.1)
