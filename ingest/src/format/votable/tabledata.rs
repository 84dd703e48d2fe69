//! Rows as elements: TR, and a TD for each column.
//!
//! Reference: VOTable 1.5, section 5.1.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use quick_xml::events::{BytesStart, Event};

use super::field::VotableColumn;
use super::xml::{Xml, resolve, xml_error};
use crate::error::{CellProblem, Error, FileProblem, Result, TextProblem};
use crate::format::bad_rows::BadRows;
use crate::format::column::ColumnBuilder;
use crate::format::{ROW_BYTES_LIMIT, RowSource, batch, read_rows};
use crate::origin::Origin;

/// Streams the rows of a TABLEDATA table.
pub(super) struct TabledataRows {
    xml: Xml,
    columns: Vec<VotableColumn>,
    schema: SchemaRef,
    /// The text of the cell that is being read.
    cell: String,
    is_done: bool,
    batch_rows: usize,
}

/// Where in the document an event leaves the reader.
enum Step {
    /// A row begins.
    Row,
    /// A row ends.
    RowEnd,
    /// A row without any cell.
    EmptyRow,
    /// A cell begins.
    Cell,
    /// A cell ends; its text is there.
    CellEnd,
    /// The rows end.
    End,
    /// Nothing that matters.
    Other,
}

impl TabledataRows {
    /// Begin at the first row.
    pub fn new(
        xml: Xml,
        columns: Vec<VotableColumn>,
        schema: SchemaRef,
        batch_rows: usize,
    ) -> Self {
        Self { xml, columns, schema, cell: String::new(), is_done: false, batch_rows }
    }

    /// Read one event; text goes to the cell.
    fn step(&mut self, is_in_cell: bool) -> Result<Step> {
        let name = Arc::clone(self.xml.name());
        let cell = &mut self.cell;
        let step = match self.xml.event()? {
            Event::Start(start) => match start.local_name().as_ref() {
                "TR" => Step::Row,
                "TD" => {
                    check_plain(&name, &start)?;
                    cell.clear();
                    Step::Cell
                }
                _ => Step::Other,
            },
            Event::Empty(start) => match start.local_name().as_ref() {
                "TR" => Step::EmptyRow,
                "TD" => {
                    cell.clear();
                    Step::CellEnd
                }
                _ => Step::Other,
            },
            Event::End(end) => match end.local_name().as_ref() {
                "TR" => Step::RowEnd,
                "TD" => Step::CellEnd,
                "TABLEDATA" => Step::End,
                _ => Step::Other,
            },
            Event::Text(text) if is_in_cell => {
                cell.push_str(&text.xml10_content());
                Step::Other
            }
            Event::CData(text) if is_in_cell => {
                cell.push_str(&text.xml10_content());
                Step::Other
            }
            Event::GeneralRef(reference) if is_in_cell => {
                cell.push(resolve(&reference).map_err(|error| xml_error(&name, 0, error))?);
                Step::Other
            }
            Event::Eof => {
                let problem = FileProblem::Truncated { within: "TABLEDATA".to_owned() };
                return Err(Error::File { input: name.to_string(), problem });
            }
            _ => Step::Other,
        };
        Ok(step)
    }

    /// Read the row that `origin` names first; `None` at the end, else its bytes.
    fn read_row(
        &mut self,
        origin: &Origin,
        builders: &mut [ColumnBuilder],
    ) -> Result<Option<usize>> {
        let (mut n_cells, mut n_bytes) = (0, 0);
        let (mut is_in_row, mut is_in_cell) = (false, false);
        // A row is read to its end, so that the next can be read whatever is wrong with this one.
        let mut fault = None;
        loop {
            let step = self.step(is_in_cell);
            match step.map_err(|error| cut_off(error, is_in_row, origin.first_row))? {
                Step::Row => is_in_row = true,
                Step::EmptyRow => break,
                Step::RowEnd if is_in_row => break,
                Step::Cell => is_in_cell = true,
                Step::CellEnd => {
                    is_in_cell = false;
                    n_bytes += self.cell.len();
                    if let (Some(column), Some(builder)) =
                        (self.columns.get(n_cells), builders.get_mut(n_cells))
                    {
                        let read = column.read_text(&self.cell, builder);
                        if let (Err(problem), None) = (read, &fault) {
                            let column = column.name.clone();
                            fault = Some(Error::Cell { origin: origin.row(0), column, problem });
                        }
                    }
                    n_cells += 1;
                }
                Step::End => {
                    self.is_done = true;
                    self.xml.finish()?;
                    return Ok(None);
                }
                Step::RowEnd | Step::Other => {}
            }
            if n_bytes + self.cell.len() > ROW_BYTES_LIMIT {
                let column = self.columns.get(n_cells).map_or("", |column| &column.name);
                let problem = CellProblem::TooLong { n_elements: self.cell.len() as i64 };
                let column = column.to_owned();
                return Err(Error::Cell { origin: origin.row(0), column, problem });
            }
        }
        if n_cells != self.columns.len() {
            let (found, expected) = (n_cells as u64, self.columns.len() as u64);
            let problem = TextProblem::FieldCount { found, expected };
            return Err(Error::Text { origin: origin.row(0), problem });
        }
        // A row costs memory also where its cells have no text.
        fault.map_or(Ok(Some(n_bytes + n_cells)), Err)
    }
}

/// Say in which row the document was cut off, if that is the error.
fn cut_off(error: Error, is_in_row: bool, row: u64) -> Error {
    match error {
        Error::File { input, problem: FileProblem::Truncated { .. } } => {
            let within = match is_in_row {
                true => format!("row {row}"),
                false => format!("TABLEDATA, after row {}", row - 1),
            };
            Error::File { input, problem: FileProblem::Truncated { within } }
        }
        other => other,
    }
}

impl RowSource for TabledataRows {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn read_batch(
        &mut self,
        origin: &Origin,
        bad_rows: &mut BadRows,
    ) -> Result<Option<RecordBatch>> {
        let mut builders: Vec<ColumnBuilder> =
            self.columns.iter().map(VotableColumn::builder).collect();
        read_rows(self.batch_rows, origin, &mut builders, bad_rows, |row, builders| {
            match self.is_done {
                true => Ok(None),
                false => self.read_row(row, builders),
            }
        })?;
        let columns = builders.into_iter().map(ColumnBuilder::finish).collect();
        batch(self.schema(), columns, origin)
    }
}

/// A cell may be declared to be base64, which nobody writes.
fn check_plain(name: &str, start: &BytesStart<'_>) -> Result<()> {
    if !start.attributes_raw().contains("encoding") {
        return Ok(());
    }
    let what = "cells of TABLEDATA with an encoding of their own".to_owned();
    Err(Error::File { input: name.to_owned(), problem: FileProblem::Unsupported { what } })
}
