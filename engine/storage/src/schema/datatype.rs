//! The types of Felis by name, and what they can hold.

use super::Datatype;

impl Datatype {
    /// All types.
    pub const ALL: [Self; 13] = [
        Self::Boolean,
        Self::Byte,
        Self::Short,
        Self::Int,
        Self::Long,
        Self::Float,
        Self::Double,
        Self::Char,
        Self::String,
        Self::Unicode,
        Self::Text,
        Self::Binary,
        Self::Timestamp,
    ];

    /// The type's name in Felis.
    pub const fn felis_name(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Byte => "byte",
            Self::Short => "short",
            Self::Int => "int",
            Self::Long => "long",
            Self::Float => "float",
            Self::Double => "double",
            Self::Char => "char",
            Self::String => "string",
            Self::Unicode => "unicode",
            Self::Text => "text",
            Self::Binary => "binary",
            Self::Timestamp => "timestamp",
        }
    }

    /// The type of a name in Felis.
    pub fn from_felis(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|datatype| datatype.felis_name() == name)
    }

    /// Is a value a whole number?
    pub const fn is_integer(self) -> bool {
        matches!(self, Self::Byte | Self::Short | Self::Int | Self::Long)
    }

    /// Is a value text or bytes, so that a length bounds it?
    pub const fn is_textual(self) -> bool {
        matches!(self, Self::Char | Self::String | Self::Unicode | Self::Text | Self::Binary)
    }
}
