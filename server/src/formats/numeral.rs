//! Numbers and times as text, fast: the fewest digits that read back exactly.

use almagest_engine::arrow::temporal_conversions::timestamp_us_to_datetime;

/// Append an integer.
pub fn write_integer(out: &mut Vec<u8>, value: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Append a number in single precision; infinities and NaN as VOTable spells them.
pub fn write_float(out: &mut Vec<u8>, value: f32) {
    match value.is_finite() {
        true => out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes()),
        false => out.extend_from_slice(special(value.into())),
    }
}

/// Append a number in double precision; infinities and NaN as VOTable spells them.
pub fn write_double(out: &mut Vec<u8>, value: f64) {
    match value.is_finite() {
        true => out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes()),
        false => out.extend_from_slice(special(value)),
    }
}

fn special(value: f64) -> &'static [u8] {
    if value.is_nan() {
        b"NaN"
    } else if value > 0.0 {
        b"+Inf"
    } else {
        b"-Inf"
    }
}

const MICROSECONDS_PER_DAY: i64 = 86_400_000_000;

/// Append a time, microseconds since 1970, in DALI's form without a zone: what scale it counts is
/// said by the column.
pub fn write_time(out: &mut Vec<u8>, microseconds: i64) {
    let (year, month, day) = civil(microseconds.div_euclid(MICROSECONDS_PER_DAY));
    if !(0..=9999).contains(&year) {
        // Years of more digits, with their sign.
        let time = timestamp_us_to_datetime(microseconds);
        let text = time.map(|time| time.format("%Y-%m-%dT%H:%M:%S%.6f").to_string());
        return out.extend_from_slice(text.unwrap_or_default().as_bytes());
    }
    let rest = microseconds.rem_euclid(MICROSECONDS_PER_DAY);
    let (seconds, fraction) = (rest / 1_000_000, rest % 1_000_000);
    let mut text = *b"0000-00-00T00:00:00.000000";
    for (place, width, value) in [
        (0, 4, year),
        (5, 2, month),
        (8, 2, day),
        (11, 2, seconds / 3600),
        (14, 2, seconds / 60 % 60),
        (17, 2, seconds % 60),
        (20, 6, fraction),
    ] {
        let mut left = value;
        for digit in text[place..place + width].iter_mut().rev() {
            *digit = b'0' + (left % 10) as u8;
            left /= 10;
        }
    }
    out.extend_from_slice(&text);
}

/// Return year, month and day of the proleptic Gregorian calendar, from days since 1970-01-01.
///
/// Years are counted from March, so that the leap day is the last of its year; 400 of them have
/// 146 097 days.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn any_float_reads_back_exactly() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        for _ in 0..20_000 {
            let double = f64::from_bits(random.next_u64());
            let single = f32::from_bits(random.next_u32());
            if double.is_finite() {
                let found = text(|out| write_double(out, double));
                assert_eq!(found.parse::<f64>().unwrap().to_bits(), double.to_bits(), "{found}");
                // The shortest: the standard library's digits are.
                assert!(found.len() <= format!("{double:?}").len() + 4, "{found} for {double:?}");
            }
            if single.is_finite() {
                let found = text(|out| write_float(out, single));
                assert_eq!(found.parse::<f32>().unwrap().to_bits(), single.to_bits(), "{found}");
            }
        }
    }

    #[test]
    fn any_time_is_that_of_the_calendar() {
        let mut random = ChaCha8Rng::seed_from_u64(2);
        let edges = [0, -1, 951_782_400_000_000, 4_107_542_399_999_999, -62_167_219_200_000_000];
        let drawn = (0..20_000).map(|_| random.next_u64() as i64 >> 5);
        for microseconds in edges.into_iter().chain(drawn) {
            let time = timestamp_us_to_datetime(microseconds).unwrap();
            let expected = time.format("%Y-%m-%dT%H:%M:%S%.6f").to_string();
            assert_eq!(text(|out| write_time(out, microseconds)), expected);
        }
    }
}
