//! Columns of geometries: their Arrow types, and what is said of them.
//!
//! ```text
//!   POINT     FixedSizeList<Float64, 2>   lon, lat
//!   CIRCLE    FixedSizeList<Float64, 3>   lon, lat, radius        ICRS degrees
//!   POLYGON   List<Float64>               lon, lat of each vertex
//!   REGION    Utf8                        STC-S, a DALI shape, or an ASCII MOC
//! ```
//!
//! The field inside a list is called `point`, `circle` or `polygon`: it is a part of the type, so
//! that a geometry is still one where the metadata of columns get lost.
//!
//! In Felis a geometry is a `double` (or text) with a `votable:xtype`.
//!
//! Reference: DALI 1.1, section 3.3.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};

use super::arrow::{ARRAYSIZE, DATATYPE, UCD, UNIT, XTYPE};

/// What geometries a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GeometryType {
    /// A position.
    Point,
    /// A cone.
    Circle,
    /// Great-circle edges; ADQL's BOX is one.
    Polygon,
    /// Any shape, as text.
    Region,
}

impl GeometryType {
    /// The extended type of DALI.
    pub const fn xtype(self) -> &'static str {
        match self {
            Self::Point => "point",
            Self::Circle => "circle",
            Self::Polygon => "polygon",
            Self::Region => "region",
        }
    }

    /// How many numbers make up a value, written as in VOTable.
    pub const fn arraysize(self) -> &'static str {
        match self {
            Self::Point => "2",
            Self::Circle => "3",
            Self::Polygon | Self::Region => "*",
        }
    }

    /// The type of an extended type of DALI.
    pub fn of_xtype(xtype: &str) -> Option<Self> {
        let kinds = [Self::Point, Self::Circle, Self::Polygon, Self::Region];
        kinds.into_iter().find(|kind| kind.xtype() == xtype)
    }

    /// The Arrow type of a value.
    pub fn data_type(self) -> DataType {
        match self {
            Self::Point => DataType::FixedSizeList(self.element(), 2),
            Self::Circle => DataType::FixedSizeList(self.element(), 3),
            Self::Polygon => DataType::List(self.element()),
            Self::Region => DataType::Utf8,
        }
    }

    /// The field inside the list, whose name tells what the list is.
    pub fn element(self) -> FieldRef {
        Arc::new(Field::new(self.xtype(), DataType::Float64, true))
    }

    /// The type of values that a field of this Arrow type can hold; text is a REGION.
    pub fn of_data_type(data_type: &DataType) -> Option<Self> {
        match data_type {
            DataType::FixedSizeList(item, 2) if item.data_type().is_numeric() => Some(Self::Point),
            DataType::FixedSizeList(item, 3) if item.data_type().is_numeric() => Some(Self::Circle),
            DataType::List(item) if item.data_type().is_numeric() => Some(Self::Polygon),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Some(Self::Region),
            DataType::Dictionary(_, values) => Self::of_data_type(values),
            _ => None,
        }
    }

    /// The type that a function gave to its values, told by the name inside the list; neither text
    /// nor another array of numbers is tagged so.
    pub fn tagged(data_type: &DataType) -> Option<Self> {
        let (DataType::FixedSizeList(item, _) | DataType::List(item)) = data_type else {
            return None;
        };
        Self::of_xtype(item.name()).filter(|kind| *kind != Self::Region)
    }

    /// The field of a function's result, with unit, xtype and arraysize.
    pub fn field(self, name: &str) -> Field {
        let metadata = self.metadata().map(|(key, value)| (key.to_owned(), value.to_owned()));
        Field::new(name, self.data_type(), true).with_metadata(metadata.collect())
    }

    /// What the metadata of a column of such values say.
    pub fn metadata(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let facts: &[(&str, &str)] = match self {
            Self::Point => &[(XTYPE, "point"), (ARRAYSIZE, "2"), (UNIT, "deg"), (UCD, "pos.eq")],
            Self::Circle => {
                &[(XTYPE, "circle"), (ARRAYSIZE, "3"), (UNIT, "deg"), (UCD, "pos.outline")]
            }
            Self::Polygon => {
                &[(XTYPE, "polygon"), (ARRAYSIZE, "*"), (UNIT, "deg"), (UCD, "pos.outline")]
            }
            Self::Region => &[(XTYPE, "region"), (DATATYPE, "char"), (UCD, "pos.outline")],
        };
        facts.iter().copied()
    }
}
