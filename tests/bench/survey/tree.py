"""scipy's k-d tree on unit vectors, and numpy on whole columns: everything in memory."""

import time
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.spatial import cKDTree

from .data import Data
from .measure import Answer, Request, measure
from .sky_sql import vector

THREADS = 2
COLUMNS = ["objectId", "coord_ra", "coord_dec", "g_psfFlux", "r_psfFlux"]


def vectors(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """Return unit vectors of positions in degrees, shape (n, 3)."""
    ra, dec = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=1)


def chord(degrees: float) -> float:
    """Return the chord of an angle on the unit sphere."""
    return 2.0 * np.sin(np.radians(degrees) / 2.0)


def read(data: Data, catalog: str, table: str, columns: list[str]) -> pa.Table:
    """Read columns of a table."""
    return pq.read_table(data.files(catalog, table), columns=columns)


class Tree:
    """Answers questions that are calls of its methods: `{"do": "cone", "ra": …}`."""

    def __init__(self, data: Data) -> None:
        self.data = data
        self.catalog = ""
        self.uploads: dict[str, pa.Table] = {}
        self.sources: dict[str, np.ndarray] = {}

    def ask(self, request: Request) -> Answer:
        """Time a method: from places in degrees to numbers of rows, or rows, in memory."""
        self._load(request.catalog)
        self.uploads = {name: pq.read_table(path) for name, path in request.uploads.items()}
        for question in request.questions:
            if question["do"] in ("sources_near", "count_sources", "map"):
                self._load_sources(question["do"] == "map")
        answer = measure(self._run, self._run, request)
        if self.build_ms:
            answer.note = f"after {self.build_ms:.0f} ms to build the tree"
            self.build_ms = 0.0
        return answer

    def _run(self, question: dict[str, Any]) -> pa.Table:
        arguments = {name: value for name, value in question.items() if name != "do"}
        return getattr(self, question["do"])(**arguments)

    def _load(self, catalog: str) -> None:
        if catalog == self.catalog:
            return
        self.objects = read(self.data, catalog, "Object", COLUMNS).combine_chunks()
        self.ids = self.objects["objectId"].to_numpy()
        columns = (self.objects[name].to_numpy() for name in ("coord_ra", "coord_dec"))
        begin = time.perf_counter()
        self.vectors = vectors(*columns)
        self.tree = cKDTree(self.vectors)
        self.build_ms = (time.perf_counter() - begin) * 1e3
        self.catalog = catalog

    def _load_sources(self, only_key: bool) -> None:
        names = ["_healpix_29"] if only_key else ["sourceId", "coord_ra", "coord_dec"]
        if names[0] not in self.sources:
            table = read(self.data, "survey", "Source", names)
            # What the other class needs goes: both together are large.
            self.sources = {name: table[name].to_numpy() for name in names}
            if only_key:
                self.sources["_healpix_29"].sort()

    def _mine(self) -> tuple[np.ndarray, np.ndarray]:
        mine = self.uploads["mine"]
        return mine["id"].to_numpy(), vectors(mine["ra"].to_numpy(), mine["dec"].to_numpy())

    def cone(self, ra: float, dec: float, radius: float) -> pa.Table:
        """Return the Objects in a cone."""
        found = self.tree.query_ball_point(vector(ra, dec), chord(radius))
        return self.objects.take(pa.array(np.sort(np.asarray(found, dtype=int))))

    def pairs(self, radius: float) -> pa.Table:
        """Count the pairs of Objects."""
        found = self.tree.query_pairs(chord(radius), output_type="ndarray")
        return pa.table({"n": [len(found)]})

    def best(self, radius: float) -> pa.Table:
        """Return the nearest Object of each place that has one."""
        numbers, places = self._mine()
        near, found = self.tree.query(places, distance_upper_bound=chord(radius), workers=THREADS)
        has = np.isfinite(near)
        return pa.table({"id": numbers[has], "objectId": self.ids[found[has]]})

    def match_all(self, radius: float) -> pa.Table:
        """Return all pairs of a place and an Object."""
        numbers, places = self._mine()
        found = cKDTree(places).sparse_distance_matrix(
            self.tree, chord(radius), output_type="ndarray"
        )
        return pa.table({"id": numbers[found["i"]], "objectId": self.ids[found["j"]]})

    def nearest(self, k: int) -> pa.Table:
        """Return the k nearest Objects of each place."""
        numbers, places = self._mine()
        _, found = self.tree.query(places, k=k, workers=THREADS)
        flat = self.ids[np.asarray(found).reshape(-1)]
        return pa.table({"id": np.repeat(numbers, k), "objectId": flat})

    def nearest_one(self, ra: float, dec: float) -> pa.Table:
        """Return the Object nearest to a place."""
        _, found = self.tree.query(vector(ra, dec))
        return pa.table({"objectId": self.ids[[found]]})

    def sources_near(self, ra: float, dec: float, radius: float, near: float) -> pa.Table:
        """Return the pairs of an Object in a cone and a Source beside it."""
        if "tree" not in self.sources:
            self.sources["vectors"] = vectors(self.sources["coord_ra"], self.sources["coord_dec"])
            self.sources["tree"] = cKDTree(self.sources["vectors"], balanced_tree=False)
        of = np.asarray(self.tree.query_ball_point(vector(ra, dec), chord(radius)), dtype=int)
        found = self.sources["tree"].query_ball_point(self.vectors[of], chord(near))
        lengths = np.fromiter(map(len, found), dtype=int, count=len(found))
        flat = np.concatenate([np.asarray(one, dtype=int) for one in found])
        return pa.table(
            {
                "objectId": np.repeat(self.ids[of], lengths),
                "sourceId": self.sources["sourceId"][flat],
            }
        )

    def count_sources(self, radius: float) -> pa.Table:
        """Count the pairs of an Object and a Source."""
        total = 0
        ra, dec = self.sources["coord_ra"], self.sources["coord_dec"]
        # In parts, as the vectors of all and their lists are large.
        for begin in range(0, len(ra), 2_000_000):
            places = vectors(ra[begin : begin + 2_000_000], dec[begin : begin + 2_000_000])
            total += self.tree.query_ball_point(
                places, chord(radius), workers=THREADS, return_length=True
            ).sum()
        return pa.table({"n": [int(total)]})

    def map(self, order: int) -> pa.Table:
        """Count the Sources of each HEALPix cell, from the sorted key in memory."""
        cells = self.sources["_healpix_29"] >> (2 * (29 - order))
        starts = np.concatenate([[0], np.flatnonzero(cells[1:] != cells[:-1]) + 1])
        return pa.table({"cell": cells[starts], "n": np.diff(starts, append=len(cells))})
