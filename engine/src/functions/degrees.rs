//! Arguments of sky functions: any numbers, taken as columns of degrees; and points, each of which
//! stands for two of them.
//!
//! ```text
//!   sky_closed_cone(ra, dec, 10, 20, 1)  =  sky_closed_cone(p, q, 1)
//! ```

use almagest_storage::sphgeom::UnitVector;
use datafusion::arrow::array::{Array, AsArray, Float64Array};
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{ScalarValue, exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::simplify::ExprSimplifyResult;
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, lit};

use super::construct;
use crate::geometry::{Geometries, Geometry, GeometryType};

/// One number: the same in each row, or a column.
pub(crate) enum Degrees {
    Constant(Option<f64>),
    Column(Float64Array),
}

impl Degrees {
    /// Return the number in `row`, unless it is NULL.
    pub fn value(&self, row: usize) -> Option<f64> {
        match self {
            Self::Constant(value) => *value,
            Self::Column(column) => column.is_valid(row).then(|| column.value(row)),
        }
    }

    /// Return the number that stands in each row; the outer `None` is for columns.
    pub fn constant(&self) -> Option<Option<f64>> {
        match self {
            Self::Constant(value) => Some(*value),
            Self::Column(_) => None,
        }
    }
}

/// The position in `row`; none where a coordinate is NULL, or the latitude lies beyond a pole.
pub(crate) fn position(lon: &Degrees, lat: &Degrees, row: usize) -> Option<UnitVector> {
    on_sky(lon.value(row)?, lat.value(row)?)
}

/// The direction of a longitude and a latitude; none where the latitude lies beyond a pole.
pub(crate) fn on_sky(lon: f64, lat: f64) -> Option<UnitVector> {
    is_on_sky(lon, lat).then(|| UnitVector::from_lonlat_deg(lon, lat))
}

/// Are these a longitude and a latitude?
pub(crate) fn is_on_sky(lon: f64, lat: f64) -> bool {
    lon.is_finite() && (-90.0..=90.0).contains(&lat)
}

/// Return the numbers of a call, whose types were coerced as below.
pub(crate) fn arguments(function: &str, args: &ScalarFunctionArgs) -> Result<Vec<Degrees>> {
    numbers(function, &args.args, args.number_rows)
}

/// Return the numbers that values of rows stand for, whose types were coerced as below.
pub(crate) fn numbers(
    function: &str,
    values: &[ColumnarValue],
    n_rows: usize,
) -> Result<Vec<Degrees>> {
    let mut numbers = Vec::with_capacity(values.len());
    for value in values {
        match value {
            ColumnarValue::Scalar(ScalarValue::Float64(value)) => {
                numbers.push(Degrees::Constant(*value));
            }
            ColumnarValue::Array(array) if array.data_type() == &DataType::Float64 => {
                numbers.push(Degrees::Column(array.as_primitive::<Float64Type>().clone()));
            }
            point if GeometryType::tagged(&point.data_type()) == Some(GeometryType::Point) => {
                numbers.extend(coordinates(point, n_rows)?);
            }
            other => return exec_err!("{function}: argument of type {}", other.data_type()),
        }
    }
    Ok(numbers)
}

fn coordinates(points: &ColumnarValue, n_rows: usize) -> Result<[Degrees; 2]> {
    let points = Geometries::of_argument(points)?;
    let coordinate = |row: usize, index: usize| match points.get(row) {
        Some(Geometry::Point(numbers)) => Some(numbers[index]),
        _ => None,
    };
    Ok([0, 1].map(|index| match points.is_constant() {
        true => Degrees::Constant(coordinate(0, index)),
        false => Degrees::Column((0..n_rows).map(|row| coordinate(row, index)).collect()),
    }))
}

/// Coerce numbers and NULLs to Float64 and arrays of two numbers to points; refuse the rest.
pub(crate) fn coerce(function: &str, types: &[DataType]) -> Result<Vec<DataType>> {
    types
        .iter()
        .map(|datatype| match datatype {
            datatype if datatype.is_numeric() || datatype.is_null() => Ok(DataType::Float64),
            datatype => match GeometryType::of_data_type(datatype) {
                Some(GeometryType::Point) => Ok(GeometryType::Point.data_type()),
                Some(GeometryType::Region) => {
                    plan_err!("{function}: a POINT or a number of degrees is wanted, not text; CAST(… AS POINT) reads one")
                }
                Some(other) => plan_err!(
                    "{function}: a POINT or a number of degrees is wanted, not a {}",
                    other.xtype().to_uppercase()
                ),
                None => plan_err!("{function}: a number of degrees is wanted, not {datatype}"),
            },
        })
        .collect()
}

/// How many numbers arguments of these types stand for.
pub(crate) fn count(types: &[DataType]) -> usize {
    types.iter().map(|datatype| if datatype.is_nested() { 2 } else { 1 }).sum()
}

/// Write out points that are made of numbers in the same expression.
///
/// A point of which a number is NULL is NULL, and so is every function of either.
pub(crate) fn write_out(function: &ScalarUDF, args: Vec<Expr>) -> ExprSimplifyResult {
    if !args.iter().any(|arg| numbers_of(arg).is_some()) {
        return ExprSimplifyResult::Original(args);
    }
    ExprSimplifyResult::Simplified(function.call(written_out(args)))
}

/// The arguments with points made of numbers replaced by those.
pub(crate) fn written_out(args: Vec<Expr>) -> Vec<Expr> {
    args.into_iter().flat_map(|arg| numbers_of(&arg).unwrap_or_else(|| vec![arg])).collect()
}

/// The numbers of which a point is made, where the expression shows them.
fn numbers_of(point: &Expr) -> Option<Vec<Expr>> {
    match point {
        Expr::ScalarFunction(ScalarFunction { func, args }) if func.name() == construct::POINT => {
            Some(args.clone())
        }
        Expr::Literal(value @ ScalarValue::FixedSizeList(_), _) => {
            let column = Geometries::of_argument(&ColumnarValue::Scalar(value.clone())).ok()?;
            match (column.kind(), column.get(0)) {
                (GeometryType::Point, Some(Geometry::Point(numbers))) => {
                    Some(numbers.map(lit).to_vec())
                }
                (GeometryType::Point, None) => Some(vec![lit(ScalarValue::Float64(None)); 2]),
                _ => None,
            }
        }
        _ => None,
    }
}
