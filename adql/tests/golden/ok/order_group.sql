SELECT "Source"."band" AS "band", count(*) AS "n" FROM "survey"."Source" AS "Source" GROUP BY "Source"."band" HAVING count(*) > 10 ORDER BY "n" DESC, "band"

SELECT floor("Source"."ra" / 10) AS "bin", avg("Source"."psfFlux") AS "avg" FROM "survey"."Source" AS "Source" GROUP BY floor("Source"."ra" / 10) ORDER BY 1

SELECT floor("Source"."ra") AS "floor", count(*) AS "count" FROM "survey"."Source" AS "Source" GROUP BY floor("Source"."ra") ORDER BY "floor", "count" DESC

SELECT "o"."coord_ra" AS "coord_ra", "f"."objectId" AS "objectId", "o"."objectId" AS "objectId_2" FROM "survey"."Object" "o" JOIN "survey"."ForcedSource" "f" ON "f"."objectId" = "o"."objectId" ORDER BY "objectId_2", "f"."band"
-- two output columns are called objectId: one is now objectId_2

SELECT "Source"."ra" AS "x" FROM "survey"."Source" AS "Source" ORDER BY abs("x"), "Source"."dec" OFFSET 5

SELECT DISTINCT "s"."ra" AS "x", "s"."band" AS "band" FROM "survey"."Source" "s" ORDER BY "band", "x"

SELECT "sorted 0"."ra" AS "ra" FROM (SELECT round_to("Source"."ra", 1) AS "ra", "Source"."ra" + "Source"."dec" AS "by 0 of sorted 0" FROM "survey"."Source" AS "Source") AS "sorted 0" ORDER BY "sorted 0"."by 0 of sorted 0" DESC, 1 LIMIT 3

SELECT "sorted 0"."ra" AS "ra" FROM (SELECT "s"."ra" AS "ra", (SELECT count(*) AS "count" FROM "survey"."Object" "o" WHERE "o"."coord_ra" < "s"."ra") AS "by 0 of sorted 0" FROM "survey"."Source" "s") AS "sorted 0" ORDER BY "sorted 0"."by 0 of sorted 0", "ra"
-- a query as a value is an extension that other ADQL services may not have
