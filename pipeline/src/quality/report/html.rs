//! Pieces of HTML: whatever comes from data is escaped.

use std::fmt::Write;

use super::focal_map::Scale;
use super::palette;

/// The style of all pages; it holds for light and dark screens and needs nothing else.
const STYLE: &str = include_str!("style.css");

/// Text as HTML shows it.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A whole page.
pub fn page(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        escape(title)
    )
}

/// A picture with a line that says what it shows; `caption` is HTML.
pub fn figure(svg: &str, caption: &str) -> String {
    format!("<figure>{svg}<figcaption>{caption}</figcaption></figure>\n")
}

/// Several pictures beside each other; nothing for none.
pub fn figures(class: &str, figures: &[String]) -> String {
    match figures {
        [] => String::new(),
        figures => format!("<div class=\"{class}\">\n{}</div>\n", figures.concat()),
    }
}

/// The colours of bands, for a caption.
pub fn band_key<'a>(bands: impl Iterator<Item = &'a str>) -> String {
    let mut key = String::new();
    for band in bands {
        let colour = palette::css(palette::band(band));
        // Writing to a String cannot fail.
        let _ = write!(
            key,
            "<span class=\"key\" style=\"background:{colour}\"></span>{}",
            escape(band)
        );
    }
    key
}

/// The colours of a scale, for a caption.
pub fn ramp(scale: &Scale, format: impl Fn(f64) -> String, unit: &str) -> String {
    let (low, high) = scale.ends();
    let class = match scale {
        Scale::Between(..) => "sequential",
        Scale::About(_) => "diverging",
    };
    let (low, high) = (format(low), format(high));
    format!("<span class=\"scale\">{low}<span class=\"ramp {class}\"></span>{high} {unit}</span>")
}

/// A number with three digits that count.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let exponent = value.abs().log10().floor();
    match exponent {
        e if !(-3.0..5.0).contains(&e) => {
            let text = format!("{value:.1e}");
            text.replace('-', "−")
        }
        e => {
            let digits = (2.0 - e).clamp(0.0, 5.0) as usize;
            format!("{value:.digits$}").replace('-', "−")
        }
    }
}

/// A threshold: a number as it was named, without zeros at its end.
pub fn threshold(value: f64) -> String {
    match value.abs() {
        size if size > 0.0 && size < 1e-3 => {
            let text = format!("{value:e}");
            text.replace('-', "−")
        }
        _ => format!("{value}").replace('-', "−"),
    }
}

/// A number of things, in groups of three digits.
pub fn count(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (k, digit) in digits.chars().enumerate() {
        if k > 0 && (digits.len() - k).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_three_digits() {
        let cases = [
            (5.0, "5.00"),
            (0.01234, "0.0123"),
            (-12.34, "−12.3"),
            (1234.5, "1234"),
            (2.1e-5, "2.1e−5"),
            (f64::NAN, "–"),
            (0.0, "0"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
        assert_eq!([5.0, 0.97, 2e-7].map(threshold), ["5", "0.97", "2e−7"]);
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
    }

    #[test]
    fn what_comes_from_data_is_no_markup() {
        assert_eq!(escape("<b>\"a\" & b</b>"), "&lt;b&gt;&quot;a&quot; &amp; b&lt;/b&gt;");
    }
}
