//! How long parsing, checking and translating take, for everyday queries and for awkward ones.
//!
//!     cargo bench -p almagest-adql

use std::hint::black_box;
use std::time::{Duration, Instant};

use almagest_adql::grammar::parse;
use almagest_adql::{ColumnKind, ColumnName, Grammar, Names, SchemaNames, TableNames, translate};

/// A schema with a table as wide as Rubin's Object, and a narrow one.
fn names() -> Names {
    let column = |name: String| ColumnName {
        name,
        kind: ColumnKind::Double,
        unit: Some("nJy".to_owned()),
        ..ColumnName::default()
    };
    let wide = (0..1244).map(|i| format!("g_measurement_{i}"));
    let wide =
        ["objectId", "coord_ra", "coord_dec", "refBand"].map(str::to_owned).into_iter().chain(wide);
    let narrow =
        ["sourceId", "ra", "dec", "visit", "band", "psfFlux", "psfFluxErr"].map(str::to_owned);
    let table = |name: &str, columns: Vec<ColumnName>| TableNames {
        name: name.to_owned(),
        columns,
        ..TableNames::default()
    };
    let tables = vec![
        table("Object", wide.map(column).collect()),
        table("Source", narrow.into_iter().map(column).collect()),
    ];
    let schemas = vec![SchemaNames { name: "survey".to_owned(), tables }];
    Names { schemas, default_schema: "survey".to_owned() }
}

/// The median time of a call.
fn median(mut call: impl FnMut()) -> Duration {
    call();
    let mut times: Vec<Duration> = (0..201)
        .map(|_| {
            let begin = Instant::now();
            call();
            begin.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}

fn main() {
    let list: Vec<String> = (0..10_000).map(|i| i.to_string()).collect();
    let ors: Vec<String> = (0..1500).map(|i| format!("objectId = {i}")).collect();
    let mut queries = vec![
        (
            "cone with magnitudes",
            "SELECT TOP 100 objectId, coord_ra, coord_dec, -2.5*LOG10(g_measurement_7)+31.4 AS mag
             FROM Object
             WHERE CONTAINS(POINT('ICRS', coord_ra, coord_dec), CIRCLE('ICRS', 62, -37, 0.1)) = 1
               AND g_measurement_7 > 0
             ORDER BY mag"
                .to_owned(),
        ),
        (
            "cross-match and group",
            "SELECT o.objectId, COUNT(*) AS n, AVG(s.psfFlux) AS flux
             FROM Object AS o JOIN Source AS s
               ON DISTANCE(POINT(o.coord_ra, o.coord_dec), POINT(s.ra, s.dec)) < 0.0001
             WHERE s.band = 5 GROUP BY o.objectId HAVING COUNT(*) > 3"
                .to_owned(),
        ),
        ("all columns of a wide table", "SELECT * FROM Object".to_owned()),
        (
            "wide self-join",
            "SELECT * FROM Object AS a JOIN Object AS b USING (objectId)".to_owned(),
        ),
        (
            "10,000 ids",
            format!("SELECT objectId FROM Object WHERE objectId IN ({})", list.join(",")),
        ),
        ("1,500 conditions", format!("SELECT objectId FROM Object WHERE {}", ors.join(" OR "))),
    ];
    let chain: String = (1..=6).map(|i| format!(", t{i} AS (SELECT * FROM t{})", i - 1)).collect();
    let chain = format!("WITH t0 AS (SELECT * FROM Object){chain} SELECT * FROM t6");
    queries.push(("chain of wide common tables", chain));
    let names = names();
    println!("{:30} {:>12} {:>12}", "query", "parse", "translate");
    for (title, query) in &queries {
        let parsing = median(|| {
            black_box(parse(black_box(query), &Grammar::default())).ok();
        });
        let translating = median(|| {
            black_box(translate(black_box(query), &names)).ok();
        });
        println!("{title:30} {parsing:>12.1?} {translating:>12.1?}");
    }
}
