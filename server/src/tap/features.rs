//! The optional features of ADQL that this service has, as capabilities announce them.

use std::borrow::Cow;

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
    /// How it is written.
    pub form: Cow<'static, str>,
    /// What it does.
    pub description: Cow<'static, str>,
}

/// Return all features.
pub fn all() -> Vec<FeatureList> {
    let list = |standard_id, forms: &[&'static str]| FeatureList {
        standard_id,
        features: forms.iter().map(|form| feature(form, "")).collect(),
    };
    vec![
        list(
            "ivo://ivoa.net/std/TAPRegExt#features-adqlgeo",
            &[
                "POINT",
                "CIRCLE",
                "BOX",
                "POLYGON",
                "CONTAINS",
                "INTERSECTS",
                "DISTANCE",
                "COORD1",
                "COORD2",
            ],
        ),
        list("ivo://ivoa.net/std/tapregext#features-adql-string", &["LOWER", "UPPER"]),
    ]
}

fn feature(form: &'static str, description: &'static str) -> Feature {
    Feature { form: form.into(), description: description.into() }
}
