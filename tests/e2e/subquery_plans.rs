//! How subqueries are planned: everyday ones as DataFusion does, neighbours by a join on the sky.

use almagest_engine::QueryOptions;

use crate::adql::catalog;

/// Both plans of a query.
async fn plan(query: &str) -> String {
    let (_folder, [database, _]) = catalog();
    let session = database.session().unwrap();
    session.query(query, QueryOptions::default()).await.unwrap().explain()
}

async fn check(query: &str, with: &[&str], without: &[&str]) {
    let plan = plan(query).await;
    for part in with {
        assert!(plan.contains(part), "no {part} in the plan of {query}:\n{plan}");
    }
    for part in without {
        assert!(!plan.contains(part), "{part} in the plan of {query}:\n{plan}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everyday_subqueries_stay_as_they_are() {
    let without = &["unnested"];
    let query = "SELECT starId FROM Star AS s WHERE EXISTS (SELECT * FROM Epoch AS e WHERE e.starId = s.starId)";
    check(query, &["LeftSemi"], without).await;
    let query = "SELECT starId FROM Star AS s WHERE NOT EXISTS (SELECT * FROM Epoch AS e WHERE e.starId = s.starId)";
    check(query, &["LeftAnti"], without).await;
    let query =
        "SELECT starId FROM Star WHERE starId IN (SELECT starId FROM Epoch WHERE visit = 101)";
    check(query, &["LeftSemi"], without).await;
    let query = "SELECT starId FROM Star WHERE n NOT IN (SELECT visit FROM Epoch)";
    check(query, &["LeftAnti"], without).await;
    let query = "SELECT starId, (SELECT MAX(e.visit) FROM Epoch AS e WHERE e.starId = s.starId) AS v FROM Star AS s";
    check(query, &["Left"], without).await;
    let query = "SELECT starId FROM Star WHERE gMag > (SELECT AVG(gMag) FROM Star)";
    check(query, &["ScalarSubquery"], without).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn neighbours_are_counted_by_a_sky_join() {
    let query = "SELECT starId, (SELECT COUNT(*) FROM Star AS t WHERE t.starId <> s.starId AND \
                 DISTANCE(POINT(t.coord_ra, t.coord_dec), POINT(s.coord_ra, s.coord_dec)) < 0.01) AS n \
                 FROM Star AS s";
    check(query, &["unnested", "SkyJoin"], &["NestedLoopJoinExec"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_row_tells_that_there_are_some() {
    let query = "SELECT starId FROM Star WHERE EXISTS (SELECT 1 FROM Epoch WHERE psfFlux > 60)";
    check(query, &["LeftSemi", "fetch=1"], &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_side_of_a_product_is_asked_by_itself() {
    let side = "EXISTS (SELECT 1 FROM Epoch AS e WHERE e.psfFlux > s.x)";
    let query = format!("SELECT v.visit FROM Star AS s, Visit AS v WHERE {side}");
    let plan = plan(&query).await;
    assert!(plan.find("Cross Join") < plan.find("LeftSemi"), "{plan}");
}
