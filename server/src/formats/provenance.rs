//! What a result says of itself beside its rows, so that it can be cited and asked for again.

use std::fmt::Write;

use almagest_adql::AsOf;
use almagest_adql::grammar::{self, Grammar};
use sha2::{Digest, Sha256};

/// What a result says of itself beside its rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Provenance {
    /// The query as it was sent.
    pub query: String,
    /// Version of the catalog that the rows come from; of several catalogs each with its schema:
    /// `sky 12, gaia 3`.
    pub version: String,
    /// What was read leniently or renamed.
    pub warnings: Vec<String>,
    /// Where the images of a row are found.
    pub links: Option<String>,
    /// The page with the form in which a person changes the query, as seen from the result.
    pub form: Option<&'static str>,
}

impl Provenance {
    /// Return the SHA-256 of the query's canonical text, in hexadecimal.
    ///
    /// The canonical text is the query printed from its parse tree: without comments, keywords in
    /// capitals, one space between words, names as they were written; then the version that it asks
    /// for, if any. Two texts of one hash ask for the same rows of the same version.
    pub fn query_hash(&self) -> String {
        let digest = Sha256::digest(canonical(&self.query).as_bytes());
        digest.iter().fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }

    /// Return all as names and values, in the order in which they are told.
    pub fn facts(&self) -> impl Iterator<Item = (&'static str, String)> {
        let facts = [
            ("QUERY", self.query.clone()),
            ("QUERY_SHA256", self.query_hash()),
            ("CATALOG_VERSION", self.version.clone()),
        ];
        facts.into_iter().chain(self.warnings.iter().map(|text| ("WARNING", text.clone())))
    }
}

fn canonical(query: &str) -> String {
    let Ok(parsed) = grammar::parse(query, &Grammar::default()) else {
        return query.trim().to_owned();
    };
    let as_of = match parsed.as_of {
        None => String::new(),
        Some(AsOf::Version(version)) => format!(" AS OF VERSION {version}"),
        Some(AsOf::Timestamp(time)) => format!(" AS OF TIMESTAMP '{time}'"),
    };
    format!("{}{as_of}", parsed.query)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(query: &str) -> String {
        Provenance { query: query.to_owned(), ..Provenance::default() }.query_hash()
    }

    #[test]
    fn the_hash_is_that_of_the_query_and_not_of_its_spelling() {
        let plain = hash("SELECT a FROM t WHERE b = 'x  y'");
        assert_eq!(plain.len(), 64);
        assert_eq!(hash("select a -- the first\n from t\twhere b='x  y' "), plain);
        assert_ne!(hash("SELECT a FROM t WHERE b = 'x y'"), plain);
        assert_ne!(hash("SELECT a FROM t WHERE b = 'x  y' AS OF VERSION 3"), plain);
        // SHA-256 of "SELECT a FROM t", computed elsewhere.
        let expected = "dbfc8aa9ef14b12f5b3eff811061521e9b550151246a54185b6ad7033500c670";
        assert_eq!(hash("SELECT a  FROM t"), expected);
    }
}
