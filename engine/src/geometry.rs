//! Geometries as values: POINT, CIRCLE, POLYGON and REGION in columns and arguments.
//!
//! Their Arrow types are those of [`GeometryType`]. A geometry without one of its numbers is NULL.

use std::sync::Arc;

pub use almagest_storage::schema::GeometryType;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListArray, Float64Array, ListArray, StringArray,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::ColumnarValue;

/// One geometry, ICRS degrees.
#[derive(Debug, Clone, PartialEq)]
pub enum Geometry {
    /// Longitude and latitude.
    Point([f64; 2]),
    /// Longitude and latitude of the centre, radius.
    Circle([f64; 3]),
    /// Longitude and latitude of each vertex.
    Polygon(Vec<f64>),
    /// STC-S, a DALI shape or an ASCII MOC.
    Region(String),
}

/// Coerce the argument of a function to a geometry.
///
/// # Errors
/// A type that holds no geometries.
pub(crate) fn coerce(function: &str, data_type: &DataType) -> Result<DataType> {
    if let Some(kind) =
        GeometryType::tagged(data_type).or_else(|| GeometryType::of_data_type(data_type))
    {
        return Ok(kind.data_type());
    }
    if data_type.is_null() {
        return Ok(GeometryType::Region.data_type());
    }
    plan_err!("{function}: a geometry is wanted, not a value of type {data_type}")
}

/// Make a column of points; each is longitude and latitude.
pub fn points(rows: impl Iterator<Item = Option<[f64; 2]>>) -> ArrayRef {
    fixed(GeometryType::Point, rows)
}

/// Make a column of circles; each is longitude, latitude and radius.
pub fn circles(rows: impl Iterator<Item = Option<[f64; 3]>>) -> ArrayRef {
    fixed(GeometryType::Circle, rows)
}

fn fixed<const N: usize>(
    kind: GeometryType,
    rows: impl Iterator<Item = Option<[f64; N]>>,
) -> ArrayRef {
    let mut numbers = Vec::with_capacity(rows.size_hint().0 * N);
    let mut valid = Vec::with_capacity(rows.size_hint().0);
    for row in rows {
        valid.push(row.is_some());
        numbers.extend(row.unwrap_or([0.0; N]));
    }
    let nulls = Some(NullBuffer::from(valid)).filter(|nulls| nulls.null_count() > 0);
    let numbers = Arc::new(Float64Array::from(numbers));
    Arc::new(FixedSizeListArray::new(kind.element(), N as i32, numbers, nulls))
}

/// Make a column of polygons; each is the longitude and latitude of every vertex.
pub fn polygons(rows: impl Iterator<Item = Option<Vec<f64>>>) -> ArrayRef {
    let (mut numbers, mut lengths, mut valid) = (vec![], vec![], vec![]);
    for row in rows {
        valid.push(row.is_some());
        let row = row.unwrap_or_default();
        lengths.push(row.len());
        numbers.extend(row);
    }
    let nulls = Some(NullBuffer::from(valid)).filter(|nulls| nulls.null_count() > 0);
    let numbers = Arc::new(Float64Array::from(numbers));
    let offsets = OffsetBuffer::from_lengths(lengths);
    Arc::new(ListArray::new(GeometryType::Polygon.element(), offsets, numbers, nulls))
}

/// Make a column of geometries of one type.
///
/// # Errors
/// A geometry is of another type.
pub fn geometries(
    kind: GeometryType,
    rows: impl Iterator<Item = Option<Geometry>>,
) -> Result<ArrayRef> {
    let rows: Vec<Option<Geometry>> = rows.collect();
    if let Some(other) = rows.iter().flatten().find(|geometry| geometry.kind() != kind) {
        return exec_err!(
            "a {} stands among geometries of type {}",
            other.kind().xtype(),
            kind.xtype()
        );
    }
    let rows = rows.into_iter();
    Ok(match kind {
        GeometryType::Point => points(rows.map(|row| match row {
            Some(Geometry::Point(numbers)) => Some(numbers),
            _ => None,
        })),
        GeometryType::Circle => circles(rows.map(|row| match row {
            Some(Geometry::Circle(numbers)) => Some(numbers),
            _ => None,
        })),
        GeometryType::Polygon => polygons(rows.map(|row| match row {
            Some(Geometry::Polygon(numbers)) => Some(numbers),
            _ => None,
        })),
        GeometryType::Region => Arc::new(StringArray::from_iter(rows.map(|row| match row {
            Some(Geometry::Region(text)) => Some(text),
            _ => None,
        }))),
    })
}

/// A column, or one value for all rows, read as geometries.
pub struct Geometries {
    kind: GeometryType,
    array: ArrayRef,
    is_constant: bool,
}

impl Geometries {
    /// Read a column of one of the types above, or of any array of numbers that fits.
    ///
    /// # Errors
    /// A type that holds no geometries.
    pub fn try_new(array: &ArrayRef) -> Result<Self> {
        let data_type = array.data_type();
        let kind =
            GeometryType::tagged(data_type).or_else(|| GeometryType::of_data_type(data_type));
        let Some(kind) = kind else {
            return exec_err!("values of type {data_type} are no geometries");
        };
        let array = match *data_type == kind.data_type() {
            true => array.clone(),
            false => cast(array, &kind.data_type())?,
        };
        Ok(Self { kind, array, is_constant: false })
    }

    /// Read the argument of a function.
    ///
    /// # Errors
    /// A type that holds no geometries.
    pub fn of_argument(argument: &ColumnarValue) -> Result<Self> {
        let is_constant = matches!(argument, ColumnarValue::Scalar(_));
        Ok(Self { is_constant, ..Self::try_new(&argument.to_array(1)?)? })
    }

    /// Is the value the same for all rows?
    pub fn is_constant(&self) -> bool {
        self.is_constant
    }

    /// What the values are.
    pub fn kind(&self) -> GeometryType {
        self.kind
    }

    /// Return the geometry of a row, unless it or one of its numbers is NULL.
    pub fn get(&self, row: usize) -> Option<Geometry> {
        let row = self.place(row);
        if self.array.is_null(row) {
            return None;
        }
        Some(match self.kind {
            GeometryType::Region => {
                Geometry::Region(self.array.as_string::<i32>().value(row).to_owned())
            }
            GeometryType::Polygon => {
                let numbers = self.array.as_list::<i32>().value(row);
                Geometry::Polygon(finite(&numbers)?)
            }
            GeometryType::Point => Geometry::Point(self.numbers(row)?),
            GeometryType::Circle => Geometry::Circle(self.numbers(row)?),
        })
    }

    fn place(&self, row: usize) -> usize {
        if self.is_constant { 0 } else { row }
    }

    fn numbers<const N: usize>(&self, row: usize) -> Option<[f64; N]> {
        let list = self.array.as_fixed_size_list();
        let all = list.values().as_primitive::<Float64Type>();
        let first = list.value_offset(row) as usize;
        let is_number = |at: usize| all.is_valid(at) && all.value(at).is_finite();
        (first..first + N).all(is_number).then(|| std::array::from_fn(|k| all.value(first + k)))
    }

    /// Return text without a copy; `None` for another type and for NULL.
    pub fn text(&self, row: usize) -> Option<&str> {
        let row = self.place(row);
        let strings = self.array.as_string_opt::<i32>()?;
        strings.is_valid(row).then(|| strings.value(row))
    }
}

/// All the numbers of an array, or none where one is lacking.
fn finite(numbers: &ArrayRef) -> Option<Vec<f64>> {
    let numbers = numbers.as_primitive::<Float64Type>();
    let all = numbers.null_count() == 0 && numbers.values().iter().all(|x| x.is_finite());
    all.then(|| numbers.values().to_vec())
}

impl Geometry {
    /// What it is.
    pub const fn kind(&self) -> GeometryType {
        match self {
            Self::Point(_) => GeometryType::Point,
            Self::Circle(_) => GeometryType::Circle,
            Self::Polygon(_) => GeometryType::Polygon,
            Self::Region(_) => GeometryType::Region,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn values_come_back() {
        let point = Geometry::Point([10.0, -20.0]);
        let circle = Geometry::Circle([359.5, 89.0, 0.25]);
        let polygon = Geometry::Polygon(vec![1.0, 2.0, 3.0, 2.0, 2.0, 4.0]);
        let region = Geometry::Region("UNION ICRS (CIRCLE 1 2 3 CIRCLE 4 5 6)".to_owned());
        for geometry in [point, circle, polygon, region] {
            let kind = geometry.kind();
            let rows = vec![None, Some(geometry.clone()), None];
            let array = geometries(kind, rows.clone().into_iter()).unwrap();
            assert_eq!(array.data_type(), &kind.data_type());
            let column = Geometries::try_new(&array).unwrap();
            assert_eq!(column.kind(), kind);
            let found: Vec<_> = (0..3).map(|row| column.get(row)).collect();
            assert_eq!(found, rows);
        }
    }

    #[test]
    fn arrays_of_numbers_are_geometries() {
        let lists = ListArray::from_iter_primitive::<Float64Type, _, _>(vec![
            Some([1.0, 2.0, 3.0, 4.0, 5.0, 7.0].map(Some)),
            Some([Some(1.0), Some(2.0), Some(3.0), None, Some(5.0), Some(7.0)]),
            None,
        ]);
        let column = Geometries::try_new(&(Arc::new(lists) as ArrayRef)).unwrap();
        assert_eq!(column.get(0), Some(Geometry::Polygon(vec![1.0, 2.0, 3.0, 4.0, 5.0, 7.0])));
        assert_eq!((column.get(1), column.get(2)), (None, None));
        let numbers: ArrayRef = Arc::new(Float64Array::from(vec![1.0]));
        assert!(Geometries::try_new(&numbers).is_err());
    }

    #[test]
    fn a_mixture_is_refused() {
        let rows = vec![Some(Geometry::Point([1.0, 2.0]))];
        assert!(geometries(GeometryType::Circle, rows.into_iter()).is_err());
    }
}
