//! The ways to write a condition, and the queries that ask with it.
//!
//! `{p}` stands for the position of the row, and may be written as a POINT or be one.

use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use super::catalog::{Table, id};
use super::oracle::Condition;

/// How a query selects the rows of a condition.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Form {
    Plain,
    Alias,
    Derived,
    PointColumn,
    CommonTable,
    JoinOn,
    Having,
    Subquery,
}

/// A condition as text; some only hold of the first table in FROM.
pub struct Spelling {
    pub text: String,
    pub is_of_first_table: bool,
}

impl Form {
    /// Choose a form in which a condition can stand.
    pub fn choose(rng: &mut ChaCha8Rng, spelling: &Spelling) -> Self {
        use Form::{Alias, CommonTable, Derived, Having, JoinOn, Plain, PointColumn, Subquery};
        let mut forms = vec![Plain, Plain, Plain, CommonTable, Subquery, JoinOn];
        if !spelling.is_of_first_table {
            forms.extend([Alias, Derived, PointColumn]);
            if !spelling.text.contains("disc") && !spelling.text.contains("outline") {
                forms.push(Having);
            }
        }
        *forms.choose(rng).unwrap()
    }

    /// Return the query for the identifiers of the rows for which a condition holds.
    pub fn query(self, table: Table, condition: &str) -> String {
        let (name, id) = (table.name(), table.id());
        let columns = format!("{id}, ra, dec, reach, disc, outline, band, mag");
        let condition = match self {
            Self::PointColumn => condition.replace("{p}", "p"),
            Self::Alias => condition.replace("{p}", "POINT(t.ra, t.dec)"),
            _ => condition.replace("{p}", "POINT('ICRS', ra, dec)"),
        };
        match self {
            Self::Plain => format!("SELECT {id} FROM {name} WHERE {condition}"),
            Self::Alias => format!("SELECT t.{id} FROM {name} AS t WHERE {condition}"),
            Self::Derived => {
                format!("SELECT d.{id} FROM (SELECT {columns} FROM {name}) AS d WHERE {condition}")
            }
            Self::PointColumn => format!(
                "SELECT {id} FROM (SELECT {columns}, POINT(ra, dec) AS p FROM {name}) AS d \
                 WHERE {condition}"
            ),
            Self::CommonTable => format!(
                "WITH w AS (SELECT {columns} FROM {name} WHERE {condition}) SELECT {id} FROM w"
            ),
            Self::JoinOn => format!(
                "SELECT t.{id} FROM {name} AS t JOIN (SELECT band AS b FROM Band) AS c \
                 ON t.band = c.b AND {condition}"
            ),
            Self::Having => format!(
                "SELECT {id} FROM {name} GROUP BY {id}, ra, dec, reach, band, mag HAVING {condition}"
            ),
            Self::Subquery => format!(
                "SELECT {id} FROM {name} WHERE {id} IN (SELECT {id} FROM {name} WHERE {condition})"
            ),
        }
    }
}

/// The query that takes a circle from a row of a table of circles.
pub fn cross_match(table: Table, index: usize, rng: &mut ChaCha8Rng) -> String {
    let (name, table_id, cone) = (table.name(), table.id(), id(index));
    let condition = [
        "CONTAINS(POINT(t.ra, t.dec), CIRCLE(q.lon, q.lat, q.radius)) = 1",
        "DISTANCE(t.ra, t.dec, q.lon, q.lat) <= q.radius",
        "1 = INTERSECTS(POINT(t.ra, t.dec), CIRCLE(POINT(q.lon, q.lat), q.radius))",
    ]
    .choose(rng)
    .unwrap();
    format!(
        "SELECT t.{table_id} FROM {name} AS t JOIN Cone AS q ON {condition} WHERE q.cone = {cone}"
    )
}

impl Spelling {
    /// Choose one of the ways to write a condition, sometimes as the opposite of its opposite.
    pub fn choose(rng: &mut ChaCha8Rng, condition: &Condition) -> Self {
        let all = templates(&condition.kind);
        let template = *all.choose(rng).unwrap();
        let numbers = condition.numbers();
        let mut text = template
            .replace("{list}", &numbers.join(", "))
            .replace("{blanks}", &condition.text)
            .replace("{points}", &points(&numbers));
        for (name, number) in "abcde".chars().zip(&numbers) {
            text = text.replace(&format!("{{{name}}}"), number);
        }
        if let ("ellipse", [.., major, minor, _]) = (condition.kind.as_str(), numbers.as_slice()) {
            // Semi-axes are arcseconds.
            let seconds = |x: &str| (x.parse::<f64>().unwrap() * 3600.0).to_string();
            text = text.replace("{major}", &seconds(major)).replace("{minor}", &seconds(minor));
        }
        let is_of_first_table = text.contains("qserv_areaspec");
        // A relation that is 1 is not 0.
        if text.ends_with(" = 1") && rng.random_bool(0.2) {
            let relation = text.trim_end_matches(" = 1");
            text = match rng.random_range(0..4_u32) {
                0 => format!("{relation} <> 0"),
                1 => format!("1 = {relation}"),
                2 => format!("{relation} > 0"),
                _ => format!("NOT {relation} = 0"),
            };
        }
        Self { text, is_of_first_table }
    }

    /// Write the opposite.
    pub fn negated(self, rng: &mut ChaCha8Rng) -> Self {
        let text = match self.text.strip_suffix(" = 1") {
            Some(relation) if rng.random_bool(0.7) => format!("{relation} = 0"),
            _ => format!("NOT ({})", self.text),
        };
        Self { text, ..self }
    }
}

fn points(numbers: &[&str]) -> String {
    let points: Vec<String> =
        numbers.chunks_exact(2).map(|pair| format!("POINT({}, {})", pair[0], pair[1])).collect();
    points.join(", ")
}

/// All ways to write a kind of condition: `{a}`, `{b}`, … are its numbers.
fn templates(kind: &str) -> &'static [&'static str] {
    match kind {
        "closed" => &[
            "CONTAINS({p}, CIRCLE('ICRS', {a}, {b}, {c})) = 1",
            "CONTAINS({p}, CIRCLE(POINT({a}, {b}), {c})) = 1",
            "INTERSECTS(CIRCLE({a}, {b}, {c}), {p}) = 1",
            "INTERSECTS({p}, CIRCLE({a}, {b}, {c})) = 1",
            "CONTAINS(POINT({a}, {b}), CIRCLE(ra, dec, {c})) = 1",
            "CONTAINS(POINT({a}, {b}), CIRCLE({p}, {c})) = 1",
            "DISTANCE({p}, POINT({a}, {b})) <= {c}",
            "{c} >= DISTANCE(POINT({a}, {b}), {p})",
            "DISTANCE({a}, {b}, ra, dec) <= {c}",
            "NOT DISTANCE(ra, dec, {a}, {b}) > {c}",
            "DISTANCE({p}, POINT({a}, {b})) BETWEEN 0 AND {c}",
            "{c} >= scisql_angSep(ra, dec, {a}, {b})",
            "scisql_s2PtInCircle(ra, dec, {a}, {b}, {c}) = 1",
            "qserv_areaspec_circle({a}, {b}, {c})",
            "CONTAINS({p}, REGION('CIRCLE ICRS {blanks}')) = 1",
            "CONTAINS({p}, CAST('{blanks}' AS CIRCLE)) = 1",
        ],
        "open" => &[
            "DISTANCE({p}, POINT({a}, {b})) < {c}",
            "{c} > DISTANCE(POINT({a}, {b}), {p})",
            "DISTANCE(ra, dec, {a}, {b}) < {c}",
            "NOT (DISTANCE({a}, {b}, ra, dec) >= {c})",
            "scisql_angSep(ra, dec, {a}, {b}) < {c}",
        ],
        "ring" => &[
            "DISTANCE({p}, POINT({a}, {b})) BETWEEN {c} AND {d}",
            "DISTANCE({a}, {b}, ra, dec) BETWEEN {c} AND {d}",
            "(DISTANCE({p}, POINT({a}, {b})) >= {c} AND DISTANCE({p}, POINT({a}, {b})) <= {d})",
            "(CONTAINS({p}, CIRCLE({a}, {b}, {d})) = 1 AND CONTAINS({p}, CIRCLE({a}, {b}, {c})) = 0)",
            "NOT (DISTANCE(ra, dec, {a}, {b}) NOT BETWEEN {c} AND {d})",
            "CONTAINS({p}, REGION('INTERSECTION ICRS (CIRCLE {a} {b} {d} NOT (CIRCLE {a} {b} {c}))')) \
             = 1",
        ],
        "polygon" => &[
            "CONTAINS({p}, POLYGON({list})) = 1",
            "CONTAINS({p}, POLYGON('ICRS', {list})) = 1",
            "CONTAINS({p}, POLYGON({points})) = 1",
            "INTERSECTS(POLYGON({points}), {p}) = 1",
            "CONTAINS({p}, REGION('POLYGON ICRS {blanks}')) = 1",
            "CONTAINS({p}, CAST('{blanks}' AS POLYGON)) = 1",
            "scisql_s2PtInCPoly(ra, dec, {list}) = 1",
            "qserv_areaspec_poly({list})",
        ],
        "box" => &[
            "CONTAINS({p}, BOX({list})) = 1",
            "CONTAINS({p}, BOX('ICRS', {list})) = 1",
            "CONTAINS({p}, BOX(POINT({a}, {b}), {c}, {d})) = 1",
            "INTERSECTS({p}, BOX({list})) = 1",
            "CONTAINS({p}, REGION('BOX ICRS {blanks}')) = 1",
        ],
        "lonlat" => &["scisql_s2PtInBox(ra, dec, {list}) = 1", "qserv_areaspec_box({list})"],
        "range" => &[
            "(ra BETWEEN {a} AND {c} AND dec BETWEEN {b} AND {d})",
            "(ra >= {a} AND {c} >= ra AND dec >= {b} AND dec <= {d})",
            "NOT (ra < {a} OR ra > {c} OR dec NOT BETWEEN {b} AND {d})",
        ],
        "ellipse" => &[
            "scisql_s2PtInEllipse(ra, dec, {a}, {b}, {major}, {minor}, {e}) = 1",
            "qserv_areaspec_ellipse({a}, {b}, {major}, {minor}, {e})",
        ],
        "region" => &[
            "CONTAINS({p}, REGION('{blanks}')) = 1",
            "INTERSECTS({p}, REGION('{blanks}')) = 1",
            "INTERSECTS(REGION('{blanks}'), POINT(ra, dec)) = 1",
        ],
        "moc" => &[
            "CONTAINS({p}, MOC('{blanks}')) = 1",
            "INTERSECTS(MOC('{blanks}'), {p}) = 1",
            "CONTAINS({p}, REGION('MOC ({blanks})')) = 1",
        ],
        "holds" => &[
            "CONTAINS(CIRCLE({a}, {b}, {c}), CIRCLE({p}, {d})) = 1",
            "CONTAINS(REGION('CIRCLE {a} {b} {c}'), CIRCLE(ra, dec, {d})) = 1",
        ],
        "meets" => &[
            "INTERSECTS(CIRCLE({a}, {b}, {c}), CIRCLE({p}, {d})) = 1",
            "INTERSECTS(CIRCLE(ra, dec, {d}), REGION('CIRCLE {a} {b} {c}')) = 1",
        ],
        "within" => &[
            "CONTAINS(CIRCLE({p}, {d}), CIRCLE({a}, {b}, {c})) = 1",
            "CONTAINS(CIRCLE(ra, dec, {d}), REGION('CIRCLE {a} {b} {c}')) = 1",
        ],
        "reach-holds" => &[
            "CONTAINS(POINT({a}, {b}), CIRCLE({p}, reach)) = 1",
            "DISTANCE({p}, POINT({a}, {b})) <= reach",
            "reach >= DISTANCE({a}, {b}, ra, dec)",
            "INTERSECTS(CIRCLE(ra, dec, reach), POINT({a}, {b})) = 1",
        ],
        "reach-meets" => &[
            "INTERSECTS(CIRCLE({p}, reach), CIRCLE({a}, {b}, {c})) = 1",
            "DISTANCE({p}, POINT({a}, {b})) <= reach + {c}",
            "INTERSECTS(REGION('CIRCLE {a} {b} {c}'), CIRCLE(ra, dec, reach)) = 1",
        ],
        "reach-within" => &[
            "CONTAINS(CIRCLE({p}, reach), CIRCLE({a}, {b}, {c})) = 1",
            "CONTAINS(CIRCLE(ra, dec, reach), REGION('CIRCLE {a} {b} {c}')) = 1",
        ],
        "disc-holds" => {
            &["CONTAINS(POINT({a}, {b}), disc) = 1", "INTERSECTS(disc, POINT({a}, {b})) = 1"]
        }
        "disc-meets" => &[
            "INTERSECTS(disc, CIRCLE({a}, {b}, {c})) = 1",
            "INTERSECTS(REGION('CIRCLE {a} {b} {c}'), disc) = 1",
        ],
        "disc-within" => &["CONTAINS(disc, CIRCLE({a}, {b}, {c})) = 1"],
        "outline-holds" => {
            &["CONTAINS(POINT({a}, {b}), outline) = 1", "INTERSECTS(outline, POINT({a}, {b})) = 1"]
        }
        "outline-meets" => &[
            "INTERSECTS(outline, POLYGON({list})) = 1",
            "INTERSECTS(REGION('POLYGON {blanks}'), outline) = 1",
        ],
        _ => panic!("no such kind of condition: {kind}"),
    }
}
