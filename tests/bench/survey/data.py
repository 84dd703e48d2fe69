"""The rows that all ask: surveys that `almagest generate` makes, and what is brought along.

FOLDER/SIZE/survey      the survey: as many Objects as the size says, 20 Sources and 100
                            ForcedSources each, tables of 40 columns
FOLDER/SIZE/child       20 ForcedSources an Object, tables of 12 columns
FOLDER/SIZE/wide        all 1,248 columns of few Objects
FOLDER/SIZE/chunks      chunks of a survey's size (H3 resolution 3)
FOLDER/SIZE/grown-N     N Objects with a point each, to see what grows
FOLDER/SIZE/brought     ids and places that queries bring along, as Parquet
"""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SEED = 42
SIZES = {"small": 100_000, "standard": 1_000_000}
N_PLACES = 21
"""Questions of one kind: as many ids or places, so that no answer is merely repeated."""
CHUNKED = 100_000
"""Objects in chunks of a survey's size: at least one in nearly each of the 41,162."""
N_CURVES = 100_000
"""Objects of the largest set of light curves."""


@dataclass
class Sized:
    """Data of one size in a folder."""

    folder: Path
    size: str

    @property
    def n_objects(self) -> int:
        """Return the number of Objects."""
        return SIZES[self.size]


class Data(Sized):
    """The surveys of one size, and what is asked of them."""

    @property
    def grown(self) -> list[int]:
        """Return the numbers of Objects with which growth is shown."""
        return [n for n in (10_000, 100_000, 1_000_000) if n >= self.n_objects // 10]

    @property
    def root(self) -> Path:
        """Return the folder of this size."""
        return self.folder / self.size

    def catalog(self, name: str) -> Path:
        """Return the folder of a catalog."""
        return self.root / name

    def files(self, catalog: str, table: str) -> list[str]:
        """Return the Parquet files of a table."""
        return sorted(str(path) for path in (self.root / catalog / "data" / table).glob("*"))

    def tables(self, catalog: str) -> list[str]:
        """Return the tables of a catalog that have rows."""
        return sorted(path.name for path in (self.root / catalog / "data").iterdir())

    def brought(self, name: str) -> str:
        """Return the file of rows that queries bring along."""
        return str(self.root / "brought" / f"{name}.parquet")

    def facts(self) -> dict:
        """Return what was chosen: ids, places, limits."""
        return json.loads((self.root / "brought" / "facts.json").read_text())

    def generate(self, almagest: str) -> None:
        """Make the catalogs that are not there yet."""
        n = self.n_objects
        thin = ["--width", "12", "--depth", "1"]
        self._generate(almagest, "survey", n, "--width", "40")
        self._generate(almagest, "child", n, "--width", "12", "--depth", "20")
        self._generate(almagest, "wide", n // 50, "--width", "1248", "--depth", "1")
        self._generate(almagest, "chunks", CHUNKED, *thin, "--resolution", "3")
        for grown in self.grown:
            self._generate(almagest, f"grown-{grown}", grown, *thin)

    def _generate(self, almagest: str, name: str, n_objects: int, *options: str) -> None:
        path = self.catalog(name)
        if path.exists():
            return
        # A run that was stopped leaves nothing that looks whole.
        unfinished = path.with_name(f"{name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        print(f"generating {name}: {n_objects} Objects", flush=True)
        count = ["--objects", str(n_objects), "--seed", str(SEED)]
        subprocess.run([almagest, "generate", str(unfinished), *count, *options], check=True)
        unfinished.rename(path)

    def choose(self) -> None:
        """Choose ids and places, and write what queries bring along."""
        if Path(self.root / "brought" / "facts.json").exists():
            return
        print("choosing ids and places", flush=True)
        (self.root / "brought").mkdir(exist_ok=True)
        con = duckdb.connect()
        random = np.random.default_rng(SEED)
        ids, ra, dec = self._objects(con, "survey")
        some = random.permutation(len(ids))
        curves = ids[some[:N_CURVES]]
        self._bring("curves_1000", objectId=curves[:1000])
        self._bring("curves_100000", objectId=curves)
        self._bring("ids_10000", objectId=ids[random.permutation(len(ids))[:10_000]])
        for n in (10_000, 1_000_000):
            self._bring_places(f"places_{n}", random, ra, dec, n)
        places = [(float(ra[i]), float(dec[i])) for i in some[:N_PLACES]]
        facts = {
            "ids": [int(number) for number in curves[:N_PLACES]],
            "places": places,
            "wide_ids": self._ids_of(con, "wide"),
            "limits": self._limits(con),
        }
        for grown in self.grown:
            name = f"grown-{grown}"
            facts[name] = self._ids_of(con, name)
            _, ra, dec = self._objects(con, name)
            self._bring_places(f"places_{name}", random, ra, dec, 10_000)
            of = random.integers(0, len(ra), N_PLACES)
            facts[f"places_{name}"] = [(float(ra[i]), float(dec[i])) for i in of]
        (self.root / "brought" / "facts.json").write_text(json.dumps(facts, indent=1))

    def _objects(self, con: duckdb.DuckDBPyConnection, catalog: str) -> list[np.ndarray]:
        """Return objectId, coord_ra and coord_dec of all Objects."""
        files = self.files(catalog, "Object")
        sql = f"SELECT objectId, coord_ra, coord_dec FROM read_parquet({files!r}) ORDER BY objectId"
        objects = con.sql(sql).to_arrow_table()
        return [objects[name].to_numpy() for name in objects.column_names]

    def _bring(self, name: str, **columns: np.ndarray) -> None:
        pq.write_table(pa.table(columns), self.brought(name))

    def _bring_places(
        self, name: str, random: np.random.Generator, ra: np.ndarray, dec: np.ndarray, n: int
    ) -> None:
        """Write places: four in five beside an Object by a third of a second, others anywhere."""
        near = random.random(n) < 0.8
        of = random.integers(0, len(ra), n)
        off = random.normal(0.0, 0.3 / 3600, (2, n))
        any_dec = np.degrees(np.arcsin(random.uniform(-1, 1, n)))
        new_dec = np.clip(np.where(near, dec[of] + off[0], any_dec), -90.0, 90.0)
        shrunk = np.maximum(np.cos(np.radians(new_dec)), 1e-9)
        new_ra = np.where(near, ra[of] + off[1] / shrunk, random.uniform(0, 360, n)) % 360.0
        self._bring(name, id=np.arange(n, dtype=np.int64), ra=new_ra, dec=new_dec)

    def _ids_of(self, con: duckdb.DuckDBPyConnection, catalog: str) -> list[int]:
        files = self.files(catalog, "Object")
        sql = f"SELECT objectId FROM read_parquet({files!r}) ORDER BY hash(objectId) LIMIT ?"
        return [row[0] for row in con.execute(sql, [N_PLACES]).fetchall()]

    def _limits(self, con: duckdb.DuckDBPyConnection) -> dict[str, float]:
        """Return fluxes from the median up: that of one Source in 10,000, and of one in ten.

        Sources of such a flux are everywhere, so that no statistics spare reading a part.
        """
        sql = "SELECT quantile_cont(psfFlux, [0.5, 0.5001, 0.6]) FROM read_parquet(?)"
        median, rare, tenth = con.execute(sql, [self.files("survey", "Source")]).fetchone()[0]
        return {"median": median, "rare": rare, "tenth": tenth}
