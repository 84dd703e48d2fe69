//! FITS binary table (BINTABLE).
//!
//! A FITS header tells the number of rows and the width of text before the first row, so the rows
//! are spooled to a temporary file and counted; then header, table and heap are streamed from
//! there. Nothing is sent before the query has ended, so that its failure is an error, not half a
//! file.
//!
//! ```text
//! rows() ─▶ spool, ColumnFacts        end() ─▶ header │ more() ─▶ table │ heap
//! ```
//!
//! - Text is `nA`, filled up with zeros, unless most of the file would be filling: then it lies in the
//!   heap, as do arrays of any length. FITS knows ASCII only: what is beyond it is UTF-8.
//! - An absent float is NaN, an absent integer is TNULL (a value that the column does not hold), an
//!   absent truth value a zero byte; an absent text is empty.
//! - The cards QSTATUS, CATVERS and QUERYSHA say how the result ended, which version of the catalog it
//!   comes from, and the hash of its query, which is in the HISTORY.
//!
//! Reference: FITS 4.0, section 7.3.

mod cards;
mod column_facts;
mod spool;

use std::path::Path;

use almagest_engine::arrow::datatypes::{FieldRef, SchemaRef};
use almagest_engine::arrow::record_batch::RecordBatch;
use almagest_engine::tap_schema::VotableType;
use almagest_storage::schema::arrow::{DESCRIPTION, UCD, UNIT, UTYPE};

use self::cards::{BLOCK_BYTES, Cards};
use self::column_facts::{ColumnFacts, Form};
use self::spool::{Spool, SpooledRows};
use super::cell::columns;
use super::reference_systems::ReferenceSystems;
use super::row_bytes::{Layout, write_elements};
use super::votable;
use super::{Encoder, Ending, Provenance};
use crate::{Error, Result};

/// The columns that FITS can number.
const MAX_COLUMNS: usize = 999;
/// FITS has zero for a truth value that is neither true nor false.
const ABSENT_TRUTH: u8 = 0;

/// Writes a FITS file with one binary table.
pub struct Fits {
    schema: SchemaRef,
    kinds: Vec<VotableType>,
    provenance: Provenance,
    spool: Option<Spool>,
    facts: Vec<ColumnFacts>,
    forms: Vec<Form>,
    n_rows: u64,
    part: Part,
    /// Bytes of the data so far, to be filled up to whole blocks.
    data_bytes: u64,
}

/// What is to be written next.
enum Part {
    Table(SpooledRows, Layout),
    Heap(SpooledRows, usize),
    Padding,
    Done,
}

impl Fits {
    /// Make an encoder of rows of the canonical schema `schema`; the rows wait in a temporary file
    /// in the folder `spool`, which has no name and is gone with the encoder.
    ///
    /// # Errors
    /// A column has a type that VOTable lacks, there are too many, or the file cannot be made.
    pub fn new(schema: &SchemaRef, provenance: &Provenance, spool: &Path) -> Result<Self> {
        if schema.fields().len() > MAX_COLUMNS {
            return Err(Error::TooManyColumns { format: "FITS", most: MAX_COLUMNS });
        }
        let kinds = votable::types(schema)?;
        Ok(Self {
            schema: schema.clone(),
            facts: kinds.iter().map(|_| ColumnFacts::default()).collect(),
            kinds,
            provenance: provenance.clone(),
            spool: Some(Spool::create(spool, schema)?),
            forms: Vec::new(),
            n_rows: 0,
            part: Part::Done,
            data_bytes: 0,
        })
    }

    fn header(&self, ending: &Ending) -> Vec<u8> {
        let mut cards = Cards::primary();
        cards.end();
        let row_bytes: usize = self.forms.iter().map(Form::row_bytes).sum();
        let heap_bytes: u64 = self.forms.iter().map(Form::heap_bytes).sum();
        cards.text("XTENSION", "BINTABLE", "binary table");
        cards.integer("BITPIX", 8, "bytes");
        cards.integer("NAXIS", 2, "rows of bytes");
        cards.integer("NAXIS1", row_bytes as u64, "bytes of a row");
        cards.integer("NAXIS2", self.n_rows, "rows");
        cards.integer("PCOUNT", heap_bytes, "bytes of the heap");
        cards.integer("GCOUNT", 1, "one table");
        cards.integer("TFIELDS", self.forms.len() as u64, "columns");
        cards.text("EXTNAME", "RESULT", "");
        for (index, (field, form)) in self.schema.fields().iter().zip(&self.forms).enumerate() {
            column_cards(&mut cards, index + 1, field, &self.kinds[index], form);
        }
        let systems = ReferenceSystems::of(&self.schema);
        if let Some(frame) = systems.only_frame() {
            cards.text("RADESYS", frame, "frame of positions");
        }
        if let Some(scale) = systems.only_scale() {
            cards.text("TIMESYS", scale, "scale of times");
        }
        let (status, comment) = match ending {
            Ending::Overflow => ("OVERFLOW", votable::OVERFLOW),
            Ending::Complete => ("OK", "all rows"),
            Ending::Failed(_) => ("ERROR", "the query failed"),
        };
        cards.text("QSTATUS", status, comment);
        cards.text("CATVERS", &self.provenance.version, "version of the catalog");
        cards.text("QUERYSHA", &self.provenance.query_hash(), "");
        cards.history(&self.provenance.query);
        for warning in &self.provenance.warnings {
            cards.history(&format!("warning: {warning}"));
        }
        cards.end();
        cards.into_bytes()
    }

    fn layout(&self) -> Layout {
        let mut heap = 0;
        let slots = self.forms.iter().map(|form| {
            let slot = form.slot(heap);
            heap += form.heap_bytes();
            slot
        });
        let slots = slots.collect();
        Layout { has_null_flags: false, absent_truth: ABSENT_TRUTH, slots }
    }

    /// Go on to the elements of the first column at or behind `place` that has a heap.
    fn heap_from(&mut self, rows: SpooledRows, place: usize) -> Result<()> {
        let next = (place..self.forms.len()).find(|at| self.forms[*at].heap_bytes() > 0);
        self.part = match next {
            Some(at) => Part::Heap(rows.again(Some(at))?, at),
            None => Part::Padding,
        };
        Ok(())
    }
}

impl Encoder for Fits {
    fn begin(&mut self) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }

    fn rows(&mut self, batch: &RecordBatch) -> Result<Vec<u8>> {
        for (facts, column) in self.facts.iter_mut().zip(columns(batch)?) {
            facts.add(&column, batch.num_rows());
        }
        self.n_rows += batch.num_rows() as u64;
        if let Some(spool) = &mut self.spool {
            spool.write(batch)?;
        }
        Ok(Vec::new())
    }

    fn end(&mut self, ending: &Ending) -> Result<Vec<u8>> {
        let heap_bytes = self.facts.iter().map(|facts| facts.n_bytes).sum();
        self.forms = self
            .facts
            .iter()
            .zip(&self.kinds)
            .zip(self.schema.fields())
            .map(|((facts, kind), field)| Form::of(facts, kind, field, heap_bytes))
            .collect();
        if let Some(spool) = self.spool.take() {
            self.part = Part::Table(spool.finish()?, self.layout());
        }
        Ok(self.header(ending))
    }

    fn more(&mut self) -> Result<Option<Vec<u8>>> {
        let mut out = Vec::new();
        while out.is_empty() {
            match std::mem::replace(&mut self.part, Part::Done) {
                Part::Table(mut rows, mut layout) => match rows.next()? {
                    Some(batch) => {
                        let batch = column_facts::widened(&batch, &self.forms)?;
                        layout.write(&columns(&batch)?, 0..batch.num_rows(), &mut out);
                        self.part = Part::Table(rows, layout);
                    }
                    None => self.heap_from(rows, 0)?,
                },
                Part::Heap(mut rows, place) => match rows.next()? {
                    Some(batch) => {
                        for column in columns(&batch)? {
                            for row in 0..batch.num_rows() {
                                write_elements(&column, row, ABSENT_TRUTH, &mut out);
                            }
                        }
                        self.part = Part::Heap(rows, place);
                    }
                    None => self.heap_from(rows, place + 1)?,
                },
                Part::Padding => {
                    let block = BLOCK_BYTES as u64;
                    let missing = self.data_bytes.next_multiple_of(block) - self.data_bytes;
                    out.resize(missing as usize, 0);
                    break;
                }
                Part::Done => return Ok(None),
            }
        }
        self.data_bytes += out.len() as u64;
        Ok(Some(out))
    }

    fn can_report_failure(&self) -> bool {
        false
    }
}

fn column_cards(
    cards: &mut Cards,
    number: usize,
    field: &FieldRef,
    kind: &VotableType,
    form: &Form,
) {
    let fact = |key: &str| field.metadata().get(key).map(String::as_str);
    cards.text(&format!("TTYPE{number}"), field.name(), "");
    cards.text(&format!("TFORM{number}"), &form.code(), "");
    if let Some(integer) = form.absent() {
        cards.signed(&format!("TNULL{number}"), integer, "absent");
    }
    for (key, value) in [
        ("TUNIT", fact(UNIT)),
        ("TUCD", fact(UCD)),
        ("TUTYP", fact(UTYPE)),
        ("TXTYP", kind.xtype.as_deref()),
        ("TCOMM", fact(DESCRIPTION)),
    ] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            cards.text(&format!("{key}{number}"), value, "");
        }
    }
}
