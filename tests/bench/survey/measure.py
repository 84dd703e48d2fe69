"""How a time is taken: one cold run, then the median of many; the most memory held meanwhile."""

import ctypes
import gc
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import feather

SLOW_MS = 5_000.0
"""A run that takes longer is repeated three times."""
QUICK_MS = 200.0
"""A run that takes less is repeated often, as its time is easily disturbed."""


class Missing(Exception):
    """A peer that is not here, or has no part in a class; the text says why."""


@dataclass
class Answer:
    """What a peer took for the questions of a class."""

    milliseconds: list[float]
    first_milliseconds: float
    rows: int
    peak_bytes: int
    saved: str = ""
    note: str = ""
    told_ms: float | None = None
    """What was said beforehand of the first question, and how long it took to say it."""
    telling_ms: float | None = None

    @property
    def median(self) -> float:
        """Return the median of the warm runs, ms."""
        return statistics.median(self.milliseconds)


@dataclass(frozen=True)
class Request:
    """The questions of a class to one peer; each run takes the next question."""

    catalog: str
    questions: Sequence[Any]
    uploads: dict[str, str] = field(default_factory=dict)
    save: str = ""
    """File for the rows of all questions, one after the other."""


def n_runs(first_ms: float) -> int:
    """Return how often a query is repeated whose first run took so long."""
    if first_ms > SLOW_MS:
        return 3
    return 5 if first_ms > QUICK_MS else 21


def measure(
    run: Callable[[Any], Any],
    table: Callable[[Any], pa.Table],
    request: Request,
    pid: int | str = "self",
) -> Answer:
    """Time `run` on the questions in turn and watch the memory of `pid`; then save all rows.

    `run` goes from the question to all rows in memory, in whatever form the peer has them; `table`
    answers the same question for the check.
    """
    forget_peak(pid)
    questions = request.questions
    times: list[float] = []
    while not times or len(times) <= n_runs(times[0]):
        question = questions[len(times) % len(questions)]
        begin = time.perf_counter()
        run(question)
        times.append((time.perf_counter() - begin) * 1e3)
    peak = peak_bytes(pid)
    tables = [table(question) for question in questions]
    save_table(pa.concat_tables(tables), request.save)
    rows = tables[-1].num_rows
    return Answer(times[1:], times[0], rows, peak, request.save)


def save_table(table: pa.Table, path: str) -> None:
    """Keep rows for the check."""
    feather.write_feather(table.unify_dictionaries(), path, compression="uncompressed")


def forget_peak(pid: int | str = "self") -> None:
    """Begin anew to watch the most memory of a process."""
    if pid == "self":
        # What earlier questions left behind is none of this one's.
        gc.collect()
        pa.default_memory_pool().release_unused()
        try:
            ctypes.CDLL("libc.so.6").malloc_trim(0)
        except (OSError, AttributeError):
            pass
    try:
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    except OSError:
        pass  # Then the peak is that of the process's whole life.


def peak_bytes(pid: int | str = "self") -> int:
    """Return the most memory that a process held, bytes; 0 where that is not told."""
    return status_bytes(pid, "VmHWM")


def status_bytes(pid: int | str, field_name: str) -> int:
    """Return a size that the kernel tells of a process, bytes; 0 where it does not."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(f"{field_name}:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
