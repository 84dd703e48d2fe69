//! Where files are taken from: paths, patterns of paths, standard input, addresses, object stores.
//!
//! ```text
//!   visits/1.parquet           a file
//!   visits/*.parquet           all files whose paths fit, in the order of their names
//!   -                          standard input
//!   https://host/a.vot         an address
//!   s3://bucket/night/*.csv    the objects of a store whose names fit
//! ```
//!
//! A file of exactly that name counts before a pattern. Fetching an address or an object is for the
//! caller, as is finding the objects of a pattern.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::error::{Error, FileProblem, Result};

/// Something to take rows from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// Standard input.
    StandardInput,
    /// An address, http or https.
    Url(String),
    /// An object of a store, or a pattern of objects: `s3`, `gs`, `az` and their like.
    Object(String),
}

/// Schemes of the addresses of object stores: Amazon S3 and what speaks like it, Google Cloud
/// Storage, Azure.
const STORES: [&str; 7] = ["s3", "s3a", "gs", "az", "azure", "abfs", "abfss"];

impl Source {
    /// What messages, and the keys of contributions, call it.
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::StandardInput => "standard input".to_owned(),
            Self::Url(url) | Self::Object(url) => url.clone(),
        }
    }

    /// The source under the one name that all of its names lead to.
    fn itself(&self) -> Self {
        match self {
            Self::File(path) => Self::File(path.canonicalize().unwrap_or_else(|_| path.clone())),
            source => source.clone(),
        }
    }
}

/// Return the sources that arguments mean, each once, in their order. A file that several paths name
/// has the first of these names.
///
/// # Errors
/// A pattern that no file fits or that is none, standard input twice, an address of another scheme.
/// Whether files, addresses and objects can be read shows later.
pub fn sources(arguments: &[String]) -> Result<Vec<Source>> {
    let mut sources: Vec<Source> = vec![];
    let mut seen = HashSet::new();
    for argument in arguments {
        let found = match argument.as_str() {
            "-" if sources.contains(&Source::StandardInput) => {
                return Err(refused("-", "standard input can be read only once"));
            }
            "-" => vec![Source::StandardInput],
            text => match text.split_once("://") {
                Some(("http" | "https", _)) => vec![Source::Url(text.to_owned())],
                Some((scheme, _)) if STORES.contains(&scheme) => {
                    vec![Source::Object(text.to_owned())]
                }
                Some((scheme, _)) if is_scheme(scheme) => {
                    let reason =
                        format!("addresses of {scheme}; http, https, s3, gs and az are read");
                    return Err(refused(text, &reason));
                }
                _ => files(text)?,
            },
        };
        sources.extend(found.into_iter().filter(|source| seen.insert(source.itself())));
    }
    Ok(sources)
}

/// The files that a path or a pattern means.
fn files(text: &str) -> Result<Vec<Source>> {
    let path = Path::new(text);
    if path.exists() || !text.contains(['*', '?', '[']) {
        return Ok(vec![Source::File(path.to_owned())]);
    }
    let wrong = |reason: &str| Error::File {
        input: text.to_owned(),
        problem: FileProblem::Pattern { reason: reason.to_owned() },
    };
    let mut found = vec![];
    for path in glob::glob(text).map_err(|error| wrong(error.msg))? {
        let path = path
            .map_err(|error| Error::Io { path: error.path().to_owned(), source: error.into() })?;
        // Folders that fit are no tables; what is in them has a pattern of its own.
        if path.is_file() {
            found.push(Source::File(path));
        }
    }
    if found.is_empty() { Err(wrong("no file fits")) } else { Ok(found) }
}

fn is_scheme(text: &str) -> bool {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || "+-.".contains(letter);
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.chars().all(is_letter)
}

fn refused(input: &str, what: &str) -> Error {
    let problem = FileProblem::Unsupported { what: what.to_owned() };
    Error::File { input: input.to_owned(), problem }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::fs;

    fn names(arguments: &[String]) -> Result<Vec<String>, String> {
        let sources = sources(arguments).map_err(|error| error.to_string())?;
        Ok(sources.iter().map(Source::name).collect())
    }

    #[test]
    fn patterns_are_the_files_that_fit_in_order_and_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        for name in ["b.csv", "a.csv", "c.vot", "x[1].csv"] {
            fs::write(path(name), "").unwrap();
        }
        fs::create_dir(path("d.csv")).unwrap();
        fs::create_dir(path("sub")).unwrap();
        fs::write(path("sub/e.csv"), "").unwrap();
        let check = |arguments: &[&str], expected: &[&str]| {
            let arguments: Vec<String> = arguments.iter().map(|name| path(name)).collect();
            let expected: Vec<String> = expected.iter().map(|name| path(name)).collect();
            assert_eq!(names(&arguments), Ok(expected));
        };
        check(&["?.csv", "a.csv", "c.vot"], &["a.csv", "b.csv", "c.vot"]);
        check(&["c.vot", "[ab].csv"], &["c.vot", "a.csv", "b.csv"]);
        check(&["x[1].csv"], &["x[1].csv"]);
        check(&["**/e.csv"], &["sub/e.csv"]);
        check(&["missing.csv"], &["missing.csv"]);
        check(&["a.csv", "sub/../a.csv", "?.csv"], &["a.csv", "b.csv"]);
        let none = path("*.fits");
        assert_eq!(
            names(std::slice::from_ref(&none)),
            Err(format!("{none}: pattern of files: no file fits"))
        );
        let wrong = path("[.csv");
        let error = names(std::slice::from_ref(&wrong)).unwrap_err();
        assert!(error.starts_with(&format!("{wrong}: pattern of files: ")), "{error}");
    }

    #[test]
    fn standard_input_and_addresses() {
        let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let expected = own(&["standard input", "https://a.b/c?d=*"]);
        assert_eq!(names(&own(&["-", "https://a.b/c?d=*"])), Ok(expected));
        assert_eq!(
            names(&own(&["-", "-"])),
            Err("-: not read: standard input can be read only once".to_owned())
        );
        assert_eq!(
            names(&own(&["ftp://host/a"])),
            Err("ftp://host/a: not read: addresses of ftp; http, https, s3, gs and az are read"
                .to_owned())
        );
        assert_eq!(
            sources(&own(&["s3://bucket/a*.csv"])).unwrap(),
            [Source::Object("s3://bucket/a*.csv".to_owned())]
        );
    }
}
