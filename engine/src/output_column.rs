//! The columns of a result as clients see them: name, type, and what is known of their values.
//!
//! What is known comes from the translation, which follows each value from the column that it was
//! read from; types come from the physical plan: only there all branches of a UNION or CASE have
//! one.

use std::collections::HashMap;
use std::sync::Arc;

use almagest_adql::OutputColumn;
use almagest_storage::schema::arrow::{ARRAYSIZE, DATATYPE, TIME_SCALE, UCD, UNIT, XTYPE};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use crate::geometry::GeometryType;
use crate::output_type::output_type;

/// The metadata of each output column.
#[derive(Debug, Default)]
pub(crate) struct OutputColumns(Vec<HashMap<String, String>>);

impl OutputColumns {
    /// Describe the columns of a translated query; `known` tells what is known of the column they
    /// come from, by schema, table and name.
    pub fn of(
        columns: &[OutputColumn],
        known: impl Fn(&str, &str, &str) -> Option<HashMap<String, String>>,
    ) -> Self {
        Self(columns.iter().map(|column| metadata(column, &known)).collect())
    }

    /// Return the columns, called as in `names`, with the few output types for those of `planned`,
    /// any of them nullable.
    pub fn schema(&self, names: &Schema, planned: &Schema) -> SchemaRef {
        let fields: Vec<Field> = names
            .fields()
            .iter()
            .zip(planned.fields())
            .enumerate()
            .map(|(place, (name, planned))| {
                let planned = planned.data_type();
                let data_type = output_type(planned).unwrap_or_else(|| planned.clone());
                let mut metadata = self.0.get(place).cloned().unwrap_or_default();
                let geometry = GeometryType::tagged(planned);
                let facts = geometry.into_iter().flat_map(GeometryType::metadata);
                for (key, value) in facts {
                    metadata.entry(key.to_owned()).or_insert_with(|| value.to_owned());
                }
                // Text that a function made a geometry of; in lists the type itself tells.
                let xtype = name.metadata().get(XTYPE).map(String::as_str);
                if data_type == DataType::Utf8 && matches!(xtype, Some("region" | "moc")) {
                    for (key, fact) in name.metadata() {
                        metadata.entry(key.clone()).or_insert_with(|| fact.clone());
                    }
                }
                if let DataType::FixedSizeList(_, length) = planned {
                    metadata.entry(ARRAYSIZE.to_owned()).or_insert_with(|| length.to_string());
                }
                Field::new(name.name(), data_type, true).with_metadata(metadata)
            })
            .collect();
        Arc::new(Schema::new(fields))
    }
}

fn metadata(
    column: &OutputColumn,
    known: impl Fn(&str, &str, &str) -> Option<HashMap<String, String>>,
) -> HashMap<String, String> {
    let origin = column.origin.as_ref();
    let mut metadata =
        origin.and_then(|(schema, table, name)| known(schema, table, name)).unwrap_or_default();
    if let Some(scale) = column.time_scale {
        metadata.insert(TIME_SCALE.to_owned(), scale.to_string());
    }
    if column.is_mixed {
        metadata.remove(ARRAYSIZE);
        metadata.remove(DATATYPE);
    }
    for (key, fact) in [(UNIT, &column.unit), (UCD, &column.ucd)] {
        if let Some(fact) = fact {
            metadata.insert(key.to_owned(), fact.clone());
        }
    }
    metadata
}
