"""The results: one text table, and the same as JSON."""

import datetime
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .case import Case
from .measure import Answer

TITLES = {
    "duckdb": "DuckDB",
    "duckdb-parquet": "on Parquet",
    "postgres": "PostgreSQL",
    "tree": "scipy, numpy",
    "stilts": "STILTS",
    "lsdb": "LSDB",
}
N_CORES = 2
BAD = ("WRONG", "failed")


@dataclass
class Line:
    """What one class gave."""

    name: str
    target_ms: float | None
    bound_ms: float | None
    rows: int | None = None
    verdict: str = ""
    """`right`, `WRONG`, `unchecked` or `failed`."""
    answers: dict[str, Answer] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def best_peer(self) -> tuple[str, float] | None:
        """Return the fastest peer and its time."""
        peers = {n: a.median for n, a in self.answers.items() if n != "almagest"}
        return min(peers.items(), key=lambda peer: peer[1]) if peers else None


def bound(case: Case, hardware: dict[str, float]) -> float | None:
    """Return how long decoding what is needed takes on two cores, ms."""
    if not case.values:
        return None
    widths = {"float32 plain": 4, "sorted int64 delta": 8}
    seconds = sum(
        n * widths[kind] / (hardware[kind] * 1e9 * N_CORES) for kind, n in case.values.items()
    )
    return seconds * 1e3


def number(value: float | None) -> str:
    """Write a number with some three digits."""
    if value is None:
        return "–"
    if value < 10:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def cell(answer: Answer | None) -> str:
    """Write a time and, in brackets, the most memory in MB."""
    if answer is None:
        return "–"
    return f"{number(answer.median)} ({answer.peak_bytes / 1e6:,.0f})"


HEAD = ["class", "rows", "Almagest", "cold", "told", "target", "bound", "peer/own"]
WITHIN = 3.0
"""What is told beforehand is to be right within such a factor."""


def row_of(line: Line, peers: list[str]) -> list[str]:
    """Return the cells of a class."""
    mine = line.answers.get("almagest")
    best = line.best_peer
    ratio = best[1] / mine.median if best and mine else None
    target = number(line.target_ms)
    if mine and line.target_ms is not None:
        target += " ok" if mine.median <= line.target_ms else " **"
    shown = cell(mine) + (f" {line.verdict}" if line.verdict in ("WRONG", "unchecked") else "")
    if mine is None and line.verdict == "failed":
        shown = "failed"
    return [
        line.name,
        f"{line.rows:,}" if line.rows is not None else "–",
        shown,
        number(mine.first_milliseconds if mine else None),
        told(mine),
        target,
        number(line.bound_ms),
        number(ratio),
        *(cell(line.answers.get(peer)) for peer in peers),
    ]


def told(answer: Answer | None) -> str:
    """Write what was said of a time beforehand, marked where it is far from what was measured."""
    if answer is None or answer.told_ms is None:
        return "–"
    return number(answer.told_ms) + (" ok" if is_near(answer) else " **")


def is_near(answer: Answer) -> bool:
    """Is what was told right within the factor that is wanted?"""
    ratio = (answer.told_ms or 0.0) / answer.median
    return 1 / WITHIN <= ratio <= WITHIN


def laid_out(rows: list[list[str]]) -> list[str]:
    """Return rows as lines of columns, the head underlined."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "-" * max(map(len, lines)))
    return lines


def of_machine(report: dict) -> str:
    """Describe the machine in one line."""
    machine = report["machine"].items()
    return ", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in machine)


def of_versions(report: dict) -> str:
    """Name the peers' versions in one line."""
    return f"versions: {', '.join(f'{n} {v}' for n, v in report['versions'].items())}"


def keep(report: dict, text: str, told: dict, folder: Path, kind: str = "") -> None:
    """Keep results as text and JSON, in files named after the day, the kind and the size."""
    folder.mkdir(parents=True, exist_ok=True)
    day = datetime.date.fromisoformat(report["date"][:10])
    stem = f"{day}{kind}-{report['size']}{report['part']}"
    (folder / f"{stem}.txt").write_text(text)
    (folder / f"{stem}.json").write_text(json.dumps({**report, **told}, indent=1))


def text_of(report: dict, lines: list[Line], peers: list[str]) -> str:
    """Return the table as text."""
    rows = [HEAD + [TITLES[peer] for peer in peers]] + [row_of(line, peers) for line in lines]
    bounds = ", ".join(f"{name} {value}" for name, value in report["gigabytes_per_second"].items())
    head = [
        f"Almagest {report['commit']} and its peers, size {report['size']} "
        f"({report['objects']:,} Objects, seed {report['seed']}), {report['date']}",
        of_machine(report),
        f"GB/s: {bounds} (decoding: one core)",
        of_versions(report),
        "Milliseconds, medians of 21 warm runs (5 above 200 ms, 3 above 5 s); in brackets the most",
        "memory of the process, MB. cold: first run. target ** is missed. bound: decoding what is",
        "needed, on two cores. peer/own: the fastest peer's time over Almagest's. told: by the",
        f"estimate before the query is run; ** is not within a factor of {WITHIN:.0f}.",
        "",
    ]
    table = laid_out(rows)
    notes = [f"{line.name}: {note}" for line in lines for note in line.notes]
    for peer, why in report["missing"].items():
        notes.append(f"{TITLES.get(peer, peer)} is missing: {why}")
    wrong = [line.name for line in lines if line.verdict == "WRONG"]
    mine = [line.answers["almagest"] for line in lines if "almagest" in line.answers]
    mine = [answer for answer in mine if answer.told_ms is not None]
    if mine:
        near = sum(map(is_near, mine))
        slowest = max(answer.telling_ms or 0.0 for answer in mine)
        notes.append(
            f"told within a factor of {WITHIN:.0f}: {near} of {len(mine)} classes; "
            f"planning and telling took {number(slowest)} ms at most"
        )
    end = f"{len(lines)} classes, {sum(line.verdict == 'right' for line in lines)} right"
    end += f", WRONG: {'; '.join(wrong)}" if wrong else ""
    return "\n".join([*head, *table, "", *notes, "", end]) + "\n"


def write(report: dict, lines: list[Line], peers: list[str], folder: Path) -> str:
    """Keep the results as text and JSON; return the text."""
    text = text_of(report, lines, peers)
    classes = [asdict(line) for line in lines]
    for line in classes:
        for answer in line["answers"].values():
            del answer["saved"]
    keep(report, text, {"classes": classes}, folder)
    return text
