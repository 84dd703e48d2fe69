//! The options: what the survey is, and how it is written.
//!
//! The first decide every row; the second decide none.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// Greatest number of objects: their index has 34 bits of a source's id.
pub const MOST_OBJECTS: u64 = 1 << 34;
/// Greatest number of deep fields: visits have 27 bits of a difference source's id.
pub const MOST_DEEP_FIELDS: u32 = 1000;

/// What the survey is: the same values give the same rows.
#[derive(Debug, Clone, PartialEq)]
pub struct SurveyConfig {
    /// Rows of Object.
    pub n_objects: u64,
    /// From which all random draws come.
    pub seed: u64,
    /// How often the sky is visited.
    pub depth: Depth,
    /// How many columns the tables have.
    pub width: Width,
    /// Fields that are visited ten thousand times more.
    pub n_deep_fields: u32,
}

impl SurveyConfig {
    /// Describe a survey of Data Preview 1's depth with ordinary columns.
    pub fn new(n_objects: u64, seed: u64) -> Self {
        Self { n_objects, seed, depth: Depth::DP1, width: Width::Ordinary, n_deep_fields: 0 }
    }

    /// Refuse what makes no survey.
    ///
    /// # Errors
    /// [`Error::ObjectCount`], [`Error::DeepFields`].
    pub fn check(&self) -> Result<()> {
        if self.n_objects == 0 || self.n_objects > MOST_OBJECTS {
            return Err(Error::ObjectCount { n_objects: self.n_objects });
        }
        if self.n_deep_fields > MOST_DEEP_FIELDS {
            let n_deep_fields = self.n_deep_fields;
            return Err(Error::DeepFields { n_deep_fields, most: MOST_DEEP_FIELDS });
        }
        Ok(())
    }
}

/// How it is written: rows do not depend on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteConfig {
    /// Threads that make rows; 0: as many as there are cores.
    pub n_threads: usize,
    /// Rows of ForcedSource that are made and handed on at once, about.
    pub batch_rows: usize,
    /// Rows in memory before the transaction writes a file, bytes.
    pub buffer_bytes: usize,
    /// Objects of one commit: a survey of more comes in several versions, as a transaction
    /// remembers every id, some 25 bytes each.
    pub commit_objects: u64,
    /// H3 resolution of the chunks of a new catalog.
    pub resolution: u8,
    /// Name of the schema of a new catalog; `survey` where none is said.
    pub name: Option<String>,
    /// Who commits, as the list of versions shows it.
    pub author: String,
}

impl Default for WriteConfig {
    fn default() -> Self {
        Self {
            n_threads: 0,
            batch_rows: 128 << 10,
            buffer_bytes: 256 << 20,
            commit_objects: 2_000_000,
            resolution: 0,
            name: None,
            author: String::new(),
        }
    }
}

/// How often the sky is visited: the mean numbers of rows an object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Depth {
    forced: f64,
}

impl Depth {
    /// Rubin's Data Preview 1: 100 forced points and 20 sources an object.
    pub const DP1: Self = Self { forced: 100.0 };
    /// The last data release: 810 forced points and 190 sources an object (DMTN-135, 2026).
    pub const FINAL: Self = Self { forced: 810.0 };

    /// Visit each place of the sky so often in the mean.
    ///
    /// # Errors
    /// [`Error::Depth`]: fewer than 1, more than 10,000.
    pub fn try_new(forced: f64) -> Result<Self> {
        match (1.0..=10_000.0).contains(&forced) {
            true => Ok(Self { forced }),
            false => Err(Error::Depth { text: forced.to_string() }),
        }
    }

    /// Rows of ForcedSource an object, which are visits of its place.
    pub fn forced(self) -> f64 {
        self.forced
    }

    /// Rows of Source an object: those two releases, and the line through them.
    pub fn sources(self) -> f64 {
        match self.forced <= 100.0 {
            true => 0.2 * self.forced,
            false => 20.0 + (self.forced - 100.0) * (170.0 / 710.0),
        }
    }
}

impl FromStr for Depth {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "dp1" => Ok(Self::DP1),
            "final" => Ok(Self::FINAL),
            number => {
                let refused = || Error::Depth { text: text.to_owned() };
                Self::try_new(number.parse().map_err(|_| refused())?).map_err(|_| refused())
            }
        }
    }
}

impl fmt::Display for Depth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::DP1 => f.write_str("dp1"),
            Self::FINAL => f.write_str("final"),
            Self { forced } => write!(f, "{forced}"),
        }
    }
}

/// How many columns the tables have: Object exactly so many, the others at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Width {
    /// 12 columns: ids, positions, fluxes.
    Narrow,
    /// 40 columns: with errors and shapes.
    Medium,
    /// 100 columns: with magnitudes, apertures and flags.
    Ordinary,
    /// All 1,248 columns of Data Preview 2.
    Whole,
}

impl Width {
    /// All widths, from the narrowest.
    pub const ALL: [Self; 4] = [Self::Narrow, Self::Medium, Self::Ordinary, Self::Whole];

    /// Number of columns of Object.
    pub fn n_columns(self) -> usize {
        match self {
            Self::Narrow => 12,
            Self::Medium => 40,
            Self::Ordinary => 100,
            Self::Whole => 1248,
        }
    }
}

impl FromStr for Width {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let width = Self::ALL.into_iter().find(|width| width.to_string() == text);
        width.ok_or_else(|| Error::Width { text: text.to_owned() })
    }
}

impl fmt::Display for Width {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.n_columns())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn depths_have_the_ratios_of_the_releases() {
        for (text, forced, sources) in [
            ("dp1", 100.0, 20.0),
            ("final", 810.0, 190.0),
            ("10", 10.0, 2.0),
            ("455", 455.0, 105.0),
        ] {
            let depth: Depth = text.parse().unwrap();
            assert_eq!((depth.forced(), depth.sources()), (forced, sources), "{text}");
            assert_eq!(depth.to_string(), text);
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let message = |error: Error| error.to_string();
        for text in ["dp9", "0", "-3", "nan", "1e9", ""] {
            let error = text.parse::<Depth>().unwrap_err();
            assert!(message(error).starts_with(&format!("unknown depth {text};")), "{text}");
        }
        assert_eq!(
            message("41".parse::<Width>().unwrap_err()),
            "unknown width 41; the Object table has 12, 40, 100 or 1248 columns"
        );
        let error = SurveyConfig::new(0, 1).check().unwrap_err();
        assert_eq!(message(error), "0 objects: a survey has 1 to 17179869184");
        let config = SurveyConfig { n_deep_fields: 1001, ..SurveyConfig::new(1, 1) };
        assert_eq!(message(config.check().unwrap_err()), "1001 deep fields: at most 1000");
    }
}
