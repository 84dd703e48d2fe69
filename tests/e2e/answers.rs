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
