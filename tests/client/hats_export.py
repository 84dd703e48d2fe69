"""A table that `almagest export hats` wrote, as hats and LSDB read it.

    hats_export.py HATS_FOLDER CATALOG ALMAGEST TABLE ID

Needs lsdb (tests/bench/requirements.txt). Fails where the export is not valid, lacks rows, or answers a
cone otherwise than the catalog does.
"""

import csv
import io
import subprocess
import sys

import hats
import lsdb
from hats.io.validation import is_valid_catalog


def main(folder: str, catalog: str, almagest: str, table: str, row_id: str) -> None:
    """Compare the export with the catalog."""

    def ask(adql: str) -> list[list[str]]:
        out = subprocess.run(
            [almagest, "query", catalog, adql, "--format", "csv"], check=True, capture_output=True, text=True
        )
        return list(csv.reader(io.StringIO(out.stdout)))[1:]

    assert is_valid_catalog(folder, strict=True), "not a valid HATS catalog"
    info = hats.read_hats(folder).catalog_info
    n_rows = int(ask(f"SELECT COUNT(*) FROM {table}")[0][0])
    assert info.total_rows == n_rows, (info.total_rows, n_rows)
    ra, dec = info.ra_column, info.dec_column
    opened = lsdb.open_catalog(folder, columns=[row_id, ra, dec])
    assert len(opened.compute()) == n_rows
    center = ask(f"SELECT TOP 1 {ra}, {dec} FROM {table} ORDER BY {row_id}")[0]
    lon, lat = float(center[0]), float(center[1])
    n_compared = 0
    for radius in (0.01, 0.3, 5.0):
        found = opened.cone_search(lon, lat, radius * 3600).compute()
        ours = ask(f"SELECT {row_id} FROM {table} WHERE DISTANCE({ra}, {dec}, {lon!r}, {lat!r}) < {radius!r}")
        assert sorted(found[row_id].tolist()) == sorted(int(row[0]) for row in ours), radius
        n_compared += len(ours)
    print(f"{n_rows} rows in {len(opened.get_healpix_pixels())} tiles; {n_compared} rows of three cones agree")


if __name__ == "__main__":
    main(*sys.argv[1:])
