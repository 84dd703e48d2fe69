//! Random transactions against a model in memory: what is visible is what was committed.

use std::collections::BTreeMap;

use almagest_ingest::{Error, Transaction, TransactionConfig};
use almagest_storage::{CatalogStore, Snapshot};
use arrow::array::RecordBatch;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::sky_tables::{catalog, files, forced_sources, objects, sources, visible, visits};

/// The obvious catalog: the ids of each table, and of ForcedSource the objects.
#[derive(Debug, Clone, Default, PartialEq)]
struct Model {
    tables: BTreeMap<&'static str, Vec<i64>>,
}

const ID_COLUMNS: [(&str, &str); 4] = [
    ("Object", "objectId"),
    ("ForcedSource", "objectId"),
    ("Source", "sourceId"),
    ("Visit", "visit"),
];

impl Model {
    fn of(&self, table: &'static str) -> &[i64] {
        self.tables.get(table).map_or(&[], Vec::as_slice)
    }

    fn has_repeated_ids(&self) -> bool {
        ["Object", "Source", "Visit"].into_iter().any(|table| {
            let mut ids = self.of(table).to_vec();
            ids.sort_unstable();
            ids.windows(2).any(|pair| pair[0] == pair[1])
        })
    }

    fn has_orphans(&self) -> bool {
        self.of("ForcedSource").iter().any(|id| !self.of("Object").contains(id))
    }

    fn union(&self, other: &Self) -> Self {
        let mut union = self.clone();
        for (table, ids) in &other.tables {
            union.tables.entry(table).or_default().extend(ids);
        }
        union
    }

    fn assert_seen(&self, snapshot: &Snapshot) {
        for (table, column) in ID_COLUMNS {
            let mut expected: Vec<_> = self.of(table).iter().copied().map(Some).collect();
            expected.sort_unstable();
            assert_eq!(visible(snapshot, table, column), expected, "{table}");
            assert_eq!(snapshot.n_rows(table), expected.len() as u64);
        }
    }
}

/// A random position, evenly over the sphere.
fn position(rng: &mut ChaCha8Rng) -> (f64, f64) {
    let dec = rng.random_range(-1.0_f64..=1.0).asin().to_degrees();
    (rng.random_range(-360.0..720.0), dec)
}

/// Draw rows for a random table; ids come from a narrow range, so that they clash now and then.
fn draw(rng: &mut ChaCha8Rng, next_id: &mut i64) -> (&'static str, Vec<i64>, RecordBatch) {
    let n_rows = rng.random_range(0..40);
    let mut new_ids = |rng: &mut ChaCha8Rng| -> Vec<i64> {
        (0..n_rows)
            .map(|_| {
                *next_id += 1;
                if rng.random_bool(0.002) { rng.random_range(1..=*next_id) } else { *next_id }
            })
            .collect()
    };
    let placed = |rng: &mut ChaCha8Rng, ids: &[i64]| -> Vec<(i64, f64, f64)> {
        let row = |id: &i64| {
            let (ra, dec) = position(rng);
            (*id, ra, dec)
        };
        ids.iter().map(row).collect()
    };
    match rng.random_range(0..4) {
        0 => {
            let ids = new_ids(rng);
            let rows = objects(&placed(rng, &ids));
            ("Object", ids, rows)
        }
        1 => {
            let ids = new_ids(rng);
            let rows = sources(&placed(rng, &ids));
            ("Source", ids, rows)
        }
        2 => {
            let ids = new_ids(rng);
            let rows = visits(&ids);
            ("Visit", ids, rows)
        }
        _ => {
            let ids: Vec<i64> = (0..n_rows).map(|_| *next_id - rng.random_range(0..20)).collect();
            let rows: Vec<_> = ids.iter().map(|id| (Some(*id), 1)).collect();
            ("ForcedSource", ids, forced_sources(&rows))
        }
    }
}

/// One random transaction; the model's answer decides what must happen.
fn step(rng: &mut ChaCha8Rng, store: &CatalogStore, committed: &mut Model, next_id: &mut i64) {
    let config = TransactionConfig {
        buffer_bytes: if rng.random_bool(0.5) { 2_000 } else { 1 << 20 },
        kept_places: if rng.random_bool(0.5) { 5 } else { 1 << 20 },
        ..TransactionConfig::default()
    };
    let mut transaction = Transaction::begin_with(store, config).unwrap();
    let mut pending = Model::default();
    for _ in 0..rng.random_range(0..8) {
        let (table, ids, rows) = draw(rng, next_id);
        let mut candidate = pending.clone();
        candidate.tables.entry(table).or_default().extend(&ids);
        let result = transaction.append(table, &rows);
        if candidate.has_repeated_ids() {
            assert!(matches!(result, Err(Error::RepeatedId { .. })), "{result:?}");
        } else {
            result.unwrap();
            pending = candidate;
        }
    }
    // Forced sources of objects that nobody has are given them, mostly.
    if rng.random_bool(0.8) {
        let known = committed.union(&pending);
        let mut missing: Vec<i64> = pending.of("ForcedSource").to_vec();
        missing.retain(|id| !known.of("Object").contains(id));
        missing.sort_unstable();
        missing.dedup();
        let rows: Vec<_> = missing.iter().map(|id| (*id, 12.0, 34.0)).collect();
        transaction.append("Object", &objects(&rows)).unwrap();
        pending.tables.entry("Object").or_default().extend(&missing);
    }
    let all = committed.union(&pending);
    let before = files(store.root());
    match rng.random_range(0..10) {
        0 => transaction.abort(),
        1 => drop(transaction),
        _ => match transaction.commit() {
            Ok(report) => {
                assert!(!all.has_orphans() && !all.has_repeated_ids());
                assert_eq!(report.version, store.snapshot().unwrap().version());
                *committed = all;
                return;
            }
            Err(Error::UnknownDirector { .. }) => assert!(all.has_orphans()),
            Err(Error::KnownId { .. }) => {
                assert!(all.has_repeated_ids());
            }
            Err(error) => panic!("{error}"),
        },
    }
    assert!(files(store.root()).len() <= before.len(), "nothing is left behind");
}

#[test]
fn visible_rows_are_the_committed_rows() {
    for seed in 0..3 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (_folder, store) = catalog();
        let mut committed = Model::default();
        let mut versions = vec![committed.clone()];
        let mut next_id = 100;
        for _ in 0..40 {
            step(&mut rng, &store, &mut committed, &mut next_id);
            let snapshot = store.snapshot().unwrap();
            committed.assert_seen(&snapshot);
            if snapshot.version() as usize == versions.len() {
                versions.push(committed.clone());
            }
            assert_eq!(snapshot.version() as usize + 1, versions.len());
        }
        for (version, model) in versions.iter().enumerate() {
            model.assert_seen(&store.snapshot_at(version as u64).unwrap());
        }
        assert!(versions.len() > 10, "seed {seed} committed too little to mean anything");
        let report = store.check().unwrap();
        assert!(report.is_clean() && report.orphans.is_empty(), "seed {seed}: {report}");
    }
}
