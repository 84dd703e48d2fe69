//! The ids that a commit claims, of tables where an id names one row.
//!
//! They are read from the runs of the commit's files, a window of ids at a time, so that memory does not
//! grow with their number:
//!
//! ```text
//!   run 1   ├───────────────┤                 two runs overlap: an id may be claimed twice
//!   run 2            ├───────────────────┤
//!   windows ├─────────┼─────────┼─────────┤   some millions of ids each, then sorted and compared
//!   held         ├──┤         ├──┤            files of the catalog that may hold some of them
//! ```

use std::collections::HashMap;

use crate::Result;
use crate::catalog_store::{CatalogStore, PendingFile, duplicate_id, ids_are_unique};
use crate::data_file::{DataFile, IdRun};
use crate::deletion_vector::DeletionVector;
use crate::id_index::{self, IdRange};
use crate::layout;
use crate::schema::{SchemaDef, TableDef};
use crate::snapshot::look_up_in_files;

/// Ids that are compared at a time, some.
const WINDOW_IDS: u64 = 2 << 20;

/// The ids that files of one table claim.
pub(crate) struct Claims<'a> {
    pub table: &'a TableDef,
    runs: Vec<&'a IdRun>,
}

/// A file that the catalog has, and rows of it that the commit deletes.
pub(crate) type Held<'a> = (&'a DataFile, Option<&'a DeletionVector>);

impl<'a> Claims<'a> {
    /// The claims of the files of a commit, after which the tables are those of `schema`.
    pub fn of(added: &'a [PendingFile], schema: &'a SchemaDef) -> Result<Vec<Self>> {
        let mut claims: Vec<Self> = vec![];
        for file in added.iter().map(|pending| &pending.file) {
            let Some(run) = &file.id_run else { continue };
            let table = schema.find(&file.table)?;
            match claims.iter_mut().find(|claims| claims.table.name == table.name) {
                Some(claims) => claims.runs.push(run),
                None if ids_are_unique(table) => claims.push(Self { table, runs: vec![run] }),
                None => (),
            }
        }
        Ok(claims)
    }

    /// The ranges of the ids.
    pub fn ranges(&self) -> Vec<IdRange> {
        self.runs.iter().map(|run| run.ids()).collect()
    }

    /// Refuse ids that are claimed twice, or that files of the catalog hold.
    ///
    /// # Arguments
    /// * `table` - the table as it was when the files were `held`; none: it is new
    pub fn refuse_repeated(
        &self,
        store: &CatalogStore,
        table: Option<&TableDef>,
        held: &[Held<'_>],
    ) -> Result<()> {
        let claimed = |run: &&IdRun| {
            let others = self.runs.iter().filter(|other| !std::ptr::eq(**other, *run));
            others.into_iter().any(|other| other.ids().meets(run.ids())) || is_held(run, held)
        };
        self.refuse(store, table, held, self.runs.iter().copied().filter(claimed).collect())
    }

    /// Refuse ids that files of the catalog hold.
    pub fn refuse_held(
        &self,
        store: &CatalogStore,
        table: Option<&TableDef>,
        held: &[Held<'_>],
    ) -> Result<()> {
        let runs = self.runs.iter().copied().filter(|run| is_held(run, held)).collect();
        self.refuse(store, table, held, runs)
    }

    fn refuse(
        &self,
        store: &CatalogStore,
        table: Option<&TableDef>,
        held: &[Held<'_>],
        runs: Vec<&IdRun>,
    ) -> Result<()> {
        let mut first = None;
        let mut n_taken = 0;
        for window in windows(store, &runs)? {
            let mut ids = vec![];
            for run in runs.iter().filter(|run| run.ids().meets(window)) {
                id_index::read_ids(&layout::absolute(store.root(), &run.path), window, &mut ids)?;
            }
            ids.sort_unstable();
            let mut taken: Vec<i64> =
                ids.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
            if let Some(table) = table {
                let mut found = HashMap::new();
                look_up_in_files(store, table, held.iter().copied(), &ids, &mut found)?;
                taken.extend(found.into_keys());
            }
            first = first.or(taken.iter().min().copied());
            n_taken += taken.len();
        }
        first.map_or(Ok(()), |id| Err(duplicate_id(self.table, id, n_taken - 1)))
    }
}

fn is_held(run: &IdRun, held: &[Held<'_>]) -> bool {
    let mut runs = held.iter().filter_map(|(file, _)| file.id_run.as_ref());
    runs.any(|other| other.ids().meets(run.ids()))
}

/// Part the ids of runs into ranges that follow each other, with some [`WINDOW_IDS`] in each.
fn windows(store: &CatalogStore, runs: &[&IdRun]) -> Result<Vec<IdRange>> {
    let mut parts = vec![];
    for run in runs {
        let footer = store.footers().of(&layout::absolute(store.root(), &run.path))?;
        for (index, row_group) in footer.row_groups().iter().enumerate() {
            let n_rows = row_group.num_rows().unsigned_abs();
            parts.push((id_index::ids_of_row_group(&footer, index).unwrap_or(run.ids()), n_rows));
        }
    }
    parts.sort_unstable_by_key(|(ids, _)| ids.min);
    let mut windows: Vec<IdRange> = vec![];
    let mut n_ids = 0;
    for (ids, n_rows) in parts {
        match windows.last_mut() {
            Some(last) if n_ids < WINDOW_IDS || ids.min == last.min => {
                last.max = last.max.max(ids.max)
            }
            // What the last one was to hold beyond this is held here.
            Some(last) => {
                let max = last.max.max(ids.max);
                last.max = ids.min - 1;
                windows.push(IdRange { min: ids.min, max });
                n_ids = 0;
            }
            None => windows.push(ids),
        }
        n_ids += n_rows;
    }
    Ok(windows)
}
