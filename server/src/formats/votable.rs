//! The VOTable document around the rows: what the result is, its columns, how it ended.

use almagest_engine::arrow::datatypes::Schema;
use almagest_engine::tap_schema::{ArraySize, Primitive, VotableType};
use almagest_storage::schema::arrow::{DESCRIPTION, ROW_OF, ROW_PART, ROW_PARTS, UCD, UNIT, UTYPE};

use super::reference_systems::ReferenceSystems;
use super::{Ending, Provenance, row_bytes};
use crate::xml::{Attribute, Element, Escaped};
use crate::{Error, Result};

/// The media type of VOTable.
pub const MEDIA_TYPE: &str = "application/x-votable+xml";

const HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
"#;

const RESULTS: &str = "<RESOURCE type=\"results\">\n";

const TAIL: &str = "</RESOURCE>\n</VOTABLE>\n";

/// How rows tell that an integer is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// They have a place for that.
    Told,
    /// An integer stands for none, which the FIELD names.
    StoodFor,
}

/// Return the document up to the rows.
///
/// # Errors
/// A column has a type that VOTable lacks.
pub fn head(schema: &Schema, provenance: &Provenance, absent: Absent) -> Result<String> {
    let systems = ReferenceSystems::of(schema);
    let (fields, ids) = fields(schema, &systems, absent)?;
    let mut out = String::from(HEAD);
    if let Some(links) = &provenance.links {
        out += &descriptors(schema, &ids, links);
    }
    out += RESULTS;
    out += &info("QUERY_STATUS", "OK", "");
    for (name, value) in provenance.facts() {
        out += &info(name, &value, "");
    }
    out += &systems.elements();
    out += "<TABLE>\n";
    out += &fields;
    Ok(out)
}

/// For each column that identifies rows which belong to images, alone or with others, the service that
/// finds these.
///
/// Reference: IVOA Recommendation *DataLink* 1.1 (2023), section 4.
fn descriptors(schema: &Schema, ids: &[String], links: &str) -> String {
    let columns = schema.fields().iter().zip(ids);
    let columns = columns.filter_map(|(field, id)| {
        let part = field.metadata().get(ROW_PART).map(String::as_str);
        Some((field.metadata().get(ROW_OF)?, part, id))
    });
    let columns: Vec<(&String, Option<&str>, &String)> = columns.collect();
    let descriptor = |&(table, part, id): &(&String, Option<&str>, &String)| {
        let parts: Vec<(&str, &String)> = match part {
            None => vec![("ID", id)],
            Some("ID") => ROW_PARTS
                .iter()
                .map(|name| {
                    let of = |column: &&(&String, Option<&str>, &String)| {
                        column.0 == table && column.1 == Some(name)
                    };
                    Some((*name, columns.iter().find(of)?.2))
                })
                .collect::<Option<_>>()?,
            Some(_) => return None,
        };
        let inputs: String = parts
            .into_iter()
            .map(|(name, id)| {
                format!(
                    "<PARAM name=\"{name}\" datatype=\"char\" arraysize=\"*\" ref=\"{id}\" value=\"\"/>\n"
                )
            })
            .collect();
        Some(format!(
            r#"<RESOURCE type="meta" utype="adhoc:service" name="links">
<DESCRIPTION>Images of the rows of {table}, and cut-outs of them.</DESCRIPTION>
<PARAM name="standardID" datatype="char" arraysize="*" value="ivo://ivoa.net/std/DataLink#links-1.1"/>
<PARAM name="accessURL" datatype="char" arraysize="*" value="{links}"/>
<GROUP name="inputParams">
{inputs}<PARAM name="TABLE" datatype="char" arraysize="*" value="{table}"/>
</GROUP>
</RESOURCE>
"#,
            table = Escaped(table),
            links = Escaped(links),
        ))
    };
    columns.iter().filter_map(descriptor).collect()
}

/// Return the document after the rows.
pub fn tail(ending: &Ending) -> String {
    let status = match ending {
        Ending::Complete => String::new(),
        Ending::Overflow => info("QUERY_STATUS", "OVERFLOW", OVERFLOW),
        Ending::Failed(message) => info("QUERY_STATUS", "ERROR", message),
    };
    format!("</TABLE>\n{status}{TAIL}")
}

/// What an overflow means, for people.
pub const OVERFLOW: &str = "there are more rows than MAXREC";

/// Return a document that says why there is no result.
pub fn error_document(message: &str) -> String {
    format!("{HEAD}{RESULTS}{}{TAIL}", info("QUERY_STATUS", "ERROR", message))
}

/// Return a document that says why there is no result of a cone search: as its standard wants it, and
/// as that of DALI does.
pub fn cone_search_error(message: &str) -> String {
    let error = info("Error", message, "");
    let status = info("QUERY_STATUS", "ERROR", message);
    format!("{HEAD}{error}{RESULTS}{status}{TAIL}")
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

/// The FIELD elements, and the ID of each.
fn fields(
    schema: &Schema,
    systems: &ReferenceSystems,
    absent: Absent,
) -> Result<(String, Vec<String>)> {
    let mut out = String::new();
    let mut ids: Vec<String> = systems.ids().map(str::to_owned).collect();
    let n_systems = ids.len();
    for (place, (field, kind)) in schema.fields().iter().zip(types(schema)?).enumerate() {
        let id = unique_id(field.name(), &ids);
        let get = |key: &str| field.metadata().get(key).map(String::as_str);
        let arraysize = match (kind.primitive, kind.arraysize) {
            // Astropy before 6 cannot read unicodeChar with a bound.
            (Primitive::UnicodeChar, ArraySize::AtMost(_)) => ArraySize::Any,
            (_, arraysize) => arraysize,
        };
        let arraysize = arraysize.attribute();
        out += &format!(
            "<FIELD ID=\"{id}\" name=\"{}\" datatype=\"{}\"{}{}{}{}{}{}",
            Escaped(field.name()),
            kind.primitive.as_str(),
            Attribute("arraysize", arraysize.as_deref()),
            Attribute("xtype", kind.xtype.as_deref()),
            Attribute("unit", get(UNIT)),
            Attribute("ucd", get(UCD)),
            Attribute("utype", get(UTYPE)),
            Attribute("ref", systems.of_column(place)),
        );
        let mut inside = Element("DESCRIPTION", get(DESCRIPTION)).to_string();
        if let (Absent::StoodFor, Some(integer)) = (absent, row_bytes::absent(&kind)) {
            inside += &format!("<VALUES null=\"{integer}\"/>");
        }
        match inside.as_str() {
            "" => out += "/>\n",
            inside => out += &format!(">{inside}</FIELD>\n"),
        }
        ids.push(id);
    }
    Ok((out, ids.split_off(n_systems)))
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
}
