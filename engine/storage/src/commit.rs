//! One commit: what it changes, and whether it can stand beside what others committed.
//!
//! ```text
//!   ids against the files of the base version     without the lock, as it takes longest
//!   ── write lock of the metadata ──
//!   tables still there, and not altered since the base version
//!   files to remove still there, with the same deleted rows
//!   no rows added meanwhile that would have to go too
//!   ids against the files added since the base version
//!   ── new version ──
//! ```

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::activity::LoggedContribution;
use crate::catalog_store::{CatalogStore, PendingFile, ids_are_unique, refuse};
use crate::data_file::DataFile;
use crate::deletion_vector::DeletionVector;
use crate::metadata::{Change, Newest};
use crate::mount::PendingMount;
use crate::removal::Removal;
use crate::schema::{SchemaDef, TableChanges, TableDef};
use crate::snapshot::{Snapshot, look_up_in_files};
use crate::{Error, Result};

/// What one commit changes.
#[derive(Debug, Default)]
pub struct CommitPlan {
    /// Tables to drop and to add, before the files.
    pub tables: TableChanges,
    /// Files to add.
    pub added: Vec<PendingFile>,
    /// Files of others to mount, each as a table that the plan adds.
    pub mounts: Vec<PendingMount>,
    /// Files to remove: [`DataFile::file_id`]s of the base version.
    pub removed: Vec<i64>,
    /// Rows to remove, by the number of their file in the base version.
    pub deleted: BTreeMap<i64, DeletionVector>,
    /// Why files and rows go: which rows of which table are meant. Where another commit adds such
    /// rows meanwhile, the plan is refused.
    pub removals: Vec<(String, Removal)>,
    /// Tables to whose rows of the base version those of the files belong. Where another commit
    /// removes any of them meanwhile, the plan is refused.
    pub directors: Vec<String>,
    /// Contributions whose rows are in the files, by keys that no version has yet.
    pub contributions: Vec<LoggedContribution>,
    /// What the commit is, for people.
    pub message: String,
    /// Who commits; empty where nobody says.
    pub author: String,
}

impl CommitPlan {
    /// Would the plan change nothing?
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
            && self.added.is_empty()
            && self.mounts.is_empty()
            && self.removed.is_empty()
            && self.deleted.is_empty()
    }

    /// Refuse to change rows of mounted tables, but by dropping them: what this plan mounts is all that its
    /// tables hold.
    fn refuse_mounted(&self, checked: &Snapshot) -> Result<()> {
        for PendingMount { table, mount, .. } in &self.mounts {
            let is_new = self.tables.added.iter().any(|added| added.name == *table);
            if !is_new || self.added.iter().any(|pending| pending.file.table == *table) {
                let (table, folder) = (table.clone(), mount.folder.clone());
                return Err(Error::Mounted { table, folder });
            }
        }
        let is_kept = |table: &&String| !self.tables.dropped.contains(table);
        let filled = self.added.iter().map(|pending| &pending.file.table);
        let shrunk = self.removals.iter().map(|(table, _)| table);
        for table in filled.chain(shrunk).filter(is_kept) {
            checked.refuse_mounted(table)?;
        }
        let changed = self.removed.iter().chain(self.deleted.keys());
        let changed: HashSet<i64> = changed.copied().collect();
        let tables = checked.schema().tables.iter().map(|table| &table.name).filter(is_kept);
        for table in tables.filter(|table| checked.mounted_from(table).is_some()) {
            if checked.data_files(table).iter().any(|file| changed.contains(&file.file_id)) {
                checked.refuse_mounted(table)?;
            }
        }
        Ok(())
    }
}

impl CatalogStore {
    /// Publish `plan` as one new version and return its number: all of it or nothing.
    ///
    /// `base_version` is the version on which the writer's decisions rest. Ids are checked against
    /// every file that is visible, those committed since included.
    ///
    /// # Errors
    /// [`Error::DuplicateId`]; [`Error::Conflict`] where a file to remove was removed meanwhile, or
    /// a table of the plan was dropped; [`Error::Mounted`] where rows of such a table would change; those
    /// of [`TableChanges::apply`].
    pub fn commit(&self, base_version: u64, mut plan: CommitPlan) -> Result<u64> {
        // Compare with what is visible before taking the write lock, so that the lock is short.
        let checked = self.snapshot()?;
        plan.refuse_mounted(&checked)?;
        let base = self.definitions(&self.metadata(), base_version)?;
        let after = plan.tables.apply(checked.schema())?;
        let claims = Claims::of(&plan, &after)?;
        claims.refuse_repeated()?;
        for (table, ids) in &claims.unique {
            if plan.tables.dropped.contains(&table.name) {
                continue;
            }
            // Files that came since the base version are compared under the lock, once it is sure
            // that what they may stand for was not to be removed here.
            let is_compared = |file: &&DataFile| {
                file.added_in <= base_version && !plan.removed.contains(&file.file_id)
            };
            let files = checked.data_files(&table.name).iter().map(Arc::as_ref).filter(is_compared);
            let files = files.map(|file| (file, plan.deleted.get(&file.file_id)));
            let Some(table) = checked.schema().table(&table.name) else { continue };
            refuse_found(self, table, files, ids)?;
        }
        let files: Vec<DataFile> = plan.added.iter().map(|pending| pending.file.clone()).collect();
        let change = Change {
            message: &plan.message,
            author: &plan.author,
            known: checked.definitions(),
            tables: &plan.tables,
            added: &files,
            mounts: &plan.mounts,
            removed: &plan.removed,
            deleted: &plan.deleted,
            shrunk: plan.removals.iter().map(|(table, _)| table.as_str()).collect(),
            directors: &plan.directors,
            contributions: &plan.contributions,
        };
        let verify = |newest: &Newest<'_>| {
            let is_new = |name: &str| plan.tables.added.iter().any(|table| table.name == name);
            let filled = files.iter().map(|file| &file.table);
            let shrunk = plan.removals.iter().map(|(table, _)| table);
            for table in filled.chain(shrunk).filter(|name| !is_new(name)) {
                base.refuse_changed(newest.definitions, table)?;
            }
            for (table, removal) in &plan.removals {
                let mut added = newest.added_since.iter().filter(|file| file.table == *table);
                if added.any(|file| removal.may_meet(file)) {
                    let reason =
                        format!("another commit added rows to {table} that may have to go too");
                    return Err(Error::Conflict { reason });
                }
            }
            for (table, ids) in &claims.unique {
                let files = newest.added_since.iter().filter(|file| file.table == table.name);
                let is_dropped = plan.tables.dropped.contains(&table.name);
                let files = files.filter(|_| !is_dropped).map(|file| (file, None));
                let before = newest.definitions.schema.table(&table.name);
                let Some(table) = before else { continue };
                refuse_found(self, table, files, ids)?;
            }
            Ok(())
        };
        let version = self.metadata().commit(base_version, &change, verify)?;
        for pending in &mut plan.added {
            pending.committed = true;
        }
        Ok(version)
    }
}

/// The ids that the files of a plan claim, ascending, of tables where an id names one row.
struct Claims<'a> {
    unique: Vec<(&'a TableDef, Vec<i64>)>,
}

impl<'a> Claims<'a> {
    fn of(plan: &CommitPlan, schema: &'a SchemaDef) -> Result<Self> {
        let mut ids_of: HashMap<&str, Vec<i64>> = HashMap::new();
        for pending in &plan.added {
            ids_of.entry(&pending.file.table).or_default().extend(&pending.ids);
        }
        let mut unique = vec![];
        for (name, mut ids) in ids_of {
            let table = schema.find(name)?;
            if ids_are_unique(table) {
                ids.sort_unstable();
                unique.push((table, ids));
            }
        }
        Ok(Self { unique })
    }

    fn refuse_repeated(&self) -> Result<()> {
        for (table, ids) in &self.unique {
            let repeated =
                ids.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
            refuse(table, repeated)?;
        }
        Ok(())
    }
}

fn refuse_found<'a>(
    store: &CatalogStore,
    table: &TableDef,
    files: impl IntoIterator<Item = (&'a DataFile, Option<&'a DeletionVector>)>,
    ids: &[i64],
) -> Result<()> {
    let mut found = HashMap::new();
    look_up_in_files(store, table, files, ids, &mut found)?;
    let mut found: Vec<i64> = found.into_keys().collect();
    found.sort_unstable();
    refuse(table, found)
}
