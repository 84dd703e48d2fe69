//! `almagest adql`: the language without a catalog.

use std::io::Read;
use std::path::Path;

use super::{CommandError, Result};

pub mod check;
pub mod translate;

/// Judge or translate ADQL without a catalog.
#[derive(Debug, clap::Args)]
pub struct Adql {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Check(check::Check),
    Translate(translate::Translate),
}

impl Adql {
    /// Run the command.
    pub async fn run(self) -> Result<()> {
        match self.command {
            Command::Check(check) => check.run(),
            Command::Translate(translate) => translate.run().await,
        }
    }
}

/// Read a text from a file, or from standard input for `-`.
fn read(path: &Path) -> Result<String> {
    let error = |source| CommandError::File { path: path.to_owned(), source };
    if path == Path::new("-") {
        let mut text = Vec::new();
        std::io::stdin().read_to_end(&mut text).map_err(error)?;
        return Ok(String::from_utf8_lossy(&text).into_owned());
    }
    let bytes = std::fs::read(path).map_err(error)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
