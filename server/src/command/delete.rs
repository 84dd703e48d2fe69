//! `almagest delete`: rows of a table go, in a new version.

use std::io::{self, Write};
use std::path::PathBuf;

use almagest_engine::Database;
use almagest_engine::row_places::RowPlaces;
use almagest_engine::tap_schema::identifier::in_query;
use almagest_ingest::{CommitReport, Error as IngestError, Transaction, TransactionConfig};
use almagest_storage::{CatalogStore, Error as StorageError, Removal, counted};

use super::{CommandError, Result, progress};

/// How often it is begun anew when other commits change the same rows.
const TRIES: usize = 5;

/// Remove the rows of a table that fulfil a condition, in a new version.
///
/// No data file is rewritten: older versions have the rows still, until `vacuum` removes what no kept
/// version needs; `compact` leaves them out of the files that it writes.
#[derive(Debug, clap::Args)]
pub struct Delete {
    /// Folder of the catalog.
    catalog: PathBuf,
    /// The table.
    table: String,
    /// Which rows: a condition in ADQL, as after WHERE, such as "visit = 7 AND detector IN (3, 4)".
    #[arg(long = "where", value_name = "CONDITION")]
    condition: String,
    /// What becomes of rows whose director goes, as the ForcedSources of an Object.
    #[arg(long, value_enum)]
    children: Option<Children>,
    /// Count the rows, and remove none.
    #[arg(long)]
    dry_run: bool,
    /// Who removes them, as `versions` lists it.
    #[arg(long, default_value = "")]
    author: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Children {
    /// They go too.
    Remove,
    /// They stay, without a director.
    Leave,
}

impl Delete {
    /// Remove the rows and say how many there were.
    pub async fn run(self) -> Result<()> {
        let store = CatalogStore::open(&self.catalog)?;
        for _ in 1..TRIES {
            match self.attempt(&store).await {
                Err(CommandError::Ingest(IngestError::Storage(
                    StorageError::Conflict { .. } | StorageError::NoSuchRow { .. },
                ))) => {}
                done => return done,
            }
        }
        self.attempt(&store).await
    }

    async fn attempt(&self, store: &CatalogStore) -> Result<()> {
        let spinner = progress::spinner(format!("looking through {}", self.table));
        let found = self.find(store).await;
        spinner.finish_and_clear();
        let found = found?;
        let [rows, children @ ..] = &found[..] else { return Ok(()) };
        if self.children.is_none() && children.iter().any(|child| child.n_rows() > 0) {
            return Err(self.orphans(rows, children));
        }
        let mut out = io::stdout().lock();
        let n_rows: u64 = found.iter().map(RowPlaces::n_rows).sum();
        if self.dry_run || n_rows == 0 {
            for places in &found {
                writeln!(out, "{}: {} would go", places.table, counted(places.n_rows(), "row"))?;
            }
            return Ok(writeln!(out, "nothing was removed")?);
        }
        let report = self.remove(store, found)?;
        for (table, n_rows) in &report.removed {
            writeln!(
                out,
                "{table}: {} removed in version {}",
                counted(*n_rows, "row"),
                report.version
            )?;
        }
        Ok(())
    }

    /// Find the rows, and those of the table's children.
    async fn find(&self, store: &CatalogStore) -> Result<Vec<RowPlaces>> {
        let session = Database::open(&self.catalog)?.session()?;
        let rows = session.rows_where(&self.table, &self.condition).await?;
        let mut found = vec![rows];
        let snapshot = store.snapshot()?;
        let director = snapshot.table(&found[0].table)?;
        let Some(id) = director.id.as_deref().filter(|_| self.children != Some(Children::Leave))
        else {
            return Ok(found);
        };
        for child in &snapshot.schema().tables {
            let Some((of, key)) = child.director().filter(|(of, _)| *of == director.name) else {
                continue;
            };
            let [of, key, id] = [of, key, id].map(in_query);
            let gone = format!("SELECT {id} FROM {of} WHERE {}", self.condition);
            let orphans = format!("{key} IN ({gone}\n)");
            found.push(session.rows_where(&in_query(&child.name), &orphans).await?);
        }
        Ok(found)
    }

    fn remove(&self, store: &CatalogStore, found: Vec<RowPlaces>) -> Result<CommitReport> {
        let config = TransactionConfig { author: self.author.clone(), ..Default::default() };
        let mut transaction = Transaction::begin_with(store, config)?;
        let what = format!("delete from {} where {}", found[0].table, self.condition);
        for places in found {
            transaction.remove(&places.table, Removal::Rows(places.rows))?;
        }
        Ok(transaction.commit_as(&what)?)
    }

    fn orphans(&self, rows: &RowPlaces, children: &[RowPlaces]) -> CommandError {
        let of_each: Vec<String> = children
            .iter()
            .filter(|child| child.n_rows() > 0)
            .map(|child| format!("{} of {}", counted(child.n_rows(), "row"), child.table))
            .collect();
        CommandError::Refused(format!(
            "{} would be left without their director, as {} of {} would go; with --children remove they go too, \
             with --children leave they stay. Nothing was removed",
            of_each.join(" and "),
            counted(rows.n_rows(), "row"),
            rows.table
        ))
    }
}
