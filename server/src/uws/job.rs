//! What the service knows of a job.

use std::fmt;
use std::fmt::Write as _;
use std::time::Duration;

use rand::RngExt;

use super::{Moment, Phase};
use crate::dali::Parameters;

/// Names a job: 128 random bits as hexadecimal digits. Nobody guesses one, so that knowing the id of
/// an anonymous job is the right to see it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(pub(super) String);

impl JobId {
    /// Draw a new id from the system's secure generator.
    pub fn draw() -> Self {
        let bits: [u8; 16] = rand::rng().random();
        Self(bits.iter().fold(String::with_capacity(32), |mut id, byte| {
            // Writing to a String cannot fail.
            let _ = write!(id, "{byte:02x}");
            id
        }))
    }

    /// Read an id; `None` where the text cannot be one, such as a path.
    pub fn read(text: &str) -> Option<Self> {
        let is_id =
            text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        is_id.then(|| Self(text.to_owned()))
    }

    /// The id as it stands in URLs.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who may see a job: a user by name, or whoever knows its id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Owner(pub Option<String>);

/// A job as it stands in the store.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its name.
    pub id: JobId,
    /// Who made it.
    pub owner: Owner,
    /// The caller's name for it.
    pub run_id: Option<String>,
    /// Where it is in its life.
    pub phase: Phase,
    /// When it was made.
    pub created: Moment,
    /// When it began to execute.
    pub started: Option<Moment>,
    /// When it came to its end.
    pub ended: Option<Moment>,
    /// How long it may execute.
    pub execution_duration: Duration,
    /// When it and its result are removed.
    pub destruction: Moment,
    /// How often it began to execute and was not stopped in good order.
    pub tries: u32,
    /// What is asked, as it was sent.
    pub parameters: Parameters,
    /// How it failed.
    pub failure: Option<Failure>,
    /// What it brought forth.
    pub result: Option<ResultFile>,
}

/// Why a job ended in ERROR.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What is said to the caller.
    pub message: String,
    /// Might the same job succeed at another time?
    pub is_transient: bool,
}

/// The result of a completed job; the rows are in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultFile {
    /// Media type, as Content-Type has it.
    pub content_type: String,
    /// Name under which a browser saves it.
    pub file_name: String,
    /// Length, bytes.
    pub n_bytes: u64,
    /// Rows that it holds.
    pub n_rows: u64,
    /// Are there more rows than it holds?
    pub overflows: bool,
    /// Version of the catalog that the rows come from.
    pub catalog_version: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_and_no_path_is_one() {
        let id = JobId::draw();
        assert_ne!(id, JobId::draw());
        assert_eq!(JobId::read(id.as_str()), Some(id));
        for text in ["", "../../etc/passwd", "0123", "0123456789abcdef0123456789ABCDEF"] {
            assert_eq!(JobId::read(text), None, "{text}");
        }
    }
}
