//! `almagest ingest`: rows of files into a table, all of them or none.

use std::io::{self, Write};
use std::path::PathBuf;

use almagest_ingest::conform::{ConformOptions, ExtraColumns};
use almagest_ingest::format::{Format, ReadOptions};
use almagest_ingest::{Contributed, OnError, Transaction, TransactionConfig};
use almagest_storage::CatalogStore;

use super::{Result, progress};

/// Add the rows of files to a table, in one transaction: all of them or none.
///
/// Files are Parquet, Arrow, FITS binary tables, VOTable, CSV, TSV, ECSV or JSON lines, each also in
/// gzip or zstd. Columns are found by name, whatever the case; units are not converted. Rows are
/// placed on the sky by their position, children by their director's id.
#[derive(Debug, clap::Args)]
pub struct Ingest {
    /// Folder of the catalog.
    catalog: PathBuf,
    /// The table that takes the rows.
    table: String,
    /// The files.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Format of the files, where neither their first bytes nor their names tell: csv, tsv, ecsv,
    /// jsonl, votable, fits, parquet or arrow.
    #[arg(long)]
    format: Option<Format>,
    /// Leave out columns that the table lacks; otherwise they are an error.
    #[arg(long)]
    ignore_extra_columns: bool,
    /// What to do with rows that do not fit: refuse everything, or leave them out and count them.
    #[arg(long, value_enum, default_value_t = RowPolicy::Abort)]
    on_error: RowPolicy,
    /// CSV file for the rows that are left out: input, number, table, kind and reason of each.
    #[arg(long, value_name = "FILE", requires = "on_error")]
    rejects: Option<PathBuf>,
    /// Who adds the rows, for the list of versions.
    #[arg(long, value_name = "NAME", default_value = "")]
    author: String,
    /// Add a file only if no version has it under its name with the same content: a run that was
    /// broken off can be repeated as it was.
    #[arg(long)]
    once: bool,
}

/// What to do with rows that do not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum RowPolicy {
    /// Refuse all files.
    Abort,
    /// Leave the rows out.
    Reject,
}

impl Ingest {
    /// Ingest the files and say what was done.
    pub fn run(self) -> Result<()> {
        let store = CatalogStore::open(&self.catalog)?;
        let extra_columns = match self.ignore_extra_columns {
            true => ExtraColumns::Ignore,
            false => ExtraColumns::Refuse,
        };
        let config = TransactionConfig {
            conform: ConformOptions { extra_columns, ..Default::default() },
            on_error: match self.on_error {
                RowPolicy::Abort => OnError::Abort,
                RowPolicy::Reject => OnError::Reject { file: self.rejects.clone() },
            },
            author: self.author.clone(),
            ..Default::default()
        };
        let mut transaction = Transaction::begin_with(&store, config)?;
        let options = ReadOptions { format: self.format, ..Default::default() };
        let bar = progress::steps(self.files.len() as u64, "files");
        let mut n_known = 0;
        for path in &self.files {
            bar.set_message(path.display().to_string());
            if self.once {
                let key = path.display().to_string();
                let sent = transaction.contribute_file(&key, &self.table, path, &options)?;
                n_known += u64::from(matches!(sent, Contributed::Known { .. }));
            } else {
                transaction.append_file(&self.table, path, &options)?;
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        let files: Vec<String> = self.files.iter().map(|path| path.display().to_string()).collect();
        let report =
            transaction.commit_as(&format!("ingest {}: {}", self.table, files.join(", ")))?;
        if n_known > 0 {
            writeln!(io::stdout(), "{n_known} files were in the catalog already")?;
        } else if report.n_rows() == 0 {
            writeln!(io::stdout(), "{}: the files hold no rows that fit", self.table)?;
        }
        for (kind, n_rows) in &report.rejected.by_kind {
            writeln!(io::stdout(), "{n_rows} rows left out: {kind}")?;
        }
        for (table, rows) in &report.tables {
            writeln!(io::stdout(), "{table}: {} rows in version {}", rows.n_rows, report.version)?;
            for (what, counts) in
                [("NaN became NULL", &rows.nans), ("infinities became NULL", &rows.infinities)]
            {
                for (column, count) in counts {
                    writeln!(io::stdout(), "  {column}: {what} ({count} rows)")?;
                }
            }
            for (what, counts) in [
                ("NULL, as the input lacks them", &rows.absent_columns),
                ("ignored, as the table lacks them", &rows.ignored_columns),
            ] {
                if !counts.is_empty() {
                    let columns: Vec<&str> = counts.keys().map(String::as_str).collect();
                    writeln!(io::stdout(), "  {what}: {}", columns.join(", "))?;
                }
            }
        }
        Ok(())
    }
}
