//! Data files that were written before their table was altered, read as the table is now.
//!
//! ```text
//!   definition then   a #1 int   b #2   c #3      file   a b c
//!   definition now    a #1 long  d #2   e #4      read   a cast, b as d, e's default
//! ```
//!
//! Files that are mounted are read in the same way: their types may be others, their numbers may be NaN.
//!
//! A file holds the columns of the definition under which it was committed. Those that are still
//! there are found by their number, whatever their names; a column that came later has its default in
//! each of the file's rows, or NULL.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;

use crate::chunk_file::HEALPIX_29;
use crate::data_file::ColumnRange;
use crate::mount::Mount;
use crate::mount::clean::{Numbers, clean};
use crate::schema::{ColumnDef, DefaultValue, TableDef};

/// Key of the metadata of [`OlderForm::file_schema`] as a whole: the version that began the form.
pub const SINCE: &str = "almagest:form_since";

/// What files of an older definition hold of the columns of the table now.
#[derive(Debug, Clone, PartialEq)]
pub struct OlderForm {
    /// The Arrow schema of the files: names and types as they were written, what is said of the
    /// columns as it is said now.
    pub file_schema: SchemaRef,
    /// By the column's name now: its type, and where its values are.
    columns: HashMap<String, (DataType, Source)>,
}

/// Where the values of a column are.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// In the column of this name in the file.
    Written(String),
    /// In the column of this name of a mounted file, where they may be no numbers.
    Unclean(String, Numbers),
    /// Nowhere, they are all the same; NULL where there is no default.
    Default(Option<DefaultValue>),
}

impl OlderForm {
    /// Compare the columns of a table with those that it had since a version.
    pub(crate) fn new(now: &TableDef, then: &TableDef, since: u64) -> Self {
        let place_then = |number: u32| {
            (0..then.columns.len()).find(|place| then.column_number(*place) == number)
        };
        let mut columns = HashMap::new();
        let mut fields: Vec<Field> = then.columns.iter().map(ColumnDef::to_field).collect();
        for (place, column) in now.columns.iter().enumerate() {
            let source = match place_then(now.column_number(place)) {
                Some(written) => {
                    let (name, data_type) =
                        (fields[written].name().clone(), fields[written].data_type().clone());
                    fields[written] = column.to_field().with_name(&name).with_data_type(data_type);
                    Source::Written(name)
                }
                None => Source::Default(column.default.clone()),
            };
            columns.insert(column.name.clone(), (column.to_arrow(), source));
        }
        if now.is_chunked() {
            let key = Source::Written(HEALPIX_29.to_owned());
            columns.insert(HEALPIX_29.to_owned(), (DataType::Int64, key));
            fields.push(Field::new(HEALPIX_29, DataType::Int64, false));
        }
        let since = [(SINCE.to_owned(), since.to_string())].into();
        Self { file_schema: Arc::new(Schema::new_with_metadata(fields, since)), columns }
    }

    /// Compare the columns of a table with those of files that are mounted.
    ///
    /// # Arguments
    /// * `then` - how the columns are those that the table had when the files were mounted; none where
    ///   it still has them
    pub(crate) fn of_mount(now: &TableDef, then: Option<&Self>, mount: &Mount) -> Self {
        let mut fields: Vec<Field> =
            mount.file_schema.fields().iter().map(|field| field.as_ref().clone()).collect();
        let mut columns = HashMap::new();
        for column in &now.columns {
            let same = Source::Written(column.name.clone());
            let source = then.map_or(Some(&same), |then| then.source_of(&column.name));
            let mut source = source.unwrap_or(&same).clone();
            let data_type = column.to_arrow();
            if let Source::Written(written) = &source {
                if let Some(field) = fields.iter_mut().find(|field| field.name() == written) {
                    *field = column
                        .to_field()
                        .with_name(written)
                        .with_data_type(field.data_type().clone())
                        .with_nullable(field.is_nullable());
                }
                if data_type.is_floating() {
                    let is_ra = now.position.as_ref().is_some_and(|p| p.ra == column.name);
                    let numbers = if is_ra { Numbers::Longitudes } else { Numbers::Any };
                    source = Source::Unclean(written.clone(), numbers);
                }
            }
            columns.insert(column.name.clone(), (data_type, source));
        }
        let before = then.and_then(|then| then.file_schema.metadata().get(SINCE).cloned());
        let since = format!("mount {} {}", mount.mount_id, before.unwrap_or_default());
        let metadata = [(SINCE.to_owned(), since)].into();
        Self { file_schema: Arc::new(Schema::new_with_metadata(fields, metadata)), columns }
    }

    /// Say where the values of a column are, by its name now.
    pub fn source_of(&self, column: &str) -> Option<&Source> {
        self.columns.get(column).map(|(_, source)| source)
    }

    /// Name the columns of the file that hold some of the table's columns.
    pub(crate) fn written<'a>(&'a self, columns: &[&str]) -> Vec<&'a str> {
        let source = |name: &&str| match self.source_of(name) {
            Some(Source::Written(written) | Source::Unclean(written, _)) => Some(written.as_str()),
            Some(Source::Default(_)) | None => None,
        };
        columns.iter().filter_map(source).collect()
    }

    /// Return columns of the table from rows of the file that hold [`written`](Self::written).
    pub(crate) fn read_as_now(
        &self,
        columns: &[&str],
        rows: &RecordBatch,
    ) -> Result<RecordBatch, ArrowError> {
        let n_rows = rows.num_rows();
        let mut fields = Vec::with_capacity(columns.len());
        let mut values: Vec<ArrayRef> = Vec::with_capacity(columns.len());
        for name in columns {
            let (data_type, source) = self
                .columns
                .get(*name)
                .ok_or_else(|| ArrowError::SchemaError(format!("no column {name}")))?;
            let column = match source {
                Source::Written(written) => {
                    cast(rows.column(rows.schema_ref().index_of(written)?), data_type)?
                }
                Source::Unclean(written, numbers) => {
                    let values = rows.column(rows.schema_ref().index_of(written)?);
                    clean(&cast(values, data_type)?, *numbers)
                }
                Source::Default(Some(default)) => default.array(data_type, n_rows)?,
                Source::Default(None) => new_null_array(data_type, n_rows),
            };
            fields.push(Field::new(*name, data_type.clone(), true));
            values.push(column);
        }
        let n_rows = RecordBatchOptions::new().with_row_count(Some(n_rows));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), values, &n_rows)
    }

    /// Say of which columns the ranges of values are; those of columns that are no more go.
    pub(crate) fn rename_ranges(&self, ranges: &mut Vec<ColumnRange>) {
        let now = |written: &str| {
            let is_it =
                |source: &Source| matches!(source, Source::Written(name) if name == written);
            self.columns.iter().find(|(_, (_, source))| is_it(source)).map(|(name, _)| name)
        };
        ranges.retain_mut(|range| {
            let name = now(&range.column);
            name.map(|name| range.column.clone_from(name)).is_some()
        });
    }
}
