//! The coordinate system that a geometry may name before its coordinates.
//!
//! ```text
//! POINT('ICRS GEOCENTER', ra, dec)  ─▶  POINT(ra, dec)
//! POINT('GALACTIC', l, b)           ─▶  sky_to_icrs('GALACTIC', POINT(l, b))
//! ```
//!
//! It is deprecated in ADQL 2.1. A string is always one; NULL is one where the number of arguments
//! leaves no other reading. Geometries are ICRS inside the engine, so that others are converted.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Function, Query, Value, visit_expressions};
use sqlparser::tokenizer::Location;

use super::geometry::CONSTRUCTORS;
use crate::error::{Diagnostic, printable};
use crate::tree::{arguments, as_call};

/// A celestial reference frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Frame {
    /// The frame of all geometries in the engine.
    Icrs,
    /// J2000.
    Fk5,
    /// B1950.
    Fk4,
    /// IAU 1958.
    Galactic,
    /// The mean ecliptic of J2000.
    Ecliptic,
}

const KNOWN: &str = "the coordinate systems are ICRS, FK5, FK4, GALACTIC and ECLIPTIC";

impl Frame {
    /// Its name in the IVOA's vocabulary.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Icrs => "ICRS",
            Self::Fk5 => "FK5",
            Self::Fk4 => "FK4",
            Self::Galactic => "GALACTIC",
            Self::Ecliptic => "ECLIPTIC",
        }
    }

    /// Read the name of a frame; ADQL 2.0 let a reference position and a flavour follow it.
    fn parse(system: &str) -> Option<Self> {
        const PLACES: [&str; 4] = ["BARYCENTER", "GEOCENTER", "TOPOCENTER", "UNKNOWNREFPOS"];
        let upper = system.to_uppercase();
        let mut words = upper.split_whitespace().peekable();
        let frame = match words.next() {
            None | Some("ICRS") => Self::Icrs,
            Some("FK5" | "J2000") => Self::Fk5,
            Some("FK4" | "B1950") => Self::Fk4,
            Some("GALACTIC" | "GALACTIC_II") => Self::Galactic,
            Some("ECLIPTIC") => Self::Ecliptic,
            _ => return None,
        };
        words.next_if(|word| PLACES.contains(word));
        words.next_if(|word| *word == "SPHERICAL2");
        words.next().is_none().then_some(frame)
    }
}

/// The frame that a constructor names, and the arguments after it.
///
/// # Errors
///
/// If there is no such frame.
pub(super) fn of_arguments<'f>(
    function: &'f Function,
    name: &str,
) -> Result<(Option<Frame>, Vec<&'f Expr>), Diagnostic> {
    let mut args = arguments(function);
    let frame = match literal(&args, name) {
        None => return Ok((None, args)),
        Some(Literal::Null) => None,
        Some(Literal::Named(system, at)) => Some(Frame::parse(system).ok_or_else(|| {
            let message = format!("unknown coordinate system '{}'", printable(system));
            Diagnostic::invalid(at, message).suggest(KNOWN)
        })?),
    };
    args.remove(0);
    Ok((frame, args))
}

/// The coordinate system as a constructor spells it, for COORDSYS.
pub(super) fn spelling(function: &Function) -> Option<String> {
    let name = function.name.to_string().to_uppercase();
    match literal(&arguments(function), &name)? {
        Literal::Named(system, _) if !system.trim().is_empty() => Some(system.to_owned()),
        _ => None,
    }
}

enum Literal<'e> {
    Null,
    Named(&'e str, Location),
}

fn literal<'e>(args: &[&'e Expr], name: &str) -> Option<Literal<'e>> {
    let Some(Expr::Value(first)) = args.first().copied() else { return None };
    let second_is_point = args.get(1).is_some_and(|a| as_call(a, &["POINT"]).is_some());
    match &first.value {
        Value::SingleQuotedString(system) => Some(Literal::Named(system, first.span.start)),
        Value::Null => {
            let is_system = match name {
                "POINT" => args.len() == 3,
                "CIRCLE" => args.len() == 4 || args.len() == 3 && second_is_point,
                "BOX" => args.len() == 5 || args.len() == 4 && second_is_point,
                _ => args.len() % 2 == 1 || second_is_point,
            };
            is_system.then_some(Literal::Null)
        }
        _ => None,
    }
}

/// What is to be said of frames that are converted.
pub(super) fn warnings(query: &Query) -> Vec<String> {
    let mut warnings: Vec<String> = vec![];
    // The walk never breaks off.
    let _ = visit_expressions(query, |expr| {
        if let Some(constructor) = as_call(expr, CONSTRUCTORS)
            && let Some(frame) = spelling(constructor).and_then(|system| Frame::parse(&system))
            && frame != Frame::Icrs
        {
            let warning = format!("geometries in {} are converted to ICRS", frame.name());
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
        ControlFlow::<()>::Continue(())
    });
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_by_name() {
        for (system, frame) in [
            ("", Some(Frame::Icrs)),
            ("icrs", Some(Frame::Icrs)),
            ("ICRS GEOCENTER SPHERICAL2", Some(Frame::Icrs)),
            ("GALACTIC", Some(Frame::Galactic)),
            ("fk4 barycenter", Some(Frame::Fk4)),
            ("J2000", Some(Frame::Fk5)),
            ("ICRS CARTESIAN3", None),
            ("AZ_EL", None),
        ] {
            assert_eq!(Frame::parse(system), frame, "{system}");
        }
    }
}
