//! Writing a survey into a catalog.
//!
//! ```text
//!   cells, chunk by chunk ─▶ units of objects ─▶ threads make rows ─▶ in order ─▶ transaction
//!                             (a batch each)      (a few units ahead)
//! ```
//!
//! Units come in the order of the catalog's chunks, so that a file holds few of them and the writer
//! never has to keep more than its buffer. Which thread makes a unit, and how large units are, does
//! not show in the rows.

use std::path::Path;

use almagest_ingest::{Transaction, TransactionConfig};
use almagest_storage::CatalogStore;
use almagest_storage::chunking::Chunking;
use almagest_storage::schema::TableDef;
use arrow::array::RecordBatch;

use crate::config::{SurveyConfig, WriteConfig};
use crate::error::{Error, Result};
use crate::rows::Survey;
use crate::schema::{TABLES, survey_schema};
use crate::units::{Unit, units};

/// Rows of Visit that are handed on at once.
const VISIT_BATCH: usize = 64 << 10;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GenerateReport {
    /// Rows by table, directors before their children.
    pub n_rows: Vec<(&'static str, u64)>,
    /// The versions that brought them.
    pub versions: Vec<u64>,
}

impl GenerateReport {
    /// Number of rows over all tables.
    pub fn total_rows(&self) -> u64 {
        self.n_rows.iter().map(|(_, n_rows)| n_rows).sum()
    }

    fn add(&mut self, table: &'static str, batch: &RecordBatch) {
        let n_rows = batch.num_rows() as u64;
        match self.n_rows.iter_mut().find(|(name, _)| *name == table) {
            Some((_, sum)) => *sum += n_rows,
            None => self.n_rows.push((table, n_rows)),
        }
    }
}

/// Generate a survey into the catalog in a folder, which is created where there is none.
///
/// All rows come as one version, or as several where there are more objects than
/// [`WriteConfig::commit_objects`].
///
/// # Arguments
/// * `progress` - is told the number of objects whose rows have been taken, again and again
///
/// # Errors
/// Options that make no survey; a catalog that has one of the tables already
/// ([`Error::TableExists`]); what creating and committing refuse. What earlier commits brought
/// stays.
pub fn generate(
    catalog: &Path,
    config: &SurveyConfig,
    write: &WriteConfig,
    progress: &dyn Fn(u64),
) -> Result<GenerateReport> {
    config.check()?;
    let store = open_or_create(catalog, config, write)?;
    let survey = Survey::new(config)?;
    let units = units(&survey, store.chunking(), config.depth.forced(), write.batch_rows);
    let mut report = GenerateReport::default();
    let mut transaction = Some(begin(&store, write)?);
    for start in (0..survey.n_visits()).step_by(VISIT_BATCH) {
        let batch = survey.visits(start..survey.n_visits().min(start + VISIT_BATCH))?;
        append(&mut transaction, &store, write, "Visit", &batch, &mut report)?;
    }
    let (mut n_done, mut n_uncommitted) = (0, 0);
    in_order(&survey, &units, write.n_threads, |unit, rows| {
        for (table, batch) in rows {
            append(&mut transaction, &store, write, table, &batch, &mut report)?;
        }
        n_done += unit.n_objects();
        n_uncommitted += unit.n_objects();
        progress(n_done);
        if n_uncommitted >= write.commit_objects
            && n_done < config.n_objects
            && let Some(full) = transaction.take()
        {
            report.versions.push(full.commit_as(&message(config))?.version);
            n_uncommitted = 0;
        }
        Ok(())
    })?;
    if let Some(last) = transaction {
        report.versions.push(last.commit_as(&message(config))?.version);
    }
    Ok(report)
}

/// Make a survey's rows without writing them, to measure how fast that is; return the number of
/// rows and their size in memory, bytes.
///
/// # Errors
/// Options that make no survey.
pub fn make_rows(config: &SurveyConfig, write: &WriteConfig) -> Result<(u64, u64)> {
    let survey = Survey::new(config)?;
    let chunking = Chunking::try_new(write.resolution)?;
    let units = units(&survey, chunking, config.depth.forced(), write.batch_rows);
    let (mut n_rows, mut n_bytes) = (0, 0);
    in_order(&survey, &units, write.n_threads, |_, rows| {
        for (_, batch) in rows {
            n_rows += batch.num_rows() as u64;
            n_bytes += batch.get_array_memory_size() as u64;
        }
        Ok(())
    })?;
    Ok((n_rows, n_bytes))
}

/// Make the rows of all units and hand them on in order.
///
/// Beside the unit that is being taken, as many as there are threads are being made: that is all
/// that is held in memory.
fn in_order(
    survey: &Survey,
    units: &[Unit],
    n_threads: usize,
    mut take: impl FnMut(&Unit, Vec<(&'static str, RecordBatch)>) -> Result<()>,
) -> Result<()> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(n_threads)
        .build()
        .map_err(|source| Error::Threads { n_threads, source })?;
    let ahead = pool.current_num_threads() + 1;
    pool.in_place_scope(|scope| {
        let start = |unit: &'_ Unit| {
            let (send, receive) = std::sync::mpsc::sync_channel(1);
            let unit = unit.clone();
            scope.spawn(move |_| {
                // Nobody waits any more where taking failed.
                let _ = send.send(unit.rows(survey));
            });
            receive
        };
        let mut waiting = std::collections::VecDeque::new();
        let mut next = units.iter();
        for unit in units {
            while waiting.len() < ahead
                && let Some(unit) = next.next()
            {
                waiting.push_back(start(unit));
            }
            let rows = waiting.pop_front().and_then(|made| made.recv().ok());
            // A thread that sends nothing has panicked, which the scope passes on.
            let Some(rows) = rows else { break };
            take(unit, rows?)?;
        }
        Ok(())
    })
}

fn append(
    transaction: &mut Option<Transaction>,
    store: &CatalogStore,
    write: &WriteConfig,
    table: &'static str,
    batch: &RecordBatch,
    report: &mut GenerateReport,
) -> Result<()> {
    let open = match transaction {
        Some(open) => open,
        None => transaction.insert(begin(store, write)?),
    };
    if batch.num_rows() > 0 {
        open.append(table, batch)?;
    }
    report.add(table, batch);
    Ok(())
}

fn begin(store: &CatalogStore, write: &WriteConfig) -> Result<Transaction> {
    let config = TransactionConfig {
        buffer_bytes: write.buffer_bytes,
        author: write.author.clone(),
        ..TransactionConfig::default()
    };
    Ok(Transaction::begin_with(store, config)?)
}

fn message(config: &SurveyConfig) -> String {
    let SurveyConfig { n_objects, seed, depth, width, n_deep_fields } = config;
    let mut message =
        format!("generate --objects {n_objects} --seed {seed} --depth {depth} --width {width}");
    if *n_deep_fields > 0 {
        message.push_str(&format!(" --deep-fields {n_deep_fields}"));
    }
    message
}

/// Open the catalog, with the survey's tables in it, empty.
fn open_or_create(
    catalog: &Path,
    config: &SurveyConfig,
    write: &WriteConfig,
) -> Result<CatalogStore> {
    let chunking = Chunking::try_new(write.resolution)?;
    let store = match CatalogStore::open(catalog) {
        Ok(store) => store,
        Err(almagest_storage::Error::NotACatalog { .. }) => {
            let mut schema = survey_schema(config.width)?;
            if let Some(name) = &write.name {
                schema.name.clone_from(name);
            }
            return Ok(CatalogStore::create(catalog, &schema, chunking)?);
        }
        Err(error) => return Err(error.into()),
    };
    let snapshot = store.snapshot()?;
    let known = |name: &&str| snapshot.schema().find(name).is_ok();
    if let Some(table) = TABLES.into_iter().find(|name| known(name)) {
        let table = snapshot.schema().find(table)?.name.clone();
        return Err(Error::TableExists { catalog: catalog.to_owned(), table });
    }
    let tables: Vec<TableDef> = survey_schema(config.width)?.tables;
    let mut transaction = begin(&store, write)?;
    transaction.add_tables(tables)?;
    transaction.commit_as("tables of a generated survey")?;
    Ok(store)
}
