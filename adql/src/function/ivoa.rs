//! The catalogue of user-defined functions that the IVOA has agreed on.
//!
//! Reference: Catalogue of ADQL User Defined Functions 1.2 (IVOA Endorsed Note).

use super::{
    Declaration,
    Form::{Call, Off, Rewritten},
    aggregate_udf, udf,
};

pub(super) const DECLARATIONS: &[Declaration] = &[
    udf(
        "ivo_healpix_index",
        Call("ivo_healpix_index"),
        &[
            "ivo_healpix_index(order INTEGER, lon DOUBLE, lat DOUBLE) -> BIGINT",
            "ivo_healpix_index(order INTEGER, p POINT) -> BIGINT",
        ],
        "the HEALPix cell (nested scheme) of an order from 0 to 29 in which a position lies; degrees",
    ),
    udf(
        "ivo_healpix_center",
        Call("ivo_healpix_center"),
        &["ivo_healpix_center(order INTEGER, index BIGINT) -> POINT"],
        "the centre of a HEALPix cell (nested scheme)",
    ),
    udf(
        "ivo_epoch_prop_pos",
        Call("ivo_epoch_prop_pos"),
        &[
            "ivo_epoch_prop_pos(ra DOUBLE, dec DOUBLE, parallax DOUBLE, pmra DOUBLE, pmdec DOUBLE, \
             radial_velocity DOUBLE, ref_epoch DOUBLE, out_epoch DOUBLE) -> POINT",
            "ivo_epoch_prop_pos(ra DOUBLE, dec DOUBLE, pmra DOUBLE, pmdec DOUBLE, \
             ref_epoch DOUBLE, out_epoch DOUBLE) -> POINT",
        ],
        "where a star that moves uniformly through space is at another epoch; degrees, mas, mas/yr \
         (pmra with the factor cos dec), km/s, Julian years. A NULL parallax, proper motion or \
         velocity counts as 0; a NULL position or epoch is an error",
    ),
    udf(
        "ivo_geom_transform",
        Rewritten,
        &["ivo_geom_transform(from_sys VARCHAR, to_sys VARCHAR, geo GEOMETRY) -> GEOMETRY"],
        "a geometry in another frame; the frames are literals: ICRS, GALACTIC, FK5 (J2000), FK4 \
         (B1950), ECLIPTIC (J2000)",
    ),
    udf(
        "ivo_to_jd",
        Call("ivo_to_jd"),
        &["ivo_to_jd(d TIMESTAMP) -> DOUBLE"],
        "the Julian date of a point in time, in its own time scale; days",
    ),
    udf(
        "ivo_to_mjd",
        Call("ivo_to_mjd"),
        &["ivo_to_mjd(d TIMESTAMP) -> DOUBLE"],
        "the modified Julian date of a point in time, in its own time scale; days",
    ),
    aggregate_udf(
        "ivo_string_agg",
        Call("string_agg"),
        &["ivo_string_agg(expression VARCHAR, delimiter VARCHAR) -> VARCHAR"],
        "the strings of all rows, one after the other, with a literal delimiter between them",
    ),
    udf(
        "ivo_nocasematch",
        Rewritten,
        &["ivo_nocasematch(value VARCHAR, pattern VARCHAR) -> INTEGER"],
        "1 if the value is LIKE the pattern without regard to case, else 0",
    ),
    udf(
        "ivo_hasword",
        Call("ivo_hasword"),
        &["ivo_hasword(haystack VARCHAR, needle VARCHAR) -> INTEGER"],
        "1 if all words of the needle are words of the haystack, without regard to case, else 0",
    ),
    udf(
        "ivo_hashlist_has",
        Call("ivo_hashlist_has"),
        &["ivo_hashlist_has(hashlist VARCHAR, item VARCHAR) -> INTEGER"],
        "1 if the item, without regard to case, is one of those that # separates in the list, else 0",
    ),
    aggregate_udf(
        "ivo_histogram",
        Call("ivo_histogram"),
        &["ivo_histogram(val DOUBLE, lower DOUBLE, upper DOUBLE, nbins INTEGER) -> INTEGER[]"],
        "how many values lie below lower, in each of nbins equal bins, and from upper on: nbins + 2 \
         counts. NULL counts as below; the limits and nbins are literals",
    ),
    udf(
        "ivo_normal_random",
        Rewritten,
        &["ivo_normal_random(mu DOUBLE, sigma DOUBLE) -> DOUBLE"],
        "a random number from a normal distribution, drawn anew for each row",
    ),
    udf(
        "ivo_interval_overlaps",
        Rewritten,
        &["ivo_interval_overlaps(l1 DOUBLE, h1 DOUBLE, l2 DOUBLE, h2 DOUBLE) -> INTEGER"],
        "1 if the intervals from l1 to h1 and from l2 to h2 have a number in common, else 0; an \
         interval whose ends are exchanged is empty",
    ),
    udf(
        "ivo_simbadpoint",
        Off(
            "this service does not ask Simbad; look the object up and write its position as POINT(…)",
        ),
        &["ivo_simbadpoint(identifier VARCHAR) -> POINT"],
        "the position of an object that Simbad knows; not available here",
    ),
    udf(
        "ivo_hms_to_degrees",
        Call("ivo_hms_to_degrees"),
        &["ivo_hms_to_degrees(hms VARCHAR) -> DOUBLE"],
        "degrees of a right ascension in hours, minutes and seconds: '3:34:45.4' or '3h34m45.4s'; \
         NULL for what is neither",
    ),
    udf(
        "ivo_dms_to_degrees",
        Call("ivo_dms_to_degrees"),
        &["ivo_dms_to_degrees(dms VARCHAR) -> DOUBLE"],
        "degrees of an angle in degrees, minutes and seconds: '-0:15:00' or '-0d15m0s'; NULL for \
         what is neither",
    ),
];
