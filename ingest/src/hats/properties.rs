//! `hats.properties` and `collection.properties`: what a catalog says of itself, `key=value`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, FileProblem, Result};

/// What a file of properties says, by key.
pub(super) type Properties = BTreeMap<String, String>;

/// Find the catalog in a folder, which is that of a catalog, or of a collection of one with its margins
/// and indexes.
///
/// # Returns
/// Its folder and its properties.
///
/// # Errors
/// The folder is neither; the catalog of the collection lies elsewhere than in a folder.
pub(super) fn find(folder: &Path) -> Result<(PathBuf, Properties)> {
    let collection = folder.join("collection.properties");
    let is_catalog = ["hats.properties", "properties"].iter().any(|n| folder.join(n).is_file());
    if is_catalog || !collection.is_file() {
        return Ok((folder.to_owned(), of_catalog(folder)?));
    }
    let properties = read(&collection)?;
    let problem = |reason: &str| {
        let input = collection.display().to_string();
        Error::File { input, problem: FileProblem::Header { reason: reason.to_owned() } }
    };
    let main = properties.get("hats_primary_table_url");
    let main = main.ok_or_else(|| problem("it lacks hats_primary_table_url"))?;
    if main.contains("://") {
        return Err(problem("its catalog is not in a folder of this machine"));
    }
    let main = folder.join(main);
    let properties = of_catalog(&main)?;
    Ok((main, properties))
}

fn of_catalog(folder: &Path) -> Result<Properties> {
    let older = folder.join("properties");
    match older.is_file() && !folder.join("hats.properties").is_file() {
        true => read(&older),
        false => read(&folder.join("hats.properties")),
    }
}

fn read(path: &Path) -> Result<Properties> {
    let text =
        fs::read_to_string(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with(['#', '!']));
    let properties = lines.filter_map(|line| line.split_once('='));
    // Java, whose form this is, may write `\:` and `\=`.
    Ok(properties
        .map(|(key, value)| (key.trim().to_owned(), value.trim().replace('\\', "")))
        .collect())
}
