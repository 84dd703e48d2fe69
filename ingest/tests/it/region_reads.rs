//! Rows of a region and a range of times are read without a query: against a look at all rows.

use std::ops::Range;
use std::sync::Arc;

use almagest_ingest::{CompactConfig, Transaction, compact};
use almagest_storage::chunking::Chunking;
use almagest_storage::hats::HatsConfig;
use almagest_storage::schema::{Alteration, Datatype, ForeignKey, SchemaDef};
use almagest_storage::sphgeom::{Cone, LonLatBox, Region};
use almagest_storage::{CatalogStore, Error, Removal, Snapshot};
use arrow::array::{AsArray, Float64Array, Int64Array, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;

use crate::sky_tables::{Null, batch, column, objects, schema, values};

const VISITS: i64 = 40;

/// Visits and sources have a time, forced sources have that of their visit, objects have none.
fn timed_schema() -> SchemaDef {
    let mut schema = schema();
    for table in &mut schema.tables {
        match table.name.as_str() {
            "Visit" | "Source" => {
                table.columns.push(column("mjd", Datatype::Double, Null::Allowed));
                table.time = Some("mjd".to_owned());
            }
            "ForcedSource" => table.foreign_keys.push(ForeignKey {
                name: "of_visit".to_owned(),
                description: String::new(),
                columns: vec!["visit".to_owned()],
                target_table: "Visit".to_owned(),
                target_columns: vec!["visit".to_owned()],
            }),
            _ => {}
        }
    }
    schema
}

fn mjd_of(visit: i64) -> f64 {
    60_000.0 + visit as f64
}

/// Sources and forced sources of three commits, each of other nights, about a field that RA 0 divides.
fn survey(rng: &mut ChaCha8Rng) -> (TempDir, CatalogStore) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("catalog");
    let chunking = Chunking::try_new(2).unwrap();
    let store = CatalogStore::create(&root, &timed_schema(), chunking).unwrap();
    let mut place =
        || ((359.25 + rng.random_range(0.0..1.5)) % 360.0, rng.random_range(-0.75..0.75));
    let stars: Vec<(i64, f64, f64)> =
        (1..=2000).map(|id| (id, place())).map(|(id, (a, d))| (id, a, d)).collect();
    let visits: Vec<i64> = (0..VISITS).collect();
    let mut transaction = Transaction::begin(&store).unwrap();
    transaction.append("Object", &objects(&stars)).unwrap();
    let mjds: Vec<Option<f64>> =
        visits.iter().map(|&visit| (visit != 7).then(|| mjd_of(visit))).collect();
    transaction
        .append(
            "Visit",
            &batch(vec![
                ("visit", values::<Int64Array>(visits)),
                ("mjd", values::<Float64Array>(mjds)),
            ]),
        )
        .unwrap();
    transaction.commit().unwrap();
    for part in 0..3_i64 {
        let of_part: Vec<i64> = (0..VISITS).filter(|visit| visit * 3 / VISITS == part).collect();
        let mut transaction = Transaction::begin(&store).unwrap();
        for (n, &visit) in of_part.iter().enumerate() {
            let ids = (0..stars.len() as i64).map(|id| visit * 10_000 + id);
            // A source is not where its star is, by up to 0.3 degrees: another page has its key.
            let near = |at: f64| at + offset(visit, at);
            let rows = batch(vec![
                ("sourceId", Arc::new(ids.collect::<Int64Array>())),
                ("ra", Arc::new(stars.iter().map(|s| s.1).collect::<Float64Array>())),
                ("dec", Arc::new(stars.iter().map(|s| near(s.2)).collect::<Float64Array>())),
                (
                    "mjd",
                    Arc::new(
                        (0..stars.len())
                            .map(|i| (i % 97 != n % 97).then(|| mjd_of(visit) + i as f64 * 1e-5))
                            .collect::<Float64Array>(),
                    ),
                ),
            ]);
            transaction.append("Source", &rows).unwrap();
            let forced = batch(vec![
                ("objectId", Arc::new(stars.iter().map(|s| s.0).collect::<Int64Array>())),
                ("visit", Arc::new(Int64Array::from(vec![visit; stars.len()]))),
                ("ra", Arc::new(stars.iter().map(|s| s.1).collect::<Float64Array>())),
                ("dec", Arc::new(stars.iter().map(|s| near(s.2)).collect::<Float64Array>())),
            ]);
            transaction.append("ForcedSource", &forced).unwrap();
        }
        transaction.commit().unwrap();
    }
    (folder, store)
}

/// An angle that differs from row to row, degrees.
fn offset(visit: i64, at: f64) -> f64 {
    ((visit as f64 * 12.9898 + at * 78.233).sin() * 43_758.545).fract() * 0.3
}

/// What stands in the rows: id or object, visit or 0, position, time.
fn rows(batches: &[RecordBatch]) -> Vec<(i64, i64, f64, f64, Option<f64>)> {
    let mut found = vec![];
    for batch in batches {
        let ids = batch.column(0).as_primitive::<Int64Type>();
        let [ra, dec] = [1, 2].map(|place| batch.column(place).as_primitive::<Float64Type>());
        let last = batch.column(3);
        for row in 0..batch.num_rows() {
            let visit = last.as_primitive_opt::<Int64Type>().map_or(0, |visits| visits.value(row));
            let times = last.as_primitive_opt::<Float64Type>();
            let time = times.and_then(|times| times.iter().nth(row)).flatten();
            found.push((ids.value(row), visit, ra.value(row), dec.value(row), time));
        }
    }
    found.sort_by_key(|row| (row.0, row.1));
    found
}

fn check(
    snapshot: &Snapshot,
    region: Option<&Region>,
    times: Option<Range<f64>>,
    time: &str,
) -> usize {
    let mut n_rows = 0;
    for (table, columns) in [
        ("Source", ["sourceId", "ra", "dec", time]),
        ("ForcedSource", ["objectId", "ra", "dec", "visit"]),
    ] {
        let all = rows(&snapshot.read_region(table, None, Some(&columns), None).unwrap());
        let is_meant = |&(_, visit, ra, dec, time): &(i64, i64, f64, f64, Option<f64>)| {
            let time = if table == "Source" { time } else { (visit != 7).then(|| mjd_of(visit)) };
            region.is_none_or(|region| region.contains_lonlat_deg(ra, dec))
                && times.as_ref().is_none_or(|times| time.is_some_and(|time| times.contains(&time)))
        };
        let expected: Vec<_> = all.into_iter().filter(is_meant).collect();
        let found = snapshot.read_region(table, region, Some(&columns), times.clone()).unwrap();
        assert_eq!(rows(&found), expected, "{table} {region:?} {times:?}");
        n_rows += expected.len();
    }
    n_rows
}

#[test]
fn the_rows_of_a_region_and_of_a_time_are_those_of_a_look_at_all() {
    let rng = &mut ChaCha8Rng::seed_from_u64(11);
    let (_folder, store) = survey(rng);
    let mut n_rows = 0;
    for step in 0..4 {
        let snapshot = store.snapshot().unwrap();
        let time = if step < 2 { "mjd" } else { "midpoint" };
        n_rows += check(&snapshot, None, None, time);
        for _ in 0..12 {
            let (ra, dec) =
                ((359.0 + rng.random_range(0.0..2.0)) % 360.0, rng.random_range(-1.0..1.0));
            let region = match rng.random_range(0..3) {
                0 => None,
                1 => Some(Region::Cone(Cone::closed_deg(ra, dec, rng.random_range(0.01..0.3)))),
                _ => Some(Region::LonLatBox(
                    LonLatBox::try_new(ra, (ra + 0.05) % 360.0, dec, dec + 0.03).unwrap(),
                )),
            };
            let begin = mjd_of(0) + rng.random_range(-3.0..f64::from(VISITS as i32));
            let times = [None, Some(begin..begin + rng.random_range(0.0..20.0))];
            let times = times[rng.random_range(0..2)].clone();
            n_rows += check(&snapshot, region.as_ref(), times, time);
        }
        // Rows go, a column gets another name, files are written anew: the answers stay right.
        match step {
            0 => {
                let mut transaction = Transaction::begin(&store).unwrap();
                let gone = (0..400_000).filter(|id| id % 7 == 0).collect();
                transaction.remove("Source", Removal::Ids(gone)).unwrap();
                transaction.commit().unwrap();
            }
            1 => {
                let mut transaction = Transaction::begin(&store).unwrap();
                let rename =
                    Alteration::RenameColumn { column: "mjd".into(), to: "midpoint".into() };
                transaction.alter_table("Source", rename).unwrap();
                transaction.commit().unwrap();
            }
            _ => {
                compact(&store, &CompactConfig::default()).unwrap();
            }
        }
    }
    assert!(n_rows > 500_000, "{n_rows}");
}

#[test]
fn a_table_without_times_says_so() {
    let (_folder, store) = survey(&mut ChaCha8Rng::seed_from_u64(12));
    let snapshot = store.snapshot().unwrap();
    let read = |table: &str, columns: &[&str]| {
        snapshot.read_region(table, None, Some(columns), Some(0.0..1e5)).map_err(|e| e.to_string())
    };
    let without = "table Object has no column of times, and refers to no table that has one";
    assert_eq!(read("object", &["objectId"]).unwrap_err(), without);
    assert_eq!(read("Source", &["size"]).unwrap_err(), "table Source has no column size");
    assert!(matches!(
        snapshot.read_region("Sauce", None, None, None),
        Err(Error::NoSuchTable { .. })
    ));
    // A child without its own position is in no region; it still is of a time.
    assert_eq!(read("Visit", &["visit"]).unwrap()[0].num_rows(), 39);
    let everywhere = Region::Cone(Cone::closed_deg(0.0, 0.0, 180.0));
    assert!(snapshot.read_region("Visit", Some(&everywhere), None, None).unwrap().is_empty());
}

#[test]
fn a_column_with_a_dot_in_its_name_is_read_as_others_are() {
    let folder = tempfile::tempdir().unwrap();
    let mut schema = schema();
    let source = schema.tables.iter_mut().find(|table| table.name == "Source").unwrap();
    source.columns.push(column("flux.err", Datatype::Double, Null::Allowed));
    let chunking = Chunking::try_new(1).unwrap();
    let store = CatalogStore::create(&folder.path().join("catalog"), &schema, chunking).unwrap();
    for part in 0..8 {
        let rows = batch(vec![
            ("sourceId", values::<Int64Array>(vec![2 * part, 2 * part + 1])),
            ("ra", values::<Float64Array>(vec![10.0, 50.0])),
            ("dec", values::<Float64Array>(vec![1.0, 2.0])),
            ("flux", values::<Float64Array>(vec![5.0, 6.0])),
            ("flux.err", values::<Float64Array>(vec![0.5, 0.25])),
        ]);
        let mut transaction = Transaction::begin(&store).unwrap();
        transaction.append("Source", &rows).unwrap();
        transaction.commit().unwrap();
    }
    let cone = Region::Cone(Cone::closed_deg(10.0, 1.0, 1.0));
    let check = || {
        let snapshot = store.snapshot().unwrap();
        let found = snapshot.read_region("Source", Some(&cone), Some(&["flux.err", "flux"]), None);
        let sum = |place: usize| {
            let of = |rows: &RecordBatch| {
                rows.column(place).as_primitive::<Float64Type>().values().iter().sum::<f64>()
            };
            found.as_ref().unwrap().iter().map(of).sum::<f64>()
        };
        assert_eq!([sum(0), sum(1)], [4.0, 40.0]);
    };
    check();
    compact(&store, &CompactConfig::default()).unwrap();
    check();
    let to = folder.path().join("hats");
    let config = HatsConfig {
        max_rows: 1000,
        region: None,
        margin: None,
        created_at: "2026-11-23T04:05UTC".to_owned(),
    };
    let report = store.snapshot().unwrap().export_hats("Source", &to, &config, &|_, _, _| ());
    assert_eq!(report.unwrap().n_rows, 16);
}
