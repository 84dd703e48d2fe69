//! Polygons, boxes and ranges of coordinates, with pruning and without, against a scan.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::answers::ids;
use crate::scattered::{Row, Table, scattered};
use crate::sphere::{Position, Vector, cross, dot, separation};

/// A row nearer than this to an edge (radians) is not judged.
const EDGE: f64 = 1e-13;

/// Compare a condition on each table with a scan. `depth` tells how far inside a row is: positive
/// inside, negative outside.
async fn check(condition: &str, depth: impl Fn(&Row, Position) -> f64) {
    let scattered = scattered();
    for table in &scattered.tables {
        let query = format!("SELECT {} FROM {} WHERE {condition}", table.id, table.name);
        let found = ids(&scattered.pruning, &query).await;
        assert_eq!(ids(&scattered.reading_all, &query).await, found, "without pruning: {query}");
        let expected = scan(table, &depth);
        let of_edge = |id: &i64| {
            let row = &table.rows[*id as usize - 1];
            row.position.is_some_and(|position| depth(row, position).abs() < EDGE)
        };
        let clear =
            |ids: &[i64]| -> Vec<i64> { ids.iter().filter(|id| !of_edge(id)).copied().collect() };
        assert_eq!(clear(&found), clear(&expected), "{query}");
    }
}

/// Compare the rows of other spellings with those of a condition that has been checked.
async fn check_spellings(condition: &str, spellings: &[String]) {
    let scattered = scattered();
    let table = &scattered.tables[1];
    let query =
        |condition: &str| format!("SELECT {} FROM {} WHERE {condition}", table.id, table.name);
    let expected = ids(&scattered.pruning, &query(condition)).await;
    for spelling in spellings {
        assert_eq!(ids(&scattered.pruning, &query(spelling)).await, expected, "{spelling}");
    }
}

fn scan(table: &Table, depth: &impl Fn(&Row, Position) -> f64) -> Vec<i64> {
    let rows = table.rows.iter();
    rows.filter(|row| row.position.is_some_and(|position| depth(row, position) >= 0.0))
        .map(|row| row.id)
        .collect()
}

/// How far `v` is on the inner side of all great circles with these poles.
fn inside_all(poles: &[Vector], v: Vector) -> f64 {
    poles.iter().map(|pole| dot(*pole, v)).fold(f64::INFINITY, f64::min)
}

/// The depth of a row by a test on numbers, which no rounding blurs.
fn exact(inside: bool) -> f64 {
    if inside { 1.0 } else { -1.0 }
}

/// Where polygons and boxes are laid.
fn centers(seed: u64) -> Vec<Position> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut centers = vec![
        Position { ra: 0.0, dec: 10.0 },
        Position { ra: 359.9, dec: -20.0 },
        Position { ra: 77.0, dec: 89.9 },
        Position { ra: 12.0, dec: -89.999 },
    ];
    centers.extend((0..2).map(|_| Position::anywhere(&mut rng)));
    centers
}

#[tokio::test(flavor = "multi_thread")]
async fn convex_polygons() {
    let mut rng = ChaCha8Rng::seed_from_u64(31);
    for (index, center) in centers(3).into_iter().enumerate() {
        let n_vertices = 3 + index % 4;
        let radius = rng.random_range(0.5..60.0);
        // Vertices on a cone about the centre, in either sense of rotation.
        let turn = if index % 2 == 0 { 360.0 } else { -360.0 } / n_vertices as f64;
        let first = rng.random_range(0.0..360.0);
        let vertices: Vec<Position> =
            (0..n_vertices).map(|k| center.towards(radius, first + turn * k as f64)).collect();
        let poles: Vec<Vector> = (0..n_vertices)
            .map(|k| cross(vertices[k].vector(), vertices[(k + 1) % n_vertices].vector()))
            .map(|pole| if dot(pole, center.vector()) < 0.0 { pole.map(|x| -x) } else { pole })
            .collect();
        let list: Vec<String> = vertices.iter().map(|v| format!("{}, {}", v.ra, v.dec)).collect();
        let points: Vec<String> = list.iter().map(|numbers| format!("POINT({numbers})")).collect();
        for vertices in [list.clone(), points] {
            let polygon = format!("POLYGON({})", vertices.join(", "));
            let depth = |row: &Row, _| inside_all(&poles, row.vector);
            check(&format!("CONTAINS(POINT(ra, dec), {polygon}) = 1"), depth).await;
            check(&format!("1 = INTERSECTS({polygon}, POINT(ra, dec))"), depth).await;
        }
        let list = list.join(", ");
        let spellings = [
            format!("qserv_areaspec_poly({list})"),
            format!("scisql_s2PtInCPoly(ra, dec, {list}) = 1"),
        ];
        let polygon = format!("CONTAINS(POINT(ra, dec), POLYGON({list})) = 1");
        check_spellings(&polygon, &spellings).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn boxes_between_great_circles() {
    let mut rng = ChaCha8Rng::seed_from_u64(32);
    for center in centers(4) {
        let (width, height): (f64, f64) =
            (rng.random_range(0.5..80.0), rng.random_range(0.5..80.0));
        let (east, north) = center.east_north();
        let toward = center.vector();
        // A side crosses the axis at its arm's end, half the size away, at a right angle.
        let side = |axis: Vector, size: f64, sign: f64| -> Vector {
            let (sin, cos) = (size.to_radians() / 2.0).sin_cos();
            [0, 1, 2].map(|k| sin * toward[k] - sign * cos * axis[k])
        };
        let poles = [
            side(east, width, 1.0),
            side(east, width, -1.0),
            side(north, height, 1.0),
            side(north, height, -1.0),
        ];
        let Position { ra, dec } = center;
        let depth = |row: &Row, _| inside_all(&poles, row.vector);
        let boxed = format!("BOX({ra}, {dec}, {width}, {height})");
        check(&format!("CONTAINS(POINT(ra, dec), {boxed}) = 1"), depth).await;
    }
}

/// Limits of longitude and latitude: plain ones, near the poles, through longitude 0, empty in
/// width, and with rows on their edges.
fn boxes() -> Vec<((f64, f64), (f64, f64))> {
    let mut boxes = vec![
        ((10.0, 20.0), (-5.0, 15.0)),
        ((0.0, 0.5), (9.0, 11.0)),
        ((359.5, 0.5), (8.0, 12.0)),
        ((350.0, 10.0), (60.0, 75.0)),
        ((100.0, 260.0), (80.0, 90.0)),
        ((300.0, 200.0), (-90.0, -88.0)),
        ((0.0, 0.0), (-90.0, 90.0)),
    ];
    let rows = &scattered().tables[1].rows;
    for pair in [[0, 7], [19, 3], [40_100, 40_230]] {
        let [a, b] = pair.map(|index| rows[index].position.unwrap());
        boxes.push(((a.ra, b.ra), (a.dec.min(b.dec), a.dec.max(b.dec))));
    }
    boxes
}

#[tokio::test(flavor = "multi_thread")]
async fn boxes_between_meridians_and_parallels() {
    for ((west, east), (south, north)) in boxes() {
        let inside = |p: Position| {
            let lon = p.ra.rem_euclid(360.0);
            let spans = match west <= east {
                true => west <= lon && lon <= east,
                false => lon >= west || lon <= east,
            };
            spans && south <= p.dec && p.dec <= north
        };
        let limits = format!("{west}, {south}, {east}, {north}");
        let lon = match west <= east {
            true => format!("ra BETWEEN {west} AND {east}"),
            false => format!("(ra >= {west} OR {east} >= ra)"),
        };
        let ranges = format!("{lon} AND dec BETWEEN {south} AND {north}");
        check(&ranges, |_, p| exact(inside(p))).await;
        let spellings = [
            format!("qserv_areaspec_box({limits})"),
            format!("1 = scisql_s2PtInBox(ra, dec, {limits})"),
            format!("NOT scisql_s2PtInBox(ra, dec, {limits}) = 0"),
        ];
        check_spellings(&ranges, &spellings).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ellipses() {
    let mut rng = ChaCha8Rng::seed_from_u64(33);
    for center in centers(5) {
        let semi_major: f64 = rng.random_range(0.2..40.0);
        let semi_minor = semi_major * rng.random_range(0.1..0.95);
        let angle: f64 = rng.random_range(0.0..180.0);
        // A point on the minor axis is as far from both foci as the semi-major axis is long.
        let focal = (semi_major.to_radians().cos() / semi_minor.to_radians().cos()).acos();
        let foci = [angle, angle + 180.0]
            .map(|direction| center.towards(focal.to_degrees(), direction).vector());
        let (a, b) = (semi_major * 3600.0, semi_minor * 3600.0);
        let numbers = format!("{}, {}, {a}, {b}, {angle}", center.ra, center.dec);
        let depth = |row: &Row, _| {
            let sum: f64 = foci.iter().map(|focus| separation(*focus, row.vector)).sum();
            // Rounding of the foci is more than that of rows.
            let depth = 2.0 * semi_major - sum;
            if depth.abs() < 1e-9 { 0.0 } else { depth }
        };
        let ellipse = format!("scisql_s2PtInEllipse(ra, dec, {numbers}) = 1");
        check(&ellipse, depth).await;
        check_spellings(&ellipse, &[format!("qserv_areaspec_ellipse({numbers})")]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_of_coordinates() {
    let within = |value: f64, (low, high): (f64, f64)| low <= value && value <= high;
    // What came as 360 or beyond is stored within one turn.
    let stored = |p: Position| p.ra.rem_euclid(360.0);
    for (ra, dec) in [
        ((10.0, 20.0), (-5.0, 15.0)),
        ((0.0, 360.0), (88.0, 90.0)),
        ((359.0, 360.0), (-90.0, 90.0)),
        ((0.0, 0.5), (9.0, 11.0)),
        ((200.0, 100.0), (-90.0, 90.0)),
        ((-10.0, 10.0), (5.0, 15.0)),
    ] {
        let depth = |_: &Row, p: Position| exact(within(stored(p), ra) && within(p.dec, dec));
        let between =
            format!("ra BETWEEN {} AND {} AND dec BETWEEN {} AND {}", ra.0, ra.1, dec.0, dec.1);
        check(&between, depth).await;
        let compared =
            format!("{} <= ra AND ra <= {} AND dec >= {} AND {} >= dec", ra.0, ra.1, dec.0, dec.1);
        check(&compared, depth).await;
    }
    check("dec > 85", |_, p| exact(p.dec > 85.0)).await;
    check("dec >= 90", |_, p| exact(p.dec >= 90.0)).await;
    check("ra < 1 OR ra > 359", |_, p| exact(stored(p) < 1.0 || stored(p) > 359.0)).await;
    check("ABS(dec) >= 89.5", |_, p| exact(p.dec.abs() >= 89.5)).await;
}
