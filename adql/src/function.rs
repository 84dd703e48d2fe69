//! The table of functions that a query may call: what validation checks, what translation emits
//! and what the capabilities document lists.

/// What a function belongs to: an optional feature of ADQL 2.1 (TAPRegExt's `#features-adql…`) or
/// a part of the core language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Group {
    /// `#features-adqlgeo`.
    Geometry,
    /// The core's mathematical and trigonometrical functions.
    Math,
    /// `#features-adql-string`.
    String,
    /// `#features-adql-conditional`.
    Conditional,
    /// `#features-adql-type`.
    Type,
    /// The core's aggregate functions.
    Aggregate,
    /// `#features-udf`: functions of this service, beyond the standard.
    Udf,
}

/// How a call reaches the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As a call of this function with the same arguments.
    Call(&'static str),
    /// Rewritten by [`translate`](crate::translate).
    Rewritten,
}

/// A function that a query may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Name as the standard writes it. Calls match without regard to case.
    pub name: &'static str,
    /// The feature that it belongs to.
    pub group: Group,
    /// Arguments and result, in the notation of TAPRegExt: `f(a DOUBLE) -> DOUBLE`.
    pub signature: &'static str,
    /// What it computes, with units.
    pub description: &'static str,
    fewest: usize,
    most: usize,
    pub(crate) form: Form,
}

impl Function {
    /// Whether it may be called with this many arguments.
    pub(crate) fn takes(&self, count: usize) -> bool {
        (self.fewest..=self.most).contains(&count)
    }

    /// The number of arguments in words.
    pub(crate) fn expects(&self) -> String {
        match (self.fewest, self.most) {
            (0, 0) => "no argument".to_owned(),
            (1, 1) => "1 argument".to_owned(),
            (n, m) if n == m => format!("{n} arguments"),
            (n, usize::MAX) => format!("{n} arguments or more"),
            (n, m) => format!("{n} to {m} arguments"),
        }
    }
}

/// Find a function by its name, in any case.
pub fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|f| f.name.eq_ignore_ascii_case(name))
}

/// Functions of ADQL 2.1 that are known by name but not implemented.
pub(crate) const NOT_YET: &[&str] = &["IN_UNIT"];

const fn function(
    name: &'static str,
    group: Group,
    (fewest, most): (usize, usize),
    form: Form,
    signature: &'static str,
    description: &'static str,
) -> Function {
    Function { name, group, signature, description, fewest, most, form }
}

const MANY: usize = usize::MAX;

/// All functions that a query may call.
pub const FUNCTIONS: &[Function] = {
    use Form::{Call, Rewritten};
    use Group::{Aggregate, Conditional, Geometry, Math, String, Type, Udf};
    &[
        // ADQL 2.1, section 4.2.
        function(
            "POINT",
            Geometry,
            (2, 3),
            Rewritten,
            "POINT(lon DOUBLE, lat DOUBLE) -> POINT",
            "a position on the sky; degrees",
        ),
        function(
            "CIRCLE",
            Geometry,
            (2, 4),
            Rewritten,
            "CIRCLE(center POINT, radius DOUBLE) -> CIRCLE",
            "the cone of a radius around a position; degrees",
        ),
        function(
            "BOX",
            Geometry,
            (3, 5),
            Rewritten,
            "BOX(center POINT, width DOUBLE, height DOUBLE) -> POLYGON",
            "the region between great circles that cross the axes of a position at right angles, \
             half the width and half the height away from it; degrees",
        ),
        function(
            "POLYGON",
            Geometry,
            (3, MANY),
            Rewritten,
            "POLYGON(lon1 DOUBLE, lat1 DOUBLE, lon2 DOUBLE, lat2 DOUBLE, ...) -> POLYGON",
            "the smaller region bounded by the great circles between three or more vertices; degrees",
        ),
        function(
            "CONTAINS",
            Geometry,
            (2, 2),
            Rewritten,
            "CONTAINS(inner GEOMETRY, outer GEOMETRY) -> INTEGER",
            "1 if the first geometry lies in the second or on its boundary, else 0",
        ),
        function(
            "INTERSECTS",
            Geometry,
            (2, 2),
            Rewritten,
            "INTERSECTS(a GEOMETRY, b GEOMETRY) -> INTEGER",
            "1 if the two geometries have a position in common, else 0",
        ),
        function(
            "DISTANCE",
            Geometry,
            (2, 4),
            Rewritten,
            "DISTANCE(a POINT, b POINT) -> DOUBLE",
            "the length of the great-circle arc between two positions; degrees",
        ),
        function(
            "COORD1",
            Geometry,
            (1, 1),
            Rewritten,
            "COORD1(p POINT) -> DOUBLE",
            "the longitude of a position; degrees",
        ),
        function(
            "COORD2",
            Geometry,
            (1, 1),
            Rewritten,
            "COORD2(p POINT) -> DOUBLE",
            "the latitude of a position; degrees",
        ),
        function(
            "COORDSYS",
            Geometry,
            (1, 1),
            Rewritten,
            "COORDSYS(g GEOMETRY) -> VARCHAR",
            "the coordinate system in which a geometry is given; deprecated",
        ),
        function(
            "AREA",
            Geometry,
            (1, 1),
            Rewritten,
            "AREA(g GEOMETRY) -> DOUBLE",
            "the area of a geometry; square degrees",
        ),
        function(
            "CENTROID",
            Geometry,
            (1, 1),
            Rewritten,
            "CENTROID(g GEOMETRY) -> POINT",
            "the centre of mass of a geometry, projected onto the sky",
        ),
        function(
            "REGION",
            Geometry,
            (1, 1),
            Rewritten,
            "REGION(stcs VARCHAR) -> REGION",
            "the geometry that an STC-S string describes, such as 'CIRCLE ICRS 10 20 0.5' or \
             'UNION ICRS (CIRCLE 10 20 1 POLYGON 10 20 11 20 11 21)'",
        ),
        function(
            "MOC",
            Udf,
            (1, 1),
            Rewritten,
            "MOC(cells VARCHAR) -> REGION",
            "the cells of a Multi-Order Coverage map in ASCII, such as '5/1-3 6/100'; ICRS",
        ),
        // Section 2.3.
        function("ABS", Math, (1, 1), Call("abs"), "ABS(x DOUBLE) -> DOUBLE", "absolute value"),
        function(
            "CEILING",
            Math,
            (1, 1),
            Call("ceil"),
            "CEILING(x DOUBLE) -> DOUBLE",
            "the smallest integer not below x",
        ),
        function(
            "DEGREES",
            Math,
            (1, 1),
            Call("degrees"),
            "DEGREES(x DOUBLE) -> DOUBLE",
            "radians to degrees",
        ),
        function("EXP", Math, (1, 1), Call("exp"), "EXP(x DOUBLE) -> DOUBLE", "e to the power x"),
        function(
            "FLOOR",
            Math,
            (1, 1),
            Call("floor"),
            "FLOOR(x DOUBLE) -> DOUBLE",
            "the largest integer not above x",
        ),
        function("LOG", Math, (1, 1), Call("ln"), "LOG(x DOUBLE) -> DOUBLE", "natural logarithm"),
        function(
            "LOG10",
            Math,
            (1, 1),
            Call("log10"),
            "LOG10(x DOUBLE) -> DOUBLE",
            "logarithm to base 10",
        ),
        function(
            "MOD",
            Math,
            (2, 2),
            Rewritten,
            "MOD(x BIGINT, y BIGINT) -> BIGINT",
            "the remainder of x divided by y, with the sign of x",
        ),
        function("PI", Math, (0, 0), Call("pi"), "PI() -> DOUBLE", "the number pi"),
        function(
            "POWER",
            Math,
            (2, 2),
            Rewritten,
            "POWER(x DOUBLE, y DOUBLE) -> DOUBLE",
            "x to the power y",
        ),
        function(
            "RADIANS",
            Math,
            (1, 1),
            Call("radians"),
            "RADIANS(x DOUBLE) -> DOUBLE",
            "degrees to radians",
        ),
        function("SQRT", Math, (1, 1), Call("sqrt"), "SQRT(x DOUBLE) -> DOUBLE", "square root"),
        function(
            "RAND",
            Math,
            (0, 1),
            Rewritten,
            "RAND(seed INTEGER) -> DOUBLE",
            "a random number between 0 and 1; the seed is ignored",
        ),
        function(
            "ROUND",
            Math,
            (1, 2),
            Call("round"),
            "ROUND(x DOUBLE, places INTEGER) -> DOUBLE",
            "x rounded to a number of decimal places",
        ),
        function(
            "TRUNCATE",
            Math,
            (1, 2),
            Call("trunc"),
            "TRUNCATE(x DOUBLE, places INTEGER) -> DOUBLE",
            "x cut off after a number of decimal places",
        ),
        function(
            "ACOS",
            Math,
            (1, 1),
            Call("acos"),
            "ACOS(x DOUBLE) -> DOUBLE",
            "arc cosine; radians",
        ),
        function(
            "ASIN",
            Math,
            (1, 1),
            Call("asin"),
            "ASIN(x DOUBLE) -> DOUBLE",
            "arc sine; radians",
        ),
        function(
            "ATAN",
            Math,
            (1, 1),
            Call("atan"),
            "ATAN(x DOUBLE) -> DOUBLE",
            "arc tangent; radians",
        ),
        function(
            "ATAN2",
            Math,
            (2, 2),
            Call("atan2"),
            "ATAN2(y DOUBLE, x DOUBLE) -> DOUBLE",
            "the angle of the point (x, y); radians",
        ),
        function("COS", Math, (1, 1), Call("cos"), "COS(x DOUBLE) -> DOUBLE", "cosine of radians"),
        function(
            "COT",
            Math,
            (1, 1),
            Call("cot"),
            "COT(x DOUBLE) -> DOUBLE",
            "cotangent of radians",
        ),
        function("SIN", Math, (1, 1), Call("sin"), "SIN(x DOUBLE) -> DOUBLE", "sine of radians"),
        function("TAN", Math, (1, 1), Call("tan"), "TAN(x DOUBLE) -> DOUBLE", "tangent of radians"),
        // Section 4.3 onwards.
        function(
            "LOWER",
            String,
            (1, 1),
            Call("lower"),
            "LOWER(s VARCHAR) -> VARCHAR",
            "s in lower case",
        ),
        function(
            "UPPER",
            String,
            (1, 1),
            Call("upper"),
            "UPPER(s VARCHAR) -> VARCHAR",
            "s in upper case",
        ),
        function(
            "COALESCE",
            Conditional,
            (1, MANY),
            Call("coalesce"),
            "COALESCE(a ANY, b ANY, ...) -> ANY",
            "the first of its arguments that is not NULL",
        ),
        function(
            "TIMESTAMP",
            Type,
            (1, 1),
            Rewritten,
            "TIMESTAMP(s VARCHAR) -> TIMESTAMP",
            "the point in time that an ISO 8601 string names",
        ),
        function(
            "AVG",
            Aggregate,
            (1, 1),
            Call("avg"),
            "AVG(x DOUBLE) -> DOUBLE",
            "mean of the values that are not NULL",
        ),
        function(
            "COUNT",
            Aggregate,
            (1, 1),
            Call("count"),
            "COUNT(x ANY) -> BIGINT",
            "number of rows, or of the values that are not NULL",
        ),
        function("MAX", Aggregate, (1, 1), Call("max"), "MAX(x ANY) -> ANY", "largest value"),
        function("MIN", Aggregate, (1, 1), Call("min"), "MIN(x ANY) -> ANY", "smallest value"),
        function(
            "SUM",
            Aggregate,
            (1, 1),
            Call("sum"),
            "SUM(x DOUBLE) -> DOUBLE",
            "sum of the values that are not NULL",
        ),
        // What Rubin's users bring from Qserv.
        function(
            "scisql_angSep",
            Udf,
            (4, 4),
            Rewritten,
            "scisql_angSep(lon1 DOUBLE, lat1 DOUBLE, lon2 DOUBLE, lat2 DOUBLE) -> DOUBLE",
            "the length of the great-circle arc between two positions, as DISTANCE; degrees",
        ),
        function(
            "scisql_nanojanskyToAbMag",
            Udf,
            (1, 1),
            Rewritten,
            "scisql_nanojanskyToAbMag(flux DOUBLE) -> DOUBLE",
            "the AB magnitude of a flux in nJy",
        ),
        function(
            "scisql_nanojanskyToAbMagSigma",
            Udf,
            (2, 2),
            Rewritten,
            "scisql_nanojanskyToAbMagSigma(flux DOUBLE, fluxErr DOUBLE) -> DOUBLE",
            "the error of the AB magnitude of a flux and its error in nJy",
        ),
    ]
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_found_in_any_case() {
        assert_eq!(find("sQrT").map(|f| f.name), Some("SQRT"));
        assert_eq!(find("SCISQL_ANGSEP").map(|f| f.name), Some("scisql_angSep"));
        assert_eq!(find("sky_distance"), None);
    }

    #[test]
    fn each_function_stands_once_and_its_signature_names_it() {
        for (i, f) in FUNCTIONS.iter().enumerate() {
            let twice = FUNCTIONS[i + 1..].iter().any(|g| g.name.eq_ignore_ascii_case(f.name));
            assert!(!twice, "{} stands twice", f.name);
            assert!(f.signature.starts_with(&format!("{}(", f.name)), "{}", f.signature);
            assert!(f.signature.contains(") -> "), "{}", f.signature);
        }
    }
}
