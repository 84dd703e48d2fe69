"""Write the HATS catalogs of this folder with hats-import 0.11.1: make.py FOLDER

stars    a collection, catalog and margin: tiles of two orders, row groups of 16 rows, NaN, NULL, text
leaves   a tile is a folder of files; positions of 32 bits; neither `_healpix_29` nor `_metadata`

What no reader needs, as maps of the sky, is removed, so that they are small.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from dask.distributed import Client
from hats_import import pipeline_with_client
from hats_import.catalog.arguments import ImportArguments
from hats_import.catalog.file_readers import ParquetPyarrowReader
from hats_import.collection.arguments import CollectionArguments

N_ROWS = 160


def stars() -> pa.Table:
    """Return stars, most of them in one field about a corner of tiles."""
    draw = np.random.default_rng(7)
    number = np.arange(N_ROWS)
    is_field = number % 20 != 0
    ra = np.where(is_field, 45.0 + draw.normal(0, 0.6, N_ROWS), draw.uniform(0, 90, N_ROWS))
    dec = np.where(is_field, draw.normal(0, 0.6, N_ROWS), draw.uniform(-60, 60, N_ROWS))
    mag = draw.normal(20, 2, N_ROWS).astype("float32")
    mag[::9] = np.nan
    speed = draw.normal(0, 5, N_ROWS)
    speed[::7] = np.nan
    return pa.table({
        "id": pa.array(number + 1000, pa.int64()),
        "ra": pa.array(ra),
        "dec": pa.array(dec),
        "mag_g": pa.array(mag),
        "pmRA": pa.array(speed),
        "n_obs": pa.array(number % 30, pa.int16()),
        "is_var": pa.array(number % 5 == 0),
        "name": pa.array([None if i % 6 == 0 else f"star {i}" for i in number], pa.large_string()),
    })


def main(folder: Path) -> None:
    """Write both."""
    with tempfile.TemporaryDirectory() as tmp, Client(n_workers=1, threads_per_worker=1) as client:
        table = stars()
        pq.write_table(table, f"{tmp}/stars.parquet")
        narrow = table.select(["id", "ra", "dec", "mag_g"])
        single = pa.schema([("id", pa.int64())] + [(n, pa.float32()) for n in ("ra", "dec", "mag_g")])
        pq.write_table(narrow.cast(single), f"{tmp}/narrow.parquet")

        def of(name: str) -> dict[str, object]:
            return {
                "output_artifact_name": name,
                "input_file_list": [f"{tmp}/{'narrow' if name == 'leaves' else 'stars'}.parquet"],
                "file_reader": ParquetPyarrowReader(),
                "pixel_threshold": 60,
                "highest_healpix_order": 4,
            }

        how = {"output_path": folder, "progress_bar": False, "tmp_dir": tmp}
        collection = CollectionArguments(output_artifact_name="stars", **how).catalog(
            row_group_kwargs={"num_rows": 16}, **of("stars_main")
        )
        collection.add_margin(margin_threshold=600.0, output_artifact_name="stars_margin", is_default=True)
        pipeline_with_client(collection, client)
        leaves = ImportArguments(
            add_healpix_29=False, npix_suffix="/", create_metadata=False, **of("leaves"), **how
        )
        pipeline_with_client(leaves, client)
    for name in ("skymap.fits", "point_map.fits", "properties"):
        for path in folder.rglob(name):
            path.unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
