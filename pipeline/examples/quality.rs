//! Measure the quality of a catalog and write the report.
//!
//! ```text
//! cargo run --release -p almagest-pipeline --example quality -- CATALOG REPORT_DIR [TRUTH_DIR]
//! ```

use std::error::Error;
use std::path::{Path, PathBuf};

use almagest_pipeline::quality::metric::Status;
use almagest_pipeline::quality::{QualityConfig, qa};
use almagest_storage::CatalogStore;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let (Some(catalog), Some(folder)) = (arguments.get(1), arguments.get(2)) else {
        return Err("usage: quality CATALOG REPORT_DIR [TRUTH_DIR]".into());
    };
    let start = std::time::Instant::now();
    let store = CatalogStore::open(Path::new(catalog))?;
    let config = QualityConfig { truth: arguments.get(3).map(PathBuf::from), ..Default::default() };
    let outcome = qa(&store, &config, Path::new(folder))?;
    for metric in &outcome.quality.metrics {
        println!(
            "{:18} {:>3} {:>12} {:15} {:?}",
            metric.requirement.name,
            metric.scope.band.as_deref().unwrap_or_default(),
            metric.scope.visit.map(|visit| visit.to_string()).unwrap_or_default(),
            metric.status(outcome.quality.level),
            metric.measure
        );
    }
    println!(
        "{} fail, {} pass; {} ({:.1} s)",
        outcome.quality.count(Status::Fail),
        outcome.quality.count(Status::Pass),
        outcome.page.display(),
        start.elapsed().as_secs_f64()
    );
    Ok(())
}
