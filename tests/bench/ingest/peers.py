"""The peers of a bulk load, each in a cold process: `python -m ingest.peers TASK`.

All make what queries want of them: rows in order of their place on the sky. Prints a line of JSON.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from survey.measure import Missing, peak_bytes

from .bulk import Task
from .inputs import PRIMARY_KEYS, sums_sql

ZONES_A_DEGREE = 2
"""Width of the zones of declination in which DuckDB sorts by right ascension."""


def main() -> None:
    """Do a task and tell what it took."""
    task = Task(**json.loads(sys.argv[1]))
    run = {"duckdb": duckdb, "postgres": postgres, "hats-import": hats_import}[task.peer]
    try:
        told = run(task)
    except Missing as error:
        told = {"missing": str(error)}
    print(json.dumps(told))


def timed(work: Callable[[], Any]) -> float:
    """Return the time that a piece of work took, s."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def duckdb(task: Task) -> dict[str, Any]:
    """Sort the rows by zone and right ascension into Parquet files."""
    import duckdb

    con = duckdb.connect(config={"threads": 2, "memory_limit": "8GB"})
    con.execute(f"SET temp_directory = '{task.folder}/spill'")
    con.execute("SET enable_progress_bar = false")
    rows = f"read_parquet({task.files!r})"
    if task.form == "csv":
        types = {r[0]: r[1] for r in con.execute(f"DESCRIBE FROM '{task.schema_file}'").fetchall()}
        rows = f"read_csv({task.files!r}, columns = {types!r}, header = true)"
    out = f"{task.folder}/sorted.parquet"
    order = f"floor(coord_dec * {ZONES_A_DEGREE}), coord_ra"
    seconds = timed(lambda: con.execute(f"COPY (FROM {rows} ORDER BY {order}) TO '{out}'"))
    peak = peak_bytes()
    sums = con.execute(sums_sql(task.table, f"read_parquet('{out}')")).fetchall()[0]
    return {"seconds": seconds, "peak_bytes": peak, "sums": sums}


def hats_import(task: Task) -> dict[str, Any]:
    """Make a HATS catalog."""
    import duckdb
    from hats_import.catalog.arguments import ImportArguments
    from hats_import.catalog.file_readers import get_file_reader
    from hats_import.pipeline import pipeline

    reader = get_file_reader("parquet")
    if task.form == "csv":
        reader = get_file_reader("csv", schema_file=task.schema_file)
    temporary = Path(task.folder) / "temporary"
    temporary.mkdir()
    arguments = ImportArguments(
        ra_column="coord_ra",
        dec_column="coord_dec",
        input_file_list=task.files,
        file_reader=reader,
        use_schema_file=task.schema_file,
        output_artifact_name="imported",
        output_path=task.folder,
        tmp_dir=str(temporary),
        dask_n_workers=2,
        dask_threads_per_worker=1,
        progress_bar=False,
        resume=False,
    )
    seconds = timed(lambda: pipeline(arguments))
    files = f"read_parquet('{task.folder}/imported/dataset/Norder*/**/*.parquet')"
    sums = duckdb.connect().execute(sums_sql(task.table, files)).fetchall()[0]
    # The workers are processes of their own: whoever started this one sees all of them.
    return {"seconds": seconds, "peak_bytes": 0, "sums": sums}


def postgres(task: Task) -> dict[str, Any]:
    """COPY, an index of Q3C, CLUSTER by it, a primary key, ANALYZE."""
    import pyarrow.parquet as pq

    from survey.postgres import TYPES, Cluster, copy_rows

    cluster = Cluster(Path(task.folder) / "postgres")
    cluster.start()
    try:
        con = cluster.connect()
        con.execute("CREATE EXTENSION IF NOT EXISTS q3c")
        schema = pq.read_schema(task.schema_file)
        columns = ", ".join(f"{field.name} {TYPES[str(field.type)]}" for field in schema)
        table = task.table

        def copy_text(path: str) -> None:
            statement = f"COPY {table} FROM STDIN (FORMAT csv, HEADER true)"
            with con.cursor().copy(statement) as copy, Path(path).open("rb") as file:
                while block := file.read(1 << 20):
                    copy.write(block)

        def work() -> None:
            con.execute(f"CREATE TABLE {table} ({columns})")
            for path in task.files:
                if task.form == "csv":
                    copy_text(path)
                else:
                    copy_rows(con, table, pq.read_table(path))
            con.execute(f"CREATE INDEX sky ON {table} (q3c_ang2ipix(coord_ra, coord_dec))")
            con.execute(f"CLUSTER {table} USING sky")
            con.execute(f"ALTER TABLE {table} ADD PRIMARY KEY ({', '.join(PRIMARY_KEYS[table])})")
            con.execute(f"ANALYZE {table}")

        seconds = timed(work)
        peak = peak_bytes(con.info.backend_pid)
        count, ids, flux = con.execute(sums_sql(table, table)).fetchall()[0]
        con.close()
        return {"seconds": seconds, "peak_bytes": peak, "sums": (count, int(ids), float(flux))}
    finally:
        cluster.stop()


if __name__ == "__main__":
    main()
