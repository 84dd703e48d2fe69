//! The table that a file would make by itself: its columns, and what they say of the sky.
//!
//! ```text
//!   schema of a file ─▶ names, types, units, UCDs ─▶ TableDef
//!                       position, id                  (positional, or replicated)
//! ```
//!
//! The position is looked for by UCD first and by name then, and only among columns in degrees;
//! the id by UCD. What a file says wins over what its names suggest.

use std::collections::HashMap;

use almagest_storage::schema::arrow::{ARRAYSIZE, DATATYPE, DESCRIPTION, UCD, UNIT, UTYPE, XTYPE};
use almagest_storage::schema::{
    ColumnDef, Datatype, GeometryType, PositionColumns, TableDef, TableKind,
};
use arrow::datatypes::{DataType, Field, Schema};

use crate::error::{Error, FileProblem, Result};

pub mod draft;
pub mod text_types;

pub use draft::Draft;

/// The UCDs of right ascension and declination, the surest first; the last are those of UCD1.
const POSITION_UCDS: [(&str, &str); 4] = [
    ("pos.eq.ra;meta.main", "pos.eq.dec;meta.main"),
    ("pos.eq.ra", "pos.eq.dec"),
    ("pos_eq_ra_main", "pos_eq_dec_main"),
    ("pos_eq_ra", "pos_eq_dec"),
];

/// Names of right ascension and declination in the field's catalogs, in lower case.
const POSITION_NAMES: [(&str, &str); 12] = [
    ("ra", "dec"),
    ("coord_ra", "coord_dec"),
    ("ra_icrs", "de_icrs"),
    ("raj2000", "dej2000"),
    ("_raj2000", "_dej2000"),
    ("ra_j2000", "dec_j2000"),
    ("raj2000", "decj2000"),
    ("s_ra", "s_dec"),
    ("radeg", "dedeg"),
    ("ra_deg", "dec_deg"),
    ("alpha_j2000", "delta_j2000"),
    ("ramean", "decmean"),
];

/// A table as a file defines it.
#[derive(Debug, Clone, PartialEq)]
pub struct Inferred {
    /// The definition.
    pub table: TableDef,
    /// Columns of the file that no table can hold (arrays other than geometries), one line each.
    pub left_out: Vec<String>,
}

/// Return the table that rows of a schema make.
///
/// With a position and an id the table is positional, otherwise replicated. Unsigned integers
/// become the next wider type, those of 64 bits `long`: a value beyond its range is refused when
/// rows come.
///
/// # Arguments
/// * `input` - what errors call the file
///
/// # Errors
/// Names that differ in case only, all of them at once, or a column without a name; a file with
/// no column that a table can hold.
pub fn table_def(name: &str, schema: &Schema, input: &str) -> Result<Inferred> {
    check_names(schema, input)?;
    let (mut columns, mut left_out) = (Vec::new(), Vec::new());
    for field in schema.fields() {
        match column(field) {
            Some(column) => columns.push(column),
            None => left_out.push(format!("{}: {}", field.name(), field.data_type())),
        }
    }
    if columns.is_empty() {
        return Err(file_error(input, "no column that a table can hold".to_owned()));
    }
    let description = schema.metadata().get(DESCRIPTION).cloned().unwrap_or_default();
    let utype = schema.metadata().get(UTYPE).cloned();
    let table = TableDef { utype, ..of_columns(name, description, columns) };
    Ok(Inferred { table, left_out })
}

/// Find the columns of the position in a file's schema, which may be of columns that no table holds.
///
/// # Errors
/// Names that differ in case only, or a column without a name.
pub fn position_of(schema: &Schema, input: &str) -> Result<Option<PositionColumns>> {
    check_names(schema, input)?;
    let columns: Vec<ColumnDef> = schema.fields().iter().filter_map(|f| column(f)).collect();
    Ok(position(&columns))
}

/// Return the table that columns make, whose position and id are found among them.
pub fn of_columns(name: &str, description: String, columns: Vec<ColumnDef>) -> TableDef {
    let position = position(&columns);
    let id = id(&columns);
    let kind = match (&position, &id) {
        (Some(_), Some(_)) => TableKind::Positional,
        _ => TableKind::Replicated,
    };
    TableDef {
        name: name.to_owned(),
        description,
        tap_index: None,
        utype: None,
        columns,
        primary_key: vec![],
        foreign_keys: vec![],
        kind,
        position,
        id,
        time: None,
        n_columns_ever: None,
    }
}

/// Can a column of a table hold the values of a field?
pub fn can_be_column(field: &Field) -> bool {
    column(field).is_some()
}

fn file_error(input: &str, reason: String) -> Error {
    Error::File { input: input.to_owned(), problem: FileProblem::Header { reason } }
}

/// Queries know names in any case, so no two may be alike.
fn check_names(schema: &Schema, input: &str) -> Result<()> {
    let mut first: HashMap<String, &str> = HashMap::new();
    let mut alike = Vec::new();
    for field in schema.fields() {
        let name = field.name().as_str();
        if name.trim().is_empty() {
            return Err(file_error(input, "a column without a name".to_owned()));
        }
        if let Some(other) = first.insert(name.to_lowercase(), name) {
            alike.push(format!("{other} and {name}"));
        }
    }
    if alike.is_empty() {
        return Ok(());
    }
    Err(file_error(input, format!("columns with the same name: {}", alike.join(", "))))
}

/// The definition of a column; `None` for what no column can be.
fn column(field: &Field) -> Option<ColumnDef> {
    let said = |key: &str| field.metadata().get(key).filter(|value| !value.is_empty()).cloned();
    let xtype = said(XTYPE);
    let geometry = xtype.as_deref().map(str::to_lowercase);
    let geometry = geometry.as_deref().and_then(GeometryType::of_xtype);
    let is_array = matches!(
        field.data_type(),
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _)
            if item.data_type().is_numeric()
    );
    let datatype = match geometry {
        Some(GeometryType::Region) | None => datatype(field)?,
        Some(_) if is_array => Datatype::Double,
        Some(_) => datatype(field)?,
    };
    let is_text = matches!(datatype, Datatype::Char | Datatype::Unicode | Datatype::String);
    let length = said(ARRAYSIZE)
        .filter(|_| is_text)
        .and_then(|arraysize| arraysize.trim_end_matches('*').parse().ok());
    // A xtype that is written otherwise is the same.
    let xtype = geometry.map(|kind| kind.xtype().to_owned()).or(xtype);
    Some(ColumnDef {
        name: field.name().clone(),
        datatype,
        length,
        nullable: true,
        unit: said(UNIT),
        ucd: said(UCD),
        utype: said(UTYPE),
        xtype: xtype.filter(|_| datatype != Datatype::Timestamp),
        description: said(DESCRIPTION).unwrap_or_default(),
        principal: true,
        standard: false,
        column_index: None,
        default: None,
        number: None,
    })
}

/// The type of a column's values.
fn datatype(field: &Field) -> Option<Datatype> {
    use DataType as T;
    let mut data_type = field.data_type();
    loop {
        data_type = match data_type {
            T::Dictionary(_, values) => values,
            T::RunEndEncoded(_, values) => values.data_type(),
            _ => break,
        };
    }
    Some(match data_type {
        T::Boolean => Datatype::Boolean,
        T::Int8 => Datatype::Byte,
        T::UInt8 | T::Int16 => Datatype::Short,
        T::UInt16 | T::Int32 => Datatype::Int,
        T::UInt32 | T::Int64 | T::UInt64 => Datatype::Long,
        T::Float16 | T::Float32 => Datatype::Float,
        T::Float64
        | T::Decimal32(..)
        | T::Decimal64(..)
        | T::Decimal128(..)
        | T::Decimal256(..) => Datatype::Double,
        // Of a column of NULLs nothing is known; text can hold whatever comes.
        T::Utf8 | T::LargeUtf8 | T::Utf8View | T::Null => {
            let is_unicode = field.metadata().get(DATATYPE).is_some_and(|t| t == "unicodeChar");
            if is_unicode { Datatype::Unicode } else { Datatype::String }
        }
        T::Binary | T::LargeBinary | T::BinaryView | T::FixedSizeBinary(_) => Datatype::Binary,
        T::Timestamp(..) | T::Date32 | T::Date64 => Datatype::Timestamp,
        _ => return None,
    })
}

/// Find the columns of the position: a pair of the surest UCD or name, numbers in degrees.
fn position(columns: &[ColumnDef]) -> Option<PositionColumns> {
    let candidates: Vec<&ColumnDef> =
        columns.iter().filter(|column| is_in_degrees(column)).collect();
    let pair = |ra: Option<&&ColumnDef>, dec: Option<&&ColumnDef>| {
        Some(PositionColumns { ra: ra?.name.clone(), dec: dec?.name.clone(), epoch: None })
    };
    let by_ucd = POSITION_UCDS.iter().find_map(|(ra, dec)| {
        let with = |wanted: &str| candidates.iter().find(|column| has_ucd(column, wanted));
        pair(with(ra), with(dec))
    });
    by_ucd.or_else(|| {
        POSITION_NAMES.iter().find_map(|(ra, dec)| {
            let named =
                |wanted: &str| candidates.iter().find(|c| c.name.eq_ignore_ascii_case(wanted));
            pair(named(ra), named(dec))
        })
    })
}

/// Floats whose unit, where there is one, is the degree.
fn is_in_degrees(column: &ColumnDef) -> bool {
    let is_float = matches!(column.datatype, Datatype::Double | Datatype::Float);
    let unit = column.unit.as_deref().map(|unit| unit.trim().to_ascii_lowercase());
    let is_degree = match unit.as_deref() {
        None | Some("deg" | "degree" | "degrees") => true,
        Some(_) => false,
    };
    is_float && is_degree && column.geometry().is_none()
}

fn has_ucd(column: &ColumnDef, wanted: &str) -> bool {
    let Some(ucd) = &column.ucd else { return false };
    let words = |text: &str| -> Vec<String> {
        text.split(';').map(|word| word.trim().to_ascii_lowercase()).collect()
    };
    words(ucd) == words(wanted)
}

/// Find the column that identifies a row: a whole number with the UCD of the main identifier.
fn id(columns: &[ColumnDef]) -> Option<String> {
    let mut integers = columns.iter().filter(|column| column.datatype.is_integer());
    let is_main =
        |column: &&ColumnDef| has_ucd(column, "meta.id;meta.main") || has_ucd(column, "id_main");
    integers.find(is_main).map(|column| column.name.clone())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use super::*;

    fn field(name: &str, data_type: DataType, facts: &[(&str, &str)]) -> Field {
        let metadata = facts.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Field::new(name, data_type, true).with_metadata(metadata)
    }

    fn check_position(fields: Vec<Field>, expected: Option<(&str, &str)>) {
        let found = table_def("t", &Schema::new(fields), "upload t").unwrap().table;
        let position = found.position.as_ref();
        let position = position.map(|found| (found.ra.as_str(), found.dec.as_str()));
        assert_eq!(position, expected);
    }

    fn float(name: &str, facts: &[(&str, &str)]) -> Field {
        field(name, DataType::Float64, facts)
    }

    #[test]
    fn the_main_position_wins_over_others_and_these_over_names() {
        let ra = [(UCD, "pos.eq.ra"), (UNIT, "deg")];
        let dec = [(UCD, "pos.eq.dec"), (UNIT, "deg")];
        let main_ra = [(UCD, "POS.EQ.RA; meta.main")];
        let main_dec = [(UCD, "pos.eq.dec;meta.main")];
        check_position(
            vec![
                float("ra", &[]),
                float("dec", &[]),
                float("x1", &ra),
                float("y1", &dec),
                float("x", &main_ra),
                float("y", &main_dec),
            ],
            Some(("x", "y")),
        );
        check_position(
            vec![float("ra", &[]), float("dec", &[]), float("x1", &ra), float("y1", &dec)],
            Some(("x1", "y1")),
        );
        check_position(
            vec![float("RAJ2000", &[]), float("DEJ2000", &[])],
            Some(("RAJ2000", "DEJ2000")),
        );
        let old = |name, ucd| float(name, &[(UCD, ucd), (UNIT, "deg")]);
        check_position(
            vec![old("a", "POS_EQ_RA_MAIN"), old("d", "POS_EQ_DEC_MAIN")],
            Some(("a", "d")),
        );
    }

    #[test]
    fn what_is_not_in_degrees_is_no_position() {
        check_position(vec![float("ra", &[(UNIT, "rad")]), float("dec", &[(UNIT, "rad")])], None);
        check_position(
            vec![field("ra", DataType::Utf8, &[]), field("dec", DataType::Utf8, &[])],
            None,
        );
        check_position(vec![float("ra", &[])], None);
        let error = [(UCD, "stat.error;pos.eq.ra")];
        check_position(vec![float("e_ra", &error), float("dec", &[(UCD, "pos.eq.dec")])], None);
    }

    #[test]
    fn columns_keep_what_the_file_says() {
        let item = Arc::new(Field::new_list_field(DataType::Float64, true));
        let schema = Schema::new(vec![
            field("id", DataType::Int32, &[(UCD, "meta.id;meta.main"), (DESCRIPTION, "number")]),
            field("ra", DataType::Float64, &[(UCD, "pos.eq.ra;meta.main"), (UNIT, "deg")]),
            field("dec", DataType::Float64, &[(UCD, "pos.eq.dec;meta.main"), (UNIT, "deg")]),
            field("name", DataType::Utf8, &[(DATATYPE, "unicodeChar"), (ARRAYSIZE, "12*")]),
            field("u", DataType::UInt16, &[]),
            field("where", DataType::List(item.clone()), &[(XTYPE, "point"), (ARRAYSIZE, "2")]),
            field("curve", DataType::List(item), &[(ARRAYSIZE, "*")]),
        ]);
        let Inferred { table, left_out } = table_def("mine", &schema, "upload mine").unwrap();
        assert_eq!(table.kind, TableKind::Positional);
        assert_eq!(table.id.as_deref(), Some("id"));
        assert_eq!(table.column("id").unwrap().datatype, Datatype::Int);
        assert_eq!(table.column("id").unwrap().description, "number");
        let name = table.column("name").unwrap();
        assert_eq!((name.datatype, name.length), (Datatype::Unicode, Some(12)));
        assert_eq!(table.column("u").unwrap().datatype, Datatype::Int);
        assert_eq!(table.column("where").unwrap().geometry(), Some(GeometryType::Point));
        assert_eq!(left_out.len(), 1);
        assert!(left_out[0].starts_with("curve: List"), "{left_out:?}");
    }

    #[test]
    fn names_that_differ_in_case_only_are_one_error() {
        let schema = Schema::new(["ra", "RA", "b", "B"].map(|name| float(name, &[])).to_vec());
        let error = table_def("t", &schema, "upload t").unwrap_err().to_string();
        assert_eq!(error, "upload t: header: columns with the same name: ra and RA, b and B");
    }
}
