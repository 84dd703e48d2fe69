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

use std::collections::{BTreeMap, HashSet};

use crate::activity::LoggedContribution;
use crate::catalog_store::{CatalogStore, PendingFile};
use crate::claims::Claims;
use crate::data_file::DataFile;
use crate::deletion_vector::DeletionVector;
use crate::metadata::{Change, Newest};
use crate::mount::PendingMount;
use crate::removal::Removal;
use crate::schema::TableChanges;
use crate::snapshot::Snapshot;
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
    /// [`Error::DuplicateId`]; [`Error::Conflict`] where a file to remove was removed meanwhile, a table of
    /// the plan was dropped, or another commit has one of its contributions; [`Error::Mounted`] where rows of such a table would change; those
    /// of [`TableChanges::apply`].
    pub fn commit(&self, base_version: u64, mut plan: CommitPlan) -> Result<u64> {
        // Compare with what is visible before taking the write lock, so that the lock is short.
        let checked = self.snapshot()?;
        plan.refuse_mounted(&checked)?;
        // Who sent the same rows as another is told so, and not that their ids are known.
        self.metadata().refuse_contributions(&plan.contributions)?;
        let base = self.definitions(&self.metadata(), base_version)?;
        let after = plan.tables.apply(checked.schema())?;
        let claims = Claims::of(&plan.added, &after)?;
        for claims in &claims {
            // Files that came since the base version are compared under the lock, once it is sure
            // that what they may stand for was not to be removed here.
            let is_compared = |file: &&DataFile| {
                file.added_in <= base_version && !plan.removed.contains(&file.file_id)
            };
            let is_dropped = plan.tables.dropped.contains(&claims.table.name);
            let before = checked.files_with_ids(&claims.table.name, &claims.ranges()).into_iter();
            let files = before.filter(is_compared).filter(|_| !is_dropped);
            let files = files.map(|file| (file, plan.deleted.get(&file.file_id)));
            let table = checked.schema().table(&claims.table.name);
            claims.refuse_repeated(self, table, &files.collect::<Vec<_>>())?;
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
            for claims in &claims {
                let name = &claims.table.name;
                let is_dropped = plan.tables.dropped.contains(name);
                let files = newest.added_since.iter().filter(|file| file.table == *name);
                let files = files.filter(|_| !is_dropped).map(|file| (file, None));
                let table = newest.definitions.schema.table(name);
                claims.refuse_held(self, table, &files.collect::<Vec<_>>())?;
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
