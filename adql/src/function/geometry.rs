//! Geometry (ADQL 2.1, section 4.2): all angles in degrees.
//!
//! The coordinate system as a first argument is deprecated; it must be ICRS, or empty.

use super::{Declaration, Form::Rewritten, Group};

const fn geometry(
    name: &'static str,
    signatures: &'static [&'static str],
    description: &'static str,
) -> Declaration {
    Declaration { name, group: Group::Geometry, form: Rewritten, signatures, description }
}

pub(super) const DECLARATIONS: &[Declaration] = &[
    geometry(
        "POINT",
        &["POINT([coosys VARCHAR,] lon DOUBLE, lat DOUBLE) -> POINT"],
        "a position on the sky; degrees",
    ),
    geometry(
        "CIRCLE",
        &[
            "CIRCLE([coosys VARCHAR,] center POINT, radius DOUBLE) -> CIRCLE",
            "CIRCLE([coosys VARCHAR,] lon DOUBLE, lat DOUBLE, radius DOUBLE) -> CIRCLE",
        ],
        "the cone of a radius around a position; degrees",
    ),
    geometry(
        "BOX",
        &[
            "BOX([coosys VARCHAR,] center POINT, width DOUBLE, height DOUBLE) -> POLYGON",
            "BOX([coosys VARCHAR,] lon DOUBLE, lat DOUBLE, width DOUBLE, height DOUBLE) -> POLYGON",
        ],
        "the region between great circles that cross the axes of a position at right angles, half \
         the width and half the height away from it; degrees",
    ),
    geometry(
        "POLYGON",
        &[
            "POLYGON([coosys VARCHAR,] p1 POINT, p2 POINT, p3 POINT, ...) -> POLYGON",
            "POLYGON([coosys VARCHAR,] lon1 DOUBLE, lat1 DOUBLE, lon2 DOUBLE, lat2 DOUBLE, \
             lon3 DOUBLE, lat3 DOUBLE, ...) -> POLYGON",
        ],
        "the smaller region bounded by the great circles between three or more vertices; degrees",
    ),
    geometry(
        "REGION",
        &["REGION(stcs VARCHAR) -> REGION"],
        "the geometry that an STC-S string describes, such as 'CIRCLE ICRS 10 20 0.5' or \
         'UNION ICRS (CIRCLE 10 20 1 POLYGON 10 20 11 20 11 21)'",
    ),
    geometry(
        "CONTAINS",
        &["CONTAINS(inner GEOMETRY, outer GEOMETRY) -> INTEGER"],
        "1 if the first geometry lies in the second or on its boundary, else 0",
    ),
    geometry(
        "INTERSECTS",
        &["INTERSECTS(a GEOMETRY, b GEOMETRY) -> INTEGER"],
        "1 if the two geometries have a position in common, else 0",
    ),
    geometry(
        "DISTANCE",
        &[
            "DISTANCE(a POINT, b POINT) -> DOUBLE",
            "DISTANCE(lon1 DOUBLE, lat1 DOUBLE, lon2 DOUBLE, lat2 DOUBLE) -> DOUBLE",
        ],
        "the length of the great-circle arc between two positions; degrees",
    ),
    geometry("AREA", &["AREA(g GEOMETRY) -> DOUBLE"], "the area of a geometry; square degrees"),
    geometry(
        "CENTROID",
        &["CENTROID(g GEOMETRY) -> POINT"],
        "the centre of mass of a geometry, projected onto the sky",
    ),
    geometry(
        "COORD1",
        &["COORD1(p POINT) -> DOUBLE"],
        "the longitude of a position; degrees from 0 to 360",
    ),
    geometry("COORD2", &["COORD2(p POINT) -> DOUBLE"], "the latitude of a position; degrees"),
    geometry(
        "COORDSYS",
        &["COORDSYS(g GEOMETRY) -> VARCHAR"],
        "the coordinate system in which a geometry is given; deprecated",
    ),
    Declaration {
        name: "MOC",
        group: Group::Udf,
        form: Rewritten,
        signatures: &["MOC(cells VARCHAR) -> REGION"],
        description: "the cells of a Multi-Order Coverage map in ASCII, such as '5/1-3 6/100'; ICRS",
    },
];
