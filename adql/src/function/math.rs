//! Mathematics (ADQL 2.1, section 2.3): NULL outside the domain of a function.

use super::{
    Declaration, Form,
    Form::{Call, Rewritten},
    Group,
};

const fn math(
    name: &'static str,
    form: Form,
    signatures: &'static [&'static str],
    description: &'static str,
) -> Declaration {
    Declaration { name, group: Group::Math, form, signatures, description }
}

pub(super) const DECLARATIONS: &[Declaration] = &[
    math("ABS", Call("abs"), &["ABS(x NUMERIC) -> NUMERIC"], "absolute value"),
    math(
        "CEILING",
        Call("ceil"),
        &["CEILING(x DOUBLE) -> DOUBLE"],
        "the smallest integer not below x",
    ),
    math("DEGREES", Call("degrees"), &["DEGREES(x DOUBLE) -> DOUBLE"], "radians to degrees"),
    math("EXP", Call("exp"), &["EXP(x DOUBLE) -> DOUBLE"], "e to the power x"),
    math("FLOOR", Call("floor"), &["FLOOR(x DOUBLE) -> DOUBLE"], "the largest integer not above x"),
    math("LOG", Call("ln"), &["LOG(x DOUBLE) -> DOUBLE"], "natural logarithm"),
    math("LOG10", Call("log10"), &["LOG10(x DOUBLE) -> DOUBLE"], "logarithm to base 10"),
    math(
        "MOD",
        Rewritten,
        &["MOD(x BIGINT, y BIGINT) -> BIGINT", "MOD(x DOUBLE, y DOUBLE) -> DOUBLE"],
        "the remainder of x divided by y, with the sign of x",
    ),
    math("PI", Call("pi"), &["PI() -> DOUBLE"], "the number pi"),
    math("POWER", Call("power"), &["POWER(x DOUBLE, y DOUBLE) -> DOUBLE"], "x to the power y"),
    math("RADIANS", Call("radians"), &["RADIANS(x DOUBLE) -> DOUBLE"], "degrees to radians"),
    math("SQRT", Call("sqrt"), &["SQRT(x DOUBLE) -> DOUBLE"], "square root"),
    math(
        "RAND",
        Rewritten,
        &["RAND([seed BIGINT]) -> DOUBLE"],
        "a random number from 0 up to 1; one that follows from the seed, if there is one: \
         RAND(objectId) < 0.01 picks the same rows each time",
    ),
    math(
        "ROUND",
        Call("round_to"),
        &["ROUND(x DOUBLE [, places INTEGER]) -> DOUBLE"],
        "x rounded, halves away from zero, to a number of decimal places; below 0: tens, hundreds…",
    ),
    math(
        "TRUNCATE",
        Call("truncate_to"),
        &["TRUNCATE(x DOUBLE [, places INTEGER]) -> DOUBLE"],
        "x cut off after a number of decimal places; below 0: before tens, hundreds…",
    ),
    math("ACOS", Call("acos"), &["ACOS(x DOUBLE) -> DOUBLE"], "arc cosine; radians"),
    math("ASIN", Call("asin"), &["ASIN(x DOUBLE) -> DOUBLE"], "arc sine; radians"),
    math("ATAN", Call("atan"), &["ATAN(x DOUBLE) -> DOUBLE"], "arc tangent; radians"),
    math(
        "ATAN2",
        Call("atan2"),
        &["ATAN2(y DOUBLE, x DOUBLE) -> DOUBLE"],
        "the angle of the point (x, y); radians",
    ),
    math("COS", Call("cos"), &["COS(x DOUBLE) -> DOUBLE"], "cosine of radians"),
    math("COT", Call("cot"), &["COT(x DOUBLE) -> DOUBLE"], "cotangent of radians"),
    math("SIN", Call("sin"), &["SIN(x DOUBLE) -> DOUBLE"], "sine of radians"),
    math("TAN", Call("tan"), &["TAN(x DOUBLE) -> DOUBLE"], "tangent of radians"),
];
