SELECT "Star"."id" AS "id" FROM "typed"."Star" AS "Star" WHERE sky_closed_cone("Star"."ra", "Star"."dec", 10, 20, 0.5)

SELECT "Star"."id" AS "id" FROM "typed"."Star" AS "Star" WHERE sky_closed_cone("Star"."ra", "Star"."dec", 10, 20, 0.5)
-- a condition without a comparison is an extension that other ADQL services may not have

SELECT "Star"."id" AS "id" FROM "typed"."Star" AS "Star" WHERE sky_closed_cone("Star"."ra", "Star"."dec", 10, 20, 0.5)

SELECT "Star"."id" AS "id" FROM "typed"."Star" AS "Star" WHERE sky_closed_cone("Star"."ra", "Star"."dec", 10, 20, 0.5)

SELECT "Star"."id" AS "id" FROM "typed"."Star" AS "Star" WHERE sky_closed_cone("Star"."ra", "Star"."dec", 10, 20, 0.5)

SELECT "Star"."id" AS "id" FROM "typed"."Star" AS "Star" WHERE sky_open_cone("Star"."ra", "Star"."dec", 10, 20, 0.5)

SELECT "Star"."id" AS "id" FROM "typed"."Star" AS "Star" WHERE sky_open_cone("Star"."ra", "Star"."dec", 10, 20, 0.5)

SELECT "Star"."id" AS "id" FROM "typed"."Star" AS "Star" WHERE sky_polygon("Star"."ra", "Star"."dec", 1, 2, 3, 2, 3, 4)

SELECT "Star"."id" AS "id" FROM "typed"."Star" AS "Star" WHERE sky_polygon("Star"."ra", "Star"."dec", 1, 2, 3, 2, 3, 4)
-- a condition without a comparison is an extension that other ADQL services may not have

SELECT "Star"."id" AS "id" FROM "typed"."Star" AS "Star" WHERE sky_polygon("Star"."ra", "Star"."dec", 1, 2, 3, 2, 3, 4)

SELECT "Star"."id" AS "id" FROM "typed"."Star" AS "Star" WHERE sky_ellipse("Star"."ra", "Star"."dec", 10, 20, 300, 200, 45)
-- a condition without a comparison is an extension that other ADQL services may not have

SELECT "Star"."id" AS "id" FROM "typed"."Star" AS "Star" WHERE sky_ellipse("Star"."ra", "Star"."dec", 10, 20, 300, 200, 45)

SELECT "Star"."id" AS "id" FROM "typed"."Star" AS "Star" WHERE (NOT sky_closed_cone("Star"."ra", "Star"."dec", 10, 20, 0.5)) OR NOT (NOT sky_closed_cone("Star"."ra", "Star"."dec", 10, 20, 0.5))

SELECT "s"."id" AS "id" FROM "typed"."Star" "s" JOIN "typed"."Epoch" "e" ON sky_closed_cone("s"."ra", "s"."dec", 10, 20, 0.5) AND "s"."id" = "e"."id"
-- a condition without a comparison is an extension that other ADQL services may not have
-- qserv_areaspec_circle is taken to mean the positions of s

SELECT "s"."id" AS "id", max("e"."flux") AS "max" FROM "typed"."Star" "s" JOIN "typed"."Epoch" "e" ON sky_closed_cone("e"."ra", "e"."dec", "s"."ra", "s"."dec", "s"."mag" / 3600) GROUP BY "s"."id", "s"."ra", "s"."dec" HAVING sky_closed_cone("s"."ra", "s"."dec", 10, 20, 0.5)

SELECT "Star"."name" AS "name", CAST(sky_closed_cone("Star"."ra", "Star"."dec", 10, 20, 0.5) AS INTEGER) AS "inside" FROM "typed"."Star" AS "Star"

SELECT "Epoch"."id" AS "id" FROM "typed"."Night" AS "Night" JOIN "typed"."Epoch" AS "Epoch" ON "Night"."visit" = "Epoch"."visit" WHERE sky_lonlat_box("Epoch"."ra", "Epoch"."dec", 0, -1, 1, 1)
-- a condition without a comparison is an extension that other ADQL services may not have
