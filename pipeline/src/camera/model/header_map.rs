//! Which keyword of a raw header holds which fact of the exposure.

use serde::{Deserialize, Serialize};

use super::super::sexagesimal::sexagesimal;
use super::super::time::{iso_utc_to_tai, utc_to_tai};
use crate::fits::{CardValue, Header};

/// MJD of 2000-01-01, from which nights are counted.
const MJD_2000: i64 = 51_544;
/// Exposures that a night may have.
const NIGHT_LIMIT: i64 = 100_000;

/// Where the facts of an exposure stand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderMap {
    /// Which detector it is.
    pub detector: DetectorKey,
    /// The number of the exposure.
    pub visit: VisitKey,
    /// What kind of exposure it is.
    pub exposure_type: ExposureTypeKey,
    /// When it began.
    pub start: StartKey,
    /// Seconds that the shutter was open.
    pub exposure_time: String,
    /// Seconds in which dark current gathered; where absent, the exposure time.
    #[serde(default)]
    pub dark_time: Option<String>,
    /// Name of the filter.
    #[serde(default)]
    pub filter: Option<String>,
    /// Where the telescope pointed.
    #[serde(default)]
    pub boresight: Option<BoresightKey>,
    /// Position angle of the focal plane's y axis, degrees.
    #[serde(default)]
    pub rotation: Option<String>,
    /// The airmass.
    #[serde(default)]
    pub airmass: Option<String>,
    /// The object's name in the observing log.
    #[serde(default)]
    pub target: Option<String>,
}

/// The keywords that name a detector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetectorKey {
    /// Their values are joined.
    pub keywords: Vec<String>,
    /// What stands between the values.
    #[serde(default)]
    pub join: String,
    /// Whether the result is the detector's name or its number.
    pub is: DetectorBy,
}

/// How a header names a detector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DetectorBy {
    /// By its name.
    Name,
    /// By its number.
    Id,
}

/// The number of an exposure: one keyword, or the night and the number in the night, which are
/// packed into (days from 2000-01-01) × 100000 + number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum VisitKey {
    /// The keyword.
    Keyword(String),
    /// The keyword of the night (20250420) and that of the number.
    Night(String, String),
}

/// Which values of a keyword mean which kind of exposure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExposureTypeKey {
    /// The keyword.
    pub keyword: String,
    /// Its values for bias frames.
    pub bias: Vec<String>,
    /// Its values for dark frames.
    pub dark: Vec<String>,
    /// Its values for flat fields.
    pub flat: Vec<String>,
    /// Its values for exposures of the sky.
    pub science: Vec<String>,
    /// Its values for patterns of bright spots, by which crosstalk is measured.
    #[serde(default)]
    pub spot: Vec<String>,
    /// Its values for exposures to the X-rays of iron-55.
    #[serde(default)]
    pub fe55: Vec<String>,
}

/// The start of an exposure: a number is an MJD, text a date in ISO 8601.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartKey {
    /// The keyword.
    pub keyword: String,
    /// The scale of its time.
    pub scale: TimeScale,
}

/// The scale of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimeScale {
    /// International Atomic Time.
    Tai,
    /// Coordinated Universal Time.
    Utc,
}

/// Where the telescope pointed, ICRS.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoresightKey {
    /// Keyword of the right ascension: a number in degrees, or sexagesimal hours.
    pub ra: String,
    /// Keyword of the declination: a number in degrees, or sexagesimal degrees.
    pub dec: String,
}

/// The kind of an exposure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExposureType {
    /// No light, no time.
    Bias,
    /// No light.
    Dark,
    /// Even light.
    Flat,
    /// The sky.
    Science,
    /// Bright spots in the dark.
    Spot,
    /// X-rays of iron-55 in the dark.
    Fe55,
}

impl ExposureType {
    /// Its name, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            ExposureType::Bias => "bias",
            ExposureType::Dark => "dark",
            ExposureType::Flat => "flat",
            ExposureType::Science => "science",
            ExposureType::Spot => "spot",
            ExposureType::Fe55 => "fe55",
        }
    }
}

impl HeaderMap {
    /// Report keys that make no sense.
    pub(super) fn check(&self, report: &mut dyn FnMut(String, String)) {
        if self.detector.keywords.is_empty() {
            report("headers.detector.keywords".to_owned(), "names no keyword".to_owned());
        }
        let kinds = &self.exposure_type;
        for (key, values) in [
            ("bias", &kinds.bias),
            ("dark", &kinds.dark),
            ("flat", &kinds.flat),
            ("science", &kinds.science),
        ] {
            if values.is_empty() {
                let key = format!("headers.exposure_type.{key}");
                report(key, "allows no value".to_owned());
            }
        }
    }

    /// The name or number of the detector, as text.
    pub(in crate::camera) fn detector_text(&self, header: &Header) -> Option<String> {
        let words: Option<Vec<String>> =
            self.detector.keywords.iter().map(|keyword| word(header, keyword)).collect();
        Some(words?.join(&self.detector.join))
    }

    /// The number of the exposure.
    pub(in crate::camera) fn visit(&self, header: &Header) -> Option<i64> {
        match &self.visit {
            VisitKey::Keyword(keyword) => header.i64(keyword),
            VisitKey::Night(night, number) => {
                let (night, number) = (header.i64(night)?, header.i64(number)?);
                let days = days_from_2000(night)?;
                (0..NIGHT_LIMIT).contains(&number).then_some(days * NIGHT_LIMIT + number)
            }
        }
    }

    /// The keywords of the exposure's number, for messages.
    pub(in crate::camera) fn visit_keywords(&self) -> String {
        match &self.visit {
            VisitKey::Keyword(keyword) => keyword.clone(),
            VisitKey::Night(night, number) => format!("{night} and {number}"),
        }
    }

    /// The kind of the exposure.
    pub(in crate::camera) fn exposure_type(&self, header: &Header) -> Option<ExposureType> {
        let kinds = &self.exposure_type;
        let text = header.text(&kinds.keyword)?;
        let has = |values: &[String]| values.iter().any(|value| value.eq_ignore_ascii_case(text));
        [
            (&kinds.bias, ExposureType::Bias),
            (&kinds.dark, ExposureType::Dark),
            (&kinds.flat, ExposureType::Flat),
            (&kinds.science, ExposureType::Science),
            (&kinds.spot, ExposureType::Spot),
            (&kinds.fe55, ExposureType::Fe55),
        ]
        .into_iter()
        .find_map(|(values, kind)| has(values).then_some(kind))
    }

    /// The start of the exposure, MJD TAI.
    pub(in crate::camera) fn start_mjd_tai(&self, header: &Header) -> Option<f64> {
        let keyword = &self.start.keyword;
        let tai = self.start.scale == TimeScale::Tai;
        if let Some(mjd) = header.f64(keyword) {
            return Some(if tai { mjd } else { utc_to_tai(mjd) });
        }
        let utc = iso_utc_to_tai(header.text(keyword)?)?;
        // A date in TAI has no leap seconds to count.
        Some(if tai { utc - (utc_to_tai(utc) - utc) } else { utc })
    }

    /// Where the telescope pointed, degrees.
    pub(in crate::camera) fn boresight_deg(&self, header: &Header) -> Option<(f64, f64)> {
        let keys = self.boresight.as_ref()?;
        let angle = |keyword: &str, per_unit: f64| {
            header.f64(keyword).or_else(|| Some(sexagesimal(header.text(keyword)?)? * per_unit))
        };
        let (ra, dec) = (angle(&keys.ra, 15.0)?, angle(&keys.dec, 1.0)?);
        ((0.0..360.0).contains(&ra) && dec.abs() <= 90.0).then_some((ra, dec))
    }
}

fn word(header: &Header, keyword: &str) -> Option<String> {
    match header.value(keyword)? {
        CardValue::Text(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        CardValue::Integer(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Days from 2000-01-01 to a night written as 20250420.
fn days_from_2000(night: i64) -> Option<i64> {
    let text = format!("{:04}-{:02}-{:02}", night / 10_000, night / 100 % 100, night % 100);
    // A day boundary in TAI is half a minute past that in UTC; the whole day is the same.
    let days = iso_utc_to_tai(&text)?.floor() as i64 - MJD_2000;
    (days >= 0).then_some(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nights_are_counted_in_days() {
        assert_eq!(days_from_2000(20_000_101), Some(0));
        assert_eq!(days_from_2000(20_250_420), Some(9241));
        assert_eq!(days_from_2000(20_251_399), None);
        assert_eq!(days_from_2000(19_991_231), None);
    }

    #[test]
    fn sexagesimal_keeps_the_sign_of_minus_zero() {
        assert_eq!(sexagesimal("-00:30:00"), Some(-0.5));
        assert_eq!(sexagesimal("12:30:36.0"), Some(12.51));
        assert_eq!(sexagesimal("12:30"), None);
    }
}
