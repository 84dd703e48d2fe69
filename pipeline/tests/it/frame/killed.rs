//! A run of 41 quanta, killed with SIGKILL ten times at random moments: it ends with the files and
//! rows of a run that was left alone.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use almagest_pipeline::butler::{Butler, QuantumStatus};
use almagest_pipeline::executor::ExecuteOptions;
use almagest_storage::CatalogStore;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{TABLES, catalog, graph, ingest, outputs, rows, run, sky, write_images};

/// Tells the child which catalog is its own.
const CATALOG: &str = "ALMAGEST_TEST_KILLED_CATALOG";
const RUN: &str = "run";
const N_VISITS: usize = 13;
const N_KILLS: usize = 10;

fn options() -> ExecuteOptions {
    ExecuteOptions { jobs: 2, skip_existing: true, ..ExecuteOptions::default() }
}

/// Not a test of its own: what the killed child runs.
#[test]
fn run_until_killed() {
    let Some(root) = env::var_os(CATALOG) else { return };
    let store = CatalogStore::open(Path::new(&root)).unwrap();
    let butler = Butler::open(&store).unwrap();
    let report = run(&butler, &store, &graph(&butler, RUN), &options());
    assert!(report.first_error.is_none(), "{:?}", report.first_error);
}

fn start(catalog: &Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "frame::killed::run_until_killed"])
        .env(CATALOG, catalog)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn prepare(folder: &Path, images: &[PathBuf]) -> CatalogStore {
    let store = catalog(folder);
    ingest(&Butler::open(&store).unwrap(), images);
    store
}

#[test]
fn killed_runs_end_as_if_they_had_not_been() {
    let folder = tempfile::tempdir().unwrap();
    let images = write_images(&sky(N_VISITS), &folder.path().join("images"));
    let whole = prepare(&folder.path().join("whole"), &images);
    let begin = Instant::now();
    assert!(start(whole.root()).wait().unwrap().success());
    let duration = begin.elapsed();
    let butler = Butler::open(&whole).unwrap();
    let quanta = butler.registry().quanta(RUN).unwrap();
    assert_eq!(quanta.len(), 3 * N_VISITS + 2);
    assert_eq!(whole.newest_version().unwrap(), N_VISITS as u64);

    let killed = prepare(&folder.path().join("killed"), &images);
    let watcher = Butler::open(&killed).unwrap();
    let n_done = || {
        let quanta = watcher.registry().quanta(RUN).unwrap();
        quanta.iter().filter(|quantum| quantum.status == QuantumStatus::Successful).count()
    };
    let mut rng = ChaCha8Rng::seed_from_u64(17);
    let mut n_cut = 0;
    for _ in 0..N_KILLS {
        let mut child = start(killed.root());
        // After a few more quanta, and then at any moment of the next ones; so few that the last run
        // is cut too where the machine is slower or faster than it was for the whole one.
        let target = n_done() + rng.random_range(0..3);
        while n_done() < target && child.try_wait().unwrap().is_none() {
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(duration.mul_f64(rng.random_range(0.0..2.0) / quanta.len() as f64));
        child.kill().unwrap();
        n_cut += usize::from(!child.wait().unwrap().success());
        assert!(killed.check().unwrap().is_clean());
    }
    println!("{n_cut} of {N_KILLS} runs were cut; {} quanta done before the last", n_done());
    assert!(n_cut >= N_KILLS - 1, "the runs ended before they were killed");
    assert!(start(killed.root()).wait().unwrap().success());

    let (expected, found) = (outputs(&whole, RUN), outputs(&killed, RUN));
    assert!(expected.len() > 8 * N_VISITS);
    let names = |files: &std::collections::BTreeMap<PathBuf, Vec<u8>>| {
        files.keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(names(&found), names(&expected));
    for (path, content) in &expected {
        assert!(found[path] == *content, "{} differs", path.display());
    }
    for table in TABLES {
        assert_eq!(rows(&killed, table), rows(&whole, table), "{table}");
    }
    let statuses = |butler: &Butler| {
        let quanta = butler.registry().quanta(RUN).unwrap();
        let mut all: Vec<_> = quanta
            .into_iter()
            .map(|q| (q.task_label, q.data_id, q.status.name(), q.fingerprint))
            .collect();
        all.sort();
        all
    };
    assert_eq!(statuses(&Butler::open(&killed).unwrap()), statuses(&butler));
}
