//! Tables that a caller brings along with a query: the schema TAP_UPLOAD.
//!
//! They live as long as the session, in memory, and are known by their Arrow schema alone: whatever
//! type and metadata a column came with, it goes out with. Floats without a value are NULL, as
//! everywhere.
//!
//! Reference: TAP 1.1, section 2.5.

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use almagest_adql::{ColumnKind, ColumnName, PositionNames, SchemaNames, TableNames};
use almagest_storage::schema::arrow::{DATATYPE, UCD, UNIT, XTYPE};
use almagest_storage::schema::{GeometryType, PositionColumns};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, DataType, Field, Float32Type, Float64Type, Schema, SchemaRef, UInt64Type,
};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::catalog::{MemorySchemaProvider, SchemaProvider};
use datafusion::datasource::{MemTable, source_as_provider};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::TableScan;

use crate::{Result, output_type};

/// The name of the schema.
pub const SCHEMA: &str = "TAP_UPLOAD";

/// A table that a caller brings along.
#[derive(Debug, Clone)]
pub struct Upload {
    name: String,
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    position: Option<PositionColumns>,
    /// Numbers that no column of a query holds and that became NULL, by column.
    lost: BTreeMap<String, usize>,
    /// Columns of types that no result holds.
    left_out: Vec<String>,
}

impl Upload {
    /// Take `batches`, all of the columns of `schema`, as the table `name`.
    ///
    /// # Arguments
    /// `schema`: field metadata hold unit, UCD, xtype and description under the keys of
    /// [`almagest_storage::schema::arrow`].
    /// `position`: the columns of a row's own position, ICRS degrees.
    ///
    /// # Errors
    /// A batch has other columns.
    pub fn try_new(
        name: &str,
        schema: &SchemaRef,
        batches: &[RecordBatch],
        position: Option<PositionColumns>,
    ) -> Result<Self> {
        let is_held = |field: &Field| output_type(field.data_type()).is_some();
        let (held, left_out): (Vec<usize>, Vec<usize>) =
            (0..schema.fields().len()).partition(|place| is_held(schema.field(*place)));
        let left_out = left_out.into_iter().map(|place| schema.field(place).name().clone());
        let left_out = left_out.collect();
        let schema = schema.project(&held).map_err(DataFusionError::from)?;
        let batches = batches.iter().map(|batch| batch.project(&held));
        let batches = batches.collect::<Result<Vec<_>, _>>().map_err(DataFusionError::from)?;
        let fields = schema.fields().iter().enumerate().map(|(place, field)| {
            let data_type = match (geometry_type(field), field.data_type()) {
                (Some(geometry), _) => geometry.data_type(),
                (None, DataType::UInt64) => DataType::Int64,
                (None, same) => same.clone(),
            };
            let mut metadata = field.metadata().clone();
            let is_char = metadata.get(DATATYPE).is_some_and(|kind| kind == "char");
            if is_char && !batches.iter().all(|batch| is_ascii(batch.column(place))) {
                metadata.remove(DATATYPE);
            }
            Field::new(field.name(), data_type, true).with_metadata(metadata)
        });
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let mut lost = BTreeMap::new();
        for batch in &batches {
            for (field, column) in schema.fields().iter().zip(batch.columns()) {
                let n_lost = n_lost(column);
                if n_lost > 0 {
                    *lost.entry(field.name().clone()).or_default() += n_lost;
                }
            }
        }
        let batches = batches.iter().map(|batch| taken(batch, &schema));
        let batches = batches.collect::<Result<Vec<_>, _>>()?;
        Ok(Self { name: name.to_owned(), schema, batches, position, lost, left_out })
    }

    /// What a query of the table should say of it, one line each. NaN is how formats of the field write
    /// NULL; an infinity is a number that was lost, and so is a whole number beyond BIGINT.
    pub(crate) fn warnings(&self) -> impl Iterator<Item = String> {
        let left_out = self.left_out.iter().map(|column| {
            format!(
                "{SCHEMA}.{} is without {column}: no result holds its kind of values",
                self.name
            )
        });
        let lost = self.lost.iter().map(|(column, count)| {
            let data_type = self.schema.field_with_name(column).map(Field::data_type);
            let what = match data_type.is_ok_and(DataType::is_integer) {
                true => "whole numbers beyond BIGINT",
                false => "infinities",
            };
            format!("{SCHEMA}.{}: {count} {what} in {column} are NULL", self.name)
        });
        left_out.chain(lost)
    }

    /// The name of the table, without the schema.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn names(&self) -> TableNames {
        let column = |field: &Arc<Field>| ColumnName {
            name: field.name().clone(),
            kind: kind(field),
            unit: field.metadata().get(UNIT).cloned(),
            ucd: field.metadata().get(UCD).cloned(),
            time_scale: None,
        };
        let position = self.position.as_ref();
        TableNames {
            name: self.name.clone(),
            columns: self.schema.fields().iter().map(column).collect(),
            key: vec![],
            position: position.map(|p| PositionNames { lon: p.ra.clone(), lat: p.dec.clone() }),
            view: None,
        }
    }
}

/// The names of the schema that `uploads` make up.
pub(crate) fn names(uploads: &[Upload]) -> SchemaNames {
    SchemaNames { name: SCHEMA.to_owned(), tables: uploads.iter().map(Upload::names).collect() }
}

/// The tables of the schema that `uploads` make up.
pub(crate) fn provider(uploads: &[Upload]) -> Result<Arc<dyn SchemaProvider>> {
    let provider = MemorySchemaProvider::new();
    for upload in uploads {
        let table = MemTable::try_new(upload.schema.clone(), vec![upload.batches.clone()])?;
        provider.register_table(upload.name.clone(), Arc::new(table))?;
    }
    Ok(Arc::new(provider))
}

/// The rows of an upload; `None` of another table.
pub(crate) fn batches_of(scan: &TableScan) -> Result<Option<Vec<RecordBatch>>, DataFusionError> {
    if scan.table_name.schema() != Some(SCHEMA) {
        return Ok(None);
    }
    let provider = source_as_provider(&scan.source)?;
    let Some(rows) = (provider.as_ref() as &dyn Any).downcast_ref::<MemTable>() else {
        return Ok(None);
    };
    let mut batches = vec![];
    for partition in &rows.batches {
        // Nobody writes to it.
        let Ok(of_partition) = partition.try_read() else { return Ok(None) };
        batches.extend(of_partition.iter().cloned());
    }
    Ok(Some(batches))
}

/// What is known of a column of an upload.
pub(crate) fn column_metadata(
    uploads: &[Upload],
    table: &str,
    column: &str,
) -> Option<HashMap<String, String>> {
    let upload = uploads.iter().find(|upload| upload.name == table)?;
    let field = upload.schema.field_with_name(column).ok()?;
    Some(field.metadata().clone())
}

fn geometry_type(field: &Field) -> Option<GeometryType> {
    let is_array = matches!(field.data_type(), DataType::List(_) | DataType::FixedSizeList(..));
    let kind = GeometryType::of_xtype(field.metadata().get(XTYPE)?)?;
    (is_array && kind != GeometryType::Region).then_some(kind)
}

fn kind(field: &Field) -> ColumnKind {
    match (field.metadata().get(XTYPE).and_then(|x| GeometryType::of_xtype(x)), field.data_type()) {
        (Some(GeometryType::Point), DataType::FixedSizeList(..)) => ColumnKind::Point,
        (Some(GeometryType::Circle), DataType::FixedSizeList(..)) => ColumnKind::Circle,
        (Some(GeometryType::Polygon), DataType::List(_)) => ColumnKind::Polygon,
        (Some(GeometryType::Region), DataType::Utf8) => ColumnKind::Region,
        (_, DataType::Boolean) => ColumnKind::Boolean,
        (_, DataType::Int8 | DataType::UInt8 | DataType::Int16) => ColumnKind::SmallInt,
        (_, DataType::UInt16 | DataType::Int32) => ColumnKind::Integer,
        (_, DataType::UInt32 | DataType::Int64) => ColumnKind::BigInt,
        (_, DataType::Float32) => ColumnKind::Real,
        (_, DataType::Float64) => ColumnKind::Double,
        (_, DataType::Utf8) => ColumnKind::Text,
        (_, DataType::Binary) => ColumnKind::Binary,
        (_, DataType::Timestamp(..)) => ColumnKind::Timestamp,
        _ => ColumnKind::Other,
    }
}

/// A batch with the types of `schema`, NaN and infinities NULL.
fn taken(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, DataFusionError> {
    let columns = batch.columns().iter().zip(schema.fields()).map(|(column, field)| {
        Ok(match column.data_type() {
            DataType::Float32 => finite::<Float32Type>(column, |value| value.is_finite()),
            DataType::Float64 => finite::<Float64Type>(column, |value| value.is_finite()),
            same if same == field.data_type() => column.clone(),
            _ => cast(column, field.data_type())?,
        })
    });
    let columns = columns.collect::<Result<Vec<_>, DataFusionError>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(schema.clone(), columns, &options)?)
}

/// Has a column text in ASCII only, which is all that VOTable's `char` holds, or no text?
fn is_ascii(column: &ArrayRef) -> bool {
    column.as_string_opt::<i32>().is_none_or(|text| text.iter().flatten().all(str::is_ascii))
}

/// How many numbers of a column become NULL: infinities, and what is beyond BIGINT.
fn n_lost(column: &ArrayRef) -> usize {
    match column.data_type() {
        DataType::UInt64 => count::<UInt64Type>(column, |n| i64::try_from(n).is_err()),
        DataType::Float32 => count::<Float32Type>(column, f32::is_infinite),
        DataType::Float64 => count::<Float64Type>(column, f64::is_infinite),
        _ => 0,
    }
}

fn count<T: ArrowPrimitiveType>(column: &ArrayRef, is: fn(T::Native) -> bool) -> usize {
    column.as_primitive::<T>().iter().flatten().filter(|value| is(*value)).count()
}

fn finite<T: ArrowPrimitiveType>(column: &ArrayRef, is: fn(T::Native) -> bool) -> ArrayRef {
    let column: &PrimitiveArray<T> = column.as_primitive();
    // A negative zero equals the plain one, but not in joins and groups.
    let positive = |value: T::Native| match value == T::default_value() {
        true => T::default_value(),
        false => value,
    };
    let sound = |value: Option<T::Native>| value.filter(|value| is(*value)).map(positive);
    Arc::new(column.iter().map(sound).collect::<PrimitiveArray<T>>())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use datafusion::arrow::array::{Float64Array, Int32Array, UInt64Array};
    use datafusion::arrow::datatypes::Int64Type;

    #[test]
    fn what_is_no_number_is_null_and_types_stay() {
        let fields = vec![
            Field::new("x", DataType::Float64, true),
            Field::new("n", DataType::Int32, true),
            Field::new("id", DataType::UInt64, true),
        ];
        let schema = Arc::new(Schema::new(fields));
        let x = Float64Array::from(vec![1.5, f64::NAN, f64::INFINITY, -0.0]);
        let n = Int32Array::from(vec![1, 2, 3, 4]);
        let id = UInt64Array::from(vec![1, 2, i64::MAX as u64, i64::MAX as u64 + 1]);
        let columns: Vec<ArrayRef> = vec![Arc::new(x), Arc::new(n), Arc::new(id)];
        let batch = RecordBatch::try_new(schema.clone(), columns).unwrap();
        let upload = Upload::try_new("t", &schema, &[batch], None).unwrap();
        let x = upload.batches[0].column(0).as_primitive::<Float64Type>();
        assert_eq!(x.iter().collect::<Vec<_>>(), [Some(1.5), None, None, Some(0.0)]);
        assert!(x.value(3).is_sign_positive());
        let warnings: Vec<String> = upload.warnings().collect();
        assert_eq!(
            warnings,
            [
                "TAP_UPLOAD.t: 1 whole numbers beyond BIGINT in id are NULL",
                "TAP_UPLOAD.t: 1 infinities in x are NULL"
            ]
        );
        let id = upload.batches[0].column(2).as_primitive::<Int64Type>();
        assert_eq!(id.iter().collect::<Vec<_>>(), [Some(1), Some(2), Some(i64::MAX), None]);
        let kinds: Vec<_> = upload.names().columns.iter().map(|column| column.kind).collect();
        assert_eq!(kinds, [ColumnKind::Double, ColumnKind::Integer, ColumnKind::BigInt]);
    }
}
