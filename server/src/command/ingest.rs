//! `almagest ingest`: rows of files into a table, all of them or none.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use almagest_ingest::ErrorKind::Conflict;
use almagest_ingest::conform::{ConformOptions, ExtraColumns};
use almagest_ingest::format::{Format, ReadOptions};
use almagest_ingest::source::{self, Source};
use almagest_ingest::{
    CommitReport, Contributed, Mapping, OnError, Rehearsal, Transaction, TransactionConfig,
};
use almagest_server::{fetch, objects};
use almagest_storage::{CatalogStore, counted};
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use super::{CommandError, Result, progress};

/// Most files that the list of versions names.
const NAMED: usize = 10;

/// How often files are taken where another process commits first.
const TRIES: usize = 10;

/// Add the rows of files to a table, in one transaction: all of them or none.
///
/// Files are Parquet, Arrow, FITS binary tables, VOTable, CSV, TSV, ECSV or JSON lines, each also in
/// gzip, zstd or bzip2. Columns are found by the mapping, by name whatever the case, or by a UCD
/// that no other column has; values are converted from the unit that the file says to the column's.
/// Rows are placed on the sky by their position, children by their director's id.
///
/// Object stores are asked as the environment says: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
/// AWS_REGION, AWS_ENDPOINT, AWS_SKIP_SIGNATURE=true for public buckets;
/// GOOGLE_APPLICATION_CREDENTIALS; AZURE_STORAGE_ACCOUNT_NAME, AZURE_STORAGE_ACCOUNT_KEY.
#[derive(Debug, clap::Args)]
pub struct Ingest {
    /// Folder of the catalog.
    catalog: PathBuf,
    /// The table that takes the rows.
    table: String,
    /// The files: paths, patterns of paths in quotes ('visits/*.parquet'), http(s) addresses on
    /// allowed hosts, objects of stores ('s3://bucket/night/*.csv', gs://, az://), or - for standard
    /// input.
    #[arg(required = true)]
    files: Vec<String>,
    /// Format of the files, where neither their first bytes nor their names tell: csv, tsv, ecsv,
    /// jsonl, votable, fits, parquet or arrow.
    #[arg(long)]
    format: Option<Format>,
    /// YAML file that says which column of the file fills which of the table, in which unit and by
    /// which transform.
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// Leave out columns that the table lacks; otherwise they are an error.
    #[arg(long)]
    ignore_extra_columns: bool,
    /// What to do with rows that do not fit: refuse everything, or leave them out and count them.
    #[arg(long, value_enum, default_value_t = RowPolicy::Abort)]
    on_error: RowPolicy,
    /// New CSV file for the rows that are left out: input, number, table, kind and reason of each.
    #[arg(long, value_name = "FILE", requires = "on_error", conflicts_with = "dry_run")]
    rejects: Option<PathBuf>,
    /// Say what would be done (columns, units, rows by chunk, rows that do not fit, size), and do
    /// nothing.
    #[arg(long, conflicts_with = "once")]
    dry_run: bool,
    /// With --dry-run: name each chunk with its rows.
    #[arg(long, requires = "dry_run")]
    chunks: bool,
    /// A host from which files may be fetched; may be given more than once.
    #[arg(long = "allow-host", value_name = "HOST")]
    hosts: Vec<String>,
    /// Who adds the rows, for the list of versions.
    #[arg(long, value_name = "NAME", default_value = "")]
    author: String,
    /// Add a file only if none came with --once before under the same name, as it is written here, and
    /// with the same content: a run that was broken off can be repeated as it was. A file of that name and
    /// other content is refused. Rows that --on-error reject left out do not come by repeating it: send them,
    /// mended, in a file of another name.
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
    pub async fn run(self) -> Result<()> {
        let store = CatalogStore::open(&self.catalog)?;
        let mut sources = vec![];
        for source in source::sources(&self.files)? {
            match source {
                Source::Object(pattern) => {
                    let found = objects::find(&pattern).await.map_err(not_fetched)?;
                    sources.extend(found.into_iter().map(Source::Object));
                }
                other => sources.push(other),
            }
        }
        // Files and streams are read by this thread, which then may wait.
        block_in_place(|| self.take(&store, &sources))
    }

    fn take(&self, store: &CatalogStore, sources: &[Source]) -> Result<()> {
        if self.dry_run {
            return self.rehearse(store, self.config()?, sources);
        }
        let comes_again = |source: &Source| !matches!(source, Source::StandardInput);
        let may_repeat = sources.iter().all(comes_again);
        for _ in 1..TRIES {
            match self.add_all(store, sources) {
                Err(CommandError::Ingest(error)) if may_repeat && error.kind() == Conflict => {
                    tracing::info!(%error, "the files are taken again");
                }
                result => return result,
            }
        }
        self.add_all(store, sources)
    }

    /// Add the rows of all sources.
    fn add_all(&self, store: &CatalogStore, sources: &[Source]) -> Result<()> {
        let config = self.config()?;
        let mut transaction = Transaction::begin_with(store, config)?;
        let bar = progress::steps(sources.len() as u64, "files");
        let mut n_known = 0;
        for source in sources {
            bar.set_message(source.name());
            n_known += u64::from(self.add(&mut transaction, source)?);
            bar.inc(1);
        }
        bar.finish_and_clear();
        let names = sources.iter().take(NAMED).map(Source::name).collect::<Vec<_>>().join(", ");
        let more = match sources.len().saturating_sub(NAMED) {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        let message = format!("ingest {}: {names}{more}", self.table);
        let report = transaction.commit_as(&message)?;
        self.print(&report, n_known)
    }

    fn config(&self) -> Result<TransactionConfig> {
        let extra_columns = match self.ignore_extra_columns {
            true => ExtraColumns::Ignore,
            false => ExtraColumns::Refuse,
        };
        let mapping = self.mapping.as_deref().map(Mapping::load).transpose()?;
        let mappings = mapping.map(|mapping| (self.table.clone(), Arc::new(mapping)));
        Ok(TransactionConfig {
            conform: ConformOptions {
                extra_columns,
                mappings: mappings.into_iter().collect(),
                ..ConformOptions::default()
            },
            on_error: match self.on_error {
                RowPolicy::Abort => OnError::Abort,
                RowPolicy::Reject => OnError::Reject { file: self.rejects.clone() },
            },
            author: self.author.clone(),
            ..TransactionConfig::default()
        })
    }

    fn options(&self) -> ReadOptions {
        ReadOptions { format: self.format, ..ReadOptions::default() }
    }

    /// Add a source's rows; says whether they were in the catalog already.
    fn add(&self, transaction: &mut Transaction, source: &Source) -> Result<bool> {
        let (key, table) = (source.name(), self.table.as_str());
        let sent = match (self.open(source)?, self.once) {
            (Opened::File(path), false) => {
                transaction.append_file(table, path, &self.options())?;
                return Ok(false);
            }
            (Opened::File(path), true) => {
                transaction.contribute_file(&key, table, path, &self.options())?
            }
            (Opened::Stream { bytes, name, options }, false) => {
                transaction.append_stream(table, bytes, &name, &options)?;
                return Ok(false);
            }
            (Opened::Stream { bytes, name, options }, true) => {
                transaction.contribute_stream(&key, table, bytes, &name, &options)?
            }
        };
        Ok(matches!(sent, Contributed::Known { .. }))
    }

    /// Ask for what a source holds.
    fn open<'a>(&self, source: &'a Source) -> Result<Opened<'a>> {
        let (bytes, name, media_type): (Box<dyn Read + Send>, _, _) = match source {
            Source::File(path) => return Ok(Opened::File(path)),
            Source::StandardInput => (Box::new(io::stdin()), source.name(), None),
            Source::Url(url) => {
                let answer = fetch::get(url, &self.hosts, None).map_err(not_fetched)?;
                (answer.body, file_name(&answer.path), answer.media_type)
            }
            Source::Object(address) => {
                let bytes = Handle::current().block_on(objects::get(address));
                (Box::new(bytes.map_err(not_fetched)?), address.clone(), None)
            }
        };
        let options = ReadOptions { media_type, ..self.options() };
        Ok(Opened::Stream { bytes, name, options })
    }

    /// Say what would be done.
    fn rehearse(
        &self,
        store: &CatalogStore,
        config: TransactionConfig,
        sources: &[Source],
    ) -> Result<()> {
        let mut rehearsal = Rehearsal::begin(store, config)?;
        let bar = progress::steps(sources.len() as u64, "files");
        for source in sources {
            bar.set_message(source.name());
            match self.open(source)? {
                Opened::File(path) => rehearsal.try_file(&self.table, path, &self.options())?,
                Opened::Stream { bytes, name, options } => {
                    rehearsal.try_stream(&self.table, bytes, &name, &options)?;
                }
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        let forecast = rehearsal.finish()?;
        let mut out = io::stdout().lock();
        write!(out, "{forecast}")?;
        for (table, tally) in forecast.tallies.iter().filter(|_| self.chunks) {
            for (chunk, n_rows) in &tally.chunks {
                writeln!(out, "{table} {chunk}: {}", counted(*n_rows, "row"))?;
            }
        }
        let n_unfit = match self.on_error {
            RowPolicy::Abort => forecast.rejected.n_rows(),
            RowPolicy::Reject => 0,
        };
        match forecast.refused.len() {
            0 if n_unfit > 0 => Err(CommandError::Refused(format!(
                "everything would be refused for {}; --on-error reject leaves them out",
                counted(n_unfit, "row")
            ))),
            0 => Ok(writeln!(out, "nothing was written")?),
            n => Err(CommandError::Refused(format!(
                "{n} of {} would be refused",
                counted(sources.len(), "file")
            ))),
        }
    }

    fn print(&self, report: &CommitReport, n_known: u64) -> Result<()> {
        let mut out = io::stdout().lock();
        match n_known {
            0 if report.n_rows() == 0 => {
                writeln!(out, "{}: the files hold no rows that fit", self.table)?;
            }
            0 => {}
            1 => writeln!(out, "1 file was in the catalog already")?,
            n => writeln!(out, "{n} files were in the catalog already")?,
        }
        for (kind, n_rows) in &report.rejected.by_kind {
            writeln!(out, "{} left out: {kind}", counted(*n_rows, "row"))?;
        }
        for (table, rows) in &report.tables {
            writeln!(
                out,
                "{table}: {} in version {}",
                counted(rows.n_rows, "row"),
                report.version
            )?;
            for line in rows.lines() {
                writeln!(out, "  {line}")?;
            }
        }
        Ok(())
    }
}

/// What a source holds.
enum Opened<'a> {
    /// A file, which can be read here and there.
    File(&'a Path),
    /// Bytes, which come once.
    Stream { bytes: Box<dyn Read + Send>, name: String, options: ReadOptions },
}

fn not_fetched(error: fetch::FetchError) -> CommandError {
    let hint = match &error {
        fetch::FetchError::Host { host, .. } => format!(" (--allow-host {host})"),
        fetch::FetchError::Failed { .. } => String::new(),
    };
    CommandError::Refused(format!("{error}{hint}"))
}

/// The last part of an address's path, which may tell the format.
fn file_name(path: &str) -> String {
    let name = Path::new(path).file_name().and_then(|name| name.to_str());
    name.unwrap_or("the answer").to_owned()
}
