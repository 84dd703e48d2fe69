//! `sky_point` (lon, lat), `sky_circle` (lon, lat, radius), `sky_outline` (lon, lat, …) and
//! `sky_box` (lon, lat, width, height): geometries of numbers.
//!
//! What is no geometry (a latitude beyond a pole, a negative radius, an edge between opposite
//! vertices) is NULL.

use almagest_storage::sphgeom::{Polygon, check_position};
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use super::degrees::{self, Degrees};
use super::polygon::Outline;
use crate::geometry::{GeometryType, circles, points, polygons};

/// Name of the function that makes a position.
pub const POINT: &str = "sky_point";
/// Name of the function that makes a cone.
pub const CIRCLE: &str = "sky_circle";
/// Name of the function that makes a polygon of its vertices.
pub const OUTLINE: &str = "sky_outline";
/// Name of the function that makes ADQL's BOX.
pub const BOX: &str = "sky_box";

/// Makes a geometry of numbers.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Construct {
    form: Form,
    signature: Signature,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Form {
    Point,
    Circle,
    Outline,
    Box,
}

impl Construct {
    /// Return the functions.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        [Form::Point, Form::Circle, Form::Outline, Form::Box].into_iter().map(Self::of)
    }

    fn of(form: Form) -> Self {
        Self { form, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl Form {
    const fn kind(self) -> GeometryType {
        match self {
            Self::Point => GeometryType::Point,
            Self::Circle => GeometryType::Circle,
            Self::Outline | Self::Box => GeometryType::Polygon,
        }
    }

    fn takes(self, n: usize) -> bool {
        match self {
            Self::Point => n == 2,
            Self::Circle => n == 3,
            Self::Outline => Outline::Vertices.takes(n),
            Self::Box => Outline::CenterBox.takes(n),
        }
    }
}

impl ScalarUDFImpl for Construct {
    fn name(&self) -> &str {
        match self.form {
            Form::Point => POINT,
            Form::Circle => CIRCLE,
            Form::Outline => OUTLINE,
            Form::Box => BOX,
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.form.kind().data_type())
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs) -> Result<FieldRef> {
        Ok(self.form.kind().field(self.name()).into())
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        if !self.form.takes(degrees::count(types)) {
            return plan_err!("{}: {} numbers are no geometry", self.name(), types.len());
        }
        degrees::coerce(self.name(), types)
    }

    fn simplify(&self, args: Vec<Expr>, _: &SimplifyContext) -> Result<ExprSimplifyResult> {
        Ok(degrees::write_out(&Self::of(self.form).into(), args))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = degrees::arguments(self.name(), &args)?;
        let rows = 0..args.number_rows;
        Ok(ColumnarValue::Array(match self.form {
            Form::Point => points(rows.map(|row| position(&columns, row))),
            Form::Circle => circles(rows.map(|row| {
                let [lon, lat] = position(&columns, row)?;
                let radius = columns[2].value(row).filter(|radius| *radius >= 0.0)?;
                Some([lon, lat, radius])
            })),
            Form::Outline => polygons(rows.map(|row| {
                let numbers: Vec<f64> =
                    columns.iter().map(|column| column.value(row)).collect::<Option<_>>()?;
                let is_valid = numbers.chunks_exact(2).all(|p| check_position(p[0], p[1]).is_ok())
                    && Outline::Vertices.polygon(&numbers).is_ok();
                is_valid.then_some(numbers)
            })),
            Form::Box => polygons(rows.map(|row| {
                let [lon, lat] = position(&columns, row)?;
                let (width, height) = (columns[2].value(row)?, columns[3].value(row)?);
                let outline = Outline::CenterBox.polygon(&[lon, lat, width, height]).ok()?;
                Some(lonlat_of(&outline))
            })),
        }))
    }
}

fn position(columns: &[Degrees], row: usize) -> Option<[f64; 2]> {
    let (lon, lat) = (columns[0].value(row)?, columns[1].value(row)?);
    check_position(lon, lat).ok().map(|()| [lon, lat])
}

/// The vertices' longitudes and latitudes, degrees.
fn lonlat_of(polygon: &Polygon) -> Vec<f64> {
    polygon
        .vertices()
        .iter()
        .flat_map(|vertex| {
            let (lon, lat) = vertex.to_lonlat_deg();
            [lon, lat]
        })
        .collect()
}
