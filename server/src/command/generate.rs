//! `almagest generate`: a survey of any size, of no real sky.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Instant;

use almagest_generate::{Depth, SurveyConfig, Width, WriteConfig, generate};
use almagest_storage::counted;

use super::{Result, progress};

/// Generate a survey into a catalog: Visit, Object, Source, ForcedSource, DiaObject, DiaSource.
///
/// The tables are Rubin's, in the proportions of its Data Preview 1. The same seed and options give
/// the same rows. The catalog is created where there is none; one that has such a table is refused.
/// 100000 objects are a small survey (12 million rows), 1000000 a standard one.
#[derive(Debug, clap::Args)]
pub struct Generate {
    /// Folder of the catalog.
    catalog: PathBuf,
    /// Rows of Object.
    #[arg(long, value_name = "N")]
    objects: u64,
    /// From which all random numbers come.
    #[arg(long, value_name = "S")]
    seed: u64,
    /// Points of an object's light curve: dp1 (100, and 20 sources), final (810, and 190), or a
    /// number.
    #[arg(long, default_value_t = Depth::DP1)]
    depth: Depth,
    /// Columns of Object, the other tables having at most so many: 12, 40, 100 or 1248.
    #[arg(long, value_name = "COLUMNS", default_value_t = Width::Ordinary)]
    width: Width,
    /// Fields about an object that are visited ten thousand times more.
    #[arg(long, value_name = "K", default_value_t = 0)]
    deep_fields: u32,
    /// H3 resolution of the chunks of a new catalog: 0 (122 chunks) for a laptop's, 3 (41,162) for
    /// a survey's.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=6))]
    resolution: u8,
    /// Name of the schema of a new catalog, by which queries find its tables [default: survey].
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Threads that make rows; 0: one for each core.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    /// Who commits, for the list of versions.
    #[arg(long, value_name = "NAME", default_value = "")]
    author: String,
}

impl Generate {
    /// Generate, and say what was written.
    pub fn run(self) -> Result<()> {
        let start = Instant::now();
        let config = SurveyConfig {
            n_objects: self.objects,
            seed: self.seed,
            depth: self.depth,
            width: self.width,
            n_deep_fields: self.deep_fields,
        };
        let write = WriteConfig {
            n_threads: self.threads,
            resolution: self.resolution,
            name: self.name,
            author: self.author,
            ..WriteConfig::default()
        };
        let bar = progress::steps(self.objects, "objects");
        let report = generate(&self.catalog, &config, &write, &|n_done| {
            bar.set_position(n_done);
            if n_done == config.n_objects {
                bar.set_message("committing");
            }
        });
        bar.finish_and_clear();
        let report = report?;
        let seconds = start.elapsed().as_secs_f64();
        let mut out = io::stdout().lock();
        for (table, n_rows) in &report.n_rows {
            writeln!(out, "{table}: {}", counted(*n_rows, "row"))?;
        }
        let versions: Vec<String> = report.versions.iter().map(u64::to_string).collect();
        writeln!(
            out,
            "{} rows in version {} ({seconds:.1} s, {:.2} million rows/s)",
            report.total_rows(),
            versions.join(", "),
            report.total_rows() as f64 / 1e6 / seconds
        )?;
        Ok(())
    }
}
