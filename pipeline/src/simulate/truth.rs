//! The truth as tables: Arrow record batches whose fields tell unit and meaning, and Parquet files of
//! them.
//!
//! | table | one row for each |
//! |---|---|
//! | `truth_object` | object of the sky |
//! | `truth_source` | object on a detector in a visit |
//! | `truth_visit` | visit |
//! | `truth_visit_detector` | detector of a visit |
//! | `truth_amplifier` | amplifier |
//! | `truth_crosstalk` | element of the crosstalk matrix |
//! | `truth_defect` | dead column or block, hot pixel |
//! | `truth_brighter_fatter` | lag of the potential |
//! | `truth_cosmic_ray` | pixel that a cosmic ray gave charge |
//! | `truth_streak` | streak of a visit |

mod frames;
mod instrument;
mod objects;
pub mod schema;

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use almagest_storage::schema::arrow::{DESCRIPTION, UCD, UNIT};
use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use super::frame::FrameTruth;
use super::survey::Survey;
use crate::error::{Error, Result};

/// A table's name and its rows.
pub type TruthTable = (&'static str, RecordBatch);

/// All truth tables of a survey, from the truth of the frames that were made.
///
/// # Errors
/// None but a bug: columns of unequal length.
pub fn tables(survey: &Survey, frames: &[FrameTruth]) -> Result<Vec<TruthTable>> {
    Ok(vec![
        ("truth_object", objects::objects(survey)?),
        ("truth_source", objects::sources(survey, frames)?),
        ("truth_visit", frames::visits(survey)?),
        ("truth_visit_detector", frames::visit_detectors(survey, frames)?),
        ("truth_cosmic_ray", frames::cosmic_rays(frames)?),
        ("truth_streak", frames::streaks(survey)?),
        ("truth_amplifier", instrument::amplifiers(survey)?),
        ("truth_crosstalk", instrument::crosstalk(survey)?),
        ("truth_defect", instrument::defects(survey)?),
        ("truth_brighter_fatter", instrument::brighter_fatter(survey)?),
    ])
}

/// Write a table as a Parquet file, under a temporary name until it is whole.
///
/// # Errors
/// A file that cannot be written.
pub fn write_parquet(path: &Path, rows: &RecordBatch) -> Result<()> {
    let failed = |source| Error::TruthTable { path: path.to_owned(), source };
    let io = |source| Error::Io { path: path.to_owned(), source };
    let part = path.with_extension("partial");
    let file = File::create(&part).map_err(io)?;
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut writer = ArrowWriter::try_new(file, rows.schema(), Some(properties)).map_err(failed)?;
    writer.write(rows).map_err(failed)?;
    writer.close().map_err(failed)?;
    fs::rename(&part, path).map_err(io)
}

/// What a column means.
#[derive(Debug, Clone, Copy)]
struct About {
    name: &'static str,
    unit: &'static str,
    ucd: &'static str,
    description: &'static str,
}

const fn about(
    name: &'static str,
    unit: &'static str,
    ucd: &'static str,
    description: &'static str,
) -> About {
    About { name, unit, ucd, description }
}

/// Columns under way.
#[derive(Debug, Default)]
struct Columns {
    fields: Vec<Field>,
    arrays: Vec<ArrayRef>,
}

impl Columns {
    fn push(&mut self, about: About, array: ArrayRef) -> &mut Self {
        let metadata: HashMap<String, String> =
            [(UNIT, about.unit), (UCD, about.ucd), (DESCRIPTION, about.description)]
                .into_iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect();
        let data_type: DataType = array.data_type().clone();
        self.fields.push(Field::new(about.name, data_type, true).with_metadata(metadata));
        self.arrays.push(array);
        self
    }

    fn integers(&mut self, about: About, values: impl Iterator<Item = i64>) -> &mut Self {
        self.push(about, Arc::new(values.collect::<Int64Array>()))
    }

    fn numbers(&mut self, about: About, values: impl Iterator<Item = f64>) -> &mut Self {
        self.push(about, Arc::new(values.collect::<Float64Array>()))
    }

    fn known(&mut self, about: About, values: impl Iterator<Item = Option<f64>>) -> &mut Self {
        self.push(about, Arc::new(values.collect::<Float64Array>()))
    }

    fn texts<'a>(
        &mut self,
        about: About,
        values: impl Iterator<Item = Option<&'a str>>,
    ) -> &mut Self {
        self.push(about, Arc::new(values.collect::<StringArray>()))
    }

    fn finish(&mut self) -> Result<RecordBatch> {
        let columns = std::mem::take(self);
        Ok(RecordBatch::try_new(Arc::new(Schema::new(columns.fields)), columns.arrays)?)
    }
}
