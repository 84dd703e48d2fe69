//! A schema to begin with: the tables that files would make, written for a person to edit.
//!
//! ```text
//!   file ─▶ columns, units, UCDs, descriptions        what it says
//!       └─▶ rows: types of text, ids that are unique  what they show (up to a limit)
//!                      │
//!                      ▼
//!   SchemaDef ─▶ Felis YAML under comments that say what was guessed
//! ```
//!
//! Positions are kept in degrees whatever the file has, as rows are converted on their way in.

use std::collections::HashSet;
use std::io::Write;
use std::path::Path;

use almagest_storage::counted;
use almagest_storage::schema::arrow::{UCD, UNIT};
use almagest_storage::schema::{ColumnDef, Datatype, SchemaDef, TableDef, TableKind, felis};
use almagest_unit::conversion;
use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};

use super::text_types::TextTypes;
use super::{POSITION_NAMES, has_ucd, of_columns, table_def};
use crate::conform::Level;
use crate::error::{Error, Result};
use crate::format::{BadRow, FileRows, Format, TableReader, notes_of};
use crate::new_file::create_new;

/// Rows that are looked at; more would hardly show another type.
const MOST_ROWS: u64 = 1_000_000;

/// Names of ids in the field's catalogs, in lower case, the surest first; before them comes the
/// table's name with `id`.
const ID_NAMES: [&str; 9] = [
    "source_id",
    "sourceid",
    "object_id",
    "objectid",
    "objid",
    "obj_id",
    "diasourceid",
    "diaobjectid",
    "id",
];

const RA_UCD: &str = "pos.eq.ra;meta.main";
const DEC_UCD: &str = "pos.eq.dec;meta.main";
const ID_UCD: &str = "meta.id;meta.main";

/// A schema that files suggest.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// The definitions.
    pub schema: SchemaDef,
    /// What was found and guessed, one line each.
    pub notes: Vec<String>,
}

impl Draft {
    /// Begin a schema without tables.
    pub fn new(name: &str) -> Self {
        let schema = SchemaDef {
            name: name.to_owned(),
            description: String::new(),
            version: None,
            tables: vec![],
        };
        Self { schema, notes: vec![] }
    }

    /// Add the table that a file makes.
    ///
    /// # Arguments
    /// * `input` - what errors and notes call the file
    ///
    /// # Errors
    /// The file cannot be read; those of [`table_def`].
    pub fn add_table(&mut self, name: &str, reader: TableReader, input: &str) -> Result<()> {
        let format = reader.format();
        let schema = in_degrees(&reader.schema());
        let looked = look_at(reader, &schema, name)?;
        let schema = match format {
            Format::Csv | Format::Tsv => positions_as_floats(&looked.types.typed(&schema)),
            _ => schema,
        };
        let inferred = table_def(name, &schema, input)?;
        let note = |what: String| format!("{name}: {what}");
        let end = if looked.is_all { "" } else { " and more" };
        self.notes
            .push(note(format!("from {input}, {format}, {}{end}", counted(looked.n_rows, "row"))));
        if let Some(first) = &looked.first_bad {
            self.notes
                .push(note(format!("{} cannot be read: {first}", counted(looked.n_bad, "row"))));
        }
        self.notes.extend(looked.notes.into_iter().map(note));
        for column in &inferred.left_out {
            self.notes.push(note(format!("left out, as no column can hold it: {column}")));
        }
        let mut table = inferred.table;
        self.notes.extend(complete(&mut table, &looked.unique).into_iter().map(note));
        self.schema.tables.push(table);
        Ok(())
    }

    /// Write the schema as Felis YAML, with the notes as comments.
    ///
    /// # Errors
    /// Definitions that contradict themselves.
    pub fn to_yaml(&self) -> Result<String> {
        felis::validate(&self.schema).map_err(almagest_storage::Error::from)?;
        let refused = |error: serde_yaml_ng::Error| {
            Error::Storage(almagest_storage::Error::DefinitionText {
                schema: self.schema.name.clone(),
                reason: error.to_string(),
            })
        };
        let yaml = felis::to_yaml(&self.schema).map_err(refused)?;
        let notes = self.notes.iter().map(|line| format!("# {}\n", line.replace('\n', " ")));
        let notes: String = notes.collect();
        Ok(format!("# A draft: names, types, units and kinds are to be looked at.\n{notes}{yaml}"))
    }

    /// Write the schema to a new file.
    ///
    /// # Errors
    /// There is such a file; it cannot be written; those of [`to_yaml`](Self::to_yaml).
    pub fn write_new(&self, path: &Path) -> Result<()> {
        let yaml = self.to_yaml()?;
        let io_error = |source| Error::Io { path: path.to_owned(), source };
        let mut file = create_new(path).map_err(io_error)?;
        file.write_all(yaml.as_bytes()).map_err(io_error)
    }
}

/// Return a name for the table of a file: that of the file up to its first dot, as far as it can
/// be one.
pub fn table_name(input: &str) -> String {
    let file = input.split(['?', '#']).next().unwrap_or(input);
    let file = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let stem = file.split('.').find(|part| !part.is_empty()).unwrap_or("table");
    let is_letter = |letter: char| letter.is_alphanumeric() || letter == '_';
    let mut name: String =
        stem.chars().map(|letter| if is_letter(letter) { letter } else { '_' }).collect();
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        name.insert_str(0, "t_");
    }
    name
}

/// The schema with positions in degrees, where their units convert to it.
fn in_degrees(schema: &Schema) -> Schema {
    let fields = schema.fields().iter().map(|field| {
        let said = |key: &str| field.metadata().get(key).map(String::as_str);
        let ucd = said(UCD).unwrap_or_default().to_ascii_lowercase();
        let has_ucd = ["pos.eq.ra", "pos.eq.dec"].iter().any(|word| ucd.starts_with(word));
        let is_position = has_ucd || is_position_name(field.name());
        let is_angle = said(UNIT).is_some_and(|unit| conversion(unit, "deg").is_ok());
        if !(is_position && is_angle && field.data_type().is_numeric()) {
            return field.as_ref().clone();
        }
        let mut metadata = field.metadata().clone();
        metadata.insert(UNIT.to_owned(), "deg".to_owned());
        Field::new(field.name(), DataType::Float64, true).with_metadata(metadata)
    });
    Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone())
}

/// The schema in which columns called like positions are floats, though the rows that were looked
/// at have whole degrees.
fn positions_as_floats(schema: &Schema) -> Schema {
    let fields = schema.fields().iter().map(|field| match field.data_type() {
        DataType::Int64 if is_position_name(field.name()) => {
            field.as_ref().clone().with_data_type(DataType::Float64)
        }
        _ => field.as_ref().clone(),
    });
    Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone())
}

fn is_position_name(name: &str) -> bool {
    let name = name.to_lowercase();
    POSITION_NAMES.iter().any(|(ra, dec)| [*ra, *dec].contains(&name.as_str()))
}

/// What rows show.
struct LookedAt {
    types: TextTypes,
    n_rows: u64,
    is_all: bool,
    /// Rows that cannot be read, and why the first cannot.
    n_bad: u64,
    first_bad: Option<String>,
    /// What is to be said of the file.
    notes: Vec<String>,
    /// Names of columns of whole numbers that could be ids: each row has its own.
    unique: HashSet<String>,
}

fn look_at(reader: TableReader, schema: &Schema, table: &str) -> Result<LookedAt> {
    let mut types = TextTypes::new(schema.fields().len());
    let names = id_names(table);
    let is_candidate = |field: &Field| {
        let name = field.name().to_lowercase();
        let ucd = field.metadata().get(UCD).map(|ucd| ucd.to_ascii_lowercase());
        names.contains(&name) || ucd.is_some_and(|ucd| ucd.contains("meta.main"))
    };
    let fields = schema.fields().iter().enumerate();
    let mut seen: Vec<(usize, HashSet<i64>)> = fields
        .filter(|(_, field)| is_candidate(field))
        .map(|(index, _)| (index, HashSet::new()))
        .collect();
    let (mut n_rows, mut is_all) = (0, true);
    let (mut n_bad, mut first_bad) = (0, None);
    let mut notes = vec![];
    for rows in reader {
        let FileRows { batch, bad_rows, .. } = rows?;
        notes.extend(notes_of(batch.schema_ref()).map(str::to_owned));
        if n_rows >= MOST_ROWS {
            is_all = false;
            break;
        }
        n_bad += bad_rows.len() as u64;
        if let (Some(bad), None) = (bad_rows.first(), &first_bad) {
            first_bad = Some(bad.error.to_string());
        }
        types.look_at(&batch);
        let batch = without(&batch, &bad_rows);
        seen.retain_mut(|(index, ids)| all_new(&batch, *index, ids));
        n_rows += batch.num_rows() as u64;
    }
    let unique = seen.iter().map(|(index, _)| schema.field(*index).name().clone()).collect();
    Ok(LookedAt { types, n_rows, is_all, n_bad, first_bad, notes, unique })
}

/// The rows of a batch that could be read.
fn without(batch: &RecordBatch, bad_rows: &[BadRow]) -> RecordBatch {
    if bad_rows.is_empty() {
        return batch.clone();
    }
    let mut is_good = vec![true; batch.num_rows()];
    bad_rows.iter().for_each(|bad| is_good[bad.index] = false);
    filter_record_batch(batch, &BooleanArray::from(is_good)).unwrap_or_else(|_| batch.clone())
}

/// Take the ids of a column; `false` where one is missing, no whole number, or there already.
fn all_new(batch: &RecordBatch, column: usize, ids: &mut HashSet<i64>) -> bool {
    let column = batch.column(column);
    let is_whole = column.data_type().is_integer() || column.data_type() == &DataType::Utf8;
    let Ok(longs) = cast(column, &DataType::Int64) else { return false };
    let longs = longs.as_primitive::<Int64Type>();
    is_whole && longs.null_count() == 0 && longs.values().iter().all(|id| ids.insert(*id))
}

fn id_names(table: &str) -> Vec<String> {
    let table = table.to_lowercase();
    let own = [format!("{table}id"), format!("{table}_id")];
    own.into_iter().chain(ID_NAMES.map(str::to_owned)).collect()
}

/// Find the id, say what position and id are, and decide the kind; return what was guessed.
fn complete(table: &mut TableDef, unique: &HashSet<String>) -> Vec<String> {
    let mut notes = vec![];
    if table.id.is_none() {
        let columns = &table.columns;
        table.id = id_names(&table.name).iter().find_map(|wanted| {
            let mut columns = columns.iter();
            let column = columns.find(|column| column.name.to_lowercase() == *wanted)?;
            let is_id = column.datatype.is_integer() && unique.contains(&column.name);
            is_id.then(|| column.name.clone())
        });
        if let Some(id) = &table.id {
            notes.push(format!("id {id} (by its name, and each row has its own)"));
        }
    } else if let Some(id) = &table.id {
        notes.push(format!("id {id} (by its UCD)"));
    }
    if let Some(id) = table.id.clone() {
        let is_unique = unique.contains(&id);
        if is_unique {
            table.primary_key = vec![id.clone()];
        } else {
            notes.push(format!("values of {id} repeat or are missing, so it is no primary key"));
        }
        describe(table, &id, ID_UCD, None, &mut notes);
        if let Some(column) = column_mut(table, &id) {
            column.datatype = Datatype::Long;
            column.nullable = !is_unique;
        }
    }
    if let Some(position) = table.position.clone() {
        notes.push(format!("position {}, {}", position.ra, position.dec));
        for (name, ucd) in [(&position.ra, RA_UCD), (&position.dec, DEC_UCD)] {
            describe(table, name, ucd, Some("deg"), &mut notes);
            if let Some(column) = column_mut(table, name) {
                column.datatype = Datatype::Double;
            }
        }
    } else {
        notes.push("no position was found: the table is whole everywhere".to_owned());
    }
    // The kind again, as the id may have been found by its name.
    let again = of_columns(&table.name, String::new(), table.columns.clone());
    table.kind = match (&table.position, &table.id) {
        (Some(_), Some(_)) => TableKind::Positional,
        _ => again.kind,
    };
    for column in &table.columns {
        if let Some(unit) = &column.unit
            && let Err(error) = Level::of(unit).factor_to(Level::of(unit))
        {
            notes.push(format!("unit of {}: {error}", column.name));
        }
    }
    notes
}

/// Give a column its UCD and unit where it has none.
fn describe(
    table: &mut TableDef,
    name: &str,
    ucd: &str,
    unit: Option<&str>,
    notes: &mut Vec<String>,
) {
    let has_other = table.columns.iter().any(|column| column.name != name && has_ucd(column, ucd));
    let Some(column) = column_mut(table, name) else { return };
    if column.ucd.is_none() && !has_other {
        column.ucd = Some(ucd.to_owned());
        notes.push(format!("UCD of {name}: {ucd} (guessed)"));
    }
    if let (Some(unit), None) = (unit, &column.unit) {
        column.unit = Some(unit.to_owned());
        notes.push(format!("unit of {name}: {unit} (guessed)"));
    }
}

fn column_mut<'t>(table: &'t mut TableDef, name: &str) -> Option<&'t mut ColumnDef> {
    table.columns.iter_mut().find(|column| column.name == name)
}
