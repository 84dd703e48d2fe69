//! Units: what a unit string means, and the factor between two of them.
//!
//! Queries convert by it (IN_UNIT), and rows on their way in.
//!
//! ```text
//! conversion("mas.yr-1", "deg/h")  = 3.1688…e-11
//! conversion("nJy", "mag")         : a flux is no multiple of a magnitude; write scisql_nano…
//! ```
//!
//! The language is VOUnits: prefixes, products, quotients, powers, parentheses and scale factors.
//! Spellings of older data are read with their meaning: `^` for `**`, blanks for dots, `mas/year`,
//! `sec`, `degrees`. Angles are a dimension of their own, as in all astronomical software; so are
//! magnitudes and the things that are counted (photons, pixels, …).
//!
//! Reference: VOUnits 1.1 (IVOA Recommendation 2023).

use std::fmt;

mod dimension;
mod hint;
mod parser;
mod symbol;

use dimension::Dimension;

/// A unit: a factor and a dimension.
///
/// The factor is kept as a number and a power of ten, so that 1 Jy is 10⁹ nJy and no last digit less.
#[derive(Debug, Clone, PartialEq)]
pub struct Unit {
    number: f64,
    power_of_ten: i32,
    dimension: Dimension,
    /// What stands inside `log(…)` or the like: such a unit is no multiple of others.
    logarithm: Option<String>,
}

/// Why two units do not convert.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnitError {
    /// The text is no unit.
    #[error("'{unit}' is no unit: {reason}")]
    Syntax {
        /// The text.
        unit: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A symbol that no unit has.
    #[error("there is no unit {symbol}{hint}")]
    Unknown {
        /// The symbol.
        symbol: String,
        /// `; did you mean …?`, or nothing.
        hint: String,
    },
    /// Both are units, of different things.
    #[error("{from} is {from_what}, {to} is {to_what}{hint}")]
    Incompatible {
        /// The unit to convert from, as written.
        from: String,
        /// What it measures.
        from_what: String,
        /// The unit to convert to, as written.
        to: String,
        /// What it measures.
        to_what: String,
        /// What to write instead, after a semicolon; or nothing.
        hint: String,
    },
}

/// Return the factor by which a number in unit `from` is to be multiplied to be one in unit `to`.
///
/// # Errors
/// One of the two is no unit, or they measure different things.
///
/// ```
/// use almagest_unit::conversion;
///
/// assert_eq!(conversion("deg", "arcsec"), Ok(3600.0));
/// assert_eq!(
///     conversion("pc", "mas").map_err(|error| error.to_string()),
///     Err("pc is a length, mas is an angle; a parallax in mas is a distance of 1000 / parallax \
///          in pc"
///         .to_owned())
/// );
/// ```
pub fn conversion(from: &str, to: &str) -> Result<f64, UnitError> {
    let (source, target): (Unit, Unit) = (from.parse()?, to.parse()?);
    let is_same_logarithm = source.logarithm.is_some() && source == target;
    if is_same_logarithm
        || (source.dimension == target.dimension && !source.is_logarithm_of(&target))
    {
        let ten = source.power_of_ten.saturating_sub(target.power_of_ten);
        let factor = source.number / target.number * power_of_ten(ten);
        if factor.is_finite() && factor > 0.0 {
            return Ok(factor);
        }
        let reason = format!("the factor to {} is out of all measure", shown(to));
        return Err(UnitError::Syntax { unit: shown(from), reason });
    }
    Err(UnitError::Incompatible {
        from: shown(from),
        from_what: source.describe(),
        to: shown(to),
        to_what: target.describe(),
        hint: hint::between(&source, &target).map(|hint| format!("; {hint}")).unwrap_or_default(),
    })
}

impl Unit {
    const ONE: Self =
        Unit { number: 1.0, power_of_ten: 0, dimension: Dimension::NONE, logarithm: None };

    fn is_logarithm_of(&self, other: &Self) -> bool {
        self.logarithm.is_some() || other.logarithm.is_some()
    }

    /// What it measures, in words.
    fn describe(&self) -> String {
        match &self.logarithm {
            Some(of) => format!("a logarithm ({of})"),
            None => self.dimension.to_string(),
        }
    }

    fn times(mut self, other: &Self) -> Self {
        self.number *= other.number;
        self.power_of_ten = self.power_of_ten.saturating_add(other.power_of_ten);
        self.dimension = self.dimension.times(&other.dimension);
        self.logarithm = self.logarithm.or_else(|| other.logarithm.clone());
        self
    }

    /// `None` where the power is out of all measure.
    fn to_power(&self, numerator: i32, denominator: i32) -> Option<Self> {
        let power = f64::from(numerator) / f64::from(denominator);
        let ten = self.power_of_ten.checked_mul(numerator)?;
        let number = self.number.powf(power)
            * 10_f64.powf(f64::from(ten % denominator) / f64::from(denominator));
        let dimension = self.dimension.to_power(numerator, denominator)?;
        let power_of_ten = ten / denominator;
        let is_finite = number.is_finite() && number > 0.0 && power_of_ten.abs() < 300;
        let logarithm = self.logarithm.clone();
        is_finite.then_some(Self { number, power_of_ten, dimension, logarithm })
    }
}

/// Exact where a double can be, for either sign: 10^-9 is only ever divided by.
fn power_of_ten(power: i32) -> f64 {
    if power >= 0 { 10_f64.powi(power) } else { 10_f64.powi(-power).recip() }
}

/// Text of a query or a catalog as it can stand in a message.
fn shown(text: &str) -> String {
    match text.trim() {
        "" => "a number without a unit".to_owned(),
        text => printable(text),
    }
}

/// Longest excerpt of a text in a message, characters.
const EXCERPT_LENGTH: usize = 100;

/// Shorten a text for a message, without what would break its line.
fn printable(text: &str) -> String {
    let mut letters = text.chars();
    let shown = letters.by_ref().take(EXCERPT_LENGTH);
    let mut shown: String =
        shown.map(|letter| if letter.is_control() { '\u{FFFD}' } else { letter }).collect();
    if letters.next().is_some() {
        shown.push('…');
    }
    shown
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} × 10^{}: {}", self.number, self.power_of_ten, self.describe())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(from: &str, to: &str, factor: f64) {
        assert_eq!(conversion(from, to), Ok(factor), "{from} to {to}");
        let back = conversion(to, from).unwrap();
        assert!((back * factor - 1.0).abs() < 1e-15, "{to} to {from}: {back}");
    }

    fn check_fault(from: &str, to: &str, message: &str) {
        assert_eq!(conversion(from, to).unwrap_err().to_string(), message);
    }

    #[test]
    fn whole_factors_are_exact() {
        check("deg", "arcsec", 3600.0);
        check("deg", "mas", 3.6e6);
        check("Jy", "nJy", 1e9);
        check("nJy", "Jy", 1e-9);
        check("d", "s", 86_400.0);
        check("yr", "d", 365.25);
        check("km/s", "m.s-1", 1e3);
        check("mag", "mmag", 1e3);
        check("", "%", 100.0);
        check("log(cm.s-2)", "log(cm.s-2)", 1.0);
        check("10**3 Jy", "Jy", 1e3);
    }

    #[test]
    fn one_meaning_in_many_spellings() {
        for spelling in [
            "mas.yr-1",
            "mas/yr",
            "mas yr-1",
            "mas*yr**-1",
            "mas yr^-1",
            "mas/a",
            "marcsec/yr",
            "mas yr**(-1)",
            "mas/year",
            "(mas)/(yr)",
            "10**-3 arcsec/yr",
            "0.001arcsec.yr-1",
            "mas.(yr)-1",
            "milliarcsec/years",
        ] {
            let found = conversion(spelling, "mas.yr-1");
            assert!(found.is_ok_and(|f| (f - 1.0).abs() < 1e-15), "{spelling}");
        }
        check("erg/s/cm**2/Hz", "erg.s-1.cm-2.Hz-1", 1.0);
        check("Angstroms", "angstrom", 1.0);
        check("sqrt(m2)", "m", 1.0);
        check("m**(3/2)", "m**1.5", 1.0);
    }

    #[test]
    fn reasons() {
        check_fault(
            "nJy",
            "mag",
            "nJy is a flux density, mag is a magnitude; a magnitude is a logarithm of a flux: \
             write scisql_nanojanskyToAbMag(flux in nJy)",
        );
        check_fault(
            "mag",
            "nJy",
            "mag is a magnitude, nJy is a flux density; a magnitude is a logarithm of a flux: \
             write scisql_abMagToNanojansky(magnitude)",
        );
        check_fault("deg", "s", "deg is an angle, s is a time");
        check_fault(
            "log(Jy)",
            "Jy",
            "log(Jy) is a logarithm (log(Jy)), Jy is a flux density; undo the logarithm first: POWER(10, x)",
        );
        check_fault("m/K**2", "s", "m/K**2 is a quantity in m.K-2, s is a time");
        check_fault("degg", "s", "there is no unit degg; did you mean deg?");
        check_fault("m/", "s", "'m/' is no unit: a unit is expected at the end");
        check_fault("m)", "s", "'m)' is no unit: there is no ( before )");
        check_fault("(m", "s", "'(m' is no unit: a ) is missing");
        check_fault("m**x", "s", "'m**x' is no unit: a power must be a number");
        check_fault("3", "m/m/", "'m/m/' is no unit: a unit is expected at the end");
    }

    #[test]
    fn no_text_is_too_odd() {
        for text in
            ["\u{0}", "((((((((((", "m**999999999999", "1e999 m", "é", "-", "10**", "m^(1/0)", "''"]
        {
            assert!(text.parse::<Unit>().is_err(), "{text}");
        }
        let deep = "(".repeat(100_000);
        assert!(deep.parse::<Unit>().is_err());
    }
}
