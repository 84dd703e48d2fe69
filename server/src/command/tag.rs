//! `almagest tag`: names for versions.

use std::io::{self, Write};
use std::path::PathBuf;

use almagest_storage::CatalogStore;

use super::Result;

/// Give a version of a catalog a name, such as that of a release, or take it away.
///
/// A tagged version is kept by `vacuum`.
#[derive(Debug, clap::Args)]
pub struct Tag {
    /// Folder of the catalog.
    catalog: PathBuf,
    /// The name.
    name: String,
    /// The version: its number, another tag, or a time (UTC); the newest where none is given.
    #[arg(long, value_name = "VERSION", conflicts_with = "remove")]
    version: Option<String>,
    /// What the tag is for.
    #[arg(long, default_value = "", conflicts_with = "remove")]
    message: String,
    /// Take the name away.
    #[arg(long)]
    remove: bool,
}

impl Tag {
    /// Set or remove the tag.
    pub fn run(self) -> Result<()> {
        let store = CatalogStore::open(&self.catalog)?;
        let mut out = io::stdout();
        if self.remove {
            store.remove_tag(&self.name)?;
            writeln!(out, "tag {} removed", self.name)?;
            return Ok(());
        }
        let version = match &self.version {
            Some(text) => store.find_version(text)?,
            None => store.newest_version()?,
        };
        store.tag(&self.name, version, &self.message)?;
        writeln!(out, "version {version} is tagged {}", self.name)?;
        Ok(())
    }
}
