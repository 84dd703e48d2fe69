"""People who look things up beside scans, and detectors whose history is read beside a writer.

What people and scans see is measured through TAP, on connections of their own, by a program that
checks each answer; the peers' figures of the same kind are those of the project's goals.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from survey import start
from survey.data import Data
from survey.report import keep, laid_out, of_machine

MIXES = [
    # Name, people, scans, seconds, targets: median and p99 of people, ms.
    ("20 people", 20, 0, 30, None, None),
    ("20 people beside 4 scans", 20, 4, 60, 5.0, 100.0),
    ("100 people beside 50 scans, ten minutes", 100, 50, 600, None, 1000.0),
]
MEMORY = 4 << 30
"""What the service may hold for queries; it is what `serve` takes where nothing is said."""


def main() -> int:
    """Measure, check, print and keep; 1 if an answer was wrong."""
    options = arguments()
    start.take_cores()
    data = Data(Path(options.folder).resolve(), options.size)
    data.generate(options.almagest)
    about = start.about(options)
    about["versions"] = {}
    rows: list[list[str]] = []
    told: dict[str, Any] = {}
    for name, people, scans, seconds, median, p99 in MIXES:
        if not re.search(options.classes, name):
            continue
        print(f"{name}: {seconds} s", flush=True)
        with service(options.almagest, data.catalog("survey")) as url:
            asked = [options.users, url, str(people), str(scans), str(seconds)]
            seen = json.loads(subprocess.run(asked, check=True, stdout=subprocess.PIPE).stdout)
        told[name] = seen
        rows.append(line(name, seen, median, p99))
        print("  ".join(rows[-1]), flush=True)
    history = ""
    if re.search(options.classes, "history"):
        history = read_history(options.history, data)
        print(history, flush=True)
    header = "class asked median p99 longest scans median memory errors".split()
    text = "\n".join(
        [
            f"Almagest {about['commit']}, many users; survey of {data.n_objects:,} Objects, "
            f"{about['date']}",
            of_machine(about),
            "Times in ms, through TAP, from request to last byte. Goals: 20 beside 4 scans median",
            "5, p99 100 (PostgreSQL 0.6 / 20, DuckDB native 1.4 / 32, on Parquet 433 / 1,092);",
            "100 beside 50 for ten minutes: no error, p99 1,000, memory within its limit;",
            "a detector's history 100 ms beside a writer, a visit of 189 detectors 2 s.",
            "",
            *laid_out([[*header, ""], *rows]),
            "",
            "History: DiaObjects of a detector, twelve months of DiaSources and ForcedSources, by",
            "the storage alone",
            history,
        ]
    )
    kept = {"mixes": told, "history": history.splitlines()}
    keep(about, text + "\n", kept, Path(options.results), "-users")
    print("\n" + text)
    return int(any(seen["n_errors"] for seen in told.values()))


def line(name: str, seen: dict[str, Any], median: float | None, p99: float | None) -> list[str]:
    """Return the cells of one mix."""
    people = seen["times"]["people"]
    scans = seen["times"].get("scan", {"n": 0, "median": 0.0})
    missed = []
    if median and people["median"] > median:
        missed.append(f"median {median:.0f}")
    if p99 and people["p99"] > p99:
        missed.append(f"p99 {p99:.0f}")
    if seen["most_bytes"] > MEMORY:
        missed.append("memory")
    return [
        name,
        f"{people['n']:,}",
        f"{people['median']:.1f}",
        f"{people['p99']:.1f}",
        f"{people['longest']:.0f}",
        f"{scans['n']:,}",
        f"{scans['median']:.0f}",
        f"{seen['most_bytes'] / 1e6:.0f} MB",
        "; ".join([str(seen["n_errors"]), *seen["errors"]]),
        f"missed: {', '.join(missed)}" if missed else "",
    ]


def read_history(program: str, data: Data) -> str:
    """Read the history of detectors in a copy of the survey, to which rows are added."""
    copy = data.root / "history"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(data.catalog("survey"), copy)
    try:
        told = subprocess.run([program, str(copy)], check=True, capture_output=True, text=True)
    finally:
        shutil.rmtree(copy)
    return told.stdout.rstrip()


@contextmanager
def service(almagest: str, catalog: Path) -> Iterator[str]:
    """Serve a catalog as long as this lasts; give the address of its TAP endpoints."""
    process = subprocess.Popen(
        [almagest, "serve", str(catalog), "--listen", "127.0.0.1:0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        for told in process.stdout:
            if found := re.search(r"http://\S+/tap", told):
                yield found.group()
                return
        sys.exit("the service did not begin")
    finally:
        process.terminate()
        process.wait()


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = start.parser("tests/bench/run many-users", __doc__, [])
    parser.add_argument("--almagest", required=True, help="the program")
    parser.add_argument("--users", required=True, help="the benchmark of people and scans")
    parser.add_argument("--history", required=True, help="the benchmark of the pipeline's read")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
