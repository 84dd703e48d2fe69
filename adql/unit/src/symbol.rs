//! The symbols of VOUnits, with their prefixes.

use super::dimension::{
    Base::{
        self, Amount, Angle, Count, Current, Decibel, Dex, Length, LuminousIntensity, Magnitude,
        Mass, Temperature, Time,
    },
    Dimension,
};
use super::{Unit, UnitError, printable};

/// Number, power of ten and base quantities of a symbol.
type Meaning = (f64, i32, &'static [(Base, i32)]);

/// A longer symbol is no typing error, characters.
const LONGEST_SYMBOL: usize = 32;

/// Radians in units of 10⁶ mas: 648 / π.
const RADIAN: f64 = 206.264_806_247_096_36;

const FORCE: &[(Base, i32)] = &[(Mass, 1), (Length, 1), (Time, -2)];
const ENERGY: &[(Base, i32)] = &[(Mass, 1), (Length, 2), (Time, -2)];
const POWER: &[(Base, i32)] = &[(Mass, 1), (Length, 2), (Time, -3)];
const FREQUENCY: &[(Base, i32)] = &[(Time, -1)];
const RESISTANCE: &[(Base, i32)] = &[(Mass, 1), (Length, 2), (Time, -3), (Current, -2)];

/// Symbols that take prefixes.
const PREFIXABLE: &[(&str, Meaning)] = &[
    ("m", (1.0, 0, &[(Length, 1)])),
    ("g", (1.0, -3, &[(Mass, 1)])),
    ("s", (1.0, 0, &[(Time, 1)])),
    ("A", (1.0, 0, &[(Current, 1)])),
    ("K", (1.0, 0, &[(Temperature, 1)])),
    ("mol", (1.0, 0, &[(Amount, 1)])),
    ("cd", (1.0, 0, &[(LuminousIntensity, 1)])),
    ("rad", (RADIAN, 6, &[(Angle, 1)])),
    ("sr", (RADIAN * RADIAN, 12, &[(Angle, 2)])),
    ("arcsec", (1.0, 3, &[(Angle, 1)])),
    ("Hz", (1.0, 0, FREQUENCY)),
    ("Bq", (1.0, 0, FREQUENCY)),
    ("N", (1.0, 0, FORCE)),
    ("Pa", (1.0, 0, &[(Mass, 1), (Length, -1), (Time, -2)])),
    ("J", (1.0, 0, ENERGY)),
    ("W", (1.0, 0, POWER)),
    ("erg", (1.0, -7, ENERGY)),
    ("eV", (1.602_176_634, -19, ENERGY)),
    ("Ry", (2.179_872_361_103, -18, ENERGY)),
    ("C", (1.0, 0, &[(Current, 1), (Time, 1)])),
    ("V", (1.0, 0, &[(Mass, 1), (Length, 2), (Time, -3), (Current, -1)])),
    ("Ohm", (1.0, 0, RESISTANCE)),
    ("S", (1.0, 0, &[(Mass, -1), (Length, -2), (Time, 3), (Current, 2)])),
    ("F", (1.0, 0, &[(Mass, -1), (Length, -2), (Time, 4), (Current, 2)])),
    ("Wb", (1.0, 0, &[(Mass, 1), (Length, 2), (Time, -2), (Current, -1)])),
    ("T", (1.0, 0, &[(Mass, 1), (Time, -2), (Current, -1)])),
    ("H", (1.0, 0, &[(Mass, 1), (Length, 2), (Time, -2), (Current, -2)])),
    ("lm", (RADIAN * RADIAN, 12, &[(LuminousIntensity, 1), (Angle, 2)])),
    ("lx", (RADIAN * RADIAN, 12, &[(LuminousIntensity, 1), (Angle, 2), (Length, -2)])),
    ("G", (1.0, -4, &[(Mass, 1), (Time, -2), (Current, -1)])),
    ("Jy", (1.0, -26, &[(Mass, 1), (Time, -2)])),
    ("pc", (3.085_677_581_491_367_3, 16, &[(Length, 1)])),
    ("lyr", (94_607_304_725_808.0, 2, &[(Length, 1)])),
    ("yr", (315_576.0, 2, &[(Time, 1)])),
    ("a", (315_576.0, 2, &[(Time, 1)])),
    ("barn", (1.0, -28, &[(Length, 2)])),
    ("u", (1.660_539_066_6, -27, &[(Mass, 1)])),
    ("D", (3.335_640_951_981_520_5, -30, &[(Current, 1), (Time, 1), (Length, 1)])),
    (
        "R",
        (
            7.957_747_154_594_767 / (RADIAN * RADIAN),
            -4,
            &[(Count("photon"), 1), (Length, -2), (Time, -1), (Angle, -2)],
        ),
    ),
    ("solMass", (1.988_409_870_698_051, 30, &[(Mass, 1)])),
    ("solLum", (3.828, 26, POWER)),
    ("solRad", (6.957, 8, &[(Length, 1)])),
    ("mag", (1.0, 0, &[(Magnitude, 1)])),
    ("bit", (1.0, 0, &[(Count("bit"), 1)])),
    ("byte", (8.0, 0, &[(Count("bit"), 1)])),
    ("B", (8.0, 0, &[(Count("bit"), 1)])),
    ("adu", (1.0, 0, &[(Count("adu"), 1)])),
    ("count", (1.0, 0, &[(Count("count"), 1)])),
    ("ct", (1.0, 0, &[(Count("count"), 1)])),
    ("electron", (1.0, 0, &[(Count("electron"), 1)])),
    ("photon", (1.0, 0, &[(Count("photon"), 1)])),
    ("ph", (1.0, 0, &[(Count("photon"), 1)])),
    ("pix", (1.0, 0, &[(Count("pixel"), 1)])),
    ("pixel", (1.0, 0, &[(Count("pixel"), 1)])),
    ("voxel", (1.0, 0, &[(Count("voxel"), 1)])),
    ("beam", (1.0, 0, &[(Count("beam"), 1)])),
    ("bin", (1.0, 0, &[(Count("bin"), 1)])),
    ("chan", (1.0, 0, &[(Count("channel"), 1)])),
    ("Sun", (1.0, 0, &[(Count("Sun"), 1)])),
];

/// Symbols that stand alone.
const PLAIN: &[(&str, Meaning)] = &[
    ("%", (1.0, -2, &[])),
    ("deg", (36.0, 5, &[(Angle, 1)])),
    ("arcmin", (6.0, 4, &[(Angle, 1)])),
    ("mas", (1.0, 0, &[(Angle, 1)])),
    ("uas", (1.0, -3, &[(Angle, 1)])),
    ("min", (6.0, 1, &[(Time, 1)])),
    ("h", (36.0, 2, &[(Time, 1)])),
    ("d", (864.0, 2, &[(Time, 1)])),
    ("AU", (1_495_978_707.0, 2, &[(Length, 1)])),
    ("au", (1_495_978_707.0, 2, &[(Length, 1)])),
    ("Angstrom", (1.0, -10, &[(Length, 1)])),
    ("angstrom", (1.0, -10, &[(Length, 1)])),
    ("dB", (1.0, 0, &[(Decibel, 1)])),
    ("dex", (1.0, 0, &[(Dex, 1)])),
];

/// How units are spelled in older data, and in full.
const OTHER_SPELLINGS: &[(&str, &str)] = &[
    ("degree", "deg"),
    ("arcminute", "arcmin"),
    ("arcsecond", "arcsec"),
    ("milliarcsec", "marcsec"),
    ("milliarcsecond", "marcsec"),
    ("microarcsec", "uarcsec"),
    ("microarcsecond", "uarcsec"),
    ("radian", "rad"),
    ("second", "s"),
    ("sec", "s"),
    ("minute", "min"),
    ("hour", "h"),
    ("hr", "h"),
    ("day", "d"),
    ("year", "yr"),
    ("meter", "m"),
    ("metre", "m"),
    ("micron", "um"),
    ("parsec", "pc"),
    ("jansky", "Jy"),
    ("Jansky", "Jy"),
    ("nanojansky", "nJy"),
    ("magnitude", "mag"),
    ("Angstroem", "Angstrom"),
    ("ADU", "adu"),
    ("DN", "adu"),
    ("dn", "adu"),
    ("percent", "%"),
    ("Lsun", "solLum"),
    ("Msun", "solMass"),
    ("Rsun", "solRad"),
    ("Gauss", "G"),
    ("hertz", "Hz"),
    ("kelvin", "K"),
];

const PREFIXES: &[(&str, i32)] = &[
    ("da", 1),
    ("h", 2),
    ("k", 3),
    ("M", 6),
    ("G", 9),
    ("T", 12),
    ("P", 15),
    ("E", 18),
    ("Z", 21),
    ("Y", 24),
    ("d", -1),
    ("c", -2),
    ("m", -3),
    ("u", -6),
    ("µ", -6),
    ("μ", -6),
    ("n", -9),
    ("p", -12),
    ("f", -15),
    ("a", -18),
    ("z", -21),
    ("y", -24),
];

/// Prefixes of bits and bytes, with their powers of two.
const BINARY_PREFIXES: &[(&str, i32)] =
    &[("Ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40), ("Pi", 50), ("Ei", 60)];

/// The unit of a symbol.
///
/// # Errors
/// No unit has it.
pub(super) fn unit(symbol: &str) -> Result<Unit, UnitError> {
    let singular = symbol.strip_suffix('s').filter(|rest| rest.len() > 2);
    let spelled = |word: &str| {
        OTHER_SPELLINGS.iter().find(|(other, _)| *other == word).and_then(|(_, of)| read(of))
    };
    let of_plural = |word: &str| spelled(word).or_else(|| exact(word));
    read(symbol)
        .or_else(|| spelled(symbol))
        .or_else(|| singular.and_then(of_plural))
        .ok_or_else(|| unknown(symbol))
}

/// A symbol of the standard, with or without a prefix.
fn read(symbol: &str) -> Option<Unit> {
    if let Some(unit) = exact(symbol) {
        return Some(unit);
    }
    let prefixed = |prefixes: &[(&str, i32)]| {
        prefixes.iter().find_map(|(prefix, power)| {
            let rest = symbol.strip_prefix(prefix)?;
            let (_, meaning) = PREFIXABLE.iter().find(|(known, _)| *known == rest)?;
            Some((of(meaning), *power))
        })
    };
    if let Some((mut unit, power)) = prefixed(PREFIXES) {
        unit.power_of_ten += power;
        return Some(unit);
    }
    let (mut unit, power) = prefixed(BINARY_PREFIXES)?;
    unit.number *= 2_f64.powi(power);
    unit.dimension.is(&[(Count("bit"), 1)]).then_some(unit)
}

fn exact(symbol: &str) -> Option<Unit> {
    let mut known = PLAIN.iter().chain(PREFIXABLE);
    known.find(|(known, _)| *known == symbol).map(|(_, meaning)| of(meaning))
}

fn of((number, power_of_ten, powers): &Meaning) -> Unit {
    let (number, power_of_ten) = (*number, *power_of_ten);
    Unit { number, power_of_ten, dimension: Dimension::of(powers), logarithm: None }
}

fn unknown(symbol: &str) -> UnitError {
    let all = PLAIN.iter().chain(PREFIXABLE).map(|(known, _)| *known);
    let usual = ["nJy", "mJy", "uJy", "km", "cm", "nm", "um", "kpc", "Mpc", "keV", "MHz", "GHz"];
    let hint = nearest(symbol, all.chain(usual)).map(|near| format!("; did you mean {near}?"));
    UnitError::Unknown { symbol: printable(symbol), hint: hint.unwrap_or_default() }
}

/// The candidate that a typing error away from `symbol`, if there is one.
fn nearest<'c>(symbol: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    let wanted = symbol.to_lowercase();
    let length = wanted.chars().count();
    if length > LONGEST_SYMBOL {
        return None;
    }
    let allowed = (length / 3).max(1);
    let edits = |candidate: &str| {
        let edits = strsim::damerau_levenshtein(&wanted, &candidate.to_lowercase());
        (edits <= allowed && edits < length).then_some(edits)
    };
    let near = candidates.filter_map(|candidate| Some((edits(candidate)?, candidate)));
    near.min_by_key(|(edits, _)| *edits).map(|(_, candidate)| candidate)
}
