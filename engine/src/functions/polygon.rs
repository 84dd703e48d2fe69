//! `sky_polygon` (lon, lat, vertices…) and `sky_center_box` (lon, lat, centre's lon, centre's lat,
//! width, height): does a shape of great-circle edges hold a position?

use std::sync::Arc;

use almagest_storage::sphgeom::{Angle, Polygon};
use datafusion::arrow::array::BooleanArray;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{exec_datafusion_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use super::degrees::{self, Degrees};

/// Name of the test against a polygon given by its vertices.
pub const POLYGON: &str = "sky_polygon";
/// Name of the test against ADQL's BOX.
pub const CENTER_BOX: &str = "sky_center_box";

/// How a polygon's numbers are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Outline {
    /// Three or more pairs of longitude and latitude.
    Vertices,
    /// Longitude and latitude of the centre, width, height.
    CenterBox,
}

impl Outline {
    /// Can an outline have `n` numbers?
    pub fn takes(self, n: usize) -> bool {
        match self {
            Self::Vertices => n >= 6 && n.is_multiple_of(2),
            Self::CenterBox => n == 4,
        }
    }

    /// Make the polygon of `numbers`.
    pub fn polygon(self, numbers: &[f64]) -> Result<Polygon> {
        let polygon = match (self, numbers) {
            (Self::CenterBox, &[lon, lat, width, height]) => Polygon::center_box_deg(
                lon,
                lat,
                Angle::from_degrees(width),
                Angle::from_degrees(height),
            ),
            _ => {
                let vertices: Vec<(f64, f64)> =
                    numbers.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
                Polygon::try_from_lonlat_deg(&vertices)
            }
        };
        polygon.map_err(|error| exec_datafusion_err!("{error}"))
    }

    /// Return the polygon in each row: one for all where no number is a column.
    pub fn polygons(self, numbers: &[Degrees]) -> Result<Polygons<'_>> {
        if numbers.iter().any(|number| number.constant().is_none()) {
            return Ok(Polygons::Varying(self, numbers));
        }
        let constants: Option<Vec<f64>> =
            numbers.iter().map(|number| number.constant().flatten()).collect();
        Ok(Polygons::Fixed(match constants {
            Some(numbers) => Some(self.polygon(&numbers)?),
            None => None,
        }))
    }
}

/// The polygons of a column of calls.
pub(crate) enum Polygons<'a> {
    Fixed(Option<Polygon>),
    Varying(Outline, &'a [Degrees]),
}

impl Polygons<'_> {
    /// Apply `test` to the polygon of `row`; NULL where a number is.
    pub fn test(&self, row: usize, test: impl Fn(&Polygon) -> bool) -> Result<Option<bool>> {
        match self {
            Self::Fixed(polygon) => Ok(polygon.as_ref().map(test)),
            Self::Varying(outline, numbers) => {
                let numbers: Option<Vec<f64>> =
                    numbers.iter().map(|number| number.value(row)).collect();
                match numbers {
                    // Of the numbers of a row that describe no shape nothing is known.
                    Some(numbers) => Ok(outline.polygon(&numbers).ok().map(|shape| test(&shape))),
                    None => Ok(None),
                }
            }
        }
    }
}

/// Does a shape of great-circle edges hold a position, edges included?
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct SkyPolygon {
    outline: Outline,
    signature: Signature,
}

impl SkyPolygon {
    /// Make the test against vertices.
    pub fn vertices() -> Self {
        Self::of(Outline::Vertices)
    }

    /// Make the test against ADQL's BOX.
    pub fn center_box() -> Self {
        Self::of(Outline::CenterBox)
    }

    fn of(outline: Outline) -> Self {
        Self { outline, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for SkyPolygon {
    fn name(&self) -> &str {
        match self.outline {
            Outline::Vertices => POLYGON,
            Outline::CenterBox => CENTER_BOX,
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        if !degrees::count(types).checked_sub(2).is_some_and(|n| self.outline.takes(n)) {
            return plan_err!("{}: {} numbers do not describe a shape", self.name(), types.len());
        }
        degrees::coerce(self.name(), types)
    }

    fn simplify(&self, args: Vec<Expr>, _: &SimplifyContext) -> Result<ExprSimplifyResult> {
        Ok(degrees::write_out(&Self::of(self.outline).into(), args))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let numbers = degrees::arguments(self.name(), &args)?;
        let (position, outline) = numbers.split_at(2);
        let polygons = self.outline.polygons(outline)?;
        let inside: BooleanArray = (0..args.number_rows)
            .map(|row| {
                let Some(position) = degrees::position(&position[0], &position[1], row) else {
                    return Ok(None);
                };
                polygons.test(row, |polygon| polygon.contains(&position))
            })
            .collect::<Result<_>>()?;
        Ok(ColumnarValue::Array(Arc::new(inside)))
    }
}
