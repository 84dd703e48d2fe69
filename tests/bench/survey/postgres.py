"""PostgreSQL with Q3C, in a private cluster: clustered on the sky, analysed, prepared."""

import os
import pwd
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from .data import Data
from .measure import Answer, Missing, Request, measure

PROGRAMS = Path("/usr/lib/postgresql")
PORT = 54999
SETTINGS = {
    "port": PORT,
    "shared_buffers": "1GB",
    "work_mem": "256MB",
    "maintenance_work_mem": "1GB",
    "effective_cache_size": "8GB",
    "random_page_cost": 1.1,
    "jit": "off",
    "fsync": "off",
    "max_wal_size": "4GB",
    "max_parallel_workers": 2,
    "max_parallel_workers_per_gather": 1,
    "listen_addresses": "''",
}
N_CURVES = 20_000
"""Objects whose ForcedSources are loaded, which hold all those that are asked for."""

TYPES = {
    "int64": "bigint",
    "int32": "integer",
    "int16": "smallint",
    "float": "real",
    "double": "double precision",
    "bool": "boolean",
    "string": "text",
    "timestamp[us]": "timestamp",
}


class Cluster:
    """A database cluster in a folder, run by the user postgres where this is root."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        programs = sorted(PROGRAMS.glob("*/bin/initdb"))
        if not programs:
            raise Missing("PostgreSQL is not installed")
        self.programs = programs[-1].parent
        self.user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name

    def start(self) -> None:
        """Make the cluster if there is none, and start it."""
        data = self.folder / "cluster"
        if not data.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            if os.getuid() == 0:
                shutil.chown(self.folder, "postgres")
            self._run("initdb", "-D", str(data), "-A", "trust", "-E", "UTF8", "--no-sync")
        elif (data / "postmaster.pid").exists():
            # A run that was killed left it.
            self._run("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop", check=False)
        options = " ".join(f"-c {name}={value}" for name, value in SETTINGS.items())
        options += f" -k {self.folder}"
        log = str(self.folder / "log")
        self._run("pg_ctl", "-D", str(data), "-l", log, "-w", "-o", options, "start")

    def stop(self) -> None:
        """Stop it."""
        self._run("pg_ctl", "-D", str(self.folder / "cluster"), "-m", "fast", "-w", "stop")

    def connect(self) -> psycopg.Connection:
        """Connect to it."""
        return psycopg.connect(
            host=str(self.folder), port=PORT, user=self.user, dbname="postgres", autocommit=True
        )

    def _run(self, program: str, *arguments: str, check: bool = True) -> None:
        user = "postgres" if os.getuid() == 0 else None
        done = subprocess.run(
            [self.programs / program, *arguments],
            user=user,
            cwd=self.folder,
            text=True,
            stdout=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
            stderr=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
        )
        if check and done.returncode:
            raise Missing(f"{program} failed: {(done.stderr or '').strip()[-200:]}")


def copy_in(con: psycopg.Connection, table: str, rows: pa.Table) -> None:
    """Make a table of rows."""
    names = ", ".join(f"{f.name} {TYPES[str(f.type)]}" for f in rows.schema)
    con.execute(f"CREATE TABLE {table} ({names})")
    copy_rows(con, table, rows)


def copy_rows(con: psycopg.Connection, table: str, rows: pa.Table) -> None:
    """Add rows to a table."""
    with con.cursor().copy(f"COPY {table} FROM STDIN (FORMAT csv)") as copy:
        for batch in rows.to_batches(max_chunksize=100_000):
            sink = pa.BufferOutputStream()
            pa_csv.write_csv(batch, sink, pa_csv.WriteOptions(include_header=False))
            copy.write(sink.getvalue().to_pybytes())


def load(con: psycopg.Connection, data: Data) -> None:
    """Load Object, Visit and some light curves; cluster and index them."""
    duck = duckdb.connect()

    def rows(table: str, condition: str = "TRUE") -> pa.Table:
        files = data.files("survey", table)
        columns = "* EXCLUDE (_healpix_29)" if table != "Visit" else "*"
        sql = f"SELECT {columns} FROM read_parquet({files!r}) WHERE {condition}"
        return duck.sql(sql).to_arrow_table()

    for extension in ("q3c", "cube"):
        con.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}")
    con.execute("DROP TABLE IF EXISTS Object, Visit, ForcedSource, loaded")
    copy_in(con, "Object", rows("Object"))
    con.execute("CREATE INDEX object_sky ON Object (q3c_ang2ipix(coord_ra, coord_dec))")
    con.execute("CLUSTER Object USING object_sky")
    con.execute("ALTER TABLE Object ADD PRIMARY KEY (objectId)")
    # A point in three dimensions, for the nearest rows at any distance.
    con.execute(f"CREATE INDEX object_cube ON Object USING gist ({CUBE})")
    copy_in(con, "Visit", rows("Visit"))
    con.execute("ALTER TABLE Visit ADD PRIMARY KEY (visit)")
    some = f"SELECT objectId FROM read_parquet('{data.brought('curves_100000')}') LIMIT {N_CURVES}"
    columns = ["objectId", "visit", "band", "psfFlux", "psfFluxErr"]
    curves = rows("ForcedSource", f"objectId IN ({some})").select(columns)
    copy_in(con, "ForcedSource", curves)
    con.execute("CREATE INDEX forced_object ON ForcedSource (objectId)")
    con.execute("CLUSTER ForcedSource USING forced_object")
    con.execute("VACUUM ANALYZE")
    con.execute("CREATE TABLE loaded ()")


CUBE = """cube(ARRAY[cos(radians(coord_dec)) * cos(radians(coord_ra)),
    cos(radians(coord_dec)) * sin(radians(coord_ra)), sin(radians(coord_dec))])"""
"""A position as a point of the extension `cube`, whose index knows distances."""


class Postgres:
    """Answers questions `[SQL, parameters]`, as prepared statements."""

    def __init__(self, data: Data) -> None:
        # Its user has to reach the folder, which need not be so for the folder of the data.
        folder = data.root / "postgres"
        self.cluster = Cluster(folder)
        self.cluster.start()
        try:
            self.con = self.cluster.connect()
            if not self.con.execute("SELECT to_regclass('loaded')").fetchone()[0]:
                print("loading PostgreSQL", flush=True)
                begin = time.perf_counter()
                load(self.con, data)
                print(f"loaded in {time.perf_counter() - begin:.0f} s", flush=True)
            self.cursor = self.con.cursor(binary=True)
        except BaseException:
            self.cluster.stop()
            raise

    def ask(self, request: Request) -> Answer:
        """Time statements: from the question to the server's whole answer in this process."""
        if request.catalog != "survey":
            raise Missing("not loaded")
        for name, path in request.uploads.items():
            self.con.execute(f"DROP TABLE IF EXISTS {name}")
            copy_in(self.con, name, pq.read_table(path))
            self.con.execute(f"ANALYZE {name}")
        pid = self.con.info.backend_pid
        answer = measure(self._run, self._table, request, pid)
        if "ForcedSource" in request.questions[0][0]:
            answer.note = f"the light curves of {N_CURVES:,} Objects only are loaded"
        return answer

    def close(self) -> None:
        """Stop the cluster."""
        self.con.close()
        self.cluster.stop()

    def _run(self, question: tuple[str, list[Any]]) -> psycopg.Cursor:
        # All rows are in memory after this, as the server sent them.
        self.cursor.execute(question[0], question[1], prepare=True)
        return self.cursor

    def _table(self, question: tuple[str, list[Any]]) -> pa.Table:
        cursor = self._run(question)
        assert cursor.description is not None
        names = [column.name for column in cursor.description]
        oids = [column.type_code for column in cursor.description]
        rows = cursor.fetchall()
        columns = list(zip(*rows, strict=True)) if rows else [[] for _ in names]
        types = {
            20: pa.int64(),
            21: pa.int16(),
            23: pa.int32(),
            700: pa.float32(),
            701: pa.float64(),
            16: pa.bool_(),
            25: pa.string(),
        }
        arrays = [pa.array(c, types.get(oid)) for c, oid in zip(columns, oids, strict=True)]
        return pa.table(arrays, names=names)
