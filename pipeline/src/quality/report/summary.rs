//! Tables of metrics: what failed, then all of them.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::html::{self, count, escape, number};
use crate::quality::Quality;
use crate::quality::metric::{Comparison, Level, Measure, Metric, Status, Thresholds};

/// Failures that are shown; the table in the catalog has all.
const MAX_FAILURES: usize = 40;
/// Visits that are named where the same metric fails in many.
const MAX_VISITS: usize = 12;

/// What the page says first: did the data pass?
pub fn verdict(quality: &Quality) -> String {
    let (failed, passed) = (quality.count(Status::Fail), quality.count(Status::Pass));
    let nothing = quality.count(Status::NotMeasurable);
    let level = quality.level.name();
    let (class, text) = match (failed, passed) {
        (0, 0) => ("none", "Nothing could be judged".to_owned()),
        (0, passed) => ("", format!("All {passed} metrics that can be judged pass")),
        (failed, passed) => {
            let verb = if failed == 1 { "fails" } else { "fail" };
            ("bad", format!("{failed} of {} metrics {verb}", failed + passed))
        }
    };
    let n_lost = quality.costs.failures.len();
    let lost = match n_lost {
        0 => "No quantum failed.".to_owned(),
        1 => "1 quantum made nothing.".to_owned(),
        n => format!("{n} quanta made nothing."),
    };
    let unseen = match nothing {
        0 => String::new(),
        1 => " 1 metric is not measurable with these data.".to_owned(),
        n => format!(" {n} metrics are not measurable with these data."),
    };
    format!(
        "<div class=\"verdict {class}\">{text}<small>Judged by the level <b>{level}</b>. {lost}{unseen}</small></div>\n"
    )
}

/// The metrics that fail, the worst first, and the quanta that made nothing. Visits of one band in which the
/// same metric fails share a row, which is that of the worst.
pub fn failures(quality: &Quality) -> String {
    let mut failed: Vec<&Metric> =
        quality.metrics.iter().filter(|m| m.status(quality.level) == Status::Fail).collect();
    failed.sort_by(|a, b| b.excess(quality.level).total_cmp(&a.excess(quality.level)));
    let mut groups: Vec<Vec<&Metric>> = vec![];
    for metric in failed {
        let is_alike = |group: &&mut Vec<&Metric>| {
            let first = group[0];
            first.requirement.name == metric.requirement.name
                && first.scope.band == metric.scope.band
                && first.scope.visit.is_some() == metric.scope.visit.is_some()
        };
        match groups.iter_mut().find(is_alike) {
            Some(group) => group.push(metric),
            None => groups.push(vec![metric]),
        }
    }
    let mut html = String::new();
    if !groups.is_empty() {
        html += "<div class=\"scroll\"><table class=\"wide\"><tr><th>what fails</th><th>of</th>\
                 <th class=\"n\">value</th><th class=\"n\">threshold</th><th></th><th class=\"n\">n</th><th>what it is</th></tr>\n";
        for group in groups.iter().take(MAX_FAILURES) {
            html += &failure(group, quality.level);
        }
        html += "</table></div>\n";
        if groups.len() > MAX_FAILURES {
            let more = groups.len() - MAX_FAILURES;
            // Writing to a String cannot fail.
            let _ = writeln!(
                html,
                "<p class=\"soft small\">and {more} more, in the table Metrics.</p>"
            );
        }
    }
    html + &lost_quanta(quality)
}

/// A row of what failed: the worst of a group, and where else it failed.
fn failure(group: &[&Metric], level: Level) -> String {
    let metric = group[0];
    let Some(thresholds) = metric.requirement.thresholds else { return String::new() };
    let excess = metric.excess(level);
    // The threshold lies at a quarter of the bar; what is four times beyond it fills it.
    let width = (25.0 * excess).clamp(0.0, 100.0);
    let others: Vec<String> = group[1..]
        .iter()
        .filter_map(|other| other.scope.visit)
        .take(MAX_VISITS)
        .map(|visit| format!("<a href=\"visits/{visit}.html\">{visit}</a>"))
        .collect();
    let others = match group.len() - 1 {
        0 => String::new(),
        n if n > others.len() => format!("<br>also in {n} other visits: {}…", others.join(", ")),
        _ => format!("<br>also in visit {}", others.join(", ")),
    };
    format!(
        "<tr><td class=\"name fail\">{}</td><td class=\"name\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
         <td><span class=\"bar\" title=\"{excess:.1} times the threshold\"><i style=\"width:{width:.0}%\"></i><b style=\"left:25%\"></b></span></td>\
         <td class=\"n\">{}</td><td class=\"small soft\">{}{others}</td></tr>\n",
        escape(&metric.requirement.name),
        scope(metric),
        value(metric),
        threshold(&thresholds, level, metric.requirement.unit),
        count(metric.measure.n()),
        escape(metric.requirement.description),
    )
}

fn lost_quanta(quality: &Quality) -> String {
    const MAX_LINES: usize = 100;
    let failures = &quality.costs.failures;
    if failures.is_empty() {
        return String::new();
    }
    let mut html = "<h3 id=\"lost\">Quanta that made nothing</h3>\n<div class=\"scroll\"><table class=\"wide\">\
         <tr><th>task</th><th>of</th><th></th><th>why</th><th>run</th></tr>\n"
        .to_owned();
    for failure in failures.iter().take(MAX_LINES) {
        let class = if failure.status == "failed" { "fail" } else { "nothing" };
        let _ = writeln!(
            html,
            "<tr><td class=\"name\">{}</td><td class=\"small\">{}</td><td class=\"{class}\">{}</td><td class=\"mono\">{}</td><td class=\"small soft\">{}</td></tr>",
            escape(&failure.label),
            escape(&failure.data_id),
            escape(&failure.status),
            escape(&failure.reason),
            escape(&failure.run),
        );
    }
    html += "</table></div>\n";
    if failures.len() > MAX_LINES {
        let more = failures.len() - MAX_LINES;
        let _ = writeln!(html, "<p class=\"soft small\">and {more} more.</p>");
    }
    html
}

/// All metrics of the whole survey, those of LPM-17 first: one row each, one column a band. Times of tasks
/// have a table of their own.
pub fn of_survey(quality: &Quality) -> String {
    let bands = quality.observations.bands();
    let n_columns = bands.len().max(1);
    let of_survey: Vec<&Metric> = quality
        .metrics
        .iter()
        .filter(|m| m.scope.visit.is_none() && !m.requirement.name.starts_with("taskTime_"))
        .collect();
    let mut html = "<div class=\"scroll\"><table class=\"grid wide\">\n".to_owned();
    for (group, is_meant) in [("LSST Science Requirements, LPM-17", true), ("Almagest", false)] {
        let of_group: Vec<&Metric> = of_survey
            .iter()
            .copied()
            .filter(|m| m.requirement.source.starts_with("LPM-17") == is_meant)
            .collect();
        let names = unique(of_group.iter().map(|metric| metric.requirement.name.as_ref()));
        // Writing to a String cannot fail.
        let _ = write!(html, "<tr><th>{group}</th>");
        for band in &bands {
            let _ = write!(html, "<th class=\"n\">{}</th>", escape(band));
        }
        html += "<th>minimum · <b>design</b> · stretch</th><th>what it is</th></tr>\n";
        for name in names {
            let of_name: Vec<&Metric> =
                of_group.iter().copied().filter(|m| m.requirement.name == name).collect();
            let _ = write!(html, "<tr><td class=\"name\">{}</td>", escape(name));
            match of_name.iter().find(|metric| metric.scope.band.is_none()) {
                Some(whole) => {
                    let span = format!("<td colspan=\"{n_columns}\" ");
                    html += &cell(whole, quality.level).replacen("<td ", &span, 1);
                }
                None => {
                    for band in &bands {
                        let metric = of_name.iter().find(|m| m.scope.band.as_ref() == Some(band));
                        html += &metric.map_or("<td></td>".to_owned(), |m| cell(m, quality.level));
                    }
                }
            }
            html += &thresholds_and_meaning(&of_name);
        }
    }
    html + "</table></div>\n"
}

/// The metrics of single visits: how many fail, and the worst.
pub fn of_visits(quality: &Quality) -> String {
    let of_visits: Vec<&Metric> =
        quality.metrics.iter().filter(|metric| metric.scope.visit.is_some()).collect();
    let names = unique(of_visits.iter().map(|metric| metric.requirement.name.as_ref()));
    if names.is_empty() {
        return String::new();
    }
    let mut html = "<div class=\"scroll\"><table class=\"grid\"><tr><th>metric</th><th class=\"n\">pass</th><th class=\"n\">fail</th>\
         <th class=\"n\">not measurable</th><th class=\"n\">median</th><th class=\"n\">worst</th><th>of visit</th>\
         <th>design · stretch</th><th>what it is</th></tr>\n"
        .to_owned();
    for name in names {
        let of_name: Vec<&Metric> =
            of_visits.iter().copied().filter(|m| m.requirement.name == name).collect();
        let n = |status| of_name.iter().filter(|m| m.status(quality.level) == status).count();
        let mut values: Vec<f64> = of_name.iter().filter_map(|m| m.measure.value()).collect();
        let worst = of_name
            .iter()
            .filter(|m| m.measure.value().is_some())
            .max_by(|a, b| a.excess(quality.level).total_cmp(&b.excess(quality.level)));
        let failed = n(Status::Fail);
        let class = if failed > 0 { "n fail" } else { "n" };
        let first = of_name[0];
        let _ = write!(
            html,
            "<tr><td class=\"name\">{}</td><td class=\"n\">{}</td><td class=\"{class}\">{failed}</td><td class=\"n nothing\">{}</td><td class=\"n\">{}</td>",
            escape(name),
            n(Status::Pass),
            n(Status::NotMeasurable),
            with_unit(crate::statistics::median(&mut values), first.requirement.unit),
        );
        match worst {
            Some(worst) => {
                let visit = worst.scope.visit.unwrap_or_default();
                let class = match worst.status(quality.level) {
                    Status::Fail => "n fail",
                    _ => "n",
                };
                let _ = write!(
                    html,
                    "<td class=\"{class}\">{}</td><td><a href=\"visits/{visit}.html\">{visit}</a></td>",
                    value(worst)
                );
            }
            None => html += "<td class=\"n nothing\">–</td><td></td>",
        }
        let limits = first.requirement.thresholds.map_or(String::new(), |t| limits(&t));
        let _ = writeln!(
            html,
            "<td class=\"limits\">{limits}</td><td class=\"small soft\">{}</td></tr>",
            escape(first.requirement.description),
        );
    }
    html + "</table></div>\n"
}

/// The metrics of one visit.
pub fn of_visit(quality: &Quality, visit: i64) -> String {
    let mut html = "<table class=\"grid\"><tr><th>metric</th><th class=\"n\">value</th><th>design · stretch</th><th class=\"n\">n</th><th>what it is</th></tr>\n".to_owned();
    for metric in quality.metrics.iter().filter(|m| m.scope.visit == Some(visit)) {
        let design = metric.requirement.thresholds.map_or(String::new(), |t| limits(&t));
        let _ = writeln!(
            html,
            "<tr><td class=\"name\">{}</td>{}<td class=\"limits\">{design}</td><td class=\"n\">{}</td><td class=\"small soft\">{}</td></tr>",
            escape(&metric.requirement.name),
            cell(metric, quality.level),
            count(metric.measure.n()),
            escape(metric.requirement.description),
        );
    }
    html + "</table>\n"
}

/// Names in the order in which they first appear.
fn unique<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = BTreeSet::new();
    names.filter(|name| seen.insert(*name)).collect()
}

/// The value of a metric as a cell of a table, coloured by its status; why there is none as its title.
fn cell(metric: &Metric, level: Level) -> String {
    let status = metric.status(level);
    match &metric.measure {
        Measure::Nothing { reason, .. } => format!(
            "<td class=\"cell nothing\" title=\"not measurable: {}\">n. m.</td>",
            escape(reason)
        ),
        Measure::Value { n, .. } => {
            let class = match status {
                Status::Fail => "fail",
                Status::Pass => "pass",
                _ => "",
            };
            let reached = metric
                .reached()
                .map_or(String::new(), |level| format!(", reaches the level {}", level.name()));
            format!(
                "<td class=\"cell {class}\" title=\"{status}{reached}, of {n}\">{}</td>",
                value(metric)
            )
        }
    }
}

fn thresholds_and_meaning(of_name: &[&Metric]) -> String {
    let Some(first) = of_name.first() else { return "</tr>\n".to_owned() };
    let limits = of_name
        .iter()
        .find_map(|metric| metric.requirement.thresholds)
        .map_or(String::new(), |thresholds| limits(&thresholds));
    let unit = match first.requirement.unit {
        "" => String::new(),
        unit => format!(" [{}]", escape(unit)),
    };
    let description = escape(first.requirement.description);
    format!(
        "<td class=\"limits\">{limits}</td><td class=\"small soft\">{description}{unit}</td></tr>\n"
    )
}

/// The thresholds of all levels that are named.
fn limits(thresholds: &Thresholds) -> String {
    let sign = match thresholds.comparison {
        Comparison::AtMost => "",
        Comparison::AtLeast => "≥ ",
        Comparison::NearOne => "1 ± ",
    };
    let named = [
        thresholds.minimum.map(html::threshold),
        Some(format!("<b>{}</b>", html::threshold(thresholds.design))),
        thresholds.stretch.map(html::threshold),
    ];
    let named: Vec<String> = named.into_iter().flatten().collect();
    format!("{sign}{}", named.join(" · "))
}

/// The value of a metric with its error.
fn value(metric: &Metric) -> String {
    match &metric.measure {
        Measure::Value { value, error: Some(error), .. } if *error > 0.0 => {
            format!("{} <small>± {}</small>", number(*value), number(*error))
        }
        Measure::Value { value, .. } => number(*value),
        Measure::Nothing { .. } => "n. m.".to_owned(),
    }
}

fn with_unit(value: f64, unit: &str) -> String {
    match unit {
        "" => number(value),
        unit => format!("{} <small>{}</small>", number(value), escape(unit)),
    }
}

fn threshold(thresholds: &Thresholds, level: Level, unit: &str) -> String {
    let sign = match thresholds.comparison {
        Comparison::AtMost => "≤",
        Comparison::AtLeast => "≥",
        Comparison::NearOne => "1 ±",
    };
    let limit = html::threshold(thresholds.of(level));
    match unit {
        "" => format!("{sign} {limit}"),
        unit => format!("{sign} {limit} <small>{}</small>", escape(unit)),
    }
}

/// What a metric speaks of.
fn scope(metric: &Metric) -> String {
    let mut parts = vec![];
    if let Some(band) = &metric.scope.band {
        parts.push(escape(band));
    }
    if let Some(visit) = metric.scope.visit {
        parts.push(format!("<a href=\"visits/{visit}.html\">visit {visit}</a>"));
    }
    if let Some(detector) = metric.scope.detector {
        parts.push(format!("detector {detector}"));
    }
    parts.join(", ")
}
