//! RESPONSEFORMAT: the formats of a result and the names by which callers ask for them.
//!
//! Without the parameter the header Accept decides, but only where it names one of our formats
//! exactly: `*/*` (pyvo, curl) says nothing. HTML is for browsers, which are known by asking for
//! `application/xhtml+xml` too; Java's library asks for `text/html` on behalf of programs such as
//! TOPCAT, and means nothing by it.

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;

use crate::dali::Parameters;
use crate::{Error, Result};

/// A format in which rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// VOTable with rows as base64 of binary values: the default, compact and exact.
    VotableBinary2,
    /// VOTable with rows as XML elements.
    VotableTableData,
    /// VOTable with rows as base64 of binary values, as it was before BINARY2.
    VotableBinary,
    /// Comma-separated values with a header (RFC 4180).
    Csv,
    /// Tab-separated values with a header.
    Tsv,
    /// JSON with the columns' metadata.
    Json,
    /// Apache Parquet, described by a VOTable in its footer.
    Parquet,
    /// Arrow IPC stream.
    Arrow,
    /// FITS binary table.
    Fits,
    /// A table for browsers.
    Html,
    /// A table for people.
    Text,
}

impl Format {
    /// All formats, the default first.
    pub const ALL: [Self; 11] = [
        Self::VotableBinary2,
        Self::VotableTableData,
        Self::VotableBinary,
        Self::Csv,
        Self::Tsv,
        Self::Json,
        Self::Parquet,
        Self::Arrow,
        Self::Fits,
        Self::Html,
        Self::Text,
    ];

    /// The media type of the answer.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::VotableBinary2 => "application/x-votable+xml",
            Self::VotableTableData => "application/x-votable+xml;serialization=TABLEDATA",
            Self::VotableBinary => "application/x-votable+xml;serialization=BINARY",
            Self::Csv => "text/csv;header=present",
            Self::Tsv => "text/tab-separated-values",
            Self::Json => "application/json",
            Self::Parquet => "application/vnd.apache.parquet",
            Self::Arrow => "application/vnd.apache.arrow.stream",
            Self::Fits => "application/fits",
            Self::Html => "text/html",
            Self::Text => "text/plain",
        }
    }

    /// The value of the header Content-Type: the media type, and for text its encoding.
    pub fn content_type(self) -> String {
        match self {
            Self::Csv | Self::Tsv | Self::Html | Self::Text => {
                format!("{};charset=utf-8", self.media_type())
            }
            _ => self.media_type().to_owned(),
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
            Self::VotableTableData => &["votable/td", "votable_plain"],
            Self::VotableBinary => &["votable/b"],
            Self::Csv => &["csv", "text/csv"],
            Self::Tsv => &["tsv"],
            Self::Json => &["json"],
            Self::Parquet => &["parquet", "application/x-parquet", "application/parquet"],
            Self::Arrow => &["arrow", "arrow-stream"],
            Self::Fits => &["fits", "application/x-fits", "image/fits"],
            Self::Html => &["html", "application/xhtml+xml"],
            Self::Text => &["text", "txt"],
        }
    }

    /// The identifier that TAPRegExt has for the format, if it has one.
    pub fn ivo_id(self) -> Option<&'static str> {
        match self {
            Self::VotableBinary2 => Some("ivo://ivoa.net/std/TAPRegExt#output-votable-binary2"),
            Self::VotableTableData => Some("ivo://ivoa.net/std/TAPRegExt#output-votable-td"),
            Self::VotableBinary => Some("ivo://ivoa.net/std/TAPRegExt#output-votable-binary"),
            _ => None,
        }
    }

    /// The ending of a file in the format.
    pub fn extension(self) -> &'static str {
        match self {
            Self::VotableBinary2 | Self::VotableTableData | Self::VotableBinary => "vot",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Json => "json",
            Self::Parquet => "parquet",
            Self::Arrow => "arrows",
            Self::Fits => "fits",
            Self::Html => "html",
            Self::Text => "txt",
        }
    }

    /// Find a format by its media type or any of its names; letter case and white space are free.
    pub fn find(name: &str) -> Option<Self> {
        let plain = |name: &str| name.replace([' ', '"'], "").to_ascii_lowercase();
        let wanted = plain(name);
        let wanted = wanted.strip_suffix(";charset=utf-8").unwrap_or(&wanted);
        let is_wanted = |known: &str| plain(known) == wanted;
        Self::ALL.into_iter().find(|format| {
            is_wanted(format.media_type()) || format.aliases().iter().any(|name| is_wanted(name))
        })
    }

    /// Read RESPONSEFORMAT, or FORMAT as TAP 1.0 called it; VOTable where neither is given.
    ///
    /// # Errors
    /// The format is unknown.
    pub fn from_parameters(parameters: &Parameters) -> Result<Self> {
        Ok(Self::asked(parameters)?.unwrap_or(Self::VotableBinary2))
    }

    /// As [`Self::from_parameters`]; where neither parameter is given, the header Accept decides.
    ///
    /// # Errors
    /// The format that a parameter names is unknown. What Accept names may be unknown to us: then
    /// the answer is VOTable, which is of more use to clients than a refusal.
    pub fn negotiated(parameters: &Parameters, headers: &HeaderMap) -> Result<Self> {
        let asked = Self::asked(parameters)?;
        let accepted = || {
            let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
            Self::accepted(&values.collect::<Vec<_>>().join(","))
        };
        Ok(asked.or_else(accepted).unwrap_or(Self::VotableBinary2))
    }

    fn asked(parameters: &Parameters) -> Result<Option<Self>> {
        for name in ["RESPONSEFORMAT", "FORMAT"] {
            if let Some(value) = parameters.get(name)?.filter(|value| !value.is_empty()) {
                return match Self::find(value) {
                    Some(format) => Ok(Some(format)),
                    None => Err(Error::BadParameter {
                        name,
                        value: value.to_owned(),
                        expected: format!("one of {}", short_names().join(", ")),
                    }),
                };
            }
        }
        Ok(None)
    }

    /// Return the format that the value of Accept prefers among those that it names.
    fn accepted(accept: &str) -> Option<Self> {
        let is_browser = accept.contains("application/xhtml+xml");
        let mut best: Option<(f32, Self)> = None;
        for item in accept.split(',') {
            let (name, quality) = media_range(item);
            let Some(format) =
                Self::find(&name).filter(|format| is_browser || !matches!(format, Self::Html))
            else {
                continue;
            };
            // Where several are equally welcome, the first is meant.
            if quality > best.map_or(0.0, |(most, _)| most) {
                best = Some((quality, format));
            }
        }
        best.map(|(_, format)| format)
    }
}

/// Split an item of Accept into the media type with its parameters and the weight (RFC 9110,
/// section 12.5.1).
fn media_range(item: &str) -> (String, f32) {
    let mut quality = 1.0;
    let mut name = Vec::new();
    for part in item.split(';').map(str::trim) {
        match part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")) {
            Some(weight) => quality = weight.parse().unwrap_or(0.0),
            None => name.push(part),
        }
    }
    (name.join(";"), quality)
}

fn short_names() -> Vec<&'static str> {
    Format::ALL.iter().filter_map(|format| format.aliases().first().copied()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_format_is_found_by_each_of_its_names() {
        for format in Format::ALL {
            assert_eq!(Format::find(format.media_type()), Some(format));
            assert_eq!(Format::find(&format.content_type()), Some(format));
            for name in format.aliases() {
                assert_eq!(Format::find(name), Some(format), "{name}");
            }
        }
        assert_eq!(
            Format::find("application/x-votable+xml; serialization=\"tabledata\""),
            Some(Format::VotableTableData)
        );
        assert_eq!(Format::find("TEXT/CSV"), Some(Format::Csv));
        assert_eq!(Format::find("application/msword"), None);
    }

    #[test]
    fn the_newer_parameter_wins_and_an_unknown_format_is_refused() {
        let find = |query| Format::from_parameters(&Parameters::from_query(query)).ok();
        assert_eq!(find(""), Some(Format::VotableBinary2));
        assert_eq!(find("FORMAT=csv"), Some(Format::Csv));
        assert_eq!(find("FORMAT=csv&responseformat=tsv"), Some(Format::Tsv));
        assert_eq!(find("RESPONSEFORMAT=docx"), None);
    }

    #[test]
    fn accept_decides_where_it_names_a_format() {
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";
        for (query, accept, expected) in [
            ("", "*/*", Format::VotableBinary2),
            ("", "text/csv", Format::Csv),
            ("", "text/csv;q=0.5, application/json", Format::Json),
            ("", "application/vnd.apache.parquet, text/csv", Format::Parquet),
            ("", "application/json, text/plain, */*", Format::Json),
            ("", "application/x-votable+xml;serialization=TABLEDATA", Format::VotableTableData),
            ("", "application/pdf", Format::VotableBinary2),
            ("", "text/csv;q=0", Format::VotableBinary2),
            ("", "application/*", Format::VotableBinary2),
            ("", browser, Format::Html),
            // Java's default.
            ("", "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", Format::VotableBinary2),
            ("FORMAT=tsv", browser, Format::Tsv),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT, accept.parse().unwrap())]);
            let found = Format::negotiated(&Parameters::from_query(query), &headers).unwrap();
            assert_eq!(found, expected, "{accept}");
        }
    }
}
