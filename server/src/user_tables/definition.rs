//! The definition of a table as clients send it: a VOSI table, or the head of any table file.
//!
//! Reference: VODataService 1.2, section 3.3 (tables and columns); VOSI 1.1, section 2.

use almagest_engine::arrow::datatypes::{DataType, Schema};
use almagest_ingest::infer;
use almagest_storage::schema::{ColumnDef, Datatype, GeometryType, TableDef, TableKind};
use quick_xml::Reader;
use quick_xml::events::Event;

use crate::{Error, Result};

/// A column as the document describes it, text by text.
#[derive(Debug, Default)]
struct Described {
    name: String,
    description: String,
    unit: Option<String>,
    ucd: Option<String>,
    utype: Option<String>,
    data_type: String,
    arraysize: Option<String>,
    extended_type: Option<String>,
}

/// Read the definition of a table from a VOSI document, whose root is `table`.
///
/// # Arguments
/// `name`: the name that the table gets; the one in the document may have a schema, or be absent.
///
/// # Errors
/// The document is no VOSI table, or a column has a type that no column can have.
pub fn of_vosi(name: &str, document: &str) -> Result<TableDef> {
    let bad = |reason: String| Error::Definition { reason };
    let mut reader = Reader::from_str(document);
    let (mut path, mut text): (Vec<String>, String) = (vec![], String::new());
    let mut description = String::new();
    let mut described: Vec<Described> = vec![];
    loop {
        match reader.read_event().map_err(|error| bad(error.to_string()))? {
            Event::DocType(_) => return Err(bad("a DOCTYPE is not read".to_owned())),
            Event::Start(element) => {
                let local = local_name(&element);
                text.clear();
                if path.is_empty() && local != "table" {
                    return Err(bad(format!("the root element is {local}, and should be table")));
                }
                if local == "column" {
                    described.push(Described::default());
                }
                if let (true, Some(column)) = (local == "dataType", described.last_mut()) {
                    for attribute in element.attributes() {
                        let attribute = attribute.map_err(|error| bad(error.to_string()))?;
                        let value = attribute.value.trim().to_owned();
                        match attribute.key.local_name().as_ref() {
                            "arraysize" | "size" => column.arraysize = Some(value),
                            "extendedType" => column.extended_type = Some(value),
                            _ => {}
                        }
                    }
                }
                path.push(local);
            }
            Event::Text(part) => text.push_str(&part),
            Event::CData(part) => text.push_str(&part),
            Event::GeneralRef(part) => {
                let known = match part.as_ref() {
                    "amp" => Some('&'),
                    "lt" => Some('<'),
                    "gt" => Some('>'),
                    "quot" => Some('"'),
                    "apos" => Some('\''),
                    _ => part.resolve_char_ref().ok().flatten(),
                };
                text.push(known.ok_or_else(|| bad("an entity that is not known".to_owned()))?);
            }
            Event::End(_) => {
                let value = std::mem::take(&mut text).trim().to_owned();
                let places: Vec<&str> = path.iter().map(String::as_str).collect();
                match (places.as_slice(), described.last_mut()) {
                    (["table", "description"], _) => description = value,
                    (["table", "column", field], Some(column)) => column.set(field, value),
                    _ => {}
                }
                path.pop();
            }
            Event::Eof if path.is_empty() => break,
            Event::Eof => return Err(bad("the document breaks off".to_owned())),
            _ => {}
        }
    }
    let arrays: Vec<String> = described.iter().flat_map(Described::unfit).collect();
    if !arrays.is_empty() {
        return Err(Error::UnfitColumns { columns: arrays });
    }
    let columns = described.into_iter().map(Described::column).collect::<Result<Vec<_>>>()?;
    if columns.is_empty() {
        return Err(bad("it has no column".to_owned()));
    }
    Ok(spread(infer::of_columns(name, description, columns)))
}

/// Is the document that begins like this a VOTable? What cannot be read is none.
pub fn is_votable(beginning: &str) -> bool {
    let mut reader = Reader::from_str(beginning);
    loop {
        match reader.read_event() {
            Ok(Event::Start(root)) => return local_name(&root).eq_ignore_ascii_case("VOTABLE"),
            Ok(Event::Empty(_) | Event::Eof) | Err(_) => return false,
            Ok(_) => {}
        }
    }
}

/// Return the definition of the table that rows of a schema make, with all of its columns.
///
/// # Errors
/// Columns that a table cannot keep, all of them at once: dropped in silence they would be missed
/// when the file that had them is gone.
pub fn of_schema(name: &str, schema: &Schema, input: &str) -> Result<TableDef> {
    let unfit = schema.fields().iter().filter(|field| !infer::can_be_column(field));
    let unfit = unfit.map(|field| {
        let what = match field.data_type() {
            DataType::List(_)
            | DataType::LargeList(_)
            | DataType::FixedSizeList(..)
            | DataType::ListView(_)
            | DataType::LargeListView(_) => "arrays".to_owned(),
            DataType::Struct(_) | DataType::Map(..) | DataType::Union(..) => {
                "structures".to_owned()
            }
            other => format!("values of type {other}"),
        };
        unfit_column(field.name(), &what)
    });
    let columns: Vec<String> = unfit.collect();
    match columns.is_empty() {
        true => Ok(spread(infer::table_def(name, schema, input)?.table)),
        false => Err(Error::UnfitColumns { columns }),
    }
}

fn unfit_column(name: &str, what: &str) -> String {
    format!("column {name} ({what})")
}

/// Let a table with positions be in chunks, whether it has an id or not.
fn spread(table: TableDef) -> TableDef {
    let kind = match table.position {
        Some(_) => TableKind::Positional,
        None => TableKind::Replicated,
    };
    TableDef { kind, ..table }
}

impl Described {
    fn set(&mut self, field: &str, value: String) {
        let filled = |value: String| Some(value).filter(|value| !value.is_empty());
        match field {
            // A name may be delimited, as queries would write it.
            "name" => self.name = value.trim_matches('"').to_owned(),
            "description" => self.description = value,
            "unit" => self.unit = filled(value),
            "ucd" => self.ucd = filled(value),
            "utype" => self.utype = filled(value),
            "dataType" => self.data_type = value,
            _ => {}
        }
    }

    fn column(self) -> Result<ColumnDef> {
        let bad = |reason: String| Error::Definition { reason };
        if self.name.is_empty() {
            return Err(bad("a column has no name".to_owned()));
        }
        let (datatype, xtype) = self.datatype()?;
        let is_text = matches!(datatype, Datatype::String | Datatype::Unicode);
        let length = self.arraysize.as_deref().filter(|_| is_text);
        let length = length.and_then(|size| size.trim_end_matches('*').parse().ok());
        Ok(ColumnDef {
            name: self.name,
            datatype,
            length,
            nullable: true,
            unit: self.unit,
            ucd: self.ucd,
            utype: self.utype,
            xtype,
            description: self.description,
            principal: true,
            standard: false,
            column_index: None,
            default: None,
            number: None,
        })
    }

    /// What the column is, where no table can keep it.
    fn unfit(&self) -> Vec<String> {
        match self.datatype() {
            Err(Error::UnfitColumns { columns }) => columns,
            _ => vec![],
        }
    }

    /// The refusal of a column of arrays.
    fn of_arrays(&self) -> Error {
        Error::UnfitColumns { columns: vec![unfit_column(&self.name, "arrays")] }
    }

    /// The type of the values, in the words of VOTable or of TAP 1.0.
    fn datatype(&self) -> Result<(Datatype, Option<String>)> {
        let named = self.data_type.trim().to_ascii_lowercase();
        let xtype = self
            .extended_type
            .as_deref()
            .map(|xtype| xtype.trim().trim_start_matches("adql:").to_ascii_lowercase());
        let geometry = xtype.as_deref().and_then(GeometryType::of_xtype);
        let is_array = self.arraysize.as_deref().is_some_and(|size| !["", "1"].contains(&size));
        let is_text = matches!(named.as_str(), "char" | "varchar" | "clob" | "unicodechar");
        let has_several = self.arraysize.as_deref().is_some_and(|size| size.contains('x'));
        let datatype = match named.as_str() {
            _ if is_text && has_several => return Err(self.of_arrays()),
            "char" | "varchar" | "clob" if xtype.as_deref() == Some("timestamp") => {
                return Ok((Datatype::Timestamp, None));
            }
            "timestamp" => return Ok((Datatype::Timestamp, None)),
            "char" | "varchar" | "clob" => Datatype::String,
            "unicodechar" => Datatype::Unicode,
            "double" | "float" | "real" if geometry.is_some() && is_array => {
                return Ok((Datatype::Double, xtype));
            }
            _ if is_array => return Err(self.of_arrays()),
            "boolean" => Datatype::Boolean,
            "unsignedbyte" | "short" | "smallint" => Datatype::Short,
            "int" | "integer" => Datatype::Int,
            "long" | "bigint" => Datatype::Long,
            "float" | "real" => Datatype::Float,
            "double" => Datatype::Double,
            _ => {
                let reason = format!(
                    "column {}: the type {:?} is none of boolean, unsignedByte, short, int, long, float, double, char and unicodeChar",
                    self.name, self.data_type
                );
                return Err(Error::Definition { reason });
            }
        };
        Ok((datatype, xtype))
    }
}

fn local_name(element: &quick_xml::events::BytesStart<'_>) -> String {
    element.local_name().as_ref().to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const TABLE: &str = r#"<?xml version="1.0"?>
<vosi:table xmlns:vosi="http://www.ivoa.net/xml/VOSITables/v1.0" xmlns:vs="http://www.ivoa.net/xml/VODataService/v1.1"
  xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" type="output">
  <name>user_ada.mine</name>
  <description>What I &lt;found&gt;.</description>
  <column><name>star</name><ucd>meta.id;meta.main</ucd><dataType xsi:type="vs:VOTableType">long</dataType></column>
  <column><name>ra</name><unit>deg</unit><ucd>pos.eq.ra</ucd><dataType xsi:type="vs:VOTableType">double</dataType></column>
  <column><name>dec</name><unit>deg</unit><ucd>pos.eq.dec</ucd><dataType xsi:type="vs:VOTableType">double</dataType></column>
  <column><name>note</name><description>A &amp; B</description><dataType xsi:type="vs:VOTableType" arraysize="32*">char</dataType></column>
  <column><name>seen</name><dataType xsi:type="vs:VOTableType" arraysize="*" extendedType="timestamp">char</dataType></column>
  <column><name>outline</name><dataType xsi:type="vs:VOTableType" arraysize="*" extendedType="polygon">double</dataType></column>
  <column><name>n</name><dataType xsi:type="vs:TAPType">INTEGER</dataType></column>
</vosi:table>"#;

    #[test]
    fn a_vosi_table_is_read() {
        let table = of_vosi("mine", TABLE).unwrap();
        assert_eq!((table.name.as_str(), table.description.as_str()), ("mine", "What I <found>."));
        let found: Vec<_> = table.columns.iter().map(|c| (c.name.as_str(), c.datatype)).collect();
        let expected = [
            ("star", Datatype::Long),
            ("ra", Datatype::Double),
            ("dec", Datatype::Double),
            ("note", Datatype::String),
            ("seen", Datatype::Timestamp),
            ("outline", Datatype::Double),
            ("n", Datatype::Int),
        ];
        assert_eq!(found, expected);
        assert_eq!(table.columns[3].length, Some(32));
        assert_eq!(table.columns[3].description, "A & B");
        assert_eq!(table.columns[5].geometry(), Some(GeometryType::Polygon));
        assert_eq!(table.kind, TableKind::Positional);
        assert_eq!(table.position.unwrap().ra, "ra");
        assert_eq!(table.id.as_deref(), Some("star"));
    }

    #[test]
    fn a_votable_is_told_by_its_root() {
        assert!(is_votable("\u{feff}<?xml version='1.0'?>\n<!-- <a> -->\n<VOTABLE version='1.4'>"));
        assert!(is_votable(
            "<v:VOTABLE xmlns:v='http://www.ivoa.net/xml/VOTable/v1.3'><v:RESOURCE>"
        ));
        for other in [TABLE, "", "<table>", "<VOTABLE", "<a><VOTABLE>", "no XML"] {
            assert!(!is_votable(other), "{other}");
        }
    }

    #[test]
    fn what_is_no_table_is_refused_with_the_reason() {
        let check = |document: &str, expected: &str| {
            let error = of_vosi("t", document).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check("", "no column");
        check("<tableset/>", "no column");
        check("<tableset><table/></tableset>", "the root element is tableset");
        check("<table><column>", "breaks off");
        check("<table></table>", "no column");
        check("<!DOCTYPE a [<!ENTITY x 'y'>]><table/>", "DOCTYPE");
        let of_type = |kind: &str| {
            format!("<table><column><name>a</name><dataType {kind}</dataType></column></table>")
        };
        check(&of_type(">complex"), "column a: the type \"complex\"");
        let arrays =
            "<table><column><name>a</name><dataType arraysize=\"3\">int</dataType></column>
            <column><name>b</name><dataType>int</dataType></column>
            <column><name>c</name><dataType arraysize=\"2x2\">char</dataType></column></table>";
        check(arrays, "a table cannot keep column a (arrays), column c (arrays); leave them out");
    }
}
