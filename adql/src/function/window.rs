//! Functions of a window (`f(…) OVER (PARTITION BY … ORDER BY …)`), an extension.

use super::{Declaration, Form::Call, Group};

const fn window(
    name: &'static str,
    engine: &'static str,
    signatures: &'static [&'static str],
    description: &'static str,
) -> Declaration {
    Declaration { name, group: Group::Window, form: Call(engine), signatures, description }
}

pub(super) const DECLARATIONS: &[Declaration] = &[
    window(
        "ROW_NUMBER",
        "row_number",
        &["ROW_NUMBER() -> BIGINT"],
        "the number of the row in its partition, from 1",
    ),
    window(
        "RANK",
        "rank",
        &["RANK() -> BIGINT"],
        "the number of the first row that is equal in order",
    ),
    window(
        "DENSE_RANK",
        "dense_rank",
        &["DENSE_RANK() -> BIGINT"],
        "the number of different rows up to this one",
    ),
    window(
        "PERCENT_RANK",
        "percent_rank",
        &["PERCENT_RANK() -> DOUBLE"],
        "the rank as a fraction from 0 to 1",
    ),
    window(
        "CUME_DIST",
        "cume_dist",
        &["CUME_DIST() -> DOUBLE"],
        "the fraction of rows that come no later",
    ),
    window(
        "NTILE",
        "ntile",
        &["NTILE(n BIGINT) -> BIGINT"],
        "the number of the row's part, of n parts of equal size",
    ),
    window(
        "LAG",
        "lag",
        &["LAG(x ANY [, rows BIGINT] [, default ANY]) -> ANY"],
        "x of the row so many rows before",
    ),
    window(
        "LEAD",
        "lead",
        &["LEAD(x ANY [, rows BIGINT] [, default ANY]) -> ANY"],
        "x of the row so many rows after",
    ),
    window(
        "FIRST_VALUE",
        "first_value",
        &["FIRST_VALUE(x ANY) -> ANY"],
        "x of the first row of the frame",
    ),
    window(
        "LAST_VALUE",
        "last_value",
        &["LAST_VALUE(x ANY) -> ANY"],
        "x of the last row of the frame",
    ),
];
