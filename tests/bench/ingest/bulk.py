"""A whole table loaded once: Almagest and its peers, each in a process of its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from survey.measure import Missing, status_bytes

from .inputs import Inputs, sums_sql

SLOW_S = 30.0
"""A load that takes longer is not repeated."""
N_RUNS = 3
WATCH_S = 0.02
"""How often memory is looked at."""


@dataclass
class Load:
    """What a load took."""

    seconds: list[float] = field(default_factory=list)
    peak_bytes: int = 0
    cpu_seconds: float = 0.0
    """Of both cores, in the fastest run; 0 where it is not known."""
    sums: tuple[int, int, float] = (0, 0, 0.0)
    stored_bytes: int = 0

    @property
    def best(self) -> float:
        """Return the time of the fastest run, s."""
        return min(self.seconds)


@dataclass(frozen=True)
class Task:
    """What a peer's process is to do."""

    peer: str
    table: str
    form: str
    files: list[str]
    folder: str
    """Where it may write; empty."""
    schema_file: str
    """A Parquet file with the columns, for readers of text."""


def load(peer: str, table: str, form: str, inputs: Inputs, almagest: str) -> Load:
    """Load a table by a peer, several times if it is quick."""
    done = Load()
    while len(done.seconds) < N_RUNS:
        folder = inputs.root / "loaded"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        settle()
        if peer == "almagest":
            _load_almagest(done, table, form, inputs, almagest, folder)
        else:
            _load_peer(
                done,
                Task(
                    peer,
                    table,
                    form,
                    inputs.files(table, form),
                    str(folder),
                    inputs.files(table, "parquet")[0],
                ),
            )
        done.stored_bytes = _size(folder)
        shutil.rmtree(folder, ignore_errors=True)
        if done.best > SLOW_S:
            break
    return done


def settle() -> None:
    """Let what was written before reach the disk: it is none of the next load's."""
    os.sync()


def _load_almagest(
    done: Load, table: str, form: str, inputs: Inputs, almagest: str, folder: Path
) -> None:
    catalog = str(folder / "catalog")
    quiet = {"stdout": subprocess.DEVNULL, "check": True}
    subprocess.run([almagest, "create", catalog, "--schema", str(inputs.schema)], **quiet)
    if table == "ForcedSource":
        # Its directors have to be there; that is a class of its own.
        directors = inputs.files("Object", "parquet")
        subprocess.run([almagest, "ingest", catalog, "Object", *directors], **quiet)
        settle()
    command = [almagest, "ingest", catalog, table, *inputs.files(table, form)]
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
    # The kernel's own account of a child's memory would begin with that of this process.
    watch = Watch(process.pid, "VmHWM")
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    peak = watch.stop()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"almagest ended with {process.returncode}")
    if not done.seconds or seconds < done.best:
        done.cpu_seconds = usage.ru_utime + usage.ru_stime
    done.seconds.append(seconds)
    done.peak_bytes = max(done.peak_bytes, peak)
    query = [almagest, "query", catalog, sums_sql(table, table), "--format", "json"]
    told = json.loads(subprocess.run(query, capture_output=True, check=True, text=True).stdout)
    done.sums = tuple(told["data"][0])


def _load_peer(done: Load, task: Task) -> None:
    """Run a peer's process; it says itself how long the load took, without its imports."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "ingest.peers", json.dumps(asdict(task))],
        stdout=subprocess.PIPE,
        stderr=(Path(task.folder).parent / "peers.log").open("a"),
        text=True,
        start_new_session=True,
    )
    watch = Watch(process.pid)
    try:
        out, _ = process.communicate()
    except BaseException:
        os.killpg(process.pid, signal.SIGTERM)
        raise
    finally:
        peak = watch.stop()
    lines = out.strip().splitlines()
    if process.returncode or not lines:
        raise RuntimeError(f"{task.peer} ended with {process.returncode}; see peers.log")
    told = json.loads(lines[-1])
    if "missing" in told:
        raise Missing(told["missing"])
    done.seconds.append(told["seconds"])
    done.peak_bytes = max(done.peak_bytes, told["peak_bytes"] or peak)
    done.sums = tuple(told["sums"])


class Watch:
    """The most memory that the processes of a session hold together, looked at again and again.

    Of one process alone, `VmHWM` tells what it held between two looks too.
    """

    def __init__(self, session: int, field_name: str = "VmRSS") -> None:
        self.session = session
        self.field_name = field_name
        self.peak = 0
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self._look, daemon=True)
        self.thread.start()

    def stop(self) -> int:
        """Look no more; return the most, bytes."""
        self.is_over.set()
        self.thread.join()
        return self.peak

    def _look(self) -> None:
        while not self.is_over.wait(WATCH_S):
            held = sum(status_bytes(pid, self.field_name) for pid in _processes(self.session))
            self.peak = max(self.peak, held)


def _processes(session: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name of the program may hold spaces; it ends with the last bracket.
            told = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(told[3]) == session:
            found.append(int(path.parent.name))
    return found


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
