//! `sky_radius` (number): the radius of a cone, NULL where it is negative, as then the cone is.

use std::sync::Arc;

use datafusion::arrow::datatypes::Float64Type;
use datafusion::logical_expr::ScalarUDF;

use super::row_function::{Argument, Returns, RowFunction};

/// Return the function.
pub(crate) fn function() -> ScalarUDF {
    FUNCTION.into_udf()
}

pub(super) const FUNCTION: RowFunction = RowFunction {
    name: "sky_radius",
    overloads: &[&[Argument::Number]],
    returns: Returns::Number,
    body: |call| {
        let radii = call.numbers(0)?;
        let radii = radii.unary_opt::<_, Float64Type>(|radius| (radius >= 0.0).then_some(radius));
        Ok(Arc::new(radii))
    },
};
