SELECT "Star"."id" AS "id" FROM "typed"."Star" AS "Star" WHERE "Star"."id" = 123 AND "Star"."mag" < 18.5 AND "Star"."n" <> (-1e3) AND 7 = "Star"."id"
-- beside id, which is a number, '123' is read as 123
-- beside mag, which is a number, '18.5' is read as 18.5
-- beside n, which is a number, '-1e3' is read as -1e3
-- beside id, which is a number, '7' is read as 7

SELECT "Star"."id" AS "id" FROM "typed"."Star" AS "Star" WHERE CAST("Star"."id" AS VARCHAR) LIKE '12%' AND CAST("Star"."seen" AS VARCHAR) LIKE '2025-07%' AND "Star"."name" NOT LIKE 'a%' AND CAST("Star"."n" AS VARCHAR) || "Star"."name" = '1a'
-- LIKE takes text: id is compared as it is printed
-- LIKE takes text: seen is compared as it is printed
-- || takes text: n is taken as it is printed

SELECT "Star"."id" AS "id" FROM "typed"."Star" AS "Star" WHERE "Star"."flag" = true AND ("Star"."flag") <> false AND "Star"."flag" IN (false, true) AND "Star"."flag" > false AND (SELECT max("Star_2"."flag") AS "max" FROM "typed"."Star" AS "Star_2") = true
-- a query as a value is an extension that other ADQL services may not have
-- flag is a boolean, which ADQL does not have: 1 was read as one
-- flag is a boolean, which ADQL does not have: 'F' was read as one
-- flag is a boolean, which ADQL does not have: 0 was read as one
-- flag is a boolean, which ADQL does not have: 'true' was read as one
-- the subquery is a boolean, which ADQL does not have: 1 was read as one

SELECT "x"."f" AS "f" FROM (SELECT "Star"."flag" AS "f" FROM "typed"."Star" AS "Star" UNION SELECT "Star"."flag" AS "flag" FROM "typed"."Star" AS "Star") AS "x" WHERE "x"."f" = true
-- f is a boolean, which ADQL does not have: 1 was read as one

SELECT sum(CAST("Star"."flag" AS INTEGER)) AS "sum", avg(CAST("Star"."flag" AS INTEGER)) AS "avg", count("Star"."flag") AS "count", max("Star"."flag") AS "max", min("Star"."name") AS "min", max("Star"."seen") AS "max_2" FROM "typed"."Star" AS "Star"
-- SUM takes numbers: flag counts as 1 or 0
-- AVG takes numbers: flag counts as 1 or 0

SELECT "Star"."id" AS "id" FROM "typed"."Star" AS "Star" WHERE "Star"."seen" > CAST('2025-07-01T00:00:00' AS TIMESTAMP(6)) AND "Star"."seen" <= CAST('2025-07-02T12:30:37' AS TIMESTAMP(6)) AND "Star"."begun" = CAST('2025-07-01T01:02:03.500000' AS TIMESTAMP(6)) AND "Star"."begun" < CAST('2025-07-01T00:00:00' AS TIMESTAMP(6))
-- seen counts TAI, and so is '2025-07-01' read; end it in Z if it is UTC

SELECT "Star"."id" AS "id" FROM "typed"."Star" AS "Star" WHERE "Star"."seen" BETWEEN CAST('2025-07-01T00:00:37' AS TIMESTAMP(6)) AND CAST('2017-01-01T00:00:36' AS TIMESTAMP(6)) AND "Star"."seen" > "Star"."begun"
-- TIMESTAMP('…') is an extension that other ADQL services may not have
-- seen counts TAI and begun counts UTC: they are compared without conversion

SELECT "Star"."id" AS "id" FROM "typed"."Star" AS "Star" WHERE NULL = "Star"."id" OR "Star"."name" = NULL OR coalesce(NULL, "Star"."n", 1.5) > 2 OR CASE WHEN "Star"."n" > 1 THEN "Star"."mag" ELSE NULL END > 3
-- CASE is an extension that other ADQL services may not have

SELECT CAST(CAST("Star"."id" AS BIGINT) AS DOUBLE) AS "id", NULL AS "col_2" FROM "typed"."Star" AS "Star" UNION SELECT CAST(CAST("Star"."n" AS BIGINT) AS DOUBLE) AS "n", "Star"."name" AS "name" FROM "typed"."Star" AS "Star" UNION ALL SELECT CAST("Star"."mag" AS DOUBLE) AS "mag", NULL AS "col_2" FROM "typed"."Star" AS "Star"

SELECT "Star"."flux" AS "flux" FROM "typed"."Star" AS "Star" UNION SELECT "Star"."mag" AS "mag" FROM "typed"."Star" AS "Star"
-- UNION of Star.flux in nJy and Star.mag in mag: values are not converted

SELECT 7 / 2 AS "col_1", "Star"."n" / 2 AS "col_2", "Star"."n" / 2.0 AS "col_3", "Star"."n" % 2 AS "col_4" FROM "typed"."Star" AS "Star"
-- the operator % is an extension that other ADQL services may not have
