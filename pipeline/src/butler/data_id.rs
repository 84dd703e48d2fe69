//! Data ids: which visit, which detector. The name of a dataset within its type.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::dimension::{Dimension, DimensionSet};

/// A value of a dimension.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum DataValue {
    /// A number, as of a visit.
    Integer(i64),
    /// A text, as of an instrument.
    Text(String),
}

impl fmt::Display for DataValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => write!(f, "{value}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl From<i64> for DataValue {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<i32> for DataValue {
    fn from(value: i32) -> Self {
        Self::Integer(i64::from(value))
    }
}

impl From<&str> for DataValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// Values of some dimensions, in the order of the dimensions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct DataId(BTreeMap<Dimension, DataValue>);

impl DataId {
    /// No values: the id of what there is once.
    pub fn empty() -> Self {
        Self::default()
    }

    /// The id of one detector's image in one visit.
    pub fn visit_detector(instrument: &str, visit: i64, detector: i32) -> Self {
        Self::visit(instrument, visit).with(Dimension::Detector, detector)
    }

    /// The id of one detector's image in one exposure.
    pub fn exposure_detector(instrument: &str, exposure: i64, detector: i32) -> Self {
        Self::empty()
            .with(Dimension::Instrument, instrument)
            .with(Dimension::Exposure, exposure)
            .with(Dimension::Detector, detector)
    }

    /// The id of a visit.
    pub fn visit(instrument: &str, visit: i64) -> Self {
        Self::empty().with(Dimension::Instrument, instrument).with(Dimension::Visit, visit)
    }

    /// The same with another value.
    pub fn with(mut self, dimension: Dimension, value: impl Into<DataValue>) -> Self {
        self.0.insert(dimension, value.into());
        self
    }

    /// Value of a dimension.
    pub fn get(&self, dimension: Dimension) -> Option<&DataValue> {
        self.0.get(&dimension)
    }

    /// Value of a dimension of numbers.
    pub fn integer(&self, dimension: Dimension) -> Option<i64> {
        match self.0.get(&dimension) {
            Some(DataValue::Integer(value)) => Some(*value),
            _ => None,
        }
    }

    /// Value of a dimension of texts.
    pub fn text(&self, dimension: Dimension) -> Option<&str> {
        match self.0.get(&dimension) {
            Some(DataValue::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Dimensions and their values.
    pub fn iter(&self) -> impl Iterator<Item = (Dimension, &DataValue)> {
        self.0.iter().map(|(dimension, value)| (*dimension, value))
    }

    /// The dimensions that have a value.
    pub fn dimensions(&self) -> DimensionSet {
        let dimensions: Vec<Dimension> = self.0.keys().copied().collect();
        DimensionSet::of(&dimensions)
    }

    /// The values of `dimensions` alone.
    pub fn project(&self, dimensions: DimensionSet) -> Self {
        Self(
            self.iter()
                .filter(|(dimension, _)| dimensions.has(*dimension))
                .map(|(dimension, value)| (dimension, value.clone()))
                .collect(),
        )
    }

    /// The values of both; of those that differ, this one's.
    pub fn join(&self, other: &Self) -> Self {
        let mut joined = other.0.clone();
        joined.extend(self.0.clone());
        Self(joined)
    }

    /// Read what [`Display`](fmt::Display) writes, and what users write: `visit=12, detector=3`.
    ///
    /// # Errors
    /// The first part that is no `dimension=value`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut data_id = Self::empty();
        for part in text.split([',', '/']).map(str::trim).filter(|part| !part.is_empty()) {
            let pair = part.split_once('=').and_then(|(name, value)| {
                let dimension = Dimension::named(name.trim())?;
                let value = value.trim();
                match dimension.kind() {
                    super::ValueKind::Integer => {
                        Some((dimension, DataValue::Integer(value.parse().ok()?)))
                    }
                    super::ValueKind::Text => Some((dimension, value.into())),
                }
            });
            let Some((dimension, value)) = pair else { return Err(part.to_owned()) };
            data_id = data_id.with(dimension, value);
        }
        Ok(data_id)
    }
}

/// `instrument=DECam, visit=12, detector=3`; nothing for the empty id.
impl fmt::Display for DataId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (dimension, value)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{dimension}={value}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_id_is_read_back_from_its_text() {
        let id = DataId::visit_detector("DECam", 12, 3);
        assert_eq!(id.to_string(), "instrument=DECam, visit=12, detector=3");
        assert_eq!(DataId::parse(&id.to_string()).unwrap(), id);
        assert_eq!(DataId::parse("").unwrap(), DataId::empty());
        assert_eq!(DataId::parse("visit=x"), Err("visit=x".to_owned()));
        assert_eq!(DataId::parse("visite=1"), Err("visite=1".to_owned()));
        assert_eq!(id.project(DataId::visit("", 0).dimensions()), DataId::visit("DECam", 12));
    }
}
