//! Progress bars, where a person is watching.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Show progress over `n` steps of work, each of them a `unit`. Nothing is drawn where standard
/// error is no terminal.
pub fn steps(n: u64, unit: &str) -> ProgressBar {
    let template = format!("{{bar:32}} {{pos}}/{{len}} {unit}  {{elapsed}}  {{wide_msg}}");
    let style = ProgressStyle::with_template(&template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("█▉▊▋▌▍▎▏ ");
    ProgressBar::new(n).with_style(style)
}

/// Show that work of unknown length goes on.
pub fn spinner(message: impl Into<String>) -> ProgressBar {
    let bar = ProgressBar::new_spinner().with_message(message.into());
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}
