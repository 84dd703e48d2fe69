//! Conditions on positions that users bring from Qserv: scisql's tests of a position, and
//! `qserv_areaspec_…`, which test the positions of a table in FROM. Each gives 1 or 0, and stands
//! for a condition by itself.

use super::{Declaration, Form::Rewritten, Group};

const fn test(
    name: &'static str,
    signatures: &'static [&'static str],
    description: &'static str,
) -> Declaration {
    Declaration { name, group: Group::Udf, form: Rewritten, signatures, description }
}

pub(super) const DECLARATIONS: &[Declaration] = &[
    test(
        "scisql_s2PtInBox",
        &["scisql_s2PtInBox(lon DOUBLE, lat DOUBLE, lonMin DOUBLE, latMin DOUBLE, \
             lonMax DOUBLE, latMax DOUBLE) -> INTEGER"],
        "1 if a position lies between two meridians and two parallels or on them, else 0; from \
         lonMin eastwards to lonMax, through 0 where lonMin is the larger; degrees",
    ),
    test(
        "scisql_s2PtInCircle",
        &["scisql_s2PtInCircle(lon DOUBLE, lat DOUBLE, centerLon DOUBLE, centerLat DOUBLE, \
             radius DOUBLE) -> INTEGER"],
        "1 if a position lies in a cone or on its edge, else 0; degrees",
    ),
    test(
        "scisql_s2PtInEllipse",
        &["scisql_s2PtInEllipse(lon DOUBLE, lat DOUBLE, centerLon DOUBLE, centerLat DOUBLE, \
             semiMajorArcsec DOUBLE, semiMinorArcsec DOUBLE, posAngle DOUBLE) -> INTEGER"],
        "1 if a position lies in a spherical ellipse or on its edge, else 0; degrees, semi-axes in \
         arcseconds, position angle of the major axis from north through east",
    ),
    test(
        "scisql_s2PtInCPoly",
        &["scisql_s2PtInCPoly(lon DOUBLE, lat DOUBLE, lon1 DOUBLE, lat1 DOUBLE, lon2 DOUBLE, \
             lat2 DOUBLE, lon3 DOUBLE, lat3 DOUBLE, ...) -> INTEGER"],
        "1 if a position lies in a polygon of great circles or on its edge, else 0; degrees",
    ),
    test(
        "qserv_areaspec_box",
        &["qserv_areaspec_box(lonMin DOUBLE, latMin DOUBLE, lonMax DOUBLE, latMax DOUBLE) \
             -> INTEGER"],
        "scisql_s2PtInBox of the positions of the first table in FROM that has them",
    ),
    test(
        "qserv_areaspec_circle",
        &["qserv_areaspec_circle(lon DOUBLE, lat DOUBLE, radius DOUBLE) -> INTEGER"],
        "scisql_s2PtInCircle of the positions of the first table in FROM that has them",
    ),
    test(
        "qserv_areaspec_ellipse",
        &["qserv_areaspec_ellipse(lon DOUBLE, lat DOUBLE, semiMajorArcsec DOUBLE, \
             semiMinorArcsec DOUBLE, posAngle DOUBLE) -> INTEGER"],
        "scisql_s2PtInEllipse of the positions of the first table in FROM that has them",
    ),
    test(
        "qserv_areaspec_poly",
        &["qserv_areaspec_poly(lon1 DOUBLE, lat1 DOUBLE, lon2 DOUBLE, lat2 DOUBLE, lon3 DOUBLE, \
             lat3 DOUBLE, ...) -> INTEGER"],
        "scisql_s2PtInCPoly of the positions of the first table in FROM that has them",
    ),
];
