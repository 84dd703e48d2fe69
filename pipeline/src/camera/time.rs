//! Times: from UTC as headers and file names write it to MJD in TAI.

use hifitime::Epoch;

use crate::error::{Error, Result};

/// The MJD in TAI of an MJD in UTC, leap seconds counted.
pub fn utc_to_tai(mjd_utc: f64) -> f64 {
    Epoch::from_mjd_utc(mjd_utc).to_mjd_tai_days()
}

/// Reads a time as a user may give it: a number is an MJD in TAI, a date as
/// `2017-03-16T06:18:30.75` (with or without `Z`) is UTC. The result is MJD in TAI.
///
/// # Errors
/// [`Error::BadTime`] with the text.
pub fn parse_time(text: &str) -> Result<f64> {
    let bad = || Error::BadTime { text: text.to_owned() };
    match text.trim().parse::<f64>() {
        Ok(mjd) if mjd.is_finite() => Ok(mjd),
        Ok(_) => Err(bad()),
        Err(_) => iso_utc_to_tai(text).ok_or_else(bad),
    }
}

/// The MJD in TAI of a date in ISO 8601, UTC; `None` where it is no date.
pub(super) fn iso_utc_to_tai(text: &str) -> Option<f64> {
    let text = text.trim().trim_end_matches('Z');
    let (date, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00:00"));
    let mut date = date.splitn(3, '-');
    let year = date.next().filter(|year| year.len() == 4)?.parse().ok()?;
    let (month, day) = (date.next()?.parse().ok()?, date.next()?.parse().ok()?);
    let mut time = time.splitn(3, ':');
    let (hour, minute) = (time.next()?.parse().ok()?, time.next()?.parse().ok()?);
    let second: f64 = time.next().unwrap_or("0").parse().ok()?;
    if !(0.0..61.0).contains(&second) {
        return None;
    }
    // hifitime gives a leap second the time of the second before it, so it is added here.
    let leap = if second >= 60.0 { 1.0 } else { 0.0 };
    let second = second - leap;
    let nanos = ((second.fract() * 1e9).round() as u32).min(999_999_999);
    let epoch =
        Epoch::maybe_from_gregorian_utc(year, month, day, hour, minute, second as u8, nanos);
    Some(epoch.ok()?.to_mjd_tai_days() + leap / 86_400.0)
}

/// The MJD in TAI of a time written as `160818` and `064529`, or `20160818` and `064529`, UTC.
pub(super) fn compact_utc_to_tai(date: &str, time: &str) -> Option<f64> {
    let date = if date.len() == 6 { format!("20{date}") } else { date.to_owned() };
    if date.len() != 8
        || time.len() != 6
        || !(date.clone() + time).bytes().all(|b| b.is_ascii_digit())
    {
        return None;
    }
    iso_utc_to_tai(&format!(
        "{}-{}-{}T{}:{}:{}",
        &date[..4],
        &date[4..6],
        &date[6..],
        &time[..2],
        &time[2..4],
        &time[4..]
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SECOND: f64 = 1.0 / 86_400.0;

    #[track_caller]
    fn check(text: &str, mjd_tai: f64) {
        let parsed = parse_time(text).unwrap();
        assert!(
            (parsed - mjd_tai).abs() < 1e-6 * SECOND * 2.0,
            "{text}: {parsed} against {mjd_tai}"
        );
    }

    #[test]
    fn utc_becomes_tai_by_the_leap_seconds_of_its_day() {
        check("2017-03-16T06:18:30.750961", 57828.0 + (6.0 * 3600.0 + 1110.750961 + 37.0) * SECOND);
        check("2016-08-18T06:45:29Z", 57618.0 + (6.0 * 3600.0 + 2729.0 + 36.0) * SECOND);
        check("2015-06-30 23:59:60", 57204.0 + 35.0 * SECOND);
        check("57828.5", 57828.5);
        assert!((utc_to_tai(57828.0) - 57828.0 - 37.0 * SECOND).abs() < 1e-10);
    }

    #[test]
    fn compact_times_of_file_names() {
        assert_eq!(compact_utc_to_tai("160818", "064529"), iso_utc_to_tai("2016-08-18T06:45:29"));
        assert_eq!(compact_utc_to_tai("20160818", "064529"), iso_utc_to_tai("2016-08-18T06:45:29"));
        assert_eq!(compact_utc_to_tai("161318", "064529"), None);
    }

    #[test]
    fn nonsense_is_refused_with_its_text() {
        for text in ["yesterday", "2017-03", "2017-13-01T00:00:00", "NaN", "2017-01-01T00:00:75"] {
            assert!(parse_time(text).unwrap_err().to_string().contains(text));
        }
    }
}
