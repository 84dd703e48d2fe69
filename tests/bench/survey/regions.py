"""Cones: the rows in them, the nearest rows, and what a cold start and growth cost."""

from .case import Case
from .data import Data
from .sky_sql import within
from .tree import COLUMNS

LIST = ", ".join(COLUMNS)


def cone_asks(places: list[tuple[float, float]], radius: float) -> dict:
    """Return the questions of a cone about each place."""
    start = f"SELECT {LIST} FROM Object WHERE "
    q3c = start + "q3c_radial_query(coord_ra, coord_dec, %s, %s, %s)"
    return {
        "almagest": [
            f"{start}DISTANCE(coord_ra, coord_dec, {ra!r}, {dec!r}) <= {radius!r}"
            for ra, dec in places
        ],
        "duckdb": [start + within(ra, dec, radius) for ra, dec in places],
        "postgres": [(q3c, [ra, dec, radius]) for ra, dec in places],
        "tree": [{"do": "cone", "ra": ra, "dec": dec, "radius": radius} for ra, dec in places],
        "lsdb": [{"do": "cone", "ra": ra, "dec": dec, "radius": radius} for ra, dec in places],
    }


def cones(data: Data) -> list[Case]:
    """Return the classes of cones."""
    places = data.facts()["places"]
    return [
        Case(f"cone {name}", target, cone_asks(places, radius), ["objectId"], "tree")
        for name, radius, target in (
            ("1′", 1 / 60, 2.0),
            ("0.5°", 0.5, 2.5),
            ("5°", 5.0, 5.0),
        )
    ]


def starts(data: Data) -> list[Case]:
    """Return the class of the cold start."""
    ra, dec = data.facts()["places"][0]
    asks = cone_asks([(ra, dec)], 0.5)
    asks = {"almagest": [{"start": asks["almagest"][0]}], "tree": asks["tree"]}
    return [
        Case(
            "cold start and a cone, small chunks", 300, asks, ["objectId"], "tree", catalog="chunks"
        )
    ]


def growth(data: Data) -> list[Case]:
    """Return point, cone and match on surveys of ten times more Objects each."""
    from .matches import best_asks

    found = []
    for n in data.grown:
        catalog = f"grown-{n}"
        one = f"SELECT {LIST} FROM Object WHERE objectId = "
        asks = [f"{one}{number}" for number in data.facts()[catalog]]
        cone = cone_asks(data.facts()[f"places_{catalog}"], 1 / 60)
        best = best_asks(1 / 3600)
        found += [
            Case(
                f"growth: row by objectId of {n:,}",
                None,
                {"almagest": asks, "duckdb": asks},
                ["objectId"],
                "duckdb-parquet",
                catalog=catalog,
            ),
            Case(
                f"growth: cone 1′ of {n:,}",
                None,
                {name: cone[name] for name in ("almagest", "tree")},
                ["objectId"],
                "tree",
                catalog=catalog,
            ),
            Case(
                f"growth: match of 10,000 places with {n:,}",
                None,
                {name: best[name] for name in ("almagest", "tree")},
                ["id"],
                "tree",
                catalog=catalog,
                uploads={"mine": data.brought(f"places_{catalog}")},
            ),
        ]
    # The three of a kind under each other.
    return sorted(found, key=lambda case: case.name.split(" of ")[0])
