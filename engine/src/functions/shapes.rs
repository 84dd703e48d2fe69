//! Geometry values as shapes of the sphere, read once where they are constant.

use std::borrow::Cow;
use std::cell::RefCell;

use almagest_storage::schema::arrow::XTYPE;
use almagest_storage::sphgeom::{Cap, Moc, Shape};
use datafusion::arrow::datatypes::Field;
use datafusion::common::exec_datafusion_err;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::ColumnarValue;

use super::numerals::numerals;
use crate::geometry::{Geometries, Geometry, GeometryType};

/// An argument of a function as shapes.
///
/// What is no shape ends the query where it is constant, and is NULL in a column.
pub(crate) struct Shapes {
    geometries: Geometries,
    /// What text holds, where its column says so.
    declared: Option<GeometryType>,
    constant: Option<Option<Bounded>>,
    /// Many rows in a row often hold the same text.
    last: RefCell<Option<(String, Option<Shape>)>>,
}

impl Shapes {
    /// Read an argument; `field` describes it.
    pub fn of_argument(argument: &ColumnarValue, field: &Field) -> Result<Self> {
        let geometries = Geometries::of_argument(argument)?;
        let declared = field.metadata().get(XTYPE).and_then(|xtype| GeometryType::of_xtype(xtype));
        let constant = match geometries.is_constant() {
            true => Some(match geometries.get(0) {
                Some(geometry) => Some(Bounded::of(shape(&geometry, declared)?)),
                None => None,
            }),
            false => None,
        };
        Ok(Self { geometries, declared, constant, last: RefCell::new(None) })
    }

    /// The shape that stands in each row; the outer `None` is for columns.
    pub fn constant(&self) -> Option<Option<&Shape>> {
        self.constant.as_ref().map(|bounded| bounded.as_ref().map(|bounded| &bounded.shape))
    }

    /// A cap that holds `shape`, which is that of a row.
    pub fn cap(&self, shape: &Shape) -> Cap {
        match &self.constant {
            Some(Some(bounded)) => bounded.cap,
            _ => shape.bounding_cap(),
        }
    }

    /// The column, if it is one of points.
    pub fn points(&self) -> Option<&Geometries> {
        let is_points = self.geometries.kind() == GeometryType::Point && self.constant.is_none();
        is_points.then_some(&self.geometries)
    }

    /// The shape of a row; `None` where there is none.
    pub fn get(&self, row: usize) -> Option<Cow<'_, Shape>> {
        if let Some(constant) = &self.constant {
            return constant.as_ref().map(|bounded| Cow::Borrowed(&bounded.shape));
        }
        let Some(text) = self.geometries.text(row) else {
            return shape(&self.geometries.get(row)?, self.declared).ok().map(Cow::Owned);
        };
        let mut last = self.last.borrow_mut();
        if let Some((_, found)) = last.as_ref().filter(|(known, _)| known == text) {
            return found.clone().map(Cow::Owned);
        }
        let found = shape(&Geometry::Region(text.to_owned()), self.declared).ok();
        *last = Some((text.to_owned(), found.clone()));
        found.map(Cow::Owned)
    }
}

/// A shape, and a cap that holds it.
struct Bounded {
    shape: Shape,
    cap: Cap,
}

impl Bounded {
    fn of(shape: Shape) -> Self {
        Self { cap: shape.bounding_cap(), shape }
    }
}

/// Make the shape of a geometry; text is read as its column declares it.
pub(crate) fn shape(geometry: &Geometry, declared: Option<GeometryType>) -> Result<Shape> {
    match geometry {
        Geometry::Point([lon, lat]) => Shape::point_deg(*lon, *lat).map_err(fault),
        Geometry::Circle([lon, lat, radius]) => {
            Shape::circle_deg(*lon, *lat, *radius).map_err(fault)
        }
        Geometry::Polygon(numbers) => {
            if !numbers.len().is_multiple_of(2) {
                let n = numbers.len();
                return Err(exec_datafusion_err!("a polygon has {n} coordinates, an odd number"));
            }
            let vertices: Vec<(f64, f64)> =
                numbers.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
            Shape::polygon_deg(&vertices).map_err(fault)
        }
        Geometry::Region(text) => match declared {
            Some(kind @ (GeometryType::Point | GeometryType::Circle | GeometryType::Polygon)) => {
                shape(&numerals(kind, text)?, None)
            }
            _ => region(text),
        },
    }
}

/// Read STC-S, a DALI shape or an ASCII MOC.
pub(crate) fn region(text: &str) -> Result<Shape> {
    parse(text).map_err(fault)
}

fn fault(error: impl std::fmt::Display) -> DataFusionError {
    exec_datafusion_err!("{error}")
}

/// Read STC-S, a DALI shape or an ASCII MOC, or say what is wrong with it.
pub(crate) fn parse(text: &str) -> std::result::Result<Shape, String> {
    let is_moc = text.trim_start().starts_with(|c: char| c.is_ascii_digit()) && text.contains('/');
    match is_moc {
        true => Moc::parse(text).map(Shape::Moc).map_err(|error| error.to_string()),
        false => Shape::parse(text).map_err(|error| error.to_string()),
    }
}
