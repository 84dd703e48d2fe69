//! Reading a table of reference stars.

use std::path::Path;

use arrow::array::{Array, AsArray, Float64Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};

use super::motion::Place;
use super::{DEFAULT_ERROR_MAS, ReferenceCatalog, Star};
use crate::error::{Error, Result};
use crate::photo_calib::AB_ZERO_POINT_NJY;

/// Endings of a column of magnitudes.
const MAGNITUDES: [&str; 2] = ["_mag", "_psfMag"];
/// Endings of a column of fluxes, nJy, as Rubin's reference catalogs have them.
const FLUXES: [&str; 2] = ["_flux", "_psfFlux"];
/// Julian years count from here.
const J2000: (f64, f64) = (2000.0, 51_544.5);
/// Epochs below are Julian years, above MJD.
const LARGEST_YEAR: f64 = 3000.0;

impl ReferenceCatalog {
    /// Take the stars of a table: ICRS degrees in columns `ra` and `dec` (or `coord_ra`,
    /// `coord_dec`), AB magnitudes of `band` in a column `BAND_mag`, `BAND_psfMag` or `mag`, or fluxes in nJy
    /// in `BAND_flux` or `BAND_psfFlux`. Rows without a number in one of them are left out. `path` is the file that they come from.
    ///
    /// Where the table has them, these count too: proper motions `pmra` and `pmdec` (or `pm_ra`, `pm_dec`;
    /// mas a year, the first times cos Dec), `parallax` (mas), their epoch `ref_epoch` or `epoch` (a Julian
    /// year or MJD), errors of the place `ra_error` and `dec_error` (mas), and magnitudes in other
    /// bands for colours.
    ///
    /// # Errors
    /// A table that lacks one of the columns: all that are missing are named.
    pub fn of_rows(path: &Path, rows: &RecordBatch, band: &str) -> Result<Self> {
        let names = [
            vec!["ra".to_owned(), "coord_ra".to_owned()],
            vec!["dec".to_owned(), "coord_dec".to_owned()],
            vec![format!("{band}_mag"), format!("{band}_psfMag"), "mag".to_owned()],
        ];
        let mut columns: Vec<Option<Float64Array>> =
            names.iter().map(|names| numbers(rows, names)).collect::<Result<_>>()?;
        if let Some(mag) = columns.last_mut().filter(|mag| mag.is_none()) {
            let names = FLUXES.map(|ending| format!("{band}{ending}"));
            *mag = numbers(rows, &names)?.map(|fluxes| magnitudes(&fluxes));
        }
        let [Some(ra), Some(dec), Some(mag)] = columns.as_slice() else {
            let missing = names
                .iter()
                .zip(&columns)
                .filter(|(_, column)| column.is_none())
                .map(|(names, _)| names.join(" or "))
                .collect();
            return Err(Error::ReferenceColumns { path: path.to_owned(), missing });
        };
        let optional = |names: &[&str]| {
            numbers(rows, &names.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        let (pm_ra, pm_dec) = (optional(&["pmra", "pm_ra"])?, optional(&["pmdec", "pm_dec"])?);
        let (parallax, epoch) = (optional(&["parallax"])?, optional(&["ref_epoch", "epoch"])?);
        let (ra_error, dec_error) = (optional(&["ra_error"])?, optional(&["dec_error"])?);
        let mut bands: Vec<(String, Float64Array)> = Vec::new();
        for field in rows.schema().fields() {
            let of = |endings: &[&str]| endings.iter().find_map(|e| field.name().strip_suffix(e));
            let column = || numbers(rows, std::slice::from_ref(field.name()));
            if let (Some(name), Some(column)) = (of(&MAGNITUDES), column()?) {
                bands.push((name.to_owned(), column));
            } else if let (Some(name), Some(column)) = (of(&FLUXES), column()?) {
                bands.push((name.to_owned(), magnitudes(&column)));
            }
        }
        let value = |column: &Option<Float64Array>, row: usize| {
            let column = column.as_ref().filter(|column| column.is_valid(row))?;
            Some(column.value(row)).filter(|value| value.is_finite())
        };
        let is_whole = |row: &usize| {
            [ra, dec, mag]
                .iter()
                .all(|column| column.is_valid(*row) && column.value(*row).is_finite())
        };
        let star = |row: usize| {
            let errors = [value(&ra_error, row), value(&dec_error, row)];
            let error_mas = match errors {
                [Some(east), Some(north)] => (0.5 * (east * east + north * north)).sqrt(),
                _ => DEFAULT_ERROR_MAS,
            };
            Star {
                place: Place {
                    ra: ra.value(row),
                    dec: dec.value(row),
                    epoch_mjd: value(&epoch, row).map(mjd),
                    motion_mas_yr: [&pm_ra, &pm_dec].map(|pm| value(pm, row).unwrap_or(0.0)),
                    parallax_mas: value(&parallax, row).unwrap_or(0.0),
                },
                error_mas,
                mag: mag.value(row),
                mags: bands
                    .iter()
                    .map(|(name, column)| {
                        let mag = if column.is_valid(row) { column.value(row) } else { f64::NAN };
                        (name.clone(), mag)
                    })
                    .collect(),
            }
        };
        let stars = (0..rows.num_rows()).filter(is_whole).map(star).collect();
        Ok(Self { path: path.to_owned(), band: band.to_owned(), stars })
    }
}

/// AB magnitudes of fluxes in nJy; those that are not positive have none.
fn magnitudes(fluxes_njy: &Float64Array) -> Float64Array {
    let magnitude = |njy: f64| AB_ZERO_POINT_NJY - 2.5 * njy.log10();
    fluxes_njy.iter().map(|njy| njy.filter(|njy| *njy > 0.0).map(magnitude)).collect()
}

/// MJD of an epoch that is a Julian year or an MJD.
fn mjd(epoch: f64) -> f64 {
    if epoch < LARGEST_YEAR { J2000.1 + (epoch - J2000.0) * 365.25 } else { epoch }
}

/// Return the first of the named columns that the rows have, whatever the case, as numbers.
fn numbers(batch: &RecordBatch, names: &[String]) -> Result<Option<Float64Array>> {
    let schema = batch.schema();
    let index = names.iter().find_map(|name| {
        schema.fields().iter().position(|field| field.name().eq_ignore_ascii_case(name))
    });
    match index {
        Some(index) => {
            let column = cast(batch.column(index), &DataType::Float64)?;
            Ok(Some(column.as_primitive::<Float64Type>().clone()))
        }
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use super::*;

    #[test]
    fn fluxes_serve_where_there_are_no_magnitudes() {
        let columns = [
            ("ra", vec![10.0, 11.0, 12.0]),
            ("dec", vec![1.0, 2.0, 3.0]),
            ("r_flux", vec![3631e9, 3.631e3, 0.0]),
            ("g_psfFlux", vec![3.631e7, 3.631e7, 3.631e7]),
        ];
        let columns = columns
            .map(|(name, values)| (name, Arc::new(Float64Array::from(values)) as Arc<dyn Array>));
        let rows = RecordBatch::try_from_iter(columns).unwrap();
        let stars = ReferenceCatalog::of_rows(Path::new("a.parquet"), &rows, "r").unwrap();
        // The last star has no flux, hence no magnitude.
        assert_eq!(stars.len(), 2);
        let near = |found: Option<f64>, expected: f64| (found.unwrap() - expected).abs() < 1e-4;
        assert!(near(Some(stars.stars[0].mag), 0.0) && near(Some(stars.stars[1].mag), 22.5));
        assert!(near(stars.stars[0].mag_in("g"), 12.5) && near(stars.stars[0].mag_in("r"), 0.0));
        assert!(ReferenceCatalog::of_rows(Path::new("a.parquet"), &rows, "i").is_err());
    }
}
