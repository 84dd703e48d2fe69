//! `sky_longitude` (p), `sky_latitude` (p): the coordinates of a position, degrees.

use std::sync::Arc;

use almagest_storage::schema::arrow::{UCD, UNIT};
use almagest_storage::sphgeom::Shape;
use datafusion::arrow::array::Float64Array;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use super::range;
use super::shapes::Shapes;
use crate::geometry::{Geometries, Geometry, GeometryType};

/// Name of the function that takes the longitude of a position.
pub const LONGITUDE: &str = "sky_longitude";
/// Name of the function that takes the latitude of a position.
pub const LATITUDE: &str = "sky_latitude";

/// A coordinate of a position.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Coordinate {
    is_latitude: bool,
    signature: Signature,
}

impl Coordinate {
    /// Return the two functions.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        [false, true].into_iter().map(|is_latitude| Self {
            is_latitude,
            signature: Signature::user_defined(Volatility::Immutable),
        })
    }
}

impl ScalarUDFImpl for Coordinate {
    fn name(&self) -> &str {
        if self.is_latitude { LATITUDE } else { LONGITUDE }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs) -> Result<FieldRef> {
        let ucd = if self.is_latitude { "pos.eq.dec" } else { "pos.eq.ra" };
        let metadata = [(UNIT, "deg"), (UCD, ucd)].map(|(key, value)| (key.into(), value.into()));
        let field = Field::new(self.name(), DataType::Float64, true);
        Ok(field.with_metadata(metadata.into()).into())
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [point] = types else {
            return plan_err!("{} takes one position", self.name());
        };
        match GeometryType::of_data_type(point) {
            Some(GeometryType::Point) => Ok(vec![GeometryType::Point.data_type()]),
            // Text may be a DALI string or STC-S.
            Some(GeometryType::Region) => Ok(vec![GeometryType::Region.data_type()]),
            None if point.is_null() => Ok(vec![GeometryType::Point.data_type()]),
            Some(other) => {
                plan_err!("a POINT is needed here, not a {}", other.xtype().to_uppercase())
            }
            None => plan_err!("a POINT is needed here, not a value of type {point}"),
        }
    }

    fn evaluate_bounds(&self, _: &[&Interval]) -> Result<Interval> {
        range::any_double()
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let ([point], [field]) = (args.args.as_slice(), args.arg_fields.as_slice()) else {
            return exec_err!("{} takes one position", self.name());
        };
        let index = usize::from(self.is_latitude);
        let column = Geometries::of_argument(point)?;
        let rows = 0..args.number_rows;
        let coordinates: Float64Array = if column.kind() == GeometryType::Point {
            rows.map(|row| match column.get(row) {
                Some(Geometry::Point(numbers)) => Some(numbers[index]),
                _ => None,
            })
            .collect()
        } else {
            let shapes = Shapes::of_argument(point, field)?;
            rows.map(|row| match shapes.get(row)?.as_ref() {
                Shape::Point(point) => Some(<[f64; 2]>::from(point.to_lonlat_deg())[index]),
                _ => None,
            })
            .collect()
        };
        Ok(ColumnarValue::Array(Arc::new(coordinates)))
    }
}
