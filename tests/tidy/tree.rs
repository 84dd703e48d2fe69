//! The repository as the tests read it.

use std::fs;
use std::path::{Path, PathBuf};

use toml::Table;

/// The crates: folder and name without `almagest-`.
pub const CRATES: [(&str, &str); 9] = [
    ("adql/unit", "unit"),
    ("adql", "adql"),
    ("engine/storage", "storage"),
    ("engine", "engine"),
    ("ingest/generate", "generate"),
    ("ingest", "ingest"),
    ("pipeline", "pipeline"),
    ("server", "server"),
    ("tests", "tests"),
];

/// Return the folder of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Read a TOML file of the repository.
pub fn toml(path: &str) -> Table {
    read(path).parse().unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Read a text file of the repository.
pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A Rust source file.
pub struct Source {
    /// Path from the root of the repository.
    pub path: String,
    /// Name of the crate without `almagest-`.
    pub of_crate: &'static str,
    /// Its text.
    pub text: String,
}

impl Source {
    /// Return the numbered lines before the tests at the bottom of the file; none of a file that
    /// holds only tests.
    pub fn product_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_test = self.path.contains("tests/") || self.path.ends_with("/tests.rs");
        let end = if is_test { 0 } else { usize::MAX };
        self.lines().take(end).take_while(|(_, line)| *line != "#[cfg(test)]")
    }

    /// Return all lines, numbered from 1.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }
}

/// Return all Rust sources of all crates.
pub fn sources() -> Vec<Source> {
    let mut sources = vec![];
    for (folder, of_crate) in CRATES {
        for path in files(&root().join(folder)) {
            let path = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
            // The folder of one crate lies inside that of another.
            let is_nested = match of_crate {
                "engine" => path.starts_with("engine/storage/"),
                "adql" => path.starts_with("adql/unit/"),
                _ => false,
            };
            if path.ends_with(".rs") && !is_nested {
                let text = read(&path);
                sources.push(Source { path, of_crate, text });
            }
        }
    }
    assert!(sources.len() > 100, "the sources were found");
    sources
}

/// Return all files below a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        if name.starts_with('.') || name == "target" || name == "__pycache__" {
            continue;
        }
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

/// Fail with all faults at once.
pub fn assert_none(what: &str, faults: &[String]) {
    assert!(faults.is_empty(), "{what}:\n  {}", faults.join("\n  "));
}
