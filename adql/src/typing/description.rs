//! What stays known of a value through a function: its unit and its UCD, where they are certain.
//!
//! The greatest of some fluxes is a flux in their unit; the logarithm of one is not. A statistic
//! gets its word of the UCD vocabulary behind the column's own, and is no longer the main value of
//! its table.
//!
//! Reference: UCD1+ controlled vocabulary 1.5, words of `stat`.

use std::sync::Arc;

use sqlparser::ast::Expr;

use super::wording::string;
use super::{Typed, Types};
use crate::names::ColumnKind;
use crate::tree::{arguments, as_call};

/// Functions whose result has the unit of their first argument.
const KEEP_UNIT: &[&str] = &[
    "ABS",
    "ROUND",
    "TRUNCATE",
    "CEILING",
    "FLOOR",
    "MIN",
    "MAX",
    "AVG",
    "SUM",
    "MEDIAN",
    "QUANTILE",
    "STDDEV",
    "STDDEV_POP",
    "STDDEV_SAMP",
];

/// Statistics that have a word among the UCDs.
const STATISTICS: &[(&str, &str)] = &[
    ("MIN", "stat.min"),
    ("MAX", "stat.max"),
    ("AVG", "stat.mean"),
    ("MEDIAN", "stat.median"),
    ("STDDEV", "stat.stdev"),
    ("STDDEV_POP", "stat.stdev"),
    ("STDDEV_SAMP", "stat.stdev"),
];

/// Functions whose result has a unit or a UCD of its own.
const OWN: &[(&str, Option<&str>, Option<&str>)] = &[
    ("DISTANCE", Some("deg"), Some("pos.angDistance")),
    ("SCISQL_ANGSEP", Some("deg"), Some("pos.angDistance")),
    ("AREA", Some("deg2"), Some("phys.angArea")),
    ("COORD1", Some("deg"), Some("pos.eq.ra")),
    ("COORD2", Some("deg"), Some("pos.eq.dec")),
    ("REGION", None, Some("pos.outline")),
    ("MOC", None, Some("pos.outline")),
    ("DEGREES", Some("deg"), None),
    ("IVO_HMS_TO_DEGREES", Some("deg"), None),
    ("IVO_DMS_TO_DEGREES", Some("deg"), None),
    ("RADIANS", Some("rad"), None),
    ("ACOS", Some("rad"), None),
    ("ASIN", Some("rad"), None),
    ("ATAN", Some("rad"), None),
    ("ATAN2", Some("rad"), None),
    ("SCISQL_NANOJANSKYTOABMAG", Some("mag"), Some("phot.mag")),
    ("SCISQL_NANOJANSKYTOABMAGSIGMA", Some("mag"), Some("stat.error;phot.mag")),
    ("SCISQL_ABMAGTONANOJANSKY", Some("nJy"), Some("phot.flux.density")),
    ("SCISQL_ABMAGTONANOJANSKYSIGMA", Some("nJy"), Some("stat.error;phot.flux.density")),
    ("IVO_TO_JD", Some("d"), None),
    ("IVO_TO_MJD", Some("d"), None),
];

/// What is known of the result of a function beside its kind; `first` is its first argument.
pub(super) fn described(
    name: &str,
    kind: ColumnKind,
    args: &[&Expr],
    first: Option<&Typed>,
    types: &Types,
) -> Typed {
    if name == "IN_UNIT" {
        let unit = args.get(1).and_then(|unit| string(unit)).map(Arc::from);
        let ucd = first.and_then(|first| first.ucd.clone());
        return Typed { kind, unit, ucd, ..Typed::default() };
    }
    if let Some(coordinate) = written_coordinate(name, args) {
        return types.get(coordinate);
    }
    if let Some((_, unit, ucd)) = OWN.iter().find(|(function, ..)| *function == name) {
        let (unit, ucd) = (unit.map(Arc::from), ucd.map(Arc::from));
        return Typed { kind, unit, ucd, ..Typed::default() };
    }
    let Some(first) = first.filter(|_| KEEP_UNIT.contains(&name)) else { return Typed::of(kind) };
    let statistic = STATISTICS.iter().find(|(function, _)| *function == name);
    let ucd = statistic.zip(first.ucd.as_deref()).map(|((_, word), ucd)| statistic_ucd(ucd, word));
    // The least and the greatest of some times are times of that scale.
    let time_scale = first.time_scale.filter(|_| matches!(name, "MIN" | "MAX"));
    Typed { kind, unit: first.unit.clone(), ucd, time_scale, ..Typed::default() }
}

/// The coordinate that `COORD1(POINT(lon, lat))` gives back as it is.
fn written_coordinate<'e>(name: &str, args: &[&'e Expr]) -> Option<&'e Expr> {
    let place = match name {
        "COORD1" => 0,
        "COORD2" => 1,
        _ => return None,
    };
    let coordinates = arguments(as_call(args.first()?, &["POINT"])?);
    // With a coordinate system before it the position may have been turned.
    (coordinates.len() == 2).then(|| coordinates.get(place).copied()).flatten()
}

/// The UCD of a statistic over a column.
fn statistic_ucd(ucd: &str, word: &str) -> Arc<str> {
    let kept = ucd.split(';').filter(|part| !part.trim().eq_ignore_ascii_case("meta.main"));
    kept.chain([word]).collect::<Vec<_>>().join(";").into()
}
