//! The schema that Almagest ships: what its own pipeline fills.

use super::SchemaDef;
use super::felis::{self, FelisError};

/// The Felis text of the schema `survey`.
pub const SURVEY_YAML: &str = include_str!("../../schemas/survey.yaml");

/// Return the schema `survey`: LSST's names, types and units, with Almagest's few own columns.
///
/// # Errors
/// None for the text as shipped; the tests read it.
pub fn survey_schema() -> Result<SchemaDef, FelisError> {
    felis::parse(SURVEY_YAML, &|_| None).map(|reading| reading.schema)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crate::schema::TableKind;

    #[test]
    fn is_complete_and_fully_annotated() {
        let reading = felis::parse(SURVEY_YAML, &|_| None).unwrap();
        assert_eq!(reading.warnings, Vec::<String>::new());
        assert_eq!(reading.inferred, Vec::<String>::new());
        let text = felis::to_yaml(&reading.schema).unwrap();
        assert_eq!(felis::parse(&text, &|_| None).unwrap().schema, reading.schema);
        let kinds: Vec<_> = reading
            .schema
            .tables
            .iter()
            .map(|table| format!("{} {}", table.name, table.kind))
            .collect();
        assert_eq!(
            kinds,
            [
                "Visit replicated",
                "VisitDetector replicated",
                "Source positional",
                "Object director",
                "ForcedSource child",
                "DiaObject director",
                "DiaSource child",
                "ForcedSourceOnDiaObject child",
            ]
        );
    }

    #[test]
    fn every_column_is_described() {
        let schema = survey_schema().unwrap();
        for table in &schema.tables {
            assert!(table.columns.iter().any(|column| column.principal), "{}", table.name);
            for column in &table.columns {
                assert!(column.description.ends_with('.'), "{}.{}", table.name, column.name);
                assert!(column.datatype.is_textual() == column.length.is_some(), "{}", column.name);
            }
        }
        let forced = schema.table("ForcedSource").unwrap();
        let TableKind::Child { director, key } = &forced.kind else { panic!("not a child") };
        assert_eq!((director.as_str(), key.as_str()), ("Object", "objectId"));
        assert_eq!(forced.column("psfFlux").unwrap().unit.as_deref(), Some("nJy"));
        assert_eq!(forced.column("psfInstFlux").unwrap().unit.as_deref(), Some("adu"));
    }
}
