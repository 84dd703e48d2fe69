//! Generates a survey: any number of objects with their light curves, as Rubin's tables have them.
//!
//! ```text
//!   seed ─▶ sky ────▶ positions of the objects      plane, caps, poles, pairs
//!        ─▶ population ─▶ what they are             stars, galaxies, what varies
//!        ─▶ cadence ──▶ visits                      fields, nights, bands, depths
//!                         └─▶ rows ─▶ transaction ─▶ Visit, Object, Source, ForcedSource,
//!                                                    DiaObject, DiaSource
//! ```
//!
//! The same seed and options give the same rows, whatever the number of threads, the size of the
//! batches and the chunks of the catalog; each object's rows can be made alone. Nothing larger than
//! the list of visits is held in memory.
//!
//! Read in this order: [`SurveyConfig`], [`Survey`], [`generate()`].
//!
//! What this crate does not do: make pixels (that is the simulator of `almagest-pipeline`), or know
//! files (it writes through `almagest-ingest`, like any producer).
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::path::Path;
//!
//! use almagest_generate::{SurveyConfig, WriteConfig, generate};
//!
//! let config = SurveyConfig::new(100_000, 42);
//! let report = generate(Path::new("catalog"), &config, &WriteConfig::default(), &|_| {})?;
//! println!("{} rows", report.total_rows());
//! # Ok(())
//! # }
//! ```

pub mod config;
pub mod generate;
pub mod rows;
pub mod schema;
pub mod sky;
pub mod band;
pub mod error;

mod cadence;
mod draws;
mod focal_plane;
mod photometry;
mod population;
mod units;

pub use config::{Depth, SurveyConfig, Width, WriteConfig};
pub use error::{Error, Result};
pub use generate::{GenerateReport, generate, make_rows};
pub use rows::Survey;
