//! How far a running query is with its scans.
//!
//! A file of a table holds one chunk or many, and its rows lie in the order of the chunks. What is
//! known of a scan is how many of its files are done, and how many rows have come out; the chunks that
//! are done follow from these. Pages that cannot match are skipped, so that rows alone would never
//! reach their number.

use std::fmt;
use std::sync::Arc;

use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::ExecutionPlan;

/// What a scan reads of a file; travels with the file in the plan.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Planned {
    /// Chunks.
    pub n_chunks: u64,
    /// Rows that are read of these chunks.
    pub n_rows: u64,
    /// Rows of them, about, that lie in the region or have the ids that are asked for.
    pub n_matching: f64,
}

/// Tells how far a query is, while it runs and after.
#[derive(Clone)]
pub struct Progress(Arc<dyn ExecutionPlan>);

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Progress({:?})", self.scanned())
    }
}

/// How far a query is with its scans, all tables together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scanned {
    /// Chunks that were to be read when the query was planned: what may hold rows of its regions.
    pub chunks_planned: u64,
    /// Chunks of these that have been read.
    pub chunks_done: u64,
    /// Rows that have been read.
    pub n_rows: u64,
    /// Bytes that have been read from files.
    pub n_bytes: u64,
}

impl Progress {
    pub(crate) fn of(plan: Arc<dyn ExecutionPlan>) -> Self {
        Self(plan)
    }

    /// Look how far the query is.
    pub fn scanned(&self) -> Scanned {
        let mut sum = Scanned::default();
        let mut nodes = vec![&self.0];
        while let Some(node) = nodes.pop() {
            nodes.extend(node.children());
            if let Some(scan) = node.downcast_ref::<DataSourceExec>() {
                add(&mut sum, scan);
            }
        }
        sum
    }
}

fn add(sum: &mut Scanned, scan: &DataSourceExec) {
    let Some(config) = scan.data_source().downcast_ref::<FileScanConfig>() else { return };
    let parts: Vec<&PartitionedFile> =
        config.file_groups.iter().flat_map(|group| group.files()).collect();
    let planned = |value: fn(&Planned) -> u64| -> f64 {
        parts.iter().filter_map(|part| Some(value(part.extension()?) as f64 * share(part))).sum()
    };
    let n_chunks = planned(|planned| planned.n_chunks);
    sum.chunks_planned += n_chunks.round() as u64;
    let Some(metrics) = scan.metrics() else { return };
    let count = |name: &str| metrics.sum_by_name(name).map_or(0, |value| value.as_usize());
    let n_rows = metrics.output_rows().unwrap_or(0);
    let by_files = count("files_processed") as f64 / parts.len().max(1) as f64;
    let by_rows = n_rows as f64 / planned(|planned| planned.n_rows).max(1.0);
    sum.chunks_done += (n_chunks * by_files.max(by_rows).min(1.0)).round() as u64;
    sum.n_rows += n_rows as u64;
    sum.n_bytes += count("bytes_scanned") as u64;
}

/// The share of a file that a part of it is: DataFusion may cut a file by its bytes.
fn share(part: &PartitionedFile) -> f64 {
    match &part.range {
        Some(range) => (range.end - range.start) as f64 / part.object_meta.size.max(1) as f64,
        None => 1.0,
    }
}
