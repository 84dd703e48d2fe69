//! The functions of the language's smaller optional features: strings, COALESCE, TIMESTAMP and
//! IN_UNIT (ADQL 2.1, sections 4.3 to 4.9).

use super::{
    Declaration,
    Form::{Call, Rewritten},
    Group,
};

pub(super) const DECLARATIONS: &[Declaration] = &[
    Declaration {
        name: "LOWER",
        group: Group::String,
        form: Call("lower"),
        signatures: &["LOWER(s VARCHAR) -> VARCHAR"],
        description: "s in lower case",
    },
    Declaration {
        name: "UPPER",
        group: Group::String,
        form: Call("upper"),
        signatures: &["UPPER(s VARCHAR) -> VARCHAR"],
        description: "s in upper case",
    },
    Declaration {
        name: "COALESCE",
        group: Group::Conditional,
        form: Call("coalesce"),
        signatures: &["COALESCE(a ANY, ...) -> ANY"],
        description: "the first of its arguments that is not NULL",
    },
    Declaration {
        name: "TIMESTAMP",
        group: Group::Type,
        form: Rewritten,
        signatures: &["TIMESTAMP(s VARCHAR) -> TIMESTAMP"],
        description: "the point in time that an ISO 8601 string names",
    },
    Declaration {
        name: "IN_UNIT",
        group: Group::Unit,
        form: Rewritten,
        signatures: &["IN_UNIT(x DOUBLE, unit VARCHAR) -> DOUBLE"],
        description: "x converted to a unit, which is a literal in VOUnits such as 'mas.yr-1'",
    },
];
