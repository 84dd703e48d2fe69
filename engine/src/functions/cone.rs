//! `sky_closed_cone`, `sky_open_cone` (lon, lat, centre's lon, centre's lat, radius): is a position
//! within a radius of another?

use std::sync::Arc;

use almagest_storage::sphgeom::{Angle, Boundary, Cone, UnitVector};
use datafusion::arrow::array::BooleanArray;
use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use super::degrees::{self, Degrees};

/// Name of the test that counts the edge: ADQL's CONTAINS, and `DISTANCE(…) <= r`.
pub const CLOSED: &str = "sky_closed_cone";
/// Name of the test that does not: `DISTANCE(…) < r`.
pub const OPEN: &str = "sky_open_cone";

/// Is a position within a radius of a centre?
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct SkyCone {
    is_open: bool,
    signature: Signature,
}

impl SkyCone {
    /// Make the test that counts the edge.
    pub fn closed() -> Self {
        Self { is_open: false, signature: signature() }
    }

    /// Make the test that does not count the edge.
    pub fn open() -> Self {
        Self { is_open: true, signature: signature() }
    }
}

fn signature() -> Signature {
    Signature::user_defined(Volatility::Immutable)
}

impl ScalarUDFImpl for SkyCone {
    fn name(&self) -> &str {
        if self.is_open { OPEN } else { CLOSED }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        if degrees::count(types) != 5 {
            return datafusion::common::plan_err!(
                "{} takes two positions and a radius",
                self.name()
            );
        }
        degrees::coerce(self.name(), types)
    }

    fn simplify(&self, args: Vec<Expr>, _: &SimplifyContext) -> Result<ExprSimplifyResult> {
        Ok(degrees::write_out(&Self { is_open: self.is_open, signature: signature() }.into(), args))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let boundary = if self.is_open { Boundary::Open } else { Boundary::Closed };
        let numbers = degrees::arguments(self.name(), &args)?;
        let [lon, lat, center_lon, center_lat, radius] = numbers.as_slice() else {
            return datafusion::common::exec_err!("{} takes 5 numbers", self.name());
        };
        let cone = |center, radius| Cone::new(center, Angle::from_degrees(radius), boundary);
        let fixed = match [center_lon, center_lat, radius].map(Degrees::constant) {
            [Some(lon), Some(lat), Some(radius)] => match (lon.zip(lat), radius) {
                (Some((lon, lat)), Some(radius))
                    if let Some(center) = degrees::on_sky(lon, lat) =>
                {
                    let cone = cone(center, radius);
                    Some((cone, cone.bounding_cap().latitudes_deg()))
                }
                _ => {
                    return Ok(ColumnarValue::Array(Arc::new(BooleanArray::new_null(
                        args.number_rows,
                    ))));
                }
            },
            _ => None,
        };
        // A cone of varying centre and one radius shares the limit, which takes a bisection.
        let limit = radius.constant().flatten();
        let limit = limit.map(|radius| cone(UnitVector::from_lonlat_deg(0.0, 0.0), radius));
        let inside: BooleanArray = (0..args.number_rows)
            .map(|row| {
                // Most rows are told by their latitude, without sines.
                if let Some((cone, latitudes)) = &fixed {
                    let (lon, lat) = (lon.value(row)?, lat.value(row)?);
                    if degrees::is_on_sky(lon, lat) && !latitudes.contains(&lat) {
                        return Some(false);
                    }
                    return Some(cone.contains(&degrees::on_sky(lon, lat)?));
                }
                let position = degrees::position(lon, lat, row)?;
                let center = degrees::position(center_lon, center_lat, row)?;
                Some(match &limit {
                    Some(cone) => cone.with_center(center).contains(&position),
                    None => Cone::new(center, Angle::from_degrees(radius.value(row)?), boundary)
                        .contains(&position),
                })
            })
            .collect();
        Ok(ColumnarValue::Array(Arc::new(inside)))
    }
}
