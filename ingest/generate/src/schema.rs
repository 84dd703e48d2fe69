//! The tables of a survey: Rubin's names, types and units, at a width.
//!
//! Object comes from the [families](object) of Data Preview 2. The others are the tables that
//! Almagest ships for its own pipeline, which have Rubin's names and types, without the few columns
//! that Rubin does not have; the narrow widths take the columns that most queries ask.

use almagest_storage::schema::{SchemaDef, TableDef, survey};

use crate::config::Width;
use crate::error::Result;
use object::object_columns;

pub mod object;

/// The tables that a survey fills, directors before their children.
pub const TABLES: [&str; 6] =
    ["Visit", "Object", "Source", "ForcedSource", "DiaObject", "DiaSource"];

/// Columns of the shipped schema that Rubin's tables lack.
const NOT_RUBINS: [&str; 7] = [
    "psfInstFlux",
    "psfInstFluxErr",
    "ap05Flux",
    "ap05FluxErr",
    "ap05Flux_flag",
    "shape_flag",
    "snr",
];

/// A table, its first twelve columns, and what it has more up to 40.
struct Selection {
    table: &'static str,
    narrow: [&'static str; 12],
    medium: &'static [&'static str],
}

const SELECTIONS: [Selection; 5] = [
    Selection {
        table: "Visit",
        narrow: [
            "visit",
            "band",
            "physical_filter",
            "ra",
            "dec",
            "skyRotation",
            "airmass",
            "expTime",
            "expMidpt",
            "expMidptMJD",
            "obsStart",
            "obsStartMJD",
        ],
        medium: &["azimuth", "altitude", "zenithDistance"],
    },
    Selection {
        table: "Source",
        narrow: [
            "sourceId",
            "visit",
            "detector",
            "band",
            "coord_ra",
            "coord_dec",
            "psfFlux",
            "psfFluxErr",
            "psfFlux_flag",
            "ap12Flux",
            "ap12FluxErr",
            "extendedness",
        ],
        medium: &[
            "parentSourceId",
            "physical_filter",
            "ra",
            "dec",
            "raErr",
            "decErr",
            "ra_dec_Cov",
            "x",
            "y",
            "xErr",
            "yErr",
            "centroid_flag",
            "ap12Flux_flag",
            "ap17Flux",
            "ap17FluxErr",
            "ap17Flux_flag",
            "calibFlux",
            "calibFluxErr",
            "ixx",
            "iyy",
            "ixy",
            "sky",
            "skyErr",
            "footprintArea_value",
            "pixelFlags_edge",
            "pixelFlags_saturatedCenter",
            "detect_isPrimary",
            "deblend_nChild",
        ],
    },
    Selection {
        table: "ForcedSource",
        narrow: [
            "objectId",
            "visit",
            "detector",
            "band",
            "coord_ra",
            "coord_dec",
            "psfFlux",
            "psfFluxErr",
            "psfFlux_flag",
            "psfDiffFlux",
            "psfDiffFluxErr",
            "psfDiffFlux_flag",
        ],
        medium: &[],
    },
    Selection {
        table: "DiaObject",
        narrow: [
            "diaObjectId",
            "ra",
            "dec",
            "raErr",
            "decErr",
            "nDiaSources",
            "g_psfFluxMean",
            "g_psfFluxNdata",
            "r_psfFluxMean",
            "r_psfFluxNdata",
            "i_psfFluxMean",
            "i_psfFluxNdata",
        ],
        medium: &[
            "ra_dec_Cov",
            "u_psfFluxMean",
            "u_psfFluxMeanErr",
            "u_psfFluxSigma",
            "u_psfFluxNdata",
            "u_scienceFluxMean",
            "g_psfFluxMeanErr",
            "g_psfFluxSigma",
            "g_psfFluxMin",
            "g_psfFluxMax",
            "g_scienceFluxMean",
            "r_psfFluxMeanErr",
            "r_psfFluxSigma",
            "r_psfFluxMin",
            "r_psfFluxMax",
            "r_scienceFluxMean",
            "i_psfFluxMeanErr",
            "i_psfFluxSigma",
            "i_psfFluxMin",
            "i_psfFluxMax",
            "z_psfFluxMean",
            "z_psfFluxMeanErr",
            "z_psfFluxSigma",
            "z_psfFluxNdata",
            "y_psfFluxMean",
            "y_psfFluxMeanErr",
            "y_psfFluxSigma",
            "y_psfFluxNdata",
        ],
    },
    Selection {
        table: "DiaSource",
        narrow: [
            "diaSourceId",
            "visit",
            "detector",
            "diaObjectId",
            "ssObjectId",
            "band",
            "midpointMjdTai",
            "coord_ra",
            "coord_dec",
            "psfFlux",
            "psfFluxErr",
            "reliability",
        ],
        medium: &[
            "parentDiaSourceId",
            "exposureTime",
            "timeProcessedMjdTai",
            "ra",
            "dec",
            "raErr",
            "decErr",
            "x",
            "y",
            "xErr",
            "yErr",
            "centroid_flag",
            "isNegative",
            "psfFlux_flag",
            "psfChi2",
            "psfNdata",
            "apFlux",
            "apFluxErr",
            "apFlux_flag",
            "scienceFlux",
            "scienceFluxErr",
            "templateFlux",
            "templateFluxErr",
            "isDipole",
            "extendedness",
            "pixelFlags_edge",
            "pixelFlags_saturatedCenter",
            "pixelFlags_cr",
        ],
    },
];

/// Columns that the narrow tables cannot lack, as they must have values.
fn is_kept(selection: Option<&Selection>, column: &str, width: Width) -> bool {
    let Some(selection) = selection else { return true };
    width >= Width::Ordinary
        || selection.narrow.contains(&column)
        || width == Width::Medium
            && (selection.medium.contains(&column) || selection.table == "ForcedSource")
}

/// How columns of Source begin that the pipeline measures and of which no values are drawn here.
const NOT_DRAWN: [&str; 15] = [
    "psfFlux_apCorr",
    "ap35",
    "ap50",
    "ap70",
    "gaussianFlux",
    "kron",
    "normCompTophat",
    "localBackground",
    "hsmShape",
    "sizeExtendedness",
    "blendedness",
    "variance_value",
    "jacobian_value",
    "deblend_deblendedAsPsf",
    "calib_psf_reserved",
];

/// Return the tables of a survey of a width, in the order of [`TABLES`].
///
/// # Errors
/// None for the schema as shipped.
pub fn survey_tables(width: Width) -> Result<Vec<TableDef>> {
    let shipped = survey::survey_schema()?;
    let mut tables = vec![];
    for name in TABLES {
        let mut table = shipped.find(name)?.clone();
        if name == "Object" {
            table.columns = object_columns(width).into_iter().map(|column| column.def).collect();
        } else {
            let selection = SELECTIONS.iter().find(|selection| selection.table == name);
            let is_rubins = |column: &str| name == "DiaSource" || !NOT_RUBINS.contains(&column);
            let is_drawn = |column: &str| {
                name != "Source" || !NOT_DRAWN.iter().any(|start| column.starts_with(start))
            };
            table.columns.retain(|column| {
                let column = &column.name;
                is_rubins(column) && is_drawn(column) && is_kept(selection, column, width)
            });
        }
        tables.push(table);
    }
    Ok(tables)
}

/// Return the schema of a catalog that holds nothing but a survey.
///
/// # Errors
/// As for [`survey_tables`].
pub fn survey_schema(width: Width) -> Result<SchemaDef> {
    Ok(SchemaDef {
        name: "survey".to_owned(),
        description: "A generated survey: no photon of it was ever seen.".to_owned(),
        version: None,
        tables: survey_tables(width)?,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use almagest_storage::schema::felis;

    use super::*;

    #[test]
    fn tables_have_their_widths() {
        let counts = |width| {
            let tables = survey_tables(width).unwrap();
            tables.iter().map(|table| table.columns.len()).collect::<Vec<_>>()
        };
        assert_eq!(counts(Width::Narrow), [12, 12, 12, 12, 12, 12]);
        assert_eq!(counts(Width::Medium), [15, 40, 40, 26, 40, 40]);
        assert_eq!(counts(Width::Ordinary), [15, 100, 74, 26, 67, 65]);
        assert_eq!(counts(Width::Whole), [15, 1248, 74, 26, 67, 65]);
    }

    #[test]
    fn definitions_do_not_contradict_themselves() {
        for width in Width::ALL {
            let schema = survey_schema(width).unwrap();
            felis::validate(&schema).unwrap();
            for column in schema.tables.iter().flat_map(|table| &table.columns) {
                assert!(!column.description.contains("own column"), "{}", column.name);
            }
        }
    }
}
