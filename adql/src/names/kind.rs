//! What the values of a column are: its type as ADQL sees it, and the scale of a time.

use std::fmt;

/// What the values of a column are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ColumnKind {
    /// True or false; ADQL has no such type, so that users compare with 1, 0, 'true' or 'false'.
    Boolean,
    /// Integers of 8 or 16 bits.
    SmallInt,
    /// Integers of 32 bits.
    Integer,
    /// Integers of 64 bits.
    BigInt,
    /// Floating-point numbers of 32 bits.
    Real,
    /// Floating-point numbers of 64 bits.
    Double,
    /// Numbers whose type is not known more closely.
    Numeric,
    /// Character strings.
    Text,
    /// Points in time.
    Timestamp,
    /// Positions on the sky.
    Point,
    /// Cones on the sky.
    Circle,
    /// Polygons on the sky.
    Polygon,
    /// Regions of any shape.
    Region,
    /// Sets of HEALPix cells.
    Moc,
    /// Bytes.
    Binary,
    /// Anything else, and values whose kind is not known.
    #[default]
    Other,
}

impl ColumnKind {
    /// Whether the values are numbers.
    pub const fn is_number(self) -> bool {
        self.is_integer() || matches!(self, Self::Real | Self::Double | Self::Numeric)
    }

    /// Whether the values are known to be whole numbers.
    pub const fn is_integer(self) -> bool {
        matches!(self, Self::SmallInt | Self::Integer | Self::BigInt)
    }

    /// Whether the values are shapes on the sky.
    pub const fn is_geometry(self) -> bool {
        matches!(self, Self::Point | Self::Circle | Self::Polygon | Self::Region | Self::Moc)
    }

    /// The kind of a column with this extended type of DALI (or of TAP 1.0), if the type is one of
    /// a shape or a time.
    pub fn of_xtype(xtype: &str) -> Option<Self> {
        match xtype.to_lowercase().as_str() {
            "point" | "adql:point" => Some(Self::Point),
            "circle" => Some(Self::Circle),
            "polygon" => Some(Self::Polygon),
            "region" | "adql:region" | "shape" => Some(Self::Region),
            "moc" => Some(Self::Moc),
            "timestamp" | "adql:timestamp" => Some(Self::Timestamp),
            _ => None,
        }
    }

    /// What one value is, for messages: *a number*.
    pub(crate) const fn noun(self) -> &'static str {
        match self {
            Self::Boolean => "true or false",
            Self::SmallInt | Self::Integer | Self::BigInt => "a whole number",
            Self::Real | Self::Double | Self::Numeric => "a number",
            Self::Text => "text",
            Self::Timestamp => "a timestamp",
            Self::Point => "a POINT",
            Self::Circle => "a CIRCLE",
            Self::Polygon => "a POLYGON",
            Self::Region => "a region",
            Self::Moc => "a MOC",
            Self::Binary => "binary",
            Self::Other => "of unknown type",
        }
    }
}

/// A scale in which time is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimeScale {
    /// International atomic time.
    Tai,
    /// Coordinated universal time, which has leap seconds.
    Utc,
    /// Terrestrial time, TAI + 32.184 s.
    Tt,
    /// Barycentric dynamical time.
    Tdb,
}

impl fmt::Display for TimeScale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tai => "TAI",
            Self::Utc => "UTC",
            Self::Tt => "TT",
            Self::Tdb => "TDB",
        })
    }
}
