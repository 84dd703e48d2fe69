//! Up to the data: which table of the document, what its columns are, how its rows are written.

use std::collections::HashMap;

use arrow::datatypes::Field;

use super::field::{self, FieldText, VotableColumn};
use super::xml::{Node, Tag, Xml};
use crate::error::{FileProblem, Result};
use crate::format::TableChoice;

/// The table whose rows come next.
pub(super) struct Table {
    pub columns: Vec<VotableColumn>,
    pub fields: Vec<Field>,
    pub data: Data,
}

/// How the rows are written.
pub(super) enum Data {
    /// There are none.
    None,
    /// As elements TR and TD.
    Tabledata,
    /// BINARY, or BINARY2, which has flags of the NULLs before each row.
    Binary { stream: Stream, has_flags: bool },
    /// As a table of a FITS file.
    Fits { stream: Stream, extension: Option<usize> },
}

/// A STREAM element that has just begun.
pub(super) struct Stream {
    /// Compressed before it was written as base64.
    pub is_gzip: bool,
    /// Has it no end of its own?
    pub is_empty: bool,
}

/// Go to the data of the table that is asked for.
pub(super) fn find_table(xml: &mut Xml, choice: &TableChoice) -> Result<Table> {
    let mut systems = HashMap::new();
    let mut found = Vec::new();
    let mut status = None;
    let mut has_root = false;
    loop {
        let tag = match xml.node()? {
            Node::Start(tag) => tag,
            Node::Eof => break,
            _ => continue,
        };
        if !has_root && tag.name != "VOTABLE" {
            let reason = format!("the document is a {}, not a VOTABLE", tag.name);
            return Err(xml.error(FileProblem::Header { reason }));
        }
        has_root = true;
        match tag.name.as_str() {
            "INFO" => status = xml.failure(&tag)?.or(status),
            "COOSYS" | "TIMESYS" => {
                systems.extend(field::system(&tag));
                xml.skip(&tag)?;
            }
            "TABLE" => {
                let names = [tag.get("name"), tag.get("ID")];
                let is_chosen = match choice {
                    TableChoice::First => true,
                    TableChoice::Index(index) => *index == found.len(),
                    TableChoice::Name(wanted) => {
                        names.iter().flatten().any(|name| name.eq_ignore_ascii_case(wanted))
                    }
                };
                let name = tag.table_name(found.len());
                if is_chosen {
                    if let Some(message) = status {
                        return Err(xml.error(FileProblem::Incomplete { message }));
                    }
                    if *choice == TableChoice::First {
                        xml.take_first(name);
                    }
                    return table(xml, &tag, &mut systems);
                }
                found.push(name);
                xml.skip(&tag)?;
            }
            // Data models have elements of the same names.
            "VODML" => xml.skip(&tag)?,
            _ => {}
        }
    }
    let wanted = match choice {
        TableChoice::Index(index) if !found.is_empty() => index.to_string(),
        TableChoice::Name(name) if !found.is_empty() => name.clone(),
        _ => return Err(xml.error(FileProblem::NoTable { status })),
    };
    Err(xml.error(FileProblem::NoSuchTable { wanted, found }))
}

/// Read a table's definition up to its data.
fn table(xml: &mut Xml, table: &Tag, systems: &mut field::Systems) -> Result<Table> {
    if table.get("ref").is_some() {
        let what = "a TABLE that refers to another for its fields".to_owned();
        return Err(xml.error(FileProblem::Unsupported { what }));
    }
    let (mut columns, mut fields) = (Vec::new(), Vec::new());
    let mut data = Data::None;
    // A tag without an end has nothing between.
    let mut is_open = !table.is_empty;
    while is_open {
        match xml.node()? {
            Node::Start(tag) => match tag.name.as_str() {
                "FIELD" => {
                    let text = field_text(xml, &tag)?;
                    let parsed = field::parse(&tag, &text, systems, columns.len() + 1);
                    let (column, field) = parsed.map_err(|problem| xml.error(problem))?;
                    columns.push(column);
                    fields.push(field);
                }
                "COOSYS" | "TIMESYS" => {
                    systems.extend(field::system(&tag));
                    xml.skip(&tag)?;
                }
                "INFO" => xml.check_status(&tag)?,
                "DATA" if !tag.is_empty => {
                    data = serialization(xml)?;
                    is_open = false;
                }
                _ => xml.skip(&tag)?,
            },
            Node::End(name) => is_open = name != "TABLE",
            Node::Eof => is_open = false,
            Node::Text(_) => {}
        }
    }
    if columns.is_empty() {
        return Err(xml.error(FileProblem::Header { reason: "a TABLE without FIELD".to_owned() }));
    }
    Ok(Table { columns, fields, data })
}

/// Read the children of a FIELD.
fn field_text(xml: &mut Xml, field: &Tag) -> Result<FieldText> {
    let mut text = FieldText::default();
    let mut is_open = !field.is_empty;
    while is_open {
        match xml.node()? {
            Node::Start(tag) if tag.name == "DESCRIPTION" => {
                text.description = Some(xml.text_of(&tag)?);
            }
            Node::Start(tag) if tag.name == "VALUES" => {
                text.null = tag.get("null").map(str::to_owned).or(text.null);
                xml.skip(&tag)?;
            }
            Node::Start(tag) => xml.skip(&tag)?,
            Node::End(_) | Node::Eof => is_open = false,
            Node::Text(_) => {}
        }
    }
    Ok(text)
}

/// Read on from DATA to where the rows begin.
fn serialization(xml: &mut Xml) -> Result<Data> {
    loop {
        let tag = match xml.node()? {
            Node::Start(tag) => tag,
            Node::End(_) | Node::Eof => return Ok(Data::None),
            Node::Text(_) => continue,
        };
        match tag.name.as_str() {
            "TABLEDATA" if tag.is_empty => return Ok(Data::None),
            "TABLEDATA" => return Ok(Data::Tabledata),
            "BINARY" | "BINARY2" | "FITS" | "PARQUET" => {
                let Some(stream) = stream(xml, &tag)? else { return Ok(Data::None) };
                return match tag.name.as_str() {
                    "FITS" => {
                        let extension = tag.get("extnum").and_then(|number| number.parse().ok());
                        Ok(Data::Fits { stream, extension })
                    }
                    "PARQUET" => {
                        let what = "Parquet inside a VOTable".to_owned();
                        Err(xml.error(FileProblem::Unsupported { what }))
                    }
                    name => Ok(Data::Binary { stream, has_flags: name == "BINARY2" }),
                };
            }
            // INFO may stand anywhere; a serialization of the future may not be passed over.
            "INFO" => xml.check_status(&tag)?,
            name => {
                let what = format!("rows written as {name}");
                return Err(xml.error(FileProblem::Unsupported { what }));
            }
        }
    }
}

/// Read on to the STREAM of a serialization.
fn stream(xml: &mut Xml, parent: &Tag) -> Result<Option<Stream>> {
    if parent.is_empty {
        return Ok(None);
    }
    loop {
        let tag = match xml.node()? {
            Node::Start(tag) if tag.name == "STREAM" => tag,
            Node::Start(tag) => {
                xml.skip(&tag)?;
                continue;
            }
            Node::End(_) | Node::Eof => return Ok(None),
            Node::Text(_) => continue,
        };
        if let Some(href) = tag.get("href") {
            return Err(xml.error(FileProblem::Remote { href: href.to_owned() }));
        }
        // What stands in a document is text, so there is base64 around whatever it says.
        let is_gzip = tag.get("encoding").is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        return Ok(Some(Stream { is_gzip, is_empty: tag.is_empty }));
    }
}
