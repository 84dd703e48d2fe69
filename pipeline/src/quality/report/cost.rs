//! What the quanta took: a table with bars, and a figure of their times.

use std::fmt::Write;

use super::html::{count, escape, number};
use crate::quality::Quality;

/// Times and memory of each task.
pub fn section(quality: &Quality) -> String {
    let tasks = &quality.costs.tasks;
    if tasks.is_empty() {
        return "<p class=\"soft\">The butler has recorded no quantum.</p>\n".to_owned();
    }
    let total: f64 = tasks.iter().flat_map(|task| &task.seconds).sum();
    let longest = tasks.iter().map(|task| task.seconds_at(1.0)).fold(0.0, f64::max);
    let mut html = "<div class=\"scroll\"><table class=\"grid\"><tr><th>task</th><th class=\"n\">quanta</th><th class=\"n\">median [s]</th>\
         <th class=\"n\">95 % [s]</th><th class=\"n\">longest [s]</th><th>median, 95 %, longest</th><th class=\"n\">total [s]</th>\
         <th class=\"n\">share</th><th class=\"n\">memory [GB]</th></tr>\n"
        .to_owned();
    for task in tasks {
        let sum: f64 = task.seconds.iter().sum();
        let [middle, p95, most] = [0.5, 0.95, 1.0].map(|q| task.seconds_at(q));
        // Writing to a String cannot fail.
        let _ = writeln!(
            html,
            "<tr><td class=\"name\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td>{}</td><td class=\"n\">{}</td><td class=\"n\">{:.0} %</td><td class=\"n\">{}</td></tr>",
            escape(&task.label),
            count(task.seconds.len()),
            number(middle),
            number(p95),
            number(most),
            bar([middle, p95, most].map(|seconds| 100.0 * (seconds / longest).sqrt())),
            number(sum),
            100.0 * sum / total,
            number(1e-9 * task.peak_memory_bytes),
        );
    }
    html += "</table></div>\n";
    html + "<p class=\"soft small\">Times are wall-clock, of quanta that may run beside each other; the bars grow with their root. \
            Memory is the largest that the process had up to the end of a quantum, all that ran beside it included.</p>\n"
}

/// A bar of three lengths, per cent.
fn bar([middle, p95, most]: [f64; 3]) -> String {
    format!(
        "<svg width=\"200\" height=\"14\" viewBox=\"0 0 200 14\"><rect x=\"0\" y=\"6\" width=\"{:.1}\" height=\"2\" fill=\"#868E96\"/>\
         <rect x=\"0\" y=\"4\" width=\"{:.1}\" height=\"6\" fill=\"#868E96\"/><rect x=\"0\" y=\"1\" width=\"{:.1}\" height=\"12\" fill=\"#1C7ED6\"/></svg>",
        2.0 * most,
        2.0 * p95,
        2.0 * middle
    )
}
