"""A class of queries: what is asked of whom, how answers are compared, and the target."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Case:
    """One line of the table.

    `asks` has the questions for each peer, each in its own language: ADQL for `almagest`, SQL for
    `duckdb` (both on its own tables and on the Parquet files), `[SQL, parameters]` for
    `postgres`, calls for `tree` and `lsdb`, arguments for `stilts`.
    """

    name: str
    target_ms: float | None
    asks: Mapping[str, Sequence[Any]]
    key: Sequence[str] = ()
    """Columns that put the rows in order for the check; none: the answer's own order counts."""
    reference: str = "duckdb"
    """The peer whose answer is right."""
    loose: bool = False
    """Floats are sums in another order."""
    catalog: str = "survey"
    uploads: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, int] = field(default_factory=dict)
    """What must be decoded at least: number of values of each kind of `hardware.py`."""
    traps: Mapping[str, str] = field(default_factory=dict)
    """Peers that are known to answer otherwise, and why."""
