//! `kill -9` amid an ingest: `check` is clean, and exactly the committed rows are there.
//!
//! ALMAGEST_LONG=1 kills a thousand ingests instead of ten.

use std::env;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::almagest::{Catalog, program, run_well, sources_csv};

/// Rows of one ingest.
const N_ROWS: i64 = 20_000;

/// Begin an ingest of the rows of `visit`, kill it after a while; tell whether it had ended well.
fn ingest_and_kill(catalog: &Catalog, visit: i64, delay: Duration) -> bool {
    let path = catalog.write("visit.csv", sources_csv(visit, visit * N_ROWS, N_ROWS));
    let mut child = program()
        .args(["ingest", &catalog.root(), "Source", &path])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    thread::sleep(delay);
    // Killing what has ended already does nothing, and its exit code stays.
    child.kill().unwrap();
    child.wait().unwrap().success()
}

#[test]
fn leaves_whole_ingests_or_nothing() {
    let n_kills = if env::var_os("ALMAGEST_LONG").is_some() { 1_000 } else { 10 };
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let catalog = Catalog::create();

    // How long an ingest takes here, so that kills fall on all of its steps.
    let path = catalog.write("visit.csv", sources_csv(1, N_ROWS, N_ROWS));
    let begin = Instant::now();
    run_well(&["ingest", &catalog.root(), "Source", &path]);
    let whole = begin.elapsed();

    let mut committed = vec![1];
    for visit in 2..2 + n_kills {
        let delay = whole.mul_f64(rng.random_range(0.0..1.2));
        let ended_well = ingest_and_kill(&catalog, visit, delay);
        catalog.check();
        let query = "SELECT visit, COUNT(*), COUNT(DISTINCT sourceId), MIN(sourceId), \
                     MAX(sourceId) FROM Source GROUP BY visit ORDER BY visit";
        let found = catalog.query(query);
        // A commit may have succeeded of which the program could not tell any more.
        let is_there = found.len() == committed.len() + 1;
        assert!(is_there || !ended_well, "visit {visit} was committed, and is gone");
        if is_there {
            committed.push(visit);
        }
        let expected: Vec<String> = committed
            .iter()
            .map(|visit| {
                let first = visit * N_ROWS;
                format!("{visit},{N_ROWS},{N_ROWS},{first},{}", first + N_ROWS - 1)
            })
            .collect();
        assert_eq!(found, expected, "after visit {visit}, killed after {delay:?}");
    }
    println!("{} of {n_kills} ingests were committed", committed.len() - 1);

    // What the dead left behind is in nobody's way.
    let path = catalog.write("visit.csv", sources_csv(0, 1, N_ROWS - 1));
    run_well(&["ingest", &catalog.root(), "Source", &path]);
    catalog.check();
}
