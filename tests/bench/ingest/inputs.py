"""The files that all load: rows of a generated survey, in random order.

FOLDER/SIZE/generated              the survey, as many Objects as the size says
FOLDER/SIZE/TABLE-N.parquet, .csv  its rows, shuffled over the sky and over the files
FOLDER/SIZE/schema.yaml            the tables
"""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from survey.data import SEED, Sized

N_FILES = 4
"""Files of a table and format."""
N_COLUMNS = {"Object": 100, "Source": 40, "ForcedSource": 12}
KEYS = {"Object": "objectId", "Source": "sourceId", "ForcedSource": "objectId"}
"""The ids whose sum is compared."""

VISIT = {
    "name": "Visit",
    "@id": "#Visit",
    "almagest:kind": "replicated",
    "almagest:ra": None,
    "almagest:dec": None,
    "almagest:id": "visit",
    "almagest:time": "expMidptMJD",
    "primaryKey": ["#Visit.visit"],
    "columns": [
        {"name": "visit", "@id": "#Visit.visit", "datatype": "long"},
        {"name": "band", "@id": "#Visit.band", "datatype": "string", "length": 32},
        {"name": "expMidptMJD", "@id": "#Visit.expMidptMJD", "datatype": "double"},
    ],
}
"""The table of visits; it has no file."""
DATATYPES = {
    "BIGINT": "long",
    "INTEGER": "int",
    "SMALLINT": "short",
    "DOUBLE": "double",
    "FLOAT": "float",
    "BOOLEAN": "boolean",
    "VARCHAR": "string",
}
KINDS: dict[str, dict[str, Any]] = {
    "Object": {"almagest:kind": "director", "almagest:id": "objectId"},
    "Source": {"almagest:kind": "positional", "almagest:id": "sourceId"},
    "ForcedSource": {
        "almagest:kind": "child",
        "almagest:id": None,
        "almagest:director": "Object",
        "almagest:key": "objectId",
    },
}
PRIMARY_KEYS = {
    "Object": ["objectId"],
    "Source": ["sourceId"],
    "ForcedSource": ["objectId", "visit", "detector"],
}


class Inputs(Sized):
    """The files of one size."""

    @property
    def root(self) -> Path:
        """Return the folder of this size."""
        return self.folder / f"ingest-{self.size}"

    @property
    def schema(self) -> Path:
        """Return the Felis file of the tables."""
        return self.root / "schema.yaml"

    def files(self, table: str, form: str) -> list[str]:
        """Return the files of a table in a format."""
        return [str(self.root / f"{table}-{n}.{form}") for n in range(N_FILES)]

    def n_bytes(self, table: str, form: str) -> int:
        """Return the size of a table's files."""
        return sum(Path(path).stat().st_size for path in self.files(table, form))

    def plain_bytes(self, table: str) -> int:
        """Return the size of a table's Parquet files before their compression."""
        metadata = [pq.read_metadata(path) for path in self.files(table, "parquet")]
        return sum(
            one.row_group(group).total_byte_size
            for one in metadata
            for group in range(one.num_row_groups)
        )

    def sums(self, table: str) -> tuple[int, int, float]:
        """Return what a table must hold after a load: see `sums_sql`."""
        con = duckdb.connect()
        source = f"read_parquet({self.files(table, 'parquet')!r})"
        return con.execute(sums_sql(table, source)).fetchall()[0]

    def make(self, almagest: str) -> None:
        """Make the files if they are not there yet."""
        if self.schema.exists():
            return
        shutil.rmtree(self.root, ignore_errors=True)
        self.root.mkdir(parents=True)
        generated = self.root / "generated"
        print(f"generating {self.n_objects} Objects", flush=True)
        count = ["--objects", str(self.n_objects), "--seed", str(SEED), "--depth", "20"]
        subprocess.run([almagest, "generate", str(generated), *count], check=True)
        con = duckdb.connect(config={"threads": 2, "memory_limit": "8GB"})
        con.execute(f"SET temp_directory = '{self.root}/spill'")
        tables = [VISIT]
        for table, n_columns in N_COLUMNS.items():
            print(f"shuffling {table}", flush=True)
            source = f"read_parquet({sorted(map(str, (generated / 'data' / table).glob('*')))!r})"
            columns = con.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()[:n_columns]
            tables.append(definition(table, {row[0]: row[1] for row in columns}))
            names = ", ".join(row[0] for row in columns)
            # An order that has nothing to do with the sky.
            number = "hash(coord_ra, coord_dec, " + ", ".join(PRIMARY_KEYS[table]) + ")"
            for n in range(N_FILES):
                rows = f"SELECT {names} FROM {source} WHERE {number} % {N_FILES} = {n}"
                file = self.files(table, "parquet")[n]
                con.execute(f"COPY ({rows} ORDER BY {number}) TO '{file}'")
                con.execute(f"COPY (FROM '{file}') TO '{self.files(table, 'csv')[n]}'")
        shutil.rmtree(generated)
        # JSON is YAML. Written last: without it, all is made anew.
        schema = {"name": "survey", "@id": "#survey", "tables": tables}
        self.schema.write_text(json.dumps(schema, indent=1))


def definition(table: str, columns: dict[str, str]) -> dict[str, Any]:
    """Return the Felis definition of a table whose columns have these types of DuckDB."""

    def column(name: str, kind: str) -> dict[str, Any]:
        told = {"name": name, "@id": f"#{table}.{name}", "datatype": DATATYPES[kind]}
        return told | ({"length": 32} if kind == "VARCHAR" else {})

    return {
        "name": table,
        "@id": f"#{table}",
        "almagest:ra": "coord_ra",
        "almagest:dec": "coord_dec",
        "almagest:time": None,
        **KINDS[table],
        "primaryKey": [f"#{table}.{name}" for name in PRIMARY_KEYS[table]],
        "columns": [column(*one) for one in columns.items()],
    }


def sums_sql(table: str, source: str) -> str:
    """Return SQL for the number of rows, the sum of their ids, and that of a float column.

    The ids are shortened, so that no sum is too large for any of those who add.
    """
    flux = "r_psfFlux" if table == "Object" else "psfFlux"
    ids, fluxes = f"MOD({KEYS[table]}, 1000003)", f"CAST({flux} AS DOUBLE PRECISION)"
    return f"SELECT COUNT(*), SUM({ids}), SUM({fluxes}) FROM {source}"
