//! Files that were written before their table was altered, as scans read them.
//!
//! ```text
//!   table now     d, e > 3                    file   b int32; no e, whose default is 5
//!   of the file   cast(b as int64), 5 > 3
//! ```
//!
//! Filters and columns of a scan are rewritten for each such file, so that they prune its row groups
//! and pages as they do those of others.

use std::collections::HashMap;
use std::sync::Arc;

use almagest_storage::data_file::DataFile;
use almagest_storage::older_form::{OlderForm, SINCE, Source};
use datafusion::arrow::datatypes::{FieldRef, Schema, SchemaRef};
use datafusion::common::metadata::FieldMetadata;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{ScalarValue, exec_datafusion_err};
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{CastExpr, Column, Literal};
use datafusion::physical_expr_adapter::{
    DefaultPhysicalExprAdapterFactory, PhysicalExprAdapter, PhysicalExprAdapterFactory,
};

use crate::row_places;

/// The older forms of a table's files, by the version that began each.
#[derive(Debug)]
pub(crate) struct OlderFiles {
    forms: HashMap<String, Arc<OlderForm>>,
}

impl OlderFiles {
    /// The forms of some files; `None` where all of them are as the table is.
    pub fn among(files: &[DataFile]) -> Option<Arc<dyn PhysicalExprAdapterFactory>> {
        let forms = files.iter().filter_map(|file| file.older_form.as_ref());
        let forms: HashMap<String, Arc<OlderForm>> = forms
            .filter_map(|form| {
                Some((form.file_schema.metadata().get(SINCE)?.clone(), form.clone()))
            })
            .collect();
        (!forms.is_empty()).then(|| Arc::new(Self { forms }) as _)
    }
}

/// The schema of an older file with its form told by its first field as well: where the reader counts
/// rows, DataFusion leaves out what is told of the schema (as of version 55).
pub(crate) fn told_by_field(schema: &Schema) -> SchemaRef {
    let told = schema.metadata().get(SINCE).cloned();
    let fields = schema.fields().iter().enumerate().map(|(place, field)| match (place, &told) {
        (0, Some(since)) => {
            let mut metadata = field.metadata().clone();
            metadata.insert(SINCE.to_owned(), since.clone());
            Arc::new(field.as_ref().clone().with_metadata(metadata))
        }
        _ => field.clone(),
    });
    Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone()))
}

impl PhysicalExprAdapterFactory for OlderFiles {
    fn create(
        &self,
        logical_file_schema: SchemaRef,
        physical_file_schema: SchemaRef,
    ) -> Result<Arc<dyn PhysicalExprAdapter>> {
        let of_first = |schema: &Schema| schema.fields().first()?.metadata().get(SINCE).cloned();
        let since = physical_file_schema.metadata().get(SINCE).cloned();
        match since
            .or_else(|| of_first(&physical_file_schema))
            .and_then(|since| self.forms.get(&since))
        {
            Some(form) => Ok(Arc::new(AsWritten {
                form: form.clone(),
                table: logical_file_schema,
                file: physical_file_schema,
            })),
            None => {
                DefaultPhysicalExprAdapterFactory.create(logical_file_schema, physical_file_schema)
            }
        }
    }
}

/// Rewrites expressions on the columns of a table to such on those of a file.
#[derive(Debug)]
struct AsWritten {
    form: Arc<OlderForm>,
    table: SchemaRef,
    file: SchemaRef,
}

impl PhysicalExprAdapter for AsWritten {
    fn rewrite(&self, expr: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        let rewrite = |expr: Arc<dyn PhysicalExpr>| match expr.downcast_ref::<Column>() {
            Some(column) => self.column(column.name()).map(Transformed::yes),
            None => Ok(Transformed::no(expr)),
        };
        expr.transform(rewrite).data()
    }
}

impl AsWritten {
    /// The values of a column of the table.
    fn column(&self, name: &str) -> Result<Arc<dyn PhysicalExpr>> {
        let place = self.table.index_of(name)?;
        let field: FieldRef = self.table.fields()[place].clone();
        let default = match self.form.source_of(name) {
            Some(Source::Written(written)) => {
                let column = Arc::new(Column::new_with_schema(written, &self.file)?);
                let found = self.file.field_with_name(written)?;
                let is_same = found.data_type() == field.data_type();
                return Ok(match is_same {
                    true => column,
                    false => Arc::new(CastExpr::new_with_target_field(column, field, None)),
                });
            }
            Some(Source::Default(default)) => default,
            None if name == row_places::ROW => return self.written(name, field),
            None => return Err(exec_datafusion_err!("a data file knows nothing of column {name}")),
        };
        let value = match default {
            Some(default) => ScalarValue::try_from_array(&default.array(field.data_type(), 1)?, 0)?,
            None => ScalarValue::try_from(field.data_type())?,
        };
        let metadata = FieldMetadata::from(field.as_ref());
        Ok(Arc::new(Literal::new_with_metadata(value, Some(metadata))))
    }
}
