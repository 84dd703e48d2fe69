//! `sky_as_point` (text), `sky_as_circle` (text), `sky_as_polygon` (text): casts of DALI's strings,
//! such as `10.5 -20.25 0.5`, to geometries. `sky_as_region` (text or geometry): a region, of which
//! each may be another shape.
//!
//! Reference: DALI 1.1, section 3.3.

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{exec_datafusion_err, exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use super::shapes::{self, shape};
use crate::geometry::{Geometries, Geometry, GeometryType, geometries};

/// Reads a geometry from text.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct AsGeometry {
    kind: GeometryType,
    signature: Signature,
}

impl AsGeometry {
    /// Return the functions.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        use GeometryType::{Circle, Point, Polygon, Region};
        [Point, Circle, Polygon, Region]
            .into_iter()
            .map(|kind| Self { kind, signature: Signature::user_defined(Volatility::Immutable) })
    }
}

impl ScalarUDFImpl for AsGeometry {
    fn name(&self) -> &str {
        match self.kind {
            GeometryType::Point => "sky_as_point",
            GeometryType::Circle => "sky_as_circle",
            GeometryType::Polygon => "sky_as_polygon",
            GeometryType::Region => "sky_as_region",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.kind.data_type())
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs) -> Result<FieldRef> {
        Ok(self.kind.field(self.name()).into())
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [from] = types else {
            return plan_err!("{} takes one argument", self.name());
        };
        match GeometryType::of_data_type(from) {
            Some(kind)
                if kind == self.kind || [kind, self.kind].contains(&GeometryType::Region) =>
            {
                Ok(vec![kind.data_type()])
            }
            _ if from.is_null() => Ok(vec![self.kind.data_type()]),
            _ => {
                let to = self.kind.xtype().to_uppercase();
                plan_err!("there is no cast from {from} to {to}")
            }
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [text] = args.args.as_slice() else {
            return exec_err!("{} takes one argument", self.name());
        };
        let column = Geometries::of_argument(text)?;
        if column.kind() == self.kind && self.kind != GeometryType::Region {
            return Ok(text.clone());
        }
        let read = |row| match self.kind {
            GeometryType::Region => column.get(row).map(region).transpose(),
            kind => column.text(row).map(|text| numerals(kind, text)).transpose(),
        };
        let rows = (0..args.number_rows).map(read).collect::<Result<Vec<Option<Geometry>>>>()?;
        Ok(ColumnarValue::Array(geometries(self.kind, rows.into_iter())?))
    }
}

/// A geometry as a region: a DALI shape.
///
/// # Errors
/// A text that describes no shape.
fn region(geometry: Geometry) -> Result<Geometry> {
    let numbers = |word: &str, numbers: &[f64]| {
        numbers.iter().fold(word.to_owned(), |text, number| format!("{text} {number}"))
    };
    Ok(Geometry::Region(match geometry {
        Geometry::Point(lonlat) => numbers("POSITION", &lonlat),
        Geometry::Circle(circle) => numbers("CIRCLE", &circle),
        Geometry::Polygon(vertices) => numbers("POLYGON", &vertices),
        Geometry::Region(text) => {
            shapes::region(&text)?;
            text
        }
    }))
}

/// Read a geometry of the numbers in `text`.
///
/// # Errors
/// Something that is no number, too few or too many of them, or numbers that are no geometry.
pub(crate) fn numerals(kind: GeometryType, text: &str) -> Result<Geometry> {
    let wanted = match kind {
        GeometryType::Point => "two numbers such as '10.5 -20.25'",
        GeometryType::Circle => "three numbers such as '10.5 -20.25 0.5'",
        _ => "pairs of numbers such as '10 20 11 20 11 21'",
    };
    let fault = || {
        let shown: String =
            text.chars().take(60).map(|c| if c.is_control() { ' ' } else { c }).collect();
        exec_datafusion_err!("'{shown}' is no {}: {wanted} are wanted", kind.xtype().to_uppercase())
    };
    let numbers: Vec<f64> = text
        .split_ascii_whitespace()
        .map(|word| word.parse().ok().filter(|number: &f64| number.is_finite()))
        .collect::<Option<_>>()
        .ok_or_else(fault)?;
    let geometry = match (kind, numbers.as_slice()) {
        (GeometryType::Point, &[lon, lat]) => Geometry::Point([lon, lat]),
        (GeometryType::Circle, &[lon, lat, radius]) => Geometry::Circle([lon, lat, radius]),
        (GeometryType::Polygon, [_, _, _, _, _, _, ..]) => Geometry::Polygon(numbers),
        _ => return Err(fault()),
    };
    shape(&geometry, None)?;
    Ok(geometry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_and_judged() {
        let check = |kind, text: &str, expected: Option<Geometry>| {
            assert_eq!(numerals(kind, text).ok(), expected, "{text}");
        };
        check(GeometryType::Point, " 1.5 -2e1 ", Some(Geometry::Point([1.5, -20.0])));
        check(GeometryType::Point, "1 91", None);
        check(GeometryType::Point, "1 NaN", None);
        check(GeometryType::Point, "1", None);
        check(GeometryType::Circle, "1 2 3", Some(Geometry::Circle([1.0, 2.0, 3.0])));
        check(GeometryType::Circle, "1 2 -3", None);
        let triangle = vec![1.0, 2.0, 3.0, 2.0, 2.0, 4.0];
        check(GeometryType::Polygon, "1 2 3 2 2 4", Some(Geometry::Polygon(triangle)));
        check(GeometryType::Polygon, "1 2 3 2 2 4 5", None);
        check(GeometryType::Polygon, "1 2 1 2 1 2", None);
    }
}
