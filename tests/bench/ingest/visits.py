"""Visits that a running service takes one after the other, while readers query and files merge.

A visit is timed from the first request of its transaction to the answer of a query, begun after the
commit, that sees one of its rows.
"""

import http.client
import io
import json
import random
import re
import statistics
import subprocess
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from survey.data import SEED
from survey.measure import peak_bytes

from .inputs import Inputs

N_READERS = 10
PAUSE_S = 0.1
"""What a reader looks at an answer before it asks again."""
FIELDS, MANY_FIELDS = 100, 10_000
"""Places on the sky that the visits come back to, and those of many small files."""
FIELD_DEG = 1.75
"""Radius of a visit's field."""
ROWS = {"Visit": 1, "Object": 1_999, "Source": 18_000, "ForcedSource": 20_000}
FEW_ROWS = {"Visit": 1, "Object": 1, "Source": 3, "ForcedSource": 3}
PARQUET = "application/vnd.apache.parquet"
FORM = "application/x-www-form-urlencoded"
MORE_VISITS = 20
"""Whole visits on top of many files."""


@dataclass
class Times:
    """How long visits took until they were seen."""

    name: str
    target_ms: float | None
    n_rows: int
    milliseconds: list[float] = field(default_factory=list)
    commit_ms: list[float] = field(default_factory=list)
    n_files: int = 0
    """Data files at the end."""
    peak_bytes: int = 0
    """Of the service."""
    readers: dict[str, Any] = field(default_factory=dict)
    error: str = ""

    @property
    def part(self) -> int:
        """Return how many of the first and of the last visits are compared."""
        return max(1, min(100, len(self.milliseconds) // 4))

    def middle(self, of_last: bool) -> tuple[float, float]:
        """Return median and maximum of the first or the last visits, ms."""
        some = self.milliseconds[-self.part :] if of_last else self.milliseconds[: self.part]
        return statistics.median(some), max(some)


class Visits:
    """The rows of visits, as a telescope would send them: field after field, with their own ids."""

    def __init__(self, inputs: Inputs, n_fields: int = FIELDS) -> None:
        self.random = np.random.default_rng(SEED)
        self.ra, self.dec = fields(n_fields)
        self.rows = {
            table: pq.read_table(inputs.files(table, "parquet")[0]).slice(0, ROWS[table])
            for table in ("Object", "Source", "ForcedSource")
        }
        self.objects: list[list[np.ndarray]] = [[] for _ in range(n_fields)]

    def place(self, visit: int, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Return positions in the field of a visit, degrees."""
        at = visit % len(self.ra)
        distance = FIELD_DEG * np.sqrt(self.random.uniform(0.0, 1.0, n))
        angle = self.random.uniform(0.0, 2 * np.pi, n)
        dec = self.dec[at] + distance * np.cos(angle)
        ra = self.ra[at] + distance * np.sin(angle) / np.cos(np.radians(dec))
        return ra % 360.0, dec

    def make(self, visit: int, counts: dict[str, int]) -> dict[str, bytes]:
        """Return the rows of a visit by table, as Parquet files."""
        n_objects, n_sources, n_forced = (counts[t] for t in ("Object", "Source", "ForcedSource"))
        ids = first_id(visit) + np.arange(max(n_objects, n_sources))
        known = self.objects[visit % len(self.objects)]
        known.append(ids[:n_objects])
        followed = self.random.permutation(np.concatenate(known[-10:]))
        followed = np.resize(followed, n_forced)
        visits = pa.table({"visit": [visit], "band": ["r"], "expMidptMJD": [60_000.0 + visit]})
        tables = {"Visit": visits}
        for table, n, key in (
            ("Object", n_objects, ids),
            ("Source", n_sources, ids),
            ("ForcedSource", n_forced, followed),
        ):
            ra, dec = self.place(visit, n)
            name = "sourceId" if table == "Source" else "objectId"
            new = {name: key[:n], "coord_ra": ra, "coord_dec": dec}
            if table != "Object":
                new["visit"] = np.full(n, visit)
            if table == "ForcedSource":
                # Of a visit, one row for each object and detector.
                new["detector"] = (np.arange(n) // len(np.unique(key))).astype(np.int16)
            rows = self.rows[table].slice(0, n)
            for column, values in new.items():
                at = rows.schema.get_field_index(column)
                rows = rows.set_column(at, rows.schema.field(at), pa.array(values))
            tables[table] = rows
        return {name: parquet(table) for name, table in tables.items()}


def fields(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the middles of the fields, degrees."""
    draw = np.random.default_rng(SEED)
    return draw.uniform(0.0, 360.0, n), np.degrees(np.arcsin(draw.uniform(-0.9, 0.9, n)))


def first_id(visit: int) -> int:
    """Return the first id of a visit's objects and sources, above those of any survey."""
    return (1 << 61) + visit * 100_000


def parquet(table: pa.Table) -> bytes:
    """Write a table to memory."""
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


@dataclass
class Service:
    """A running service, and what a sender needs to know of it."""

    port: int
    token: str
    pid: int


@contextmanager
def service(almagest: str, catalog: Path) -> Iterator[Service]:
    """Serve a catalog as long as this lasts."""
    user = [almagest, "user", str(catalog)]
    subprocess.run([*user, "add", "loader"], check=True, stdout=subprocess.DEVNULL)
    told = subprocess.run(
        [*user, "token", "loader", "--writes", "survey"], check=True, capture_output=True, text=True
    )
    token = re.search(r"almagest_\S+", told.stdout)
    assert token, told.stdout
    log = (catalog.parent / "service.log").open("w")
    process = subprocess.Popen(
        [almagest, "serve", str(catalog), "--listen", "127.0.0.1:0"],
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )
    try:
        assert process.stdout is not None
        port = None
        while port is None and (line := process.stdout.readline()):
            port = re.search(r"127\.0\.0\.1:(\d+)", line)
        if port is None:
            raise RuntimeError("the service does not start; see service.log")
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield Service(int(port.group(1)), token.group(), process.pid)
    finally:
        process.terminate()
        process.wait()


class Sender:
    """Sends visits over one connection."""

    def __init__(self, told: Service) -> None:
        self.service = told
        self.connection = http.client.HTTPConnection("127.0.0.1", told.port)
        self.headers = {"Authorization": f"Bearer {told.token}"}

    def send(self, visit: int, tables: dict[str, bytes]) -> tuple[float, float]:
        """Send a visit; return how long it took until it was seen, and its commit, ms."""
        begin = time.perf_counter()
        base = "/ingest/transactions"
        transaction = f"{base}/{self._ask('POST', base)['transaction_id']}"
        for table, rows in tables.items():
            path = f"{transaction}/contributions/{visit}-{table}?TABLE={table}"
            self._ask("PUT", path, rows, PARQUET)
        before_commit = time.perf_counter()
        self._ask("POST", f"{transaction}/commit")
        commit = time.perf_counter() - before_commit
        seen = first_id(visit)
        query = f"SELECT COUNT(*) FROM Source WHERE sourceId = {seen}"
        if (count := ask(self.connection, query)) != "count\n1":
            raise RuntimeError(f"visit {visit} was not seen: {count}")
        return (time.perf_counter() - begin) * 1e3, commit * 1e3

    def _ask(self, method: str, path: str, body: bytes = b"", kind: str = FORM) -> dict[str, Any]:
        self.connection.request(method, path, body, self.headers | {"Content-Type": kind})
        answer = self.connection.getresponse()
        text = answer.read().decode()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:300]}")
        return json.loads(text)


def ask(connection: http.client.HTTPConnection, query: str) -> str:
    """Ask a query; return the answer as CSV."""
    form = {"LANG": "ADQL", "FORMAT": "csv", "QUERY": query}
    connection.request("POST", "/tap/sync", urllib.parse.urlencode(form), {"Content-Type": FORM})
    answer = connection.getresponse()
    text = answer.read().decode().replace("\r\n", "\n").strip()
    if answer.status >= 300:
        raise RuntimeError(f"{query}: {answer.status} {text[:300]}")
    return text


def read(port: int, pipe: Connection, is_over: Event, n_visits: int, n_fields: int) -> None:
    """Let ten readers query until it is over; send what they saw."""
    times: list[float] = []
    errors: list[str] = []
    ra, dec = fields(n_fields)

    def reader(number: int) -> None:
        draw = random.Random(number)
        connection = http.client.HTTPConnection("127.0.0.1", port)
        while not is_over.wait(PAUSE_S):
            at, visit = draw.randrange(n_fields), draw.randrange(n_visits)
            object_id = first_id(visit) + draw.randrange(100)
            place = f"POINT({ra[at] + draw.uniform(-1, 1)}, {dec[at] + draw.uniform(-1, 1)})"
            objects = "SELECT objectId, coord_ra, coord_dec FROM Object WHERE"
            queries = [
                f"{objects} objectId = {object_id}",
                f"{objects} DISTANCE(POINT(coord_ra, coord_dec), {place}) < 0.02",
                f"SELECT visit, psfFlux FROM ForcedSource WHERE objectId = {object_id}",
            ]
            query = draw.choice(queries)
            begin = time.perf_counter()
            try:
                ask(connection, query)
            except (OSError, RuntimeError, http.client.HTTPException) as error:
                errors.append(str(error))
                connection.close()
            times.append((time.perf_counter() - begin) * 1e3)

    threads = [threading.Thread(target=reader, args=(n,)) for n in range(N_READERS)]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - begin
    pipe.send(
        {
            "queries_a_second": len(times) / seconds,
            "median_ms": statistics.median(times) if times else 0.0,
            "most_ms": max(times, default=0.0),
            "errors": errors[:3],
            "n_errors": len(errors),
        }
    )


@contextmanager
def readers(port: int, n_visits: int, n_fields: int, told: dict[str, Any]) -> Iterator[None]:
    """Let readers query as long as this lasts; `told` has then what they saw."""
    context = get_context("spawn")
    pipe, theirs = context.Pipe()
    is_over = context.Event()
    process = context.Process(
        target=read, args=(port, theirs, is_over, n_visits, n_fields), daemon=True
    )
    process.start()
    try:
        yield
    finally:
        is_over.set()
        if pipe.poll(60):
            told.update(pipe.recv())
        process.join(10)
        process.kill()


def commit_visits(inputs: Inputs, almagest: str, folder: Path, n_visits: int) -> Times:
    """Commit whole visits while readers query, with compaction and vacuum beside."""
    times = Times("visits of 40,000 rows, ten readers", 200.0, sum(ROWS.values()))
    catalog = created(inputs, almagest, folder)
    visits = Visits(inputs)
    with service(almagest, catalog) as told, readers(told.port, n_visits, FIELDS, times.readers):
        sender, merging = Sender(told), None
        for visit in range(n_visits):
            tables = visits.make(visit, ROWS)
            one, commit = sender.send(visit, tables)
            times.milliseconds.append(one)
            times.commit_ms.append(commit)
            if visit % 50 == 49 and (merging is None or merging.poll() is not None):
                merging = subprocess.Popen(
                    [
                        "sh",
                        "-c",
                        '"$0" compact "$1" && "$0" vacuum "$1" --grace 0',
                        almagest,
                        str(catalog),
                    ],
                    stdout=subprocess.DEVNULL,
                )
        if merging is not None:
            merging.wait()
        times.peak_bytes = peak_bytes(told.pid)
        finish(times, sender, catalog, n_visits, ROWS)
    return times


def commit_few_rows(
    inputs: Inputs, almagest: str, folder: Path, n_files: int
) -> tuple[Times, Times]:
    """Make small files all over the sky by many commits, then commit whole visits on top."""
    few = Times(f"commits of {sum(FEW_ROWS.values())} rows", None, sum(FEW_ROWS.values()))
    whole = Times("visits on top of them, ten readers", 200.0, sum(ROWS.values()))
    catalog = created(inputs, almagest, folder)
    visits = Visits(inputs, MANY_FIELDS)
    n_commits = n_files // len(FEW_ROWS)
    with service(almagest, catalog) as told:
        sender = Sender(told)
        for visit in range(n_commits):
            one, commit = sender.send(visit, visits.make(visit, FEW_ROWS))
            few.milliseconds.append(one)
            few.commit_ms.append(commit)
        few.peak_bytes = peak_bytes(told.pid)
        finish(few, sender, catalog, n_commits, FEW_ROWS)
        with readers(told.port, n_commits, MANY_FIELDS, whole.readers):
            for visit in range(n_commits, n_commits + MORE_VISITS):
                one, commit = sender.send(visit, visits.make(visit, ROWS))
                whole.milliseconds.append(one)
                whole.commit_ms.append(commit)
        whole.peak_bytes = peak_bytes(told.pid)
        whole.n_files = count_files(catalog)
    return few, whole


def created(inputs: Inputs, almagest: str, folder: Path) -> Path:
    """Return a new catalog."""
    catalog = folder / "catalog"
    create = [almagest, "create", str(catalog), "--schema", str(inputs.schema)]
    subprocess.run(create, check=True, stdout=subprocess.DEVNULL)
    return catalog


def finish(
    times: Times, sender: Sender, catalog: Path, n_visits: int, counts: dict[str, int]
) -> None:
    """Count files, and compare the rows of all visits with what was sent."""
    times.n_files = count_files(catalog)
    for table, n in counts.items():
        found = ask(sender.connection, f"SELECT COUNT(*) FROM {table}").split("\n")[1]
        if int(found) != n * n_visits:
            times.error = f"{table} has {found} rows, not {n * n_visits}"


def count_files(catalog: Path) -> int:
    """Count the data files of a catalog."""
    n_files = 0
    for table in ROWS:
        with suppress(OSError):
            n_files += sum(1 for _ in (catalog / "data" / table).iterdir())
    return n_files
