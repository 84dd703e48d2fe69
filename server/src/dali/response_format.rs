//! RESPONSEFORMAT: the formats of a result and the names by which callers ask for them.

use crate::dali::Parameters;
use crate::{Error, Result};

/// A format in which rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// VOTable with rows as base64 of binary values: the default, compact and exact.
    VotableBinary2,
    /// VOTable with rows as XML elements.
    VotableTableData,
    /// Comma-separated values with a header (RFC 4180).
    Csv,
    /// Tab-separated values with a header.
    Tsv,
    /// Apache Parquet, described by a VOTable in its footer.
    Parquet,
}

impl Format {
    /// All formats, the default first.
    pub const ALL: [Self; 5] =
        [Self::VotableBinary2, Self::VotableTableData, Self::Csv, Self::Tsv, Self::Parquet];

    /// The media type of the answer.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::VotableBinary2 => "application/x-votable+xml",
            Self::VotableTableData => "application/x-votable+xml;serialization=TABLEDATA",
            Self::Csv => "text/csv;header=present",
            Self::Tsv => "text/tab-separated-values",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }

    /// Further names of the format, the short name first.
    pub fn aliases(self) -> &'static [&'static str] {
        match self {
            Self::VotableBinary2 => &[
                "votable",
                "votable/b2",
                "application/x-votable+xml;serialization=BINARY2",
                "text/xml",
            ],
            Self::VotableTableData => &["votable/td"],
            Self::Csv => &["csv", "text/csv"],
            Self::Tsv => &["tsv"],
            Self::Parquet => &["parquet", "application/x-parquet"],
        }
    }

    /// The identifier that TAPRegExt has for the format, if it has one.
    pub fn ivo_id(self) -> Option<&'static str> {
        match self {
            Self::VotableBinary2 => Some("ivo://ivoa.net/std/TAPRegExt#output-votable-binary2"),
            Self::VotableTableData => Some("ivo://ivoa.net/std/TAPRegExt#output-votable-td"),
            Self::Csv | Self::Tsv | Self::Parquet => None,
        }
    }

    /// The ending of a file in the format.
    pub fn extension(self) -> &'static str {
        match self {
            Self::VotableBinary2 | Self::VotableTableData => "vot",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Parquet => "parquet",
        }
    }

    /// Find a format by its media type or any of its names; letter case and white space are free.
    pub fn find(name: &str) -> Option<Self> {
        let plain = |name: &str| name.replace([' ', '"'], "").to_ascii_lowercase();
        let wanted = plain(name);
        let is_wanted = |known: &str| plain(known) == wanted;
        Self::ALL.into_iter().find(|format| {
            is_wanted(format.media_type()) || format.aliases().iter().any(|name| is_wanted(name))
        })
    }

    /// Read RESPONSEFORMAT, or FORMAT as TAP 1.0 called it; VOTable where neither is given.
    pub fn from_parameters(parameters: &Parameters) -> Result<Self> {
        for name in ["RESPONSEFORMAT", "FORMAT"] {
            if let Some(value) = parameters.get(name)?.filter(|value| !value.is_empty()) {
                return Self::find(value).ok_or_else(|| Error::BadParameter {
                    name,
                    value: value.to_owned(),
                    expected: format!("one of {}", short_names().join(", ")),
                });
            }
        }
        Ok(Self::VotableBinary2)
    }
}

fn short_names() -> Vec<&'static str> {
    Format::ALL.iter().filter_map(|format| format.aliases().first().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_found_by_each_of_its_names() {
        for format in Format::ALL {
            assert_eq!(Format::find(format.media_type()), Some(format));
            for name in format.aliases() {
                assert_eq!(Format::find(name), Some(format), "{name}");
            }
        }
        assert_eq!(
            Format::find("application/x-votable+xml; serialization=\"tabledata\""),
            Some(Format::VotableTableData)
        );
        assert_eq!(Format::find("TEXT/CSV"), Some(Format::Csv));
        assert_eq!(Format::find("application/json"), None);
    }

    #[test]
    fn the_newer_parameter_wins_and_an_unknown_format_is_refused() {
        let find = |query| Format::from_parameters(&Parameters::from_query(query)).ok();
        assert_eq!(find(""), Some(Format::VotableBinary2));
        assert_eq!(find("FORMAT=csv"), Some(Format::Csv));
        assert_eq!(find("FORMAT=csv&responseformat=tsv"), Some(Format::Tsv));
        assert_eq!(find("RESPONSEFORMAT=docx"), None);
    }
}
