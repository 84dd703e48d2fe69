//! The VOTable type of a column: datatype, arraysize, xtype.
//!
//! One mapping serves TAP_SCHEMA, VOSI tables and the fields of results, so that the three agree.
//! A declared column and the Arrow field made of it give the same type:
//!
//! | Felis                | Arrow                  | VOTable                            |
//! |----------------------|------------------------|------------------------------------|
//! | boolean              | Boolean                | boolean                            |
//! | byte, short          | Int8, Int16            | short (VOTable's byte is unsigned) |
//! |                      | UInt8                  | unsignedByte                       |
//! | int, long            | Int32, Int64           | int, long                          |
//! | float, double        | Float32, Float64       | float, double                      |
//! | char, string, text, unicode | Utf8            | unicodeChar, `*` or `n*`           |
//! | binary               | Binary                 | unsignedByte, `*`                  |
//! | timestamp            | Timestamp              | char, `*`, xtype timestamp         |
//! | a number, arraysize  | List of numbers        | that of an element; `n`, `n*` or `*` |
//!
//! Every string is unicodeChar, in metadata and in results, because a FIELD is written before its
//! values are seen: up to VOTable 1.5 a char is ASCII, and clients fail on, or garble, a table where
//! it is not. What is ASCII by its syntax is char: timestamps, regions, MOCs, and a column of which
//! its field says so (an upload's).

use std::fmt;

use almagest_storage::schema::arrow::{ARRAYSIZE, DATATYPE, XTYPE};
use almagest_storage::schema::{ColumnDef, Datatype, GeometryType};
use datafusion::arrow::datatypes::{DataType, Field};

/// A primitive type of VOTable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Primitive {
    Boolean,
    UnsignedByte,
    Short,
    Int,
    Long,
    Float,
    Double,
    Char,
    UnicodeChar,
}

impl Primitive {
    /// The value of the attribute `datatype`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::UnsignedByte => "unsignedByte",
            Self::Short => "short",
            Self::Int => "int",
            Self::Long => "long",
            Self::Float => "float",
            Self::Double => "double",
            Self::Char => "char",
            Self::UnicodeChar => "unicodeChar",
        }
    }
}

/// How many primitives make up one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArraySize {
    /// One; the attribute is absent.
    Scalar,
    /// Always this many.
    Fixed(u32),
    /// Any number up to this many, written `n*`.
    AtMost(u32),
    /// Any number, written `*`.
    Any,
}

impl ArraySize {
    /// Read the attribute `arraysize`: `n`, `n*` or `*`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_suffix('*') {
            Some("") => Some(Self::Any),
            Some(most) => most.parse().ok().map(Self::AtMost),
            None => text.parse().ok().map(Self::Fixed),
        }
    }

    /// The value of the attribute `arraysize`, absent for a scalar.
    pub fn attribute(self) -> Option<String> {
        (self != Self::Scalar).then(|| self.to_string())
    }
}

impl fmt::Display for ArraySize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar => Ok(()),
            Self::Fixed(n) => write!(f, "{n}"),
            Self::AtMost(n) => write!(f, "{n}*"),
            Self::Any => f.write_str("*"),
        }
    }
}

/// What VOTable calls the type of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VotableType {
    /// The type of one element.
    pub primitive: Primitive,
    /// How many elements a value has.
    pub arraysize: ArraySize,
    /// The extended type of DALI.
    pub xtype: Option<String>,
}

impl VotableType {
    /// Return the type under which a declared column is published.
    pub fn of_column(column: &ColumnDef) -> Self {
        let declared = Self::declared(column.datatype, column.length, column.xtype.clone());
        match column.geometry() {
            Some(kind) => Self {
                arraysize: ArraySize::parse(kind.arraysize()).unwrap_or(ArraySize::Any),
                xtype: column.xtype.clone(),
                ..declared
            },
            None => declared,
        }
    }

    /// Return the type of a result column, or `None` where VOTable has none for it.
    pub fn of_field(field: &Field) -> Option<Self> {
        let xtype = field.metadata().get(XTYPE).cloned();
        let declared = |key: &str| field.metadata().get(key);
        let scalar = |primitive| Self { primitive, arraysize: ArraySize::Scalar, xtype: None };
        Some(match field.data_type() {
            DataType::Boolean => scalar(Primitive::Boolean),
            DataType::UInt8 => scalar(Primitive::UnsignedByte),
            DataType::Int8 | DataType::Int16 => scalar(Primitive::Short),
            DataType::UInt16 | DataType::Int32 => scalar(Primitive::Int),
            DataType::UInt32 | DataType::Int64 | DataType::UInt64 => scalar(Primitive::Long),
            DataType::Float16 | DataType::Float32 => scalar(Primitive::Float),
            DataType::Float64
            | DataType::Decimal32(..)
            | DataType::Decimal64(..)
            | DataType::Decimal128(..)
            | DataType::Decimal256(..) => scalar(Primitive::Double),
            DataType::Null | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self {
                primitive: match declared(DATATYPE).map(String::as_str) {
                    Some("char") => Primitive::Char,
                    _ => text(xtype.as_deref()),
                },
                arraysize: declared(ARRAYSIZE)
                    .and_then(|text| text.strip_suffix('*')?.parse().ok())
                    .map_or(ArraySize::Any, ArraySize::AtMost),
                xtype,
            },
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => {
                Self { primitive: Primitive::UnsignedByte, arraysize: ArraySize::Any, xtype }
            }
            DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => {
                Self::declared(Datatype::Timestamp, None, xtype)
            }
            DataType::Dictionary(_, values) => {
                Self::of_field(&field.clone().with_data_type(values.as_ref().clone()))?
            }
            DataType::List(item)
            | DataType::LargeList(item)
            | DataType::ListView(item)
            | DataType::FixedSizeList(item, _)
                if item.data_type().is_numeric() || item.data_type() == &DataType::Boolean =>
            {
                let kind = xtype.as_deref().and_then(GeometryType::of_xtype);
                let length = match field.data_type() {
                    DataType::FixedSizeList(_, length) => u32::try_from(*length).ok(),
                    _ => None,
                };
                Self {
                    primitive: Self::of_field(&Field::new("", item.data_type().clone(), true))?
                        .primitive,
                    arraysize: declared(ARRAYSIZE)
                        .map(String::as_str)
                        .or(kind.map(GeometryType::arraysize))
                        .and_then(ArraySize::parse)
                        .or(length.map(ArraySize::Fixed))
                        .unwrap_or(ArraySize::Any),
                    xtype,
                }
            }
            _ => return None,
        })
    }

    fn declared(datatype: Datatype, length: Option<u32>, xtype: Option<String>) -> Self {
        let bounded = length.map_or(ArraySize::Any, ArraySize::AtMost);
        let (primitive, arraysize) = match datatype {
            Datatype::Boolean => (Primitive::Boolean, ArraySize::Scalar),
            Datatype::Byte | Datatype::Short => (Primitive::Short, ArraySize::Scalar),
            Datatype::Int => (Primitive::Int, ArraySize::Scalar),
            Datatype::Long => (Primitive::Long, ArraySize::Scalar),
            Datatype::Float => (Primitive::Float, ArraySize::Scalar),
            Datatype::Double => (Primitive::Double, ArraySize::Scalar),
            Datatype::Char | Datatype::String | Datatype::Text | Datatype::Unicode => {
                (text(xtype.as_deref()), bounded)
            }
            Datatype::Binary => (Primitive::UnsignedByte, ArraySize::Any),
            Datatype::Timestamp => (Primitive::Char, ArraySize::Any),
        };
        let xtype = match datatype {
            Datatype::Timestamp => xtype.or_else(|| Some("timestamp".to_owned())),
            _ if arraysize == ArraySize::Scalar => None,
            _ => xtype,
        };
        Self { primitive, arraysize, xtype }
    }
}

/// The type of a character; what an xtype of DALI makes a syntax of is ASCII.
fn text(xtype: Option<&str>) -> Primitive {
    match xtype {
        Some("region" | "moc" | "timestamp" | "hms" | "dms" | "uuid") => Primitive::Char,
        _ => Primitive::UnicodeChar,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn column(datatype: Datatype, length: Option<u32>) -> ColumnDef {
        ColumnDef {
            name: "c".into(),
            datatype,
            length,
            nullable: true,
            unit: None,
            ucd: None,
            utype: None,
            xtype: None,
            description: String::new(),
            principal: false,
            standard: false,
            column_index: None,
            default: None,
            number: None,
        }
    }

    #[test]
    fn a_result_column_has_the_type_of_its_declaration() {
        use Datatype::*;
        for datatype in [
            Boolean, Byte, Short, Int, Long, Float, Double, Char, String, Unicode, Text, Binary,
            Timestamp,
        ] {
            for length in [None, Some(8)] {
                let column = column(datatype, length);
                assert_eq!(
                    VotableType::of_field(&column.to_field()),
                    Some(VotableType::of_column(&column)),
                    "{datatype:?} {length:?}"
                );
            }
        }
    }

    #[test]
    fn an_undeclared_string_may_hold_any_character() {
        let found = VotableType::of_field(&Field::new("s", DataType::Utf8View, true)).unwrap();
        assert_eq!((found.primitive, found.arraysize), (Primitive::UnicodeChar, ArraySize::Any));
    }

    #[test]
    fn points_have_two_elements() {
        let point = GeometryType::Point.field("p");
        let list = Field::new_list("p", Field::new_list_field(DataType::Float64, true), true);
        let declared = [(XTYPE.to_owned(), "point".to_owned())];
        for field in [point.clone(), list.with_metadata(declared.into())] {
            let found = VotableType::of_field(&field).unwrap();
            assert_eq!(
                (found.primitive, found.arraysize),
                (Primitive::Double, ArraySize::Fixed(2))
            );
            assert_eq!(found.xtype.as_deref(), Some("point"));
        }
    }

    #[test]
    fn array_sizes_are_read_as_they_are_written() {
        for size in [ArraySize::Fixed(3), ArraySize::AtMost(64), ArraySize::Any] {
            assert_eq!(ArraySize::parse(&size.to_string()), Some(size));
        }
        assert_eq!(ArraySize::parse("2x3"), None);
    }
}
