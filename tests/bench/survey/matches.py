"""Neighbours on the sky: within Object, with places that are brought along, with Source."""

from . import stilts
from .case import Case
from .data import Data
from .postgres import CUBE
from .sky_sql import neighbours, within

ARCSEC = 1 / 3600
WRAP = "STILTS can lose pairs across RA 0"
MINE = "SELECT id, ux, uy, uz FROM mine"
OBJECT = "SELECT objectId, ux, uy, uz FROM Object"
ON = "DISTANCE(m.ra, m.dec, o.coord_ra, o.coord_dec)"


def cases(data: Data) -> list[Case]:
    """Return the classes of neighbours."""
    return [*_sources(data), *_pairs(data), *_matches(data), *_nearest(data)]


def _sources(data: Data) -> list[Case]:
    ra, dec = data.facts()["places"][0]
    near = 0.3 * ARCSEC
    on = "DISTANCE(o.coord_ra, o.coord_dec, s.coord_ra, s.coord_dec)"
    inside = f"SELECT objectId, ux, uy, uz FROM Object WHERE {within(ra, dec, 5.0)}"
    # A Source beside an Object lies hardly farther out.
    around = f"SELECT sourceId, ux, uy, uz FROM Source WHERE {within(ra, dec, 5.001)}"
    everywhere = "SELECT ux, uy, uz FROM Source"
    counted = neighbours(everywhere, OBJECT, ARCSEC, "1 AS one")
    return [
        Case(
            "Objects in 5° with their Sources, 0.3″",
            60,
            {
                "almagest": [
                    f"""SELECT o.objectId, s.sourceId FROM Object AS o
                    JOIN Source AS s ON {on} <= {near!r}
                    WHERE DISTANCE(o.coord_ra, o.coord_dec, {ra!r}, {dec!r}) <= 5.0"""
                ],
                "duckdb": [
                    "SELECT objectId, sourceId FROM ("
                    + neighbours(inside, around, near, "objectId, sourceId")
                    + ")"
                ],
                "tree": [{"do": "sources_near", "ra": ra, "dec": dec, "radius": 5.0, "near": near}],
            },
            key=["objectId", "sourceId"],
            reference="tree",
        ),
        Case(
            f"match of {20 * data.n_objects:,} Sources with Object, 1″, counted",
            4000,
            {
                "almagest": [
                    f"""SELECT COUNT(*) AS n FROM Source AS s
                    JOIN Object AS o ON {on} <= {ARCSEC!r}"""
                ],
                "duckdb": [f"SELECT COUNT(*) AS n FROM ({counted})"],
                "tree": [{"do": "count_sources", "radius": ARCSEC}],
            },
            reference="tree",
        ),
    ]


def _pairs(data: Data) -> list[Case]:
    found = []
    for name, radius, target in (("1″", ARCSEC, 250), ("60″", 60 * ARCSEC, 400)):
        pairs = neighbours(OBJECT, OBJECT, radius, "1 AS one", "l.objectId < r.objectId")
        adql = f"""SELECT COUNT(*) AS n FROM Object AS a JOIN Object AS b
            ON DISTANCE(a.coord_ra, a.coord_dec, b.coord_ra, b.coord_dec) <= {radius!r}
            WHERE a.objectId < b.objectId"""
        asks = {
            "almagest": [adql],
            "duckdb": [f"SELECT COUNT(*) AS n FROM ({pairs})"],
            "tree": [{"do": "pairs", "radius": radius}],
            "stilts": [stilts.pairs(radius)],
            "lsdb": [{"do": "pairs", "radius": radius}],
        }
        found.append(
            Case(
                f"neighbours within Object, {name}, counted",
                target,
                asks,
                reference="tree",
                traps={"stilts": WRAP},
            )
        )
    return found


def best_asks(radius: float) -> dict:
    """Return the questions of the nearest Object of each place within a radius."""
    candidates = neighbours(MINE, OBJECT, radius, "id, objectId")
    return {
        "almagest": [
            f"""SELECT id, objectId FROM (
                SELECT m.id, o.objectId,
                    ROW_NUMBER() OVER (PARTITION BY m.id ORDER BY {ON}) AS place
                FROM TAP_UPLOAD.mine AS m JOIN Object AS o ON {ON} <= {radius!r}
            ) AS t WHERE place = 1"""
        ],
        "duckdb": [
            f"SELECT id, arg_min(objectId, chord) AS objectId FROM ({candidates}) GROUP BY id"
        ],
        "postgres": [
            (
                """SELECT DISTINCT ON (m.id) m.id, o.objectId FROM mine AS m, Object AS o
                WHERE q3c_join(m.ra, m.dec, o.coord_ra, o.coord_dec, %s)
                ORDER BY m.id, q3c_dist(m.ra, m.dec, o.coord_ra, o.coord_dec)""",
                [radius],
            )
        ],
        "tree": [{"do": "best", "radius": radius}],
        "stilts": [stilts.match("best1", radius)],
        "lsdb": [{"do": "best", "radius": radius}],
    }


def _matches(data: Data) -> list[Case]:
    few = {"mine": data.brought("places_10000")}
    many = {"mine": data.brought("places_1000000")}
    best = best_asks(ARCSEC)
    every = neighbours(MINE, OBJECT, ARCSEC, "id, objectId")
    of_many = {name: ask for name, ask in best.items() if name != "postgres"}
    asks_all = {
        "almagest": [
            f"""SELECT m.id, o.objectId FROM TAP_UPLOAD.mine AS m
            JOIN Object AS o ON {ON} <= {ARCSEC!r}"""
        ],
        "duckdb": [f"SELECT id, objectId FROM ({every})"],
        "tree": [{"do": "match_all", "radius": ARCSEC}],
        "stilts": [stilts.match("all", ARCSEC)],
        "lsdb": [{"do": "match_all", "radius": ARCSEC}],
    }
    traps = {"stilts": WRAP}
    return [
        Case(
            "match of 10,000 places, 1″, best", 50, best, ["id"], "tree", uploads=few, traps=traps
        ),
        Case(
            "match of 1,000,000 places, 1″, best",
            400,
            of_many,
            ["id"],
            "tree",
            uploads=many,
            traps=traps,
        ),
        Case(
            "match of 1,000,000 places, 1″, all",
            600,
            asks_all,
            ["id", "objectId"],
            "tree",
            uploads=many,
            traps=traps,
        ),
    ]


def _nearest(data: Data) -> list[Case]:
    places = data.facts()["places"]
    few = {"mine": data.brought("places_10000")}
    found = []
    of_mine = CUBE.replace("coord_", "m.")
    for k, target in ((1, 100), (20, 200)):
        asks = {
            "almagest": [
                f"""SELECT id, objectId FROM (
                    SELECT m.id, o.objectId,
                        ROW_NUMBER() OVER (PARTITION BY m.id ORDER BY {ON}) AS place
                    FROM TAP_UPLOAD.mine AS m CROSS JOIN Object AS o
                ) AS t WHERE place <= {k}"""
            ],
            "postgres": [
                (
                    f"""SELECT m.id, o.objectId FROM mine AS m CROSS JOIN LATERAL (
                        SELECT objectId FROM Object ORDER BY {CUBE} <-> {of_mine} LIMIT %s
                    ) AS o""",
                    [k],
                )
            ],
            "tree": [{"do": "nearest", "k": k}],
        }
        found.append(
            Case(
                f"{k} nearest of 10,000 places",
                target,
                asks,
                ["id", "objectId"],
                "tree",
                uploads=few,
            )
        )
    asks = {
        "almagest": [
            f"""SELECT TOP 1 objectId FROM Object
            ORDER BY DISTANCE(coord_ra, coord_dec, {ra!r}, {dec!r})"""
            for ra, dec in places
        ],
        "postgres": [
            (f"SELECT objectId FROM Object ORDER BY {CUBE} <-> {_cube(ra, dec)} LIMIT 1", [])
            for ra, dec in places
        ],
        "tree": [{"do": "nearest_one", "ra": ra, "dec": dec} for ra, dec in places],
    }
    found.append(Case("nearest of one place", 3, asks, ["objectId"], "tree"))
    return found


def _cube(ra: float, dec: float) -> str:
    from .sky_sql import vector

    return f"cube(ARRAY{list(vector(ra, dec))!r})"
