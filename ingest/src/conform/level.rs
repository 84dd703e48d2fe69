//! Levels: units of logarithms with what these are relative to, as astropy writes them.
//!
//! ```text
//!   mag(AB)          magnitudes above the zero point of the AB system
//!   dex(cm / s2)     decimal logarithms of a number of cm/s²
//!   mag              magnitudes, of whatever zero point
//! ```
//!
//! Two levels convert like their scales (mag, dex, dB) if both have one zero point, or one of them
//! does not say its own. Between AB, ST and Vega nothing is converted: what lies between them
//! depends on the band.

use almagest_unit::{UnitError, conversion};

/// The scales of levels.
const SCALES: [&str; 4] = ["mag", "mmag", "dex", "dB"];

/// A unit, which may be that of a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Level<'u> {
    /// The unit, or the scale of the level.
    pub scale: &'u str,
    /// What is zero on it, where it is said: `AB`, `cm / s2`.
    pub zero_point: Option<&'u str>,
}

impl<'u> Level<'u> {
    /// Take a unit as it is written.
    pub fn of(unit: &'u str) -> Self {
        let parts = unit.trim().strip_suffix(')').and_then(|unit| unit.split_once('('));
        let parts = parts.map(|(scale, zero_point)| (scale.trim(), zero_point.trim()));
        match parts.filter(|(scale, _)| SCALES.contains(scale)) {
            Some((scale, zero_point)) => Self { scale, zero_point: Some(zero_point) },
            None => Self { scale: unit, zero_point: None },
        }
    }

    /// The factor by which a number in this unit is to be multiplied to be one in the other.
    ///
    /// # Errors
    /// Those of [`conversion`]; different zero points.
    pub fn factor_to(self, other: Self) -> Result<f64, UnitError> {
        let factor = conversion(self.scale, other.scale)?;
        match (self.zero_point, other.zero_point) {
            (Some(from), Some(to)) if !is_same(from, to) => Err(UnitError::Incompatible {
                from: format!("{}({from})", self.scale),
                from_what: format!("the zero point {from}"),
                to: format!("{}({to})", other.scale),
                to_what: format!("the zero point {to}"),
                hint: String::new(),
            }),
            _ => Ok(factor),
        }
    }
}

/// Is it the same zero point: the same text, or another spelling of the same unit?
fn is_same(a: &str, b: &str) -> bool {
    a == b || conversion(a, b) == Ok(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(from: &str, to: &str, expected: Result<f64, &str>) {
        let found = Level::of(from).factor_to(Level::of(to)).map_err(|error| error.to_string());
        assert_eq!(found, expected.map_err(str::to_owned), "{from} to {to}");
    }

    #[test]
    fn levels_of_one_zero_point() {
        check("mag(AB)", "mag", Ok(1.0));
        check("mmag", "mag(AB)", Ok(1e-3));
        check("mag(AB)", "mmag(AB)", Ok(1e3));
        check("mag(ct / s)", "mag(s-1.ct)", Ok(1.0));
        check("dex(cm / s2)", "dex", Ok(1.0));
        check("mas/yr", "mas.yr-1", Ok(1.0));
    }

    #[test]
    fn levels_that_are_not_each_other() {
        let apart = "mag(Vega) is the zero point Vega, mag(AB) is the zero point AB";
        check("mag(Vega)", "mag(AB)", Err(apart));
        let apart = "mag(Bol) is the zero point Bol, mag(bol) is the zero point bol";
        check("mag(Bol)", "mag(bol)", Err(apart));
        assert!(Level::of("dex(cm/s2)").factor_to(Level::of("mag")).is_err());
        assert!(Level::of("mag(AB)").factor_to(Level::of("nJy")).is_err());
    }
}
