"""DuckDB, on the same Parquet files and on tables of its own in their best order."""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from .data import Data
from .measure import Answer, Missing, Request, measure
from .sky_sql import VECTOR

T = TypeVar("T")
MEMORY_LIMIT = "8GB"
FEW_ROWS = 100
"""So many are faster fetched as tuples than as Arrow."""

OWN_TABLES = {
    ("survey", "Object"): f"SELECT *, {VECTOR} FROM {{}} ORDER BY _healpix_29",
    ("survey", "Source"): f"""SELECT sourceId, visit, band, coord_ra, coord_dec, psfFlux,
        psfFluxErr, ap12Flux, ap12FluxErr, _healpix_29, {VECTOR} FROM {{}} ORDER BY _healpix_29""",
    ("survey", "ForcedSource"): """SELECT objectId, visit, band, psfFlux, psfFluxErr, psfDiffFlux,
        psfDiffFluxErr FROM {} ORDER BY objectId""",
    ("survey", "Visit"): "SELECT * FROM {}",
    ("child", "Object"): f"SELECT *, {VECTOR} FROM {{}} ORDER BY _healpix_29",
    ("child", "ForcedSource"): "SELECT objectId, psfFlux FROM {} ORDER BY objectId",
}
"""The columns that are asked for, in the order that serves the queries best."""


def load(data: Data, path: Path) -> None:
    """Make DuckDB's own tables, sorted, with an index where a row is looked up."""
    unfinished = path.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    con = duckdb.connect(str(unfinished), config={"memory_limit": MEMORY_LIMIT, "threads": 2})
    con.execute(f"SET temp_directory = '{path.parent}/duckdb-spill'")
    for (catalog, table), sql in OWN_TABLES.items():
        con.execute(f"CREATE SCHEMA IF NOT EXISTS {catalog}")
        source = f"read_parquet({data.files(catalog, table)!r})"
        con.execute(f"CREATE TABLE {catalog}.{table} AS {sql.format(source)}")
    con.execute("CREATE UNIQUE INDEX object_id ON survey.Object (objectId)")
    con.execute("CHECKPOINT")
    con.close()
    unfinished.rename(path)


class DuckDb:
    """Answers SQL; `{…}` was filled in before. With `own` tables, or on the Parquet files."""

    def __init__(self, data: Data, own: bool) -> None:
        self.data = data
        self.own = own
        path = data.root / "duckdb.db"
        if own and not path.exists():
            print("loading DuckDB", flush=True)
            load(data, path)
        config: dict[str, Any] = {"threads": min(2, os.cpu_count() or 1)}
        self.con = duckdb.connect(str(path) if own else ":memory:", read_only=own, config=config)
        self.con.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
        self.con.execute(f"SET temp_directory = '{path.parent}/duckdb-spill'")
        self.con.execute("SET parquet_metadata_cache = true")
        self.con.execute("SET enable_progress_bar = false")
        self.viewed: set[str] = set()
        self.schema = ""

    def ask(self, request: Request) -> Answer:
        """Time SQL texts: from the text to Python's rows where they are few, else to Arrow.

        A question `{"at_once": [SQL, …]}` is several texts, each of a user of its own.
        """
        self._see(request.catalog)
        for name, path in request.uploads.items():
            has_place = {"ra", "dec"} <= columns_of(self.con, path)
            vector = f", {VECTOR.replace('coord_', '')}" if has_place else ""
            rows = f"SELECT *{vector} FROM read_parquet('{path}')"
            self.con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {rows}")
        # Rows that nobody wants in order may come from both threads as they are made.
        ordered = "ORDER BY" in str(request.questions[0])
        self.con.execute(f"SET preserve_insertion_order = {str(ordered).lower()}")
        begin = time.perf_counter()
        n_rows = self._table(request.questions[0]).num_rows
        cold_ms = (time.perf_counter() - begin) * 1e3
        run = self._few if n_rows <= FEW_ROWS else self._table
        answer = measure(run, self._table, request)
        answer.first_milliseconds = cold_ms
        return answer

    def _few(self, question: Any) -> list[list[tuple[Any, ...]]]:
        return self._each(question, lambda con, sql: con.execute(sql).fetchall())

    def _table(self, question: Any) -> pa.Table:
        return pa.concat_tables(
            self._each(question, lambda con, sql: con.sql(sql).to_arrow_table())
        )

    def _each(self, question: Any, run: Callable[[duckdb.DuckDBPyConnection, str], T]) -> list[T]:
        """Run the text, or all texts at the same time."""
        if isinstance(question, str):
            return [run(self.con, question)]
        texts = question["at_once"]

        def of_a_user(sql: str) -> T:
            con = self.con.cursor()
            con.execute(f"SET schema = '{self.schema}'")
            return run(con, sql)

        with ThreadPoolExecutor(len(texts)) as pool:
            return list(pool.map(of_a_user, texts))

    def _see(self, catalog: str) -> None:
        """Make a catalog's tables those that a plain name means."""
        if self.own:
            if catalog not in {name for name, _ in OWN_TABLES}:
                raise Missing("not loaded")
        elif catalog not in self.viewed:
            self.con.execute(f"CREATE SCHEMA {catalog_schema(catalog)}")
            for table in self.data.tables(catalog):
                names = columns_of(self.con, self.data.files(catalog, table)[0])
                vector = f", {VECTOR}" if {"coord_ra", "coord_dec"} <= names else ""
                self.con.execute(
                    f"CREATE VIEW {catalog_schema(catalog)}.{table} AS SELECT *{vector} "
                    f"FROM read_parquet({self.data.files(catalog, table)!r})"
                )
            self.viewed.add(catalog)
        self.schema = catalog_schema(catalog)
        self.con.execute(f"SET schema = '{self.schema}'")


def catalog_schema(catalog: str) -> str:
    """Return a catalog's name as a schema's."""
    return catalog.replace("-", "_")


def columns_of(con: duckdb.DuckDBPyConnection, path: str) -> set[str]:
    """Return the names of a file's columns."""
    rows = con.execute(f"DESCRIBE SELECT * FROM read_parquet('{path}')").fetchall()
    return {row[0] for row in rows}
