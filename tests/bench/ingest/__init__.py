"""The benchmark of ingest; see `tests/bench/run`."""
