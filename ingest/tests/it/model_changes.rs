//! Random sequences of operations against a model in memory; a sequence that fails is made small.
//!
//! The catalog has up to three tables that come and go. A row is an id and a group, and the model is
//! the list of the states of all versions. Operations draw their parameters when they are made, so
//! that a sequence still means something when some of it is left out.

use std::collections::BTreeMap;
use std::env;
use std::time::Duration;

use almagest_ingest::{CompactConfig, Transaction, compact};
use almagest_storage::chunking::Chunking;
use almagest_storage::schema::{Datatype, SchemaDef, TableDef, TableKind};
use almagest_storage::vacuum::VacuumConfig;
use almagest_storage::{CatalogStore, Error as StorageError, Removal, Snapshot};
use arrow::array::{AsArray, Float64Array, Int64Array, RecordBatch};
use arrow::datatypes::Int64Type;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::sky_tables::{Null, batch, column, schema, table, values};

const TABLES: [&str; 3] = ["A", "B", "C"];

#[derive(Debug, Clone)]
enum Operation {
    Add(usize),
    Drop(usize),
    /// Rows of ids from the first on, of a group, into one table or two.
    Append {
        tables: Vec<usize>,
        first: i64,
        n_rows: i64,
        group: i64,
    },
    /// All rows of a group go, others come.
    Replace {
        table: usize,
        group: i64,
        first: i64,
        n_rows: i64,
    },
    DeleteIds {
        table: usize,
        first: i64,
        step: i64,
    },
    Compact,
    Vacuum,
    Tag(u64),
    AsOf(u64),
    Reopen,
}

type Rows = BTreeMap<i64, i64>;
type State = BTreeMap<&'static str, Rows>;

/// What the catalog should be.
struct Model {
    versions: Vec<State>,
    oldest: u64,
    tagged: Vec<u64>,
}

fn definition(index: usize) -> TableDef {
    let columns = vec![
        column("id", Datatype::Long, Null::Forbidden),
        column("ra", Datatype::Double, Null::Forbidden),
        column("dec", Datatype::Double, Null::Forbidden),
        column("group", Datatype::Long, Null::Allowed),
    ];
    let kind = if index == 1 { TableKind::Replicated } else { TableKind::Positional };
    table(TABLES[index], kind, Some("id"), columns)
}

fn rows(first: i64, n_rows: i64, group: i64) -> RecordBatch {
    let ids: Vec<i64> = (first..first + n_rows).collect();
    let ra: Vec<f64> = ids.iter().map(|id| (id * 137 % 360) as f64).collect();
    let dec: Vec<f64> = ids.iter().map(|id| (id * 31 % 180 - 90) as f64).collect();
    batch(vec![
        ("id", values::<Int64Array>(ids.clone())),
        ("ra", values::<Float64Array>(ra)),
        ("dec", values::<Float64Array>(dec)),
        ("group", values::<Int64Array>(vec![group; ids.len()])),
    ])
}

fn draw(rng: &mut ChaCha8Rng, next: &mut i64) -> Operation {
    let table = rng.random_range(0..3);
    let group = rng.random_range(0..6);
    let n_rows = rng.random_range(1..40);
    // Mostly new ids, now and then some that may be taken.
    let mut first = *next;
    if rng.random_bool(0.1) {
        first = rng.random_range(0..=*next);
    } else {
        *next += n_rows;
    }
    match rng.random_range(0..100) {
        0..6 => Operation::Add(table),
        6..8 => Operation::Drop(table),
        8..45 => {
            let mut tables = vec![table];
            if rng.random_bool(0.3) {
                tables.push((table + 1) % 3);
            }
            Operation::Append { tables, first, n_rows, group }
        }
        45..57 => Operation::Replace { table, group, first, n_rows },
        57..70 => {
            let first = rng.random_range(0..=*next);
            Operation::DeleteIds { table, first, step: rng.random_range(1..9) }
        }
        70..75 => Operation::Compact,
        75..78 => Operation::Vacuum,
        78..80 => Operation::Tag(rng.random()),
        80..97 => Operation::AsOf(rng.random()),
        _ => Operation::Reopen,
    }
}

fn read(snapshot: &Snapshot, table: &str) -> Rows {
    let mut rows = Rows::new();
    for batch in snapshot.read_region(table, None, Some(&["id", "group"])).unwrap() {
        let [ids, groups] = [0, 1].map(|index| batch.column(index).as_primitive::<Int64Type>());
        for (id, group) in ids.values().iter().zip(groups.values()) {
            assert_eq!(rows.insert(*id, *group), None, "{table}: id {id} is there twice");
        }
    }
    rows
}

/// Say how a snapshot differs from a state.
fn difference(snapshot: &Snapshot, state: &State) -> Option<String> {
    for name in TABLES {
        let found = snapshot.schema().table(name).map(|_| read(snapshot, name));
        if found.as_ref() != state.get(name) {
            let expected = state.get(name);
            return Some(format!(
                "version {}, {name}: {found:?} instead of {expected:?}",
                snapshot.version()
            ));
        }
        let n_rows = found.map_or(0, |rows| rows.len() as u64);
        if snapshot.n_rows(name) != n_rows {
            return Some(format!("{name}: counted {}, read {n_rows}", snapshot.n_rows(name)));
        }
    }
    None
}

impl Model {
    fn newest(&self) -> &State {
        self.versions.last().unwrap()
    }

    /// Do an operation on both; what is returned is wrong.
    fn perform(&mut self, store: &mut CatalogStore, operation: &Operation) -> Result<(), String> {
        match operation {
            Operation::Compact => {
                let config = CompactConfig { min_files: 3, ..CompactConfig::default() };
                let reports = compact(store, &config).map_err(|error| error.to_string())?;
                for _ in reports.tables {
                    self.versions.push(self.newest().clone());
                }
                return Ok(());
            }
            Operation::Vacuum => {
                let config = VacuumConfig { grace: Duration::ZERO, ..VacuumConfig::default() };
                let report = store.vacuum(config).map_err(|error| error.to_string())?;
                self.oldest = report.oldest_version;
                let report = store.check().map_err(|error| error.to_string())?;
                return match report.is_clean() && report.orphans.is_empty() {
                    true => Ok(()),
                    false => Err(report.to_string()),
                };
            }
            Operation::Tag(draw) => {
                let version = draw % self.versions.len() as u64;
                let is_kept = version >= self.oldest || self.tagged.contains(&version);
                let result = store.tag(&format!("tag {draw}"), version, "");
                if result.is_ok() != is_kept {
                    return Err(format!("tag of version {version}: {result:?}"));
                }
                self.tagged.extend(is_kept.then_some(version));
                return Ok(());
            }
            Operation::AsOf(draw) => {
                let version = draw % self.versions.len() as u64;
                let is_kept = version >= self.oldest || self.tagged.contains(&version);
                return match store.snapshot_at(version) {
                    Ok(snapshot) if is_kept => {
                        difference(&snapshot, &self.versions[version as usize]).map_or(Ok(()), Err)
                    }
                    Err(StorageError::VersionGone { .. }) if !is_kept => Ok(()),
                    other => Err(format!("version {version}, kept: {is_kept}: {other:?}")),
                };
            }
            Operation::Reopen => {
                *store = CatalogStore::open(store.root()).map_err(|error| error.to_string())?;
                return Ok(());
            }
            _ => {}
        }
        let mut transaction = Transaction::begin(store).map_err(|error| error.to_string())?;
        let expected = self.change(operation);
        let attempt = match operation {
            Operation::Add(index) => transaction.add_tables(vec![definition(*index)]),
            Operation::Drop(index) => transaction.drop_table(TABLES[*index]),
            Operation::Append { tables, first, n_rows, group } => {
                tables.iter().try_for_each(|index| {
                    let rows = rows(*first, *n_rows, *group);
                    transaction.append(TABLES[*index], &rows).map(drop)
                })
            }
            Operation::Replace { table, group, first, n_rows } => transaction
                .remove(TABLES[*table], Removal::data_id("group", *group))
                .and_then(|()| transaction.append(TABLES[*table], &rows(*first, *n_rows, *group)))
                .map(drop),
            Operation::DeleteIds { table, first, step } => {
                let ids = (0..30).map(|index| first + index * step).collect();
                transaction.remove(TABLES[*table], Removal::Ids(ids))
            }
            _ => Ok(()),
        };
        match (attempt.and_then(|()| transaction.commit()), expected) {
            (Ok(report), Some(state)) => {
                if &state != self.newest() || report.version == self.versions.len() as u64 {
                    self.versions.push(state);
                }
                let newest = self.versions.len() as u64 - 1;
                match report.version == newest {
                    true => Ok(()),
                    false => Err(format!("version {} instead of {newest}", report.version)),
                }
            }
            (Err(_), None) => Ok(()),
            (found, expected) => {
                Err(format!("{:?} where the model has {expected:?}", found.map(|r| r.version)))
            }
        }
    }

    /// Return the state after an operation, or none where it must be refused.
    fn change(&self, operation: &Operation) -> Option<State> {
        let mut state = self.newest().clone();
        let insert = |state: &mut State, table: usize, first: i64, n_rows: i64, group: i64| {
            let rows = state.get_mut(TABLES[table])?;
            (first..first + n_rows).all(|id| rows.insert(id, group).is_none()).then_some(())
        };
        match operation {
            Operation::Add(index) => {
                state.insert(TABLES[*index], Rows::new()).is_none().then_some(())?;
            }
            Operation::Drop(index) => drop(state.remove(TABLES[*index])?),
            Operation::Append { tables, first, n_rows, group } => {
                for table in tables {
                    insert(&mut state, *table, *first, *n_rows, *group)?;
                }
            }
            Operation::Replace { table, group, first, n_rows } => {
                state.get_mut(TABLES[*table])?.retain(|_, of| of != group);
                insert(&mut state, *table, *first, *n_rows, *group)?;
            }
            Operation::DeleteIds { table, first, step } => {
                let rows = state.get_mut(TABLES[*table])?;
                for index in 0..30 {
                    rows.remove(&(first + index * step));
                }
            }
            _ => {}
        }
        Some(state)
    }
}

/// Run a sequence; return the number of the operation that went wrong, and how.
fn run(operations: &[Operation]) -> Result<usize, String> {
    let folder = tempfile::tempdir().unwrap();
    let empty = SchemaDef { tables: vec![definition(0)], ..schema() };
    let root = folder.path().join("catalog");
    let chunking = Chunking::try_new(0).unwrap();
    let mut store = CatalogStore::create(&root, &empty, chunking).unwrap();
    let first = State::from([(TABLES[0], Rows::new())]);
    let mut model = Model { versions: vec![first], oldest: 0, tagged: vec![] };
    for (number, operation) in operations.iter().enumerate() {
        let wrong = |what: String| format!("operation {number}, {operation:?}: {what}");
        model.perform(&mut store, operation).map_err(wrong)?;
        let snapshot = store.snapshot().map_err(|error| wrong(error.to_string()))?;
        if let Some(difference) = difference(&snapshot, model.newest()) {
            return Err(wrong(difference));
        }
    }
    Ok(model.versions.len())
}

/// Leave out what a failing sequence does not need to fail.
fn shrink(mut operations: Vec<Operation>) -> Vec<Operation> {
    let mut length = operations.len() / 2;
    while length > 0 {
        let mut start = 0;
        while start < operations.len() {
            let mut fewer = operations.clone();
            fewer.drain(start..(start + length).min(fewer.len()));
            if run(&fewer).is_err() {
                operations = fewer;
            } else {
                start += length;
            }
        }
        length /= 2;
    }
    operations
}

#[test]
fn random_operations_do_what_the_model_does() {
    let is_long = env::var_os("ALMAGEST_LONG").is_some();
    let (n_seeds, n_operations) = if is_long { (100, 1000) } else { (3, 160) };
    for seed in 0..n_seeds {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut next = 0;
        let operations: Vec<_> = (0..n_operations).map(|_| draw(&mut rng, &mut next)).collect();
        match run(&operations) {
            Ok(n_versions) => assert!(n_versions > n_operations / 4, "{n_versions} versions"),
            Err(first) => {
                let small = shrink(operations);
                let last = run(&small).unwrap_err();
                panic!("seed {seed}: {first}\nsmallest: {small:#?}\n{last}");
            }
        }
    }
}
