//! One number that says how good the data are, what is asked of it, and how the two compare.
//!
//! ```text
//!   value ─┬─ there is none, or it says nothing ─────▶ not measurable, with the reason
//!          ├─ nothing is asked of it ────────────────▶ no threshold
//!          ├─ it is within the threshold ────────────▶ pass
//!          └─ it is not ─────────────────────────────▶ fail
//! ```
//!
//! A metric that cannot be measured has no value: neither zero nor a pass.

use std::borrow::Cow;
use std::fmt;

/// The levels of a requirement, as the LSST Science Requirements Document (LPM-17, section "The
/// Definitions of Specified Parameters") distinguishes them, from the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Level {
    /// The least that is needed for the scientific aims.
    Minimum,
    /// What the system is designed for.
    #[default]
    Design,
    /// Desirable, if it can be had.
    Stretch,
}

impl Level {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Minimum => "minimum",
            Self::Design => "design",
            Self::Stretch => "stretch",
        }
    }
}

/// On which side of a threshold a value is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// At or below it.
    AtMost,
    /// At or above it.
    AtLeast,
    /// Not farther from 1 than it.
    NearOne,
}

impl Comparison {
    /// As it is written in the table of metrics.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::AtMost => "<=",
            Self::AtLeast => ">=",
            Self::NearOne => "1+-",
        }
    }

    /// Is a value good? One that is no number is not.
    pub fn holds(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::AtMost => value <= threshold,
            Self::AtLeast => value >= threshold,
            Self::NearOne => (value - 1.0).abs() <= threshold,
        }
    }
}

/// What is asked of a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// The good side.
    pub comparison: Comparison,
    /// The least that will do, where the source names it.
    pub minimum: Option<f64>,
    /// What is aimed at.
    pub design: f64,
    /// What would be excellent, where the source names it.
    pub stretch: Option<f64>,
}

impl Thresholds {
    /// Values at or below these are good.
    pub const fn at_most(minimum: Option<f64>, design: f64, stretch: Option<f64>) -> Self {
        Self { comparison: Comparison::AtMost, minimum, design, stretch }
    }

    /// Values at or above these are good.
    pub const fn at_least(design: f64, stretch: Option<f64>) -> Self {
        Self { comparison: Comparison::AtLeast, minimum: None, design, stretch }
    }

    /// Values as near to 1 as this are good.
    pub const fn near_one(design: f64, stretch: Option<f64>) -> Self {
        Self { comparison: Comparison::NearOne, minimum: None, design, stretch }
    }

    /// The threshold of a level; where the source does not name one, that of the design.
    pub fn of(&self, level: Level) -> f64 {
        let named = match level {
            Level::Minimum => self.minimum,
            Level::Design => Some(self.design),
            Level::Stretch => self.stretch,
        };
        named.unwrap_or(self.design)
    }

    /// The highest level that a value reaches, of those that are named.
    pub fn reached(&self, value: f64) -> Option<Level> {
        [
            (Level::Stretch, self.stretch),
            (Level::Design, Some(self.design)),
            (Level::Minimum, self.minimum),
        ]
        .into_iter()
        .find(|(_, threshold)| threshold.is_some_and(|t| self.comparison.holds(value, t)))
        .map(|(level, _)| level)
    }
}

/// A quantity with its meaning and thresholds; see [`requirement`](super::requirement) for all of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Requirement {
    /// Name, as `PA1`.
    pub name: Cow<'static, str>,
    /// Unit of the value and the thresholds, in VOUnit syntax; empty for a pure number.
    pub unit: &'static str,
    /// What the value is, in one sentence.
    pub description: &'static str,
    /// Who asks for it: the document and its section, or `Almagest`.
    pub source: &'static str,
    /// What is asked.
    pub thresholds: Option<Thresholds>,
}

/// What a metric speaks of.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scope {
    /// A band; none for all of them.
    pub band: Option<String>,
    /// A visit; none for all of them.
    pub visit: Option<i64>,
    /// A detector; none for all of them.
    pub detector: Option<i64>,
}

impl Scope {
    /// All data of a band.
    pub fn band(band: &str) -> Self {
        Self { band: Some(band.to_owned()), ..Self::default() }
    }

    /// All data of a visit.
    pub fn visit(band: &str, visit: i64) -> Self {
        Self { visit: Some(visit), ..Self::band(band) }
    }
}

/// What came of measuring.
#[derive(Debug, Clone, PartialEq)]
pub enum Measure {
    /// A finite value.
    Value {
        /// The value.
        value: f64,
        /// Its standard error, where it is known.
        error: Option<f64>,
        /// Stars, pairs, images… that it is made from.
        n: usize,
    },
    /// None: the data cannot hold it.
    Nothing {
        /// Why, in a few words.
        reason: String,
        /// Stars, pairs, images… that there are.
        n: usize,
    },
}

impl Measure {
    /// A value of `n` objects; nothing where it is no finite number.
    pub fn of(value: f64, n: usize) -> Self {
        match value.is_finite() {
            true => Self::Value { value, error: None, n },
            false => Self::nothing("no finite value", n),
        }
    }

    /// A value with its standard error.
    pub fn with_error(value: f64, error: f64, n: usize) -> Self {
        match Self::of(value, n) {
            Self::Value { value, n, .. } => {
                Self::Value { value, error: error.is_finite().then_some(error), n }
            }
            nothing => nothing,
        }
    }

    /// No value.
    pub fn nothing(reason: impl Into<String>, n: usize) -> Self {
        Self::Nothing { reason: reason.into(), n }
    }

    /// No value, for there are too few objects.
    pub fn too_few(n: usize, what: &str, needed: usize) -> Self {
        Self::nothing(format!("{n} {what}, {needed} are needed"), n)
    }

    /// The value, if there is one.
    pub fn value(&self) -> Option<f64> {
        match self {
            Self::Value { value, .. } => Some(*value),
            Self::Nothing { .. } => None,
        }
    }

    /// Objects that it is made from.
    pub fn n(&self) -> usize {
        match self {
            Self::Value { n, .. } | Self::Nothing { n, .. } => *n,
        }
    }
}

/// How a metric stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Its value is on the wrong side of the threshold.
    Fail,
    /// It has no value.
    NotMeasurable,
    /// Its value is on the right side.
    Pass,
    /// Nothing is asked of it.
    NoThreshold,
}

impl Status {
    /// Its name, as in the table of metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::NotMeasurable => "not measurable",
            Self::Pass => "pass",
            Self::NoThreshold => "no threshold",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A quantity as it was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// What it is.
    pub requirement: Requirement,
    /// What it speaks of.
    pub scope: Scope,
    /// What was found.
    pub measure: Measure,
}

impl Metric {
    /// Put together what was asked and what was found.
    pub fn new(requirement: Requirement, scope: Scope, measure: Measure) -> Self {
        Self { requirement, scope, measure }
    }

    /// How it stands against the thresholds of a level.
    pub fn status(&self, level: Level) -> Status {
        match (&self.measure, &self.requirement.thresholds) {
            (Measure::Nothing { .. }, _) => Status::NotMeasurable,
            (Measure::Value { .. }, None) => Status::NoThreshold,
            (Measure::Value { value, .. }, Some(thresholds)) => {
                match thresholds.comparison.holds(*value, thresholds.of(level)) {
                    true => Status::Pass,
                    false => Status::Fail,
                }
            }
        }
    }

    /// The highest level that it reaches.
    pub fn reached(&self) -> Option<Level> {
        self.requirement.thresholds.as_ref()?.reached(self.measure.value()?)
    }

    /// How far it is beyond the threshold of a level, as a ratio that is above 1 where it fails:
    /// what failed most comes first in the report.
    pub fn excess(&self, level: Level) -> f64 {
        let Some((value, thresholds)) = self.measure.value().zip(self.requirement.thresholds)
        else {
            return 0.0;
        };
        let threshold = thresholds.of(level);
        match thresholds.comparison {
            Comparison::AtMost if threshold > 0.0 => value / threshold,
            // Nothing at all is asked for: each one counts.
            Comparison::AtMost => 1.0 + value,
            // What is lacking to 1, as of completeness.
            Comparison::AtLeast => (1.0 - value) / (1.0 - threshold).max(f64::EPSILON),
            Comparison::NearOne => (value - 1.0).abs() / threshold,
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Requirement { name, unit, thresholds, .. } = &self.requirement;
        f.write_str(name)?;
        if let Some(band) = &self.scope.band {
            write!(f, " {band}")?;
        }
        if let Some(visit) = self.scope.visit {
            write!(f, " visit {visit}")?;
        }
        if let Some(detector) = self.scope.detector {
            write!(f, " detector {detector}")?;
        }
        match &self.measure {
            Measure::Nothing { reason, .. } => return write!(f, " not measurable: {reason}"),
            Measure::Value { value, .. } if value.abs() < 1e-3 => write!(f, " {value:.2e}")?,
            Measure::Value { value, .. } => write!(f, " {value:.4}")?,
        }
        if !unit.is_empty() {
            write!(f, " {unit}")?;
        }
        match thresholds {
            Some(t) => write!(
                f,
                " (design {} {}, of {})",
                t.comparison.symbol(),
                t.design,
                self.measure.n()
            ),
            None => write!(f, " (of {})", self.measure.n()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(measure: Measure, thresholds: Option<Thresholds>) -> Metric {
        let requirement =
            Requirement { name: "X".into(), unit: "", description: "", source: "", thresholds };
        Metric::new(requirement, Scope::default(), measure)
    }

    #[test]
    fn a_value_is_judged_by_the_level_that_is_asked() {
        let thresholds = Some(Thresholds::at_most(Some(8.0), 5.0, Some(3.0)));
        let cases = [
            (2.0, [Status::Pass, Status::Pass, Status::Pass], Some(Level::Stretch)),
            (5.0, [Status::Pass, Status::Pass, Status::Fail], Some(Level::Design)),
            (6.0, [Status::Pass, Status::Fail, Status::Fail], Some(Level::Minimum)),
            (9.0, [Status::Fail, Status::Fail, Status::Fail], None),
        ];
        for (value, status, reached) in cases {
            let metric = metric(Measure::of(value, 1), thresholds);
            let levels = [Level::Minimum, Level::Design, Level::Stretch];
            assert_eq!(levels.map(|level| metric.status(level)), status, "{value}");
            assert_eq!(metric.reached(), reached, "{value}");
        }
    }

    #[test]
    fn what_is_no_number_is_not_measurable_and_never_passes() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for thresholds in
                [Thresholds::at_most(None, 1.0, None), Thresholds::at_least(1.0, None)]
            {
                let metric = metric(Measure::of(value, 3), Some(thresholds));
                assert_eq!(metric.status(Level::Design), Status::NotMeasurable);
                assert_eq!((metric.measure.value(), metric.measure.n()), (None, 3));
            }
        }
        assert!(!Comparison::AtMost.holds(f64::NAN, 1.0));
        assert_eq!(metric(Measure::of(1.0, 1), None).status(Level::Design), Status::NoThreshold);
    }

    #[test]
    fn lower_limits_and_ranges_are_judged_from_their_side() {
        let purity = metric(Measure::of(0.99, 1), Some(Thresholds::at_least(0.985, Some(0.995))));
        assert_eq!(purity.status(Level::Design), Status::Pass);
        assert_eq!(purity.status(Level::Stretch), Status::Fail);
        for (pull, status) in [(0.89, Status::Fail), (0.95, Status::Pass), (1.2, Status::Fail)] {
            let pull = metric(Measure::of(pull, 1), Some(Thresholds::near_one(0.1, None)));
            assert_eq!(pull.status(Level::Design), status);
            assert_eq!(pull.excess(Level::Design) > 1.0, status == Status::Fail);
        }
    }
}
