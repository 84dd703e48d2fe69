//! The VOTable document around the rows: what the result is, its columns, how it ended.

use almagest_engine::arrow::datatypes::{DataType, Field, Schema};
use almagest_engine::tap_schema::VotableType;
use almagest_storage::schema::arrow::{DESCRIPTION, UCD, UNIT, UTYPE};

use super::{Ending, Provenance};
use crate::xml::{Attribute, Element, Escaped};
use crate::{Error, Result};

/// The media type of VOTable.
pub const MEDIA_TYPE: &str = "application/x-votable+xml";

const HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<RESOURCE type="results">
"#;

const TAIL: &str = "</RESOURCE>\n</VOTABLE>\n";

/// Identifier of the one coordinate system: positions are ICRS.
const ICRS: &str = "icrs";
/// Identifiers of the two time systems.
const TAI: &str = "mjd_tai";
const UTC: &str = "mjd_utc";

/// Return the document up to the rows.
///
/// # Errors
/// A column has a type that VOTable lacks.
pub fn head(schema: &Schema, provenance: &Provenance) -> Result<String> {
    let mut out = String::from(HEAD);
    out += &info("QUERY_STATUS", "OK", "");
    out += &info("QUERY", &provenance.query, "");
    out += &info("CATALOG_VERSION", &provenance.version.to_string(), "");
    for warning in &provenance.warnings {
        out += &info("WARNING", warning, "");
    }
    let fields = fields(schema)?;
    if fields.contains(" ref=\"icrs\"") {
        out += &format!("<COOSYS ID=\"{ICRS}\" system=\"ICRS\"/>\n");
    }
    for (id, scale) in [(TAI, "TAI"), (UTC, "UTC")] {
        if fields.contains(&format!(" ref=\"{id}\"")) {
            out += &format!(
                "<TIMESYS ID=\"{id}\" timeorigin=\"MJD-origin\" timescale=\"{scale}\" refposition=\"TOPOCENTER\"/>\n"
            );
        }
    }
    out += "<TABLE>\n";
    out += &fields;
    Ok(out)
}

/// Return the document after the rows.
pub fn tail(ending: &Ending) -> String {
    let status = match ending {
        Ending::Complete => String::new(),
        Ending::Overflow => info("QUERY_STATUS", "OVERFLOW", "there are more rows than MAXREC"),
        Ending::Failed(message) => info("QUERY_STATUS", "ERROR", message),
    };
    format!("</TABLE>\n{status}{TAIL}")
}

/// Return a document that says why there is no result.
pub fn error_document(message: &str) -> String {
    format!("{HEAD}{}{TAIL}", info("QUERY_STATUS", "ERROR", message))
}

fn info(name: &str, value: &str, text: &str) -> String {
    format!("<INFO name=\"{name}\" value=\"{}\">{}</INFO>\n", Escaped(value), Escaped(text))
}

/// Return the types of the columns.
///
/// # Errors
/// A column has a type that VOTable lacks.
pub fn types(schema: &Schema) -> Result<Vec<VotableType>> {
    schema
        .fields()
        .iter()
        .map(|field| {
            VotableType::of_field(field).ok_or_else(|| Error::UnsupportedColumn {
                column: field.name().clone(),
                data_type: field.data_type().to_string(),
                format: "VOTable",
            })
        })
        .collect()
}

fn fields(schema: &Schema) -> Result<String> {
    let mut out = String::new();
    let mut ids = vec![ICRS.to_owned(), TAI.to_owned(), UTC.to_owned()];
    for (field, kind) in schema.fields().iter().zip(types(schema)?) {
        let id = unique_id(field.name(), &ids);
        let get = |key: &str| field.metadata().get(key).map(String::as_str);
        let arraysize = kind.arraysize.attribute();
        out += &format!(
            "<FIELD ID=\"{id}\" name=\"{}\" datatype=\"{}\"{}{}{}{}{}{}",
            Escaped(field.name()),
            kind.primitive.as_str(),
            Attribute("arraysize", arraysize.as_deref()),
            Attribute("xtype", kind.xtype.as_deref()),
            Attribute("unit", get(UNIT)),
            Attribute("ucd", get(UCD)),
            Attribute("utype", get(UTYPE)),
            Attribute("ref", reference_system(field)),
        );
        out += &match get(DESCRIPTION) {
            Some(text) => format!(">{}</FIELD>\n", Element("DESCRIPTION", Some(text))),
            None => "/>\n".to_owned(),
        };
        ids.push(id);
    }
    Ok(out)
}

/// Positions are ICRS; a time is a Modified Julian Date in TAI unless its name says UTC.
fn reference_system(field: &Field) -> Option<&'static str> {
    let ucd = field.metadata().get(UCD)?.to_ascii_lowercase();
    let mut words = ucd.split(';').map(str::trim);
    let first = words.next()?;
    let is_degrees = field.metadata().get(UNIT).is_some_and(|unit| unit == "deg");
    let is_days = field.metadata().get(UNIT).is_some_and(|unit| unit == "d");
    let is_double = field.data_type() == &DataType::Float64;
    match first {
        "pos.eq.ra" | "pos.eq.dec" if is_degrees => Some(ICRS),
        "time.epoch" | "time.start" | "time.end" if is_days && is_double => {
            Some(if field.name().to_ascii_lowercase().contains("utc") { UTC } else { TAI })
        }
        _ => None,
    }
}

/// Make an XML name of a column's name, different from those in `taken`.
fn unique_id(name: &str, taken: &[String]) -> String {
    let legal = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' };
    let mut id: String = name.chars().map(legal).collect();
    if !id.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        id.insert(0, '_');
    }
    let is_taken = |id: &String| taken.contains(id);
    if !is_taken(&id) {
        return id;
    }
    (2u32..).map(|n| format!("{id}_{n}")).find(|id| !is_taken(id)).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_xml_names_and_differ() {
        let mut taken = vec![];
        for (name, expected) in
            [("ra", "ra"), ("ra", "ra_2"), ("2mass", "_2mass"), ("COUNT(*)", "COUNT___"), ("", "_")]
        {
            let id = unique_id(name, &taken);
            assert_eq!(id, expected);
            taken.push(id);
        }
    }

    #[test]
    fn a_time_has_its_scale_and_a_position_its_frame() {
        let field = |name: &str, unit: &str, ucd: &str| {
            let metadata = [(UNIT, unit), (UCD, ucd)].map(|(k, v)| (k.to_owned(), v.to_owned()));
            Field::new(name, DataType::Float64, true).with_metadata(metadata.into())
        };
        let check = |field: Field, expected| assert_eq!(reference_system(&field), expected);
        check(field("ra", "deg", "pos.eq.ra;meta.main"), Some(ICRS));
        check(field("raErr", "deg", "stat.error;pos.eq.ra"), None);
        check(field("expMidptMJD", "d", "time.epoch"), Some(TAI));
        check(field("startMjdUtc", "d", "time.start"), Some(UTC));
        check(field("expTime", "s", "time.duration;obs.exposure"), None);
    }
}
