//! `sky_to_icrs` (frame, geometry): a geometry given in another frame, in ICRS.

use almagest_storage::sphgeom::{Frame, UnitVector, transform};
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{ScalarValue, exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use crate::geometry::{self, Geometries, Geometry, GeometryType, geometries};

/// Converts points, circles and polygons to ICRS.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct ToIcrs {
    signature: Signature,
}

impl ToIcrs {
    /// Make the function.
    pub fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl Default for ToIcrs {
    fn default() -> Self {
        Self::new()
    }
}

impl ScalarUDFImpl for ToIcrs {
    fn name(&self) -> &str {
        "sky_to_icrs"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(types[1].clone())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let datatype = args.arg_fields[1].data_type();
        match GeometryType::tagged(datatype) {
            Some(kind) => Ok(kind.field(self.name()).into()),
            None => plan_err!("a geometry of numbers is wanted, not a value of type {datatype}"),
        }
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [_, geometry] => match geometry::coerce(self.name(), geometry)? {
                DataType::Utf8 => {
                    plan_err!("a region cannot be converted: name its frame in its text")
                }
                datatype => Ok(vec![DataType::Utf8, datatype]),
            },
            _ => plan_err!("{} takes a frame and a geometry", self.name()),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [ColumnarValue::Scalar(ScalarValue::Utf8(Some(name))), geometry] = args.args.as_slice()
        else {
            return exec_err!("{} takes a frame and a geometry", self.name());
        };
        let Some(frame) = Frame::from_alias(name) else {
            return exec_err!("unknown coordinate system {name}");
        };
        let column = Geometries::of_argument(geometry)?;
        let rows = (0..args.number_rows)
            .map(|row| column.get(row).map(|geometry| transformed(frame, Frame::Icrs, geometry)));
        Ok(ColumnarValue::Array(geometries(column.kind(), rows)?))
    }
}

/// A geometry given in one frame, in another. A region names its frame in its text.
pub(super) fn transformed(from: Frame, to: Frame, geometry: Geometry) -> Geometry {
    if from == to {
        return geometry;
    }
    let turn = |lon: f64, lat: f64| {
        let turned = transform(from, to, &UnitVector::from_lonlat_deg(lon, lat));
        let (lon, lat) = turned.to_lonlat_deg();
        [lon, lat]
    };
    match geometry {
        Geometry::Point([lon, lat]) => Geometry::Point(turn(lon, lat)),
        Geometry::Circle([lon, lat, radius]) => {
            let [lon, lat] = turn(lon, lat);
            Geometry::Circle([lon, lat, radius])
        }
        Geometry::Polygon(numbers) => {
            Geometry::Polygon(numbers.chunks_exact(2).flat_map(|p| turn(p[0], p[1])).collect())
        }
        region @ Geometry::Region(_) => region,
    }
}
