"""What the machine can do: the bounds beside which the times are read."""

import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

N_VALUES = 10_000_000


def describe() -> dict[str, str | int]:
    """Return what the machine is."""
    cpu = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": cpu,
        "cores_used": len(os.sched_getaffinity(0)),
        "memory_gb": round(memory / 1e9),
        "system": f"{platform.system()} {platform.release()}",
    }


def measure_bounds(folder: Path, large_file: str) -> dict[str, float]:
    """Measure GB/s of memory, of Parquet decoding on one core, and of the disk."""
    bounds = {"memory copy": _memory()}
    random = np.random.default_rng(1)
    floats = random.normal(1000.0, 300.0, N_VALUES).astype(np.float32)
    keys = np.sort(random.integers(0, 12 << 58, N_VALUES))
    kinds = [
        ("float32 zstd", floats, {"compression": "zstd", "use_dictionary": False}),
        ("float32 plain", floats, {"compression": "none", "use_dictionary": False}),
        ("sorted int64 zstd", keys, {"compression": "zstd", "use_dictionary": False}),
        (
            "sorted int64 delta",
            keys,
            {
                "compression": "none",
                "use_dictionary": False,
                "column_encoding": {"a": "DELTA_BINARY_PACKED"},
            },
        ),
    ]
    path = folder / "decode.parquet"
    for name, values, options in kinds:
        pq.write_table(pa.table({"a": values}), path, **options)
        best = min(_timed(lambda: pq.read_table(path, use_threads=False)) for _ in range(3))
        bounds[name] = values.nbytes / best / 1e9
    path.unlink()
    bounds["disk read"] = _disk(large_file)
    return {name: round(value, 2) for name, value in bounds.items()}


def _memory() -> float:
    source = np.ones(64 << 20)
    target = np.zeros_like(source)
    best = min(_timed(lambda: np.copyto(target, source)) for _ in range(5))
    # Read once and written once.
    return 2 * source.nbytes / best / 1e9


def _disk(path: str) -> float:
    """Read a file that the system was told to forget."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        n_bytes = 0
        begin = time.perf_counter()
        while n_bytes < 1 << 30 and (block := os.read(descriptor, 8 << 20)):
            n_bytes += len(block)
        return n_bytes / (time.perf_counter() - begin) / 1e9
    finally:
        os.close(descriptor)


def _timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin
