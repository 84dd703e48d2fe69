//! Functions that users bring from other services: Qserv's scisql, the Gaia archive.
//!
//! The magnitudes are AB: zero is 10^(−0.4 · 48.6) erg s⁻¹ cm⁻² Hz⁻¹, some 3631 Jy.

use super::{
    Declaration,
    Form::{Call, Rewritten},
    udf,
};

pub(super) const DECLARATIONS: &[Declaration] = &[
    udf(
        "scisql_angSep",
        Rewritten,
        &["scisql_angSep(lon1 DOUBLE, lat1 DOUBLE, lon2 DOUBLE, lat2 DOUBLE) -> DOUBLE"],
        "the length of the great-circle arc between two positions, as DISTANCE; degrees",
    ),
    udf(
        "scisql_nanojanskyToAbMag",
        Call("nanojansky_to_ab_mag"),
        &["scisql_nanojanskyToAbMag(flux DOUBLE) -> DOUBLE"],
        "the AB magnitude of a flux in nJy; NULL if the flux is not above 0",
    ),
    udf(
        "scisql_nanojanskyToAbMagSigma",
        Call("flux_to_ab_mag_sigma"),
        &["scisql_nanojanskyToAbMagSigma(flux DOUBLE, fluxErr DOUBLE) -> DOUBLE"],
        "the error of the AB magnitude of a flux and its error in nJy",
    ),
    udf(
        "scisql_abMagToNanojansky",
        Call("ab_mag_to_nanojansky"),
        &["scisql_abMagToNanojansky(mag DOUBLE) -> DOUBLE"],
        "the flux in nJy of an AB magnitude",
    ),
    udf(
        "scisql_abMagToNanojanskySigma",
        Call("ab_mag_to_nanojansky_sigma"),
        &["scisql_abMagToNanojanskySigma(mag DOUBLE, magErr DOUBLE) -> DOUBLE"],
        "the error in nJy of the flux of an AB magnitude and its error",
    ),
    udf(
        "scisql_fluxToAbMag",
        Call("flux_to_ab_mag"),
        &["scisql_fluxToAbMag(flux DOUBLE) -> DOUBLE"],
        "the AB magnitude of a flux in erg/s/cm²/Hz; NULL if the flux is not above 0",
    ),
    udf(
        "scisql_fluxToAbMagSigma",
        Call("flux_to_ab_mag_sigma"),
        &["scisql_fluxToAbMagSigma(flux DOUBLE, fluxErr DOUBLE) -> DOUBLE"],
        "the error of the AB magnitude of a flux and its error in erg/s/cm²/Hz",
    ),
    udf(
        "scisql_abMagToFlux",
        Call("ab_mag_to_flux"),
        &["scisql_abMagToFlux(mag DOUBLE) -> DOUBLE"],
        "the flux in erg/s/cm²/Hz of an AB magnitude",
    ),
    udf(
        "scisql_abMagToFluxSigma",
        Call("ab_mag_to_flux_sigma"),
        &["scisql_abMagToFluxSigma(mag DOUBLE, magErr DOUBLE) -> DOUBLE"],
        "the error in erg/s/cm²/Hz of the flux of an AB magnitude and its error",
    ),
    udf(
        "scisql_dnToFlux",
        Call("dn_to_flux"),
        &["scisql_dnToFlux(dn DOUBLE, fluxMag0 DOUBLE) -> DOUBLE"],
        "the flux in erg/s/cm²/Hz of counts, where fluxMag0 counts are AB magnitude 0",
    ),
    udf(
        "scisql_dnToFluxSigma",
        Call("dn_to_flux_sigma"),
        &["scisql_dnToFluxSigma(dn DOUBLE, dnErr DOUBLE, fluxMag0 DOUBLE, fluxMag0Err DOUBLE) \
           -> DOUBLE"],
        "the error in erg/s/cm²/Hz of the flux of counts, from those of the counts and of fluxMag0",
    ),
    udf(
        "scisql_fluxToDn",
        Call("flux_to_dn"),
        &["scisql_fluxToDn(flux DOUBLE, fluxMag0 DOUBLE) -> DOUBLE"],
        "the counts of a flux in erg/s/cm²/Hz, where fluxMag0 counts are AB magnitude 0",
    ),
    udf(
        "scisql_fluxToDnSigma",
        Call("flux_to_dn_sigma"),
        &[
            "scisql_fluxToDnSigma(flux DOUBLE, fluxErr DOUBLE, fluxMag0 DOUBLE, fluxMag0Err DOUBLE) \
           -> DOUBLE",
        ],
        "the error of the counts of a flux in erg/s/cm²/Hz, from its own and that of fluxMag0",
    ),
    udf(
        "scisql_dnToAbMag",
        Call("dn_to_ab_mag"),
        &["scisql_dnToAbMag(dn DOUBLE, fluxMag0 DOUBLE) -> DOUBLE"],
        "the AB magnitude of counts, where fluxMag0 counts are AB magnitude 0",
    ),
    udf(
        "scisql_dnToAbMagSigma",
        Call("dn_to_ab_mag_sigma"),
        &["scisql_dnToAbMagSigma(dn DOUBLE, dnErr DOUBLE, fluxMag0 DOUBLE, fluxMag0Err DOUBLE) \
           -> DOUBLE"],
        "the error of the AB magnitude of counts, from those of the counts and of fluxMag0",
    ),
    udf(
        "scisql_abMagToDn",
        Call("ab_mag_to_dn"),
        &["scisql_abMagToDn(mag DOUBLE, fluxMag0 DOUBLE) -> DOUBLE"],
        "the counts of an AB magnitude, where fluxMag0 counts are AB magnitude 0",
    ),
    udf(
        "scisql_abMagToDnSigma",
        Call("ab_mag_to_dn_sigma"),
        &["scisql_abMagToDnSigma(mag DOUBLE, magErr DOUBLE, fluxMag0 DOUBLE, fluxMag0Err DOUBLE) \
           -> DOUBLE"],
        "the error of the counts of an AB magnitude, from its own and that of fluxMag0",
    ),
    udf(
        "EPOCH_PROP",
        Call("epoch_prop"),
        &["EPOCH_PROP(ra DOUBLE, dec DOUBLE, parallax DOUBLE, pmra DOUBLE, pmdec DOUBLE, \
           radial_velocity DOUBLE, ref_epoch DOUBLE, out_epoch DOUBLE) -> DOUBLE[]"],
        "position, parallax, proper motions and radial velocity of a star that moves uniformly, at \
         another epoch: six numbers in the order and units of the arguments, which are those of \
         ivo_epoch_prop_pos",
    ),
    udf(
        "EPOCH_PROP_POS",
        Call("ivo_epoch_prop_pos"),
        &[
            "EPOCH_PROP_POS(ra DOUBLE, dec DOUBLE, parallax DOUBLE, pmra DOUBLE, pmdec DOUBLE, \
             radial_velocity DOUBLE, ref_epoch DOUBLE, out_epoch DOUBLE) -> POINT",
            "EPOCH_PROP_POS(ra DOUBLE, dec DOUBLE, pmra DOUBLE, pmdec DOUBLE, ref_epoch DOUBLE, \
             out_epoch DOUBLE) -> POINT",
        ],
        "where a star is at another epoch, as ivo_epoch_prop_pos",
    ),
    udf(
        "gaia_healpix_index",
        Rewritten,
        &["gaia_healpix_index(order INTEGER, source_id BIGINT) -> BIGINT"],
        "the HEALPix cell (nested scheme) of an order from 0 to 12 that a Gaia source_id holds",
    ),
    udf("CBRT", Call("cbrt"), &["CBRT(x DOUBLE) -> DOUBLE"], "cube root"),
    udf("SIGN", Call("signum"), &["SIGN(x DOUBLE) -> DOUBLE"], "-1, 0 or 1: the sign of x"),
];
