//! Any bytes, read as VOTables, in all serializations: rows or an error, never a panic, in bounded memory.
//!
//!     cargo +nightly fuzz run votable -- -max_total_time=3600 -rss_limit_mb=1024 -timeout=10
//!
//! Seeds are the files of that format in `ingest/tests/data`.

#![no_main]

use std::io::Cursor;

use almagest_ingest::format::read_from;
use almagest_ingest::{Format, ReadOptions};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let options = ReadOptions {
        format: Some(Format::Votable),
        max_rows: Some(10_000),
        max_bytes: Some(1 << 20),
        ..ReadOptions::default()
    };
    // Only a reader that can be opened has rows; the first error ends it.
    if let Ok(reader) = read_from(Cursor::new(bytes.to_vec()), "fuzzed", &options) {
        for rows in reader {
            match rows {
                Ok(rows) => assert_eq!(rows.batch.num_columns(), rows.batch.schema().fields().len()),
                Err(_) => break,
            }
        }
    }
});
