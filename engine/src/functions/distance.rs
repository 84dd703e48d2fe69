//! `sky_distance` (lon, lat, lon, lat): the angle between two positions, degrees.

use std::sync::Arc;

use almagest_storage::schema::arrow::{UCD, UNIT};
use almagest_storage::sphgeom::distance_deg;
use datafusion::arrow::array::Float64Array;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::error::Result;
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use super::degrees;
use super::range;

/// The angle between two positions.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct SkyDistance {
    signature: Signature,
}

impl SkyDistance {
    /// Make the function.
    pub fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl Default for SkyDistance {
    fn default() -> Self {
        Self::new()
    }
}

impl ScalarUDFImpl for SkyDistance {
    fn name(&self) -> &str {
        "sky_distance"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs) -> Result<FieldRef> {
        let metadata = [(UNIT, "deg"), (UCD, "pos.angDistance")];
        let field = Field::new(self.name(), DataType::Float64, true);
        Ok(field.with_metadata(metadata.map(|(k, v)| (k.into(), v.into())).into()).into())
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        if degrees::count(types) != 4 {
            return datafusion::common::plan_err!("sky_distance takes two positions");
        }
        degrees::coerce(self.name(), types)
    }

    fn simplify(&self, args: Vec<Expr>, _: &SimplifyContext) -> Result<ExprSimplifyResult> {
        Ok(degrees::write_out(&Self::new().into(), args))
    }

    fn evaluate_bounds(&self, _: &[&Interval]) -> Result<Interval> {
        range::any_double()
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let degrees = degrees::arguments(self.name(), &args)?;
        let [lon1, lat1, lon2, lat2] = degrees.as_slice() else {
            return datafusion::common::exec_err!("sky_distance takes 4 numbers");
        };
        let distances: Float64Array = (0..args.number_rows)
            .map(|row| {
                let on_sky = |lat: f64| (-90.0..=90.0).contains(&lat);
                let (lat1, lat2) = (lat1.value(row)?, lat2.value(row)?);
                let is_known = on_sky(lat1) && on_sky(lat2);
                is_known
                    .then_some(distance_deg(lon1.value(row)?, lat1, lon2.value(row)?, lat2))
                    .filter(|distance| distance.is_finite())
            })
            .collect();
        Ok(ColumnarValue::Array(Arc::new(distances)))
    }
}
