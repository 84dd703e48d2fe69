SELECT "Star"."id" AS "id", "Star"."ra" AS "ra", "Star"."dec" AS "dec", count(*) AS "count" FROM "typed"."Star" AS "Star" GROUP BY "Star"."id", "Star"."ra", "Star"."dec"
-- GROUP BY leaves out dec, ra, which it determines; other ADQL services may refuse this

SELECT "s"."id" AS "id", "s"."name" AS "name", avg("e"."flux") AS "mean" FROM "typed"."Star" "s" JOIN "typed"."Epoch" "e" ON "s"."id" = "e"."id" GROUP BY "s"."id", "s"."name", "s"."mag", "s"."ra" HAVING "s"."mag" < 20 ORDER BY "s"."ra"
-- GROUP BY leaves out mag, name, ra, which it determines; other ADQL services may refuse this

SELECT "s"."name" AS "name", count(*) AS "count" FROM "typed"."Star" "s" JOIN "typed"."Epoch" "e" ON "s"."id" = "e"."id" GROUP BY "e"."id", "s"."name"
-- GROUP BY leaves out name, which it determines; other ADQL services may refuse this

SELECT "s"."name" AS "name", count(*) AS "count" FROM "typed"."Star" "s", "typed"."Epoch" "e" WHERE "s"."id" = "e"."id" AND "e"."flux" > 3 GROUP BY "e"."id", "s"."name"
-- GROUP BY leaves out name, which it determines; other ADQL services may refuse this

SELECT "Epoch"."visit" AS "visit", "Night"."band" AS "band", count(*) AS "count" FROM "typed"."Epoch" AS "Epoch" JOIN "typed"."Night" AS "Night" ON "Epoch"."visit" = "Night"."visit" GROUP BY "Epoch"."visit", "Night"."band"
-- GROUP BY leaves out band, which it determines; other ADQL services may refuse this

SELECT floor("Star"."mag") AS "bin", floor("Star"."mag") + 0.5 AS "col_2", count(*) AS "count", max("Star"."ra") - min("Star"."ra") AS "col_4" FROM "typed"."Star" AS "Star" GROUP BY floor("Star"."mag") ORDER BY "bin", "count" DESC

SELECT floor("Star"."mag") AS "floor", "Star"."name" AS "name" FROM "typed"."Star" AS "Star" GROUP BY floor("Star"."mag"), "Star"."name"
-- a position in GROUP BY is an extension

SELECT upper("Star"."name") AS "upper", 3 AS "col_2", count(DISTINCT "Star"."n") AS "count" FROM "typed"."Star" AS "Star" GROUP BY "Star"."name" HAVING max("Star"."mag") > 3 AND "Star"."name" <> 'x'

SELECT count(*) AS "count" FROM "typed"."Star" AS "Star" HAVING count(*) > 3

SELECT "Star"."name" AS "name", (SELECT max("Epoch"."flux") AS "max" FROM "typed"."Epoch" AS "Epoch") AS "col_2" FROM "typed"."Star" AS "Star" GROUP BY "Star"."name"
-- a query as a value is an extension that other ADQL services may not have

SELECT DISTINCT "Star"."name" AS "name" FROM "typed"."Star" AS "Star" ORDER BY "name"

SELECT "s"."name" AS "name", count(*) AS "count" FROM "typed"."Star" AS "s" GROUP BY ("s"."name")
