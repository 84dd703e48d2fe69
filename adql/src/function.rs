//! The functions that a query may call, each declared once: what validation checks, what
//! translation emits, what the capabilities document lists and what help shows.
//!
//! A declaration is a signature or several (overloads), in the notation of TAPRegExt, with a
//! description. How many arguments a function takes follows from its signatures.

use std::collections::HashMap;
use std::sync::LazyLock;

mod signature;
mod value_type;

mod geometry;
mod math;
mod optional;

mod aggregate;

mod ivoa;
mod qserv;
mod survey;

mod window;

pub use signature::{Parameter, Signature, SignatureError};
pub use value_type::ValueType;

/// What a function belongs to: an optional feature of ADQL 2.1 (TAPRegExt's `#features-adql…`) or
/// a part of the core language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Group {
    /// `#features-adqlgeo`.
    Geometry,
    /// The core's mathematical and trigonometrical functions.
    Math,
    /// `#features-adql-string`.
    String,
    /// `#features-adql-conditional`.
    Conditional,
    /// `#features-adql-type`.
    Type,
    /// `#features-adql-unit`.
    Unit,
    /// The core's aggregate functions.
    Aggregate,
    /// `#features-udf`: functions of this service, beyond the standard.
    Udf,
    /// `#features-udf`, and an aggregate.
    AggregateUdf,
    /// An extension: functions that only stand before OVER.
    Window,
}

/// How a call reaches the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As a call of this function with the same arguments.
    Call(&'static str),
    /// Rewritten by [`translate`](crate::translate).
    Rewritten,
    /// Not at all, for this reason.
    Off(&'static str),
}

/// One entry of the tables in the modules below.
struct Declaration {
    name: &'static str,
    group: Group,
    form: Form,
    signatures: &'static [&'static str],
    description: &'static str,
}

/// Declare a function of this service.
const fn udf(
    name: &'static str,
    form: Form,
    signatures: &'static [&'static str],
    description: &'static str,
) -> Declaration {
    Declaration { name, group: Group::Udf, form, signatures, description }
}

/// Declare an aggregate of this service.
const fn aggregate_udf(
    name: &'static str,
    form: Form,
    signatures: &'static [&'static str],
    description: &'static str,
) -> Declaration {
    Declaration { name, group: Group::AggregateUdf, form, signatures, description }
}

/// A function that a query may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Name as its standard writes it. Calls match without regard to case.
    pub name: &'static str,
    /// The feature that it belongs to.
    pub group: Group,
    /// Its arguments and result; each overload has one.
    pub signatures: Vec<Signature>,
    /// What it computes, with units.
    pub description: &'static str,
    pub(crate) form: Form,
}

impl Function {
    /// Whether it makes one value of many rows.
    pub fn is_aggregate(&self) -> bool {
        matches!(self.group, Group::Aggregate | Group::AggregateUdf)
    }

    /// Whether it belongs to this service rather than to the language.
    pub fn is_user_defined(&self) -> bool {
        matches!(self.group, Group::Udf | Group::AggregateUdf)
    }

    /// Whether it can be called here; a function that is off is known, so that a message can say
    /// what to do without it.
    pub fn is_available(&self) -> bool {
        !matches!(self.form, Form::Off(_))
    }

    /// The type of its result, if it is the same for all overloads.
    pub fn returns(&self) -> Option<ValueType> {
        let first = self.signatures.first()?.returns;
        self.signatures.iter().all(|signature| signature.returns == first).then_some(first)
    }

    /// The first signature that takes values of these types. [`ValueType::Any`] stands for a value
    /// of unknown type.
    pub fn signature_for(&self, given: &[ValueType]) -> Option<&Signature> {
        self.signatures.iter().find(|signature| signature.accepts(given))
    }

    /// Whether it may be called with this many arguments.
    pub(crate) fn takes(&self, count: usize) -> bool {
        self.signatures.iter().any(|signature| signature.takes(count))
    }

    /// The number of arguments in words.
    pub(crate) fn expects(&self) -> String {
        let unbounded = self.signatures.iter().filter(|s| s.is_variadic).map(Signature::fewest);
        let most = self.signatures.iter().map(|s| s.parameters.len()).max().unwrap_or(0);
        let mut counts: Vec<usize> = (0..=most).filter(|count| self.takes(*count)).collect();
        if let Some(fewest) = unbounded.min() {
            counts.retain(|count| *count <= fewest);
            let listed: Vec<String> = counts.iter().map(usize::to_string).collect();
            let word = if fewest == 1 { "argument" } else { "arguments" };
            return format!("{} {word} or more", listed.join(", "));
        }
        let are_consecutive = counts.windows(2).all(|pair| pair[0] + 1 == pair[1]);
        match counts.as_slice() {
            [] | [0] => "no argument".to_owned(),
            [1] => "1 argument".to_owned(),
            [one] => format!("{one} arguments"),
            [0, 1] => "1 argument or none".to_owned(),
            [first, .., last] if are_consecutive => format!("{first} to {last} arguments"),
            [others @ .., last] => {
                let others: Vec<String> = others.iter().map(usize::to_string).collect();
                format!("{} or {last} arguments", others.join(", "))
            }
        }
    }
}

/// Find a function by its name, in any case.
pub fn find(name: &str) -> Option<&'static Function> {
    static PLACES: LazyLock<HashMap<String, usize>> = LazyLock::new(|| {
        FUNCTIONS.iter().enumerate().map(|(place, f)| (f.name.to_lowercase(), place)).collect()
    });
    PLACES.get(&name.to_lowercase()).and_then(|place| FUNCTIONS.get(*place))
}

/// All functions that a query may call: the standard's first.
pub static FUNCTIONS: LazyLock<Vec<Function>> = LazyLock::new(|| {
    TABLES
        .iter()
        .flat_map(|table| table.iter())
        .map(|declaration| Function {
            name: declaration.name,
            group: declaration.group,
            // A test sees to it that each of them parses.
            signatures: declaration.signatures.iter().filter_map(|s| s.parse().ok()).collect(),
            description: declaration.description,
            form: declaration.form,
        })
        .collect()
});

const TABLES: [&[Declaration]; 8] = [
    geometry::DECLARATIONS,
    math::DECLARATIONS,
    optional::DECLARATIONS,
    aggregate::DECLARATIONS,
    ivoa::DECLARATIONS,
    survey::DECLARATIONS,
    qserv::DECLARATIONS,
    window::DECLARATIONS,
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn functions_are_found_in_any_case() {
        assert_eq!(find("sQrT").map(|f| f.name), Some("SQRT"));
        assert_eq!(find("SCISQL_ANGSEP").map(|f| f.name), Some("scisql_angSep"));
        assert_eq!(find("sky_distance"), None);
    }

    #[test]
    fn each_function_stands_once_with_signatures_that_parse_and_name_it() {
        for (i, f) in FUNCTIONS.iter().enumerate() {
            let twice = FUNCTIONS[i + 1..].iter().any(|g| g.name.eq_ignore_ascii_case(f.name));
            assert!(!twice, "{} stands twice", f.name);
        }
        for declaration in TABLES.iter().flat_map(|table| table.iter()) {
            assert!(!declaration.signatures.is_empty(), "{}", declaration.name);
            for text in declaration.signatures {
                let signature: Signature = text.parse().unwrap();
                assert_eq!(signature.to_string(), *text);
                assert_eq!(signature.name, declaration.name);
            }
        }
    }

    #[test]
    fn the_number_of_arguments_in_words() {
        let expects = |name: &str| find(name).unwrap().expects();
        assert_eq!(expects("PI"), "no argument");
        assert_eq!(expects("RAND"), "1 argument or none");
        assert_eq!(expects("SQRT"), "1 argument");
        assert_eq!(expects("MOD"), "2 arguments");
        assert_eq!(expects("CIRCLE"), "2 to 4 arguments");
        assert_eq!(expects("DISTANCE"), "2 or 4 arguments");
        assert_eq!(expects("POLYGON"), "3 arguments or more");
        assert_eq!(expects("COALESCE"), "1 argument or more");
    }

    #[test]
    fn overloads_are_told_apart_by_types() {
        let returns = |name: &str, given: &[ValueType]| {
            find(name).unwrap().signature_for(given).map(|s| s.returns)
        };
        use ValueType::{BigInt, Circle, Double, Integer, Point, Varchar};
        assert_eq!(returns("SUM", &[Integer]), Some(BigInt));
        assert_eq!(returns("SUM", &[Double]), Some(Double));
        assert_eq!(returns("SUM", &[Varchar]), None);
        assert_eq!(returns("CIRCLE", &[Point, Integer]), Some(Circle));
        assert_eq!(returns("CIRCLE", &[Double, Double, Double]), Some(Circle));
        assert_eq!(returns("CIRCLE", &[Double, Point]), None);
    }
}
