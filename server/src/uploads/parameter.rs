//! The parameter UPLOAD: names of tables, and where they come from.

use super::folder::FileId;
use crate::dali::Parameters;
use crate::{Error, Result};

const NAME: &str = "UPLOAD";

/// A table that a request brings along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadParameter {
    /// Its name in TAP_UPLOAD.
    pub table: String,
    /// Where its rows come from.
    pub source: Source,
}

/// Where the rows of an upload come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The part of the request with this name.
    Part(String),
    /// A file of the upload folder, into which a part was written.
    Kept(FileId),
    /// Somewhere on the net.
    Url(String),
}

impl UploadParameter {
    /// Read the values of UPLOAD: `name,URI`, several of them separated by `;` or in several
    /// parameters.
    ///
    /// # Errors
    /// A value cannot be understood, a name is none that a query could use, or is given twice.
    pub fn all(parameters: &Parameters) -> Result<Vec<Self>> {
        let mut uploads: Vec<Self> = vec![];
        let values = parameters.all(NAME).filter(|value| !value.trim().is_empty());
        for item in values.flat_map(items) {
            let upload = Self::read(&item)?;
            if uploads.iter().any(|known| known.table.eq_ignore_ascii_case(&upload.table)) {
                return Err(bad(&item, "a table of a name that no other upload has"));
            }
            uploads.push(upload);
        }
        Ok(uploads)
    }

    /// Write uploads as [`Self::all`] reads them.
    pub fn write(uploads: &[Self]) -> String {
        uploads.iter().map(Self::to_string).collect::<Vec<_>>().join(";")
    }

    fn read(item: &str) -> Result<Self> {
        let expected = "NAME,param:PART or NAME,URL";
        let (table, uri) = item.split_once(',').ok_or_else(|| bad(item, expected))?;
        let (table, uri) = (table.trim(), uri.trim());
        // Clients write the name as queries do, too.
        let plain = match table.split_once('.') {
            Some((schema, table)) if schema.eq_ignore_ascii_case("TAP_UPLOAD") => table,
            _ => table,
        };
        if !is_table_name(plain) {
            return Err(bad(item, "a name of letters, digits and _, beginning with a letter"));
        }
        let scheme = uri.split_once(':').map(|(scheme, rest)| (scheme.to_ascii_lowercase(), rest));
        let source = match scheme {
            Some((scheme, part)) if scheme == "param" => Source::Part(part.to_owned()),
            Some((scheme, id)) if scheme == FileId::SCHEME => {
                Source::Kept(FileId::read(id).ok_or_else(|| bad(item, expected))?)
            }
            Some((scheme, _)) if scheme == "http" || scheme == "https" => {
                Source::Url(uri.to_owned())
            }
            _ => return Err(bad(item, "param:PART or the URL (http, https) of a table")),
        };
        Ok(Self { table: plain.to_owned(), source })
    }
}

impl std::fmt::Display for UploadParameter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.source {
            Source::Part(part) => write!(f, "{},param:{part}", self.table),
            Source::Kept(id) => write!(f, "{},{}:{id}", self.table, FileId::SCHEME),
            Source::Url(url) => write!(f, "{},{url}", self.table),
        }
    }
}

/// Part a value at each `;` behind which another `name,` begins: a URL may hold one itself.
fn items(value: &str) -> Vec<String> {
    let mut items: Vec<String> = vec![];
    for piece in value.split(';') {
        let begins = piece.split_once(',').is_some_and(|(name, uri)| {
            let name = name.trim();
            is_table_name(name.rsplit('.').next().unwrap_or(name)) && uri.contains(':')
        });
        match items.last_mut() {
            Some(last) if !begins => *last = format!("{last};{piece}"),
            _ => items.push(piece.to_owned()),
        }
    }
    // A separator at the end begins nothing.
    items.iter().map(|item| item.trim_end_matches(';').to_owned()).collect()
}

fn is_table_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn bad(value: &str, expected: &str) -> Error {
    Error::BadParameter { name: NAME, value: value.to_owned(), expected: expected.to_owned() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(values: &[&str], expected: Option<&[&str]>) {
        let query: Vec<String> = values
            .iter()
            .map(|value| {
                let value: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
                format!("UPLOAD={value}")
            })
            .collect();
        let found = UploadParameter::all(&Parameters::from_query(&query.join("&")));
        let found = found.map(|all| all.iter().map(UploadParameter::to_string).collect::<Vec<_>>());
        let expected = expected.map(|all| all.iter().map(|one| (*one).to_owned()).collect());
        assert_eq!(found.ok(), expected, "{values:?}");
    }

    #[test]
    fn uploads_are_read_from_one_value_or_several() {
        check(&[], Some(&[]));
        check(&[""], Some(&[]));
        check(&["a,param:x"], Some(&["a,param:x"]));
        check(&["a, param:x ; b,http://h/t.vot"], Some(&["a,param:x", "b,http://h/t.vot"]));
        check(&["a,param:x;"], Some(&["a,param:x"]));
        check(&["a,param:x", "b,param:y"], Some(&["a,param:x", "b,param:y"]));
        check(&["TAP_UPLOAD.t1,param:x"], Some(&["t1,param:x"]));
        check(
            &["a,http://h/q?x=1;y=2,3;b,param:z"],
            Some(&["a,http://h/q?x=1;y=2,3", "b,param:z"]),
        );
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        check(&["a"], None);
        check(&["a,x"], None);
        check(&["a,file:///etc/passwd"], None);
        check(&["a,vos://x"], None);
        check(&["2mass,param:x"], None);
        check(&["a b,param:x"], None);
        check(&["a,param:x;A,param:y"], None);
        check(&["a,kept-upload:../../etc/passwd"], None);
    }
}
