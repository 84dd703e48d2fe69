"""Rows by their ids: one, thousands, light curves; children with their Objects."""

from .case import Case
from .data import Data
from .sky_sql import HIDDEN, within

TEN_COLUMNS = """objectId, coord_ra, coord_dec, refBand, refExtendedness, ebv, g_psfFlux,
    g_psfFluxErr, r_psfFlux, r_psfFluxErr"""
CURVE = "f.objectId, f.visit, f.band, f.psfFlux, f.psfFluxErr"


def cases(data: Data) -> list[Case]:
    """Return the classes of lookups."""
    return [*_rows(data), *_curves(data), *_children(data)]


def _rows(data: Data) -> list[Case]:
    facts = data.facts()
    ids, wide_ids = facts["ids"], facts["wide_ids"]
    one = f"SELECT {TEN_COLUMNS} FROM Object WHERE objectId = "
    all_of = "SELECT * FROM Object WHERE objectId = "
    shown = f"SELECT * {HIDDEN} FROM Object WHERE objectId = "
    listed = _listed_ids(data)
    many = "SELECT objectId, coord_ra, coord_dec, r_psfFlux FROM Object WHERE objectId IN "
    joined = """SELECT o.objectId, o.coord_ra, o.coord_dec, o.r_psfFlux
        FROM {mine} AS m JOIN Object AS o ON o.objectId = m.objectId"""
    return [
        Case(
            "row by objectId, 10 columns",
            0.9,
            {
                "almagest": [f"{one}{number}" for number in ids],
                "duckdb": [f"{one}{number}" for number in ids],
                "postgres": [(f"{one}%s", [number]) for number in ids],
            },
            key=["objectId"],
        ),
        Case(
            "row by objectId, all 40 columns",
            1.2,
            {
                "almagest": [f"{all_of}{number}" for number in ids],
                "duckdb": [f"{shown}{number}" for number in ids],
                "postgres": [(f"{all_of}%s", [number]) for number in ids],
            },
            key=["objectId"],
        ),
        Case(
            "row by objectId, all 1,248 columns",
            20,
            {
                "almagest": [f"{all_of}{number}" for number in wide_ids],
                "duckdb": [f"{shown}{number}" for number in wide_ids],
            },
            key=["objectId"],
            reference="duckdb-parquet",
            catalog="wide",
        ),
        Case(
            "10,000 ids in IN",
            16,
            {
                "almagest": [f"{many}({listed})"],
                "duckdb": [f"{many}({listed})"],
                "postgres": [(f"{many}({listed})", [])],
            },
            key=["objectId"],
        ),
        Case(
            "10,000 ids brought along",
            16,
            {
                "almagest": [joined.format(mine="TAP_UPLOAD.mine")],
                "duckdb": [joined.format(mine="mine")],
                "postgres": [(joined.format(mine="mine"), [])],
            },
            key=["objectId"],
            uploads={"mine": data.brought("ids_10000")},
        ),
    ]


def _listed_ids(data: Data) -> str:
    import pyarrow.parquet as pq

    ids = pq.read_table(data.brought("ids_10000"))["objectId"].to_pylist()
    return ", ".join(map(str, ids))


def _curves(data: Data) -> list[Case]:
    ids = data.facts()["ids"]
    found = []
    timed = CURVE.replace("f.band", "v.expMidptMJD, f.band")
    for columns, visits, end, name in (
        (CURVE, "", "", "light curves"),
        (
            timed,
            " JOIN Visit AS v ON v.visit = f.visit",
            " ORDER BY f.objectId, v.expMidptMJD",
            "light curves with times, sorted",
        ),
    ):
        key = [] if end else ["objectId", "visit"]
        targets = (2, 100, 600) if not end else (2.6, 130, 780)
        of_one = f"SELECT {columns} FROM ForcedSource AS f{visits} WHERE f.objectId = "
        found.append(
            Case(
                f"{name}, 1 object",
                targets[0],
                {
                    "almagest": [f"{of_one}{number}{end}" for number in ids],
                    "duckdb": [f"{of_one}{number}{end}" for number in ids],
                    "postgres": [(f"{of_one}%s{end}", [number]) for number in ids],
                },
                key=key,
            )
        )
        of_many = f"""SELECT {columns} FROM {{mine}} AS m
            JOIN ForcedSource AS f ON f.objectId = m.objectId{visits}{end}"""
        for n, target in ((1000, targets[1]), (100_000, targets[2])):
            asks = {
                "almagest": [of_many.format(mine="TAP_UPLOAD.mine")],
                "duckdb": [of_many.format(mine="mine")],
                "postgres": [(of_many.format(mine="mine"), [])],
            }
            if n > 1000:
                del asks["postgres"]
            uploads = {"mine": data.brought(f"curves_{n}")}
            found.append(Case(f"{name}, {n:,} objects", target, asks, key=key, uploads=uploads))
    return found


def _children(data: Data) -> list[Case]:
    """Return the joins of a child of 20 rows an Object with its director."""
    ra, dec = data.facts()["places"][0]
    found = []
    for name, radius, target in (("5°", 5.0, 12), ("20°", 20.0, 20), ("all sky", None, 110)):
        join = """SELECT COUNT(*) AS n, AVG(f.psfFlux) AS mean, SUM(o.ebv) AS dust
            FROM Object AS o JOIN ForcedSource AS f ON f.objectId = o.objectId
            WHERE o.refExtendedness < 0.5"""
        mine = theirs = ""
        if radius is not None:
            mine = f" AND DISTANCE(o.coord_ra, o.coord_dec, {ra!r}, {dec!r}) <= {radius}"
            theirs = f" AND {within(ra, dec, radius, 'o')}"
        found.append(
            Case(
                f"child of {20 * data.n_objects:,} rows with Object, {name}",
                target,
                {"almagest": [join + mine], "duckdb": [join + theirs]},
                loose=True,
                catalog="child",
            )
        )
    return found
