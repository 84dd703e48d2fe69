"""HATS both ways with the tools of its makers: hats and LSDB read what `almagest export hats` writes, and
`almagest import hats` copies and mounts what hats-import and LSDB write.

    hats_catalogs.py ALMAGEST FOLDER

FOLDER is absent or empty. Fails where an export is not valid, or where counts, cones or matches differ
between a table, its export, and what is imported or mounted of it.
"""

import csv
import io
import subprocess
import sys
import warnings
from pathlib import Path

import lsdb
import pandas as pd
import pyarrow.parquet as pq
from dask.distributed import Client
from hats.io.validation import is_valid_catalog
from hats_import import pipeline_with_client
from hats_import.catalog.arguments import ImportArguments
from hats_import.catalog.file_readers import ParquetPyarrowReader
from hats_import.collection.arguments import CollectionArguments

N_OBJECTS = 3000
MARGIN_ARCSEC = 200.0
COLUMNS = ["objectId", "coord_ra", "coord_dec"]
CONES = [0.01, 0.5, 20.0]


class Almagest:
    """The program, and a catalog of a generated survey."""

    def __init__(self, program: str, catalog: Path) -> None:
        self.program = program
        self.catalog = str(catalog)
        options = ["--objects", str(N_OBJECTS), "--seed", "5", "--depth", "1", "--width", "40"]
        self.run("generate", self.catalog, *options)

    def run(self, *arguments: str) -> str:
        """Run a command; return what it prints."""
        done = subprocess.run([self.program, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"almagest {arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def ask(self, adql: str) -> list[list[str]]:
        """Return the rows of an answer, ascending."""
        out = self.run("query", self.catalog, adql, "--format", "csv")
        return sorted(list(csv.reader(io.StringIO(out)))[1:])

    def cones(self, table: str) -> list[list[list[str]]]:
        """Return the rows of a table in cones about its first object."""
        ra, dec = self.ask("SELECT TOP 1 coord_ra, coord_dec FROM Object ORDER BY objectId")[0]
        near = f"DISTANCE(coord_ra, coord_dec, {ra}, {dec})"
        return [self.ask(f"SELECT {', '.join(COLUMNS)} FROM {table} WHERE {near} < {r}") for r in CONES]

    def pairs(self) -> set[tuple[int, int]]:
        """Return the pairs of objects that are nearer than the margin is wide."""
        rows = self.ask(
            "SELECT a.objectId, b.objectId FROM Object AS a JOIN Object AS b"
            " ON DISTANCE(a.coord_ra, a.coord_dec, b.coord_ra, b.coord_dec)"
            f" < {MARGIN_ARCSEC / 3600!r} AND a.objectId < b.objectId"
        )
        return {(int(a), int(b)) for a, b in rows}


def pairs(path: Path) -> set[tuple[int, int]]:
    """Return the same pairs as LSDB finds them."""
    objects = lsdb.open_catalog(str(path), columns=COLUMNS)
    found = objects.crossmatch(
        objects,
        n_neighbors=100,
        radius_arcsec=MARGIN_ARCSEC,
        suffixes=("_1", "_2"),
        suffix_method="all_columns",
    ).compute(progress_bar=False)
    both = zip(found["objectId_1"], found["objectId_2"], strict=True)
    return {(int(a), int(b)) for a, b in both if a < b}


def check_export(ours: Almagest, folder: Path) -> str:
    """Compare an export, with its margin, with the table."""
    ours.run(
        "export", "hats", ours.catalog, str(folder), "--table", "Object",
        "--max-rows", "300", "--margin", str(MARGIN_ARCSEC),
    )  # fmt: skip
    assert is_valid_catalog(folder, strict=True), "not a valid HATS collection"
    opened = lsdb.open_catalog(str(folder), columns=COLUMNS)
    assert opened.hc_structure.catalog_info.total_rows == N_OBJECTS
    assert len(opened.compute(progress_bar=False)) == N_OBJECTS
    ra, dec = ours.ask("SELECT TOP 1 coord_ra, coord_dec FROM Object ORDER BY objectId")[0]
    for radius, rows in zip(CONES, ours.cones("Object"), strict=True):
        found = opened.cone_search(float(ra), float(dec), radius * 3600).compute(progress_bar=False)
        assert sorted(found["objectId"].tolist()) == sorted(int(row[0]) for row in rows), radius
    expected = ours.pairs()
    assert pairs(folder) == expected, "LSDB finds other pairs"
    alone = pairs(folder / "Object")
    assert alone < expected, "no pair needs the margin"
    n_tiles = len(opened.get_healpix_pixels())
    return f"{n_tiles} tiles; of {len(expected)} pairs {len(expected - alone)} need the margin"


def write_catalogs(objects: Path, folder: Path) -> dict[str, Path]:
    """Write the objects with hats-import and LSDB; return where, by the name of a table."""
    common = {"output_path": folder, "progress_bar": False, "tmp_dir": folder}
    catalog = {
        "ra_column": "coord_ra",
        "dec_column": "coord_dec",
        "input_file_list": [objects],
        "file_reader": ParquetPyarrowReader(),
        "pixel_threshold": 500,
        "highest_healpix_order": 6,
    }
    collection = CollectionArguments(output_artifact_name="collection", **common)
    collection.catalog(
        output_artifact_name="main",
        row_group_kwargs={"num_rows": 100},
        addl_hats_properties={"hats_cols_default": "objectId coord_ra coord_dec", "obs_title": "Objects"},
        **catalog,
    )
    collection.add_margin(margin_threshold=10.0, is_default=True)
    leaves = ImportArguments(output_artifact_name="leaves", npix_suffix="/", **catalog, **common)
    with Client(n_workers=1, threads_per_worker=1, dashboard_address=None) as client:
        pipeline_with_client(collection, client)
        pipeline_with_client(leaves, client)
    frame = lsdb.from_dataframe(
        pd.read_parquet(objects, dtype_backend="pyarrow"),
        ra_column="coord_ra",
        dec_column="coord_dec",
        partition_rows=500,
        margin_threshold=None,
    )
    frame.to_hats(folder / "of_lsdb", catalog_name="of_lsdb", progress_bar=False)
    return {name: folder / name for name in ("collection", "leaves", "of_lsdb")}


def check_imports(ours: Almagest, folder: Path) -> str:
    """Copy and mount what others wrote of the objects; compare with the objects."""
    objects = folder / "objects.parquet"
    ours.run("query", ours.catalog, "SELECT * FROM Object", "--output", str(objects))
    floats = [f.name for f in pq.read_schema(objects) if str(f.type) in ("float", "double")]
    sums = ", ".join(f"COUNT({name}), ROUND(SUM({name}), 3)" for name in floats[:20])
    numbers = f"SELECT COUNT(*), MIN(objectId), MAX(objectId), {sums} FROM "
    density = "SELECT ivo_healpix_index(3, coord_ra, coord_dec) AS c, COUNT(*) FROM @ GROUP BY c"
    expected = (ours.ask(numbers + "Object"), ours.ask(density.replace("@", "Object")))
    cones = ours.cones("Object")
    catalogs = write_catalogs(objects, folder)
    for name, path in catalogs.items():
        for how in ([], ["--mount"]):
            table = name + "_".join(how).replace("--", "_")
            ours.run("import", "hats", str(path), ours.catalog, "--table", table, *how)
            found = (ours.ask(numbers + table), ours.ask(density.replace("@", table)))
            assert found == expected, f"{table}: {found} for {expected}"
            assert ours.cones(table) == cones, table
    report = ours.run("check", ours.catalog, "--full")
    assert " 0 problems" in report, report
    return f"{', '.join(catalogs)}: copied and mounted, counts, sums and cones agree"


def main(program: str, folder: str) -> None:
    """Check both ways."""
    warnings.simplefilter("ignore")
    root = Path(folder)
    root.mkdir(exist_ok=True)
    ours = Almagest(program, root / "catalog")
    print("export:", check_export(ours, root / "exported"))
    print("import:", check_imports(ours, root))


if __name__ == "__main__":
    main(*sys.argv[1:])
