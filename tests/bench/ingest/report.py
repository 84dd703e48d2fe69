"""The results of ingest: one text, and the same as JSON."""

from dataclasses import asdict, dataclass, field
from pathlib import Path

from survey.report import keep, laid_out, number, of_machine, of_versions

from .bulk import Load
from .visits import Times

TITLES = {"hats-import": "hats-import", "postgres": "PostgreSQL", "duckdb": "DuckDB"}
MOST_BYTES = 1 << 30
"""The memory that a load may take, whatever its size."""
N_TIMES_HATS = 2.0
"""How many times faster than hats-import a load is to be."""


@dataclass
class Line:
    """What one table and format gave."""

    name: str
    rows: int
    input_bytes: int
    plain_bytes: int
    """Before the compression of Parquet."""
    target_mb_s: float
    verdict: str = ""
    """`right`, `WRONG` or `failed`."""
    loads: dict[str, Load] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def mine(self) -> Load | None:
        """Return Almagest's load."""
        return self.loads.get("almagest")

    @property
    def speed(self) -> float:
        """Return MB/s of input."""
        return self.input_bytes / self.mine.best / 1e6 if self.mine else 0.0

    @property
    def missed(self) -> list[str]:
        """Name the goals that are missed."""
        if self.mine is None:
            return ["all"]
        missed = [] if self.speed >= self.target_mb_s else [f"{self.target_mb_s:.0f} MB/s"]
        hats = self.loads.get("hats-import")
        if hats and hats.best < N_TIMES_HATS * self.mine.best:
            missed.append(f"{N_TIMES_HATS:.0f}x hats-import")
        if self.mine.peak_bytes > MOST_BYTES:
            missed.append("1 GB")
        return missed


def cell(load: Load | None) -> str:
    """Write a time and, in brackets, the most memory in MB."""
    if load is None:
        return "–"
    return f"{number(load.best)} ({load.peak_bytes / 1e6:,.0f})"


HEAD = [
    "class",
    "rows",
    "MB",
    "plain MB",
    "s (MB)",
    "CPU s",
    "MB/s",
    "target",
    "Mrows/s",
    "stored MB",
]


def row_of(line: Line, peers: list[str]) -> list[str]:
    """Return the cells of a class."""
    mine = line.mine
    shown = "failed" if mine is None else cell(mine)
    cells = [
        line.name,
        f"{line.rows:,}",
        number(line.input_bytes / 1e6),
        number(line.plain_bytes / 1e6),
        shown + (" WRONG" if line.verdict == "WRONG" else ""),
        number(mine.cpu_seconds if mine else None),
        number(line.speed if mine else None),
        f"{line.target_mb_s:.0f} " + ("ok" if mine and line.speed >= line.target_mb_s else "**"),
        number(line.rows / mine.best / 1e6 if mine else None),
        number(mine.stored_bytes / 1e6 if mine else None),
    ]
    for peer in peers:
        load = line.loads.get(peer)
        cells.append(cell(load))
        cells.append(number(load.best / mine.best) if load and mine else "–")
    return cells


VISIT_HEAD = [
    "class", "commits", "first: median", "most", "last: median", "most", "target", "all: commit",
    "files", "service MB", "queries/s", "median", "most",
]  # fmt: skip


def visit_row(times: Times) -> list[str]:
    """Return the cells of a class of visits."""
    target = number(times.target_ms)
    if not times.milliseconds:
        return [times.name, "failed", *["–"] * (len(VISIT_HEAD) - 2)]
    first, last = times.middle(False), times.middle(True)
    if times.target_ms is not None:
        target += " ok" if max(first[0], last[0]) <= times.target_ms else " **"
    commits = sorted(times.commit_ms)
    asked = times.readers
    return [
        times.name,
        f"{len(times.milliseconds):,}",
        *(number(value) for value in (*first, *last)),
        target,
        number(commits[len(commits) // 2]),
        f"{times.n_files:,}",
        number(times.peak_bytes / 1e6),
        *(number(asked.get(name)) for name in ("queries_a_second", "median_ms", "most_ms")),
    ]


def text_of(report: dict, lines: list[Line], visits: list[Times], peers: list[str]) -> str:
    """Return the tables as text."""
    text = [
        f"Ingest of Almagest {report['commit']} and its peers, size {report['size']} "
        f"({report['objects']:,} Objects, seed {report['seed']}), {report['date']}",
        of_machine(report),
        f"disk: {report['disk_mb_s']:,.0f} MB/s written and synced",
        of_versions(report),
        "",
    ]
    if lines:
        head = HEAD + [title for peer in peers for title in (TITLES[peer], "ratio")]
        text += [
            "Shuffled rows of Snappy Parquet (plain MB: before its compression) or CSV to rows",
            "that are checked, partitioned, sorted, indexed and synced. Seconds of the fastest of",
            "three loads (one above 30 s), each in a cold process, input in the page cache; in",
            "brackets the most memory, MB. Almagest's time is that of the whole process, a peer's",
            "is without its imports. target: MB/s of input, ** is missed. ratio: the peer's time",
            "over Almagest's. ForcedSource: its Objects are there before.",
            "",
            *laid_out([head, *(row_of(line, peers) for line in lines)]),
            "",
        ]
        text += [f"{one.name}: misses {', '.join(one.missed)}" for one in lines if one.missed]
        text += [f"{one.name}: {note}" for one in lines for note in one.notes]
    if visits:
        text += [
            "",
            "Milliseconds from the first request of a transaction over HTTP (four Parquet",
            "contributions and the commit) to the answer of a query that sees the rows; first and",
            "last: of 100 commits, or of a quarter. Ten readers ask by id and by place, each again",
            "0.1 s after its answer. files: data files at the end. Of the readers: queries a",
            "second, median and longest, ms.",
            "",
            *laid_out([VISIT_HEAD, *map(visit_row, visits)]),
            "",
        ]
        text += [f"{one.name}: WRONG: {one.error}" for one in visits if one.error]
        text += [
            f"{one.name}: {one.readers['n_errors']} queries failed: {one.readers['errors']}"
            for one in visits
            if one.readers.get("n_errors")
        ]
    text += [f"{TITLES[peer]} is missing: {why}" for peer, why in report["missing"].items()]
    return "\n".join(text) + "\n"


def write(
    report: dict, lines: list[Line], visits: list[Times], peers: list[str], folder: Path
) -> str:
    """Keep the results as text and JSON; return the text."""
    text = text_of(report, lines, visits, peers)
    classes = [asdict(line) for line in lines]
    told = {"classes": classes, "visits": [asdict(times) for times in visits]}
    keep(report, text, told, folder, "-ingest")
    return text
