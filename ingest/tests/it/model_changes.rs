//! Random sequences of operations against a model in memory; a sequence that fails is made small.
//!
//! The catalog has up to three tables that come and go, and so do their columns. A row is an id, a
//! group and some numbers, and the model is the list of the states of all versions. Operations draw
//! their parameters when they are made, so that a sequence still means something when some of it is
//! left out.

use std::collections::BTreeMap;
use std::env;
use std::ops::Range;
use std::time::Duration;

use almagest_ingest::{CompactConfig, Transaction, compact};
use almagest_storage::chunking::Chunking;
use almagest_storage::schema::{
    Alteration, Datatype, DefaultValue, SchemaDef, TableDef, TableKind,
};
use almagest_storage::vacuum::VacuumConfig;
use almagest_storage::{CatalogStore, Error as StorageError, Removal, Snapshot};
use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::sky_tables::{Null, batch, column, schema, table, values};

const TABLES: [&str; 3] = ["A", "B", "C"];
/// What columns may be called; all but the first four are of columns that come and go.
const NAMES: [&str; 8] = ["id", "ra", "dec", "group", "w", "x", "y", "z"];
/// Places in a table of the columns that each has.
const ID: usize = 0;
const RA: usize = 1;
const DEC: usize = 2;
const GROUP: usize = 3;
const NUMBERS: [Datatype; 6] = [
    Datatype::Byte,
    Datatype::Short,
    Datatype::Int,
    Datatype::Long,
    Datatype::Float,
    Datatype::Double,
];

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
        /// Do the rows come without the columns that they need not have?
        is_bare: bool,
    },
    AddColumn {
        table: usize,
        name: usize,
        datatype: Datatype,
        default: Option<i64>,
    },
    DropColumn {
        table: usize,
        name: usize,
    },
    RenameColumn {
        table: usize,
        name: usize,
        to: usize,
    },
    WidenColumn {
        table: usize,
        name: usize,
        datatype: Datatype,
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

/// The values of a row's columns.
type Row = Vec<Option<i64>>;

#[derive(Debug, Clone, PartialEq)]
struct Table {
    columns: Vec<Column>,
    /// By id.
    rows: BTreeMap<i64, Row>,
}

#[derive(Debug, Clone, PartialEq)]
struct Column {
    name: &'static str,
    datatype: Datatype,
    default: Option<i64>,
    /// What its values are made of.
    seed: i64,
}

type State = BTreeMap<&'static str, Table>;

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

impl Table {
    fn new() -> Self {
        let column = |place: usize, datatype| Column {
            name: NAMES[place],
            datatype,
            default: None,
            seed: 0,
        };
        let columns = vec![
            column(ID, Datatype::Long),
            column(RA, Datatype::Double),
            column(DEC, Datatype::Double),
            column(GROUP, Datatype::Long),
        ];
        Self { columns, rows: BTreeMap::new() }
    }

    fn place(&self, name: usize) -> Option<usize> {
        self.columns.iter().position(|column| column.name == NAMES[name])
    }

    fn row(&self, id: i64, group: i64, is_bare: bool) -> Row {
        let mut row = vec![Some(id), Some(id * 137 % 360), Some(id * 31 % 180 - 90), Some(group)];
        let others = self.columns[row.len()..].iter();
        row.extend(others.map(|column| match is_bare {
            true => column.default,
            false => (id % 5 > 0).then_some((id + column.seed) % 100),
        }));
        row
    }

    /// Rows as they are sent.
    fn batch(&self, first: i64, n_rows: i64, group: i64, is_bare: bool) -> RecordBatch {
        let rows: Vec<Row> =
            (first..first + n_rows).map(|id| self.row(id, group, is_bare)).collect();
        let sent = self.columns.iter().enumerate().filter(|(at, _)| !is_bare || *at <= GROUP);
        let sent = sent.map(|(at, column)| {
            let numbers = rows.iter().map(|row| row[at]);
            let values: ArrayRef = match at {
                RA | DEC => values::<Float64Array>(
                    numbers.map(|number| number.unwrap() as f64).collect::<Vec<_>>(),
                ),
                _ => std::sync::Arc::new(numbers.collect::<Int64Array>()),
            };
            (column.name, values)
        });
        batch(sent.collect())
    }
}

fn draw(rng: &mut ChaCha8Rng, next: &mut i64) -> Operation {
    let table = rng.random_range(0..3);
    let name = rng.random_range(3..NAMES.len());
    let datatype = NUMBERS[rng.random_range(0..NUMBERS.len())];
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
            Operation::Append { tables, first, n_rows, group, is_bare: rng.random_bool(0.3) }
        }
        45..50 => {
            let default = rng.random_bool(0.6).then(|| rng.random_range(-5..5));
            Operation::AddColumn { table, name, datatype, default }
        }
        50..52 => Operation::DropColumn { table, name: rng.random_range(0..NAMES.len()) },
        52..56 => {
            let (name, to) = (rng.random_range(0..NAMES.len()), rng.random_range(0..NAMES.len()));
            Operation::RenameColumn { table, name, to }
        }
        56..59 => Operation::WidenColumn { table, name, datatype },
        59..66 => Operation::Replace { table, group, first, n_rows },
        66..74 => {
            let first = rng.random_range(0..=*next);
            Operation::DeleteIds { table, first, step: rng.random_range(1..9) }
        }
        74..79 => Operation::Compact,
        79..82 => Operation::Vacuum,
        82..84 => Operation::Tag(rng.random()),
        84..97 => Operation::AsOf(rng.random()),
        _ => Operation::Reopen,
    }
}

/// Read a table as the model has it; what a column's values are made of is none of its business.
fn read(snapshot: &Snapshot, table: &str, expected: Option<&Table>) -> Table {
    let definition = snapshot.schema().table(table).unwrap();
    let column = |(at, column): (usize, &almagest_storage::schema::ColumnDef)| Column {
        name: NAMES.into_iter().find(|name| *name == column.name).unwrap(),
        datatype: column.datatype,
        default: column.default.as_ref().map(|default| match default {
            DefaultValue::Integer(number) => *number,
            DefaultValue::Real(number) => *number as i64,
            other => panic!("{other:?}"),
        }),
        seed: expected.and_then(|table| table.columns.get(at)).map_or(0, |column| column.seed),
    };
    let columns = definition.columns.iter().enumerate().map(column).collect();
    let mut rows = BTreeMap::new();
    for batch in snapshot.read_region(table, None, None, None).unwrap() {
        for (field, column) in batch.schema().fields().iter().zip(&definition.columns) {
            assert_eq!((field.name(), field.data_type()), (&column.name, &column.to_arrow()));
        }
        let numbers: Vec<ArrayRef> =
            batch.columns().iter().map(|values| cast(values, &DataType::Int64).unwrap()).collect();
        for row in 0..batch.num_rows() {
            let value = |values: &ArrayRef| {
                values.is_valid(row).then(|| values.as_primitive::<Int64Type>().value(row))
            };
            let row: Row = numbers.iter().map(value).collect();
            let id = row[ID].unwrap();
            assert_eq!(rows.insert(id, row), None, "{table}: id {id} is there twice");
        }
    }
    Table { columns, rows }
}

/// Say how a snapshot differs from a state.
fn difference(snapshot: &Snapshot, state: &State) -> Option<String> {
    for name in TABLES {
        let expected = state.get(name);
        let found = snapshot.schema().table(name).map(|_| read(snapshot, name, expected));
        if found.as_ref() != expected {
            return Some(format!(
                "version {}, {name}: {found:?} instead of {expected:?}",
                snapshot.version()
            ));
        }
        let n_rows = found.map_or(0, |table| table.rows.len() as u64);
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
            // Groups are what operations are made of.
            Operation::DropColumn { table, name }
                if self.table(*table).place(*name) == Some(GROUP) =>
            {
                return Ok(());
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
            Operation::Append { tables, first, n_rows, group, is_bare } => {
                tables.iter().try_for_each(|index| {
                    let rows = self.table(*index).batch(*first, *n_rows, *group, *is_bare);
                    transaction.append(TABLES[*index], &rows).map(drop)
                })
            }
            Operation::Replace { table, group, first, n_rows } => {
                let definition = self.table(*table);
                let rows = definition.batch(*first, *n_rows, *group, false);
                let removal = Removal::data_id(definition.columns[GROUP].name, *group);
                transaction
                    .remove(TABLES[*table], removal)
                    .and_then(|()| transaction.append(TABLES[*table], &rows))
                    .map(drop)
            }
            Operation::AddColumn { table, name, datatype, default } => {
                let default = default.map(|number| match datatype {
                    Datatype::Float | Datatype::Double => DefaultValue::Real(number as f64),
                    _ => DefaultValue::Integer(number),
                });
                let column = column(NAMES[*name], *datatype, Null::Allowed);
                let column = almagest_storage::schema::ColumnDef { default, ..column };
                transaction.alter_table(TABLES[*table], Alteration::AddColumn(column))
            }
            Operation::DropColumn { table, name } => transaction
                .alter_table(TABLES[*table], Alteration::DropColumn(NAMES[*name].to_owned())),
            Operation::RenameColumn { table, name, to } => {
                let (column, to) = (NAMES[*name].to_owned(), NAMES[*to].to_owned());
                transaction.alter_table(TABLES[*table], Alteration::RenameColumn { column, to })
            }
            Operation::WidenColumn { table, name, datatype } => {
                let column = NAMES[*name].to_owned();
                let to = Alteration::WidenColumn { column, datatype: *datatype, length: None };
                transaction.alter_table(TABLES[*table], to)
            }
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

    /// A table, or one like it where there is none.
    fn table(&self, index: usize) -> Table {
        self.newest().get(TABLES[index]).cloned().unwrap_or_else(Table::new)
    }

    /// Return the state after an operation, or none where it must be refused.
    fn change(&self, operation: &Operation) -> Option<State> {
        let mut state = self.newest().clone();
        let insert = |state: &mut State, index: usize, ids: Range<i64>, group: i64, bare: bool| {
            let table = state.get_mut(TABLES[index])?;
            for id in ids {
                let row = table.row(id, group, bare);
                if table.rows.insert(id, row).is_some() {
                    return None;
                }
            }
            Some(())
        };
        match operation {
            Operation::Add(index) => {
                state.insert(TABLES[*index], Table::new()).is_none().then_some(())?;
            }
            Operation::Drop(index) => drop(state.remove(TABLES[*index])?),
            Operation::Append { tables, first, n_rows, group, is_bare } => {
                for table in tables {
                    insert(&mut state, *table, *first..first + n_rows, *group, *is_bare)?;
                }
            }
            Operation::AddColumn { table, name, datatype, default } => {
                let seed = self.versions.len() as i64;
                let table = state.get_mut(TABLES[*table])?;
                table.place(*name).is_none().then_some(())?;
                let (name, default) = (NAMES[*name], *default);
                table.columns.push(Column { name, datatype: *datatype, default, seed });
                table.rows.values_mut().for_each(|row| row.push(default));
            }
            Operation::DropColumn { table, name } => {
                let table = state.get_mut(TABLES[*table])?;
                let place = table.place(*name).filter(|place| *place > GROUP)?;
                table.columns.remove(place);
                for row in table.rows.values_mut() {
                    row.remove(place);
                }
            }
            Operation::RenameColumn { table, name, to } => {
                let table = state.get_mut(TABLES[*table])?;
                let place = table.place(*name)?;
                table.place(*to).is_none_or(|taken| taken == place).then_some(())?;
                table.columns[place].name = NAMES[*to];
            }
            Operation::WidenColumn { table, name, datatype } => {
                let table = state.get_mut(TABLES[*table])?;
                let place = table.place(*name).filter(|place| *place > GROUP)?;
                let column = &mut table.columns[place];
                let rank = |datatype| NUMBERS.iter().position(|other| *other == datatype).unwrap();
                let (from, to) = (rank(column.datatype), rank(*datatype));
                // Whole numbers of 32 bits fit into no `float`, those of 64 bits into no `double`.
                let is_exact = !matches!((from, to), (2, 4) | (3, 4..));
                (from < to && is_exact).then_some(())?;
                column.datatype = *datatype;
            }
            Operation::Replace { table, group, first, n_rows } => {
                let rows = &mut state.get_mut(TABLES[*table])?.rows;
                rows.retain(|_, row| row[GROUP] != Some(*group));
                insert(&mut state, *table, *first..first + n_rows, *group, false)?;
            }
            Operation::DeleteIds { table, first, step } => {
                let rows = &mut state.get_mut(TABLES[*table])?.rows;
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
    let first = State::from([(TABLES[0], Table::new())]);
    let mut model = Model { versions: vec![first], oldest: 0, tagged: vec![] };
    for (number, operation) in operations.iter().enumerate() {
        let wrong = |what: String| format!("operation {number}, {operation:?}: {what}");
        model.perform(&mut store, operation).map_err(wrong)?;
        let snapshot = store.snapshot().map_err(|error| wrong(error.to_string()))?;
        if let Some(difference) = difference(&snapshot, model.newest()) {
            return Err(wrong(difference));
        }
        // A store remembers files from version to version; one that is opened anew reads them all.
        if number % 10 == 9 {
            let fresh = CatalogStore::open(&root).unwrap().snapshot().unwrap();
            let mut tables = snapshot.schema().tables.iter().map(|table| &table.name);
            if let Some(table) = tables.find(|t| snapshot.data_files(t) != fresh.data_files(t)) {
                return Err(wrong(format!("files of {table} are not those of the metadata")));
            }
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

/// Run the sequence of a seed; return the number of versions that it made.
fn check_seed(seed: u64, n_operations: usize) -> usize {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut next = 0;
    let operations: Vec<_> = (0..n_operations).map(|_| draw(&mut rng, &mut next)).collect();
    run(&operations).unwrap_or_else(|first| {
        let small = shrink(operations);
        let last = run(&small).unwrap_err();
        panic!("seed {seed}: {first}\nsmallest: {small:#?}\n{last}");
    })
}

#[test]
fn random_operations_do_what_the_model_does() {
    let is_long = env::var_os("ALMAGEST_LONG").is_some();
    let (n_seeds, n_operations) = if is_long { (100, 1000) } else { (100, 100) };
    let n_versions: usize =
        (0..n_seeds).into_par_iter().map(|seed| check_seed(seed, n_operations)).sum();
    assert!(n_versions > n_seeds as usize * n_operations / 5, "{n_versions} versions");
}
