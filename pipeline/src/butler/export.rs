//! Export and import: datasets with their records in a folder that another catalog takes in.
//!
//! ```text
//!   FOLDER/export.yaml      what each dataset is, with checksum; records of visits and detectors
//!   FOLDER/RUN/TYPE/…       the files
//! ```

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rusqlite::types::Value as SqlValue;
use serde::{Deserialize, Serialize};

use super::datastore::{Datastore, io};
use super::registry::NewDataset;
use super::{
    Butler, ButlerError, DataId, DatasetRef, DatasetType, Dimension, DimensionSet, StorageClass,
};
use crate::error::Result;

/// Name of the list.
const LIST: &str = "export.yaml";
/// Tables of dimension records, each with the dimensions by which its rows are chosen.
const RECORDS: [(&str, &[Dimension]); 6] = [
    ("instrument", &[Dimension::Instrument]),
    ("physical_filter", &[Dimension::Instrument]),
    ("detector", &[Dimension::Instrument, Dimension::Detector]),
    ("visit", &[Dimension::Instrument, Dimension::Visit]),
    ("exposure", &[Dimension::Instrument, Dimension::Exposure]),
    ("visit_detector_region", &[Dimension::Instrument, Dimension::Visit, Dimension::Detector]),
];

#[derive(Serialize, Deserialize)]
struct Export {
    records: Vec<Records>,
    datasets: Vec<Exported>,
}

#[derive(Serialize, Deserialize)]
struct Records {
    table: String,
    columns: Vec<String>,
    rows: Vec<Vec<serde_yaml_ng::Value>>,
}

#[derive(Serialize, Deserialize)]
struct Exported {
    dataset_type: String,
    dimensions: Vec<String>,
    storage_class: String,
    data_id: String,
    run: String,
    path: PathBuf,
    checksum: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    instructions: Option<String>,
}

impl Butler {
    /// Copy datasets into a folder, with all that another catalog must know of them.
    ///
    /// # Errors
    /// Datasets with companion files in other places cannot travel; take them in by copy first.
    pub fn export(&self, datasets: &[DatasetRef], folder: &Path) -> Result<()> {
        for dataset in datasets {
            let companions = self.instructions(dataset)?.map(|i| i.companions().count());
            if companions.is_some_and(|count| count > 0) {
                let reason = "has companion files, which an export does not carry".to_owned();
                return Err(ButlerError::Export { path: dataset.path.clone(), reason }.into());
            }
        }
        let paths = self.retrieve(datasets, folder)?;
        let exported = datasets.iter().zip(&paths).map(|(dataset, path)| Exported {
            dataset_type: dataset.dataset_type.name.clone(),
            dimensions: dataset
                .dataset_type
                .dimensions
                .iter()
                .map(|d| d.name().to_owned())
                .collect(),
            storage_class: dataset.dataset_type.storage_class.name().to_owned(),
            data_id: dataset.data_id.to_string(),
            run: dataset.run.clone(),
            path: path.strip_prefix(folder).unwrap_or(path).to_owned(),
            checksum: dataset.checksum.clone(),
            instructions: dataset.instructions.clone(),
        });
        let export = Export { records: self.records_of(datasets)?, datasets: exported.collect() };
        let path = folder.join(LIST);
        let text = serde_yaml_ng::to_string(&export).map_err(|error| broken(&path, &error))?;
        std::fs::write(&path, text).map_err(|source| io(&path, source))?;
        Ok(())
    }

    /// Take in what another butler exported; return how many datasets there were.
    ///
    /// # Errors
    /// A list that cannot be read; a file that is not what the list says; a run that holds another
    /// dataset of a type and data id.
    pub fn import(&self, folder: &Path) -> Result<usize> {
        let list = folder.join(LIST);
        let text = std::fs::read_to_string(&list).map_err(|source| io(&list, source))?;
        let export: Export =
            serde_yaml_ng::from_str(&text).map_err(|error| broken(&list, &error))?;
        self.insert_records(&list, &export.records)?;
        for exported in &export.datasets {
            let new = self.import_one(folder, &list, exported)?;
            self.registry.insert(&exported.run, &[new])?;
        }
        Ok(export.datasets.len())
    }

    fn import_one(&self, folder: &Path, list: &Path, exported: &Exported) -> Result<NewDataset> {
        let fault = |reason: String| ButlerError::Export { path: list.to_owned(), reason };
        let names = exported.dimensions.iter().map(String::as_str);
        let dimensions =
            DimensionSet::named(names).map_err(|name| fault(format!("no dimension {name}")))?;
        let class = StorageClass::named(&exported.storage_class)
            .ok_or_else(|| fault(format!("no storage class {}", exported.storage_class)))?;
        let data_id = DataId::parse(&exported.data_id)
            .map_err(|part| fault(format!("no data id: {part}")))?;
        let dataset_type = DatasetType::new(&exported.dataset_type, dimensions, class);
        let from = folder.join(&exported.path);
        let mut path = Datastore::path_of(&exported.run, &dataset_type, &data_id);
        if let Some(extension) = from.extension() {
            path.set_extension(extension);
        }
        let file = self.datastore.add(&path, |to| {
            std::fs::copy(&from, to).map_err(|source| io(&from, source))?;
            Ok(())
        })?;
        if file.checksum != exported.checksum {
            self.datastore.remove(&file.path, file.size_bytes)?;
            let reason = "its content is not what was exported".to_owned();
            return Err(ButlerError::Damaged { path: from, reason }.into());
        }
        let instructions = exported.instructions.clone();
        Ok(NewDataset { dataset_type, data_id, file, instructions })
    }

    fn records_of(&self, datasets: &[DatasetRef]) -> Result<Vec<Records>> {
        let mut all = vec![];
        for (table, dimensions) in RECORDS {
            let wanted: BTreeSet<DataId> = datasets
                .iter()
                .map(|dataset| dataset.data_id.project(DimensionSet::of(dimensions)))
                .filter(|data_id| dimensions.iter().all(|d| data_id.get(*d).is_some()))
                .collect();
            let mut records = Records { table: table.to_owned(), columns: vec![], rows: vec![] };
            for data_id in wanted {
                self.registry.with(|connection| {
                    let condition: Vec<String> =
                        data_id.iter().map(|(dimension, _)| format!("{dimension} = ?")).collect();
                    let sql = format!("SELECT * FROM {table} WHERE {}", condition.join(" AND "));
                    let values = data_id.iter().map(|(_, value)| match value {
                        super::DataValue::Integer(value) => SqlValue::Integer(*value),
                        super::DataValue::Text(text) => SqlValue::Text(text.clone()),
                    });
                    let mut statement = connection.prepare(&sql)?;
                    records.columns = statement.column_names().map(str::to_owned).collect();
                    let mut rows = statement.query(rusqlite::params_from_iter(values))?;
                    while let Some(row) = rows.next()? {
                        let cells = (0..records.columns.len())
                            .map(|column| row.get(column).map(to_yaml))
                            .collect::<rusqlite::Result<_>>()?;
                        records.rows.push(cells);
                    }
                    Ok(())
                })?;
            }
            all.push(records);
        }
        Ok(all)
    }

    fn insert_records(&self, list: &Path, all: &[Records]) -> Result<()> {
        for records in all {
            let is_known = RECORDS.iter().any(|(table, _)| *table == records.table);
            let is_name = |name: &String| {
                name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !name.is_empty()
            };
            if !is_known || !records.columns.iter().all(is_name) {
                let reason = format!("no records of {}", records.table);
                return Err(ButlerError::Export { path: list.to_owned(), reason }.into());
            }
            self.registry.change(|connection| {
                for row in &records.rows {
                    let places = vec!["?"; row.len()].join(", ");
                    let sql = format!(
                        "INSERT OR IGNORE INTO {} ({}) VALUES ({places})",
                        records.table,
                        records.columns.join(", ")
                    );
                    let values = row.iter().map(from_yaml);
                    connection.prepare_cached(&sql)?.execute(rusqlite::params_from_iter(values))?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}

fn broken(path: &Path, error: &serde_yaml_ng::Error) -> ButlerError {
    ButlerError::Export { path: path.to_owned(), reason: error.to_string() }
}

fn to_yaml(value: SqlValue) -> serde_yaml_ng::Value {
    match value {
        SqlValue::Null | SqlValue::Blob(_) => serde_yaml_ng::Value::Null,
        SqlValue::Integer(value) => value.into(),
        SqlValue::Real(value) => value.into(),
        SqlValue::Text(text) => text.into(),
    }
}

fn from_yaml(value: &serde_yaml_ng::Value) -> SqlValue {
    match value {
        serde_yaml_ng::Value::Number(number) => match number.as_i64() {
            Some(value) => SqlValue::Integer(value),
            None => SqlValue::Real(number.as_f64().unwrap_or(f64::NAN)),
        },
        serde_yaml_ng::Value::String(text) => SqlValue::Text(text.clone()),
        serde_yaml_ng::Value::Bool(value) => SqlValue::Integer(i64::from(*value)),
        _ => SqlValue::Null,
    }
}
