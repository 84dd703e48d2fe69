//! The nearest rows of each row, and the best rows of each group, against all pairs sorted.

use almagest_engine::{QueryOptions, Session};

use crate::answers::{ids, ids_of, pairs_of};
use crate::neighbours::{mine, session};
use crate::scattered::scattered;

/// What a query says in the place of `{distance}` and `{place}`; disguised, the engine pairs, sorts
/// and numbers everything.
const PLAIN: [&str; 2] = ["DISTANCE(POINT(m.ra, m.dec), POINT(o.ra, o.dec))", "place"];
const DISGUISED: [&str; 2] =
    ["ABS(DISTANCE(POINT(m.ra, m.dec), POINT(o.ra, o.dec)))", "ABS(place)"];

fn spelled(query: &str, [distance, place]: [&str; 2]) -> String {
    query.replace("{distance}", distance).replace("{place}", place)
}

async fn plan_of(session: &Session, query: &str) -> String {
    let planned = session.query(query, QueryOptions::default()).await;
    planned.unwrap_or_else(|error| panic!("{query}\n{error}")).explain()
}

/// The rows are those of all pairs sorted, of which there are some; and the plan has some parts.
async fn check(session: &Session, query: &str, parts: &[&str]) -> Vec<(Option<i64>, Option<i64>)> {
    let (plain, disguised) = (spelled(query, PLAIN), spelled(query, DISGUISED));
    let plan = plan_of(session, &plain).await;
    for part in parts {
        assert!(plan.contains(part), "no {part} in the plan of {plain}\n{plan}");
    }
    let slow = plan_of(session, &disguised).await;
    assert!(!slow.contains("SkyJoin"), "{disguised}\n{slow}");
    let rows = pairs_of(session, &plain).await;
    assert!(!rows.is_empty(), "{plain}");
    assert_eq!(rows, pairs_of(session, &disguised).await, "{plain}");
    rows
}

/// The first places of a numbering of pairs.
fn first(table: &str, group: &str, order: &str, which: &str) -> String {
    format!(
        "SELECT id, other FROM (SELECT m.id, {table} AS other,
           ROW_NUMBER() OVER ({group} ORDER BY {order}) AS place
         FROM TAP_UPLOAD.mine AS m {which}"
    )
}

const EACH: &str = "PARTITION BY m.id";
const NEAREST: &[&str] = &["BestOfEachExec", "SkyJoinExec"];

#[tokio::test(flavor = "multi_thread")]
async fn the_nearest_of_each_row_are_found() {
    let mine = mine();
    let session = session(&mine);
    let order = "{distance}, o.objectId";
    for n in [1, 3, 900] {
        let query = first("o.objectId", EACH, order, ", Object AS o)");
        let rows = check(&session, &format!("{query} AS t WHERE {{place}} <= {n}"), NEAREST).await;
        // Whoever is nowhere has as many, which nothing but the rest of the order chooses.
        assert_eq!(rows.len(), n * mine.len());
    }
    let query = first("o.objectId", EACH, order, "CROSS JOIN Object AS o)");
    for some in ["4 > {place}", "{place} = 2", "{place} > 1 AND {place} < 4"] {
        check(&session, &format!("{query} AS t WHERE {some}"), NEAREST).await;
    }
    // Of the other side, of groups of rows, and of all pairs.
    let order = "{distance}, m.id";
    let query = first("o.objectId", "PARTITION BY o.objectId", order, "CROSS JOIN Object AS o)");
    let query = format!("{query} AS t WHERE {{place}} <= 2");
    let rows = check(&session, &query, NEAREST).await;
    assert_eq!(rows.len(), 2 * scattered().tables[0].rows.len());
    for group in ["PARTITION BY m.parity", ""] {
        let order = "{distance}, o.objectId, m.id";
        let query = first("o.objectId", group, order, "CROSS JOIN Object AS o)");
        check(&session, &format!("{query} AS t WHERE {{place}} <= 25"), NEAREST).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_else_is_asked_of_the_nearest_holds() {
    let session = session(&mine());
    let order = "{distance}, o.objectId";
    for (which, parts) in [
        // Of one side, of both, of equal columns.
        ("CROSS JOIN Object AS o WHERE MOD(o.objectId, 7) = 0)", NEAREST),
        ("JOIN Object AS o ON o.objectId > 3 * m.id + 500)", NEAREST),
        ("JOIN Object AS o ON o.objectId > 10 * m.id - 4000 AND o.dec < m.dec)", NEAREST),
        ("JOIN Object AS o ON MOD(o.objectId, 2) = m.parity)", &["BestOfEachExec"]),
    ] {
        let query = first("o.objectId", EACH, order, which);
        check(&session, &format!("{query} AS t WHERE {{place}} <= 3"), parts).await;
    }
    // Candidates that are nowhere come last.
    let order = "{distance}, o.forcedId";
    let which = "CROSS JOIN ForcedSource AS o WHERE o.forcedId < 40)";
    for n in [1, 30, 1000] {
        let query = first("o.forcedId", EACH, order, which);
        check(&session, &format!("{query} AS t WHERE {{place}} <= {n}"), NEAREST).await;
    }
    // From the farthest on, all pairs are needed.
    let order = "{distance} DESC, o.objectId";
    let query = first("o.objectId", EACH, order, "CROSS JOIN Object AS o)");
    let query = format!("{query} AS t WHERE {{place}} <= 3");
    check(&session, &query, &["BestOfEachExec", "CrossJoinExec"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_best_match_within_a_radius_is_found() {
    let session = session(&mine());
    let near = "DISTANCE(POINT(m.ra, m.dec), POINT(o.ra, o.dec)) <= 5";
    for join in ["JOIN", "LEFT JOIN"] {
        for n in [1, 4] {
            let select = |[distance, place]: [&str; 2]| {
                format!(
                    "SELECT id, other FROM (SELECT m.id, o.objectId AS other, ROW_NUMBER() OVER
                       (PARTITION BY m.id ORDER BY {distance}, o.objectId) AS place
                     FROM TAP_UPLOAD.mine AS m {join} Object AS o ON {near}) AS t
                     WHERE {place} <= {n}"
                )
            };
            let (plain, disguised) = (select(PLAIN), select(DISGUISED));
            let plan = plan_of(&session, &plain).await;
            assert!(NEAREST.iter().all(|part| plan.contains(part)), "{plain}\n{plan}");
            let rows = pairs_of(&session, &plain).await;
            assert!(rows.len() > 50, "{}", rows.len());
            assert_eq!(rows, pairs_of(&session, &disguised).await, "{plain}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rank_comes_too() {
    let session = session(&mine());
    let query = "SELECT place, other FROM (SELECT o.objectId AS other, ROW_NUMBER() OVER
           (PARTITION BY m.id ORDER BY {distance}, o.objectId) AS place
         FROM TAP_UPLOAD.mine AS m CROSS JOIN Object AS o) AS t WHERE {place} <= 5";
    let rows = check(&session, query, NEAREST).await;
    let n_mine = mine().len();
    for rank in 1..=5 {
        assert_eq!(rows.iter().filter(|row| row.0 == Some(rank)).count(), n_mine);
    }
    // Rows of groups that are sorted by what they are.
    let query = "SELECT place, objectId FROM (SELECT objectId, ROW_NUMBER() OVER
           (PARTITION BY MOD(objectId, 11), FLOOR(ra) ORDER BY dec DESC, objectId) AS place
         FROM Object) AS t WHERE {place} <= 2";
    let (plain, disguised) = (spelled(query, PLAIN), spelled(query, DISGUISED));
    assert!(plan_of(&session, &plain).await.contains("BestOfEachExec"));
    let rows = pairs_of(&session, &plain).await;
    assert_eq!(rows, pairs_of(&session, &disguised).await);
    assert!(rows.iter().any(|row| row.0 == Some(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subquery_may_ask_for_the_nearest() {
    let session = session(&mine());
    let nearest = "(SELECT TOP 1 o.objectId FROM Object AS o ORDER BY {distance}, o.objectId)";
    let query = format!("SELECT m.id, {nearest} AS other FROM TAP_UPLOAD.mine AS m");
    let rows = check(&session, &query, NEAREST).await;
    assert_eq!(rows.len(), mine().len());
    let query = format!(
        "SELECT m.id, p.objectId FROM TAP_UPLOAD.mine AS m JOIN Object AS p ON p.objectId = {nearest}"
    );
    assert_eq!(check(&session, &query, NEAREST).await, rows);
    let query = "SELECT m.id, p.objectId FROM TAP_UPLOAD.mine AS m, Object AS p
        WHERE MOD(p.objectId, 5) = 0 AND p.objectId IN
          (SELECT TOP 3 o.objectId FROM Object AS o ORDER BY {distance}, o.objectId)";
    check(&session, query, NEAREST).await;
}

/// Rows near a place are read, and no others; of a table under a condition all are.
#[tokio::test(flavor = "multi_thread")]
async fn the_nearest_to_a_place_are_looked_for_near_it() {
    let scattered = scattered();
    let session = scattered.pruning.session().unwrap();
    let bound = "sky_closed_cone";
    for (ra, dec) in [(10.0, -5.0), (0.0, 90.0), (359.999, -89.5), (180.0, 1.0), (-20.0, 44.0)] {
        for (table, id) in [("Object", "objectId"), ("Source", "sourceId")] {
            let n_all = scattered.tables.iter().find(|t| t.name == table).unwrap().rows.len();
            for n in [1, 2, 30, n_all - 1, n_all + 5] {
                let place = match n % 2 {
                    0 => format!("ra, dec, {ra}, {dec}"),
                    _ => format!("POINT({ra}, {dec}), POINT(t.ra, t.dec)"),
                };
                let select = |key: String| {
                    format!("SELECT TOP {n} {id} FROM {table} AS t ORDER BY {key}, {id}")
                };
                let plain = select(format!("DISTANCE({place})"));
                let disguised = select(format!("ABS(DISTANCE({place}))"));
                let plan = plan_of(&session, &plain).await;
                assert_eq!(plan.contains(bound), n <= 30, "{plain}\n{plan}");
                let expected = ids(&scattered.reading_all, &disguised).await;
                assert_eq!(expected.len(), n.min(n_all));
                assert_eq!(ids_of(&session, &plain).await, expected, "{plain}");
            }
        }
    }
    let near = "DISTANCE(ra, dec, 10, -5)";
    for (query, is_bounded) in [
        // By a name, from a subquery, and not from the beginning.
        (format!("SELECT TOP 3 objectId, {near} AS d FROM Object ORDER BY d, objectId"), true),
        (format!("SELECT TOP 3 objectId FROM (SELECT * FROM Object) AS t ORDER BY {near}"), true),
        (format!("SELECT TOP 3 objectId FROM Object ORDER BY {near} OFFSET 4"), true),
        (format!("SELECT TOP 3 objectId FROM Object WHERE dec > 60 ORDER BY {near}"), false),
        (format!("SELECT TOP 3 objectId FROM Object ORDER BY {near} DESC, objectId"), false),
        (format!("SELECT TOP 3 objectId FROM Object ORDER BY objectId, {near}"), false),
        (
            format!(
                "SELECT TOP 3 MIN(objectId) AS i FROM Object GROUP BY MOD(objectId, 9), ra, dec
                  ORDER BY {near}, i"
            ),
            false,
        ),
        // Of these, some rows are nowhere.
        (format!("SELECT TOP 3 forcedId FROM ForcedSource ORDER BY {near}, forcedId"), false),
    ] {
        let plan = plan_of(&session, &query).await;
        assert_eq!(plan.contains(bound), is_bounded, "{query}\n{plan}");
        let disguised = query.replace(near, &format!("ABS({near})"));
        let expected = ids(&scattered.reading_all, &disguised).await;
        assert_eq!(expected.len(), 3, "{query}");
        assert_eq!(ids_of(&session, &query).await, expected, "{query}");
    }
}
