//! How long a query is said to take, before it is run.

use almagest_engine::{QueryOptions, Session};

use crate::scattered::scattered;

async fn seconds(session: &Session, adql: &str) -> f64 {
    let query = session.query(adql, QueryOptions::default()).await.unwrap();
    query.estimate().unwrap().seconds
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_more_is_said_to_take_longer() {
    let session = scattered().pruning.session().unwrap();
    for ascending in [
        // One object, a region, the sky.
        [
            "SELECT sourceId, dec FROM Source WHERE sourceId = 7",
            "SELECT sourceId, dec FROM Source WHERE DISTANCE(ra, dec, 30, 10) < 20",
            "SELECT sourceId, dec FROM Source WHERE DISTANCE(ra, dec, 30, 10) < 180",
        ],
        // What is known without a scan, a sum, groups.
        [
            "SELECT COUNT(*) FROM Source",
            "SELECT SUM(dec) FROM Source",
            "SELECT sourceId, SUM(dec) FROM Source GROUP BY sourceId",
        ],
        // The first rows that come, all of them, all in order.
        [
            "SELECT TOP 10 sourceId, dec FROM Source",
            "SELECT sourceId, dec FROM Source",
            "SELECT sourceId, dec FROM Source ORDER BY dec",
        ],
        // Partners by id, neighbours, any two rows.
        [
            "SELECT COUNT(*) FROM Source AS s JOIN Object AS o ON s.sourceId = o.objectId",
            "SELECT COUNT(*) FROM Source AS s JOIN Object AS o
             ON DISTANCE(s.ra, s.dec, o.ra, o.dec) < 0.1",
            "SELECT COUNT(*) FROM Source AS s JOIN Object AS o ON s.dec + o.dec > 200",
        ],
    ] {
        let mut told = vec![];
        for query in ascending {
            told.push(seconds(&session, query).await);
        }
        assert!(told[0] < told[1] && told[1] < told[2], "{ascending:?}: {told:?}");
        assert!(told[0] > 0.0 && told[2] < 10.0, "{ascending:?}: {told:?}");
    }
}
