//! The definition of a catalog: schemas, tables, columns, and what each table is on the sky.
//!
//! Everything that describes data is derived from these types: Arrow schemas, TAP_SCHEMA, VOSI
//! tables, VOTable fields. They are read from Felis YAML by [`felis`], and each catalog keeps its own
//! definition in that form.

use std::fmt;

pub mod arrow;
mod alteration;
mod datatype;
mod default_value;
pub mod felis;
mod geometry;
pub mod survey;
pub mod dp1_names;
mod table_changes;

pub use alteration::Alteration;
pub use default_value::DefaultValue;
pub use geometry::GeometryType;
pub use table_changes::TableChanges;

use crate::{Error, Result};

/// A named set of tables, as one Felis document defines it.
#[derive(Debug, Clone, PartialEq)]
pub struct SchemaDef {
    /// Name under which queries find the schema, such as `survey` or `dp1`.
    pub name: String,
    /// What the schema holds, in a sentence or two.
    pub description: String,
    /// Version of the definition, as its authors count.
    pub version: Option<String>,
    /// The tables, in the order of the document.
    pub tables: Vec<TableDef>,
}

/// One table: its columns and its place on the sky.
#[derive(Debug, Clone, PartialEq)]
pub struct TableDef {
    /// Exact name, in the case of the definition.
    pub name: String,
    /// What a row is.
    pub description: String,
    /// Order in which TAP clients should list the table.
    pub tap_index: Option<i64>,
    /// Data-model type.
    pub utype: Option<String>,
    /// The columns, in the order of the definition.
    pub columns: Vec<ColumnDef>,
    /// Names of the columns of the primary key; empty where there is none.
    pub primary_key: Vec<String>,
    /// References to other tables.
    pub foreign_keys: Vec<ForeignKey>,
    /// How rows are spread over the sky.
    pub kind: TableKind,
    /// The columns that hold a row's own position.
    pub position: Option<PositionColumns>,
    /// The column that identifies a row over the whole table and gets an id index.
    pub id: Option<String>,
    /// The column that holds a row's time.
    pub time: Option<String>,
    /// How many columns the table has ever had, those that were dropped included; said once the
    /// table was altered.
    pub n_columns_ever: Option<u32>,
}

/// How the rows of a table are spread over the sky (the words are Qserv's).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableKind {
    /// Owns the ids and the chunking, such as Object.
    Director,
    /// Its rows live in the chunk of their director's position, such as ForcedSource.
    Child {
        /// Name of the director table.
        director: String,
        /// Column of this table that holds the director's id.
        key: String,
    },
    /// Placed by its own position, such as Source.
    Positional,
    /// Pairs of rows of two directors; placed as a child of the first.
    RefMatch {
        /// First director table and the column that holds its id.
        first: (String, String),
        /// Second director table and the column that holds its id.
        second: (String, String),
    },
    /// Small, whole on each node, such as Visit.
    Replicated,
    /// The rows of another table under other names; it has none of its own.
    View {
        /// Name of the other table.
        of: String,
        /// Its columns, one for each of the view.
        columns: Vec<String>,
    },
}

impl fmt::Display for TableKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Director => "director",
            Self::Child { .. } => "child",
            Self::Positional => "positional",
            Self::RefMatch { .. } => "ref-match",
            Self::Replicated => "replicated",
            Self::View { .. } => "view",
        })
    }
}

/// The pair of columns that hold a position: ICRS longitude and latitude, degrees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PositionColumns {
    /// Right ascension.
    pub ra: String,
    /// Declination.
    pub dec: String,
    /// The epoch of all positions, such as `J2016.0`; none where each row has its own, or none.
    pub epoch: Option<String>,
}

/// One column.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnDef {
    /// Exact name, in the case of the definition.
    pub name: String,
    /// Type of a value.
    pub datatype: Datatype,
    /// Greatest length of a string, where the definition bounds it.
    pub length: Option<u32>,
    /// May a row lack a value?
    pub nullable: bool,
    /// Unit in VOUnit syntax.
    pub unit: Option<String>,
    /// Unified content descriptor.
    pub ucd: Option<String>,
    /// Data-model type.
    pub utype: Option<String>,
    /// Extended type of DALI.
    pub xtype: Option<String>,
    /// What the value means.
    pub description: String,
    /// Is the column among those that a user wants to see first?
    pub principal: bool,
    /// Is the column defined by a standard?
    pub standard: bool,
    /// Order in which TAP clients should list the column.
    pub column_index: Option<i64>,
    /// The value of rows that were written before the column was added, or come without it.
    pub default: Option<DefaultValue>,
    /// The number by which data files know the column, whatever its name; where none is said, its
    /// place in the definition, counted from 1.
    pub number: Option<u32>,
}

/// The types of Felis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Datatype {
    Boolean,
    Byte,
    Short,
    Int,
    Long,
    Float,
    Double,
    Char,
    String,
    Unicode,
    Text,
    Binary,
    Timestamp,
}

/// A reference from columns of one table to columns of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignKey {
    /// Name of the constraint.
    pub name: String,
    /// What the reference means.
    pub description: String,
    /// Columns of the table that holds the key.
    pub columns: Vec<String>,
    /// The table that is referred to.
    pub target_table: String,
    /// Its columns, in the same order.
    pub target_columns: Vec<String>,
}

impl SchemaDef {
    /// Find a table by its exact name.
    pub fn table(&self, name: &str) -> Option<&TableDef> {
        self.tables.iter().find(|table| table.name == name)
    }

    /// Find a table by its name, whatever the case; one of the exact name comes first.
    ///
    /// # Errors
    /// [`Error::NoSuchTable`], with the nearest name.
    pub fn find(&self, name: &str) -> Result<&TableDef> {
        let alike = || self.tables.iter().find(|table| table.name.eq_ignore_ascii_case(name));
        self.table(name).or_else(alike).ok_or_else(|| self.no_such_table(name))
    }

    fn no_such_table(&self, name: &str) -> Error {
        Error::NoSuchTable {
            table: name.to_owned(),
            schema: self.name.clone(),
            suggestion: nearest(name, self.tables.iter().map(|table| table.name.as_str())),
        }
    }
}

/// Return the candidate that is most like `name`, if any is like it.
fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    let name = name.to_lowercase();
    candidates
        .map(|candidate| (strsim::jaro_winkler(&name, &candidate.to_lowercase()), candidate))
        .filter(|(similarity, _)| *similarity > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.to_owned())
}

impl ColumnDef {
    /// The geometries that the column holds as arrays of numbers; `None` for all other columns.
    pub fn geometry(&self) -> Option<GeometryType> {
        let kind = GeometryType::of_xtype(self.xtype.as_deref()?)?;
        (self.datatype == Datatype::Double && kind != GeometryType::Region).then_some(kind)
    }
}

impl TableDef {
    /// The columns that name a row which belongs to images: the id, or of the children of an object those
    /// of the object, the visit and the detector; none where rows have no name.
    pub fn row_name(&self) -> Vec<&str> {
        let has = |name: &str| self.column(name).is_some();
        match (&self.id, &self.kind) {
            (Some(id), _) => vec![id],
            (None, TableKind::Child { key, .. }) if has("visit") && has("detector") => {
                vec![key, "visit", "detector"]
            }
            _ => vec![],
        }
    }

    /// Find a column by its exact name.
    pub fn column(&self, name: &str) -> Option<&ColumnDef> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The director by which rows are placed, and the column that holds its id.
    pub fn director(&self) -> Option<(&str, &str)> {
        match &self.kind {
            TableKind::Child { director, key }
            | TableKind::RefMatch { first: (director, key), .. } => Some((director, key)),
            TableKind::Director
            | TableKind::Positional
            | TableKind::Replicated
            | TableKind::View { .. } => None,
        }
    }

    /// Does a row's own position decide its place? (A versioned director keeps its first place.)
    pub fn is_placed_by_own_position(&self) -> bool {
        match self.kind {
            TableKind::Positional => true,
            TableKind::Director => self.primary_key.len() == 1,
            TableKind::Child { .. }
            | TableKind::RefMatch { .. }
            | TableKind::Replicated
            | TableKind::View { .. } => false,
        }
    }

    /// Are the rows spread over chunks (as opposed to replicated)?
    pub fn is_chunked(&self) -> bool {
        !matches!(self.kind, TableKind::Replicated | TableKind::View { .. })
    }
}
