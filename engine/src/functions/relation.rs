//! `sky_contains` (a, b), `sky_intersects` (a, b): does a geometry lie in another, have they a
//! position in common? For any pair.
//!
//! Where the types of the arguments allow it, a call becomes one of the special predicates, so that
//! all spellings of a condition are one plan:
//!
//! ```text
//!   sky_contains(p, sky_circle(1, 2, 3))      ─▶ sky_closed_cone(p, 1, 2, 3)
//!   sky_intersects(sky_outline(…), p)         ─▶ sky_polygon(p, …)        where p is a POINT
//! ```

use std::sync::Arc;

use almagest_storage::sphgeom::{Angle, Boundary, Cap, Cone, Shape, UnitVector};
use datafusion::arrow::array::BooleanArray;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{ScalarValue, exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, lit,
};

use super::cone::SkyCone;
use super::construct;
use super::polygon::SkyPolygon;
use super::radius;
use super::shapes::Shapes;
use crate::geometry::{self, Geometries, Geometry, GeometryType};

/// Name of the test whether a geometry lies in another.
pub const CONTAINS: &str = "sky_contains";
/// Name of the test whether two geometries have a position in common.
pub const INTERSECTS: &str = "sky_intersects";

/// A relation of two geometries.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Relation {
    intersects: bool,
    signature: Signature,
}

impl Relation {
    /// Return the two functions.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        [false, true].into_iter().map(|intersects| Self {
            intersects,
            signature: Signature::user_defined(Volatility::Immutable),
        })
    }

    fn holds(&self, a: &Shape, b: &Shape) -> bool {
        match (a, b) {
            (Shape::Point(point), shape) => shape.contains_point(point),
            (shape, Shape::Point(point)) if self.intersects => shape.contains_point(point),
            // As where the circles are written out: one measure for all spellings.
            (Shape::Circle(a), Shape::Circle(b)) if b.radius().degrees() < 180.0 => {
                let reach = match self.intersects {
                    true => a.radius() + b.radius(),
                    false => b.radius() - a.radius(),
                };
                Cone::new(*b.center(), reach, Boundary::Closed).contains(a.center())
            }
            (a, b) if self.intersects => a.intersects(b),
            (a, b) => a.is_within(b),
        }
    }
}

impl ScalarUDFImpl for Relation {
    fn name(&self) -> &str {
        if self.intersects { INTERSECTS } else { CONTAINS }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let name = if self.intersects { "INTERSECTS" } else { "CONTAINS" };
        if types.len() != 2 {
            return plan_err!("{name} takes two geometries");
        }
        types.iter().map(|datatype| geometry::coerce(name, datatype)).collect()
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let is_point = |expr: &Expr| {
            Ok::<_, datafusion::error::DataFusionError>(
                GeometryType::tagged(&info.get_data_type(expr)?) == Some(GeometryType::Point),
            )
        };
        let special = match args.as_slice() {
            [point, shape] if is_point(point)? => test_of_point(point, shape),
            [shape, point] if self.intersects && is_point(point)? => test_of_point(point, shape),
            _ => None,
        };
        Ok(match special {
            Some(special) => ExprSimplifyResult::Simplified(special),
            None => ExprSimplifyResult::Original(args),
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let ([a, b], [a_field, b_field]) = (args.args.as_slice(), args.arg_fields.as_slice())
        else {
            return exec_err!("{} takes two geometries", self.name());
        };
        let (a, b) = (Shapes::of_argument(a, a_field)?, Shapes::of_argument(b, b_field)?);
        if let (Some(a), Some(b)) = (a.constant(), b.constant()) {
            let holds = a.zip(b).map(|(a, b)| self.holds(a, b));
            return Ok(ColumnarValue::Scalar(ScalarValue::Boolean(holds)));
        }
        if let (Some(points), Some(Some(shape))) = (a.points(), b.constant()) {
            let holds = (0..args.number_rows).map(|row| Some(holds_point(shape, points.get(row)?)));
            return Ok(ColumnarValue::Array(Arc::new(holds.collect::<BooleanArray>())));
        }
        let holds: BooleanArray = (0..args.number_rows)
            .map(|row| {
                let (one, other) = (a.get(row)?, b.get(row)?);
                // Nothing lies within all; what is not nothing, only where it may meet.
                let is_something = matches!(*one, Shape::Circle(_) | Shape::Polygon(_));
                if (self.intersects || is_something) && !may_meet(&a.cap(&one), &b.cap(&other)) {
                    return Some(false);
                }
                Some(self.holds(&one, &other))
            })
            .collect();
        Ok(ColumnarValue::Array(Arc::new(holds)))
    }
}

/// Do the caps around two shapes overlap? Most pairs of a join are far apart.
fn may_meet(a: &Cap, b: &Cap) -> bool {
    /// Rounding of the sum of two angles.
    const SLACK: Angle = Angle::from_degrees(1e-9);
    a.center.angle_to(&b.center) <= a.radius + b.radius + SLACK
}

/// Does the shape hold the point?
fn holds_point(shape: &Shape, point: Geometry) -> bool {
    let Geometry::Point([lon, lat]) = point else { return false };
    match shape {
        // The cell of the numbers themselves, as rows are sorted by it.
        Shape::Moc(moc) => moc.contains_lonlat_deg(lon, lat),
        shape => shape.contains_point(&UnitVector::from_lonlat_deg(lon, lat)),
    }
}

/// The test whether the circle made of these numbers holds a point.
fn cone_of(point: &Expr, circle: &[Expr]) -> Option<Expr> {
    let (radius, center) = circle.split_last()?;
    let radius = match radius {
        Expr::Literal(..) => radius.clone(),
        other => radius::function().call(vec![other.clone()]),
    };
    let args = [std::slice::from_ref(point), center, &[radius]].concat();
    Some(ScalarUDF::from(SkyCone::closed()).call(args))
}

/// The test whether `shape`, where the expression shows its numbers, holds a point.
fn test_of_point(point: &Expr, shape: &Expr) -> Option<Expr> {
    let (function, numbers): (ScalarUDF, Vec<Expr>) = match shape {
        Expr::ScalarFunction(ScalarFunction { func, args }) => {
            let function = match func.name() {
                construct::CIRCLE => return cone_of(point, args),
                construct::OUTLINE => SkyPolygon::vertices().into(),
                construct::BOX => SkyPolygon::center_box().into(),
                _ => return None,
            };
            (function, args.clone())
        }
        Expr::Literal(value @ (ScalarValue::FixedSizeList(_) | ScalarValue::List(_)), _) => {
            let column = Geometries::of_argument(&ColumnarValue::Scalar(value.clone())).ok()?;
            match column.get(0)? {
                Geometry::Circle(numbers) => (SkyCone::closed().into(), numbers.map(lit).to_vec()),
                Geometry::Polygon(numbers) => {
                    (SkyPolygon::vertices().into(), numbers.into_iter().map(lit).collect())
                }
                Geometry::Point(_) | Geometry::Region(_) => return None,
            }
        }
        _ => return None,
    };
    Some(function.call([vec![point.clone()], numbers].concat()))
}
