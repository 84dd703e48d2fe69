//! JSON lines: one object a line, whose keys are the columns.
//!
//! The first pass over the file finds the columns and their types, the second one reads the rows;
//! so the last row may bring a new column, or a fraction in a column of whole numbers.
//!
//! | values of a column                | Arrow      |
//! |-----------------------------------|------------|
//! | null only                         | `Null`     |
//! | true, false                       | `Boolean`  |
//! | whole numbers                     | `Int64`    |
//! | numbers                           | `Float64`  |
//! | strings                           | `Utf8`     |
//! | arrays of one of these            | a list     |
//! | objects, arrays of several kinds  | a struct without fields, all NULL: no column of a table takes it |
//!
//! Where Python writes NaN, which JSON has not, the value is null. An object with a key twice is no
//! row. A column of several kinds is refused with the row where it was found. A key that a row lacks is
//! NULL there. Where bad rows are passed over, a column of numbers and of strings is text, and one of
//! objects and of anything else is of the other kind.

use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::sync::Arc;

use arrow::array::{RecordBatch, new_null_array};
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::bad_rows::BadRows;
use super::column::{ColumnBuilder, Element, data_type, excerpt};
use super::input::{Input, io_error};
use super::{MOST_COLUMNS, OnBadRow, ROW_BYTES_LIMIT, ReadOptions, RowSource, batch, read_rows};
use crate::error::{CellProblem, Error, Result, TextProblem};
use crate::origin::Origin;

/// Streams the rows of a file of JSON lines.
pub(super) struct JsonRows {
    lines: ObjectLines,
    columns: Vec<(String, Kind)>,
    schema: SchemaRef,
    batch_rows: usize,
}

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kind {
    element: Option<Element>,
    /// Are they arrays? `None`: nothing but null so far, or nested.
    is_list: Option<bool>,
    /// Are they what no column can have: objects, arrays of arrays, arrays of several kinds?
    is_nested: bool,
}

impl JsonRows {
    /// Find the columns.
    pub fn open(input: Input, options: &ReadOptions) -> Result<Self> {
        let name = Arc::clone(input.name());
        let mut file = input.into_file()?;
        let columns = find_columns(&mut ObjectLines::new(&file, &name)?, options.on_bad_row)?;
        file.rewind().map_err(|source| io_error(&name, source))?;
        let fields = columns.iter().map(|(name, kind)| Field::new(name, kind.data_type(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let lines = ObjectLines::new(&file, &name)?;
        Ok(Self { lines, columns, schema, batch_rows: options.batch_rows })
    }
}

impl RowSource for JsonRows {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn read_batch(
        &mut self,
        origin: &Origin,
        bad_rows: &mut BadRows,
    ) -> Result<Option<RecordBatch>> {
        let mut builders: Vec<Option<ColumnBuilder>> =
            self.columns.iter().map(|(_, kind)| kind.builder()).collect();
        let n_rows =
            read_rows(self.batch_rows, origin, &mut builders, bad_rows, |origin, builders| {
                let Some(row) = self.lines.object(origin)? else { return Ok(None) };
                for (place, ((name, kind), builder)) in
                    self.columns.iter().zip(builders).enumerate()
                {
                    let value = row.get(name, place).unwrap_or(&Value::Null);
                    let taken = kind.check(value).and_then(|()| match builder {
                        Some(builder) => append(value, builder),
                        None => Ok(()),
                    });
                    taken.map_err(|problem| Error::Cell {
                        origin: origin.row(0),
                        column: name.clone(),
                        problem,
                    })?;
                }
                Ok(Some(self.lines.line.len() + self.columns.len()))
            })?;
        let kinds = self.columns.iter().map(|(_, kind)| kind);
        let columns = builders.into_iter().zip(kinds).map(|(builder, kind)| match builder {
            Some(builder) => builder.finish(),
            None => new_null_array(&kind.data_type(), n_rows),
        });
        if n_rows == 0 {
            return Ok(None);
        }
        batch(self.schema(), columns.collect(), origin)
    }
}

impl Kind {
    const NULL: Self = Self { element: None, is_list: None, is_nested: false };
    const TEXT: Self = Self { element: Some(Element::Text), is_list: Some(false), ..Self::NULL };
    const NESTED: Self = Self { is_nested: true, ..Self::NULL };

    /// The kind of a value.
    fn of(value: &Value) -> Self {
        let element = match value {
            Value::Null => return Self::NULL,
            Value::Bool(_) => Element::Boolean,
            Value::Number(number) if number.is_i64() => Element::Int64,
            Value::Number(_) => Element::Float64,
            Value::String(_) => Element::Text,
            Value::Array(values) => {
                let kind = values.iter().map(Self::of).try_fold(Self::NULL, Self::with);
                let kind = kind.filter(|kind| !kind.is_nested && kind.is_list != Some(true));
                return kind.map_or(Self::NESTED, |kind| Self { is_list: Some(true), ..kind });
            }
            Value::Object(_) => return Self::NESTED,
        };
        Self { element: Some(element), is_list: Some(false), is_nested: false }
    }

    /// The kind of a column that has values of both.
    fn with(self, other: Self) -> Option<Self> {
        if self == Self::NULL || other == Self::NULL || self == other {
            return Some(if self == Self::NULL { other } else { self });
        }
        if self.is_nested || other.is_nested {
            return None;
        }
        let element = match (self.element, other.element) {
            (a, None) => a,
            (None, b) => b,
            (Some(a), Some(b)) if a == b => Some(a),
            (Some(Element::Int64 | Element::Float64), Some(Element::Int64 | Element::Float64)) => {
                Some(Element::Float64)
            }
            _ => return None,
        };
        (self.is_list == other.is_list).then_some(Self { element, ..self })
    }

    /// Empty arrays are lists of anything.
    fn parts(self) -> Option<(Element, bool)> {
        match (self.element, self.is_list) {
            (Some(element), is_list) => Some((element, is_list == Some(true))),
            (None, Some(true)) => Some((Element::Float64, true)),
            (None, _) => None,
        }
    }

    fn is_value(self) -> bool {
        self.is_list == Some(false)
    }

    /// Refuse a value that no column of the kind can have.
    fn check(self, value: &Value) -> Result<(), CellProblem> {
        let kind = Self::of(value);
        let fits = match self {
            Self::TEXT => kind == Self::NULL || kind.is_value(),
            _ => self.with(kind).is_some(),
        };
        let refused =
            || CellProblem::NotA { value: excerpt(&value.to_string()), noun: self.noun() };
        if fits { Ok(()) } else { Err(refused()) }
    }

    fn data_type(self) -> DataType {
        match self.parts() {
            Some((element, is_list)) => data_type(element, is_list),
            None if self.is_nested => DataType::Struct(Fields::empty()),
            None => DataType::Null,
        }
    }

    fn builder(self) -> Option<ColumnBuilder> {
        self.parts().map(|(element, is_list)| ColumnBuilder::new(element, is_list, None))
    }

    fn noun(self) -> &'static str {
        match (self.is_list, self.element) {
            _ if self.is_nested => "an object or nested array, as in the other rows",
            (Some(true), _) => "an array of such values as the other rows have",
            (_, Some(Element::Boolean)) => "a boolean, as in the other rows",
            (_, Some(Element::Text)) => "a string, as in the other rows",
            _ => "a number, as in the other rows",
        }
    }
}

/// Go through all rows for the columns, in the order in which they come up. Of a row that is no
/// row, and of a value that does not go with those before it, nothing is learned where such rows are
/// to be passed over.
///
/// # Errors
/// The first fault; where rows are passed over, only if there is no other row.
fn find_columns(lines: &mut ObjectLines, on_bad_row: OnBadRow) -> Result<Vec<(String, Kind)>> {
    let mut columns: Vec<(String, Kind)> = Vec::new();
    let mut places = std::collections::HashMap::new();
    let mut origin = Origin::new(Arc::clone(&lines.name));
    let mut no_row = None;
    let is_passed_over = on_bad_row == OnBadRow::Report;
    loop {
        let row = match lines.object(&origin) {
            Ok(Some(row)) => row,
            Ok(None) => break,
            Err(
                error @ Error::Text {
                    problem: TextProblem::NotAnObject { .. } | TextProblem::RepeatedKey { .. },
                    ..
                },
            ) if is_passed_over => {
                no_row.get_or_insert(error);
                origin = origin.after(1);
                continue;
            }
            Err(error) => return Err(error),
        };
        for (name, value) in row.0 {
            let kind = Kind::of(&value);
            let place = *places.entry(name.clone()).or_insert_with(|| {
                columns.push((name.clone(), Kind::NULL));
                columns.len() - 1
            });
            let column = &mut columns[place].1;
            match column.with(kind) {
                Some(kind) => *column = kind,
                // Which of the two is wrong, the table knows: it reads the text, row by row.
                None if is_passed_over && column.is_value() && kind.is_value() => {
                    *column = Kind::TEXT
                }
                None if is_passed_over && column.is_nested => *column = kind,
                None if is_passed_over => {}
                None => {
                    let noun = column.noun();
                    let problem = CellProblem::NotA { value: excerpt(&value.to_string()), noun };
                    let column = excerpt(&name);
                    return Err(Error::Cell { origin: origin.row(0), column, problem });
                }
            }
        }
        if columns.len() > MOST_COLUMNS {
            let problem = TextProblem::FieldCount {
                found: columns.len() as u64,
                expected: MOST_COLUMNS as u64,
            };
            return Err(Error::Text { origin: origin.row(0), problem });
        }
        origin = origin.after(1);
    }
    match no_row {
        Some(error) if columns.is_empty() => Err(error),
        _ => Ok(columns),
    }
}

/// Append a value of the column's kind.
fn append(value: &Value, builder: &mut ColumnBuilder) -> Result<(), CellProblem> {
    match value {
        Value::Null => {
            builder.null_cell();
            Ok(())
        }
        Value::Array(values) => {
            for value in values {
                match value {
                    Value::Null => builder.null_element(),
                    value => element(value, builder)?,
                }
            }
            builder.end_list()
        }
        value => element(value, builder),
    }
}

fn element(value: &Value, builder: &mut ColumnBuilder) -> Result<(), CellProblem> {
    match value {
        Value::String(text) => builder.exact_text(text),
        value => builder.text(&value.to_string()),
    }
}

/// An object: its keys with their values, in their order.
struct Row(Vec<(String, Value)>);

impl Row {
    /// The value of a key, which most rows have at the same place.
    fn get(&self, name: &str, place: usize) -> Option<&Value> {
        let is_named = |(key, _): &&(String, Value)| key == name;
        let here = self.0.get(place).filter(is_named);
        here.or_else(|| self.0.iter().find(is_named)).map(|(_, value)| value)
    }
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RowVisitor)
    }
}

/// Keeps the order, which a map does not.
struct RowVisitor;

impl<'de> Visitor<'de> for RowVisitor {
    type Value = Row;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row, A::Error> {
        let mut row = Vec::new();
        while let Some(entry) = map.next_entry()? {
            row.push(entry);
        }
        Ok(Row(row))
    }
}

/// The lines of a file as objects; blank lines are passed over.
struct ObjectLines {
    name: Arc<str>,
    reader: BufReader<File>,
    line: Vec<u8>,
    /// The keys of the row before, which most rows have as well.
    keys: Vec<String>,
}

impl ObjectLines {
    /// Begin where the file stands.
    fn new(file: &File, name: &Arc<str>) -> Result<Self> {
        let file = file.try_clone().map_err(|source| io_error(name, source))?;
        let reader = BufReader::with_capacity(256 << 10, file);
        Ok(Self { name: Arc::clone(name), reader, line: Vec::new(), keys: Vec::new() })
    }

    /// Read the row that `origin` names first.
    fn object(&mut self, origin: &Origin) -> Result<Option<Row>> {
        let text_error = |problem| Error::Text { origin: origin.row(0), problem };
        loop {
            self.line.clear();
            let mut line = self.reader.by_ref().take(ROW_BYTES_LIMIT as u64);
            let n_bytes = line
                .read_until(b'\n', &mut self.line)
                .map_err(|source| io_error(&self.name, source))?;
            if n_bytes == 0 {
                return Ok(None);
            }
            if n_bytes == ROW_BYTES_LIMIT {
                return Err(text_error(TextProblem::TooLong { n_bytes }));
            }
            let text = self.line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.line);
            if text.trim_ascii().is_empty() {
                continue;
            }
            let row = parse(text).or_else(|_| parse(&nan_as_null(text)?));
            let row = row.map_err(|reason| text_error(TextProblem::NotAnObject { reason }))?;
            return match self.repeated_key(&row) {
                None => Ok(Some(row)),
                Some(key) => Err(text_error(TextProblem::RepeatedKey { key: excerpt(key) })),
            };
        }
    }

    /// A key that an object has twice.
    fn repeated_key<'r>(&mut self, row: &'r Row) -> Option<&'r str> {
        let keys = || row.0.iter().map(|(key, _)| key.as_str());
        if keys().eq(self.keys.iter().map(String::as_str)) {
            return None;
        }
        let mut seen = HashSet::new();
        let repeated = keys().find(|key| !seen.insert(*key));
        if repeated.is_none() {
            self.keys = keys().map(str::to_owned).collect();
        }
        repeated
    }
}

fn parse(line: &[u8]) -> Result<Row, String> {
    serde_json::from_slice(line).map_err(|error| {
        // The parser's own place is that in the line.
        let reason = error.to_string();
        reason.split(" at line ").next().unwrap_or(&reason).to_owned()
    })
}

/// The line with null in the place of each NaN outside texts.
///
/// # Errors
/// An infinity, which JSON has no number for.
fn nan_as_null(line: &[u8]) -> Result<Vec<u8>, String> {
    let mut plain = Vec::with_capacity(line.len() + 64);
    let (mut rest, mut is_text) = (line, false);
    while let [byte, after @ ..] = rest {
        let n_bytes = match byte {
            b'N' if !is_text && after.starts_with(b"aN") => {
                plain.extend(b"null");
                rest = &after[2..];
                continue;
            }
            b'I' if !is_text && after.starts_with(b"nfinity") => {
                return Err("Infinity, which is no number of JSON".to_owned());
            }
            b'\\' => 2.min(rest.len()),
            _ => 1,
        };
        is_text ^= *byte == b'"';
        plain.extend(&rest[..n_bytes]);
        rest = &rest[n_bytes..];
    }
    Ok(plain)
}
