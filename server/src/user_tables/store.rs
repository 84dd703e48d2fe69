//! The tables themselves: one catalog for each user who has any.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use almagest_engine::arrow::record_batch::RecordBatch;
use almagest_ingest::format::TableReader;
use almagest_ingest::{Format, ReadOptions, Transaction};
use almagest_storage::CatalogStore;
use almagest_storage::chunking::Chunking;
use almagest_storage::schema::{Datatype, SchemaDef, TableDef};
use almagest_storage::vacuum::VacuumConfig;

use super::definition::of_schema;
use super::register::{Entry, Register, Sharing};
use crate::people::{Allowance, Resource};
use crate::uploads::text_types;
use crate::uws::{Moment, Owner};
use crate::{Error, Result};

/// Resolution of the chunks: 122 over the sky, which suits up to some hundred million rows.
const RESOLUTION: u8 = 0;
/// How long files stay of which no newer version of a user's tables has need: readers end by then.
const GRACE: Duration = Duration::from_secs(3600);
/// What the names of users' schemas begin with.
const PREFIX: &str = "user_";
/// Letters of the name of a table at most.
const MAX_NAME: usize = 64;

/// The tables of all users; cheap to clone.
#[derive(Debug, Clone)]
pub struct UserTables(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    register: Register,
    /// How long a table lives.
    life: Duration,
    /// May those without a name have tables?
    for_anonymous: bool,
    /// Catalogs by schema, opened when they are first asked for.
    catalogs: Mutex<HashMap<String, CatalogStore>>,
    /// Held while a table is changed, which may take as long as its rows.
    changes: Mutex<()>,
    /// Schemas that may have files of tables that were dropped, and since when.
    untidy: Mutex<HashMap<String, Instant>>,
}

/// Who asks, and what that person may have.
#[derive(Debug, Clone)]
pub struct Person {
    /// The name, or nobody's.
    pub owner: Owner,
    /// The groups that the person is in.
    pub groups: BTreeSet<String>,
    /// How much of each resource.
    pub allowance: Allowance,
}

/// What of the tables of users somebody may see, each with the moment in which it was made.
pub type Visible = BTreeMap<(String, String), Moment>;

/// A table as requests name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableName {
    /// The user's schema.
    pub schema: String,
    /// The table.
    pub table: String,
}

impl TableName {
    /// Read `schema.table`; either may be delimited.
    ///
    /// # Errors
    /// It is no such name, or one that a table of a user cannot have.
    pub fn read(name: &str) -> Result<Self> {
        let bad = || Error::BadTableName { name: name.to_owned() };
        let (schema, table) = name.split_once('.').ok_or_else(bad)?;
        let [schema, table] = [schema, table].map(|part| part.trim().trim_matches('"'));
        let is_name = |text: &str| {
            text.starts_with(|c: char| c.is_ascii_alphabetic())
                && text.len() <= MAX_NAME + PREFIX.len()
                && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        match schema.starts_with(PREFIX) && is_name(schema) && is_name(table) {
            true => Ok(Self { schema: schema.to_owned(), table: table.to_owned() }),
            false => Err(bad()),
        }
    }
}

impl std::fmt::Display for TableName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.schema, self.table)
    }
}

impl UserTables {
    /// Open the tables in the state folder `root`.
    ///
    /// # Errors
    /// The register cannot be used.
    pub fn open(root: &Path, life: Duration, for_anonymous: bool) -> Result<Self> {
        let register = Register::open(&root.join("tables.db"))?;
        Ok(Self(Arc::new(Inner {
            folder: root.join("tables"),
            register,
            life,
            for_anonymous,
            catalogs: Mutex::default(),
            changes: Mutex::default(),
            untidy: Mutex::default(),
        })))
    }

    /// The schema in which `owner` may have tables.
    pub fn schema_of(&self, owner: &Owner) -> Option<String> {
        match &owner.0 {
            Some(name) => Some(format!("{PREFIX}{name}")),
            None => self.0.for_anonymous.then(|| format!("{PREFIX}anonymous")),
        }
    }

    /// What somebody may see.
    ///
    /// # Errors
    /// The register cannot be read.
    pub fn visible_to(&self, owner: &Owner, groups: &BTreeSet<String>) -> Result<Visible> {
        let own = self.schema_of(owner);
        let now = Moment::now();
        let entries = self.0.register.entries()?.into_iter().filter(|entry| entry.expires > now);
        let visible = entries
            .filter(|entry| own.as_ref() == Some(&entry.schema) || entry.sharing.lets_read(groups));
        Ok(visible.map(|entry| ((entry.schema, entry.name), entry.created)).collect())
    }

    /// The catalogs of some schemas.
    ///
    /// # Errors
    /// One cannot be opened.
    pub fn catalogs(&self, schemas: &BTreeSet<&str>) -> Result<Vec<CatalogStore>> {
        schemas.iter().map(|schema| self.catalog(schema)).collect()
    }

    /// Make a table that has no rows yet.
    ///
    /// # Errors
    /// It is not the person's to make, or there is one of that name, or the definition is wrong.
    pub fn create(&self, person: &Person, name: &TableName, table: TableDef) -> Result<()> {
        self.make(person, name, None, |transaction| Ok(transaction.add_tables(vec![table])?))
    }

    /// Make a table of a file's columns, and fill it with its rows.
    ///
    /// # Arguments
    /// `origin`: the query whose result the file is.
    ///
    /// # Errors
    /// As [`Self::create`], and what is wrong with the file.
    pub fn create_from(
        &self,
        person: &Person,
        name: &TableName,
        file: TableReader,
        origin: Option<&str>,
    ) -> Result<u64> {
        let mut n_rows = 0;
        self.make(person, name, origin, |transaction| {
            n_rows = fill_new(transaction, &name.table, file)?;
            Ok(())
        })?;
        Ok(n_rows)
    }

    /// Append the rows of a file.
    ///
    /// # Errors
    /// The person may not change the table, or the rows do not fit it: then none is appended.
    pub fn load(
        &self,
        person: &Person,
        name: &TableName,
        file: &Path,
        options: &ReadOptions,
    ) -> Result<u64> {
        let entry = self.writable(person, name)?;
        let _alone = self.alone();
        let store = self.catalog(&entry.schema)?;
        check_room(person, &store)?;
        let mut transaction = Transaction::begin(&store)?;
        transaction.append_file(&entry.name, file, options)?;
        check_growth(person, &store, &mut transaction)?;
        Ok(transaction.commit_as("rows loaded")?.n_rows())
    }

    /// Drop a table and its rows.
    ///
    /// # Errors
    /// There is none of that name, or it is another's.
    pub fn remove(&self, person: &Person, name: &TableName) -> Result<()> {
        let entry = self.own(person, name)?;
        self.remove_entry(&entry)
    }

    /// Let others see or change a table.
    ///
    /// # Errors
    /// There is none of that name, or it is another's.
    pub fn share(
        &self,
        person: &Person,
        name: &TableName,
        change: impl FnOnce(&mut Sharing),
    ) -> Result<()> {
        let mut entry = self.own(person, name)?;
        change(&mut entry.sharing);
        self.0.register.enter(&entry)
    }

    /// What is known of a table that the person may read.
    ///
    /// # Errors
    /// There is none.
    pub fn entry(&self, person: &Person, name: &TableName) -> Result<Entry> {
        let none = || Error::NoSuchTable { name: name.to_string() };
        let entry = self.0.register.find(&name.schema, &name.table)?.ok_or_else(none)?;
        let is_own = self.schema_of(&person.owner).as_ref() == Some(&entry.schema);
        match is_own || entry.sharing.lets_read(&person.groups) {
            true => Ok(entry),
            false => Err(none()),
        }
    }

    /// Let rows be found by a column: one of unique whole numbers becomes the id of the table, which
    /// has an index. Others need none: each file knows the range of its values.
    ///
    /// # Errors
    /// The person may not change the table, there is no such column, or its values are not unique.
    pub fn index(
        &self,
        person: &Person,
        name: &TableName,
        column: &str,
        unique: bool,
    ) -> Result<()> {
        let entry = self.writable(person, name)?;
        let _alone = self.alone();
        let store = self.catalog(&entry.schema)?;
        let snapshot = store.snapshot().map_err(stored)?;
        let table = snapshot.table(&entry.name).map_err(stored)?;
        let found = table.columns.iter().position(|known| known.name.eq_ignore_ascii_case(column));
        let place = found.ok_or_else(|| Error::Definition {
            reason: format!("{name} has no column {column}"),
        })?;
        let indexed = &table.columns[place];
        if !unique || table.id.as_ref() == Some(&indexed.name) {
            return Ok(());
        }
        if !indexed.datatype.is_integer() {
            return Err(Error::Definition {
                reason: format!("column {}: a unique index is of whole numbers", indexed.name),
            });
        }
        let mut changed = table.clone();
        changed.columns[place].datatype = Datatype::Long;
        changed.columns[place].nullable = false;
        changed.id = Some(indexed.name.clone());
        changed.primary_key = vec![indexed.name.clone()];
        let rows = snapshot.read_region(&entry.name, None, None, None).map_err(stored)?;
        let mut transaction = Transaction::begin(&store)?;
        transaction.drop_table(&entry.name)?;
        transaction.add_tables(vec![changed])?;
        for batch in &rows {
            transaction.append(&entry.name, batch)?;
        }
        transaction.commit_as("index made")?;
        self.mark_untidy(&entry.schema);
        // What had been planned for the table as it was must not be used again.
        self.0.register.enter(&Entry { created: Moment::now(), ..entry })
    }

    /// Drop the tables whose time has come, and remove files that nobody reads any more.
    ///
    /// # Errors
    /// The register cannot be read.
    pub fn sweep(&self) -> Result<()> {
        self.tidy();
        for entry in self.0.register.expired()? {
            match self.remove_entry(&entry) {
                Ok(()) => tracing::info!(schema = entry.schema, table = entry.name, "expired"),
                Err(error) => {
                    tracing::error!(schema = entry.schema, table = entry.name, %error, "not dropped");
                }
            }
        }
        Ok(())
    }

    fn tidy(&self) {
        let ripe: Vec<String> = {
            let mut untidy = self.0.untidy.lock().unwrap_or_else(PoisonError::into_inner);
            untidy
                .extract_if(|_, since| since.elapsed() > GRACE)
                .map(|(schema, _)| schema)
                .collect()
        };
        for schema in ripe {
            let store = self.catalog(&schema);
            let config = VacuumConfig { grace: GRACE, ..VacuumConfig::default() };
            match store.and_then(|store| store.vacuum(config).map_err(stored)) {
                Ok(report) => tracing::info!(schema, %report, "vacuumed"),
                Err(error) => tracing::error!(schema, %error, "not vacuumed"),
            }
        }
    }

    /// Note that there may be files to remove.
    fn mark_untidy(&self, schema: &str) {
        let mut untidy = self.0.untidy.lock().unwrap_or_else(PoisonError::into_inner);
        untidy.insert(schema.to_owned(), Instant::now());
    }

    /// Make a table in one commit with what `fill` puts into it.
    fn make(
        &self,
        person: &Person,
        name: &TableName,
        origin: Option<&str>,
        fill: impl FnOnce(&mut Transaction) -> Result<()>,
    ) -> Result<()> {
        let schema = self.own_schema(person)?;
        if !schema.eq_ignore_ascii_case(&name.schema) {
            return Err(Error::NotYours { name: name.to_string(), schema });
        }
        let _alone = self.alone();
        if self.0.register.find(&schema, &name.table)?.is_some() {
            return Err(Error::TableExists { name: name.to_string() });
        }
        let store = self.made_catalog(&schema)?;
        check_room(person, &store)?;
        // What a service that died left without entering it.
        if let Ok(left) = store.snapshot().map_err(stored)?.table(&name.table) {
            let mut transaction = Transaction::begin(&store)?;
            transaction.drop_table(&left.name)?;
            transaction.commit_as("a table that was never entered dropped")?;
        }
        let mut transaction = Transaction::begin(&store)?;
        fill(&mut transaction)?;
        check_growth(person, &store, &mut transaction)?;
        transaction.commit_as("table made")?;
        let created = Moment::now();
        self.0.register.enter(&Entry {
            schema,
            name: name.table.clone(),
            created,
            expires: created.after(self.0.life),
            origin: origin.map(str::to_owned),
            sharing: Sharing::default(),
        })
    }

    fn remove_entry(&self, entry: &Entry) -> Result<()> {
        let _alone = self.alone();
        // First from the register: nobody then plans for what is about to go.
        self.0.register.strike(&entry.schema, &entry.name)?;
        let store = self.catalog(&entry.schema)?;
        let mut transaction = Transaction::begin(&store)?;
        transaction.drop_table(&entry.name)?;
        transaction.commit_as("table dropped")?;
        self.mark_untidy(&entry.schema);
        Ok(())
    }

    fn own_schema(&self, person: &Person) -> Result<String> {
        self.schema_of(&person.owner).ok_or(Error::LoginNeeded)
    }

    /// A table that the person owns.
    fn own(&self, person: &Person, name: &TableName) -> Result<Entry> {
        let schema = self.own_schema(person)?;
        let entry = self.entry(person, name)?;
        match entry.schema == schema {
            true => Ok(entry),
            false => Err(Error::NotYours { name: name.to_string(), schema }),
        }
    }

    /// A table that the person may change.
    fn writable(&self, person: &Person, name: &TableName) -> Result<Entry> {
        let schema = self.own_schema(person)?;
        let entry = self.entry(person, name)?;
        match entry.schema == schema || entry.sharing.lets_write(&person.groups) {
            true => Ok(entry),
            false => Err(Error::NotYours { name: name.to_string(), schema }),
        }
    }

    /// One change at a time; who only reads does not wait for it.
    fn alone(&self) -> MutexGuard<'_, ()> {
        self.0.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn catalog(&self, schema: &str) -> Result<CatalogStore> {
        let mut known = self.0.catalogs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = known.get(schema) {
            return Ok(store.clone());
        }
        let store = CatalogStore::open(&self.0.folder.join(schema)).map_err(stored)?;
        // An earlier service may have dropped tables.
        self.mark_untidy(schema);
        known.insert(schema.to_owned(), store.clone());
        Ok(store)
    }

    /// The catalog of a user, made where the user had none.
    fn made_catalog(&self, schema: &str) -> Result<CatalogStore> {
        let root = self.0.folder.join(schema);
        if !root.exists() {
            fs::create_dir_all(&self.0.folder)
                .map_err(|source| Error::StateFolder { path: self.0.folder.clone(), source })?;
            let owner = schema.trim_start_matches(PREFIX);
            let empty = SchemaDef {
                name: schema.to_owned(),
                description: format!("Tables of {owner}."),
                version: None,
                tables: vec![],
            };
            let chunking = Chunking::try_new(RESOLUTION)
                .map_err(|error| Error::Definition { reason: error.to_string() })?;
            CatalogStore::create(&root, &empty, chunking).map_err(stored)?;
        }
        self.catalog(schema)
    }
}

/// Refuse who has no room left, before any row is read.
fn check_room(person: &Person, store: &CatalogStore) -> Result<()> {
    let most = person.allowance.of(Resource::TableBytes);
    if most == u64::MAX {
        return Ok(());
    }
    match taken_bytes(store)? {
        taken if taken >= most => Err(Error::TableBytes { most, taken }),
        _ => Ok(()),
    }
}

/// Refuse rows for which there is not room enough, before anybody sees them.
fn check_growth(
    person: &Person,
    store: &CatalogStore,
    transaction: &mut Transaction,
) -> Result<()> {
    let most = person.allowance.of(Resource::TableBytes);
    if most == u64::MAX {
        return Ok(());
    }
    match taken_bytes(store)?.saturating_add(transaction.write_out()?) {
        would if would > most => Err(Error::NoTableRoom { most, would }),
        _ => Ok(()),
    }
}

/// What the tables of a catalog take, bytes.
fn taken_bytes(store: &CatalogStore) -> Result<u64> {
    let snapshot = store.snapshot().map_err(stored)?;
    let tables = snapshot.schema().tables.iter();
    let files = tables.flat_map(|table| snapshot.data_files(&table.name));
    Ok(files.map(|file| file.size_bytes).sum())
}

/// Add the table that a file makes, and its rows.
fn fill_new(transaction: &mut Transaction, name: &str, file: TableReader) -> Result<u64> {
    let input = format!("the table {name}");
    let is_text = matches!(file.format(), Format::Csv | Format::Tsv);
    let schema = file.schema();
    let mut n_rows = 0;
    let mut append = |transaction: &mut Transaction, batch: &RecordBatch| {
        n_rows += transaction.append(name, batch)?.n_rows;
        Ok::<_, Error>(())
    };
    if is_text {
        let rows = file.map(|rows| Ok(rows?.batch)).collect::<Result<Vec<RecordBatch>>>()?;
        let (schema, rows) = text_types::typed(&schema, rows)?;
        transaction.add_tables(vec![of_schema(name, &schema, &input)?])?;
        rows.iter().try_for_each(|batch| append(transaction, batch))?;
    } else {
        transaction.add_tables(vec![of_schema(name, &schema, &input)?])?;
        for rows in file {
            append(transaction, &rows?.batch)?;
        }
    }
    Ok(n_rows)
}

fn stored(error: almagest_storage::Error) -> Error {
    Error::Ingest(error.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_are_of_a_user_s_schema() {
        let check = |name: &str, expected: Option<(&str, &str)>| {
            let found = TableName::read(name).ok().map(|name| (name.schema, name.table));
            let expected = expected.map(|(s, t)| (s.to_owned(), t.to_owned()));
            assert_eq!(found, expected, "{name}");
        };
        check("user_ada.mine", Some(("user_ada", "mine")));
        check("\"user_ada\".\"mine\"", Some(("user_ada", "mine")));
        check("mine", None);
        check("dp1.Object", None);
        check("user_ada.../../x", None);
        check("user_ada.a b", None);
        check("user_ada.2mass", None);
    }
}
