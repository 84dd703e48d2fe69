//! `ivo_to_jd` and `ivo_to_mjd` (instant): days, in the time scale in which the instant is given.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array};
use datafusion::error::Result;

use super::row_function::{Argument, Call, Returns, RowFunction};

/// The modified Julian date of 1970-01-01, from which timestamps count.
const UNIX_EPOCH_MJD: f64 = 40_587.0;
const MJD_TO_JD: f64 = 2_400_000.5;
const MICROSECONDS_PER_DAY: i64 = 86_400_000_000;

pub(super) const FUNCTIONS: [RowFunction; 2] = [
    RowFunction {
        name: "ivo_to_jd",
        overloads: &[&[Argument::Instant]],
        returns: Returns::Number,
        body: |call| days(call, UNIX_EPOCH_MJD + MJD_TO_JD),
    },
    RowFunction {
        name: "ivo_to_mjd",
        overloads: &[&[Argument::Instant]],
        returns: Returns::Number,
        body: |call| days(call, UNIX_EPOCH_MJD),
    },
];

fn days(call: &Call<'_>, epoch: f64) -> Result<ArrayRef> {
    let days: Float64Array = call.instants(0)?.unary(|microseconds| {
        // Whole days first: the sum of two doubles then loses next to nothing.
        let day = microseconds.div_euclid(MICROSECONDS_PER_DAY) as f64;
        let rest = microseconds.rem_euclid(MICROSECONDS_PER_DAY) as f64;
        epoch + day + rest / MICROSECONDS_PER_DAY as f64
    });
    Ok(Arc::new(days))
}
