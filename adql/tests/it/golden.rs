//! Queries and what becomes of them, in `tests/golden/`.
//!
//! `ok/*.adql` has the translated SQL beside it in `.sql`, followed by the warnings as comments;
//! `err/*.adql` has the rendered error in `.err`. A file holds one query, or several separated by
//! empty lines, whose outcomes are separated in the same way. Run with `ALMAGEST_REFRESH=1` to
//! write the expectations anew, and read the difference before you commit it.

#![allow(clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

use almagest_adql::translate;

use crate::survey;

/// The translated SQL and the warnings, or the error.
fn outcome(query: &str) -> Result<String, String> {
    match translate(query, &survey::names()) {
        Ok(translated) => {
            let warnings = translated.warnings.iter().map(|w| format!("\n-- {w}"));
            Ok(format!("{}{}", translated.query, warnings.collect::<String>()))
        }
        Err(error) => Err(error.render(query)),
    }
}

fn check(folder: &str, extension: &str, as_expected: fn(Result<String, String>) -> String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(folder);
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .expect("the folder of golden files")
        .map(|entry| entry.expect("a folder entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "adql"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no golden file in {}", folder.display());
    let refresh = std::env::var_os("ALMAGEST_REFRESH").is_some();
    let mut different = Vec::new();
    for path in files {
        let text = fs::read_to_string(&path).expect("a golden query");
        let outcomes: Vec<String> = text
            .trim_end()
            .split("\n\n")
            .map(|query| as_expected(outcome(query.trim_start_matches('\n'))))
            .collect();
        let found = format!("{}\n", outcomes.join("\n\n"));
        let beside = path.with_extension(extension);
        if refresh {
            fs::write(&beside, found).expect("a writable golden file");
        } else if fs::read_to_string(&beside).unwrap_or_default() != found {
            different.push(format!("{}\n{found}", beside.display()));
        }
    }
    assert!(different.is_empty(), "these differ:\n{}", different.join("\n"));
}

#[test]
fn valid_queries() {
    check("ok", "sql", |outcome| outcome.unwrap_or_else(|e| panic!("refused: {e}")));
}

#[test]
fn faulty_queries() {
    check("err", "err", |outcome| match outcome {
        Ok(sql) => panic!("accepted: {sql}"),
        Err(error) => error,
    });
}
