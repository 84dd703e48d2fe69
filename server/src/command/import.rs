//! `almagest import`: a whole catalog of another form.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use almagest_ingest::conform::{ConformOptions, ExtraColumns};
use almagest_ingest::hats::HatsCatalog;
use almagest_ingest::hats::mount::MountReport;
use almagest_ingest::{Transaction, TransactionConfig};
use almagest_storage::chunking::Chunking;
use almagest_storage::schema::SchemaDef;
use almagest_storage::{CatalogStore, counted};

use super::{Result, progress};

/// Take a whole catalog of another form into a new table, in one transaction.
#[derive(Debug, clap::Args)]
pub struct Import {
    #[command(subcommand)]
    form: Form,
}

#[derive(Debug, clap::Subcommand)]
enum Form {
    /// A HATS catalog: Parquet files of HEALPix tiles, as LSDB and hats-import write them.
    Hats(Hats),
}

#[derive(Debug, clap::Args)]
struct Hats {
    /// Folder of the HATS catalog.
    from: PathBuf,
    /// Folder of the catalog, which is created where there is none.
    catalog: PathBuf,
    /// Name of the table [default: the name that the HATS catalog gives itself].
    #[arg(long)]
    table: Option<String>,
    /// Name of the schema of a new catalog.
    #[arg(long, default_value = "survey")]
    name: String,
    /// H3 resolution of the chunks of a new catalog.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=6))]
    resolution: u8,
    /// Who adds the rows, for the list of versions.
    #[arg(long, default_value = "")]
    author: String,
    /// Read the files where they are, without a copy. Nothing of them is ever written or removed; the
    /// table's rows cannot be changed.
    #[arg(long)]
    mount: bool,
}

impl Import {
    /// Import, and say what was taken.
    pub fn run(self) -> Result<()> {
        let Form::Hats(hats) = self.form;
        let from = HatsCatalog::open(&hats.from)?;
        let name = hats.table.clone().unwrap_or_else(|| from.table_name());
        let is_new = !hats.catalog.exists();
        let store = match CatalogStore::open(&hats.catalog) {
            Err(almagest_storage::Error::NotACatalog { .. }) => {
                let schema = SchemaDef {
                    name: hats.name.clone(),
                    description: String::new(),
                    version: None,
                    tables: vec![],
                };
                let chunking = Chunking::try_new(hats.resolution)?;
                CatalogStore::create(&hats.catalog, &schema, chunking)?
            }
            opened => opened?,
        };
        let imported = match hats.mount {
            true => mount(&hats, &from, &store, &name),
            false => copy(&hats, &from, &store, &name),
        };
        drop(store);
        // A catalog that was made for the table is not left without it.
        if imported.is_err() && is_new && fs::remove_dir_all(&hats.catalog).is_err() {
            tracing::warn!(catalog = %hats.catalog.display(), "an empty catalog is left");
        }
        imported
    }
}

fn copy(hats: &Hats, from: &HatsCatalog, store: &CatalogStore, name: &str) -> Result<()> {
    let config = TransactionConfig {
        conform: ConformOptions {
            extra_columns: ExtraColumns::Ignore,
            ..ConformOptions::default()
        },
        author: hats.author.clone(),
        ..TransactionConfig::default()
    };
    let mut transaction = Transaction::begin_with(store, config)?;
    transaction.add_tables(vec![from.table_def(name)?])?;
    let bar = progress::steps(from.n_files() as u64, "tiles");
    let report = transaction.append_hats(name, from, &|n_done| bar.set_position(n_done))?;
    bar.finish_and_clear();
    let message = format!("import {name} from {}", hats.from.display());
    let committed = transaction.commit_as(&message)?;
    let mut out = io::stdout();
    writeln!(out, "{name}: {} in version {}", counted(report.n_rows, "row"), committed.version)?;
    for line in report.lines() {
        writeln!(out, "  {line}")?;
    }
    Ok(())
}

fn mount(hats: &Hats, from: &HatsCatalog, store: &CatalogStore, name: &str) -> Result<()> {
    let bar = progress::steps(from.n_files() as u64, "files");
    let set = |n_done| bar.set_position(n_done);
    let report = from.mount(store, name, &hats.author, &set)?;
    bar.finish_and_clear();
    let mut out = io::stdout();
    let MountReport { version, n_rows, n_files, has_keys, n_outside, left_out } = report;
    let [rows, files] = [counted(n_rows, "row"), counted(n_files as u64, "file")];
    writeln!(out, "{name}: {rows} of {files} in place, version {version}")?;
    if !has_keys {
        writeln!(
            out,
            "  no _healpix_29 that says where rows lie: regions skip files and row groups, not pages"
        )?;
    }
    if n_outside > 0 {
        writeln!(out, "  {} with rows outside their tile", counted(n_outside, "file"))?;
    }
    if !left_out.is_empty() {
        writeln!(out, "  ignored, as no table holds them: {}", left_out.join(", "))?;
    }
    Ok(())
}
