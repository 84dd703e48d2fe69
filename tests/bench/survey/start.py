"""What each benchmark begins with: its command line, its cores, and what it says of itself."""

import argparse
import datetime
import importlib.metadata
import os
import re
import signal
import subprocess
import sys
from typing import Any

from . import hardware
from .data import SEED, SIZES
from .postgres import PROGRAMS
from .report import N_CORES


def parser(prog: str, description: str | None, peers: list[str]) -> argparse.ArgumentParser:
    """Return what reads the options that all benchmarks have."""
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument("--size", choices=SIZES, default="small", help="number of Objects")
    parser.add_argument(
        "--class", dest="classes", default="", metavar="REGEX", help="only these classes"
    )
    parser.add_argument("--peers", default=",".join(peers), help="only these, by commas")
    parser.add_argument("--folder", required=True, help="where the data are kept")
    parser.add_argument("--results", required=True, help="where the results are kept")
    return parser


def take_cores() -> None:
    """Let a run that is stopped end its peers too, and give all the same two cores."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    # The children of this process are included.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:N_CORES])


def chosen_peers(text: str, known: list[str]) -> list[str]:
    """Read names of peers; others than those that are known end the run."""
    names = [name for name in text.split(",") if name]
    if unknown := set(names) - set(known):
        sys.exit(f"unknown peer {', '.join(unknown)}; there are {', '.join(known)}")
    return names


def about(options: argparse.Namespace, **measured: Any) -> dict[str, Any]:
    """Say what was run, when, where and by whom, and what was measured of the machine."""
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="minutes"),
        "size": options.size,
        "part": "" if options.classes == "" else "-part",
        "objects": SIZES[options.size],
        "seed": SEED,
        "commit": commit(),
        "machine": hardware.describe(),
        **measured,
        "versions": versions(),
    }


def commit() -> str:
    """Return the commit that was measured."""
    told = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True
    )
    return told.stdout.strip() or "of no repository"


def versions() -> dict[str, str]:
    """Return the versions of the peers."""
    names = ["duckdb", "scipy", "numpy", "lsdb", "hats-import", "pyarrow", "psycopg"]
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            pass
    for name, command in (
        ("postgresql", [*sorted(PROGRAMS.glob("*/bin/postgres"))[-1:], "--version"]),
        ("stilts", ["stilts", "-version"]),
    ):
        try:
            told = subprocess.run(command, capture_output=True, text=True).stdout
        except OSError:
            continue
        if number := re.search(r"\d+(\.\d+)+", told):
            found[name] = number.group()
    return found
