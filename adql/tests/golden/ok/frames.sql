SELECT sky_to_icrs('GALACTIC', sky_point("Source"."ra", "Source"."dec")) AS "p", sky_circle(sky_to_icrs('FK4', sky_point(1, 2)), 3) AS "circle", sky_circle(1, 2, 3) AS "circle_2", 1 AS "coord1", 'GALACTIC' AS "coordsys" FROM "survey"."Source" AS "Source"
-- geometries in GALACTIC are converted to ICRS
-- geometries in FK4 are converted to ICRS
-- geometries in ECLIPTIC are converted to ICRS

SELECT "Source"."sourceId" AS "sourceId" FROM "survey"."Source" AS "Source" WHERE sky_closed_cone("Source"."ra", "Source"."dec", sky_to_icrs('GALACTIC', sky_point(120, -23)), 1) AND sky_contains(sky_point("Source"."ra", "Source"."dec"), sky_to_icrs('GALACTIC', sky_box(1, 2, 3, 4)))
-- geometries in GALACTIC are converted to ICRS

SELECT "Source"."sourceId" AS "sourceId" FROM "survey"."Source" AS "Source" WHERE sky_polygon("Source"."ra", "Source"."dec", sky_to_icrs('FK5', sky_point(1, 2)), sky_to_icrs('FK5', sky_point(3, 4)), sky_to_icrs('FK5', sky_point(5, 6)))
-- geometries in FK5 are converted to ICRS

SELECT "Source"."sourceId" AS "sourceId" FROM "survey"."Source" AS "Source" WHERE sky_polygon("Source"."ra", "Source"."dec", sky_to_icrs('GALACTIC', sky_point(1, 2)), 3, 4, sky_to_icrs('GALACTIC', sky_point(5, 6)))
-- geometries in GALACTIC are converted to ICRS
