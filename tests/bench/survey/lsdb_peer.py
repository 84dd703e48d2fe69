"""LSDB on the same Objects as HATS, with margins as wide as the widest match."""

import shutil
import warnings
from typing import Any

import dask
import lsdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from .data import Data
from .measure import Answer, Missing, Request, measure
from .tree import COLUMNS

MARGIN_ARCSEC = 70.0
N_PARTITIONS = 12
"""As many as cover the sky: each costs some milliseconds, whatever it holds."""


def write_hats(data: Data, path: str) -> None:
    """Write the Objects as a HATS collection with its margin."""
    shutil.rmtree(path, ignore_errors=True)
    objects = pq.read_table(data.files("survey", "Object"), columns=COLUMNS).to_pandas()
    catalog = lsdb.from_dataframe(
        objects,
        ra_column="coord_ra",
        dec_column="coord_dec",
        partition_rows=max(25_000, 3 * data.n_objects // N_PARTITIONS),
        margin_threshold=MARGIN_ARCSEC,
        catalog_name="objects",
    )
    catalog.to_hats(path, catalog_name="objects", progress_bar=False)


class Lsdb:
    """Answers questions that are calls of its methods: `{"do": "cone", "ra": …}`."""

    def __init__(self, data: Data) -> None:
        warnings.simplefilter("ignore")
        dask.config.set(scheduler="threads", num_workers=2)
        path = data.root / "hats"
        if not path.exists():
            unfinished = f"{path}.unfinished"
            write_hats(data, unfinished)
            shutil.move(unfinished, path)
        self.objects = lsdb.open_catalog(str(path))
        self.n_objects = data.n_objects
        self.mine: Any = None

    def ask(self, request: Request) -> Answer:
        """Time a method: from the plan to a data frame."""
        if request.catalog != "survey":
            raise Missing("not written as HATS")
        for path in request.uploads.values():
            self.mine = lsdb.from_dataframe(
                pq.read_table(path).to_pandas(),
                ra_column="ra",
                dec_column="dec",
                margin_threshold=None,
                catalog_name="mine",
            )
        return measure(self._run, self._table, request)

    def _run(self, question: dict[str, Any]) -> pd.DataFrame | int:
        arguments = {name: value for name, value in question.items() if name != "do"}
        return getattr(self, question["do"])(**arguments)

    def _table(self, question: dict[str, Any]) -> pa.Table:
        answer = self._run(question)
        if isinstance(answer, int):
            return pa.table({"n": [answer]})
        return pa.Table.from_pandas(pd.DataFrame(answer), preserve_index=False)

    def cone(self, ra: float, dec: float, radius: float) -> pd.DataFrame:
        """Return the Objects in a cone."""
        found = self.objects.cone_search(ra, dec, radius * 3600).compute(progress_bar=False)
        return found[COLUMNS]

    def pairs(self, radius: float) -> int:
        """Count the pairs of Objects."""
        # As many neighbours as the middle of a cluster has.
        most = 8 if radius < 1e-3 else 20 + self.n_objects // 10_000
        both = self.objects.crossmatch(
            self.objects,
            n_neighbors=most,
            radius_arcsec=radius * 3600,
            suffixes=("_1", "_2"),
            suffix_method="all_columns",
        ).compute(progress_bar=False)
        return int((both["objectId_1"] < both["objectId_2"]).sum())

    def best(self, radius: float) -> pd.DataFrame:
        """Return the nearest Object of each place that has one."""
        return self._match(radius, 1)

    def match_all(self, radius: float) -> pd.DataFrame:
        """Return all pairs of a place and an Object."""
        return self._match(radius, 8)

    def _match(self, radius: float, n_neighbors: int) -> pd.DataFrame:
        found = self.mine.crossmatch(
            self.objects,
            n_neighbors=n_neighbors,
            radius_arcsec=radius * 3600,
            suffix_method="overlapping_columns",
        ).compute(progress_bar=False)
        return found[["id", "objectId"]]
