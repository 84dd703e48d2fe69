//! Totals of the rows for which a condition holds, which are made without copying these rows together.

use almagest_engine::arrow::array::{AsArray, RecordBatch};
use almagest_engine::arrow::compute::{cast, concat_batches};
use almagest_engine::arrow::datatypes::{DataType, Float64Type};
use almagest_engine::{QueryOptions, Session};

use crate::scattered::scattered;

async fn rows(session: &Session, adql: &str) -> RecordBatch {
    let query = session.query(adql, QueryOptions::default()).await.unwrap();
    let schema = query.schema().clone();
    concat_batches(&schema, &query.collect().await.unwrap()).unwrap()
}

/// The values of a column as numbers; NULL is none.
fn numbers(batch: &RecordBatch, place: usize) -> Vec<Option<f64>> {
    let column = cast(batch.column(place), &DataType::Float64).unwrap();
    column.as_primitive::<Float64Type>().iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn totals_are_those_of_the_rows_themselves() {
    let session = scattered().reading_all.session().unwrap();
    for condition in [
        "forcedId > 0",
        "forcedId < 0",
        "forcedId < 300",
        "dec > 0",
        // Of rows without a position it is not known.
        "NOT (dec > -30 AND ra < 200)",
        "dec IS NULL",
        "dec IS NULL AND forcedId < 2000",
    ] {
        let of = "FROM ForcedSource WHERE";
        let left = rows(&session, &format!("SELECT forcedId, dec {of} {condition}")).await;
        let totals = "SELECT COUNT(*) AS n, COUNT(dec) AS m, SUM(dec) AS a, AVG(dec) AS b,
            MIN(dec) AS c, MAX(dec) AS d, MAX(forcedId) AS e, SUM(forcedId) AS f";
        let query = format!("{totals} {of} {condition}");
        let plan = session.query(&query, QueryOptions::default()).await.unwrap().explain();
        assert!(plan.contains("TotalsExec"), "{plan}");
        let found = rows(&session, &query).await;
        let found: Vec<_> = (0..8).map(|place| numbers(&found, place)[0]).collect();
        let known: Vec<f64> = numbers(&left, 1).into_iter().flatten().collect();
        let ids: Vec<f64> = numbers(&left, 0).into_iter().flatten().collect();
        let some = |values: &[f64], of: fn(&[f64]) -> f64| (!values.is_empty()).then(|| of(values));
        let sum = |values: &[f64]| values.iter().sum::<f64>();
        let most = |values: &[f64]| values.iter().copied().fold(f64::MIN, f64::max);
        let least = |values: &[f64]| values.iter().copied().fold(f64::MAX, f64::min);
        let expected = [
            Some(left.num_rows() as f64),
            Some(known.len() as f64),
            some(&known, sum),
            some(&known, |values| values.iter().sum::<f64>() / values.len() as f64),
            some(&known, least),
            some(&known, most),
            some(&ids, most),
            some(&ids, sum),
        ];
        for (found, expected) in found.into_iter().zip(expected) {
            let is_same = match (found, expected) {
                (Some(found), Some(expected)) => {
                    (found - expected).abs() <= 1e-9 * expected.abs().max(1.0)
                }
                (found, expected) => found == expected,
            };
            assert!(is_same, "{condition}: {found:?}, not {expected:?}");
        }
    }
}
