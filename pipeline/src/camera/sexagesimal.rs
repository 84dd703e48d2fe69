//! Angles as headers write them in three parts.

/// Read `-00:28:45.5` in units of its first part.
pub(in crate::camera) fn sexagesimal(text: &str) -> Option<f64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1.0, digits),
        None => (1.0, text.trim_start_matches('+')),
    };
    let parts: Vec<f64> =
        digits.split(':').map(|part| part.trim().parse().ok()).collect::<Option<_>>()?;
    let [whole, minutes, seconds] = parts.try_into().ok()?;
    Some(sign * (whole + minutes / 60.0 + seconds / 3600.0))
}
