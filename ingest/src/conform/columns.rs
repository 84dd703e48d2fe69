//! Which column of the input fills which column of the table, and what is done to it.
//!
//! ```text
//!   for each column of the table, the first of
//!     the mapping's rule ─ the same name ─ the same name in another case ─ the same UCD
//! ```
//!
//! A UCD counts only where one column of the table and one of the input have it, and no other
//! column of either. Whatever was not found by its exact name is noted, so that it can be said.

use std::sync::Arc;

use almagest_storage::schema::arrow::{UCD, UNIT};
use almagest_storage::schema::{ColumnDef, DefaultValue, TableDef};
use almagest_unit::UnitError;
use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::{DataType, Field, Schema};

use super::check::Requirement;
use super::column_notes::ColumnNotes;
use super::fault::Fault;
use super::scale::{Change, Scale, TransformStep, unit};
use super::{
    ConformOptions, ExtraColumns, Infinities, Report, clean_column, convert, convert_column,
    geometry,
};
use crate::error::ColumnMismatch;
use crate::mapping::{FromColumn, Mapping, Rule};

/// What fills a column of the table.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Given {
    /// Nothing: NULL.
    Absent,
    /// Nothing: the column's default.
    Default(DefaultValue),
    /// One value in every row, as text.
    Constant(String),
    /// A column of the input.
    Column { index: usize, change: Option<Change> },
}

/// Find what fills each of the table's columns.
///
/// # Errors
/// Every mismatch.
pub(super) fn match_columns(
    table: &TableDef,
    input: &Schema,
    options: &ConformOptions,
    report: &mut Report,
) -> Result<Vec<Given>, Vec<ColumnMismatch>> {
    let none = Mapping::default();
    let mapping = options.mapping(&table.name).unwrap_or(&none);
    let mut matching = Matching::new(table, input, mapping, options.infinities);
    let given: Vec<Given> = table.columns.iter().map(|column| matching.column(column)).collect();
    let known = |name: &str| table.columns.iter().any(|c| c.name.eq_ignore_ascii_case(name));
    for (name, _) in mapping.columns.iter().filter(|(name, _)| !known(name)) {
        matching.mismatches.push(ColumnMismatch::NoTarget { column: name.clone() });
    }
    let Matching { is_taken, mut mismatches, notes, .. } = matching;
    let is_ignored =
        |name: &str| mapping.ignored.iter().any(|ignored| ignored.eq_ignore_ascii_case(name));
    for (field, _) in input.fields().iter().zip(is_taken).filter(|(_, is_taken)| !is_taken) {
        let column = field.name().clone();
        if options.extra_columns == ExtraColumns::Ignore || is_ignored(&column) {
            report.ignored_columns.insert(column, report.n_rows);
        } else {
            mismatches.push(ColumnMismatch::Extra { column });
        }
    }
    *report.notes = notes;
    if mismatches.is_empty() { Ok(given) } else { Err(mismatches) }
}

struct Matching<'a> {
    table: &'a TableDef,
    input: &'a Schema,
    mapping: &'a Mapping,
    infinities: Infinities,
    /// The names of the input in lower case.
    folded: Vec<String>,
    is_taken: Vec<bool>,
    mismatches: Vec<ColumnMismatch>,
    notes: ColumnNotes,
}

impl<'a> Matching<'a> {
    fn new(
        table: &'a TableDef,
        input: &'a Schema,
        mapping: &'a Mapping,
        infinities: Infinities,
    ) -> Self {
        let folded: Vec<String> =
            input.fields().iter().map(|field| field.name().to_lowercase()).collect();
        Self {
            table,
            input,
            mapping,
            infinities,
            is_taken: vec![false; folded.len()],
            folded,
            mismatches: vec![],
            notes: ColumnNotes::default(),
        }
    }

    /// Find what fills a column; what is wrong is noted.
    fn column(&mut self, column: &ColumnDef) -> Given {
        let given = match self.mapping.rule(&column.name) {
            Some(Rule::Null) => {
                self.note_mapped(column, "nothing");
                // A column of the same name is meant to be left out.
                self.take(&self.named(&column.name));
                Given::Absent
            }
            Some(Rule::Constant(text)) => {
                self.note_mapped(column, &format!("constant {text:?}"));
                self.take(&self.named(&column.name));
                self.constant(column, text)
            }
            Some(Rule::Column(from)) => return self.mapped(column, from),
            None => return self.found(column),
        };
        if given == Given::Absent {
            self.require(column);
        }
        given
    }

    /// A column of one value; that it is one of the column shows before any row comes.
    fn constant(&mut self, column: &ColumnDef, text: &str) -> Given {
        let given = Given::Constant(text.to_owned());
        if !is_convertible(&DataType::Utf8, column) {
            self.mismatches.push(type_mismatch(column, &DataType::Utf8));
            return given;
        }
        let values: ArrayRef = Arc::new(StringArray::from(vec![text]));
        let converted = convert_column(column, &values);
        let unreported = &mut Report::default();
        let (_, faults) = clean_column(self.table, column, converted, self.infinities, unreported);
        if let Some(Fault { value, problem, .. }) = faults.first {
            let column = column.name.clone();
            self.mismatches.push(ColumnMismatch::Constant { column, value, problem });
        }
        given
    }

    /// A column that the mapping names.
    fn mapped(&mut self, column: &ColumnDef, from: &FromColumn) -> Given {
        let Some(index) = self.source(column, &from.from) else { return Given::Absent };
        let second = match from.of.as_deref().map(|of| self.source(column, of)) {
            Some(None) => return Given::Absent,
            Some(Some(second)) => Some(second),
            None => None,
        };
        let transform = from.transform.map(|transform| format!(" by {transform}"));
        let note = format!("{}{}", from.from, transform.unwrap_or_default());
        self.note_mapped(column, &note);
        self.given(column, index, from, second)
    }

    /// A column that no mapping names.
    fn found(&mut self, column: &ColumnDef) -> Given {
        let named = self.named(&column.name);
        self.take(&named);
        let index = match named[..] {
            [index] => {
                let name = self.input.field(index).name();
                if *name != column.name {
                    self.notes.other_case.insert(column.name.clone(), name.clone());
                }
                index
            }
            [] => match self.of_ucd(column) {
                Some(index) => {
                    let name = self.input.field(index).name().clone();
                    self.notes.by_ucd.insert(column.name.clone(), name);
                    self.take(&[index]);
                    index
                }
                None => {
                    if let Some(default) = &column.default {
                        return Given::Default(default.clone());
                    }
                    self.require(column);
                    return Given::Absent;
                }
            },
            _ => {
                self.ambiguous(column, &named);
                return Given::Absent;
            }
        };
        self.given(column, index, &FromColumn::default(), None)
    }

    /// Check type and unit of the column that was found.
    fn given(
        &mut self,
        column: &ColumnDef,
        index: usize,
        from: &FromColumn,
        second: Option<usize>,
    ) -> Given {
        let found = self.input.field(index).data_type();
        if !is_convertible(found, column) {
            self.mismatches.push(type_mismatch(column, found));
            return Given::Column { index, change: None };
        }
        let change = match self.change(column, index, from, second) {
            Ok(change) => change,
            Err(mismatch) => {
                self.mismatches.push(mismatch);
                None
            }
        };
        if column.geometry().is_none()
            && let Some(from) = convert::narrows(found, column.datatype)
        {
            let note = format!("{from} to {}", crate::error::noun(column.datatype));
            self.notes.narrowed.insert(column.name.clone(), note);
        }
        Given::Column { index, change }
    }

    /// What is to be done to a column's numbers.
    fn change(
        &mut self,
        column: &ColumnDef,
        index: usize,
        from: &FromColumn,
        second: Option<usize>,
    ) -> Result<Option<Change>, ColumnMismatch> {
        let is_number = column.datatype.to_arrow().is_numeric();
        let is_plain = from.transform.is_none() && from.nulls.is_empty();
        if !is_number {
            if is_plain {
                return Ok(None);
            }
            // What a transform gives is a number.
            return Err(type_mismatch(column, &DataType::Float64));
        }
        let said = from.unit.as_deref().or_else(|| fact(self.input.field(index), UNIT));
        let own = column.unit.as_deref();
        let mismatch =
            |found: Option<&str>, expected: Option<&str>, error: UnitError| ColumnMismatch::Unit {
                column: column.name.clone(),
                found: found.unwrap_or_default().trim().to_owned(),
                expected: expected.unwrap_or_default().trim().to_owned(),
                reason: reason(&error),
            };
        let change = match from.transform {
            None => {
                let before =
                    Scale::between(said, own).map_err(|error| mismatch(said, own, error))?;
                Change { nulls: from.nulls.clone(), before, transform: None }
            }
            Some(transform) => {
                let inside = Some(transform.unit_in());
                let outside = Some(transform.unit_out());
                let to_inside = |said: Option<&str>| {
                    Scale::between(said, inside).map_err(|error| mismatch(said, inside, error))
                };
                let second = match second {
                    Some(second) => {
                        let field = self.input.field(second);
                        if !is_number_or_text(field.data_type()) {
                            return Err(type_mismatch(column, field.data_type()));
                        }
                        Some((second, to_inside(fact(field, UNIT))?))
                    }
                    None => None,
                };
                let after =
                    Scale::between(outside, own).map_err(|error| mismatch(outside, own, error))?;
                let step = TransformStep { transform, second, after };
                let before = to_inside(said)?;
                Change { nulls: from.nulls.clone(), before, transform: Some(step) }
            }
        };
        if change.is_none() {
            return Ok(None);
        }
        if column.geometry().is_some() {
            return Err(ColumnMismatch::Unit {
                column: column.name.clone(),
                found: said.unwrap_or_default().to_owned(),
                expected: own.unwrap_or_default().to_owned(),
                reason: "the numbers of a geometry are not converted".to_owned(),
            });
        }
        if change.before != Scale::Keep
            && let (None, Some(said), Some(own)) = (from.transform, said, own)
        {
            let note = format!("{} to {}", said.trim(), own.trim());
            self.notes.units.insert(column.name.clone(), note);
        }
        Ok(Some(change))
    }

    /// The column of the input that a mapping names.
    fn source(&mut self, column: &ColumnDef, name: &str) -> Option<usize> {
        let named = self.named(name);
        self.take(&named);
        match named[..] {
            [index] => Some(index),
            [] => {
                let (column, source) = (column.name.clone(), name.to_owned());
                self.mismatches.push(ColumnMismatch::NoSource { column, source });
                None
            }
            _ => {
                self.ambiguous(column, &named);
                None
            }
        }
    }

    /// Columns of the input of a name, or else of that name in any case.
    fn named(&self, name: &str) -> Vec<usize> {
        let mut fields = self.input.fields().iter();
        let exact: Vec<usize> = match fields.position(|field| field.name() == name) {
            // Names in a file may repeat.
            Some(first) => (first..self.folded.len())
                .filter(|&index| self.input.field(index).name() == name)
                .collect(),
            None => vec![],
        };
        if !exact.is_empty() {
            return exact;
        }
        let folded = name.to_lowercase();
        (0..self.folded.len()).filter(|&index| self.folded[index] == folded).collect()
    }

    /// The column of the input that has a column's UCD, if no others have it.
    fn of_ucd(&self, column: &ColumnDef) -> Option<usize> {
        let ucd = words(column.ucd.as_deref()?)?;
        let has = |other: Option<&str>| other.and_then(words).is_some_and(|other| other == ucd);
        let mut own = self.table.columns.iter().filter(|other| has(other.ucd.as_deref()));
        let fields = self.input.fields().iter().enumerate();
        let mut fields = fields.filter(|(_, field)| has(fact(field, UCD)));
        let (index, _) = fields.next()?;
        let is_unique = own.next().is_some() && own.next().is_none() && fields.next().is_none();
        // What has the name of another column of the table is that column.
        let name = self.input.field(index).name();
        let is_other = self.table.columns.iter().any(|c| c.name.eq_ignore_ascii_case(name));
        let is_free = !self.is_taken[index] && !is_other && !self.is_mapped(name);
        (is_unique && is_free).then_some(index)
    }

    /// Does the mapping use or leave out a column of the input?
    fn is_mapped(&self, name: &str) -> bool {
        let uses = |rule: &Rule| match rule {
            Rule::Column(from) => {
                from.from.eq_ignore_ascii_case(name)
                    || from.of.as_ref().is_some_and(|of| of.eq_ignore_ascii_case(name))
            }
            Rule::Null | Rule::Constant(_) => false,
        };
        self.mapping.columns.iter().any(|(_, rule)| uses(rule))
            || self.mapping.ignored.iter().any(|ignored| ignored.eq_ignore_ascii_case(name))
    }

    fn take(&mut self, indices: &[usize]) {
        for &index in indices {
            self.is_taken[index] = true;
        }
    }

    fn note_mapped(&mut self, column: &ColumnDef, what: &str) {
        self.notes.mapped.insert(column.name.clone(), what.to_owned());
    }

    fn require(&mut self, column: &ColumnDef) {
        if Requirement::of(self.table, column) == Requirement::Required {
            self.mismatches.push(ColumnMismatch::Missing { column: column.name.clone() });
        }
    }

    fn ambiguous(&mut self, column: &ColumnDef, candidates: &[usize]) {
        let name = |index: &usize| self.input.field(*index).name().clone();
        self.mismatches.push(ColumnMismatch::Ambiguous {
            column: column.name.clone(),
            candidates: candidates.iter().map(name).collect(),
        });
    }
}

fn is_convertible(found: &DataType, column: &ColumnDef) -> bool {
    match column.geometry() {
        Some(_) => geometry::is_convertible(found),
        None => convert::is_convertible(found, column.datatype),
    }
}

fn is_number_or_text(found: &DataType) -> bool {
    convert::is_convertible(found, almagest_storage::schema::Datatype::Double)
}

fn type_mismatch(column: &ColumnDef, found: &DataType) -> ColumnMismatch {
    ColumnMismatch::Type {
        column: column.name.clone(),
        found: match found {
            DataType::Struct(fields) if fields.is_empty() => "nested values".to_owned(),
            found => found.to_string(),
        },
        expected: column.datatype,
    }
}

/// What a field's metadata says.
fn fact<'f>(field: &'f Field, key: &str) -> Option<&'f str> {
    field.metadata().get(key).map(String::as_str).filter(|value| unit(value).is_some())
}

/// The words of a UCD, which are written in any case and with or without blanks.
fn words(ucd: &str) -> Option<Vec<String>> {
    let words: Vec<String> = ucd.split(';').map(|word| word.trim().to_ascii_lowercase()).collect();
    words.iter().any(|word| !word.is_empty()).then_some(words)
}

/// Why two units do not convert, and what to do.
fn reason(error: &UnitError) -> String {
    let help = "a mapping can say what it is";
    match error {
        UnitError::Incompatible { from_what, to_what, .. } => {
            let is = |a: &str, b: &str| from_what == a && to_what == b;
            let help = match () {
                () if is("a magnitude", "a flux density") => {
                    "; wish for it by a mapping with \
                     transform: ab_mag_to_njy"
                }
                () if is("a flux density", "a magnitude") => {
                    "; wish for it by a mapping with \
                     transform: njy_to_ab_mag"
                }
                () => "",
            };
            format!("{from_what} is not {to_what}{help}")
        }
        other => format!("{other}; {help}"),
    }
}
