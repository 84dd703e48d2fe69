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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feature {
    /// How it is written.
    pub form: &'static str,
    /// What it does.
    pub description: &'static str,
}

/// The operators and clauses, by the last part of their kind.
const CLAUSES: [(&str, Feature); 7] = [
    ("string", clause("ILIKE", "LIKE without regard to case")),
    ("sets", clause("UNION", "the rows of both queries")),
    ("sets", clause("EXCEPT", "the rows of the first query that the second lacks")),
    ("sets", clause("INTERSECT", "the rows that both queries have")),
    ("common-table", clause("WITH", "a query under a name, for use in the one that follows")),
    ("type", clause("CAST", "a value as another type")),
    ("offset", clause("OFFSET", "skips the first rows of a result")),
];

const fn clause(form: &'static str, description: &'static str) -> Feature {
    Feature { form, description }
}

/// Return all features.
pub fn all() -> Vec<FeatureList> {
    let functions = |group: Group, form: fn(&Function) -> &'static str| {
        let members = FUNCTIONS.iter().filter(move |function| function.group == group);
        members.map(move |f| Feature { form: form(f), description: f.description })
    };
    let clauses = |kind: &'static str| {
        CLAUSES.iter().filter(move |(of, _)| *of == kind).map(|(_, feature)| *feature)
    };
    let list = |standard_id, features: Vec<Feature>| FeatureList { standard_id, features };
    let name = |function: &Function| function.name;
    let lists = [
        list(
            "ivo://ivoa.net/std/TAPRegExt#features-udf",
            functions(Group::Udf, |function| function.signature).collect(),
        ),
        list(
            "ivo://ivoa.net/std/TAPRegExt#features-adqlgeo",
            functions(Group::Geometry, name).collect(),
        ),
        list(
            "ivo://ivoa.net/std/tapregext#features-adql-string",
            functions(Group::String, name).chain(clauses("string")).collect(),
        ),
        list(
            "ivo://ivoa.net/std/tapregext#features-adql-conditional",
            functions(Group::Conditional, name).collect(),
        ),
        list("ivo://ivoa.net/std/tapregext#features-adql-sets", clauses("sets").collect()),
        list(
            "ivo://ivoa.net/std/tapregext#features-adql-common-table",
            clauses("common-table").collect(),
        ),
        list(
            "ivo://ivoa.net/std/tapregext#features-adql-type",
            functions(Group::Type, name).chain(clauses("type")).collect(),
        ),
        list("ivo://ivoa.net/std/tapregext#features-adql-offset", clauses("offset").collect()),
    ];
    lists.into_iter().filter(|list| !list.features.is_empty()).collect()
}
