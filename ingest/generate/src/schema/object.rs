//! The columns of Object: all 1,248 of Data Preview 2, from families rather than from a list.
//!
//! ```text
//!   72 columns of the object          objectId, coord_ra, sersic_index …
//!   196 of each of six bands          {u,g,r,i,z,y}_psfFlux …
//!        fluxes and their errors      48    by the share of the light that each gathers
//!        magnitudes                    4    of the PSF and of the CModel flux
//!        positions, epochs, counts     8
//!        shapes and other numbers     63
//!        flags                        73    by how often each is set
//! ```
//!
//! Names, types, units and UCDs are Rubin's; the descriptions are our own. A family says both what
//! its columns are and by which [`Rule`] their values are made. The narrower tables are selections.

use almagest_storage::schema::{ColumnDef, Datatype};

use crate::band::Band;
use crate::config::Width;
use crate::draws::name_salt;

mod families;

use families::{APERTURES, FLAGS, FLUXES, MOMENT_ORDERS, NUMBERS, PIXEL_FLAGS, SINGLES};

/// How a column's values are made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// Taken from the object, by the column's name (that of a band without its prefix).
    Own,
    /// A flux.
    Flux(Light),
    /// The error of a flux.
    FluxError(Light),
    /// The magnitude of a flux.
    Magnitude(Light),
    /// The error of the magnitude of a flux.
    MagnitudeError(Light),
    /// True for this share of the rows.
    Flag(f32),
    /// Numbers about a mean, with a standard deviation.
    About(f32, f32),
    /// As [`About`](Self::About), in proportion to the object's size on the sky.
    Size(f32, f32),
}

/// Which light a flux gathers, and with how much noise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Light {
    /// Share of a point source's light.
    pub point: f32,
    /// Share of an extended source's light.
    pub extended: f32,
    /// Noise in units of that of a PSF flux.
    pub noise: f32,
    /// Makes the noise of this flux its own; that of its error and magnitude is the same.
    pub salt: u64,
    /// Makes the failures of the measurement: they are those of its flag, where it has one.
    pub flag_salt: u64,
    /// Share of the rows in which the measurement fails.
    pub failed: f32,
}

/// A column and how it is made.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectColumn {
    /// The definition.
    pub def: ColumnDef,
    /// Its band, where it has one.
    pub band: Option<Band>,
    /// Name without the band.
    pub family: String,
    /// How values are made.
    pub rule: Rule,
    /// Makes the random part of the values the column's own.
    pub salt: u64,
}

/// Share of the rows in which an aperture flux cannot be measured.
const APERTURE_FAILED: f32 = 0.004;

/// Columns of the narrowest table; `*` stands for each band in turn.
const NARROW: [&str; 7] =
    ["objectId", "coord_ra", "coord_dec", "refBand", "refExtendedness", "ebv", "*_psfFlux"];
/// What a table of 40 columns has more.
const MEDIUM: [&str; 13] = [
    "*_psfFluxErr",
    "*_cModelFlux",
    "*_extendedness",
    "coord_raErr",
    "coord_decErr",
    "tract",
    "patch",
    "parentObjectId",
    "shape_xx",
    "shape_yy",
    "shape_xy",
    "refSizeExtendedness",
    "footprintArea",
];
/// What a table of 100 columns has more.
const ORDINARY: [&str; 10] = [
    "*_psfMag",
    "*_psfMagErr",
    "*_psfFlux_flag",
    "*_cModelFluxErr",
    "*_pixelFlags_saturatedCenter",
    "*_ap12Flux",
    "*_ap12FluxErr",
    "*_ixx",
    "*_iyy",
    "*_ixy",
];

/// Return the columns of a table of a width, in the order of the table.
pub fn object_columns(width: Width) -> Vec<ObjectColumn> {
    let mut columns = all_columns();
    let mut kept: Vec<&str> = NARROW.to_vec();
    if width >= Width::Medium {
        kept.extend(MEDIUM);
    }
    if width >= Width::Ordinary {
        kept.extend(ORDINARY);
    }
    if width < Width::Whole {
        columns.retain(|column| {
            kept.iter().any(|name| match name.strip_prefix("*_") {
                Some(family) => column.band.is_some() && column.family == family,
                None => column.band.is_none() && column.family == *name,
            })
        });
    }
    columns
}

/// Return all columns: those of the object, then those of each band.
fn all_columns() -> Vec<ObjectColumn> {
    let mut columns = vec![];
    for (name, datatype, unit, ucd, rule, what) in SINGLES {
        let def = definition(name, datatype, unit, ucd, &format!("{what}."));
        let salt = name_salt(name);
        columns.push(ObjectColumn { def, band: None, family: name.to_owned(), rule, salt });
    }
    for band in Band::ALL {
        for (name, datatype, unit, ucd, rule, what) in families_of_a_band() {
            let full = format!("{}_{name}", band.letter());
            let description = format!("{what}, in {}.", band.letter());
            let def = definition(&full, datatype, unit, ucd, &description);
            let salt = name_salt(&name);
            columns.push(ObjectColumn { def, band: Some(band), family: name, rule, salt });
        }
    }
    columns
}

type Family = (String, Datatype, &'static str, &'static str, Rule, String);

/// Describe the light of a flux, and how often it cannot be measured.
fn light(name: &str, point: f32, extended: f32, noise: f32) -> Light {
    let flag = format!("{name}_flag");
    let failed = FLAGS.iter().find(|(name, ..)| *name == flag).map(|(_, share, _)| *share);
    // Models and apertures without a flag of their own share that of their family.
    let (flag, failed) = match failed {
        Some(share) => (flag, share),
        None if name.starts_with("ap") => (flag, APERTURE_FAILED),
        None => ("cModel_flag".to_owned(), 0.02),
    };
    let (salt, flag_salt) = (name_salt(name), name_salt(&flag));
    Light { point, extended, noise, salt, flag_salt, failed }
}

/// Return what each band has a column of.
fn families_of_a_band() -> Vec<Family> {
    use Datatype::{Boolean, Double, Float, Int};
    let mut families: Vec<Family> = vec![];
    let mut add = |name: &str, datatype, unit, ucd, rule, what: &str| {
        families.push((name.to_owned(), datatype, unit, ucd, rule, what.to_owned()));
    };
    add("ra", Double, "deg", "pos.eq.ra", Rule::Own, "Right ascension of the centroid");
    add("dec", Double, "deg", "pos.eq.dec", Rule::Own, "Declination of the centroid");
    add("raErr", Float, "deg", "stat.error;pos.eq.ra", Rule::Own, "Error of ra");
    add("decErr", Float, "deg", "stat.error;pos.eq.dec", Rule::Own, "Error of dec");
    let covariance = "stat.covariance;pos.eq.ra;pos.eq.dec";
    add("ra_dec_Cov", Float, "deg**2", covariance, Rule::Own, "Covariance of ra and dec");
    for (name, point, extended, noise, what) in FLUXES {
        let light = light(name, point, extended, noise);
        add(name, Float, "nJy", "", Rule::Flux(light), what);
        if !name.ends_with("_inner") {
            let error = format!("{name}Err");
            add(&error, Float, "nJy", "", Rule::FluxError(light), &format!("Error of {name}"));
        }
        if let Some(magnitude) = ["psf", "cModel"].iter().find(|m| name == format!("{m}Flux")) {
            let what = format!("AB magnitude of {name}");
            add(&format!("{magnitude}Mag"), Float, "mag", "", Rule::Magnitude(light), &what);
            let (error, what) = (format!("{magnitude}MagErr"), format!("Error of {magnitude}Mag"));
            add(&error, Float, "mag", "", Rule::MagnitudeError(light), &what);
        }
    }
    for (radius, point, extended) in APERTURES {
        let name = format!("ap{radius}Flux");
        let pixels: f32 = radius.parse().unwrap_or_default();
        let light = light(&name, point, extended, 0.35 + pixels / 8.0);
        let what = format!("Flux in a circle of {} pixels' radius", radius.trim_start_matches('0'));
        add(&name, Float, "nJy", "", Rule::Flux(light), &what);
        let error = format!("{name}Err");
        add(&error, Float, "nJy", "", Rule::FluxError(light), &format!("Error of {name}"));
        let what = format!("{name} could not be measured");
        add(&format!("{name}_flag"), Boolean, "", "", Rule::Flag(APERTURE_FAILED), &what);
    }
    for (name, unit, rule, what) in NUMBERS {
        add(name, Float, unit, "", rule, what);
    }
    for (of, what) in [("moments", "the light"), ("momentsPsf", "the PSF")] {
        for order in MOMENT_ORDERS {
            let what = format!("Moment of order {order} in x and y of {what}, standardised");
            let even = order.bytes().all(|digit| digit % 2 == 0);
            let rule = Rule::About(if even { 2.0 } else { 0.0 }, 0.05);
            add(&format!("hsm_{of}_{order}"), Float, "", "", rule, &what);
        }
    }
    add("inputCount", Int, "", "", Rule::Own, "Number of images that the coadd has here");
    let what = "Iterations in the fit of two Gaussians to the PSF";
    add("psfModel_TwoGaussian_n_iter", Int, "", "", Rule::About(14.0, 3.0), what);
    add("epoch", Double, "d", "", Rule::Own, "Mean time of those images, MJD in TAI");
    for (name, share, what) in FLAGS {
        add(name, Boolean, "", "", Rule::Flag(share), what);
    }
    for (plane, share, what) in PIXEL_FLAGS {
        let what = format!("A pixel of the footprint is {what}");
        add(&format!("pixelFlags_{plane}"), Boolean, "", "", Rule::Flag(share), &what);
    }
    families
}

fn definition(name: &str, datatype: Datatype, unit: &str, ucd: &str, what: &str) -> ColumnDef {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let is_key = ["objectId", "coord_ra", "coord_dec"].contains(&name);
    ColumnDef {
        name: name.to_owned(),
        datatype,
        length: (datatype == Datatype::Char).then_some(1),
        nullable: !is_key,
        unit: some(unit),
        ucd: some(ucd),
        utype: None,
        xtype: None,
        description: what.to_owned(),
        principal: families::PRINCIPAL.contains(&name)
            || ["_psfMag", "_psfMagErr", "_cModelMag", "_cModelMagErr"]
                .iter()
                .any(|end| name.ends_with(end)),
        standard: false,
        column_index: None,
        default: None,
        number: None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_width_has_its_columns() {
        for width in Width::ALL {
            let columns = object_columns(width);
            assert_eq!(columns.len(), width.n_columns());
            let names: HashSet<_> = columns.iter().map(|column| &column.def.name).collect();
            assert_eq!(names.len(), columns.len());
        }
    }

    #[test]
    fn types_are_those_of_the_preview() {
        let columns = object_columns(Width::Whole);
        let count = |datatype| columns.iter().filter(|c| c.def.datatype == datatype).count();
        assert_eq!(count(Datatype::Float), 749);
        assert_eq!(count(Datatype::Boolean), 447);
    }
}
