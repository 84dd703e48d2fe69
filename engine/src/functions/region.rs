//! `sky_region` (text), `sky_moc` (text): geometries written as STC-S, as a DALI shape, or as the
//! cells of a Multi-Order Coverage map.
//!
//! The value is the text itself, once it is known to describe a shape.

use std::sync::Arc;

use almagest_adql::ColumnKind;
use almagest_storage::schema::arrow::XTYPE;
use almagest_storage::sphgeom::Moc;
use datafusion::arrow::array::StringArray;
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use super::numerals::numerals;
use super::shapes;
use crate::geometry::{Geometries, GeometryType};

/// Takes text for a geometry.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Region {
    is_moc: bool,
    signature: Signature,
}

impl Region {
    /// Return the two functions.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        [false, true].into_iter().map(|is_moc| Self {
            is_moc,
            signature: Signature::user_defined(Volatility::Immutable),
        })
    }

    fn check(&self, text: &str) -> Result<()> {
        let kind = if self.is_moc { ColumnKind::Moc } else { ColumnKind::Region };
        fault(text, kind).map_or(Ok(()), |fault| exec_err!("{fault}"))
    }
}

/// What keeps a text from being a shape of this kind.
pub(crate) fn fault(text: &str, kind: ColumnKind) -> Option<String> {
    let of_numbers = |kind| numerals(kind, text).err().map(|error| error.message().into_owned());
    match kind {
        ColumnKind::Moc => Moc::parse(text).err().map(|error| error.to_string()),
        ColumnKind::Point => of_numbers(GeometryType::Point),
        ColumnKind::Circle => of_numbers(GeometryType::Circle),
        ColumnKind::Polygon => of_numbers(GeometryType::Polygon),
        _ => shapes::parse(text).err(),
    }
}

impl ScalarUDFImpl for Region {
    fn name(&self) -> &str {
        if self.is_moc { "sky_moc" } else { "sky_region" }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(GeometryType::Region.data_type())
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs) -> Result<FieldRef> {
        let field = GeometryType::Region.field(self.name());
        if !self.is_moc {
            return Ok(field.into());
        }
        let mut metadata = field.metadata().clone();
        metadata.insert(XTYPE.to_owned(), "moc".to_owned());
        Ok(field.with_metadata(metadata).into())
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [text] if text.is_string() || text.is_null() => {
                Ok(vec![GeometryType::Region.data_type()])
            }
            _ => plan_err!("{} takes a string", self.name()),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [text] = args.args.as_slice() else {
            return exec_err!("{} takes a string", self.name());
        };
        let column = Geometries::of_argument(text)?;
        if column.is_constant() {
            column.text(0).map(|text| self.check(text)).transpose()?;
            return Ok(text.clone());
        }
        let valid: StringArray = (0..args.number_rows)
            .map(|row| column.text(row).filter(|text| self.check(text).is_ok()))
            .collect();
        Ok(ColumnarValue::Array(Arc::new(valid)))
    }
}
