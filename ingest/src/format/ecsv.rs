//! ECSV: a CSV table under a header of comments that gives types, units and descriptions.
//!
//! ```text
//!   # %ECSV 1.0
//!   # ---
//!   # delimiter: ','
//!   # datatype:
//!   # - {name: ra, unit: deg, datatype: float64, description: right ascension}
//!   ra,…
//!   10.5,…
//! ```
//!
//! An empty field is NULL. Columns of arrays (subtype) are JSON in their fields; those of objects
//! stay text.
//!
//! Reference: Astropy proposal for enhancement 6.

use std::collections::HashMap;
use std::io::{self, BufRead, Read};
use std::sync::Arc;

use almagest_storage::schema::arrow::{ARRAYSIZE, DESCRIPTION, UCD, UNIT, UTYPE, XTYPE};
use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use serde_yaml_ng::Value;

use super::bad_rows::BadRows;
use super::column::{ColumnBuilder, Element, data_type};
use super::csv::Lines;
use super::input::{Input, Stream, io_error};
use super::{ReadOptions, RowSource, batch, read_rows};
use crate::error::{CellProblem, Error, FileProblem, Result};
use crate::origin::Origin;

/// No header comes near this; a file without line breaks does.
const HEADER_BYTES_LIMIT: u64 = 64 << 20;

/// Streams the rows of an ECSV file.
pub(super) struct EcsvRows {
    lines: Lines,
    columns: Vec<EcsvColumn>,
    schema: SchemaRef,
    batch_rows: usize,
}

struct EcsvColumn {
    name: String,
    element: Element,
    /// Is a field a JSON array?
    is_list: bool,
}

impl EcsvRows {
    /// Read the header.
    pub fn open(input: Input, options: &ReadOptions) -> Result<Self> {
        let name = Arc::clone(input.name());
        let problem = |problem| Error::File { input: name.to_string(), problem };
        let header_error = |reason: String| problem(FileProblem::Header { reason });
        let mut stream = input.into_stream();
        let header =
            read_header(&mut stream).map_err(|source| io_error(&name, source))?.map_err(problem)?;
        let header: Value =
            serde_yaml_ng::from_str(&header).map_err(|error| header_error(error.to_string()))?;
        let delimiter = match header.get("delimiter").and_then(Value::as_str) {
            None | Some(" ") => b' ',
            Some(",") => b',',
            Some(other) => return Err(header_error(format!("delimiter {other:?}"))),
        };
        let definitions = header.get("datatype").and_then(Value::as_sequence);
        let definitions =
            definitions.ok_or_else(|| header_error("without a list datatype".to_owned()))?;
        let (columns, fields): (Vec<EcsvColumn>, Vec<Field>) = definitions
            .iter()
            .map(column)
            .collect::<Result<Vec<_>, _>>()
            .map_err(problem)?
            .into_iter()
            .unzip();

        let mut lines = Lines::new(Box::new(stream), delimiter);
        let names = lines.header(&name)?;
        if !names.iter().eq(columns.iter().map(|column| column.name.as_str())) {
            let reason = "the names of the columns are not those of the first row".to_owned();
            return Err(header_error(reason));
        }
        let schema = Arc::new(Schema::new(fields));
        Ok(Self { lines, columns, schema, batch_rows: options.batch_rows })
    }
}

impl RowSource for EcsvRows {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn read_batch(
        &mut self,
        origin: &Origin,
        bad_rows: &mut BadRows,
    ) -> Result<Option<RecordBatch>> {
        let builder =
            |column: &EcsvColumn| ColumnBuilder::new(column.element, column.is_list, None);
        let mut builders: Vec<ColumnBuilder> = self.columns.iter().map(builder).collect();
        read_rows(self.batch_rows, origin, &mut builders, bad_rows, |row, builders| {
            let Some(record) = self.lines.record(row)? else { return Ok(None) };
            for ((column, builder), text) in self.columns.iter().zip(builders).zip(record) {
                let read = match column.is_list {
                    true => array(text, column.element == Element::Text, builder),
                    false => builder.text(text),
                };
                read.map_err(|problem| Error::Cell {
                    origin: row.row(0),
                    column: column.name.clone(),
                    problem,
                })?;
            }
            Ok(Some(record.as_slice().len()))
        })?;
        let columns = builders.into_iter().map(ColumnBuilder::finish).collect();
        batch(self.schema(), columns, origin)
    }
}

/// The fields that a header defines; `None` for text that is none.
pub(super) fn fields_of_header(yaml: &str) -> Option<Vec<Field>> {
    let header: Value = serde_yaml_ng::from_str(yaml).ok()?;
    let definitions = header.get("datatype")?.as_sequence()?;
    definitions.iter().map(|definition| column(definition).map(|(_, field)| field).ok()).collect()
}

/// Read the commented lines as YAML; the stream then stands before the row of names.
fn read_header(stream: &mut Stream) -> io::Result<Result<String, FileProblem>> {
    let mut yaml = String::new();
    let mut lines = stream.by_ref().take(HEADER_BYTES_LIMIT);
    loop {
        let is_comment = lines.fill_buf()?.first() == Some(&b'#');
        if !is_comment {
            break;
        }
        let mut line = Vec::new();
        lines.read_until(b'\n', &mut line)?;
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_start_matches('#');
        let line = line.strip_prefix(' ').unwrap_or(line);
        if !line.starts_with("%ECSV") {
            yaml.push_str(line);
        }
    }
    match lines.limit() {
        0 => Ok(Err(FileProblem::Header { reason: "longer than any header".to_owned() })),
        _ => Ok(Ok(yaml)),
    }
}

/// Read the definition of a column.
fn column(definition: &Value) -> Result<(EcsvColumn, Field), FileProblem> {
    let get = |key: &str| definition.get(key).and_then(Value::as_str);
    let name = get("name")
        .ok_or_else(|| FileProblem::Header { reason: "a column without a name".to_owned() })?;
    let wrong = |reason: String| FileProblem::Column { column: name.to_owned(), reason };
    let datatype = get("datatype").ok_or_else(|| wrong("without a datatype".to_owned()))?;
    // Arrays are strings of JSON whose subtype says what they hold; objects stay text.
    let (subtype, shape) = match get("subtype").map(|subtype| subtype.split_once('[')) {
        Some(Some((element, shape))) => (Some(element), shape.strip_suffix(']')),
        _ => (None, None),
    };
    let element = match subtype.unwrap_or(datatype) {
        "bool" => Element::Boolean,
        "int8" => Element::Int8,
        "int16" => Element::Int16,
        "int32" => Element::Int32,
        "int64" => Element::Int64,
        "uint8" => Element::UInt8,
        "uint16" => Element::UInt16,
        "uint32" => Element::UInt32,
        "uint64" => Element::UInt64,
        "float16" | "float32" => Element::Float32,
        "float64" | "float128" => Element::Float64,
        "string" => Element::Text,
        other => return Err(wrong(format!("no datatype {other}"))),
    };
    let said = |key: &str| meta(definition.get("meta")?, key);
    let mut metadata = HashMap::new();
    for (key, value) in [
        (UNIT, get("unit")),
        (DESCRIPTION, get("description")),
        (UCD, said("ucd")),
        (UTYPE, said("utype")),
        (XTYPE, said("xtype")),
    ] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            metadata.insert(key.to_owned(), value.to_owned());
        }
    }
    if let Some(shape) = shape {
        // C order there, the first axis fastest in VOTable.
        let axes: Vec<&str> = shape.split(',').map(str::trim).rev().collect();
        let axes = axes.iter().map(|axis| if *axis == "null" { "*" } else { axis });
        metadata.insert(ARRAYSIZE.to_owned(), axes.collect::<Vec<_>>().join("x"));
    }
    let is_list = shape.is_some();
    let field = Field::new(name, data_type(element, is_list), true).with_metadata(metadata);
    Ok((EcsvColumn { name: name.to_owned(), element, is_list }, field))
}

/// A value of a column's further metadata: a mapping, or an ordered one (a list of mappings).
fn meta<'a>(meta: &'a Value, key: &str) -> Option<&'a str> {
    match meta {
        Value::Tagged(tagged) => self::meta(&tagged.value, key),
        Value::Sequence(entries) => entries.iter().find_map(|entry| self::meta(entry, key)),
        mapping => mapping.get(key)?.as_str(),
    }
}

/// Read a field that is a JSON array, of any depth.
fn array(text: &str, is_text: bool, builder: &mut ColumnBuilder) -> Result<(), CellProblem> {
    if text.trim().is_empty() {
        builder.null_cell();
        return Ok(());
    }
    let inner = text.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let inner = inner.ok_or_else(|| builder.not_a(text))?;
    if is_text {
        let values = serde_json::from_str(text).map_err(|_| builder.not_a(text))?;
        elements(&values, builder)?;
        return builder.end_list();
    }
    // Writers put NaN there, which is no JSON; what is between brackets and commas is all there is.
    for word in inner.split(['[', ']', ',']).map(str::trim).filter(|word| !word.is_empty()) {
        match word {
            "null" => builder.null_element(),
            word => builder.text(word)?,
        }
    }
    builder.end_list()
}

fn elements(value: &serde_json::Value, builder: &mut ColumnBuilder) -> Result<(), CellProblem> {
    match value {
        serde_json::Value::Array(values) => {
            values.iter().try_for_each(|value| elements(value, builder))
        }
        serde_json::Value::Null => {
            builder.null_element();
            Ok(())
        }
        serde_json::Value::String(text) => builder.exact_text(text),
        other => builder.text(&other.to_string()),
    }
}
