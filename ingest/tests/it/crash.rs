//! A process that is killed at a random moment leaves whole visits or nothing.
//!
//! The test runs its own binary again as a child that commits visit after visit, kills it with
//! SIGKILL, and looks at what is left. ALMAGEST_LONG=1 does so thousands of times.

use std::env;
use std::io::{BufRead, BufReader};
use std::ops::Range;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use almagest_ingest::{Transaction, TransactionConfig};
use almagest_storage::CatalogStore;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::sky_tables::{catalog, forced_sources, objects, sources, visible, visits};

const CATALOG_VARIABLE: &str = "ALMAGEST_CRASH_TEST_CATALOG";

/// Return the ids of a visit's rows.
fn ids(visit: i64) -> Range<i64> {
    let first = (visit + 1) * 10_000;
    first..first + n_rows(visit)
}

/// Number of rows that a visit has in each table.
fn n_rows(visit: i64) -> i64 {
    1 + visit * 7919 % 2_500
}

fn commit_visit(store: &CatalogStore, visit: i64) {
    // The buffer holds a part of a large visit, so that kills also hit between its files.
    let config = TransactionConfig { buffer_bytes: 100_000, ..TransactionConfig::default() };
    let mut transaction = Transaction::begin_with(store, config).unwrap();
    transaction.append("Visit", &visits(&[visit])).unwrap();
    for ids in ids(visit).collect::<Vec<_>>().chunks(300) {
        let row = |id: &i64| (*id, (id % 360) as f64, (id % 180 - 90) as f64);
        let rows: Vec<_> = ids.iter().map(row).collect();
        let forced: Vec<_> = ids.iter().map(|id| (Some(*id), visit)).collect();
        transaction.append("ForcedSource", &forced_sources(&forced)).unwrap();
        transaction.append("Object", &objects(&rows)).unwrap();
        transaction.append("Source", &sources(&rows)).unwrap();
    }
    transaction.commit().unwrap();
}

/// Not a test of its own: what the killed child runs.
#[test]
fn commit_visits_until_killed() {
    let Some(root) = env::var_os(CATALOG_VARIABLE) else { return };
    let store = CatalogStore::open(Path::new(&root)).unwrap();
    let first = store.snapshot().unwrap().n_rows("Visit") as i64;
    println!("\nready");
    for visit in first.. {
        commit_visit(&store, visit);
        println!("\ncommitted {visit}");
    }
}

/// Start a child, kill it after a while, and return the last visit that it reported.
fn run_and_kill(root: &Path, delay: Duration) -> Option<i64> {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["crash::commit_visits_until_killed", "--exact", "--nocapture"])
        .env(CATALOG_VARIABLE, root)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line == "ready"), "the child began");
    thread::sleep(delay);
    assert_eq!(child.try_wait().unwrap(), None, "the child lived until it was killed");
    child.kill().unwrap();
    child.wait().unwrap();
    let visits = lines.filter_map(|line| line.strip_prefix("committed ")?.parse().ok());
    visits.last()
}

/// Kill ten ingests of one catalog and look at it after each.
fn kill_ten_times(seed: u64) {
    let (_folder, store) = catalog();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut n_visits, mut n_orphans) = (0, 0);
    for kill in 0..10 {
        let delay = Duration::from_micros(rng.random_range(0..400_000));
        let reported = run_and_kill(store.root(), delay).map_or(n_visits, |visit| visit + 1);

        let store = CatalogStore::open(store.root()).unwrap();
        let report = store.check().unwrap();
        assert!(report.is_clean(), "seed {seed}, kill {kill}: {report}");
        n_orphans = report.orphans.len();
        let snapshot = store.snapshot().unwrap();
        n_visits = snapshot.n_rows("Visit") as i64;
        // A commit may have succeeded of which the child could not tell any more.
        assert!([reported, reported + 1].contains(&n_visits), "{n_visits} of {reported}");
        assert_eq!(snapshot.version(), n_visits as u64);
        let expected: Vec<_> = (0..n_visits).flat_map(ids).map(Some).collect();
        assert_eq!(visible(&snapshot, "Source", "sourceId"), expected);
        assert_eq!(visible(&snapshot, "Object", "objectId"), expected);
        assert_eq!(visible(&snapshot, "ForcedSource", "objectId"), expected);
    }
    println!("seed {seed}: {n_visits} visits survived 10 kills, beside {n_orphans} orphaned files");
    assert!(n_visits > 0, "seed {seed}: no child lived long enough to commit");
}

#[test]
fn killed_at_random_moments() {
    let n_catalogs = if env::var_os("ALMAGEST_LONG").is_some() { 300 } else { 1 };
    for seed in 0..n_catalogs {
        kill_ten_times(seed);
    }
}
