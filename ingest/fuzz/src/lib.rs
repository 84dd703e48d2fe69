//! What every target of this folder does with its bytes.

use std::io::Cursor;

use almagest_ingest::format::read_from;
use almagest_ingest::{Format, ReadOptions};

/// Reads `bytes` as a file of `format`: rows or an error, never a panic, in bounded memory.
pub fn read_all(bytes: &[u8], format: Format) {
    let options = ReadOptions {
        format: Some(format),
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
}
