//! Table definitions as Arrow schemas: types, and unit, UCD and description as field metadata.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use super::{ColumnDef, Datatype, GeometryType, TableDef};
use crate::chunk_file::HEALPIX_29;

/// Field metadata key of a column's unit (VOUnit syntax).
pub const UNIT: &str = "unit";
/// Field metadata key of a column's UCD.
pub const UCD: &str = "ucd";
/// Field metadata key of a column's description.
pub const DESCRIPTION: &str = "description";
/// Field metadata key of a column's utype.
pub const UTYPE: &str = "utype";
/// Field metadata key of a column's DALI xtype.
pub const XTYPE: &str = "xtype";
/// Field metadata key of the epoch of positions, such as `J2016.0`.
pub const EPOCH: &str = "epoch";
/// Field metadata key of the scale of times, such as `TAI`.
pub const TIME_SCALE: &str = "time_scale";
/// Field metadata key of a string's VOTable datatype: `char` where its values are sure to be ASCII.
pub const DATATYPE: &str = "datatype";
/// Field metadata key of a string's greatest length or an array's, written as in VOTable: `64*`.
pub const ARRAYSIZE: &str = "arraysize";
/// Key of the metadata of a column that identifies rows which belong to images: the table, as
/// `schema.table`.
pub const ROW_OF: &str = "row_of";
/// Key of the metadata of a column that identifies such rows only with others of [`ROW_PARTS`]: which of
/// these it is.
pub const ROW_PART: &str = "row_part";
/// The parts of an identification by several columns, by the names of DataLink's parameters.
pub const ROW_PARTS: [&str; 3] = ["ID", "VISIT", "DETECTOR"];
/// Field metadata key of the coordinate system that a VOTable's field refers to, in words:
/// `system=ICRS epoch=2016.0`.
pub const COOSYS: &str = "votable:coosys";
/// Field metadata key of the time system that a VOTable's field refers to, in words:
/// `timescale=TCB timeorigin=MJD-origin refposition=BARYCENTER`.
pub const TIMESYS: &str = "votable:timesys";

impl Datatype {
    /// Return the Arrow type of a value.
    pub fn to_arrow(self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::Byte => DataType::Int8,
            Self::Short => DataType::Int16,
            Self::Int => DataType::Int32,
            Self::Long => DataType::Int64,
            Self::Float => DataType::Float32,
            Self::Double => DataType::Float64,
            Self::Char | Self::String | Self::Unicode | Self::Text => DataType::Utf8,
            Self::Binary => DataType::Binary,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
        }
    }
}

impl ColumnDef {
    /// Return the Arrow type of a value: that of the datatype, or an array for a geometry.
    pub fn to_arrow(&self) -> DataType {
        self.geometry().map_or_else(|| self.datatype.to_arrow(), GeometryType::data_type)
    }

    /// Return the Arrow field: name, type, nullability and the metadata that travels with rows.
    pub fn to_field(&self) -> Field {
        let mut metadata = HashMap::new();
        for (key, value) in [
            (UNIT, self.unit.as_deref()),
            (UCD, self.ucd.as_deref()),
            (UTYPE, self.utype.as_deref()),
            (XTYPE, self.xtype.as_deref()),
            (DESCRIPTION, Some(self.description.as_str())),
        ] {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                metadata.insert(key.to_owned(), value.to_owned());
            }
        }
        // Arrow does not bound strings, so what the definition says of them travels beside it.
        if self.datatype.is_textual()
            && self.datatype != Datatype::Binary
            && let Some(length) = self.length
        {
            metadata.insert(ARRAYSIZE.to_owned(), format!("{length}*"));
        }
        if let Some(kind) = self.geometry() {
            metadata.insert(ARRAYSIZE.to_owned(), kind.arraysize().to_owned());
        }
        Field::new(&self.name, self.to_arrow(), self.nullable).with_metadata(metadata)
    }
}

/// The Arrow schemas of a table.
#[derive(Debug, Clone)]
pub struct ArrowSchemas {
    /// Of its rows: the columns of the definition.
    pub rows: SchemaRef,
    /// Of its files: those, and the sort key where the table is chunked.
    pub file: SchemaRef,
}

impl ArrowSchemas {
    /// Make the schemas of a table.
    pub fn of(table: &TableDef) -> Self {
        let rows = table.arrow_schema();
        if !table.is_chunked() {
            return Self { file: rows.clone(), rows };
        }
        let mut fields = rows.fields().to_vec();
        fields.push(Arc::new(Field::new(HEALPIX_29, DataType::Int64, false)));
        Self { file: Arc::new(Schema::new(fields)), rows }
    }
}

impl TableDef {
    /// Return the Arrow field of a column, with what the table says of it too: the epoch of
    /// positions and motions.
    pub fn field_of(&self, column: &ColumnDef) -> Field {
        let field = column.to_field();
        let epoch = self.position.as_ref().and_then(|position| position.epoch.clone());
        let is_on_sky = column.ucd.as_ref().is_some_and(|ucd| ucd.starts_with("pos."));
        let Some(epoch) = epoch.filter(|_| is_on_sky) else { return field };
        let mut metadata = field.metadata().clone();
        metadata.insert(EPOCH.to_owned(), epoch);
        field.with_metadata(metadata)
    }

    /// Return the Arrow schema of the table's rows, columns in the order of the definition.
    pub fn arrow_schema(&self) -> SchemaRef {
        Arc::new(Schema::new(self.columns.iter().map(ColumnDef::to_field).collect::<Vec<_>>()))
    }
}
