(SELECT "Source"."ra" AS "ra" FROM "survey"."Source" AS "Source" LIMIT 2) UNION (SELECT "Object"."coord_ra" AS "coord_ra" FROM "survey"."Object" AS "Object" LIMIT 3)

SELECT "Source"."visit" AS "visit" FROM "survey"."Source" AS "Source" UNION ALL SELECT "ForcedSource"."visit" AS "visit" FROM "survey"."ForcedSource" AS "ForcedSource" EXCEPT SELECT "Visit"."visit" AS "visit" FROM "survey"."Visit" AS "Visit" ORDER BY "visit", 1 OFFSET 3

(SELECT "Source"."visit" AS "v" FROM "survey"."Source" AS "Source" ORDER BY "Source"."psfFlux" LIMIT 2) INTERSECT (SELECT "Visit"."visit" AS "visit" FROM "survey"."Visit" AS "Visit")
