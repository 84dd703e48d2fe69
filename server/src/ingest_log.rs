//! The log of ingest transactions as tables: the schema `ingest`.

use std::error::Error as StdError;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use almagest_engine::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use almagest_engine::{Database, LiveSchema};
use almagest_storage::CatalogStore;
use almagest_storage::activity::{ContributionEntry, LoggedTransaction};
use almagest_storage::schema::SchemaDef;
use almagest_storage::schema::felis;

use crate::Result;

/// Name of the schema.
pub const NAME: &str = "ingest";

/// The Felis text of the schema.
const INGEST_YAML: &str = include_str!("../schemas/ingest.yaml");

type Rows = std::result::Result<RecordBatch, Box<dyn StdError + Send + Sync>>;

/// The logs of some catalogs.
#[derive(Debug)]
pub struct IngestLog {
    stores: Vec<CatalogStore>,
    definition: SchemaDef,
}

impl IngestLog {
    /// The logs of the catalogs of a database; `None` where one of them has the name of the schema.
    ///
    /// # Errors
    /// None for the text as shipped; the tests read it.
    pub fn of(database: &Database) -> Result<Option<Arc<dyn LiveSchema>>> {
        let stores = database.stores();
        if stores.iter().any(|store| store.name().eq_ignore_ascii_case(NAME)) {
            return Ok(None);
        }
        let definition = felis::parse(INGEST_YAML, &|_| None)
            .map_err(almagest_storage::Error::from)
            .map_err(almagest_ingest::Error::from)?
            .schema;
        Ok(Some(Arc::new(Self { stores, definition })))
    }

    fn transactions(&self) -> Rows {
        let mut all: Vec<(&str, LoggedTransaction)> = vec![];
        for store in &self.stores {
            let logged = store.transactions()?.into_iter();
            all.extend(logged.map(|transaction| (store.name(), transaction)));
        }
        let text = |of: fn(&LoggedTransaction) -> Option<&str>| -> ArrayRef {
            Arc::new(all.iter().map(|(_, logged)| of(logged)).collect::<StringArray>())
        };
        let number = |of: fn(&LoggedTransaction) -> Option<u64>| -> ArrayRef {
            let numbers = all.iter().map(|(_, logged)| of(logged).map(u64::cast_signed));
            Arc::new(numbers.collect::<Int64Array>())
        };
        let schemas: ArrayRef =
            Arc::new(StringArray::from_iter_values(all.iter().map(|(schema, _)| schema)));
        Ok(RecordBatch::try_from_iter_with_nullable([
            ("transaction_id", text(|logged| Some(&logged.id)), true),
            ("schema_name", schemas, true),
            ("state", text(|logged| Some(logged.state.word())), true),
            ("author", text(|logged| filled(&logged.author)), true),
            ("message", text(|logged| filled(&logged.message)), true),
            ("base_version", number(|logged| Some(logged.base_version)), true),
            ("version", number(|logged| logged.version), true),
            ("begun_at", text(|logged| Some(&logged.begun_at)), true),
            ("ended_at", text(|logged| logged.ended_at.as_deref()), true),
            ("error", text(|logged| logged.error.as_deref()), true),
        ])?)
    }

    fn contributions(&self) -> Rows {
        let mut all: Vec<ContributionEntry> = vec![];
        for store in &self.stores {
            all.extend(store.all_contributions()?);
        }
        let text = |of: fn(&ContributionEntry) -> Option<&str>| -> ArrayRef {
            Arc::new(all.iter().map(of).collect::<StringArray>())
        };
        let n_rows: ArrayRef = Arc::new(Int64Array::from_iter_values(
            all.iter().map(|entry| entry.contribution.n_rows.cast_signed()),
        ));
        Ok(RecordBatch::try_from_iter_with_nullable([
            ("transaction_id", text(|entry| Some(&entry.transaction)), true),
            ("contribution_key", text(|entry| Some(&entry.contribution.key)), true),
            ("table_name", text(|entry| Some(&entry.contribution.table)), true),
            ("state", text(|entry| Some(entry.contribution.state())), true),
            ("n_rows", n_rows, true),
            ("received_at", text(|entry| entry.received_at.as_deref()), true),
            ("checksum", text(|entry| filled(&entry.contribution.checksum)), true),
            ("error", text(|entry| entry.contribution.error.as_deref()), true),
        ])?)
    }
}

impl LiveSchema for IngestLog {
    fn definition(&self) -> &SchemaDef {
        &self.definition
    }

    fn rows(&self, table: &str) -> Rows {
        match table {
            "transactions" => self.transactions(),
            _ => self.contributions(),
        }
    }

    fn stamp(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for store in &self.stores {
            // What cannot be read now is another thing than what could be read before.
            store.log_stamp().ok().hash(&mut hasher);
        }
        hasher.finish()
    }
}

fn filled(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}
