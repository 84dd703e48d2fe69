//! `epoch_prop` and `ivo_epoch_prop_pos` (ra, dec, parallax, pmra, pmdec, radial velocity, epoch of
//! these, other epoch): a star at another epoch. Degrees, mas, mas/yr, km/s, Julian years.
//!
//! A NULL parallax, proper motion or velocity counts as 0, since most catalogs lack some of them; a
//! NULL position or epoch leaves nothing to answer.

use std::sync::Arc;

use almagest_storage::sphgeom::{StarMotion, check_position};
use datafusion::arrow::array::{Array, ArrayRef, Float64Array, ListArray};
use datafusion::arrow::datatypes::Float64Type;
use datafusion::common::exec_err;
use datafusion::error::Result;

use super::row_function::{
    Argument::{self, Number},
    Call, Returns, RowFunction,
};
use crate::geometry::points;

const ALL_SIX: &[Argument] = &[Number; 8];
const WITHOUT_RADIAL_MOTION: &[Argument] = &[Number; 6];

pub(super) const FUNCTIONS: [RowFunction; 2] = [
    RowFunction {
        name: "epoch_prop",
        overloads: &[ALL_SIX],
        returns: Returns::Numbers,
        body: parameters,
    },
    RowFunction {
        name: "ivo_epoch_prop_pos",
        overloads: &[ALL_SIX, WITHOUT_RADIAL_MOTION],
        returns: Returns::Point,
        body: position,
    },
];

fn position(call: &Call<'_>) -> Result<ArrayRef> {
    let stars = moved(call)?;
    Ok(points(stars.into_iter().map(|star| Some([star.ra_deg, star.dec_deg]))))
}

fn parameters(call: &Call<'_>) -> Result<ArrayRef> {
    let rows = moved(call)?.into_iter().map(|star| {
        let numbers = [
            star.ra_deg,
            star.dec_deg,
            star.parallax_mas,
            star.pmra_mas_yr,
            star.pmdec_mas_yr,
            star.radial_velocity_kms,
        ];
        // 0.0 is added lest a −0.0 go out.
        Some(numbers.map(|number| Some(number + 0.0).filter(|number| number.is_finite())))
    });
    Ok(Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(rows)))
}

fn moved(call: &Call<'_>) -> Result<Vec<StarMotion>> {
    let columns = (0..call.count()).map(|n| call.numbers(n)).collect::<Result<Vec<_>>>()?;
    let [ra, dec, motion @ .., from, to] = columns.as_slice() else {
        return exec_err!("{} takes 6 or 8 numbers", call.name);
    };
    let motion: Vec<&Float64Array> = motion.iter().collect();
    let or_zero = |column: &Float64Array, row| {
        if column.is_valid(row) { column.value(row) } else { 0.0 }
    };
    (0..call.rows())
        .map(|row| {
            for (column, what) in
                [(ra, "right ascension"), (dec, "declination"), (from, "epoch"), (to, "new epoch")]
            {
                if column.is_null(row) {
                    return exec_err!("{}: the {what} of a row is NULL", call.name);
                }
            }
            let (ra_deg, dec_deg) = (ra.value(row), dec.value(row));
            if let Err(error) = check_position(ra_deg, dec_deg) {
                return exec_err!("{}: {error}", call.name);
            }
            let (parallax_mas, pmra_mas_yr, pmdec_mas_yr, radial_velocity_kms) =
                match motion.as_slice() {
                    [parallax, pmra, pmdec, velocity] => (
                        or_zero(parallax, row),
                        or_zero(pmra, row),
                        or_zero(pmdec, row),
                        or_zero(velocity, row),
                    ),
                    [pmra, pmdec] => (0.0, or_zero(pmra, row), or_zero(pmdec, row), 0.0),
                    _ => (0.0, 0.0, 0.0, 0.0),
                };
            let star = StarMotion {
                ra_deg,
                dec_deg,
                parallax_mas,
                pmra_mas_yr,
                pmdec_mas_yr,
                radial_velocity_kms,
            };
            Ok(star.after_years(to.value(row) - from.value(row)))
        })
        .collect()
}
