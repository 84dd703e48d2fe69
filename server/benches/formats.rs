//! How fast each format is written: rows a second on one core, and bytes a row.
//!
//!     cargo bench -p almagest-server --bench formats
//!
//! Rows are ten numeric columns as of a catalog of sources (two 64-bit integers, two positions in
//! double precision, five fluxes in single precision, a 16-bit integer; one in fifty fluxes is
//! absent), then the same with a string, a time and a truth value. They are made from a fixed seed,
//! before the clock starts. The time is that which the processor gave to the thread, so that other work
//! on the machine disturbs little.

use std::sync::Arc;
use std::time::{Duration, Instant};

use almagest_engine::arrow::array::{
    ArrayRef, BooleanArray, Float32Array, Float64Array, Int16Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};
use almagest_engine::arrow::record_batch::RecordBatch;
use almagest_server::dali::Format;
use almagest_server::formats::{Ending, Provenance, encoder};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Rows of a batch, as the engine makes them.
const BATCH_ROWS: usize = 8192;
const BATCHES: usize = 16;
const SEED: u64 = 20_261_121;
/// How long a format is measured at least.
const DURATION: Duration = Duration::from_secs(1);

fn main() -> almagest_server::Result<()> {
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let mut batches = |is_mixed| -> almagest_server::Result<Vec<RecordBatch>> {
        (0..BATCHES).map(|_| batch(&mut random, is_mixed)).collect()
    };
    for (title, is_mixed) in [("10 numeric columns", false), ("13 columns, mixed", true)] {
        let batches = batches(is_mixed)?;
        println!(
            "{title}\n{:<18} {:>16} {:>14} {:>10}",
            "format", "million rows/s", "bytes/row", "MB/s"
        );
        for format in Format::ALL {
            let (rows, bytes, time) = measure(format, &batches)?;
            println!(
                "{:<18} {:>16.2} {:>14.1} {:>10.0}",
                format!("{format:?}"),
                rows as f64 / time.as_secs_f64() / 1e6,
                bytes as f64 / rows as f64,
                bytes as f64 / time.as_secs_f64() / 1e6,
            );
        }
        println!();
    }
    Ok(())
}

/// Write the batches over and over; return rows, bytes and the time they took.
fn measure(
    format: Format,
    batches: &[RecordBatch],
) -> almagest_server::Result<(u64, u64, Duration)> {
    let schema = batches[0].schema();
    let (mut rows, mut bytes) = (0, 0);
    let (begin, processor) = (Instant::now(), processor_time());
    let mut writer = encoder(format, &schema, &Provenance::default(), &std::env::temp_dir())?;
    bytes += writer.begin()?.len() as u64;
    while begin.elapsed() < DURATION {
        for batch in batches {
            bytes += writer.rows(batch)?.len() as u64;
            rows += batch.num_rows() as u64;
        }
    }
    bytes += writer.end(&Ending::Complete)?.len() as u64;
    while let Some(part) = writer.more()? {
        bytes += part.len() as u64;
    }
    let time = match (processor, processor_time()) {
        (Some(begin), Some(end)) => end - begin,
        _ => begin.elapsed(),
    };
    Ok((rows, bytes, time))
}

/// The processor time of this thread so far, where the system tells it (Linux).
fn processor_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(text.split(' ').next()?.parse().ok()?))
}

fn batch(random: &mut ChaCha8Rng, is_mixed: bool) -> almagest_server::Result<RecordBatch> {
    let n = BATCH_ROWS;
    let mut columns: Vec<(String, ArrayRef)> = Vec::new();
    for name in ["id", "parent"] {
        let values = (0..n).map(|_| random.random_range(0..1_i64 << 60));
        columns.push((name.to_owned(), Arc::new(Int64Array::from_iter_values(values))));
    }
    for (name, range) in [("ra", 0.0..360.0), ("dec", -90.0..90.0)] {
        let values = (0..n).map(|_| random.random_range(range.clone()));
        columns.push((name.to_owned(), Arc::new(Float64Array::from_iter_values(values))));
    }
    for band in ["u", "g", "r", "i", "z"] {
        let values = (0..n).map(|_| {
            let flux = random.random_range(-50.0..5000.0_f32);
            (!random.random_bool(0.02)).then_some(flux)
        });
        columns.push((format!("{band}_psfFlux"), Arc::new(Float32Array::from_iter(values))));
    }
    let values = (0..n).map(|_| random.random_range(0..189_i16));
    columns.push(("detector".to_owned(), Arc::new(Int16Array::from_iter_values(values))));
    if is_mixed {
        let bands = ["u", "g", "r", "i", "z", "y"];
        let values = (0..n).map(|_| bands[random.random_range(0..bands.len())]);
        columns.push(("band".to_owned(), Arc::new(StringArray::from_iter_values(values))));
        let values =
            (0..n).map(|_| random.random_range(1_700_000_000_000_000..1_800_000_000_000_000));
        let times = TimestampMicrosecondArray::from_iter_values(values);
        columns.push(("created".to_owned(), Arc::new(times)));
        let flags = (0..n).map(|_| Some(random.random_bool(0.1)));
        columns.push(("flag".to_owned(), Arc::new(BooleanArray::from_iter(flags))));
    }
    Ok(RecordBatch::try_from_iter(columns)?)
}
