//! `sky_area` (geometry): square degrees; `sky_centroid` (geometry): the position of its centre.

use std::sync::Arc;

use almagest_storage::schema::arrow::{UCD, UNIT};
use almagest_storage::sphgeom::{Shape, ShapeError};
use datafusion::arrow::array::Float64Array;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{exec_datafusion_err, exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use super::range;
use super::shapes::Shapes;
use crate::geometry::{self, Geometries, Geometry, GeometryType, points};

/// What is measured of a geometry. What cannot be measured is NULL, and an error where it is
/// constant.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Measure {
    quantity: Quantity,
    signature: Signature,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Quantity {
    Area,
    Centroid,
}

impl Measure {
    /// Return the two functions.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        [Quantity::Area, Quantity::Centroid].into_iter().map(|quantity| Self {
            quantity,
            signature: Signature::user_defined(Volatility::Immutable),
        })
    }
}

impl ScalarUDFImpl for Measure {
    fn name(&self) -> &str {
        match self.quantity {
            Quantity::Area => "sky_area",
            Quantity::Centroid => "sky_centroid",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(match self.quantity {
            Quantity::Area => DataType::Float64,
            Quantity::Centroid => GeometryType::Point.data_type(),
        })
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs) -> Result<FieldRef> {
        Ok(Arc::new(match self.quantity {
            Quantity::Area => {
                let metadata = [(UNIT, "deg**2"), (UCD, "phys.angArea")];
                Field::new(self.name(), DataType::Float64, true)
                    .with_metadata(metadata.map(|(k, v)| (k.into(), v.into())).into())
            }
            Quantity::Centroid => GeometryType::Point.field(self.name()),
        }))
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let name = match self.quantity {
            Quantity::Area => "AREA",
            Quantity::Centroid => "CENTROID",
        };
        match types {
            [geometry] => Ok(vec![geometry::coerce(name, geometry)?]),
            _ => plan_err!("{name} takes one geometry"),
        }
    }

    fn evaluate_bounds(&self, _: &[&Interval]) -> Result<Interval> {
        range::any_double()
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let ([geometry], [field]) = (args.args.as_slice(), args.arg_fields.as_slice()) else {
            return exec_err!("{} takes one geometry", self.name());
        };
        let column = Geometries::of_argument(geometry)?;
        let shapes = Shapes::of_argument(geometry, field)?;
        if let Some(Some(shape)) = shapes.constant() {
            self.check(shape).map_err(|error| exec_datafusion_err!("{error}"))?;
        }
        let rows = 0..args.number_rows;
        Ok(ColumnarValue::Array(match self.quantity {
            Quantity::Area => {
                let area = |row| shapes.get(row)?.area_sq_deg().ok();
                Arc::new(rows.map(area).collect::<Float64Array>())
            }
            Quantity::Centroid => points(rows.map(|row| match column.get(row)? {
                // Numbers come back as they are.
                Geometry::Point(point) => Some(point),
                Geometry::Circle([lon, lat, radius]) if radius < 180.0 => Some([lon, lat]),
                _ => {
                    let (lon, lat) = shapes.get(row)?.centroid().ok()?.to_lonlat_deg();
                    Some([lon, lat])
                }
            })),
        }))
    }
}

impl Measure {
    fn check(&self, shape: &Shape) -> Result<(), ShapeError> {
        match self.quantity {
            Quantity::Area => shape.area_sq_deg().map(|_| ()),
            Quantity::Centroid => shape.centroid().map(|_| ()),
        }
    }
}
