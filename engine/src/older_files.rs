//! Files that were written before their table was altered, or by others, as scans read them.
//!
//! ```text
//!   table now     d, e > 3                    file   b int32; no e, whose default is 5
//!   of the file   cast(b as int64), 5 > 3
//! ```
//!
//! Filters and columns of a scan are rewritten for each such file, so that they prune its row groups
//! and pages as they do those of others.

use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use almagest_storage::data_file::DataFile;
use almagest_storage::mount::clean::{Numbers, clean};
use almagest_storage::older_form::{OlderForm, SINCE, Source};
use datafusion::arrow::datatypes::{FieldRef, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::metadata::FieldMetadata;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{ScalarValue, exec_datafusion_err, internal_datafusion_err};
use datafusion::error::Result;
use datafusion::logical_expr::ColumnarValue;
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
    pub fn among(files: &[Arc<DataFile>]) -> Option<Arc<dyn PhysicalExprAdapterFactory>> {
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
    /// The values of a column of the file, in the type of `field`.
    fn written(&self, name: &str, field: FieldRef) -> Result<Arc<dyn PhysicalExpr>> {
        let column = Arc::new(Column::new_with_schema(name, &self.file)?);
        let is_same = self.file.field_with_name(name)?.data_type() == field.data_type();
        Ok(match is_same {
            true => column,
            false => Arc::new(CastExpr::new_with_target_field(column, field, None)),
        })
    }

    /// The values of a column of the table.
    fn column(&self, name: &str) -> Result<Arc<dyn PhysicalExpr>> {
        let place = self.table.index_of(name)?;
        let field: FieldRef = self.table.fields()[place].clone();
        let default = match self.form.source_of(name) {
            Some(Source::Written(written)) => return self.written(written, field),
            Some(Source::Unclean(written, numbers)) => {
                let inner = self.written(written, field.clone())?;
                return Ok(Arc::new(Cleaned { inner, field, numbers: *numbers }));
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

/// Numbers of a mounted file, cleaned. What is known of the file's own values, as their least and their
/// greatest, is not known of these.
#[derive(Debug, Eq)]
struct Cleaned {
    inner: Arc<dyn PhysicalExpr>,
    field: FieldRef,
    numbers: Numbers,
}

// Deriving them would move the inner expression.
impl Hash for Cleaned {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.inner, &self.field, &self.numbers).hash(state);
    }
}

impl PartialEq for Cleaned {
    fn eq(&self, other: &Self) -> bool {
        self.inner.eq(&other.inner) && self.field == other.field && self.numbers == other.numbers
    }
}

impl fmt::Display for Cleaned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cleaned({})", self.inner)
    }
}

impl PhysicalExpr for Cleaned {
    fn return_field(&self, _: &Schema) -> Result<FieldRef> {
        Ok(self.field.clone())
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let values = self.inner.evaluate(batch)?.into_array(batch.num_rows())?;
        Ok(ColumnarValue::Array(clean(&values, self.numbers)))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.inner]
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        let [inner] = children.as_slice() else {
            return Err(internal_datafusion_err!("a cleaned column is of one column"));
        };
        let (inner, field) = (inner.clone(), self.field.clone());
        Ok(Arc::new(Self { inner, field, numbers: self.numbers }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
