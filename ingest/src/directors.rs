//! The places of directors: those that a transaction appends, and those that the catalog has.
//!
//! ```text
//!   in memory           rows of this transaction that are in no file yet
//!   looked up           what was asked for before, some millions
//!   runs, id index      the files of this transaction and of the catalog
//! ```

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use almagest_storage::data_file::IdRun;
use almagest_storage::schema::{TableDef, TableKind};
use almagest_storage::{Place, Snapshot};
use arrow::array::RecordBatch;

use crate::error::Result;
use crate::id_map::IdMap;
use crate::place::id_column;

/// The places of the directors of one transaction, by table and id.
#[derive(Debug)]
pub(crate) struct Directors {
    /// Most places that were looked up and are kept, of one table.
    most_kept: usize,
    appended: HashMap<String, Appended>,
    /// Tables that the transaction drops: what the catalog holds of them counts no more.
    dropped: HashSet<String>,
    is_marked: bool,
    /// What was looked up in files, as siblings come in many batches; and in which version.
    looked_up: (u64, HashMap<String, IdMap<Place>>),
}

/// The directors that a transaction appends to one table.
#[derive(Debug, Default)]
struct Appended {
    /// Those in memory.
    places: IdMap<Place>,
    /// Those in files.
    runs: Vec<IdRun>,
    /// Those in memory that came since the savepoint, and the number of runs before it.
    since: Option<(Vec<i64>, usize)>,
}

impl Directors {
    /// None yet; of each table, `most_kept` of those that are looked up are kept.
    pub fn new(most_kept: usize) -> Self {
        Self {
            most_kept,
            appended: HashMap::new(),
            dropped: HashSet::new(),
            is_marked: false,
            looked_up: (0, HashMap::new()),
        }
    }

    /// Remember where a table's rows were placed, if it is a director.
    pub fn insert(&mut self, table: &TableDef, batch: &RecordBatch, places: &[Option<Place>]) {
        if table.kind != TableKind::Director {
            return;
        }
        let Some(ids) = id_column(table, batch) else { return };
        let appended = self.appended.entry(table.name.clone()).or_default();
        if self.is_marked {
            appended.since.get_or_insert_default();
        }
        for (id, place) in ids.iter().zip(places) {
            if let (Some(id), Some(place)) = (id, place)
                && let Entry::Vacant(entry) = appended.places.entry(id)
            {
                entry.insert(*place);
                if let Some((since, _)) = &mut appended.since {
                    since.push(id);
                }
            }
        }
    }

    /// Rows of a table are in a file, and in memory no more.
    ///
    /// # Arguments
    /// * `is_before` - there is a savepoint, and the rows are from before it
    pub fn written(&mut self, table: &str, run: &IdRun, ids: &[i64], is_before: bool) {
        let Some(appended) = self.appended.get_mut(table) else { return };
        for id in ids {
            appended.places.remove(id);
        }
        let mut at = appended.runs.len();
        if let Some((since, n_runs)) = &mut appended.since {
            since.retain(|id| appended.places.contains_key(id));
            if is_before {
                at = *n_runs;
                *n_runs += 1;
            }
        }
        appended.runs.insert(at, run.clone());
    }

    /// Set a savepoint.
    pub fn mark(&mut self) {
        self.is_marked = true;
        for appended in self.appended.values_mut() {
            appended.since = Some((vec![], appended.runs.len()));
        }
    }

    /// Keep what came after the savepoint.
    pub fn release(&mut self) {
        self.is_marked = false;
        self.appended.values_mut().for_each(|appended| appended.since = None);
    }

    /// Forget what came after the savepoint.
    pub fn roll_back(&mut self) {
        self.is_marked = false;
        for appended in self.appended.values_mut() {
            let Some((since, n_runs)) = appended.since.take() else { continue };
            for id in since {
                appended.places.remove(&id);
            }
            appended.runs.truncate(n_runs);
        }
        // Places of files that are gone may be among them.
        self.looked_up.1.clear();
    }

    /// Forget the rows of a table, those of the catalog included.
    pub fn forget(&mut self, table: &str) {
        self.appended.remove(table);
        self.looked_up.1.remove(table);
        self.dropped.insert(table.to_owned());
    }

    /// Look at all directors that were appended to a table, some at a time: their ids, ascending, each with
    /// its place.
    pub fn each_appended(
        &self,
        table: &str,
        snapshot: &Snapshot,
        mut look: impl FnMut(&[i64], &HashMap<i64, Place>) -> Result<()>,
    ) -> Result<()> {
        let Some(appended) = self.appended.get(table) else { return Ok(()) };
        let mut ids: Vec<i64> = appended.places.keys().copied().collect();
        ids.sort_unstable();
        look(&ids, &appended.places.iter().map(|(id, place)| (*id, *place)).collect())?;
        for run in &appended.runs {
            let ids = snapshot.store().ids_of_run(run)?;
            look(&ids, &snapshot.store().look_up_in_runs([run], &ids)?)?;
        }
        Ok(())
    }

    /// Return the place of each id, where it is known without looking at files.
    pub fn known(&self, table: &str, ids: &[i64], snapshot: &Snapshot) -> Vec<Option<Place>> {
        let appended = self.appended.get(table);
        let (version, looked_up) = &self.looked_up;
        let looked_up = looked_up.get(table).filter(|_| *version == snapshot.version());
        let known = |id| {
            let here = appended.and_then(|appended| appended.places.get(id));
            here.or_else(|| looked_up?.get(id)).copied()
        };
        ids.iter().map(known).collect()
    }

    /// Find the place of each id, here or in a snapshot.
    pub fn look_up(
        &mut self,
        table: &str,
        ids: &[i64],
        snapshot: &Snapshot,
    ) -> Result<Vec<Option<Place>>> {
        let mut places = self.known(table, ids, snapshot);
        let without_place = ids.iter().zip(&places).filter(|(_, place)| place.is_none());
        let mut unknown: Vec<i64> = without_place.map(|(id, _)| *id).collect();
        if unknown.is_empty() {
            return Ok(places);
        }
        unknown.sort_unstable();
        unknown.dedup();
        let mut found = match self.dropped.contains(table) {
            true => HashMap::new(),
            false => snapshot.look_up_ids(table, &unknown)?,
        };
        if let Some(appended) = self.appended.get(table) {
            found.extend(snapshot.store().look_up_in_runs(&appended.runs, &unknown)?);
        }
        for (id, place) in ids.iter().zip(&mut places).filter(|(_, place)| place.is_none()) {
            *place = found.get(id).copied();
        }
        self.keep(table, found, snapshot);
        Ok(places)
    }

    /// Keep what was found for those who ask next.
    fn keep(&mut self, table: &str, found: HashMap<i64, Place>, snapshot: &Snapshot) {
        let (version, looked_up) = &mut self.looked_up;
        if *version != snapshot.version() {
            *version = snapshot.version();
            looked_up.clear();
        }
        let kept = looked_up.entry(table.to_owned()).or_default();
        if kept.len() + found.len() > self.most_kept {
            kept.clear();
        }
        if found.len() <= self.most_kept {
            kept.extend(found);
        }
    }
}
