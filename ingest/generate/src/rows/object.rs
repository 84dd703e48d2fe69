//! Rows of Object: what the images of all visits together show.

use std::sync::Arc;

use almagest_storage::schema::Datatype;
use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::{Int32Type, Int64Type};

use super::column::{booleans, doubles, floats, integers, optional_booleans};
use crate::band::Band;
use crate::draws::{gauss, mix, unit};
use crate::photometry::{magnitude, noise_njy};
use crate::population::{Class, Truth};
use crate::schema::object::{Light, ObjectColumn, Rule};

/// Share of a galaxy's light that its PSF flux has, as the [families](crate::schema::object) count.
const PSF_SHARE: f64 = 0.7;
/// Bands by how well they serve as the reference.
const REFERENCE: [Band; 6] = [Band::I, Band::R, Band::Z, Band::Y, Band::G, Band::U];

/// One object and its coadds.
#[derive(Debug)]
pub struct ObjectRow {
    pub id: i64,
    pub tract: i64,
    pub patch: i64,
    pub ra: f64,
    pub dec: f64,
    /// Reddening E(B-V), magnitudes.
    pub ebv: f64,
    pub truth: Truth,
    pub stacks: [Stack; 6],
    /// From which the random parts of the columns are mixed.
    pub row: u64,
}

/// What the visits of one band add up to at one place.
#[derive(Debug, Default, Clone, Copy)]
pub struct Stack {
    /// Visits that see the place.
    pub n_visits: u32,
    /// Sum of the inverse variances of the sky, nJy⁻².
    pub weight: f64,
    /// Sum of the times, MJD in TAI.
    pub sum_mjd: f64,
}

impl Stack {
    /// Standard deviation of the PSF flux, nJy.
    fn noise_njy(&self, flux_njy: f64) -> f64 {
        let n = f64::from(self.n_visits);
        // Photons and calibration average over the visits as the sky does.
        noise_njy(flux_njy, (n / self.weight).sqrt()) / n.sqrt()
    }
}

impl ObjectRow {
    /// Band whose measurements are the reference.
    fn reference(&self) -> Option<Band> {
        REFERENCE.into_iter().find(|band| self.stacks[*band as usize].n_visits > 0)
    }

    fn is_extended(&self) -> bool {
        self.truth.class != Class::Star
    }

    /// Half-light radius, in units of 0.6 arcsec; a star has the size of the PSF only.
    fn size(&self) -> f32 {
        match self.truth.class {
            Class::Star => 1.0,
            Class::Galaxy { radius_arcsec } => 1.0 + radius_arcsec as f32 / 0.6,
        }
    }

    /// Random bits of a column.
    fn bits(&self, salt: u64, band: Option<Band>) -> u64 {
        mix(self.row ^ salt.rotate_left(8 * band.map_or(0, |band| band as u32 + 1)))
    }

    /// Return a flux and its error, nJy; `None`: not measured.
    fn flux(&self, light: &Light, band: Band) -> Option<(f64, f64)> {
        let stack = &self.stacks[band as usize];
        let has_failed = unit(self.bits(light.flag_salt, Some(band))) < light.failed;
        if stack.n_visits == 0 || has_failed {
            return None;
        }
        let share = match self.is_extended() {
            true => f64::from(light.extended) / PSF_SHARE,
            false => f64::from(light.point),
        };
        let flux = self.truth.flux_njy[band as usize] * share;
        let error = stack.noise_njy(flux) * f64::from(light.noise);
        Some((flux + error * f64::from(gauss(self.bits(light.salt, Some(band)))), error))
    }

    /// Error of a coordinate, degrees: that of the centroid, and of the frame.
    fn position_error_deg(&self, band: Band) -> f64 {
        let stack = &self.stacks[band as usize];
        if stack.n_visits == 0 {
            return f64::NAN;
        }
        let flux = self.truth.flux_njy[band as usize];
        let snr = flux / stack.noise_njy(flux);
        (0.32 / snr.max(1.0)).hypot(0.005) / 3600.0
    }

    /// Return a number of a band, by the column's name without it; NaN is NULL.
    fn own(&self, family: &str, band: Band, salt: u64) -> Option<f64> {
        let stack = &self.stacks[band as usize];
        let error = self.position_error_deg(band);
        let bits = self.bits(salt, Some(band));
        let value = match family {
            "ra" => {
                let scale = libm::cos(self.dec.to_radians()).max(1e-3);
                (self.ra + error * f64::from(gauss(bits)) / scale).rem_euclid(360.0)
            }
            "dec" => (self.dec + error * f64::from(gauss(bits))).clamp(-90.0, 90.0),
            "raErr" | "decErr" => error,
            "ra_dec_Cov" => 0.1 * f64::from(gauss(bits)) * error * error,
            "inputCount" => return Some(stack.n_visits.into()),
            "epoch" => stack.sum_mjd / f64::from(stack.n_visits),
            "extendedness" | "sizeExtendedness" | "model_extendedness" => {
                f64::from(u8::from(self.is_extended()))
            }
            "blendedness" | "deblend_blendedness" | "deblend_fluxOverlapFraction" => {
                // Most objects have no neighbour to speak of.
                libm::pow(unit(bits).into(), 6.0)
            }
            _ => return None,
        };
        Some(if stack.n_visits == 0 { f64::NAN } else { value })
    }

    /// Return a number of the object, by the column's name; NaN is NULL.
    fn own_single(&self, name: &str, salt: u64) -> Option<f64> {
        let error = self.reference().map_or(f64::NAN, |band| self.position_error_deg(band));
        let bits = self.bits(salt, None);
        let extended = f64::from(u8::from(self.is_extended()));
        let blended = f64::from(u8::from(self.is_blended()));
        Some(match name {
            "coord_ra" => self.ra,
            "coord_dec" => self.dec,
            "coord_raErr" | "coord_decErr" => error,
            "coord_ra_dec_Cov" => 0.1 * f64::from(gauss(bits)) * error * error,
            "refExtendedness" | "refSizeExtendedness" | "griz_model_extendedness" => {
                if error.is_nan() { error } else { extended }
            }
            "ebv" => self.ebv,
            "deblend_parentNChild" | "deblend_parentNPeaks" | "deblend_blendNChild" => {
                blended * (2.0 + (f64::from(unit(self.bits(1, None))) * 4.0).floor())
            }
            "exponential_ra" | "sersic_ra" => self.ra,
            "exponential_dec" | "sersic_dec" => self.dec,
            "exponential_raErr" | "sersic_raErr" | "exponential_decErr" | "sersic_decErr" => error,
            "exponential_ra_dec_Cov" | "sersic_ra_dec_Cov" => {
                0.1 * f64::from(gauss(bits)) * error * error
            }
            _ => return None,
        })
    }

    fn is_blended(&self) -> bool {
        unit(self.bits(0, None)) < 0.3
    }
}

/// Return a column of some objects; `None`: no rule makes it.
pub fn object_column(rows: &[ObjectRow], column: &ObjectColumn) -> Option<ArrayRef> {
    let name = column.family.as_str();
    if column.band.is_none() && column.rule == Rule::Own {
        match (column.def.datatype, name) {
            (Datatype::Long, _) => {
                let value: fn(&ObjectRow) -> i64 = match name {
                    "objectId" => |row| row.id,
                    "tract" => |row| row.tract,
                    "patch" => |row| row.patch,
                    // Blends have numbers of their own, beyond those of objects.
                    "parentObjectId" | "deblend_blendId" => {
                        |row| if row.is_blended() { row.id | 1 << 61 } else { 0 }
                    }
                    _ => return None,
                };
                return Some(integers::<Int64Type>(rows.iter().map(value)));
            }
            (Datatype::Boolean, "detect_isIsolated") => {
                return Some(booleans(rows.iter().map(|row| !row.is_blended())));
            }
            (Datatype::Boolean, "detect_fromBlend" | "detect_isDeblendedModelSource") => {
                return Some(booleans(rows.iter().map(ObjectRow::is_blended)));
            }
            (Datatype::Char, "refBand") => {
                let letters = rows.iter().map(|row| row.reference().map(Band::letter));
                return Some(Arc::new(letters.collect::<StringArray>()));
            }
            _ => {}
        }
    }
    if let Rule::Flag(share) = column.rule {
        return Some(optional_booleans(rows.iter().map(|row| {
            let is_seen = column.band.is_none_or(|band| row.stacks[band as usize].n_visits > 0);
            is_seen.then(|| unit(row.bits(column.salt, column.band)) < share)
        })));
    }
    let values: Option<Vec<f64>> = rows.iter().map(|row| number(row, column)).collect();
    let values = values?.into_iter();
    Some(match column.def.datatype {
        Datatype::Float => floats(values.map(|value| value as f32)),
        Datatype::Double => doubles(values),
        Datatype::Int if values.as_slice().iter().any(|value| value.is_nan()) => {
            let values = values.map(|value| (!value.is_nan()).then_some(value as i32));
            Arc::new(values.collect::<arrow::array::Int32Array>())
        }
        Datatype::Int => integers::<Int32Type>(values.map(|value| value as i32)),
        _ => return None,
    })
}

/// Return a number; NaN is NULL.
fn number(row: &ObjectRow, column: &ObjectColumn) -> Option<f64> {
    let random = || gauss(row.bits(column.salt, column.band));
    let is_unseen = column.band.is_some_and(|band| row.stacks[band as usize].n_visits == 0);
    Some(match (column.rule, column.band) {
        (Rule::Own, Some(band)) => row.own(&column.family, band, column.salt)?,
        (Rule::Own, None) => row.own_single(&column.family, column.salt)?,
        (Rule::Flux(light), Some(band)) => {
            row.flux(&light, band).map_or(f64::NAN, |(flux, _)| flux)
        }
        (Rule::FluxError(light), Some(band)) => {
            row.flux(&light, band).map_or(f64::NAN, |(_, error)| error)
        }
        // A flux below zero has no magnitude.
        (Rule::Magnitude(light), Some(band)) => match row.flux(&light, band) {
            Some((flux, _)) if flux > 0.0 => magnitude(flux),
            _ => f64::NAN,
        },
        (Rule::MagnitudeError(light), Some(band)) => match row.flux(&light, band) {
            Some((flux, error)) if flux > 0.0 => 2.5 * std::f64::consts::LOG10_E * error / flux,
            _ => f64::NAN,
        },
        (Rule::About(..) | Rule::Size(..), _) if is_unseen => f64::NAN,
        (Rule::About(mean, spread), _) => (mean + spread * random()).into(),
        (Rule::Size(mean, spread), _) => {
            let size = row.size();
            (size * (mean + spread * random())).max(0.01 * mean).into()
        }
        _ => return None,
    })
}
