//! Aggregates: the core's five, and statistics beyond the standard. NULLs count for nothing.

use super::{Declaration, Form, Form::Call, Group, aggregate_udf};

const fn core(
    name: &'static str,
    form: Form,
    signatures: &'static [&'static str],
    description: &'static str,
) -> Declaration {
    Declaration { name, group: Group::Aggregate, form, signatures, description }
}

pub(super) const DECLARATIONS: &[Declaration] = &[
    core("AVG", Call("avg"), &["AVG(x DOUBLE) -> DOUBLE"], "mean"),
    core(
        "COUNT",
        Call("count"),
        &["COUNT(x ANY) -> BIGINT"],
        "number of rows, or of the values that are not NULL",
    ),
    core("MAX", Call("max"), &["MAX(x ANY) -> ANY"], "largest value"),
    core("MIN", Call("min"), &["MIN(x ANY) -> ANY"], "smallest value"),
    core(
        "SUM",
        Call("sum"),
        &["SUM(x BIGINT) -> BIGINT", "SUM(x DOUBLE) -> DOUBLE"],
        "sum; NULL where a BIGINT cannot hold it",
    ),
    aggregate_udf(
        "MEDIAN",
        Call("median"),
        &["MEDIAN(x DOUBLE) -> DOUBLE"],
        "the exact median; of an even number of values the mean of the middle two",
    ),
    aggregate_udf(
        "QUANTILE",
        Call("percentile_cont"),
        &["QUANTILE(x DOUBLE, q DOUBLE) -> DOUBLE"],
        "the exact value below which a fraction q of the values lies, interpolated linearly; q is \
         a literal from 0 to 1",
    ),
    aggregate_udf(
        "STDDEV",
        Call("stddev"),
        &["STDDEV(x DOUBLE) -> DOUBLE"],
        "standard deviation of a sample (n - 1), as STDDEV_SAMP",
    ),
    aggregate_udf(
        "STDDEV_SAMP",
        Call("stddev_samp"),
        &["STDDEV_SAMP(x DOUBLE) -> DOUBLE"],
        "standard deviation of a sample (n - 1); NULL for one value",
    ),
    aggregate_udf(
        "STDDEV_POP",
        Call("stddev_pop"),
        &["STDDEV_POP(x DOUBLE) -> DOUBLE"],
        "standard deviation of a population (n)",
    ),
    aggregate_udf(
        "VARIANCE",
        Call("var_samp"),
        &["VARIANCE(x DOUBLE) -> DOUBLE"],
        "variance of a sample (n - 1), as VAR_SAMP",
    ),
    aggregate_udf(
        "VAR_SAMP",
        Call("var_samp"),
        &["VAR_SAMP(x DOUBLE) -> DOUBLE"],
        "variance of a sample (n - 1); NULL for one value",
    ),
    aggregate_udf(
        "VAR_POP",
        Call("var_pop"),
        &["VAR_POP(x DOUBLE) -> DOUBLE"],
        "variance of a population (n)",
    ),
    aggregate_udf(
        "CORR",
        Call("corr"),
        &["CORR(x DOUBLE, y DOUBLE) -> DOUBLE"],
        "Pearson's coefficient of correlation of the rows in which neither is NULL",
    ),
];
