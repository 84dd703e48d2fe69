//! Measures the generator: rows alone, or into a new catalog.
//!
//!     cargo run -p almagest-generate --example generate -- 100000 42            # rows alone
//!     cargo run -p almagest-generate --example generate -- 100000 42 CATALOG    # and written

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use almagest_generate::{SurveyConfig, WriteConfig, generate, make_rows};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [n_objects, seed, rest @ ..] = &arguments[..] else {
        return Err("usage: generate OBJECTS SEED [CATALOG [WIDTH [DEPTH]]]".into());
    };
    let mut config = SurveyConfig::new(n_objects.parse()?, seed.parse()?);
    if let Some(width) = rest.get(1) {
        config.width = width.parse()?;
    }
    if let Some(depth) = rest.get(2) {
        config.depth = depth.parse()?;
    }
    let write = WriteConfig::default();
    let start = Instant::now();
    match rest.first().filter(|catalog| *catalog != "-") {
        None => {
            let (n_rows, n_bytes) = make_rows(&config, &write)?;
            let seconds = start.elapsed().as_secs_f64();
            println!(
                "{n_rows} rows, {} MB in {seconds:.2} s: {:.2} M rows/s, {:.0} MB/s",
                n_bytes / 1_000_000,
                n_rows as f64 / 1e6 / seconds,
                n_bytes as f64 / 1e6 / seconds
            );
        }
        Some(catalog) => {
            let report = generate(Path::new(catalog), &config, &write, &|_| {})?;
            let seconds = start.elapsed().as_secs_f64();
            for (table, n_rows) in &report.n_rows {
                println!(
                    "{table:14} {n_rows:12}  {:.3} an object",
                    *n_rows as f64 / config.n_objects as f64
                );
            }
            let n_rows = report.total_rows() as f64;
            println!("{seconds:.2} s: {:.2} M rows/s", n_rows / 1e6 / seconds);
        }
    }
    Ok(())
}
