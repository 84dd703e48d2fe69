//! What a unit measures: powers of base quantities.

use std::collections::BTreeMap;
use std::fmt;

/// A quantity that is not made of others. The variant's order is that in which units are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Base {
    Mass,
    Length,
    Angle,
    Current,
    Temperature,
    Amount,
    LuminousIntensity,
    Magnitude,
    Decibel,
    Dex,
    /// Things that are counted, by the symbol of one.
    Count(&'static str),
    Time,
}

impl Base {
    fn symbol(self) -> &'static str {
        match self {
            Self::Mass => "kg",
            Self::Length => "m",
            Self::Angle => "mas",
            Self::Current => "A",
            Self::Temperature => "K",
            Self::Amount => "mol",
            Self::LuminousIntensity => "cd",
            Self::Magnitude => "mag",
            Self::Decibel => "dB",
            Self::Dex => "dex",
            Self::Count(symbol) => symbol,
            Self::Time => "s",
        }
    }
}

/// A power, in lowest terms and with a positive denominator.
type Power = (i32, i32);

/// Powers of base quantities; none is zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dimension(BTreeMap<Base, Power>);

impl Dimension {
    pub const NONE: Self = Self(BTreeMap::new());

    pub fn of(powers: &[(Base, i32)]) -> Self {
        Self(powers.iter().map(|(base, power)| (*base, (*power, 1))).collect())
    }

    /// Whether this is a power of these bases.
    pub fn is(&self, powers: &[(Base, i32)]) -> bool {
        *self == Self::of(powers)
    }

    pub fn times(mut self, other: &Self) -> Self {
        for (base, (n, d)) in &other.0 {
            let (a, b) = self.0.get(base).copied().unwrap_or((0, 1));
            let sum = lowest(
                i64::from(a) * i64::from(*d) + i64::from(*n) * i64::from(b),
                i64::from(b) * i64::from(*d),
            );
            match sum {
                Some((0, _)) | None => self.0.remove(base),
                Some(power) => self.0.insert(*base, power),
            };
        }
        self
    }

    /// `None` where a power is out of all measure.
    pub fn to_power(&self, numerator: i32, denominator: i32) -> Option<Self> {
        let power = |(n, d): &Power| {
            lowest(i64::from(*n) * i64::from(numerator), i64::from(*d) * i64::from(denominator))
        };
        let powers = self.0.iter().map(|(base, of)| Some((*base, power(of)?)));
        let powers = powers.collect::<Option<BTreeMap<_, _>>>()?;
        Some(Self(powers.into_iter().filter(|(_, (n, _))| *n != 0).collect()))
    }
}

fn lowest(n: i64, d: i64) -> Option<Power> {
    let (mut a, mut b) = (n.abs(), d.abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    let divisor = a.max(1) * d.signum();
    let (n, d) = (n.checked_div(divisor)?, d.checked_div(divisor)?);
    // Beyond this no physical quantity goes, and sums stay far from overflow.
    (n.abs() <= 1_000 && d <= 1_000).then_some((i32::try_from(n).ok()?, i32::try_from(d).ok()?))
}

/// The quantities that have a name.
fn known(dimension: &Dimension) -> Option<&'static str> {
    use Base::{Angle, Count, Current, Decibel, Dex, Length, Magnitude, Mass, Temperature, Time};
    let names: [(&[(Base, i32)], &str); 26] = [
        (&[], "a plain number"),
        (&[(Angle, 1)], "an angle"),
        (&[(Angle, 2)], "a solid angle"),
        (&[(Angle, 1), (Time, -1)], "an angle per time"),
        (&[(Length, 1)], "a length"),
        (&[(Length, 2)], "an area"),
        (&[(Length, 3)], "a volume"),
        (&[(Length, -1)], "a number per length"),
        (&[(Time, 1)], "a time"),
        (&[(Time, -1)], "a frequency"),
        (&[(Length, 1), (Time, -1)], "a velocity"),
        (&[(Length, 1), (Time, -2)], "an acceleration"),
        (&[(Mass, 1)], "a mass"),
        (&[(Mass, 1), (Length, -3)], "a density"),
        (&[(Mass, 1), (Length, 1), (Time, -2)], "a force"),
        (&[(Mass, 1), (Length, 2), (Time, -2)], "an energy"),
        (&[(Mass, 1), (Length, 2), (Time, -3)], "a power"),
        (&[(Mass, 1), (Time, -2)], "a flux density"),
        (&[(Mass, 1), (Time, -3)], "an energy flux"),
        (&[(Mass, 1), (Length, -1), (Time, -3)], "a flux density per wavelength"),
        (&[(Mass, 1), (Angle, -2), (Time, -2)], "a surface brightness"),
        (&[(Mass, 1), (Current, -1), (Time, -2)], "a magnetic flux density"),
        (&[(Temperature, 1)], "a temperature"),
        (&[(Magnitude, 1)], "a magnitude"),
        (&[(Decibel, 1)], "a level in decibels"),
        (&[(Dex, 1)], "a logarithm to base 10"),
    ];
    if let Some((_, name)) = names.iter().find(|(powers, _)| dimension.is(powers)) {
        return Some(name);
    }
    match dimension.0.iter().next() {
        Some((Count(_), (1, 1))) if dimension.0.len() == 1 => Some("a count"),
        _ => None,
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = known(self) {
            return f.write_str(name);
        }
        f.write_str("a quantity in ")?;
        for (index, (base, power)) in self.0.iter().enumerate() {
            let dot = if index == 0 { "" } else { "." };
            let symbol = base.symbol();
            match power {
                (1, 1) => write!(f, "{dot}{symbol}")?,
                (n, 1) => write!(f, "{dot}{symbol}{n}")?,
                (n, d) => write!(f, "{dot}{symbol}**({n}/{d})")?,
            }
        }
        Ok(())
    }
}
