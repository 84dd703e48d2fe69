"""Runs the classes one after the other: in each, Almagest and then its peers.

Started by `tests/bench/run`, which builds what is needed.
"""

import argparse
import re
import sys
from pathlib import Path
from typing import Any

from . import check, hardware, report, start
from .almagest import Almagest
from .case import Case
from .classes import classes
from .data import Data
from .measure import Missing, Request
from .worker import Late, Worker

PEERS = ["duckdb", "duckdb-parquet", "postgres", "tree", "stilts", "lsdb"]


def main() -> int:
    """Measure, check, print and keep; 1 if an answer was wrong or missing."""
    options = arguments()
    start.take_cores()
    data = Data(Path(options.folder).resolve(), options.size)
    if options.almagest:
        data.generate(options.almagest)
    data.choose()
    chosen = [case for case in classes(data) if re.search(options.classes, case.name)]
    bounds = hardware.measure_bounds(data.root, data.files("survey", "Source")[0])
    names = start.chosen_peers(options.peers, PEERS)
    askers: dict[str, Any] = {"almagest": Almagest(data, options.binary)}
    askers |= {name: worker for name, worker in workers(data).items() if name in names}
    missing: dict[str, str] = {}
    about = start.about(options, gigabytes_per_second=bounds, missing=missing)
    lines: list[report.Line] = []
    text = "no class has such a name"
    try:
        for case in chosen:
            line = run(case, askers, bounds, missing, data, options.timeout)
            lines.append(line)
            # Kept after each class, should this run be stopped.
            text = report.write(about, lines, names, Path(options.results))
            print("  ".join(report.row_of(line, names)), flush=True)
            for note in line.notes:
                print(f"    {note}", flush=True)
    finally:
        for asker in askers.values():
            asker.close()
    print("\n" + text)
    return int("almagest" in missing or any(line.verdict in report.BAD for line in lines))


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = start.parser("tests/bench/run", __doc__, PEERS)
    parser.add_argument("--timeout", type=float, default=300, help="seconds a class and peer")
    parser.add_argument("--almagest", help="the program; without it nothing is generated")
    parser.add_argument("--binary", required=True, help="the engine's benchmark")
    return parser.parse_args()


def workers(data: Data) -> dict[str, Worker]:
    """Return all peers, none of them started."""
    return {
        "duckdb": Worker(".duckdb_peer", "DuckDb", data, True),
        "duckdb-parquet": Worker(".duckdb_peer", "DuckDb", data, False),
        "postgres": Worker(".postgres", "Postgres", data),
        "tree": Worker(".tree", "Tree", data),
        "stilts": Worker(".stilts", "Stilts", data),
        "lsdb": Worker(".lsdb_peer", "Lsdb", data),
    }


def run(
    case: Case,
    askers: dict[str, Any],
    bounds: dict[str, float],
    missing: dict[str, str],
    data: Data,
    timeout: float,
) -> report.Line:
    """Ask everybody, and compare with the peer that is the reference."""
    line = report.Line(case.name, case.target_ms, report.bound(case, bounds))
    answers = data.root / "answers"
    answers.mkdir(exist_ok=True)
    for name, asker in askers.items():
        # DuckDB's two layouts are asked the same.
        asks = case.asks.get("duckdb" if name == "duckdb-parquet" else name)
        if asks is None:
            continue
        end = "parquet" if name == "almagest" else "arrow"
        save = str(answers / f"{name}.{end}")
        Path(save).unlink(missing_ok=True)
        try:
            request = Request(case.catalog, asks, dict(case.uploads), save)
            line.answers[name] = asker.ask(request, timeout)
        except Missing as error:
            if getattr(asker, "missing", None) or name == "almagest":
                missing[name] = str(error)
        except (Late, RuntimeError, OSError) as error:
            line.notes.append(f"{name}: {str(error).strip()[:600]}")
            if name == "almagest":
                line.verdict = "failed"
        asker.relieve()
    for name, answer in line.answers.items():
        if answer.note:
            line.notes.append(f"{name}: {answer.note}")
    compare(case, line)
    for path in answers.iterdir():
        path.unlink()
    return line


def compare(case: Case, line: report.Line) -> None:
    """Judge all answers by that of the reference."""
    mine = line.answers.get("almagest")
    truth = line.answers.get(case.reference)
    if truth is None:
        if mine:
            line.rows = mine.rows
            line.verdict = "unchecked"
        return
    right = check.read(truth.saved)
    line.rows = truth.rows
    if mine:
        line.verdict = "right"
    for name, answer in line.answers.items():
        if name == case.reference:
            continue
        differs = check.difference(check.read(answer.saved), right, case.key, case.loose)
        if differs is None:
            continue
        trap = case.traps.get(name)
        line.notes.append(
            f"{name} differs from {case.reference}: {differs}" + (f" ({trap})" if trap else "")
        )
        if not trap:
            line.verdict = "WRONG"


if __name__ == "__main__":
    sys.exit(main())
