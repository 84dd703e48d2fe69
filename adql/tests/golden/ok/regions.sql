SELECT "Source"."sourceId" AS "sourceId" FROM "survey"."Source" AS "Source" WHERE sky_polygon("Source"."ra", "Source"."dec", 1, 2, 3, 4, 5, -6)

SELECT "Source"."sourceId" AS "sourceId" FROM "survey"."Source" AS "Source" WHERE (NOT sky_polygon("Source"."ra", "Source"."dec", 1, 2, 3, 4, 5, -6, 0, 0))

SELECT "Source"."sourceId" AS "sourceId" FROM "survey"."Source" AS "Source" WHERE sky_center_box("Source"."ra", "Source"."dec", 10, 20, 1, 2) AND sky_center_box("Source"."ra", "Source"."dec", 10, 20, 1, 2)

SELECT "Source"."sourceId" AS "sourceId" FROM "survey"."Source" AS "Source" WHERE sky_closed_cone("Source"."ra", "Source"."dec", 10, 20, 0.1 + 0.2)

SELECT "Source"."sourceId" AS "sourceId" FROM "survey"."Source" AS "Source" WHERE sky_closed_cone("Source"."ra", "Source"."dec", 10, 20, 0.2 - 0.1)

SELECT "Source"."sourceId" AS "sourceId" FROM "survey"."Source" AS "Source" WHERE sky_polygon_meets_cone("Source"."ra", "Source"."dec", 0.1, 1, 2, 3, 4, 5, -6) AND sky_center_box_meets_cone("Source"."ra", "Source"."dec", 0.1, 10, 20, 1, 2)
