//! LANG: the query languages.

use almagest_adql::Dialect;

use crate::dali::Parameters;
use crate::{Error, Result};

/// Versions of ADQL that are understood, with their identifiers.
pub const VERSIONS: [(&str, &str); 2] =
    [("2.0", "ivo://ivoa.net/std/ADQL#v2.0"), ("2.1", "ivo://ivoa.net/std/ADQL#v2.1")];

/// Return the dialect that LANG asks for: `ADQL` and nothing for the one with extensions, a version
/// for exactly that version of the standard.
pub fn dialect(parameters: &Parameters) -> Result<Dialect> {
    let value = parameters.get("LANG")?.unwrap_or_default();
    match value.to_ascii_uppercase().as_str() {
        "" | "ADQL" => Ok(Dialect::Adql),
        "ADQL-2.1" => Ok(Dialect::Strict),
        "ADQL-2.0" => Ok(Dialect::Strict20),
        _ => Err(Error::BadParameter {
            name: "LANG",
            value: value.to_owned(),
            expected: "one of ADQL, ADQL-2.0, ADQL-2.1".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adql_is_understood_and_nothing_else() {
        let of = |query| dialect(&Parameters::from_query(query)).ok();
        for query in ["", "LANG=ADQL", "LANG="] {
            assert_eq!(of(query), Some(Dialect::Adql), "{query}");
        }
        assert_eq!(of("lang=adql-2.0"), Some(Dialect::Strict20));
        assert_eq!(of("LANG=ADQL-2.1"), Some(Dialect::Strict));
        for query in ["LANG=SQL", "LANG=ADQL-3.0", "LANG=ADQL-"] {
            assert_eq!(of(query), None, "{query}");
        }
    }
}
