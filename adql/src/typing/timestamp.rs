//! Times written in a query, and the scales in which columns count time.
//!
//! A literal is read as DALI writes it, `YYYY-MM-DD[Thh:mm[:ss[.f]]][Z]` (a blank may stand for the
//! T). One that ends in Z is UTC and is converted to the scale of the column that it is compared
//! with. One without Z is read in the column's own scale, because that is how a column's values
//! are printed, so that a value copied from a result finds its row.
//!
//! Reference: DALI 1.2, section 3.3.3; leap seconds: IERS Bulletin C.

use crate::names::TimeScale;

/// A time of day on a day of the Gregorian calendar, in no scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clock {
    /// Days since 1970-01-01.
    day: i64,
    /// Microseconds since midnight; more than a day's only in a leap second.
    microsecond: i64,
}

/// A literal: its time, and whether it says that it is UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Literal {
    pub clock: Clock,
    pub is_utc: bool,
}

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;
/// TT − TAI, microseconds.
const TT_MINUS_TAI: i64 = 32_184_000;

/// Days from which TAI − UTC has been so many seconds.
const LEAP_SECONDS: [((i64, i64, i64), i64); 28] = [
    ((1972, 1, 1), 10),
    ((1972, 7, 1), 11),
    ((1973, 1, 1), 12),
    ((1974, 1, 1), 13),
    ((1975, 1, 1), 14),
    ((1976, 1, 1), 15),
    ((1977, 1, 1), 16),
    ((1978, 1, 1), 17),
    ((1979, 1, 1), 18),
    ((1980, 1, 1), 19),
    ((1981, 7, 1), 20),
    ((1982, 7, 1), 21),
    ((1983, 7, 1), 22),
    ((1985, 7, 1), 23),
    ((1988, 1, 1), 24),
    ((1990, 1, 1), 25),
    ((1991, 1, 1), 26),
    ((1992, 7, 1), 27),
    ((1993, 7, 1), 28),
    ((1994, 7, 1), 29),
    ((1996, 1, 1), 30),
    ((1997, 7, 1), 31),
    ((1999, 1, 1), 32),
    ((2006, 1, 1), 33),
    ((2009, 1, 1), 34),
    ((2012, 7, 1), 35),
    ((2015, 7, 1), 36),
    ((2017, 1, 1), 37),
];

impl Literal {
    /// Read a literal; `None` if it is no time.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let (text, is_utc) = match text.strip_suffix(['Z', 'z']) {
            Some(text) => (text, true),
            None => (text, false),
        };
        let (date, time) = match text.split_once(['T', 't', ' ']) {
            Some((date, time)) => (date, Some(time)),
            None => (text, None),
        };
        let mut parts = date.split('-');
        let (year, month, day) =
            (digits(parts.next()?, 4)?, digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
        let valid = parts.next().is_none()
            && (1..=12).contains(&month)
            && (1..=days_of(year, month)).contains(&day);
        if !valid {
            return None;
        }
        let microsecond = match time {
            Some(time) => microseconds(time, is_utc)?,
            None => 0,
        };
        Some(Literal { clock: Clock { day: day_number(year, month, day), microsecond }, is_utc })
    }
}

/// The moment that a string tells, in full, if it tells one: seconds may be left out, and Z is.
pub(crate) fn in_full(text: &str) -> Option<String> {
    Literal::read(text).map(|literal| literal.clock.to_iso())
}

impl Clock {
    /// The same moment in another scale, if it was UTC; `None` before 1972, when UTC was elastic.
    pub fn utc_to(self, scale: TimeScale) -> Option<Self> {
        if scale == TimeScale::Utc {
            return Some(self);
        }
        let reached = |(y, m, d): (i64, i64, i64)| day_number(y, m, d) <= self.day;
        let (_, leap) = LEAP_SECONDS.iter().rev().find(|(from, _)| reached(*from))?;
        let ahead = match scale {
            // TDB is within 2 ms of TT.
            TimeScale::Tt | TimeScale::Tdb => leap * SECOND + TT_MINUS_TAI,
            TimeScale::Tai | TimeScale::Utc => leap * SECOND,
        };
        let total = self.microsecond + ahead;
        Some(Clock { day: self.day + total / DAY, microsecond: total % DAY })
    }

    /// ISO 8601, to the microsecond where it has one.
    pub fn to_iso(self) -> String {
        let (day, microsecond) = (self.day + self.microsecond / DAY, self.microsecond % DAY);
        let (y, m, d) = calendar(day);
        let (second, fraction) = (microsecond / SECOND, microsecond % SECOND);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let whole = format!("{y:04}-{m:02}-{d:02}T{hour:02}:{minute:02}:{second:02}");
        if fraction == 0 { whole } else { format!("{whole}.{fraction:06}") }
    }
}

/// Microseconds since midnight of `hh:mm[:ss[.f]]`. Second 60 exists in UTC only.
fn microseconds(time: &str, is_utc: bool) -> Option<i64> {
    let mut parts = time.split(':');
    let (hour, minute) = (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let (second, fraction) = match parts.next() {
        Some(second) => match second.split_once('.') {
            Some((second, fraction)) => (digits(second, 2)?, fraction),
            None => (digits(second, 2)?, ""),
        },
        None => (0, ""),
    };
    let leap = is_utc && (hour, minute, second) == (23, 59, 60);
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 59 && !leap {
        return None;
    }
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let six: String = fraction.chars().chain("000000".chars()).take(6).collect();
    let fraction: i64 = six.parse().ok()?;
    Some(((hour * 60 + minute) * 60 + second) * SECOND + fraction)
}

/// A number of exactly `n` digits.
fn digits(text: &str, n: usize) -> Option<i64> {
    let fits = text.len() == n && text.bytes().all(|b| b.is_ascii_digit());
    fits.then(|| text.parse().ok()).flatten()
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01. Reference: Fliegel & Van Flandern (1968), Comm. ACM 11, 657.
fn day_number(year: i64, month: i64, day: i64) -> i64 {
    let a = (month - 14) / 12;
    let julian = (1461 * (year + 4800 + a)) / 4 + (367 * (month - 2 - 12 * a)) / 12
        - (3 * ((year + 4900 + a) / 100)) / 4
        + day
        - 32_075;
    julian - 2_440_588
}

/// Year, month and day of a day since 1970-01-01; the inverse, from the same paper.
fn calendar(day: i64) -> (i64, i64, i64) {
    let l = day + 2_440_588 + 68_569;
    let n = 4 * l / 146_097;
    let l = l - (146_097 * n + 3) / 4;
    let i = 4000 * (l + 1) / 1_461_001;
    let l = l - 1461 * i / 4 + 31;
    let j = 80 * l / 2447;
    let day = l - 2447 * j / 80;
    let l = j / 11;
    (100 * (n - 49) + i + l, j + 2 - 12 * l, day)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        let read = Literal::read(text).map(|literal| literal.clock.to_iso());
        assert_eq!(read.as_deref(), expected, "{text}");
    }

    #[test]
    fn literals_are_read_as_dali_writes_them() {
        check("2025-07-01", Some("2025-07-01T00:00:00"));
        check("2025-07-01T12:30", Some("2025-07-01T12:30:00"));
        check("2025-07-01 12:30:59.25Z", Some("2025-07-01T12:30:59.250000"));
        check("1858-11-17T00:00:00", Some("1858-11-17T00:00:00"));
        check("2024-02-29", Some("2024-02-29T00:00:00"));
        check("2016-12-31T23:59:60Z", Some("2017-01-01T00:00:00"));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "abc",
            "2025",
            "2025-7-1",
            "2025-13-01",
            "2025-02-29",
            "1900-02-29",
            "2025-07-01T",
            "2025-07-01T25:00",
            "2025-07-01T12:60:00",
            "2025-07-01T12:30:60",
            "2025-07-01T12:30:1x",
            "2025-07-01T12:30:00+02:00",
            "60000.5",
            "2025-07-01-02",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn utc_is_behind_tai_by_the_leap_seconds() {
        let to =
            |text: &str, scale| Literal::read(text).unwrap().clock.utc_to(scale).map(Clock::to_iso);
        let iso = |text: &str| Some(text.to_owned());
        // astropy.time.Time(t, scale='utc').tai.isot
        assert_eq!(to("2025-07-01", TimeScale::Tai), iso("2025-07-01T00:00:37"));
        assert_eq!(to("2016-12-31T23:59:59Z", TimeScale::Tai), iso("2017-01-01T00:00:35"));
        assert_eq!(to("2016-12-31T23:59:60Z", TimeScale::Tai), iso("2017-01-01T00:00:36"));
        assert_eq!(to("2017-01-01T00:00:00Z", TimeScale::Tai), iso("2017-01-01T00:00:37"));
        assert_eq!(to("2025-07-01", TimeScale::Tt), iso("2025-07-01T00:01:09.184000"));
        assert_eq!(to("2025-07-01", TimeScale::Utc), iso("2025-07-01T00:00:00"));
        assert_eq!(to("1971-07-01", TimeScale::Tai), None);
    }

    #[test]
    fn every_day_of_eight_centuries_comes_back() {
        for day in -200_000..100_000 {
            let (y, m, d) = calendar(day);
            assert_eq!(day_number(y, m, d), day);
        }
    }
}
