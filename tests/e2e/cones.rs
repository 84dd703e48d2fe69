//! A cone gives the same rows however it is written, with pruning and without, and they are those
//! of a scan that compares every row.

use std::env;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::answers::ids;
use crate::scattered::{Scattered, Table, scattered};
use crate::sphere::{Position, separation};

/// Ways to write that a row lies within a radius of a centre, its edge included.
const CLOSED: [&str; 10] = [
    "CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', {ra}, {dec}, {r})) = 1",
    "1 = CONTAINS(POINT(ra, dec), CIRCLE(POINT({ra}, {dec}), {r}))",
    "DISTANCE(POINT(ra, dec), POINT({ra}, {dec})) <= {r}",
    "DISTANCE({ra}, {dec}, ra, dec) <= {r}",
    "INTERSECTS(CIRCLE({ra}, {dec}, {r}), POINT(ra, dec)) = 1",
    "{r} >= scisql_angSep(ra, dec, {ra}, {dec})",
    "CONTAINS(POINT({ra}, {dec}), CIRCLE(ra, dec, {r})) = 1",
    "qserv_areaspec_circle({ra}, {dec}, {r})",
    "scisql_s2PtInCircle(ra, dec, {ra}, {dec}, {r}) = 1",
    "NOT CONTAINS(POINT(ra, dec), CIRCLE({ra}, {dec}, {r})) < 0.5",
];

/// Ways to write that it lies nearer than that.
const OPEN: [&str; 3] = [
    "DISTANCE(POINT({ra}, {dec}), POINT(ra, dec)) < {r}",
    "{r} > DISTANCE(ra, dec, {ra}, {dec})",
    "NOT (DISTANCE(POINT(ra, dec), POINT({ra}, {dec})) >= {r})",
];

/// How a cone is written that holds what a closed one leaves out.
const OUTSIDE: &str = "CONTAINS(POINT(ra, dec), CIRCLE({ra}, {dec}, {r})) = 0";

#[derive(Clone, Copy, Debug)]
struct Cone {
    center: Position,
    radius: f64,
}

/// What the reference says of a row.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Verdict {
    Inside,
    Outside,
    /// Too near to the edge for this reference to tell.
    AtEdge,
}

impl Cone {
    fn query(&self, table: &Table, condition: &str) -> String {
        let Cone { center, radius } = self;
        let condition = condition
            .replace("{ra}", &center.ra.to_string())
            .replace("{dec}", &center.dec.to_string())
            .replace("{r}", &radius.to_string());
        format!("SELECT {} FROM {} WHERE {condition}", table.id, table.name)
    }

    /// Judge all rows that have a position.
    fn judge(&self, table: &Table) -> Vec<(i64, Verdict)> {
        let center = self.center.vector();
        // Rounding of positions moves a row by less than 1e-13°; the reference is as exact at
        // every angle.
        let edge = 1e-12;
        let judge = |position: Position, vector| {
            let distance = separation(center, vector);
            if self.radius >= 180.0 || position == self.center {
                Verdict::Inside
            } else if (distance - self.radius).abs() < edge {
                Verdict::AtEdge
            } else if distance < self.radius {
                Verdict::Inside
            } else {
                Verdict::Outside
            }
        };
        let rows = table.rows.iter();
        rows.filter_map(|row| Some((row.id, judge(row.position?, row.vector)))).collect()
    }
}

/// Fail where `found` lacks a row that is `wanted`, or has one that is not.
fn compare(found: &[i64], verdicts: &[(i64, Verdict)], wanted: Verdict, what: &str) {
    let mut rest = found;
    for &(id, verdict) in verdicts {
        let is_found = rest.first() == Some(&id);
        if is_found {
            rest = &rest[1..];
        }
        let agrees = verdict == Verdict::AtEdge || is_found == (verdict == wanted);
        assert!(agrees, "{what}: row {id} is {verdict:?}, found: {is_found}");
    }
    assert!(rest.is_empty(), "{what}: rows that are nowhere, or twice: {rest:?}");
}

/// Check a cone on all tables, and all its spellings on those of them that `spelled` names.
async fn check(scattered: &Scattered, cone: Cone, spelled: impl Fn(usize) -> bool) {
    for (index, table) in scattered.tables.iter().enumerate() {
        let verdicts = cone.judge(table);
        let query = cone.query(table, CLOSED[0]);
        let found = ids(&scattered.pruning, &query).await;
        compare(&found, &verdicts, Verdict::Inside, &query);
        assert_eq!(ids(&scattered.reading_all, &query).await, found, "without pruning: {query}");
        if !spelled(index) {
            continue;
        }
        for condition in &CLOSED[1..] {
            let query = cone.query(table, condition);
            assert_eq!(ids(&scattered.pruning, &query).await, found, "{query}");
        }
        let outside = cone.query(table, OUTSIDE);
        let outside = ids(&scattered.pruning, &outside).await;
        assert_eq!(outside.len() + found.len(), verdicts.len(), "outside of {query}");
        compare(&outside, &verdicts, Verdict::Outside, &query);
    }
}

/// Centres at the poles, on both sides of RA 0, on rows, and anywhere; radii of all sizes.
fn cones(seed: u64, n: usize) -> Vec<Cone> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let sources = &scattered().tables[1].rows;
    (0..n)
        .map(|index| {
            let center = match index % 6 {
                0 => Position { ra: rng.random_range(0.0..360.0), dec: 90.0 },
                1 => Position { ra: 0.0, dec: -90.0 },
                2 => Position { ra: 0.0, dec: rng.random_range(-90.0..90.0) },
                3 => Position { ra: 360.0 - 1e-9, dec: rng.random_range(5.0..15.0) },
                4 => sources[rng.random_range(0..sources.len())].position.unwrap(),
                _ => Position::anywhere(&mut rng),
            };
            let radius = match (index + index / 6) % 4 {
                0 => 10_f64.powf(rng.random_range(-4.0..0.0)),
                1 => rng.random_range(0.5..20.0),
                2 => rng.random_range(20.0..180.0),
                _ => [0.0, 90.0, 179.999, 180.0][index % 4],
            };
            Cone { center, radius }
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn written_in_any_way() {
    // In the short run the tables take turns; the child, which prunes least simply, has most.
    let is_long = env::var_os("ALMAGEST_LONG").is_some();
    let (seeds, n) = if is_long { (0..40, 240) } else { (0..1, 18) };
    for seed in seeds {
        for (turn, cone) in cones(seed, n).into_iter().enumerate() {
            let spelled = |table| is_long || table == [2, 0, 2, 1][turn % 4];
            check(scattered(), cone, spelled).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_edge_belongs_to_closed_cones_only() {
    let scattered = scattered();
    // The distance between these is exactly representable, and so is the decision.
    let cone = Cone { center: Position { ra: 90.0, dec: 0.0 }, radius: 90.0 };
    let object = &scattered.tables[0];
    let pole = "SELECT objectId FROM Object WHERE dec = 90 AND ra = 90";
    let pole = ids(&scattered.pruning, pole).await[0];
    for condition in CLOSED {
        let found = ids(&scattered.pruning, &cone.query(object, condition)).await;
        assert!(found.contains(&pole), "{condition}");
    }
    let closed = ids(&scattered.pruning, &cone.query(object, CLOSED[0])).await;
    for condition in OPEN {
        let found = ids(&scattered.pruning, &cone.query(object, condition)).await;
        assert!(!found.contains(&pole), "{condition}");
        assert!(found.iter().all(|id| closed.binary_search(id).is_ok()), "{condition}");
        compare(&found, &cone.judge(object), Verdict::Inside, condition);
    }
    // An open cone of radius 0 is empty; a closed one holds its centre.
    let point = Cone { center: Position { ra: 180.0, dec: 45.0 }, radius: 0.0 };
    assert_eq!(ids(&scattered.pruning, &point.query(object, OPEN[0])).await, [0_i64; 0]);
    assert_eq!(ids(&scattered.pruning, &point.query(object, CLOSED[0])).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_conditions_on_one_position_all_hold() {
    let scattered = scattered();
    let here = Cone { center: Position { ra: 359.0, dec: 10.0 }, radius: 2.0 };
    let there = Cone { center: Position { ra: 1.0, dec: 11.0 }, radius: 2.0 };
    for table in &scattered.tables {
        let both = |join: &str| {
            let second = there.query(table, CLOSED[3]);
            let second = second.split_once("WHERE ").unwrap().1;
            format!("{} {join} {second}", here.query(table, CLOSED[0]))
        };
        let (in_here, in_there) = (here.judge(table), there.judge(table));
        let verdicts = |holds: fn(bool, bool) -> bool| -> Vec<(i64, Verdict)> {
            let rows = in_here.iter().zip(&in_there);
            rows.map(|(&(id, a), &(_, b))| {
                let holds = holds(a == Verdict::Inside, b == Verdict::Inside);
                (id, if holds { Verdict::Inside } else { Verdict::Outside })
            })
            .collect()
        };
        for (join, holds) in
            [("AND", (|a, b| a && b) as fn(bool, bool) -> bool), ("OR", |a, b| a || b)]
        {
            let query = both(join);
            let found = ids(&scattered.pruning, &query).await;
            compare(&found, &verdicts(holds), Verdict::Inside, &query);
            assert_eq!(ids(&scattered.reading_all, &query).await, found, "{query}");
        }
    }
}
