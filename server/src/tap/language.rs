//! LANG: the query languages.

use crate::dali::Parameters;
use crate::{Error, Result};

/// Versions of ADQL that are understood, with their identifiers.
pub const VERSIONS: [(&str, &str); 2] =
    [("2.0", "ivo://ivoa.net/std/ADQL#v2.0"), ("2.1", "ivo://ivoa.net/std/ADQL#v2.1")];

/// Check that LANG, if given, is ADQL of a version that is understood.
pub fn check(parameters: &Parameters) -> Result<()> {
    let Some(value) = parameters.get("LANG")?.filter(|value| !value.is_empty()) else {
        return Ok(());
    };
    let known = |version: &str| value.eq_ignore_ascii_case(&format!("ADQL-{version}"));
    if value.eq_ignore_ascii_case("ADQL") || VERSIONS.iter().any(|(version, _)| known(version)) {
        return Ok(());
    }
    Err(Error::BadParameter {
        name: "LANG",
        value: value.to_owned(),
        expected: "one of ADQL, ADQL-2.0, ADQL-2.1".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adql_is_understood_and_nothing_else() {
        let is_known = |query| check(&Parameters::from_query(query)).is_ok();
        for query in ["", "LANG=ADQL", "lang=adql-2.0", "LANG=ADQL-2.1"] {
            assert!(is_known(query), "{query}");
        }
        for query in ["LANG=SQL", "LANG=ADQL-3.0", "LANG=ADQL-"] {
            assert!(!is_known(query), "{query}");
        }
    }
}
