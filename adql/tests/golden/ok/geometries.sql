SELECT sky_point("Source"."ra", "Source"."dec") AS "p", sky_circle("Source"."ra", "Source"."dec", 1) AS "circle", sky_box("Source"."ra", "Source"."dec", 1, 2) AS "box", sky_outline(1, 2, 3, 4, 5, -6) AS "polygon" FROM "survey"."Source" AS "Source"

SELECT coalesce(sky_point("Source"."ra", "Source"."dec"), sky_point(0, 0)) AS "p", sky_area(sky_circle("Source"."ra", "Source"."dec", 1)) AS "area", sky_centroid(sky_outline(1, 2, 3, 4, 5, -6)) AS "centroid", 'ICRS' AS "coordsys", 'ICRS' AS "coordsys_2" FROM "survey"."Source" AS "Source"

SELECT (ln("Source"."ra")) AS "coord1", sky_latitude(sky_centroid(sky_circle("Source"."ra", "Source"."dec", 1))) AS "coord2" FROM "survey"."Source" AS "Source"

SELECT "t"."p" AS "p" FROM (SELECT sky_point("Source"."ra", "Source"."dec") AS "p", sky_circle("Source"."ra", "Source"."dec", 1) AS "c" FROM "survey"."Source" AS "Source") AS "t" WHERE sky_closed_cone("t"."p", 1, 2, 3) AND sky_open_cone("t"."p", 1, 2, 3) AND sky_contains("t"."p", "t"."c")

WITH "t" AS (SELECT sky_point("Source"."ra", "Source"."dec") AS "p" FROM "survey"."Source" AS "Source") SELECT sky_longitude("t"."p") AS "coord1", sky_distance("t"."p", 1, 2) AS "distance", sky_circle("t"."p", 3) AS "circle", sky_box("t"."p", 3, 4) AS "box", sky_outline("t"."p", 1, 2, "t"."p") AS "polygon" FROM "t" AS "t"

SELECT "Source"."sourceId" AS "sourceId" FROM "survey"."Source" AS "Source" WHERE sky_contains(sky_point("Source"."ra", "Source"."dec"), sky_region('UNION ICRS (CIRCLE 1 2 3 CIRCLE 4 5 6)')) AND (NOT sky_intersects(sky_region('CIRCLE 1 2 3'), sky_circle("Source"."ra", "Source"."dec", 1)))

SELECT "Source"."sourceId" AS "sourceId" FROM "survey"."Source" AS "Source" WHERE sky_contains(sky_point("Source"."ra", "Source"."dec"), sky_moc('5/1-3 6/100'))

SELECT "Source"."sourceId" AS "sourceId" FROM "survey"."Source" AS "Source" WHERE sky_intersects(sky_outline(1, 2, 3, 4, 5, 6), sky_box(1, 2, 3, 4)) AND sky_contains(sky_circle("Source"."ra", "Source"."dec", 1), sky_outline(1, 2, 3, 4, 5, -6)) AND sky_contains(sky_box("Source"."ra", "Source"."dec", 1, 2), sky_circle(1, 2, 3))

SELECT sky_as_point('1 2') AS "p", sky_as_circle('1 2 3') AS "c", sky_as_polygon('1 2 3 4 5 6') AS "s" FROM "survey"."Source" AS "Source" WHERE sky_contains(sky_as_point('1 2'), sky_as_circle('1 2 3'))

SELECT "Source"."sourceId" AS "sourceId" FROM "survey"."Source" AS "Source" WHERE sky_contains(sky_circle("Source"."ra", "Source"."dec", 1), sky_circle(1, 2, 180)) AND sky_contains(NULL, sky_circle("Source"."ra", "Source"."dec", 1)) AND sky_open_cone("Source"."ra", "Source"."dec", sky_as_point(NULL), 1)

SELECT sky_distance(sky_centroid(sky_circle("Source"."ra", "Source"."dec", 1)), 1, 2) AS "d" FROM "survey"."Source" AS "Source" WHERE sky_distance(sky_centroid(sky_circle("Source"."ra", "Source"."dec", 1)), 1, 2) BETWEEN 1 AND 2
