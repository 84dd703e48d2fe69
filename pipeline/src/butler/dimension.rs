//! Dimensions: the words in which datasets are identified, after Rubin's `daf_butler`.
//!
//! ```text
//!   instrument ─┬─ detector                         skymap ── tract ── patch
//!               ├─ physical_filter ─▶ band
//!               ├─ day_obs
//!               ├─ exposure ─▶ physical_filter, day_obs       ── requires
//!               └─ visit    ─▶ physical_filter, day_obs       ─▶ implies
//! ```
//!
//! A visit 12 is one of an instrument: it *requires* `instrument`. It *implies* its filter: who
//! knows the visit knows the filter, so that a dataset of a visit can be asked for by band.

use std::fmt;

/// One dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dimension {
    /// A camera on its telescope.
    Instrument,
    /// A tessellation of the sky.
    Skymap,
    /// A band, as `r`.
    Band,
    /// A filter of an instrument.
    PhysicalFilter,
    /// A night, as 20261121.
    DayObs,
    /// A readout.
    Exposure,
    /// A pointing that is processed as one.
    Visit,
    /// A detector of an instrument.
    Detector,
    /// A tile of a skymap.
    Tract,
    /// A tile of a tract.
    Patch,
}

/// Is a value of a dimension a number or a text?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// A whole number.
    Integer,
    /// A text.
    Text,
}

impl Dimension {
    /// All dimensions, each after those that it requires.
    pub const ALL: [Self; 10] = [
        Self::Instrument,
        Self::Skymap,
        Self::Band,
        Self::PhysicalFilter,
        Self::DayObs,
        Self::Exposure,
        Self::Visit,
        Self::Detector,
        Self::Tract,
        Self::Patch,
    ];

    /// Its name, which is also that of its column.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Instrument => "instrument",
            Self::Skymap => "skymap",
            Self::Band => "band",
            Self::PhysicalFilter => "physical_filter",
            Self::DayObs => "day_obs",
            Self::Exposure => "exposure",
            Self::Visit => "visit",
            Self::Detector => "detector",
            Self::Tract => "tract",
            Self::Patch => "patch",
        }
    }

    /// The dimension of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dimension| dimension.name() == name)
    }

    /// Whether its values are numbers or texts.
    pub fn kind(self) -> ValueKind {
        match self {
            Self::Instrument | Self::Skymap | Self::Band | Self::PhysicalFilter => ValueKind::Text,
            _ => ValueKind::Integer,
        }
    }

    /// The dimensions without which its values name nothing.
    pub fn requires(self) -> DimensionSet {
        match self {
            Self::Instrument | Self::Skymap | Self::Band => DimensionSet::EMPTY,
            Self::PhysicalFilter | Self::DayObs | Self::Exposure | Self::Visit | Self::Detector => {
                DimensionSet::EMPTY.with(Self::Instrument)
            }
            Self::Tract => DimensionSet::EMPTY.with(Self::Skymap),
            Self::Patch => DimensionSet::EMPTY.with(Self::Skymap).with(Self::Tract),
        }
    }

    /// The dimensions whose values follow from its own.
    pub fn implies(self) -> DimensionSet {
        match self {
            Self::PhysicalFilter => DimensionSet::EMPTY.with(Self::Band),
            Self::Exposure | Self::Visit => {
                DimensionSet::EMPTY.with(Self::PhysicalFilter).with(Self::Band).with(Self::DayObs)
            }
            _ => DimensionSet::EMPTY,
        }
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Some of the dimensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct DimensionSet(u16);

impl DimensionSet {
    /// None of them.
    pub const EMPTY: Self = Self(0);

    /// These dimensions, with those that they require.
    pub fn of(dimensions: &[Dimension]) -> Self {
        let add = |set: Self, one: &Dimension| set.union(one.requires()).with(*one);
        dimensions.iter().fold(Self::EMPTY, add)
    }

    /// The dimensions of these names, with those that they require.
    ///
    /// # Errors
    /// The first name that is no dimension's.
    pub fn named<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let dimensions: Vec<Dimension> = names
            .into_iter()
            .map(|name| Dimension::named(name).ok_or_else(|| name.to_owned()))
            .collect::<Result<_, _>>()?;
        Ok(Self::of(&dimensions))
    }

    const fn with(self, dimension: Dimension) -> Self {
        Self(self.0 | 1 << dimension as u16)
    }

    /// Does it hold the dimension?
    pub fn has(self, dimension: Dimension) -> bool {
        self.0 & 1 << dimension as u16 != 0
    }

    /// Does it hold all dimensions of the other?
    pub fn holds(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The dimensions of either.
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The dimensions of both.
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The dimensions of this one that the other lacks.
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// No dimension?
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its dimensions, in the order of [`Dimension::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Dimension> {
        Dimension::ALL.into_iter().filter(move |dimension| self.has(*dimension))
    }
}

impl fmt::Display for DimensionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.iter().map(Dimension::name).collect();
        write!(f, "{{{}}}", names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_set_holds_what_it_requires() {
        let set = DimensionSet::named(["detector", "visit"]).unwrap();
        assert_eq!(set.to_string(), "{instrument, visit, detector}");
        assert!(set.holds(Dimension::Visit.requires()));
        assert_eq!(DimensionSet::named(["visit", "filtre"]), Err("filtre".to_owned()));
        for (index, dimension) in Dimension::ALL.into_iter().enumerate() {
            assert_eq!(dimension as usize, index);
            let earlier = DimensionSet::of(&Dimension::ALL[..index]);
            assert!(earlier.holds(dimension.requires()), "{dimension}");
        }
    }
}
