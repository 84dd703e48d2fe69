//! Answers of queries, as plain values.

use almagest_engine::arrow::array::AsArray;
use almagest_engine::arrow::datatypes::Int64Type;
use almagest_engine::{Database, QueryOptions, Session};

/// Run a query for one column of identifiers; return them ascending.
pub async fn ids(database: &Database, adql: &str) -> Vec<i64> {
    ids_of(&database.session().unwrap(), adql).await
}

/// As [`ids`], in a session that has begun.
pub async fn ids_of(session: &Session, adql: &str) -> Vec<i64> {
    let query = session.query(adql, QueryOptions::default()).await;
    let query = query.unwrap_or_else(|error| panic!("{adql}\n{error}"));
    let batches = query.collect().await.unwrap_or_else(|error| panic!("{adql}\n{error}"));
    let mut ids: Vec<i64> = batches
        .iter()
        .flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec())
        .collect();
    ids.sort_unstable();
    ids
}

/// Run a query for two columns of identifiers; return the rows ascending.
pub async fn pairs_of(session: &Session, adql: &str) -> Vec<(Option<i64>, Option<i64>)> {
    let query = session.query(adql, QueryOptions::default()).await;
    let query = query.unwrap_or_else(|error| panic!("{adql}\n{error}"));
    let batches = query.collect().await.unwrap_or_else(|error| panic!("{adql}\n{error}"));
    let mut pairs = vec![];
    for batch in &batches {
        let [a, b] = [0, 1].map(|column| batch.column(column).as_primitive::<Int64Type>());
        assert_eq!(a.len(), b.len());
        pairs.extend(a.iter().zip(b));
    }
    pairs.sort_unstable();
    pairs
}
