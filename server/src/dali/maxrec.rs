//! MAXREC: how many rows a caller wants, and may have.

use crate::config::ServerConfig;
use crate::dali::Parameters;
use crate::{Error, Result};

/// The number of rows that one result may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowLimit(u64);

impl RowLimit {
    /// Read MAXREC, within what the service allows.
    pub fn from_parameters(parameters: &Parameters, config: &ServerConfig) -> Result<Self> {
        let Some(value) = parameters.get("MAXREC")?.filter(|value| !value.is_empty()) else {
            return Ok(Self(config.default_maxrec.min(config.hard_maxrec)));
        };
        let digits = value.trim();
        let is_count = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        if !is_count {
            return Err(Error::BadParameter {
                name: "MAXREC",
                value: value.to_owned(),
                expected: "a number of rows, zero or more".to_owned(),
            });
        }
        // What no u64 holds is more than the service allows as well.
        Ok(Self(digits.parse().unwrap_or(u64::MAX).min(config.hard_maxrec)))
    }

    /// Bound a result by `rows`.
    pub fn new(rows: u64) -> Self {
        Self(rows)
    }

    /// Bound the result by `rows` also.
    #[must_use]
    pub fn at_most(self, rows: u64) -> Self {
        Self(self.0.min(rows))
    }

    /// The number of rows.
    pub fn rows(self) -> u64 {
        self.0
    }

    /// Does the caller want the columns only?
    pub fn is_metadata_only(self) -> bool {
        self.0 == 0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(query: &str, expected: Option<u64>) {
        let config = ServerConfig { default_maxrec: 50, hard_maxrec: 100, ..Default::default() };
        let found = RowLimit::from_parameters(&Parameters::from_query(query), &config);
        assert_eq!(found.ok().map(RowLimit::rows), expected, "{query}");
    }

    #[test]
    fn maxrec_is_bounded_by_the_service() {
        check("", Some(50));
        check("MAXREC=", Some(50));
        check("maxrec=7", Some(7));
        check("MAXREC=0", Some(0));
        check("MAXREC=1000", Some(100));
        check("MAXREC=99999999999999999999999", Some(100));
        check("MAXREC=-1", None);
        check("MAXREC=many", None);
        check("MAXREC=1&maxrec=2", None);
    }
}
