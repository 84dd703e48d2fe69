//! Reading a table of reference stars.

use std::path::Path;

use arrow::array::{Array, AsArray, Float64Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};

use super::motion::Place;
use super::{DEFAULT_ERROR_MAS, ReferenceCatalog, Star};
use crate::error::{Error, Result};

/// Endings of a column of magnitudes.
const MAGNITUDES: [&str; 2] = ["_mag", "_psfMag"];
/// Julian years count from here.
const J2000: (f64, f64) = (2000.0, 51_544.5);
/// Epochs below are Julian years, above MJD.
const LARGEST_YEAR: f64 = 3000.0;

impl ReferenceCatalog {
    /// Take the stars of a table: ICRS degrees in columns `ra` and `dec` (or `coord_ra`,
    /// `coord_dec`), AB magnitudes of `band` in a column `BAND_mag`, `BAND_psfMag` or `mag`. Rows
    /// without a number in one of them are left out. `path` is the file that they come from.
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
        let columns: Vec<Option<Float64Array>> =
            names.iter().map(|names| numbers(rows, names)).collect::<Result<_>>()?;
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
            let name = MAGNITUDES.iter().find_map(|ending| field.name().strip_suffix(ending));
            if let (Some(name), Some(column)) = (name, numbers(rows, &[field.name().clone()])?) {
                bands.push((name.to_owned(), column));
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
