SELECT "Star"."id" AS "id" FROM "typed"."Star" AS "Star" WHERE sky_lonlat_box("Star"."ra", "Star"."dec", 10, -5, 20, 5)

SELECT "Star"."id" AS "id" FROM "typed"."Star" AS "Star" WHERE sky_lonlat_box("Star"."ra", "Star"."dec", 10, -5, 20, 5)

SELECT "Star"."id" AS "id" FROM "typed"."Star" AS "Star" WHERE sky_lonlat_box("Star"."ra", "Star"."dec", 10, -5, 20, 5)
-- a condition without a comparison is an extension that other ADQL services may not have

SELECT "Star"."id" AS "id" FROM "typed"."Star" AS "Star" WHERE sky_lonlat_box("Star"."ra", "Star"."dec", 10, -5, 20, 5)

SELECT "Star"."id" AS "id" FROM "typed"."Star" AS "Star" WHERE sky_lonlat_box("Star"."ra", "Star"."dec", 10, -5, 20, 5)

SELECT "Star"."id" AS "id" FROM "typed"."Star" AS "Star" WHERE sky_lonlat_box("Star"."ra", "Star"."dec", 10, -5, 20, 5)

SELECT "s"."id" AS "id" FROM "typed"."Epoch" "e" JOIN "typed"."Star" "s" ON "s"."id" = "e"."id" AND sky_lonlat_box("s"."ra", "s"."dec", 10, -5, 20, 5)

SELECT "s"."id" AS "id" FROM "typed"."Epoch" "e" JOIN "typed"."Star" "s" ON "s"."id" = "e"."id" AND sky_lonlat_box("s"."ra", "s"."dec", 10, -5, 20, 5)

SELECT "Star"."id" AS "id" FROM "typed"."Star" AS "Star" WHERE sky_lonlat_box("Star"."ra", "Star"."dec", 350, 60, 10, 61.5)

SELECT "Star"."id" AS "id" FROM "typed"."Star" AS "Star" WHERE sky_lonlat_box("Star"."ra", "Star"."dec", 350, 60, 10, 61.5)
-- a condition without a comparison is an extension that other ADQL services may not have

SELECT "Star"."id" AS "id" FROM "typed"."Star" AS "Star" WHERE NOT sky_lonlat_box("Star"."ra", "Star"."dec", 350, 60, 10, 61.5) OR sky_lonlat_box("Star"."ra", "Star"."dec", 1, 2, 3, 4)

SELECT "Star"."id" AS "id" FROM "typed"."Star" AS "Star" WHERE "Star"."ra" BETWEEN 350 AND 10 AND "Star"."dec" BETWEEN -5 AND 5

SELECT "Star"."id" AS "id" FROM "typed"."Star" AS "Star" WHERE "Star"."ra" BETWEEN -10 AND 10 AND "Star"."dec" BETWEEN -5 AND 5

SELECT "Star"."id" AS "id" FROM "typed"."Star" AS "Star" WHERE "Star"."ra" > 10 AND "Star"."ra" < 20 AND "Star"."dec" BETWEEN -5 AND 5

SELECT "Star"."id" AS "id" FROM "typed"."Star" AS "Star" WHERE "Star"."ra" BETWEEN 10 AND 20

SELECT "Star"."id" AS "id" FROM "typed"."Star" AS "Star" WHERE "Star"."ra" BETWEEN 10 AND 20 AND "Star"."ra" <= 15 AND "Star"."dec" BETWEEN -5 AND 5

SELECT "Star"."id" AS "id" FROM "typed"."Star" AS "Star" WHERE NOT ("Star"."ra" BETWEEN 10 AND 20 AND "Star"."dec" BETWEEN -5 AND 5)

SELECT "Star"."id" AS "id" FROM "typed"."Star" AS "Star" WHERE "Star"."mag" < 18 AND "Star"."name" = 'x' AND "Star"."n" = 3 AND sky_lonlat_box("Star"."ra", "Star"."dec", 10, -5, 20, 5)

SELECT "Night"."visit" AS "visit" FROM "typed"."Night" AS "Night" WHERE "Night"."mjd" BETWEEN 1 AND 2 AND "Night"."visit" BETWEEN 3 AND 4
