//! The rows of the oracle in a table of each kind, committed in parts, opened with pruning and
//! without.

use std::path::Path;
use std::sync::Arc;

use almagest_engine::arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use almagest_engine::{Database, EngineConfig, Pruning};
use almagest_ingest::Transaction;
use almagest_storage::CatalogStore;
use almagest_storage::chunking::Chunking;
use almagest_storage::schema::felis;
use tempfile::TempDir;

use super::oracle::{Part, Row};

/// A table that holds the oracle's rows.
#[derive(Clone, Copy, PartialEq)]
pub enum Table {
    Object,
    Source,
    ForcedSource,
}

impl Table {
    pub const ALL: [Self; 3] = [Self::Object, Self::Source, Self::ForcedSource];

    pub fn name(self) -> &'static str {
        ["Object", "Source", "ForcedSource"][self as usize]
    }

    pub fn id(self) -> &'static str {
        ["objectId", "sourceId", "forcedId"][self as usize]
    }

    /// Some rows of the child are nowhere.
    pub fn is_nowhere(self, row: usize) -> bool {
        self == Self::ForcedSource && row % 17 == 5
    }
}

/// The identifier of a row; 0 would mean no row.
pub fn id(row: usize) -> i64 {
    row as i64 + 1
}

pub fn band(row: usize) -> i64 {
    (row % 5) as i64
}

pub fn mag(row: usize) -> Option<f64> {
    (row % 11 != 3).then_some((row * 37 % 100) as f64 / 4.0)
}

/// A catalog, opened with pruning and without.
pub struct Catalog {
    pub pruning: Database,
    pub reading_all: Database,
    _folder: TempDir,
}

impl Catalog {
    /// Commit half of the rows at a time: each table has two files. The finer the chunking,
    /// the more row groups there are.
    pub fn create(part: &Part, chunking: u8) -> Result<Self, Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("e2e/random_queries.yaml");
        let schema = felis::load(&schema)?.schema;
        let chunking = Chunking::try_new(chunking)?;
        let store = CatalogStore::create(&folder.path().join("catalog"), &schema, chunking)?;
        for half in 0..2 {
            let mut transaction = Transaction::begin(&store)?;
            for table in Table::ALL {
                transaction.append(table.name(), &batch(table, &part.rows, half)?)?;
            }
            if half == 0 {
                let bands: Int64Array = (0..5).collect();
                let bands: Vec<(&str, ArrayRef)> = vec![("band", Arc::new(bands))];
                transaction.append("Band", &RecordBatch::try_from_iter(bands)?)?;
                transaction.append("Cone", &cones(part)?)?;
            }
            transaction.commit()?;
        }
        let base = EngineConfig { target_partitions: 1, ..Default::default() };
        let pruning = EngineConfig { pruning: Pruning::On, ..base.clone() };
        // Tables are planned as wide ones are, too, so that this makes no difference either.
        let reading_all = EngineConfig { pruning: Pruning::Off, wide_table_columns: 1, ..base };
        Ok(Self {
            pruning: Database::with_config(store.clone(), pruning)?,
            reading_all: Database::with_config(store, reading_all)?,
            _folder: folder,
        })
    }
}

fn batch(
    table: Table,
    rows: &[Row],
    half: usize,
) -> Result<RecordBatch, Box<dyn std::error::Error>> {
    let numbers = || (half..rows.len()).step_by(2);
    let floats = |value: &dyn Fn(usize) -> Option<f64>| -> ArrayRef {
        Arc::new(numbers().map(value).collect::<Float64Array>())
    };
    let place = |row: usize, x: f64| (!table.is_nowhere(row)).then_some(x);
    let ids: Int64Array = numbers().map(id).collect();
    let bands: Int64Array = numbers().map(band).collect();
    let discs: StringArray = numbers().map(|row| Some(rows[row].disc.as_str())).collect();
    let outlines: StringArray = numbers().map(|row| Some(rows[row].outline.as_str())).collect();
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        (table.id(), Arc::new(ids)),
        ("ra", floats(&|row| place(row, rows[row].ra))),
        ("dec", floats(&|row| place(row, rows[row].dec))),
        ("reach", floats(&|row| Some(rows[row].reach))),
        ("disc", Arc::new(discs)),
        ("outline", Arc::new(outlines)),
        ("band", Arc::new(bands)),
        ("mag", floats(&mag)),
    ];
    if table == Table::ForcedSource {
        // Directors of the first commit: some the row itself, the others another, often far off.
        let directors: Int64Array = numbers().map(|row| id(row - row % 2)).collect();
        columns.push(("objectId", Arc::new(directors)));
    }
    Ok(RecordBatch::try_from_iter(columns)?)
}

/// The circles that are asked about, by the number of their condition.
fn cones(part: &Part) -> Result<RecordBatch, Box<dyn std::error::Error>> {
    let cones: Vec<(i64, Vec<f64>)> = part
        .conditions
        .iter()
        .enumerate()
        .filter(|(_, condition)| condition.kind == "closed")
        .map(|(index, condition)| {
            let numbers = condition.numbers().iter().map(|x| x.parse()).collect::<Result<_, _>>();
            Ok((id(index), numbers?))
        })
        .collect::<Result<_, std::num::ParseFloatError>>()?;
    let ids: Int64Array = cones.iter().map(|(id, _)| *id).collect();
    let column = |at: usize| -> ArrayRef {
        Arc::new(cones.iter().map(|(_, numbers)| Some(numbers[at])).collect::<Float64Array>())
    };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("cone", Arc::new(ids)),
        ("lon", column(0)),
        ("lat", column(1)),
        ("radius", column(2)),
    ];
    Ok(RecordBatch::try_from_iter(columns)?)
}
