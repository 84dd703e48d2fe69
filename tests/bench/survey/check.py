"""Whether two answers hold the same rows."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import feather

LOOSE = 1e-6
"""Relative difference of sums of floats that were added in another order."""


def read(path: str) -> pa.Table:
    """Read rows that were kept, with names in lower case."""
    table = pq.read_table(path) if path.endswith(".parquet") else feather.read_table(path)
    return table.rename_columns([name.lower() for name in table.column_names])


def difference(
    mine: pa.Table, theirs: pa.Table, key: Sequence[str], loose: bool = False
) -> str | None:
    """Say how two answers differ; nothing if they do not.

    Rows are put in the order of `key`; an empty key is an answer whose order counts.
    """
    if set(mine.column_names) != set(theirs.column_names):
        return f"columns {mine.column_names} and {theirs.column_names}"
    if mine.num_rows != theirs.num_rows:
        return f"{mine.num_rows} and {theirs.num_rows} rows{_odd_one(mine, theirs, key)}"
    theirs = theirs.select(mine.column_names)
    if key:
        order = [(name.lower(), "ascending") for name in key]
        mine, theirs = mine.sort_by(order), theirs.sort_by(order)
    for name in mine.column_names:
        wrong = _unequal(mine[name], theirs[name], loose)
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            values = f"{mine[name][row].as_py()} and {theirs[name][row].as_py()}"
            where = ", ".join(f"{k} {mine[k.lower()][row].as_py()}" for k in key) or f"row {row}"
            return f"{name} of {int(wrong.sum())} rows, as of {where}: {values}"
    return None


def _odd_one(mine: pa.Table, theirs: pa.Table, key: Sequence[str]) -> str:
    """Name a row that only one of two answers has."""
    if not key or not mine.num_rows or not theirs.num_rows:
        return ""
    names = [name.lower() for name in key]
    a, b = mine.select(names), theirs.select(names)
    for has, lacks, who in ((a, b, "the first"), (b, a, "the second")):
        only = has.join(lacks.cast(has.schema), keys=names, join_type="left anti")
        if only.num_rows:
            return f"; only {who} has {only.slice(0, 1).to_pylist()[0]}"
    return "; the same keys, some more often"


def _unequal(mine: pa.ChunkedArray, theirs: pa.ChunkedArray, loose: bool) -> np.ndarray:
    """Return which values differ; two that are missing (NULL or NaN) do not."""
    kind = mine.type
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
        mine, theirs = mine.cast(pa.string()), theirs.cast(pa.string())
        same = pc.equal(mine, theirs)
        both = pc.and_(pc.is_null(mine), pc.is_null(theirs))
        return ~pc.or_(pc.fill_null(same, False), both).to_numpy()
    gone = [pc.is_null(c, nan_is_null=True).to_numpy() for c in (mine, theirs)]
    if pa.types.is_integer(kind) and pa.types.is_integer(theirs.type):
        a, b = (pc.fill_null(c, 0).to_numpy() for c in (mine, theirs))
        return (gone[0] != gone[1]) | (a != b)
    a, b = (pc.fill_null(c.cast(pa.float64()), 0.0).to_numpy() for c in (mine, theirs))
    a, b = np.where(gone[0], 0.0, a), np.where(gone[1], 0.0, b)
    tolerance = LOOSE * np.maximum(np.abs(a), np.abs(b)) if loose else 0.0
    return (gone[0] != gone[1]) | (np.abs(a - b) > tolerance)
