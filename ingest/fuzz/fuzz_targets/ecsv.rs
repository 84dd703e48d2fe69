//! Any bytes, read as ECSV.
//!
//!     cargo +nightly fuzz run ecsv -- -max_total_time=3600 -rss_limit_mb=1024 -timeout=10
//!
//! Seeds are the files of that format in `ingest/tests/data`.

#![no_main]

use almagest_ingest::Format;
use almagest_ingest_fuzz::read_all;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| read_all(bytes, Format::Ecsv));
