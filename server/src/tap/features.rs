//! The optional features of ADQL that this service has, as capabilities announce them: the
//! functions that queries may call, and the clauses that the language leaves optional.

use almagest_adql::function::{FUNCTIONS, Function, Group};

/// Features of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureList {
    /// The identifier of the kind.
    ///
    /// ADQL 2.1 wants these in lower case, but for `-udf` and `-adqlgeo` clients know only the
    /// spelling of TAPRegExt 1.0.
    pub standard_id: &'static str,
    /// What there is of it.
    pub features: Vec<Feature>,
}

/// A function, operator or clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feature {
    /// How it is written: a name, or the signature of a user-defined function.
    pub form: String,
    /// What it does.
    pub description: &'static str,
}

/// The operators and clauses, by the last part of their kind.
const CLAUSES: [(&str, &str, &str); 7] = [
    ("string", "ILIKE", "LIKE without regard to case"),
    ("sets", "UNION", "the rows of both queries"),
    ("sets", "EXCEPT", "the rows of the first query that the second lacks"),
    ("sets", "INTERSECT", "the rows that both queries have"),
    ("common-table", "WITH", "a query under a name, for use in the one that follows"),
    ("type", "CAST", "a value as another type"),
    ("offset", "OFFSET", "skips the first rows of a result"),
];

const UDF: &str = "ivo://ivoa.net/std/TAPRegExt#features-udf";
const GEOMETRY: &str = "ivo://ivoa.net/std/TAPRegExt#features-adqlgeo";
const STRING: &str = "ivo://ivoa.net/std/tapregext#features-adql-string";
const CONDITIONAL: &str = "ivo://ivoa.net/std/tapregext#features-adql-conditional";
const TYPE: &str = "ivo://ivoa.net/std/tapregext#features-adql-type";
const UNIT: &str = "ivo://ivoa.net/std/tapregext#features-adql-unit";
const SETS: &str = "ivo://ivoa.net/std/tapregext#features-adql-sets";
const COMMON_TABLE: &str = "ivo://ivoa.net/std/tapregext#features-adql-common-table";
const OFFSET: &str = "ivo://ivoa.net/std/tapregext#features-adql-offset";

/// Return all features: each available function that is not of the language's core (a user-defined
/// one under each of its signatures), and each clause.
pub fn all() -> Vec<FeatureList> {
    [UDF, GEOMETRY, STRING, CONDITIONAL, TYPE, UNIT, SETS, COMMON_TABLE, OFFSET]
        .into_iter()
        .map(|standard_id| {
            let functions = FUNCTIONS
                .iter()
                .filter(|function| function.is_available())
                .filter(|function| kind(function.group) == Some(standard_id))
                .flat_map(features_of);
            let clauses = CLAUSES
                .iter()
                .filter(|(kind, ..)| {
                    standard_id.strip_suffix(kind).is_some_and(|s| s.ends_with('-'))
                })
                .map(|(_, form, description)| Feature { form: (*form).to_owned(), description });
            FeatureList { standard_id, features: functions.chain(clauses).collect() }
        })
        .filter(|list| !list.features.is_empty())
        .collect()
}

/// The kind of feature under which functions of a group are announced; none for the core's.
fn kind(group: Group) -> Option<&'static str> {
    match group {
        Group::Udf | Group::AggregateUdf => Some(UDF),
        Group::Geometry => Some(GEOMETRY),
        Group::String => Some(STRING),
        Group::Conditional => Some(CONDITIONAL),
        Group::Type => Some(TYPE),
        Group::Unit => Some(UNIT),
        Group::Math | Group::Aggregate | Group::Window => None,
    }
}

fn features_of(function: &Function) -> Vec<Feature> {
    let description = function.description;
    if function.is_user_defined() {
        let signatures = function.signatures.iter();
        signatures.map(|s| Feature { form: s.to_string(), description }).collect()
    } else {
        vec![Feature { form: function.name.to_owned(), description }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_available_function_beyond_the_core_is_announced() {
        let announced: Vec<Feature> = all().into_iter().flat_map(|list| list.features).collect();
        for function in FUNCTIONS.iter() {
            let is_announced = announced.iter().any(|feature| {
                feature.form == function.name
                    || feature.form.starts_with(&format!("{}(", function.name))
            });
            let is_core = matches!(function.group, Group::Math | Group::Aggregate | Group::Window);
            assert_eq!(is_announced, function.is_available() && !is_core, "{}", function.name);
        }
    }

    #[test]
    fn each_kind_has_its_clauses() {
        for (kind, form, _) in CLAUSES {
            let lists = all();
            let list = lists.iter().find(|list| list.features.iter().any(|f| f.form == form));
            assert!(list.is_some_and(|l| l.standard_id.ends_with(&format!("-{kind}"))), "{form}");
        }
    }
}
