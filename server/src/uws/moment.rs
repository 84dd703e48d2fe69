//! Instants of a job's life, in UTC to the millisecond.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use almagest_engine::arrow::array::timezone::Tz;
use almagest_engine::arrow::compute::kernels::cast_utils::string_to_datetime;
use almagest_engine::arrow::temporal_conversions::timestamp_ms_to_datetime;
use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

/// Milliseconds since 1970 in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(i64);

impl Moment {
    /// Return the present.
    pub fn now() -> Self {
        SystemTime::now().into()
    }

    /// Return the moment that is `duration` later.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(millis))
    }

    /// Return how much later it is than `earlier`: nothing where it is not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or_default())
    }
}

impl From<SystemTime> for Moment {
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// `2026-01-31T23:59:59.123Z`.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Years beyond the calendar's are written as the last one that every reader takes.
        let time = timestamp_ms_to_datetime(self.0).filter(|_| self.0 < LAST_MILLIS);
        match time {
            Some(time) => write!(f, "{}", time.format("%Y-%m-%dT%H:%M:%S%.3fZ")),
            None => f.write_str("9999-12-31T23:59:59.999Z"),
        }
    }
}

/// The end of the year 9999.
const LAST_MILLIS: i64 = 253_402_300_800_000;

/// A text that is no moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a time in ISO 8601")]
pub struct NotAMoment(String);

/// ISO 8601; UTC where no zone is said, midnight where no time is.
impl FromStr for Moment {
    type Err = NotAMoment;

    fn from_str(text: &str) -> Result<Self, NotAMoment> {
        let utc: Result<Tz, _> = "+00:00".parse();
        let time = utc.and_then(|utc| string_to_datetime(&utc, text.trim()));
        match time {
            Ok(time) => Ok(Self(time.timestamp_millis())),
            Err(_) => Err(NotAMoment(text.to_owned())),
        }
    }
}

impl ToSql for Moment {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.0.to_sql()
    }
}

impl From<Moment> for rusqlite::types::Value {
    fn from(moment: Moment) -> Self {
        Self::Integer(moment.0)
    }
}

impl FromSql for Moment {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        i64::column_result(value).map(Self)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(text.parse::<Moment>().unwrap().to_string(), expected, "{text}");
    }

    #[test]
    fn iso_8601_is_read_and_written() {
        check("2026-01-31T23:59:59.123Z", "2026-01-31T23:59:59.123Z");
        check("2026-01-31T23:59:59", "2026-01-31T23:59:59.000Z");
        check("2026-01-31T23:59:59+02:00", "2026-01-31T21:59:59.000Z");
        check("9999-01-01T00:00:00Z", "9999-01-01T00:00:00.000Z");
        check("2026-01-31", "2026-01-31T00:00:00.000Z");
        assert!("tomorrow".parse::<Moment>().is_err());
    }

    #[test]
    fn no_moment_is_beyond_what_can_be_written() {
        let end = Moment::now().after(Duration::from_secs(u64::MAX / 2000));
        assert_eq!(end.to_string(), "9999-12-31T23:59:59.999Z");
    }
}
