//! `ivo_hms_to_degrees` and `ivo_dms_to_degrees` (text): sexagesimal angles.
//!
//! ```text
//! 3:34:45.4   3h34m45.4s   3 34 45.4   033445.4        hours, of 15 degrees
//! -0:15:00    -0d15m0s     +42 9 6.768 −00°15′00″      degrees
//! ```
//!
//! What is no angle is NULL in a column, and an error as a constant.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array};
use datafusion::common::exec_err;
use datafusion::error::Result;

use super::row_function::{Argument, Call, Returns, RowFunction};

pub(super) const FUNCTIONS: [RowFunction; 2] = [
    RowFunction {
        name: "ivo_hms_to_degrees",
        overloads: &[&[Argument::Text]],
        returns: Returns::Number,
        body: |call| angles(call, hours_to_degrees, "hours, minutes and seconds"),
    },
    RowFunction {
        name: "ivo_dms_to_degrees",
        overloads: &[&[Argument::Text]],
        returns: Returns::Number,
        body: |call| angles(call, degrees, "degrees, minutes and seconds"),
    },
];

fn angles(call: &Call<'_>, read: fn(&str) -> Option<f64>, what: &str) -> Result<ArrayRef> {
    let texts = call.text(0)?;
    if call.is_constant(0)
        && let Some(text) = texts.iter().next().flatten()
        && read(text).is_none()
    {
        return exec_err!("{}: '{}' is not {what}", call.name, text.escape_debug());
    }
    let angles: Float64Array = texts.iter().map(|text| read(text?)).collect();
    Ok(Arc::new(angles))
}

fn hours_to_degrees(text: &str) -> Option<f64> {
    if text.trim_start().starts_with(['-', '+', '−']) {
        return None;
    }
    let hours = parts(text, ['h', 'm', 's'])?;
    (hours < 24.0).then_some(hours * 15.0)
}

fn degrees(text: &str) -> Option<f64> {
    let text = text.trim();
    let unsigned = text.strip_prefix(['-', '+', '−']);
    let sign = if text.starts_with(['-', '−']) { -1.0 } else { 1.0 };
    let degrees = parts(unsigned.unwrap_or(text), ['d', 'm', 's'])?;
    // 0.0 is added lest -0:00:00 be −0.0.
    (degrees <= 360.0).then_some(sign * degrees + 0.0)
}

/// Read a whole, minutes and seconds, as marked by letters, by colons, by blanks or by nothing.
fn parts(text: &str, letters: [char; 3]) -> Option<f64> {
    let text: String = text
        .trim()
        .to_lowercase()
        .chars()
        .map(|c| match c {
            '°' => 'd',
            '′' | '\'' => 'm',
            '″' | '"' => 's',
            other => other,
        })
        .collect();
    let pieces: Vec<&str> = if text.contains(letters[0]) {
        let (whole, rest) = text.split_once(letters[0])?;
        let (minutes, seconds) = match rest.trim() {
            "" => ("0", "0"),
            rest => match rest.split_once(letters[1])? {
                (minutes, seconds) if seconds.trim().is_empty() => (minutes, "0"),
                (minutes, seconds) => (minutes, seconds.trim().strip_suffix(letters[2])?),
            },
        };
        vec![whole, minutes, seconds]
    } else if text.contains(':') {
        text.split(':').collect()
    } else if text.contains(char::is_whitespace) {
        text.split_whitespace().collect()
    } else {
        // hhmmss: two digits each, then the fraction.
        let digits = text.find('.').unwrap_or(text.len());
        if digits < 5 || !text.is_ascii() {
            return None;
        }
        vec![&text[..digits - 4], &text[digits - 4..digits - 2], &text[digits - 2..]]
    };
    let (whole, minutes, seconds) = match pieces.as_slice() {
        [whole, minutes] => (*whole, *minutes, "0"),
        [whole, minutes, seconds] => (*whole, *minutes, *seconds),
        _ => return None,
    };
    let (whole, minutes, seconds) =
        (count(whole)?, count(minutes)?, decimal(seconds).filter(|seconds| *seconds < 60.0)?);
    (minutes < 60.0).then_some(whole + minutes / 60.0 + seconds / 3600.0)
}

fn count(digits: &str) -> Option<f64> {
    let digits = digits.trim();
    let is_count = (1..=4).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    is_count.then(|| digits.parse().ok()).flatten()
}

fn decimal(text: &str) -> Option<f64> {
    let text = text.trim();
    let is_decimal = text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    is_decimal.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(read: fn(&str) -> Option<f64>, text: &str, expected: Option<f64>) {
        let close = match (read(text), expected) {
            (Some(found), Some(expected)) => (found - expected).abs() < 1e-10,
            (found, expected) => found == expected,
        };
        assert!(close, "{text}: {:?}, not {expected:?}", read(text));
    }

    #[test]
    fn hours() {
        let expected = Some((3.0 + 34.0 / 60.0 + 45.4 / 3600.0) * 15.0);
        for text in ["3:34:45.4", "3h34m45.4s", "3H34M45.4S", "3 34 45.4", "033445.4", "33445.4"] {
            check(hours_to_degrees, text, expected);
        }
        check(hours_to_degrees, "23h59m", Some((23.0 + 59.0 / 60.0) * 15.0));
        for text in ["24:00:00", "3:60:00", "3:00:60", "-3:00:00", "", "three", "3:4:5:6", "3:-4:5"]
        {
            check(hours_to_degrees, text, None);
        }
    }

    #[test]
    fn degrees_with_a_sign() {
        for text in ["42:9:6.768", "42d9m6.768s", "+42 09 06.768", "42°9′6.768″", "420906.768"]
        {
            check(degrees, text, Some(42.0 + 9.0 / 60.0 + 6.768 / 3600.0));
        }
        for text in ["-00:15:00", "-0d15m0s", "−0 15 0", "-001500"] {
            check(degrees, text, Some(-0.25));
        }
        check(degrees, "+00:15:00", Some(0.25));
        assert!(degrees("-0:00:00").is_some_and(f64::is_sign_positive));
        for text in ["1:2", "90d"] {
            assert!(degrees(text).is_some(), "{text}");
        }
        for text in ["", "-", "4", "1e3:0:0", "1:2:3.4.5", "d1m2s"] {
            check(degrees, text, None);
        }
    }
}
