"""Whole columns: aggregates, filters, groups, maps of the sky."""

from .case import Case
from .data import Data

FLOAT, KEY = "float32 plain", "sorted int64 delta"


def cases(data: Data) -> list[Case]:
    """Return the classes of scans."""
    n_sources, n_forced = 20 * data.n_objects, 100 * data.n_objects
    return [
        _aggregate("Source", n_sources, ["psfFlux"], 55, 2),
        _aggregate(
            "Source", n_sources, ["psfFlux", "psfFluxErr", "ap12Flux", "ap12FluxErr"], 170, 2
        ),
        _aggregate("ForcedSource", n_forced, ["psfFlux"], 230, 1),
        _aggregate(
            "ForcedSource",
            n_forced,
            ["psfFlux", "psfFluxErr", "psfDiffFlux", "psfDiffFluxErr"],
            900,
            1,
        ),
        *_filters(data, n_sources),
        *_groups(n_sources),
        *_maps(n_sources),
        *_at_once(n_forced),
    ]


def _aggregate(table: str, n: int, columns: list[str], target: float, width: int) -> Case:
    """Return a mean of each of some columns; `width`: of a value, in float32s."""
    means = ", ".join(f"AVG({column}) AS mean{i}" for i, column in enumerate(columns))
    sql = f"SELECT {means} FROM {table}"
    plural = "s" if len(columns) > 1 else ""
    return Case(
        f"aggregate over {n:,} rows, {len(columns)} column{plural}",
        target,
        {"almagest": [sql], "duckdb": [sql]},
        loose=True,
        values={FLOAT: n * len(columns) * width},
    )


def _filters(data: Data, n: int) -> list[Case]:
    limits = data.facts()["limits"]
    found = []
    for name, limit, target in (("1e-4", "rare", 80), ("10 %", "tenth", 230)):
        sql = f"""SELECT COUNT(*) AS n, SUM(ap12Flux) AS total FROM Source
            WHERE psfFlux BETWEEN {limits["median"]!r} AND {limits[limit]!r}"""
        asks = {"almagest": [sql], "duckdb": [sql]}
        found.append(
            Case(f"filter {n:,} rows, {name} kept", target, asks, loose=True, values={FLOAT: 2 * n})
        )
    return found


def _groups(n: int) -> list[Case]:
    bins = """SELECT bin, COUNT(*) AS n FROM (
            SELECT FLOOR((31.4 - 2.5 * LOG10(psfFlux)) * 2) AS bin FROM Source WHERE psfFlux > 0
        ) AS t GROUP BY bin"""
    bands = "SELECT band, COUNT(*) AS n, AVG(psfFlux) AS mean FROM Source GROUP BY band"
    return [
        Case(
            "GROUP BY magnitude bin",
            130,
            {"almagest": [bins], "duckdb": [bins]},
            ["bin"],
            values={FLOAT: 2 * n},
        ),
        Case(
            "GROUP BY band",
            150,
            {"almagest": [bands], "duckdb": [bands]},
            ["band"],
            loose=True,
            values={FLOAT: 2 * n},
        ),
    ]


def _maps(n: int) -> list[Case]:
    found = []
    for order, target in ((8, 80), (12, 110)):
        adql = f"""SELECT cell, COUNT(*) AS n FROM (
            SELECT ivo_healpix_index({order}, coord_ra, coord_dec) AS cell FROM Source
        ) AS t GROUP BY cell"""
        sql = f"SELECT _healpix_29 >> {2 * (29 - order)} AS cell, COUNT(*) AS n FROM Source"
        asks = {
            "almagest": [adql],
            "duckdb": [f"{sql} GROUP BY cell"],
            "tree": [{"do": "map", "order": order}],
        }
        found.append(
            Case(f"HEALPix map, order {order}", target, asks, ["cell"], "tree", values={KEY: n})
        )
    return found


def _at_once(n: int) -> list[Case]:
    """Return scans of one table by one user, and by several at the same time.

    No target is in ms: 4 scans of the same columns are to take at most twice as long as one, 30 at
    most six times, and those of other columns no longer than one after another.
    """

    def same(nth: int) -> str:
        return f"""SELECT COUNT(*) AS n, MAX(psfFluxErr) AS most FROM ForcedSource
            WHERE psfFlux > {100 + 50 * nth}"""

    def other(nth: int) -> str:
        column = ["psfFlux", "psfFluxErr", "psfDiffFlux", "psfDiffFluxErr"][nth]
        return f"SELECT COUNT({column}) AS n, MAX({column}) AS most FROM ForcedSource"

    found = []
    for name, n_users, query in (
        ("1 user", 1, same),
        ("4 users", 4, same),
        ("30 users", 30, same),
        ("4 users, other columns", 4, other),
    ):
        question = {"at_once": [query(nth) for nth in range(n_users)]}
        asks = {"almagest": [question], "duckdb": [question]}
        found.append(Case(f"scan {n:,} rows, {name}", None, asks))
    return found
