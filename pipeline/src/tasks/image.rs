//! The images of which a task reads tables, in the order in which they were taken.

use std::collections::HashMap;

use arrow::array::RecordBatch;

use super::columns::{integers, numbers, texts};
use crate::butler::DatasetRef;
use crate::connections::Inputs;
use crate::error::Result;

/// A table of one image, and what is known of the image.
pub(super) struct ImageTable<'a> {
    /// The dataset of the table.
    pub dataset: &'a DatasetRef,
    pub visit: i64,
    pub detector: i64,
    /// Middle of the exposure, MJD TAI.
    pub mid_mjd: f64,
    /// Did the catalog have these very rows of the image before this run?
    pub is_known: bool,
    /// Its row of VisitDetector.
    pub row: &'a RecordBatch,
    /// The table.
    pub table: &'a RecordBatch,
}

/// Checksums of rows of VisitDetector, by visit and detector.
pub(super) fn rows_checksums(rows: &RecordBatch) -> Result<HashMap<(i64, i64), String>> {
    let keys = integers(rows, "visitId")?.values().to_vec().into_iter();
    let keys = keys.zip(integers(rows, "detector")?.values().to_vec());
    Ok(keys.zip(texts(rows, "rowsChecksum")?).collect())
}

/// The tables of the connection `name` in the order of time, then of visit and detector; those of
/// images without a row of VisitDetector are left out.
pub(super) fn in_order<'a>(inputs: &'a Inputs, name: &str) -> Result<Vec<ImageTable<'a>>> {
    let known = rows_checksums(inputs.table("known_image")?.1)?;
    let rows: HashMap<_, _> = inputs
        .tables("visit_detector_row")?
        .into_iter()
        .map(|(dataset, rows)| (dataset.data_id.clone(), rows))
        .collect();
    let mut images = vec![];
    for (dataset, table) in inputs.tables(name)? {
        let row = rows.get(&dataset.data_id).copied().filter(|row| row.num_rows() == 1);
        let Some(row) = row else { continue };
        let visit = integers(row, "visitId")?.value(0);
        let detector = integers(row, "detector")?.value(0);
        let mid_mjd = numbers(row, "expMidptMJD")?.value(0);
        let is_known = known.get(&(visit, detector)) == texts(row, "rowsChecksum")?.first();
        images.push(ImageTable { dataset, visit, detector, mid_mjd, is_known, row, table });
    }
    images.sort_by(|a, b| {
        let key = |image: &ImageTable| (image.visit, image.detector);
        a.mid_mjd.total_cmp(&b.mid_mjd).then_with(|| key(a).cmp(&key(b)))
    });
    Ok(images)
}
