//! Files with bytes changed, cut off and repeated: an error or rows, never a panic, never for long.

use std::fs;
use std::time::{Duration, Instant};

use almagest_ingest::format;
use almagest_ingest::{Format, ReadOptions};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::typed_formats::data;

/// Damaged versions of each file; the longer run is made by hand with a larger number.
const N_DAMAGED: usize = 500;
/// No damaged file of a few kilobytes may take this long.
const LONGEST: Duration = Duration::from_secs(5);

fn damage(bytes: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut damaged = bytes.to_vec();
    for _ in 0..rng.random_range(1..4) {
        if damaged.is_empty() {
            break;
        }
        let place = rng.random_range(0..damaged.len());
        match rng.random_range(0..6) {
            0 => damaged[place] = rng.random(),
            1 => damaged[place] ^= 1 << rng.random_range(0..8),
            2 => damaged.truncate(place),
            3 => {
                let end = (place + rng.random_range(1..100)).min(damaged.len());
                damaged.drain(place..end);
            }
            4 => {
                let end = (place + rng.random_range(1..100)).min(damaged.len());
                let part = damaged[place..end].to_vec();
                damaged.splice(place..place, part);
            }
            // Lengths and counts that lie.
            _ => {
                let end = (place + 4).min(damaged.len());
                let byte = if rng.random() { 0xff } else { b'9' };
                damaged[place..end].fill(byte);
            }
        }
    }
    damaged
}

fn check(name: &str, format: Format) {
    let bytes = fs::read(data(name)).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let options = ReadOptions {
        format: Some(format),
        max_rows: Some(10_000),
        max_bytes: Some(1 << 20),
        ..ReadOptions::default()
    };
    let mut n_refused = 0;
    for _ in 0..N_DAMAGED {
        let damaged = damage(&bytes, &mut rng);
        let start = Instant::now();
        let rows = format::read_from(std::io::Cursor::new(damaged), name, &options);
        let result = rows.and_then(|mut rows| rows.try_for_each(|rows| rows.map(drop)));
        if let Err(error) = result {
            let message = error.to_string();
            assert!(message.starts_with(name), "{message}");
            n_refused += 1;
        }
        assert!(start.elapsed() < LONGEST, "{name}: {:?}", start.elapsed());
    }
    assert!(n_refused > 0, "{name}: the damage was never found");
}

#[test]
fn damaged_votables() {
    for name in [
        "astropy_tabledata.vot",
        "astropy_binary.vot",
        "astropy_binary2.vot",
        "stilts_fits.vot",
        "stilts_binary2.vot",
    ] {
        check(name, Format::Votable);
    }
}

#[test]
fn damaged_fits_files() {
    check("astropy.fits", Format::Fits);
    check("stilts.fits", Format::Fits);
}

#[test]
fn damaged_text() {
    check("astropy.ecsv", Format::Ecsv);
    check("pandas.jsonl", Format::JsonLines);
}

#[test]
fn damaged_arrow_and_parquet() {
    check("pyarrow.arrow", Format::Arrow);
    check("pyarrow.arrows", Format::Arrow);
    check("pandas.parquet", Format::Parquet);
}
