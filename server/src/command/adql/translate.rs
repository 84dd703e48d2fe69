//! `almagest adql translate`: what becomes of a query.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Instant;

use almagest_adql::Dialect;
use almagest_engine::preview::Previewer;
use almagest_storage::schema::felis;

use super::Result;

/// Show the SQL that a query is rewritten to, and what prunes each table that it reads.
#[derive(Debug, clap::Args)]
pub struct Translate {
    /// File that holds the query; - for standard input.
    file: PathBuf,
    /// Felis schema whose tables the query may name; may be repeated. TAP_SCHEMA is always known.
    #[arg(long = "schema", value_name = "FELIS")]
    schemas: Vec<PathBuf>,
    /// Take exactly ADQL 2.1, without the extensions that queries may otherwise use.
    #[arg(long)]
    strict: bool,
    /// Print how long it took, in milliseconds.
    #[arg(long)]
    time: bool,
}

impl Translate {
    /// Translate the query.
    pub async fn run(self) -> Result<()> {
        let text = super::read(&self.file)?;
        let mut schemas = Vec::with_capacity(self.schemas.len());
        for path in &self.schemas {
            schemas.push(felis::load(path)?.schema);
        }
        let dialect = if self.strict { Dialect::Strict } else { Dialect::Adql };
        let previewer = Previewer::new(&schemas)?;
        let begin = Instant::now();
        let preview = previewer.preview(&text, dialect).await?;
        write!(io::stdout(), "{preview}")?;
        if self.time {
            writeln!(io::stdout(), "\nplanned in {:.1} ms", begin.elapsed().as_secs_f64() * 1e3)?;
        }
        Ok(())
    }
}
