"""Loads tables, one peer after the other, then commits visits to a running service.

Started by `tests/bench/run ingest`, which builds what is needed.
"""

import argparse
import math
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from survey import start
from survey.check import LOOSE
from survey.measure import Missing

from . import report
from .bulk import load
from .inputs import N_COLUMNS, Inputs
from .visits import Times, commit_few_rows, commit_visits

PEERS = ["hats-import", "postgres", "duckdb"]
FORMS = {"parquet": ("Parquet", 100.0), "csv": ("CSV", 60.0)}
"""Title of each format, and MB/s of input that are the target."""
VISITS = {"small": 200, "standard": 1_000}
MANY_FILES = {"small": 5_000, "standard": 50_000}


def main() -> int:
    """Measure, check, print and keep; 1 if rows were wrong or missing."""
    options = arguments()
    start.take_cores()
    peers = start.chosen_peers(options.peers, PEERS)
    inputs = Inputs(Path(options.folder).resolve(), options.size)
    inputs.make(options.almagest)
    missing: dict[str, str] = {}
    about = start.about(options, disk_mb_s=written_mb_s(inputs.root), missing=missing)
    lines: list[report.Line] = []
    visits: list[Times] = []
    results = Path(options.results)
    text = "no class has such a name"

    def is_chosen(name: str) -> bool:
        return re.search(options.classes, name) is not None

    for table, n_columns in N_COLUMNS.items():
        for form, (title, target) in FORMS.items():
            name = f"{title}, {table} of {n_columns} columns"
            if not is_chosen(name):
                continue
            sums = inputs.sums(table)
            n_bytes, plain = inputs.n_bytes(table, form), inputs.plain_bytes(table)
            line = report.Line(name, sums[0], n_bytes, plain, target)
            run(line, table, form, sums, peers, inputs, options.almagest, missing)
            lines.append(line)
            # Kept after each class, should this run be stopped.
            text = report.write(about, lines, visits, peers, results)
            print("  ".join(report.row_of(line, peers)), flush=True)
    for name in ("visits", "many files"):
        if is_chosen(name):
            visits += serve(name, inputs, options.almagest)
            text = report.write(about, lines, visits, peers, results)
    print("\n" + text)
    wrong = [line for line in lines if line.verdict != "right"]
    return int(bool(wrong) or any(times.error for times in visits))


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = start.parser("tests/bench/run ingest", __doc__, PEERS)
    parser.add_argument("--almagest", required=True, help="the program")
    return parser.parse_args()


def run(
    line: report.Line,
    table: str,
    form: str,
    sums: tuple[int, int, float],
    peers: list[str],
    inputs: Inputs,
    almagest: str,
    missing: dict[str, str],
) -> None:
    """Let Almagest and its peers load a table, and compare what they have then."""
    line.verdict = "right"
    for peer in ["almagest", *peers]:
        try:
            loaded = load(peer, table, form, inputs, almagest)
        except Missing as error:
            missing[peer] = str(error)
            continue
        except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
            line.notes.append(f"{peer}: {str(error).strip()[:600]}")
            if peer == "almagest":
                line.verdict = "failed"
            continue
        line.loads[peer] = loaded
        is_same = loaded.sums[:2] == sums[:2]
        if not is_same or not math.isclose(loaded.sums[2], sums[2], rel_tol=LOOSE):
            line.notes.append(f"{peer} has {loaded.sums}, the files {sums}")
            line.verdict = "WRONG"


def serve(name: str, inputs: Inputs, almagest: str) -> list[Times]:
    """Commit visits to a service."""
    folder = inputs.root / "served"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    print(name, flush=True)
    try:
        if name == "visits":
            return [commit_visits(inputs, almagest, folder, VISITS[inputs.size])]
        return list(commit_few_rows(inputs, almagest, folder, MANY_FILES[inputs.size]))
    except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
        return [Times(name, None, 0, error=str(error))]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def written_mb_s(folder: Path) -> float:
    """Measure how fast the disk takes a file, MB/s."""
    path, block = folder / "written", os.urandom(8 << 20)
    begin = time.perf_counter()
    with path.open("wb") as file:
        for _ in range(64):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    seconds = time.perf_counter() - begin
    path.unlink()
    return 64 * len(block) / seconds / 1e6


if __name__ == "__main__":
    sys.exit(main())
