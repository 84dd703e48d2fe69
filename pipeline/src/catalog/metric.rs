//! Rows of Metrics: how good the data are.

use arrow::array::RecordBatch;
use arrow::error::ArrowError;

use super::columns::Columns;
use crate::quality::metric::{Level, Measure, Metric, Thresholds};

/// What all rows of one run of measuring share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MetricRun {
    /// Version of the catalog that was measured.
    pub version: u64,
    /// When, MJD UTC.
    pub measured_at_mjd: f64,
    /// The level whose thresholds decide.
    pub level: Level,
    /// The night that was looked at, if not all.
    pub night: Option<i64>,
}

/// Make one row for each metric.
pub fn metric_rows(metrics: &[Metric], run: &MetricRun) -> Result<RecordBatch, ArrowError> {
    let all = || metrics.iter();
    let thresholds = || all().map(|m| m.requirement.thresholds);
    let statuses: Vec<_> = all().map(|m| m.status(run.level)).collect();
    let errors = all().map(|m| match &m.measure {
        Measure::Value { error, .. } => *error,
        Measure::Nothing { .. } => None,
    });
    let reasons = all().map(|m| match &m.measure {
        Measure::Value { .. } => None,
        Measure::Nothing { reason, .. } => Some(reason.as_str()),
    });
    let unit = |m: &Metric| (!m.requirement.unit.is_empty()).then_some(m.requirement.unit);
    let mut columns = Columns::default();
    columns
        .texts("metric", all().map(|m| Some(m.requirement.name.as_ref())))
        .known_numbers("value", all().map(|m| m.measure.value()))
        .known_numbers("valueErr", errors)
        .texts("unit", all().map(unit))
        .texts("status", statuses.iter().map(|status| Some(status.name())))
        .texts("level", all().map(|_| Some(run.level.name())))
        .texts("levelReached", all().map(|m| m.reached().map(Level::name)))
        .texts("comparison", thresholds().map(|t| t.map(|t| t.comparison.symbol())))
        .known_numbers("minimum", thresholds().map(|t| t.and_then(|t: Thresholds| t.minimum)))
        .known_numbers("design", thresholds().map(|t| t.map(|t| t.design)))
        .known_numbers("stretch", thresholds().map(|t| t.and_then(|t| t.stretch)))
        .integers("nObjects", all().map(|m| m.measure.n() as i64))
        .texts("band", all().map(|m| m.scope.band.as_deref()))
        .known_integers("visit", all().map(|m| m.scope.visit))
        .known_integers("detector", all().map(|m| m.scope.detector))
        .known_integers("night", all().map(|_| run.night))
        .texts("reason", reasons)
        .texts("source", all().map(|m| Some(m.requirement.source)))
        .texts("description", all().map(|m| Some(m.requirement.description)))
        .integers("version", all().map(|_| run.version as i64))
        .instants("measuredAt", all().map(|_| run.measured_at_mjd));
    columns.finish()
}
