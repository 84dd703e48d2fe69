//! What a pipeline reads of the past before it looks at an image: the DiaObjects where one detector looks, and
//! twelve months of their DiaSources and of forced fluxes there, beside a writer.
//!
//! ```text
//!   cargo bench --bench history -- CATALOG      a generated one; DiaSources are added to it
//! ```
//!
//! Printed are the times of one reader alone, of eight readers beside a writer that commits all the while, and
//! of a visit of 189 detectors read by eight.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use almagest_engine::arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
use almagest_engine::arrow::datatypes::Float64Type;
use almagest_ingest::Transaction;
use almagest_storage::sphgeom::{Angle, Region, UnitVector};
use almagest_storage::{CatalogStore, Snapshot};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Side of a detector of Rubin's camera on the sky, degrees.
const DETECTOR_DEG: f64 = 0.2265;
/// Radius of a visit's field, degrees.
const FIELD_DEG: f64 = 1.75;
const N_DETECTORS: usize = 189;
const N_READERS: usize = 8;
const N_READS: usize = 200;
const MONTHS_D: f64 = 365.0;

/// Columns that difference imaging and association ask for.
const OBJECT: &[&str] = &["diaObjectId", "ra", "dec", "nDiaSources"];
const SOURCE: &[&str] = &[
    "diaSourceId",
    "diaObjectId",
    "coord_ra",
    "coord_dec",
    "midpointMjdTai",
    "band",
    "psfFlux",
    "psfFluxErr",
];
const FORCED: &[&str] = &["objectId", "visit", "detector", "band", "psfFlux", "psfFluxErr"];

fn main() {
    // Cargo passes options of its own.
    let Some(path) = std::env::args().skip(1).find(|argument| !argument.starts_with("--")) else {
        println!("history: name the folder of a generated catalog");
        return;
    };
    let store = CatalogStore::open(Path::new(&path)).expect("a catalog");
    let snapshot = store.snapshot().unwrap();
    let places = places(&snapshot);
    let last = last_mjd(&snapshot);
    let times = last - MONTHS_D..last + 1.0;
    println!("{} DiaObjects, months to MJD {last:.1}", places.len());

    let alone = read(&store, &places, times.clone(), 1, N_READS);
    report("one reader", &alone.0, alone.1);
    let is_over = AtomicBool::new(false);
    let n_commits = AtomicI64::new(0);
    thread::scope(|scope| {
        scope.spawn(|| write(&store, &is_over, &n_commits));
        let beside = read(&store, &places, times.clone(), N_READERS, N_READS);
        report("eight readers beside a writer", &beside.0, beside.1);
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        for _ in 0..5 {
            let center = places[rng.random_range(0..places.len())];
            let detectors = within(&mut rng, &center);
            let begin = Instant::now();
            let visit = read(&store, &detectors, times.clone(), N_READERS, N_DETECTORS);
            report("visit of 189 detectors", &visit.0, visit.1);
            println!("    in all {:.0} ms", begin.elapsed().as_secs_f64() * 1e3);
        }
        is_over.store(true, Ordering::Relaxed);
    });
    println!("the writer made {} commits", n_commits.into_inner());
}

/// Read the history of places, some of them at a time; return the times, ms, and the rows.
fn read(
    store: &CatalogStore,
    places: &[(f64, f64)],
    times: std::ops::Range<f64>,
    n_readers: usize,
    n_reads: usize,
) -> (Vec<f64>, usize) {
    let next = AtomicUsize::new(0);
    let found = thread::scope(|scope| {
        let reader = || {
            let (mut all, mut n_rows) = (vec![], 0);
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= n_reads {
                    return (all, n_rows);
                }
                let (ra, dec) = places[number * 7919 % places.len()];
                let begin = Instant::now();
                let snapshot = store.snapshot().unwrap();
                let side = Angle::from_degrees(DETECTOR_DEG);
                let center = UnitVector::from_lonlat_deg(ra, dec);
                let region = Region::center_box(&center, side, side).unwrap();
                for (table, columns, times) in [
                    ("DiaObject", OBJECT, None),
                    ("DiaSource", SOURCE, Some(times.clone())),
                    ("ForcedSource", FORCED, Some(times.clone())),
                ] {
                    let rows = snapshot.read_region(table, Some(&region), Some(columns), times);
                    n_rows += rows.unwrap().iter().map(RecordBatch::num_rows).sum::<usize>();
                }
                all.push(begin.elapsed().as_secs_f64() * 1e3);
            }
        };
        let readers: Vec<_> = (0..n_readers).map(|_| scope.spawn(reader)).collect();
        readers.into_iter().map(|reader| reader.join().unwrap()).collect::<Vec<_>>()
    });
    let n_rows = found.iter().map(|(_, n_rows)| n_rows).sum();
    (found.into_iter().flat_map(|(times, _)| times).collect(), n_rows)
}

fn report(what: &str, times: &[f64], n_rows: usize) {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share).round() as usize];
    println!(
        "{what:<32} {} reads, {} rows each: median {:.1} ms, p99 {:.1}, longest {:.1}",
        times.len(),
        n_rows / times.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

/// Where DiaObjects are: that is where detectors look.
fn places(snapshot: &Snapshot) -> Vec<(f64, f64)> {
    let mut places = vec![];
    for rows in snapshot.read_region("DiaObject", None, Some(&["ra", "dec"]), None).unwrap() {
        let [ra, dec] = [0, 1].map(|column| rows.column(column).as_primitive::<Float64Type>());
        places.extend(ra.values().iter().copied().zip(dec.values().iter().copied()));
    }
    places
}

/// Where the detectors of a visit look, about.
fn within(rng: &mut ChaCha8Rng, center: &(f64, f64)) -> Vec<(f64, f64)> {
    let mut detector = || {
        let (distance, angle): (f64, f64) = (
            FIELD_DEG * rng.random_range(0.0..1.0_f64).sqrt(),
            rng.random_range(0.0..std::f64::consts::TAU),
        );
        let dec = (center.1 + distance * angle.cos()).clamp(-89.0, 89.0);
        ((center.0 + distance * angle.sin() / dec.to_radians().cos()).rem_euclid(360.0), dec)
    };
    (0..N_DETECTORS).map(|_| detector()).collect()
}

fn last_mjd(snapshot: &Snapshot) -> f64 {
    let rows = snapshot.read_region("DiaSource", None, Some(&["midpointMjdTai"]), None).unwrap();
    let of_batch =
        |rows: &RecordBatch| rows.column(0).as_primitive::<Float64Type>().values().to_vec();
    rows.iter().flat_map(of_batch).fold(f64::MIN, f64::max)
}

/// Commit the DiaSources of detector after detector, as the nightly pipeline does.
fn write(store: &CatalogStore, is_over: &AtomicBool, n_commits: &AtomicI64) {
    let snapshot = store.snapshot().unwrap();
    let rows = snapshot.read_region("DiaSource", None, None, None).unwrap().swap_remove(0);
    let place = rows.schema().index_of("diaSourceId").unwrap();
    // Above those of all that were added before.
    let mut next_id = (1_i64 << 62) + 1000 * i64::try_from(snapshot.version()).unwrap();
    while !is_over.load(Ordering::Relaxed) {
        let first =
            usize::try_from(next_id / 7).unwrap() % rows.num_rows().saturating_sub(100).max(1);
        let some = rows.slice(first, rows.num_rows().min(100));
        let mut columns: Vec<ArrayRef> = some.columns().to_vec();
        let ids = Int64Array::from_iter_values(next_id..next_id + some.num_rows() as i64);
        columns[place] = Arc::new(ids);
        let some = RecordBatch::try_new(some.schema(), columns).unwrap();
        let mut transaction = Transaction::begin(store).unwrap();
        transaction.append("DiaSource", &some).unwrap();
        transaction.commit().unwrap();
        next_id += 1000;
        n_commits.fetch_add(1, Ordering::Relaxed);
    }
}
