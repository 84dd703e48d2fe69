//! A process that is killed at a random moment leaves whole visits or nothing.
//!
//! The test runs its own binary again as a child that adds visits, replaces them, compacts and
//! vacuums, and acknowledges each commit on its standard output. It is killed with SIGKILL; what is
//! left must be every acknowledged commit, whole, and at most the one that could not be
//! acknowledged any more. `tests/crash/run` does so as often as one likes.

use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead, BufReader};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use almagest_ingest::{CompactConfig, Transaction, TransactionConfig, compact};
use almagest_storage::backup::{BackupConfig, restore::restore};
use almagest_storage::vacuum::VacuumConfig;
use almagest_storage::{CatalogStore, Removal, Snapshot};
use arrow::array::{AsArray, Float64Array, Int64Array, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::sky_tables::{batch, catalog, forced_sources, objects, values, visible, visits};

const CATALOG_VARIABLE: &str = "ALMAGEST_CRASH_TEST_CATALOG";
const SEED_VARIABLE: &str = "ALMAGEST_CRASH_TEST_SEED";

/// How often the writers of one catalog are killed.
const KILLS_OF_ONE: u64 = 20;

/// How often each visit was processed: what the rows of its sources say in `flux`.
type Visits = BTreeMap<i64, u32>;

/// Return the ids of a visit's rows.
fn ids(visit: i64) -> Range<i64> {
    let first = (visit + 1) * 10_000;
    first..first + n_rows(visit)
}

/// Number of rows that a visit has in each table.
fn n_rows(visit: i64) -> i64 {
    1 + visit * 7919 % 150
}

fn sources(ids: &[i64], times: u32) -> RecordBatch {
    let at = |scale: i64, shift: f64| -> Vec<f64> {
        ids.iter().map(|id| (id % scale) as f64 + shift).collect()
    };
    batch(vec![
        ("sourceId", values::<Int64Array>(ids.to_vec())),
        ("ra", values::<Float64Array>(at(360, f64::from(times) * 0.25))),
        ("dec", values::<Float64Array>(at(180, -90.0))),
        ("flux", values::<Float64Array>(vec![f64::from(times); ids.len()])),
    ])
}

/// Add a visit, or replace its rows, in all tables.
fn commit_visit(store: &CatalogStore, visit: i64, times: u32) {
    // The buffer holds a part of a large visit, so that kills also hit between its files.
    let config = TransactionConfig { buffer_bytes: 6_000, ..TransactionConfig::default() };
    let mut transaction = Transaction::begin_with(store, config).unwrap();
    let all: Vec<i64> = ids(visit).collect();
    if times > 0 {
        transaction.remove("Visit", Removal::data_id("visit", visit)).unwrap();
        transaction.remove("ForcedSource", Removal::data_id("visit", visit)).unwrap();
        transaction.remove("Source", Removal::Ids(all.clone())).unwrap();
    }
    transaction.append("Visit", &visits(&[visit])).unwrap();
    for ids in all.chunks(60) {
        let row = |id: &i64| (*id, (id % 360) as f64, (id % 180 - 90) as f64);
        let rows: Vec<_> = ids.iter().map(row).collect();
        let forced: Vec<_> = ids.iter().map(|id| (Some(*id), visit)).collect();
        transaction.append("ForcedSource", &forced_sources(&forced)).unwrap();
        if times == 0 {
            transaction.append("Object", &objects(&rows)).unwrap();
        }
        transaction.append("Source", &sources(ids, times)).unwrap();
    }
    transaction.commit().unwrap();
}

/// Nothing else reads or writes the catalog, so that nothing needs to wait.
fn vacuum(store: &CatalogStore) {
    let config = VacuumConfig { grace: Duration::ZERO, lease_timeout: Duration::ZERO };
    store.vacuum(config).unwrap();
}

/// Where the catalog of a folder is backed up.
fn backup_of(root: &Path) -> PathBuf {
    root.with_file_name("backup")
}

/// Restore the newest generation of a backup and see that it is whole, and what the catalog was.
fn look_at_backup(store: &CatalogStore, acknowledged: u64) {
    let restored = store.root().with_file_name("restored");
    let report = restore(&backup_of(store.root()), &restored, None).unwrap();
    assert!(report.version >= acknowledged, "{report} after version {acknowledged}");
    let copy = CatalogStore::open(&restored).unwrap();
    let check = copy.check().unwrap();
    assert!(check.is_clean() && check.orphans.is_empty(), "{report}: {check}");
    let state = state_of(&copy.snapshot().unwrap());
    if let Ok(then) = store.snapshot_at(report.version) {
        assert_eq!(state, state_of(&then), "{report}");
    }
    drop(copy);
    std::fs::remove_dir_all(restored).unwrap();
}

/// Not a test of its own: what the killed child runs.
#[test]
fn work_until_killed() {
    let Some(root) = env::var_os(CATALOG_VARIABLE) else { return };
    let seed = env::var(SEED_VARIABLE).unwrap().parse().unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let store = CatalogStore::open(Path::new(&root)).unwrap();
    let mut state = state_of(&store.snapshot().unwrap());
    println!("\nready");
    loop {
        match rng.random_range(0..11) {
            10 => {
                let config = BackupConfig { keep: 2, ..BackupConfig::default() };
                let report = store.back_up(&backup_of(store.root()), config).unwrap();
                println!("\nbacked up {}", report.version);
            }
            0 => {
                let config = CompactConfig { min_files: 2, ..CompactConfig::default() };
                compact(&store, &config).unwrap();
            }
            1 => vacuum(&store),
            2..=4 if !state.is_empty() => {
                let visit = rng.random_range(0..state.len() as i64);
                let times = state[&visit] + 1;
                commit_visit(&store, visit, times);
                state.insert(visit, times);
                println!("\ncommitted {visit} {times}");
            }
            _ => {
                let visit = state.len() as i64;
                commit_visit(&store, visit, 0);
                state.insert(visit, 0);
                println!("\ncommitted {visit} 0");
            }
        }
    }
}

/// Read which visits there are, and see that each is whole in all tables.
fn state_of(snapshot: &Snapshot) -> Visits {
    let visits: Vec<i64> =
        visible(snapshot, "Visit", "visit").into_iter().map(Option::unwrap).collect();
    let all_ids: Vec<_> = visits.iter().flat_map(|visit| ids(*visit)).map(Some).collect();
    assert_eq!(visible(snapshot, "Source", "sourceId"), all_ids);
    assert_eq!(visible(snapshot, "Object", "objectId"), all_ids);
    assert_eq!(visible(snapshot, "ForcedSource", "objectId"), all_ids);
    for (table, n_rows) in [("Visit", visits.len()), ("Source", all_ids.len())] {
        assert_eq!(snapshot.n_rows(table), n_rows as u64);
    }
    let mut state = Visits::new();
    let columns = ["sourceId", "flux"];
    for batch in snapshot.read_region("Source", None, Some(&columns), None).unwrap() {
        let ids = batch.column(0).as_primitive::<Int64Type>().values();
        let times = batch.column(1).as_primitive::<Float64Type>().values();
        for (id, times) in ids.iter().zip(times) {
            let times = *times as u32;
            let visit = id / 10_000 - 1;
            assert_eq!(*state.entry(visit).or_insert(times), times, "visit {visit} is mixed");
        }
    }
    assert_eq!(state.keys().copied().collect::<Vec<_>>(), visits);
    state
}

/// Start a child, kill it after a while, and apply what it acknowledged; return the version that it
/// backed up last.
fn run_and_kill(root: &Path, seed: u64, delay: Duration, state: &mut Visits) -> Option<u64> {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["crash::work_until_killed", "--exact", "--nocapture"])
        .env(CATALOG_VARIABLE, root)
        .env(SEED_VARIABLE, seed.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line == "ready"), "the child began");
    thread::sleep(delay);
    assert_eq!(child.try_wait().unwrap(), None, "the child lived until it was killed");
    child.kill().unwrap();
    child.wait().unwrap();
    let mut backed_up = None;
    for line in lines {
        if let Some(version) = line.strip_prefix("backed up ") {
            backed_up = Some(version.parse().unwrap());
        }
        if let Some((visit, times)) =
            line.strip_prefix("committed ").and_then(|line| line.split_once(' '))
        {
            state.insert(visit.parse().unwrap(), times.parse().unwrap());
        }
    }
    backed_up
}

/// Kill the writers of one catalog again and again, and look at it after each; return how many
/// visits were replaced.
fn kill_again_and_again(seed: u64, n_kills: u64) -> usize {
    let (_folder, store) = catalog();
    let root = store.root().to_owned();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut state = Visits::new();
    let (mut n_orphans, mut n_restored, mut backed_up) = (0, 0, None);
    for kill in 0..n_kills {
        let delay = Duration::from_micros(rng.random_range(0..400_000));
        backed_up = run_and_kill(&root, seed * 1000 + kill, delay, &mut state).or(backed_up);

        let store = CatalogStore::open(&root).unwrap();
        let report = store.check().unwrap();
        assert!(report.is_clean(), "seed {seed}, kill {kill}: {report}");
        n_orphans += report.orphans.len();
        let found = state_of(&store.snapshot().unwrap());
        // A commit may have succeeded of which the child could not tell any more.
        let unacknowledged: Vec<_> =
            found.iter().filter(|(k, v)| state.get(k) != Some(v)).collect();
        assert!(unacknowledged.len() <= 1, "seed {seed}, kill {kill}: {unacknowledged:?}");
        for (visit, times) in &state {
            let found = found.get(visit).copied();
            assert!(
                found == Some(*times) || found == Some(times + 1),
                "seed {seed}, kill {kill}: visit {visit} was acknowledged {times} times: {found:?}"
            );
        }
        state = found;
        if let Some(version) = backed_up.filter(|_| kill % 4 == 3) {
            look_at_backup(&store, version);
            n_restored += 1;
        }
        if kill % 10 == 9 {
            vacuum(&store);
            let report = store.check().unwrap();
            assert!(report.is_clean() && report.orphans.is_empty(), "seed {seed}: {report}");
        }
    }
    let replaced = state.values().filter(|times| **times > 0).count();
    println!(
        "seed {seed}: {} visits, {replaced} of them replaced, survived {n_kills} kills; \
         {n_orphans} orphans seen, {n_restored} times restored",
        state.len()
    );
    replaced
}

/// The value of a variable of the environment that is a number.
fn number(variable: &str) -> Option<u64> {
    Some(env::var(variable).ok()?.parse().expect(variable))
}

#[test]
fn killed_at_random_moments() {
    let is_long = env::var_os("ALMAGEST_LONG").is_some();
    let n_kills = number("ALMAGEST_KILLS").unwrap_or(if is_long { 5_000 } else { 200 });
    let first_seed = number("ALMAGEST_SEED").unwrap_or(0);
    // A catalog for each core, and a new one after some kills: most of what can happen does so early.
    let n_replaced: usize = (0..n_kills.div_ceil(KILLS_OF_ONE))
        .into_par_iter()
        .map(|catalog| {
            let n_kills = KILLS_OF_ONE.min(n_kills - catalog * KILLS_OF_ONE);
            kill_again_and_again(first_seed + catalog, n_kills)
        })
        .sum();
    assert!(n_replaced > 0, "no child lived long enough to replace a visit");
}
