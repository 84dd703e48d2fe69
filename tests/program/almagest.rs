//! Running the program, and a catalog to run it on.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// What a run of the program left behind.
#[derive(Debug)]
pub struct Outcome {
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Return the program, ready to be given arguments.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_almagest"));
    command.stdin(Stdio::null());
    command
}

/// Run the program to its end.
pub fn run(args: &[&str]) -> Outcome {
    let output = program().args(args).output().unwrap();
    Outcome {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Run the program, which must succeed; return what it printed.
pub fn run_well(args: &[&str]) -> String {
    let outcome = run(args);
    assert_eq!(outcome.code, Some(0), "almagest {args:?}: {outcome:#?}");
    outcome.stdout
}

/// Answer a query as values without the header; no value may hold a comma.
pub fn values(catalog: &str, adql: &str) -> Vec<Vec<String>> {
    let csv = run_well(&["query", catalog, adql, "--format", "csv"]);
    csv.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

/// A catalog in a folder of its own, with a place for input files beside it.
pub struct Catalog {
    folder: TempDir,
}

impl Catalog {
    /// Create an empty catalog of Almagest's own schema.
    pub fn create() -> Self {
        let catalog = Self { folder: tempfile::tempdir().unwrap() };
        run_well(&["create", &catalog.root()]);
        catalog
    }

    /// The catalog's folder, as an argument.
    pub fn root(&self) -> String {
        self.file("catalog").to_str().unwrap().to_owned()
    }

    /// A path beside the catalog.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Write a file beside the catalog; return its path as an argument.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.file(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Answer a query as lines of CSV without the header.
    pub fn query(&self, adql: &str) -> Vec<String> {
        values(&self.root(), adql).into_iter().map(|row| row.join(",")).collect()
    }

    /// Fail unless the catalog is sound.
    pub fn check(&self) {
        run_well(&["check", &self.root()]);
    }

    /// All committed data files with their sizes, and the answer of `check`: what must not change
    /// when input is refused.
    pub fn state(&self) -> (Vec<(PathBuf, u64)>, String) {
        let report = run_well(&["check", &self.root()]);
        let mut files = vec![];
        list(Path::new(&self.root()).join("data").as_path(), &mut files);
        files.sort();
        (files, report)
    }
}

fn list(folder: &Path, files: &mut Vec<(PathBuf, u64)>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => list(&path, files),
            false => files.push((path.clone(), path.metadata().unwrap().len())),
        }
    }
}

/// Sources all over the sky as CSV: `n_rows` with ids from `first`.
pub fn sources_csv(visit: i64, first: i64, n_rows: i64) -> String {
    let mut csv = "sourceId,visit,detector,coord_ra,coord_dec,psfFlux\n".to_owned();
    for id in first..first + n_rows {
        // A sequence that fills the sphere evenly (golden angle).
        let ra = (id as f64 * 137.507_764).rem_euclid(360.0);
        let dec = (2.0 * (id as f64 * 0.754_877_666).rem_euclid(1.0) - 1.0).asin().to_degrees();
        writeln!(csv, "{id},{visit},1,{ra},{dec},{}", id % 1000).unwrap();
    }
    csv
}
