//! Datasets of the registry: types, rows, tags.

use std::path::PathBuf;

use rusqlite::types::Value as SqlValue;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use sha2::{Digest, Sha256};

use super::collections::{CollectionKind, of_kind};
use super::{Fault, Registry, now};
use crate::butler::data_id::{DataId, DataValue};
use crate::butler::dataset::{DatasetRef, DatasetType, StorageClass};
use crate::butler::datastore::StoredFile;
use crate::butler::dimension::{Dimension, DimensionSet};
use crate::butler::{ButlerError, nearest};
use crate::error::Result;

/// A dataset on its way into the registry.
#[derive(Debug, Clone)]
pub struct NewDataset {
    /// Its type.
    pub dataset_type: DatasetType,
    /// Its data id.
    pub data_id: DataId,
    /// Its file.
    pub file: StoredFile,
    /// How to read it, where its file does not tell.
    pub instructions: Option<String>,
}

/// Columns that [`read_dataset`] reads, of `dataset d`, `dataset_type t` and `collection c`.
pub(in crate::butler) const COLUMNS: &str = "d.dataset_id, d.uuid, d.dataset_type, t.dimensions,
    t.storage_class, d.data_id, c.name, d.path, d.size_bytes, d.checksum, d.instructions,
    d.quantum_id";

/// Read a row of [`COLUMNS`].
pub(in crate::butler) fn read_dataset(row: &Row<'_>) -> rusqlite::Result<DatasetRef> {
    let damaged = |column: usize, what: String| {
        rusqlite::Error::InvalidColumnType(column, what, rusqlite::types::Type::Text)
    };
    let data_id: String = row.get(5)?;
    let data_id = DataId::parse(&data_id).map_err(|part| damaged(5, part))?;
    Ok(DatasetRef {
        number: row.get(0)?,
        uuid: row.get(1)?,
        dataset_type: read_type(row, 2)?,
        data_id,
        run: row.get(6)?,
        path: PathBuf::from(row.get::<_, String>(7)?),
        size_bytes: row.get(8)?,
        checksum: row.get(9)?,
        instructions: row.get(10)?,
        quantum: row.get(11)?,
    })
}

/// Read a dataset type of the three columns from `first` on.
fn read_type(row: &Row<'_>, first: usize) -> rusqlite::Result<DatasetType> {
    let damaged = |column: usize, what: String| {
        rusqlite::Error::InvalidColumnType(column, what, rusqlite::types::Type::Text)
    };
    let dimensions: String = row.get(first + 1)?;
    let names = dimensions.split(',').filter(|name| !name.is_empty());
    let dimensions = DimensionSet::named(names).map_err(|name| damaged(first + 1, name))?;
    let class: String = row.get(first + 2)?;
    let storage_class = StorageClass::named(&class).ok_or_else(|| damaged(first + 2, class))?;
    Ok(DatasetType { name: row.get(first)?, dimensions, storage_class })
}

impl Registry {
    /// Make a dataset type, unless it is there; it must then be the same.
    pub fn register_dataset_type(&self, dataset_type: &DatasetType) -> Result<()> {
        self.change(|connection| register_type(connection, dataset_type))
    }

    /// The dataset types whose names match a pattern.
    pub fn dataset_types(&self, pattern: &str) -> Result<Vec<DatasetType>> {
        self.with(|connection| {
            let sql = "SELECT dataset_type, dimensions, storage_class FROM dataset_type
                WHERE dataset_type GLOB ?1 ORDER BY dataset_type";
            let mut statement = connection.prepare_cached(sql)?;
            let types = statement.query_map([pattern], |row| read_type(row, 0))?;
            Ok(types.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// A dataset type.
    ///
    /// # Errors
    /// [`ButlerError::NoDatasetType`], with the nearest name.
    pub fn dataset_type(&self, name: &str) -> Result<DatasetType> {
        let all = self.dataset_types("*")?;
        let near = || nearest(name, all.iter().map(|known| known.name.as_str()));
        all.iter().find(|known| known.name == name).cloned().ok_or_else(|| {
            ButlerError::NoDatasetType { name: name.to_owned(), near: near() }.into()
        })
    }

    /// Record datasets of a run: all or none.
    ///
    /// # Errors
    /// [`ButlerError::DatasetExists`] where the run holds one of that type and data id with another
    /// content; the same content again is no fault.
    pub fn insert(&self, run: &str, datasets: &[NewDataset]) -> Result<()> {
        self.change(|connection| insert(connection, run, datasets, None))
    }

    /// Put datasets into a tagged collection, each in place of what it held of that type and data id.
    pub fn associate(&self, collection: &str, datasets: &[DatasetRef]) -> Result<()> {
        self.change(|connection| {
            let collection_id =
                super::collections::register(connection, collection, CollectionKind::Tagged)?;
            let insert = "INSERT OR REPLACE INTO tag VALUES (?1, ?2, ?3, ?4)";
            let mut statement = connection.prepare_cached(insert)?;
            for dataset in datasets {
                statement.execute(params![
                    collection_id,
                    dataset.dataset_type.name,
                    dataset.data_id.to_string(),
                    dataset.number
                ])?;
            }
            Ok(())
        })
    }

    /// Take datasets out of a tagged collection.
    pub fn disassociate(&self, collection: &str, datasets: &[DatasetRef]) -> Result<()> {
        self.change(|connection| {
            let collection_id = of_kind(connection, collection, CollectionKind::Tagged)?;
            let delete = "DELETE FROM tag WHERE collection_id = ?1 AND dataset_id = ?2";
            let mut statement = connection.prepare_cached(delete)?;
            for dataset in datasets {
                statement.execute(params![collection_id, dataset.number])?;
            }
            Ok(())
        })
    }

    /// Forget a run or another collection; return the files that no dataset names any more.
    pub fn remove_collection(&self, name: &str) -> Result<Vec<(PathBuf, u64)>> {
        self.change(|connection| {
            let sql = "SELECT collection_id FROM collection WHERE name = ?1";
            let id: Option<i64> = connection.query_row(sql, [name], |row| row.get(0)).optional()?;
            let Some(id) = id else {
                return Err(ButlerError::NoCollection { name: name.to_owned(), near: None }.into());
            };
            let mut statement =
                connection.prepare("SELECT path, size_bytes FROM dataset WHERE run_id = ?1")?;
            let files: Vec<(String, u64)> = statement
                .query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<_>>()?;
            for sql in [
                "DELETE FROM tag WHERE collection_id = ?1
                    OR dataset_id IN (SELECT dataset_id FROM dataset WHERE run_id = ?1)",
                "DELETE FROM calibration WHERE collection_id = ?1
                    OR dataset_id IN (SELECT dataset_id FROM dataset WHERE run_id = ?1)",
                "DELETE FROM quantum_input
                    WHERE quantum_id IN (SELECT quantum_id FROM quantum WHERE run_id = ?1)
                    OR dataset_id IN (SELECT dataset_id FROM dataset WHERE run_id = ?1)",
                "DELETE FROM attempt
                    WHERE quantum_id IN (SELECT quantum_id FROM quantum WHERE run_id = ?1)",
                "DELETE FROM dataset_place
                    WHERE dataset_id IN (SELECT dataset_id FROM dataset WHERE run_id = ?1)",
                "DELETE FROM dataset_time
                    WHERE dataset_id IN (SELECT dataset_id FROM dataset WHERE run_id = ?1)",
                "DELETE FROM dataset WHERE run_id = ?1",
                "DELETE FROM quantum WHERE run_id = ?1",
                "DELETE FROM chain WHERE parent_id = ?1 OR child_id = ?1",
                "DELETE FROM collection WHERE collection_id = ?1",
            ] {
                connection.execute(sql, [id])?;
            }
            Ok(files.into_iter().map(|(path, size)| (PathBuf::from(path), size)).collect())
        })
    }

    /// The dataset of a run, if it has it.
    pub fn find_in_run(
        &self,
        run: &str,
        dataset_type: &str,
        data_id: &DataId,
    ) -> Result<Option<DatasetRef>> {
        self.with(|connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM dataset d JOIN dataset_type t USING (dataset_type)
                 JOIN collection c ON c.collection_id = d.run_id
                 WHERE c.name = ?1 AND d.dataset_type = ?2 AND d.data_id = ?3"
            );
            let row = params![run, dataset_type, data_id.to_string()];
            Ok(connection.prepare_cached(&sql)?.query_row(row, read_dataset).optional()?)
        })
    }

    /// The dataset of a UUID.
    pub fn by_uuid(&self, uuid: &str) -> Result<Option<DatasetRef>> {
        self.with(|connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM dataset d JOIN dataset_type t USING (dataset_type)
                 JOIN collection c ON c.collection_id = d.run_id WHERE d.uuid = ?1"
            );
            Ok(connection.prepare_cached(&sql)?.query_row([uuid], read_dataset).optional()?)
        })
    }

    /// All datasets of a data id, the newest first.
    pub fn of_data_id(&self, data_id: &DataId) -> Result<Vec<DatasetRef>> {
        self.with(|connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM dataset d JOIN dataset_type t USING (dataset_type)
                 JOIN collection c ON c.collection_id = d.run_id
                 WHERE d.run_id IN (SELECT collection_id FROM collection)
                   AND d.dataset_type IN (SELECT dataset_type FROM dataset_type)
                   AND d.data_id = ?1
                 ORDER BY d.dataset_id DESC"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let datasets = statement.query_map([data_id.to_string()], read_dataset)?;
            Ok(datasets.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// A data id with all that it implies.
    pub fn expand(&self, data_id: &DataId) -> Result<DataId> {
        self.with(|connection| Ok(Expanded::of(connection, data_id)?.data_id))
    }

    /// Begin and end of the observation of a data id, MJD TAI.
    pub fn timespan(&self, data_id: &DataId) -> Result<Option<(f64, f64)>> {
        self.with(|connection| {
            let whole = Expanded::of(connection, data_id)?;
            Ok(whole.begin_mjd.zip(whole.end_mjd))
        })
    }

    /// The datasets that a quantum made.
    pub fn outputs_of(&self, quantum: i64) -> Result<Vec<DatasetRef>> {
        self.with(|connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM dataset d JOIN dataset_type t USING (dataset_type)
                 JOIN collection c ON c.collection_id = d.run_id
                 WHERE d.quantum_id = ?1 ORDER BY d.dataset_type, d.data_id"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let datasets = statement.query_map([quantum], read_dataset)?;
            Ok(datasets.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Bytes of all files in the datastore.
    pub fn stored_bytes(&self) -> Result<u64> {
        self.with(|connection| {
            let sql = "SELECT COALESCE(SUM(size_bytes), 0) FROM dataset WHERE path NOT LIKE '/%'";
            Ok(connection.query_row(sql, [], |row| row.get(0))?)
        })
    }
}

pub(super) fn register_type(
    connection: &Connection,
    dataset_type: &DatasetType,
) -> Result<(), Fault> {
    let names: Vec<&str> = dataset_type.dimensions.iter().map(Dimension::name).collect();
    let row = params![dataset_type.name, names.join(","), dataset_type.storage_class.name()];
    connection
        .prepare_cached("INSERT OR IGNORE INTO dataset_type VALUES (?1, ?2, ?3)")?
        .execute(row)?;
    let sql =
        "SELECT dataset_type, dimensions, storage_class FROM dataset_type WHERE dataset_type = ?1";
    let found =
        connection.prepare_cached(sql)?.query_row([&dataset_type.name], |row| read_type(row, 0))?;
    if found != *dataset_type {
        let (found, wanted) = (found.to_string(), dataset_type.to_string());
        let name = dataset_type.name.clone();
        return Err(ButlerError::DatasetTypeConflict { name, found, wanted }.into());
    }
    Ok(())
}

/// Record datasets of a run, made by a quantum or taken in.
pub(super) fn insert(
    connection: &Connection,
    run: &str,
    datasets: &[NewDataset],
    quantum: Option<i64>,
) -> Result<(), Fault> {
    let run_id = super::collections::register(connection, run, CollectionKind::Run)?;
    let sql = "INSERT OR IGNORE INTO dataset (uuid, dataset_type, run_id, data_id,
            instrument, skymap, band, physical_filter, day_obs, exposure, visit, detector, tract, patch,
            begin_mjd, end_mjd, region, cap_x, cap_y, cap_z, cap_radius_deg,
            path, size_bytes, checksum, instructions, quantum_id, added_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
            ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27)";
    let added_at = now();
    for new in datasets {
        let dataset_type = &new.dataset_type;
        if new.data_id.dimensions() != dataset_type.dimensions {
            return Err(ButlerError::DataIdDimensions {
                dataset_type: dataset_type.name.clone(),
                data_id: new.data_id.to_string(),
                wanted: dataset_type.dimensions.to_string(),
                found: new.data_id.dimensions().to_string(),
            }
            .into());
        }
        register_type(connection, dataset_type)?;
        let whole = Expanded::of(connection, &new.data_id)?;
        let data_id = new.data_id.to_string();
        let path = new.file.path.to_string_lossy().into_owned();
        let mut row: Vec<SqlValue> = vec![
            uuid(run, &dataset_type.name, &data_id).into(),
            dataset_type.name.clone().into(),
            run_id.into(),
            data_id.clone().into(),
        ];
        row.extend(Dimension::ALL.map(|dimension| sql_value(whole.data_id.get(dimension))));
        row.extend([whole.begin_mjd, whole.end_mjd].map(SqlValue::from));
        row.push(whole.region.clone().into());
        row.extend(whole.cap.map(SqlValue::from));
        row.extend([
            path.into(),
            (new.file.size_bytes as i64).into(),
            new.file.checksum.clone().into(),
            new.instructions.clone().into(),
            quantum.into(),
            added_at.clone().into(),
        ]);
        let added = connection.prepare_cached(sql)?.execute(params_from_iter(row))?;
        if added == 1 {
            whole.index(connection, connection.last_insert_rowid())?;
        } else {
            let same = "SELECT checksum = ?4 AND instructions IS ?5 FROM dataset
                WHERE run_id = ?1 AND dataset_type = ?2 AND data_id = ?3";
            let row =
                params![run_id, dataset_type.name, data_id, new.file.checksum, new.instructions];
            if !connection.query_row(same, row, |row| row.get(0))? {
                let (run, dataset_type) = (run.to_owned(), dataset_type.name.clone());
                return Err(ButlerError::DatasetExists { run, dataset_type, data_id }.into());
            }
        }
    }
    Ok(())
}

/// Forget what an earlier attempt at a quantum made, and who read it.
pub(super) fn forget_outputs(connection: &Connection, quantum: i64) -> Result<(), Fault> {
    let sql = "SELECT EXISTS (SELECT 1 FROM dataset WHERE quantum_id = ?1)";
    if !connection.prepare_cached(sql)?.query_row([quantum], |row| row.get(0))? {
        return Ok(());
    }
    for table in ["tag", "calibration", "quantum_input", "dataset_place", "dataset_time"] {
        let sql = format!(
            "DELETE FROM {table}
             WHERE dataset_id IN (SELECT dataset_id FROM dataset WHERE quantum_id = ?1)"
        );
        connection.prepare_cached(&sql)?.execute([quantum])?;
    }
    connection.prepare_cached("DELETE FROM dataset WHERE quantum_id = ?1")?.execute([quantum])?;
    Ok(())
}

/// What a data id implies, by the dimension records.
#[derive(Default)]
struct Expanded {
    data_id: DataId,
    begin_mjd: Option<f64>,
    end_mjd: Option<f64>,
    region: Option<String>,
    cap: [Option<f64>; 4],
}

impl Expanded {
    fn of(connection: &Connection, data_id: &DataId) -> Result<Self, Fault> {
        let mut whole = Self { data_id: data_id.clone(), ..Self::default() };
        let instrument = data_id.text(Dimension::Instrument);
        for dimension in [Dimension::Exposure, Dimension::Visit] {
            let Some(number) = data_id.integer(dimension) else { continue };
            let sql = format!(
                "SELECT physical_filter, band, day_obs, begin_mjd, end_mjd FROM {dimension}
                 WHERE instrument = ?1 AND {dimension} = ?2"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = statement.query(params![instrument, number])?;
            if let Some(row) = rows.next()? {
                let (filter, band): (Option<String>, Option<String>) = (row.get(0)?, row.get(1)?);
                for (dimension, value) in
                    [(Dimension::PhysicalFilter, filter), (Dimension::Band, band)]
                {
                    if let Some(value) = value {
                        whole.data_id = whole.data_id.with(dimension, value.as_str());
                    }
                }
                whole.data_id = whole.data_id.with(Dimension::DayObs, row.get::<_, i64>(2)?);
                (whole.begin_mjd, whole.end_mjd) = (row.get(3)?, row.get(4)?);
            }
        }
        if let Some(filter) = data_id.text(Dimension::PhysicalFilter) {
            let sql = "SELECT band FROM physical_filter
                WHERE instrument = ?1 AND physical_filter = ?2";
            let mut statement = connection.prepare_cached(sql)?;
            let band: Option<String> =
                statement.query_row(params![instrument, filter], |row| row.get(0)).optional()?;
            if let Some(band) = band {
                whole.data_id = whole.data_id.with(Dimension::Band, band.as_str());
            }
        }
        whole.place(connection)?;
        Ok(whole)
    }

    fn place(&mut self, connection: &Connection) -> Result<(), Fault> {
        let with = [
            (
                "visit_detector_region",
                [Dimension::Instrument, Dimension::Visit, Dimension::Detector],
            ),
            ("patch_region", [Dimension::Skymap, Dimension::Tract, Dimension::Patch]),
        ];
        let has =
            |dimensions: &[Dimension]| dimensions.iter().all(|d| self.data_id.get(*d).is_some());
        let Some((table, dimensions)) = with.into_iter().find(|(_, d)| has(d)) else {
            return Ok(());
        };
        let [first, second, third] = dimensions;
        let sql = format!(
            "SELECT region, cap_x, cap_y, cap_z, cap_radius_deg FROM {table}
             WHERE {first} = ?1 AND {second} = ?2 AND {third} = ?3"
        );
        let row =
            params_from_iter(dimensions.map(|dimension| sql_value(self.data_id.get(dimension))));
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query(row)?;
        if let Some(row) = rows.next()? {
            let region: String = row.get(0)?;
            let cap = [row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?];
            (self.region, self.cap) = (Some(region), cap.map(Some));
        }
        Ok(())
    }
}

impl Expanded {
    /// Enter place and time into their trees.
    fn index(&self, connection: &Connection, dataset: i64) -> Result<(), Fault> {
        if let [Some(x), Some(y), Some(z), Some(radius_deg)] = self.cap {
            // A chord is shorter than its arc.
            let half = radius_deg.to_radians();
            let sql = "INSERT INTO dataset_place VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
            let [low, high] = [-half, half].map(|h| [x + h, y + h, z + h]);
            connection
                .prepare_cached(sql)?
                .execute(params![dataset, low[0], high[0], low[1], high[1], low[2], high[2]])?;
        }
        if let (Some(begin_mjd), Some(end_mjd)) = (self.begin_mjd, self.end_mjd) {
            let sql = "INSERT INTO dataset_time VALUES (?1, ?2, ?3)";
            connection.prepare_cached(sql)?.execute(params![dataset, begin_mjd, end_mjd])?;
        }
        Ok(())
    }
}

fn sql_value(value: Option<&DataValue>) -> SqlValue {
    match value {
        None => SqlValue::Null,
        Some(DataValue::Integer(value)) => SqlValue::Integer(*value),
        Some(DataValue::Text(text)) => SqlValue::Text(text.clone()),
    }
}

/// An identity that follows from what a dataset is: a UUID of version 8 (RFC 9562).
fn uuid(run: &str, dataset_type: &str, data_id: &str) -> String {
    let digest = Sha256::digest(format!("{run}\n{dataset_type}\n{data_id}"));
    let mut bytes: Vec<u8> = digest.iter().take(16).copied().collect();
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
