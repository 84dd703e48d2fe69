//! Reading what was generated: columns as plain vectors, rows as checksums.

use std::collections::BTreeMap;

use almagest_generate::{Survey, SurveyConfig};
use almagest_storage::Snapshot;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use arrow::row::{RowConverter, SortField};

/// The rows of a survey, by table.
pub type Tables = BTreeMap<String, Vec<RecordBatch>>;

/// Make all rows of a survey in memory.
pub fn make(config: &SurveyConfig) -> Tables {
    let survey = Survey::new(config).unwrap();
    let mut tables = Tables::new();
    let parts: Vec<_> = (0..12_288)
        .map(|cell| (cell, survey.sky().objects_of(cell)))
        .filter(|(_, objects)| !objects.is_empty())
        .collect();
    for some in parts.chunks(200) {
        for (table, batch) in survey.rows(some).unwrap() {
            tables.entry(table.to_owned()).or_default().push(batch);
        }
    }
    tables.insert("Visit".to_owned(), vec![survey.visits(0..survey.n_visits()).unwrap()]);
    tables
}

/// Read a table of a catalog.
pub fn read(snapshot: &Snapshot, table: &str) -> Vec<RecordBatch> {
    snapshot.read_region(table, None, None, None).unwrap()
}

/// Number of rows.
pub fn count(batches: &[RecordBatch]) -> usize {
    batches.iter().map(RecordBatch::num_rows).sum()
}

/// Return a column of integers without NULLs.
pub fn longs(batches: &[RecordBatch], name: &str) -> Vec<i64> {
    let column = |batch: &RecordBatch| {
        let column = cast(batch.column_by_name(name).unwrap(), &DataType::Int64).unwrap();
        assert_eq!(column.null_count(), 0, "{name}");
        column.as_primitive::<Int64Type>().values().to_vec()
    };
    batches.iter().flat_map(column).collect()
}

/// Return a column of numbers; NULL is NaN.
pub fn numbers(batches: &[RecordBatch], name: &str) -> Vec<f64> {
    let column = |batch: &RecordBatch| -> Vec<f64> {
        let column = cast(batch.column_by_name(name).unwrap(), &DataType::Float64).unwrap();
        let column = column.as_primitive::<Float64Type>();
        column.iter().map(|value| value.unwrap_or(f64::NAN)).collect()
    };
    batches.iter().flat_map(column).collect()
}

/// Return a column of text without NULLs.
pub fn texts(batches: &[RecordBatch], name: &str) -> Vec<String> {
    let column = |batch: &RecordBatch| -> Vec<String> {
        let column = batch.column_by_name(name).unwrap().as_string::<i32>();
        column.iter().map(|value| value.unwrap().to_owned()).collect()
    };
    batches.iter().flat_map(column).collect()
}

/// Sum up rows to a number that does not depend on their order.
pub fn checksum(batches: &[RecordBatch]) -> (usize, u64) {
    let mut sum = 0_u64;
    for batch in batches {
        let schema = batch.schema();
        let fields = schema.fields().iter().map(|f| SortField::new(f.data_type().clone()));
        let converter = RowConverter::new(fields.collect()).unwrap();
        for row in converter.convert_columns(batch.columns()).unwrap().iter() {
            // FNV-1a.
            let hash = row.as_ref().iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
            });
            sum = sum.wrapping_add(hash);
        }
    }
    (count(batches), sum)
}
