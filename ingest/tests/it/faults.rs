//! A disk that fails at any one call, or from any call on, loses nothing that was committed.
//!
//! A sequence of commits, a compaction, a backup and a vacuum is run once on a disk that counts its calls,
//! and then once for each call and each fault, with the fault at that call. Each step either
//! succeeds or leaves what it found; afterwards the catalog is sound, vacuum finds all orphans, and
//! the sequence can be run to its end.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use almagest_ingest::{CompactConfig, Result, Transaction, compact};
use almagest_storage::backup::{BackupConfig, restore::restore};
use almagest_storage::disk::{Disk, LocalDisk, NewFile};
use almagest_storage::vacuum::VacuumConfig;
use almagest_storage::{CatalogStore, Removal};

use crate::sky_tables::{catalog, sources, visible, visits};

const NOW: VacuumConfig =
    VacuumConfig { grace: Duration::ZERO, lease_timeout: Duration::from_secs(60) };

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// One call fails; a write has written half by then.
    Once,
    /// All calls fail from this one on.
    Forever,
}

/// Counts calls and fails at one of them.
#[derive(Debug, Clone)]
struct FaultyDisk {
    n_calls: Arc<AtomicUsize>,
    fails_at: usize,
    fault: Fault,
}

impl FaultyDisk {
    fn new(fails_at: usize, fault: Fault) -> Self {
        Self { n_calls: Arc::default(), fails_at, fault }
    }

    fn call(&self) -> io::Result<()> {
        let call = self.n_calls.fetch_add(1, Ordering::Relaxed);
        let fails = match self.fault {
            Fault::None => false,
            Fault::Once => call == self.fails_at,
            Fault::Forever => call >= self.fails_at,
        };
        if fails { Err(io::Error::new(io::ErrorKind::StorageFull, "disk full")) } else { Ok(()) }
    }
}

impl Disk for FaultyDisk {
    fn make_folder(&self, path: &Path) -> io::Result<()> {
        self.call()?;
        LocalDisk.make_folder(path)
    }

    fn create_file(&self, path: &Path) -> io::Result<Box<dyn NewFile>> {
        self.call()?;
        let file = LocalDisk.create_file(path)?;
        Ok(Box::new(FaultyFile { disk: self.clone(), file }))
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.call()?;
        LocalDisk.sync_folder(path)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.call()?;
        LocalDisk.remove_file(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call()?;
        LocalDisk.rename(from, to)
    }
}

struct FaultyFile {
    disk: FaultyDisk,
    file: Box<dyn NewFile>,
}

impl Write for FaultyFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Err(error) = self.disk.call() {
            self.file.write_all(&bytes[..bytes.len() / 2])?;
            return Err(error);
        }
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl NewFile for FaultyFile {
    fn sync(&mut self) -> io::Result<()> {
        self.disk.call()?;
        self.file.sync()
    }
}

/// What is visible: sources, visits.
type State = (Vec<i64>, Vec<i64>);

fn state(store: &CatalogStore) -> State {
    let snapshot = store.snapshot().unwrap();
    let ids = |table, column| visible(&snapshot, table, column).into_iter().flatten().collect();
    (ids("Source", "sourceId"), ids("Visit", "visit"))
}

/// Add a visit and its sources, in the place of what is there of them.
fn commit(store: &CatalogStore, visit: i64, n_sources: i64) -> Result<()> {
    let mut transaction = Transaction::begin(store)?;
    transaction.remove("Visit", Removal::data_id("visit", visit))?;
    transaction.remove("Source", Removal::Ids((visit * 10..visit * 10 + 10).collect()))?;
    let rows: Vec<_> = (0..n_sources).map(|n| (visit * 10 + n, n as f64, n as f64)).collect();
    transaction.append("Visit", &visits(&[visit]))?;
    transaction.append("Source", &sources(&rows))?;
    transaction.commit().map(drop)
}

/// Back the catalog up beside it; a second time, so that a generation goes too.
fn back_up(store: &CatalogStore) -> Result<()> {
    let config = BackupConfig { keep: 1, ..BackupConfig::default() };
    for _ in 0..2 {
        store.back_up(&store.root().with_file_name("backup"), config)?;
    }
    Ok(())
}

type Step = fn(&CatalogStore) -> Result<()>;

/// The steps, each with the state after it.
fn steps() -> Vec<(Step, State)> {
    let sources = |of: &[(i64, i64)]| -> Vec<i64> {
        of.iter().flat_map(|(visit, n)| (0..*n).map(move |k| visit * 10 + k)).collect()
    };
    vec![
        (|store| commit(store, 1, 5), (sources(&[(1, 5)]), vec![1])),
        (|store| commit(store, 2, 3), (sources(&[(1, 5), (2, 3)]), vec![1, 2])),
        (|store| commit(store, 1, 4), (sources(&[(1, 4), (2, 3)]), vec![1, 2])),
        (
            |store| {
                let config = CompactConfig { min_files: 2, ..CompactConfig::default() };
                compact(store, &config).map(drop)
            },
            (sources(&[(1, 4), (2, 3)]), vec![1, 2]),
        ),
        (back_up, (sources(&[(1, 4), (2, 3)]), vec![1, 2])),
        (|store| Ok(store.vacuum(NOW).map(drop)?), (sources(&[(1, 4), (2, 3)]), vec![1, 2])),
    ]
}

/// Run all steps with a fault; return how many calls there were, and how many steps failed.
fn run(fails_at: usize, fault: Fault) -> (usize, usize) {
    let (_folder, store) = catalog();
    let root = store.root().to_owned();
    drop(store);
    let disk = FaultyDisk::new(fails_at, fault);
    let store = CatalogStore::open_on(Arc::new(disk.clone()), &root).unwrap();
    let mut n_failed = 0;
    let mut before = (vec![], vec![]);
    for (step, (perform, after)) in steps().into_iter().enumerate() {
        let result = perform(&store);
        let found = state(&store);
        let is_done = result.is_ok();
        let expected = if is_done { &after } else { &before };
        assert_eq!(&found, expected, "{fault:?} at {fails_at}, step {step}: {result:?}");
        n_failed += usize::from(!is_done);
        if !is_done {
            let error = result.unwrap_err().to_string();
            assert!(error.contains("disk full"), "{error}");
            // What could not be done is tried again, and may now succeed.
            if fault == Fault::Once {
                perform(&store).unwrap();
                assert_eq!(state(&store), after, "{fault:?} at {fails_at}, step {step}, again");
            } else {
                break;
            }
        }
        before = after;
    }
    drop(store);
    let store = CatalogStore::open(&root).unwrap();
    let report = store.check().unwrap();
    assert!(report.is_clean(), "{fault:?} at {fails_at}: {report}");
    if fault == Fault::Forever {
        for (perform, _) in steps() {
            perform(&store).unwrap();
        }
    }
    store.vacuum(NOW).unwrap();
    let report = store.check().unwrap();
    assert!(report.is_clean() && report.orphans.is_empty(), "{fault:?} at {fails_at}: {report}");
    assert_eq!(state(&store), before_last());
    let restored = root.with_file_name("restored");
    restore(&root.with_file_name("backup"), &restored, None).unwrap();
    assert_eq!(state(&CatalogStore::open(&restored).unwrap()), before_last());
    (disk.n_calls.load(Ordering::Relaxed), n_failed)
}

fn before_last() -> State {
    steps().pop().unwrap().1
}

#[test]
fn every_call_may_fail() {
    let (n_calls, n_failed) = run(0, Fault::None);
    assert!(n_calls > 50 && n_failed == 0, "{n_calls} calls");
    // The calls are many and alike: every seventh with each fault, in the long run every one.
    let stride = if std::env::var_os("ALMAGEST_LONG").is_some() { 1 } else { 7 };
    let mut n_runs_failed = 0;
    for (offset, fault) in [(0, Fault::Once), (3, Fault::Forever)] {
        for call in (offset..n_calls).step_by(stride) {
            n_runs_failed += usize::from(run(call, fault).1 > 0);
        }
    }
    println!("{n_calls} calls; {n_runs_failed} runs had a step that failed");
    assert!(n_runs_failed > n_calls / (2 * stride), "{n_runs_failed} runs");
}
