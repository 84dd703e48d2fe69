//! `sky_polygon_meets_cone` (centre's lon, lat, radius, vertices…) and `sky_center_box_meets_cone`
//! (centre's lon, lat, radius, box's lon, lat, width, height): do two shapes overlap?

use std::sync::Arc;

use almagest_storage::sphgeom::{Angle, Polygon};
use datafusion::arrow::array::BooleanArray;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use super::degrees;
use super::polygon::Outline;

/// Name of the test of a polygon given by its vertices.
pub const POLYGON: &str = "sky_polygon_meets_cone";
/// Name of the test of ADQL's BOX.
pub const CENTER_BOX: &str = "sky_center_box_meets_cone";

/// Do a polygon and a closed cone have a point in common?
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct PolygonMeetsCone {
    outline: Outline,
    signature: Signature,
}

impl PolygonMeetsCone {
    /// Make the test of a polygon given by its vertices.
    pub fn vertices() -> Self {
        Self::of(Outline::Vertices)
    }

    /// Make the test of ADQL's BOX.
    pub fn center_box() -> Self {
        Self::of(Outline::CenterBox)
    }

    fn of(outline: Outline) -> Self {
        Self { outline, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for PolygonMeetsCone {
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
        if !degrees::count(types).checked_sub(3).is_some_and(|n| self.outline.takes(n)) {
            return plan_err!(
                "{}: {} numbers do not describe two shapes",
                self.name(),
                types.len()
            );
        }
        degrees::coerce(self.name(), types)
    }

    fn simplify(&self, args: Vec<Expr>, _: &SimplifyContext) -> Result<ExprSimplifyResult> {
        Ok(degrees::write_out(&Self::of(self.outline).into(), args))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let numbers = degrees::arguments(self.name(), &args)?;
        let (cone, outline) = numbers.split_at(3);
        let polygons = self.outline.polygons(outline)?;
        let meets: BooleanArray = (0..args.number_rows)
            .map(|row| {
                let center = degrees::position(&cone[0], &cone[1], row);
                let radius = cone[2].value(row).filter(|radius| *radius >= 0.0);
                let Some((center, radius)) = center.zip(radius) else {
                    return Ok(None);
                };
                let radius = Angle::from_degrees(radius);
                let is_met = |polygon: &Polygon| {
                    polygon.contains(&center) || polygon.distance_to(&center) <= radius
                };
                polygons.test(row, is_met)
            })
            .collect::<Result<_>>()?;
        Ok(ColumnarValue::Array(Arc::new(meets)))
    }
}
