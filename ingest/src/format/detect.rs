//! What format a table file has: by its first bytes, by what its sender says, by its name.
//!
//! Marks that nothing else can begin with count first. CSV and TSV have none and need a media type
//! or a name; an opening brace means JSON lines where neither of these speaks.

use std::path::Path;

use super::Format;
use crate::error::{Error, Result};

/// The file names that say what format a file has, for messages and help.
pub const EXTENSIONS: &str = ".csv, .tsv, .ecsv, .jsonl, .vot, .xml, .fits, .parquet or .arrow, \
                              also with .gz, .zst or .bz2";

impl Format {
    /// Tell the format by the file's name; a further `.gz`, `.zst` or `.bz2` is allowed.
    ///
    /// # Errors
    /// [`Error::UnknownFormat`] if the name does not say.
    pub fn of_path(path: &Path) -> Result<Self> {
        let name = path.file_name().and_then(|name| name.to_str());
        name.and_then(of_name).ok_or_else(|| Error::UnknownFormat { path: path.to_owned() })
    }

    /// Tell the format by the first bytes (decompressed; some kilobytes), the media type, the name;
    /// `None` if nothing says.
    pub fn detect(head: &[u8], name: &str, media_type: Option<&str>) -> Option<Self> {
        of_magic(head)
            .or_else(|| media_type.and_then(of_media_type))
            .or_else(|| of_name(name.rsplit(['/', '\\']).next().unwrap_or(name)))
            .or_else(|| is_json_object(head).then_some(Self::JsonLines))
    }
}

fn of_magic(head: &[u8]) -> Option<Format> {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    match head {
        _ if head.starts_with(b"PAR1") => Some(Format::Parquet),
        _ if head.starts_with(b"ARROW1") => Some(Format::Arrow),
        // A stream of messages: the continuation mark, then the length of a schema.
        [0xff, 0xff, 0xff, 0xff, _, _, _, 0, ..] => Some(Format::Arrow),
        _ if head.starts_with(b"SIMPLE  =") => Some(Format::Fits),
        _ if text.starts_with(b"# %ECSV") => Some(Format::Ecsv),
        _ if is_votable(text) => Some(Format::Votable),
        _ => None,
    }
}

/// An XML document whose first element, as far as it is in view, is a VOTABLE.
fn is_votable(text: &[u8]) -> bool {
    if text.starts_with(b"<?xml") {
        return true;
    }
    let has = |word: &[u8]| text.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word));
    text.starts_with(b"<") && (has(b"VOTABLE"))
}

fn is_json_object(head: &[u8]) -> bool {
    head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start().starts_with(b"{")
}

/// Media types as VOTable, IANA, TAP services and common tools write them; parameters aside.
fn of_media_type(media_type: &str) -> Option<Format> {
    let name = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    Some(match name.as_str() {
        "application/x-votable+xml" | "text/x-votable+xml" | "text/xml" | "application/xml" => {
            Format::Votable
        }
        "application/fits" | "image/fits" | "application/x-fits" => Format::Fits,
        "application/vnd.apache.parquet" | "application/parquet" | "application/x-parquet" => {
            Format::Parquet
        }
        "application/vnd.apache.arrow.file" | "application/vnd.apache.arrow.stream" => {
            Format::Arrow
        }
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Format::JsonLines,
        "text/csv" => Format::Csv,
        "text/tab-separated-values" => Format::Tsv,
        _ => return None,
    })
}

fn of_name(name: &str) -> Option<Format> {
    let name = name.to_ascii_lowercase();
    let name =
        [".gz", ".zst", ".bz2"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
    Some(match name.rsplit_once('.')?.1 {
        "csv" => Format::Csv,
        "tsv" => Format::Tsv,
        "ecsv" => Format::Ecsv,
        "jsonl" | "ndjson" => Format::JsonLines,
        "vot" | "votable" | "xml" => Format::Votable,
        "fits" | "fit" | "fts" => Format::Fits,
        "parquet" | "parq" | "pq" => Format::Parquet,
        "arrow" | "arrows" | "feather" | "ipc" => Format::Arrow,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, expected: Option<Format>) {
        assert_eq!(Format::of_path(Path::new(name)).ok(), expected, "{name}");
    }

    #[test]
    fn the_name_tells_the_format() {
        check("a.csv", Some(Format::Csv));
        check("dir.parquet/a.CSV.GZ", Some(Format::Csv));
        check("a.b.tsv", Some(Format::Tsv));
        check("a.pq", Some(Format::Parquet));
        check("a.fits.zst", Some(Format::Fits));
        check("a.vot", Some(Format::Votable));
        check("a.dat", None);
        check("csv", None);
        check("..", None);
    }

    #[test]
    fn the_content_counts_before_the_media_type_and_that_before_the_name() {
        let check = |head: &[u8], name, media_type, expected| {
            assert_eq!(Format::detect(head, name, media_type), expected, "{name} {media_type:?}");
        };
        let octets = Some("application/octet-stream");
        check(b"SIMPLE  =                    T", "a.csv", Some("text/csv"), Some(Format::Fits));
        check(
            b"\xef\xbb\xbf<?xml version=\"1.0\"?>\n<VOTABLE>",
            "x",
            octets,
            Some(Format::Votable),
        );
        check(b"<!-- a --><vot:VOTABLE>", "x", None, Some(Format::Votable));
        check(b"# %ECSV 1.0\n# ---\n", "a.csv", None, Some(Format::Ecsv));
        check(b"a,b\n", "upload", Some("text/csv; header=present"), Some(Format::Csv));
        check(b"{a,b}\n", "a.csv", octets, Some(Format::Csv));
        check(b"{\"a\": 1}\n", "upload", octets, Some(Format::JsonLines));
        check(b"\xff\xff\xff\xff\x10\x01\x00\x00", "x", None, Some(Format::Arrow));
        check(b"a,b\n", "upload", octets, None);
        check(b"", "", None, None);
    }
}
