"""Queries of the sky as an expert writes them for a database that knows no sphere."""

import math

import astropy.units as u
import numpy as np
from astropy_healpix import HEALPix

VECTOR = """cos(radians(coord_dec)) * cos(radians(coord_ra)) AS ux,
    cos(radians(coord_dec)) * sin(radians(coord_ra)) AS uy, sin(radians(coord_dec)) AS uz"""
"""A position as a unit vector."""

HIDDEN = "EXCLUDE (_healpix_29, ux, uy, uz)"
"""What a row has for searching only."""


def chord_squared(degrees: float) -> float:
    """Return the square of the chord of an angle."""
    return (2.0 * math.sin(math.radians(degrees) / 2.0)) ** 2


def vector(ra: float, dec: float) -> tuple[float, float, float]:
    """Return the unit vector of a position, degrees."""
    ra, dec = math.radians(ra), math.radians(dec)
    return math.cos(dec) * math.cos(ra), math.cos(dec) * math.sin(ra), math.sin(dec)


def key_ranges(ra: float, dec: float, radius: float) -> list[tuple[int, int]]:
    """Return the ranges of `_healpix_29` that cover a cone, at most some fifty."""
    # Cells about a third as wide as the cone: a cell of order n is 58.6°/2^n wide.
    order = min(20, max(0, round(math.log2(58.6 / radius)) + 1))
    grid = HEALPix(nside=2**order, order="nested")
    cells = np.sort(grid.cone_search_lonlat(ra * u.deg, dec * u.deg, radius * u.deg))
    shift = 2 * (29 - order)
    runs = np.split(cells, np.flatnonzero(np.diff(cells) > 1) + 1)
    return [(int(run[0]) << shift, (int(run[-1]) + 1 << shift) - 1) for run in runs]


def within(ra: float, dec: float, radius: float, of: str = "") -> str:
    """Return the condition that a row of `of` lies in a cone: key ranges, then the chord."""
    of = f"{of}." if of else ""
    ranges = [f"{of}_healpix_29 BETWEEN {a} AND {b}" for a, b in key_ranges(ra, dec, radius)]
    x, y, z = vector(ra, dec)
    chord = f"({of}ux - {x!r})**2 + ({of}uy - {y!r})**2 + ({of}uz - {z!r})**2"
    return f"({' OR '.join(ranges)}) AND {chord} <= {chord_squared(radius)!r}"


def neighbours(left: str, right: str, radius: float, columns: str, condition: str = "TRUE") -> str:
    """Return a query of the pairs (l, r) within `radius` degrees, by voxels on unit vectors.

    Voxels are some twenty times as wide as the radius: a left row lies in the voxels that its ball
    touches, one for nearly all rows, and meets the right rows of those voxels by a hash join.
    """
    reach = 2.0 * math.sin(math.radians(radius) / 2.0) * (1.0 + 1e-9)
    # No narrower than 20 bits a coordinate hold.
    width = max(20.0 * reach, 2.0**-18)

    def cell(x: str, y: str, z: str) -> str:
        parts = [f"CAST(floor({axis} / {width!r}) AS BIGINT) + 524288" for axis in (x, y, z)]
        return f"(({parts[0]}) * 1048576 + {parts[1]}) * 1048576 + {parts[2]}"

    branches = []
    for corner in range(8):
        ends, conditions = [], []
        for bit, axis in enumerate(("ux", "uy", "uz")):
            low, high = f"({axis} - {reach!r})", f"({axis} + {reach!r})"
            if corner >> bit & 1:
                conditions.append(f"floor({low} / {width!r}) <> floor({high} / {width!r})")
            ends.append(high if corner >> bit & 1 else low)
        where = " AND ".join(conditions) or "TRUE"
        branches.append(f"SELECT *, {cell(*ends)} AS voxel FROM ({left}) WHERE {where}")
    rows = f"SELECT *, {cell('ux', 'uy', 'uz')} AS voxel FROM ({right})"
    return f"""SELECT {columns},
            (l.ux - r.ux)**2 + (l.uy - r.uy)**2 + (l.uz - r.uz)**2 AS chord
        FROM ({" UNION ALL ".join(branches)}) AS l JOIN ({rows}) AS r USING (voxel)
        WHERE (l.ux - r.ux)**2 + (l.uy - r.uy)**2 + (l.uz - r.uz)**2 <= {chord_squared(radius)!r}
            AND {condition}"""
