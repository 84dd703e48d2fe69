//! Shapes of all kinds as conditions on a position, with pruning and without, against a scan; and
//! that they prune.

use almagest_engine::preview::Previewer;
use almagest_storage::schema::felis;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::answers::ids;
use crate::scattered::{Row, scattered};
use crate::sphere::{Position, Vector, separation};

/// A row nearer than this to an edge (degrees) is not judged.
const EDGE: f64 = 1e-9;

/// A cone, as the reference knows it.
#[derive(Clone, Copy)]
struct Cone {
    center: Position,
    radius: f64,
}

impl Cone {
    fn random(rng: &mut ChaCha8Rng, center: Position) -> Self {
        Self { center, radius: rng.random_range(0.05..25.0) }
    }

    /// How far a direction lies inside, degrees.
    fn depth(self, v: Vector) -> f64 {
        self.radius - separation(self.center.vector(), v)
    }

    /// Its numbers, as STC-S and ADQL write them.
    fn numbers(self, separator: &str) -> String {
        [self.center.ra, self.center.dec, self.radius].map(|x| x.to_string()).join(separator)
    }
}

/// Compare a condition on each table with a scan.
async fn check(condition: &str, depth: impl Fn(Vector) -> f64) {
    let scattered = scattered();
    for table in &scattered.tables {
        let query = format!("SELECT {} FROM {} WHERE {condition}", table.id, table.name);
        let found = ids(&scattered.pruning, &query).await;
        assert_eq!(ids(&scattered.reading_all, &query).await, found, "without pruning: {query}");
        let depth_of = |row: &Row| row.position.map(|_| depth(row.vector));
        let expected: Vec<i64> = table
            .rows
            .iter()
            .filter(|row| depth_of(row).is_some_and(|depth| depth >= 0.0))
            .map(|row| row.id)
            .collect();
        let is_clear =
            |id: &&i64| depth_of(&table.rows[**id as usize - 1]).is_none_or(|d| d.abs() > EDGE);
        let clear = |ids: &[i64]| -> Vec<i64> { ids.iter().filter(is_clear).copied().collect() };
        assert_eq!(clear(&found), clear(&expected), "{query}");
    }
}

fn centers(seed: u64) -> Vec<Position> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut centers = vec![Position { ra: 359.9, dec: 10.0 }, Position { ra: 77.0, dec: 89.9 }];
    centers.push(Position::anywhere(&mut rng));
    centers
}

#[tokio::test(flavor = "multi_thread")]
async fn regions_combined() {
    let mut rng = ChaCha8Rng::seed_from_u64(61);
    for center in centers(6) {
        let a = Cone::random(&mut rng, center);
        let b = Cone::random(&mut rng, center.towards(a.radius * 1.2, 77.0));
        let (p, q) = (a.numbers(" "), b.numbers(" "));
        let held = |region: String| format!("CONTAINS(POINT(ra, dec), REGION('{region}')) = 1");
        let union = format!("UNION ICRS (CIRCLE {p} CIRCLE {q})");
        check(&held(union), |v| a.depth(v).max(b.depth(v))).await;
        let both = format!("INTERSECTION ICRS (CIRCLE {p} CIRCLE {q})");
        check(&held(both), |v| a.depth(v).min(b.depth(v))).await;
        let without = format!("INTERSECTION ICRS (CIRCLE {p} NOT (CIRCLE {q}))");
        check(&held(without), |v| a.depth(v).min(-b.depth(v))).await;
        let one = format!("INTERSECTS(REGION('circle {p}'), POINT(ra, dec)) = 1");
        check(&one, |v| a.depth(v)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn circles_about_rows() {
    let mut rng = ChaCha8Rng::seed_from_u64(62);
    for center in centers(7) {
        let a = Cone::random(&mut rng, center);
        let b = Cone::random(&mut rng, center.towards(a.radius + 3.0, 200.0));
        let (p, q) = (a.numbers(" "), b.numbers(" "));
        let circle = "CIRCLE(ra, dec, 0.75)";
        let union = format!("REGION('UNION ICRS (CIRCLE {p} CIRCLE {q})')");
        let meets = |v: Vector| a.depth(v).max(b.depth(v)) + 0.75;
        check(&format!("INTERSECTS({circle}, {union}) = 1"), meets).await;
        check(&format!("1 = INTERSECTS({union}, {circle})"), meets).await;
        let lies = |v: Vector| a.depth(v) - 0.75;
        check(&format!("CONTAINS({circle}, REGION('CIRCLE ICRS {p}')) = 1"), lies).await;
        let wide = format!("CONTAINS(REGION('CIRCLE {p}'), CIRCLE(ra, dec, 30)) = 1");
        check(&wide, |v| 30.0 - a.radius - separation(a.center.vector(), v)).await;
    }
}

/// Half of a cell of order 0 is bounded by latitudes: cells 0 to 3 lie north of 0°, 8 to 11 south.
#[tokio::test(flavor = "multi_thread")]
async fn cells_of_a_moc() {
    // Order 0, cell 4: |lon| + |lat'| <= 45°, lat' = 67.5° z in the plane of the projection.
    let cell = |v: Vector| {
        let lon = v[1].atan2(v[0]).to_degrees();
        if v[2].abs() > 2.0 / 3.0 { -1.0 } else { 45.0 - lon.abs() - 67.5 * v[2].abs() }
    };
    check("CONTAINS(POINT(ra, dec), MOC('0/4')) = 1", cell).await;
    check("CONTAINS(POINT(ra, dec), MOC('1/16-19')) = 1", cell).await;
    check("CONTAINS(POINT(ra, dec), MOC('0/0-3,5-11')) = 0", cell).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn points_of_a_derived_table() {
    let scattered = scattered();
    let inner = "SELECT objectId, POINT(ra, dec) AS p FROM Object";
    for condition in [
        "CONTAINS(t.p, CIRCLE(10, 20, 15)) = 1",
        "DISTANCE(t.p, POINT(10, 20)) <= 15",
        "DISTANCE(COORD1(t.p), COORD2(t.p), 10, 20) <= 15",
        "INTERSECTS(CIRCLE(t.p, 5), CIRCLE(10, 20, 10)) = 1",
        "CONTAINS(t.p, REGION('CIRCLE ICRS 10 20 15')) = 1",
        "CONTAINS(t.p, CAST('10 20 15' AS CIRCLE)) = 1",
    ] {
        let query = format!("SELECT objectId FROM ({inner}) AS t WHERE {condition}");
        let plain = "SELECT objectId FROM Object WHERE DISTANCE(ra, dec, 10, 20) <= 15";
        let expected = ids(&scattered.reading_all, plain).await;
        assert!(expected.len() > 50);
        assert_eq!(ids(&scattered.pruning, &query).await, expected, "{query}");
    }
}

/// All these conditions leave a region that is much smaller than the sky.
#[tokio::test(flavor = "multi_thread")]
async fn every_shape_prunes() {
    let schema = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("e2e/scattered.yaml");
    let previewer = Previewer::new(&[felis::load(&schema).unwrap().schema]).unwrap();
    let inner = "(SELECT objectId, ra, dec, POINT(ra, dec) AS p FROM Object) AS t";
    for condition in [
        "CONTAINS(p, CIRCLE(10, 20, 1)) = 1",
        "DISTANCE(p, POINT(10, 20)) < 1",
        "INTERSECTS(CIRCLE(p, 0.5), CIRCLE(10, 20, 1)) = 1",
        "INTERSECTS(CIRCLE(ra, dec, 0.5), BOX(10, 20, 1, 1)) = 1",
        "INTERSECTS(CIRCLE(ra, dec, 0.5), POLYGON(10, 20, 11, 20, 11, 21)) = 1",
        "CONTAINS(p, POLYGON(10, 20, 11, 20, 11, 21)) = 1",
        "CONTAINS(p, BOX('GALACTIC', 10, 20, 1, 1)) = 1",
        "CONTAINS(p, CIRCLE('FK4', 10, 20, 1)) = 1",
        "CONTAINS(p, REGION('UNION ICRS (CIRCLE 10 20 1 BOX 12 20 1 1)')) = 1",
        "INTERSECTS(REGION('UNION (CIRCLE 10 20 1 BOX 12 20 1 1)'), CIRCLE(p, 0.5)) = 1",
        "CONTAINS(CIRCLE(p, 0.5), POLYGON(10, 20, 11, 20, 11, 21)) = 1",
        "CONTAINS(p, MOC('5/1-3')) = 1",
        "CONTAINS(CIRCLE(10, 20, 1), CIRCLE(p, 3)) = 1",
    ] {
        let query = format!("SELECT objectId FROM {inner} WHERE {condition}");
        let preview = previewer.preview(&query, Default::default()).await.unwrap();
        let regions = &preview.scans[0].regions;
        assert_eq!(regions.len(), 1, "{query}\n{}", preview.sql);
        let radius = regions[0].bounding_cap().radius.degrees();
        assert!(radius < 6.0, "{query}: {radius} degrees");
    }
}
