//! `almagest query`: the answer to one ADQL query.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use almagest_engine::arrow::record_batch::RecordBatch;
use almagest_engine::arrow::util::pretty::pretty_format_batches;
use almagest_engine::{Database, Progress, Query as PlannedQuery, QueryOptions};
use almagest_server::dali::Format;
use almagest_server::formats::canonical::Canonical;
use almagest_server::formats::{Ending, Provenance, encoder};
use futures::StreamExt;

use super::{CommandError, Result, progress};

/// Answer an ADQL query.
///
/// On a terminal the answer is a table; in a file it has the format that the file's name tells;
/// elsewhere it is CSV, unless --format says otherwise.
#[derive(Debug, clap::Args)]
pub struct Query {
    /// Folder of the catalog.
    catalog: PathBuf,
    /// The query, such as "SELECT TOP 10 * FROM Object".
    adql: String,
    /// Format of the answer.
    #[arg(long, value_enum)]
    format: Option<OutputFormat>,
    /// File for the answer; standard output if none is given.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print how the query would run, and do not run it.
    #[arg(long)]
    explain: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum OutputFormat {
    /// Columns drawn for people.
    Table,
    /// Comma-separated values.
    Csv,
    /// Tab-separated values.
    Tsv,
    /// VOTable, binary.
    Votable,
    /// VOTable, rows as XML elements.
    VotableTd,
    /// JSON with the metadata of the columns.
    Json,
    /// Apache Parquet.
    Parquet,
    /// Arrow IPC stream.
    Arrow,
    /// FITS binary table.
    Fits,
    /// A table for browsers.
    Html,
}

impl OutputFormat {
    /// Return the format that a file's name tells; CSV where it tells none.
    fn of_path(path: &Path) -> Self {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("tsv") => Self::Tsv,
            Some("vot" | "votable" | "xml") => Self::Votable,
            Some("json") => Self::Json,
            Some("parquet") => Self::Parquet,
            Some("arrow" | "arrows") => Self::Arrow,
            Some("fits" | "fit") => Self::Fits,
            Some("html") => Self::Html,
            Some("txt") => Self::Table,
            _ => Self::Csv,
        }
    }
}

impl Query {
    /// Answer the query.
    pub async fn run(self) -> Result<()> {
        let database = Database::open(&self.catalog)?;
        let query = plan(&database, &self.adql).await?;
        for warning in query.warnings() {
            eprintln!("warning: {warning}");
        }
        if self.explain {
            writeln!(io::stdout(), "{}", query.explain())?;
            return Ok(());
        }
        let format = self.format.unwrap_or_else(|| match &self.output {
            None if io::stdout().is_terminal() => OutputFormat::Table,
            None => OutputFormat::Csv,
            Some(path) => OutputFormat::of_path(path),
        });
        match &self.output {
            None => write(query, &self.adql, format, io::stdout().lock()).await,
            Some(path) => {
                let error = |source| CommandError::File { path: path.clone(), source };
                // A failed query leaves no half of an answer behind.
                let part = path.with_extension("part");
                let file = File::create(&part).map_err(error)?;
                let watch = tokio::spawn(show_progress(query.progress()));
                let written = write(query, &self.adql, format, io::BufWriter::new(file)).await;
                watch.abort();
                if written.is_err() {
                    let _ = std::fs::remove_file(&part);
                }
                written?;
                std::fs::rename(&part, path).map_err(error)
            }
        }
    }
}

/// Show how far a query is, until the task is ended.
async fn show_progress(progress: Progress) {
    let bar = progress::steps(0, "chunks read");
    loop {
        let scanned = progress.scanned();
        bar.set_length(scanned.chunks_planned);
        bar.set_position(scanned.chunks_done);
        bar.set_message(format!("{} rows", scanned.n_rows));
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Plan `adql`; an error shows the place in the text.
pub async fn plan(database: &Database, adql: &str) -> Result<PlannedQuery> {
    Ok(database.session()?.query(adql, QueryOptions::default()).await?)
}

/// Draw the rows of a query for people.
pub async fn table(query: PlannedQuery) -> Result<String> {
    let schema = query.schema().clone();
    let mut batches = query.collect().await?;
    if batches.is_empty() {
        batches.push(RecordBatch::new_empty(schema));
    }
    Ok(pretty_format_batches(&batches).map_err(almagest_server::Error::from)?.to_string())
}

async fn write(
    query: PlannedQuery,
    adql: &str,
    format: OutputFormat,
    mut output: impl Write,
) -> Result<()> {
    let format = match format {
        OutputFormat::Table => {
            writeln!(output, "{}", table(query).await?)?;
            return Ok(output.flush()?);
        }
        OutputFormat::Csv => Format::Csv,
        OutputFormat::Tsv => Format::Tsv,
        OutputFormat::Votable => Format::VotableBinary2,
        OutputFormat::VotableTd => Format::VotableTableData,
        OutputFormat::Json => Format::Json,
        OutputFormat::Parquet => Format::Parquet,
        OutputFormat::Arrow => Format::Arrow,
        OutputFormat::Fits => Format::Fits,
        OutputFormat::Html => Format::Html,
    };
    let provenance = Provenance {
        query: adql.to_owned(),
        version: query.cited_version(),
        warnings: query.warnings().to_vec(),
        links: None,
        form: None,
    };
    let canonical = Canonical::new(query.schema())?;
    let mut encoder = encoder(format, canonical.schema(), &provenance, &std::env::temp_dir())?;
    let mut rows = query.into_stream().await?;
    output.write_all(&encoder.begin()?)?;
    while let Some(batch) = rows.next().await {
        output.write_all(&encoder.rows(&canonical.convert(&batch?)?)?)?;
    }
    output.write_all(&encoder.end(&Ending::Complete)?)?;
    while let Some(more) = encoder.more()? {
        output.write_all(&more)?;
    }
    Ok(output.flush()?)
}
