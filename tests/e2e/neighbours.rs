//! Joins of neighbours against each pair of rows tested: every kind of join, radius and spelling.

use std::collections::BTreeSet;
use std::sync::Arc;

use almagest_engine::arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch};
use almagest_engine::{Session, Upload};
use almagest_storage::schema::PositionColumns;
use almagest_storage::sphgeom::Cone;

use crate::answers::{ids_of, pairs_of};
use crate::scattered::{Row, scattered};

/// A position that was brought along: id, degrees, and a radius of its own.
pub type Mine = (i64, Option<f64>, Option<f64>, Option<f64>);

/// Positions beside objects, at the poles, at the wrap, far from all, and none.
pub fn mine() -> Vec<Mine> {
    let objects = &scattered().tables[0].rows;
    let mut mine: Vec<Mine> = objects
        .iter()
        .step_by(97)
        .filter_map(|row| Some((row.id, row.position?)))
        .map(|(id, at)| {
            let beside = at.towards([0.0, 0.0005, 0.3][id as usize % 3], (id * 40 % 360) as f64);
            let radius = [Some(0.001), Some(0.0), Some(2.0), None, Some(-1.0)][id as usize % 5];
            (id, Some(beside.ra), Some(beside.dec), radius)
        })
        .collect();
    mine.extend([
        (-1, Some(0.0), Some(90.0), Some(1.0)),
        (-2, Some(123.0), Some(-90.0), Some(0.001)),
        (-3, Some(360.0), Some(0.0), Some(3.0)),
        (-4, Some(-1e-13), Some(0.0), Some(3.0)),
        (-5, None, Some(0.0), Some(3.0)),
        (-6, Some(10.0), None, Some(3.0)),
        (-7, Some(725.0), Some(45.0), Some(0.5)),
    ]);
    mine
}

/// A session in which they are TAP_UPLOAD.mine.
pub fn session(mine: &[Mine]) -> Session {
    let column = |value: fn(&Mine) -> Option<f64>| -> ArrayRef {
        Arc::new(mine.iter().map(value).collect::<Float64Array>())
    };
    let ids: ArrayRef = Arc::new(mine.iter().map(|row| row.0).collect::<Int64Array>());
    let parity: ArrayRef = Arc::new(mine.iter().map(|row| Some(row.0 % 2)).collect::<Int64Array>());
    let columns = [
        ("id", ids),
        ("ra", column(|row| row.1)),
        ("dec", column(|row| row.2)),
        ("radius", column(|row| row.3)),
        ("parity", parity),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let position = PositionColumns { ra: "ra".to_owned(), dec: "dec".to_owned(), epoch: None };
    let upload = Upload::try_new("mine", &batch.schema(), &[batch], Some(position)).unwrap();
    scattered().pruning.session_with(vec![upload]).unwrap()
}

/// All pairs of which the object is within a radius of the other.
fn near(mine: &[Mine], radius: impl Fn(&Mine) -> Option<f64>) -> Vec<(i64, i64)> {
    let mut pairs = vec![];
    for row in mine {
        let (_, Some(ra), Some(dec), Some(radius)) = (row.0, row.1, row.2, radius(row)) else {
            continue;
        };
        let cone = Cone::closed_deg(ra, dec, radius);
        let objects = scattered().tables[0].rows.iter();
        let inside = |object: &&Row| {
            object.position.is_some_and(|at| {
                cone.contains(&almagest_storage::sphgeom::UnitVector::from_lonlat_deg(
                    at.ra, at.dec,
                ))
            })
        };
        pairs.extend(objects.filter(inside).map(|object| (row.0, object.id)));
    }
    pairs.sort_unstable();
    pairs
}

fn both(pairs: &[(i64, i64)]) -> Vec<(Option<i64>, Option<i64>)> {
    pairs.iter().map(|(a, b)| (Some(*a), Some(*b))).collect()
}

const NEAR: &str = "DISTANCE(POINT(m.ra, m.dec), POINT(o.ra, o.dec)) <= ";

#[tokio::test(flavor = "multi_thread")]
async fn pairs_are_those_of_all_rows_tested() {
    let mine = mine();
    let session = session(&mine);
    for radius in [0.0, 0.001, 0.4, 25.0] {
        let expected = near(&mine, |_| Some(radius));
        assert!(!expected.is_empty());
        for query in [
            format!(
                "SELECT m.id, o.objectId FROM TAP_UPLOAD.mine AS m JOIN Object AS o ON {NEAR} {radius}"
            ),
            format!(
                "SELECT m.id, o.objectId FROM Object AS o JOIN TAP_UPLOAD.mine AS m ON {NEAR} {radius}"
            ),
            format!(
                "SELECT m.id, o.objectId FROM TAP_UPLOAD.mine AS m, Object AS o WHERE {NEAR} {radius}"
            ),
            format!(
                "SELECT m.id, o.objectId FROM TAP_UPLOAD.mine AS m, Object AS o
                 WHERE 1 = CONTAINS(POINT(o.ra, o.dec), CIRCLE(m.ra, m.dec, {radius}))"
            ),
        ] {
            assert_eq!(pairs_of(&session, &query).await, both(&expected), "{query}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_radius_may_be_that_of_a_row() {
    let mine = mine();
    let session = session(&mine);
    let expected = near(&mine, |row| row.3);
    assert!(expected.len() > 20);
    for query in [
        format!(
            "SELECT m.id, o.objectId FROM TAP_UPLOAD.mine AS m JOIN Object AS o ON {NEAR} m.radius"
        ),
        format!(
            "SELECT m.id, o.objectId FROM Object AS o JOIN TAP_UPLOAD.mine AS m ON {NEAR} m.radius"
        ),
        "SELECT m.id, o.objectId FROM Object AS o, TAP_UPLOAD.mine AS m
         WHERE CONTAINS(POINT(o.ra, o.dec), CIRCLE(m.ra, m.dec, m.radius)) = 1"
            .to_owned(),
    ] {
        assert_eq!(pairs_of(&session, &query).await, both(&expected), "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_without_neighbours_come_where_they_are_asked_for() {
    let mine = mine();
    let session = session(&mine);
    let pairs = near(&mine, |_| Some(0.001));
    let mut kept = both(&pairs);
    let with: BTreeSet<i64> = pairs.iter().map(|(mine, _)| *mine).collect();
    let without: Vec<i64> = mine.iter().map(|row| row.0).filter(|id| !with.contains(id)).collect();
    kept.extend(without.iter().map(|id| (Some(*id), None)));
    kept.sort_unstable();
    for query in [
        format!(
            "SELECT m.id, o.objectId FROM TAP_UPLOAD.mine AS m LEFT JOIN Object AS o ON {NEAR} 0.001"
        ),
        format!(
            "SELECT m.id, o.objectId FROM Object AS o RIGHT JOIN TAP_UPLOAD.mine AS m ON {NEAR} 0.001"
        ),
    ] {
        assert_eq!(pairs_of(&session, &query).await, kept, "{query}");
    }
    let near_objects: BTreeSet<i64> = pairs.iter().map(|(_, object)| *object).collect();
    let objects = scattered().tables[0].rows.iter().map(|row| row.id);
    kept.extend(objects.filter(|id| !near_objects.contains(id)).map(|id| (None, Some(id))));
    kept.sort_unstable();
    let query = format!(
        "SELECT m.id, o.objectId FROM TAP_UPLOAD.mine AS m FULL JOIN Object AS o ON {NEAR} 0.001"
    );
    assert_eq!(pairs_of(&session, &query).await, kept, "{query}");

    let with: Vec<i64> = with.into_iter().collect();
    let sorted = |mut ids: Vec<i64>| {
        ids.sort_unstable();
        ids
    };
    let exists = format!("EXISTS (SELECT * FROM Object AS o WHERE {NEAR} 0.001)");
    let query = format!("SELECT m.id FROM TAP_UPLOAD.mine AS m WHERE {exists}");
    assert_eq!(ids_of(&session, &query).await, with, "{query}");
    let query = format!("SELECT m.id FROM TAP_UPLOAD.mine AS m WHERE NOT {exists}");
    assert_eq!(ids_of(&session, &query).await, sorted(without), "{query}");
    let exists = format!("EXISTS (SELECT * FROM TAP_UPLOAD.mine AS m WHERE {NEAR} 0.001)");
    let query = format!("SELECT o.objectId FROM Object AS o WHERE {exists}");
    let near_objects: Vec<i64> = near_objects.into_iter().collect();
    assert_eq!(ids_of(&session, &query).await, near_objects, "{query}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rest_of_the_condition_holds_too() {
    let mine = mine();
    let session = session(&mine);
    let mut expected = near(&mine, |_| Some(0.4));
    expected.retain(|(mine, object)| mine != object && mine % 2 == object % 2);
    assert!(expected.len() > 10);
    for rest in [
        "m.id <> o.objectId AND m.parity = MOD(o.objectId, 2)",
        "MOD(o.objectId, 2) = m.parity AND (m.id < o.objectId OR m.id > o.objectId)",
    ] {
        let query = format!(
            "SELECT m.id, o.objectId FROM TAP_UPLOAD.mine AS m JOIN Object AS o ON {NEAR} 0.4 AND {rest}"
        );
        assert_eq!(pairs_of(&session, &query).await, both(&expected), "{query}");
    }
    let query = format!(
        "SELECT COUNT(*) AS n FROM TAP_UPLOAD.mine AS m JOIN Object AS o ON {NEAR} 0.4
         AND m.id <> o.objectId AND m.parity = MOD(o.objectId, 2)"
    );
    assert_eq!(ids_of(&session, &query).await, [expected.len() as i64]);
}
