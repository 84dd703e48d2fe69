//! The query behind a cone search.

use almagest_engine::tap_schema::identifier;
use almagest_storage::schema::ColumnDef;
use almagest_storage::schema::arrow::{DATATYPE, DESCRIPTION, UCD, UNIT};

use super::Searchable;
use crate::config::ServerConfig;
use crate::dali::{Format, Parameters, RowLimit};
use crate::tap::TapRequest;
use crate::tap::request::Label;
use crate::{Error, Result};

/// Name of the column ID_MAIN where the table has no column for it.
const ROW_ID: &str = "position_id";

/// How much a caller wants to see of each row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verbosity {
    /// Identifier and position.
    Least,
    /// Those columns that a user wants to see first.
    Principal,
    /// All columns.
    All,
}

/// Make the query that the parameters of a cone search ask for.
///
/// # Errors
/// A parameter is missing, or cannot be understood.
pub fn request(
    table: &Searchable<'_>,
    parameters: &Parameters,
    config: &ServerConfig,
) -> Result<TapRequest> {
    let ra = degrees(parameters, "RA", 0.0..=360.0)?;
    let dec = degrees(parameters, "DEC", -90.0..=90.0)?;
    let radius = degrees(parameters, "SR", 0.0..=180.0)?;
    let verbosity = verbosity(parameters)?;
    let limit = RowLimit::from_parameters(parameters, config)?;
    let format = match Format::from_parameters(parameters)? {
        // Old clients know no other serialization.
        Format::VotableBinary2 if !names_a_format(parameters) => Format::VotableTableData,
        format => format,
    };
    let (columns, labels) = columns(table, verbosity);
    let position = |ra: String, dec: String| format!("POINT({ra}, {dec})");
    let own = position(
        identifier::in_query(&table.position.ra).into_owned(),
        identifier::in_query(&table.position.dec).into_owned(),
    );
    // A radius of zero asks for the columns only.
    let condition = match radius {
        0.0 => "1 = 0".to_owned(),
        _ => {
            format!("DISTANCE({own}, {}) <= {}", position(number(ra), number(dec)), number(radius))
        }
    };
    let query = format!("SELECT {}\nFROM {}\nWHERE {condition}", columns.join(", "), table.name());
    Ok(TapRequest::written(query, format, limit, labels))
}

fn names_a_format(parameters: &Parameters) -> bool {
    ["RESPONSEFORMAT", "FORMAT"]
        .iter()
        .any(|name| parameters.first(name).is_some_and(|value| !value.is_empty()))
}

fn degrees(
    parameters: &Parameters,
    name: &'static str,
    range: std::ops::RangeInclusive<f64>,
) -> Result<f64> {
    let value = parameters.get(name)?.filter(|value| !value.trim().is_empty());
    let value = value.ok_or(Error::MissingParameter { name })?;
    let degrees: Option<f64> = value.trim().parse().ok();
    degrees.filter(|degrees| range.contains(degrees)).ok_or_else(|| Error::BadParameter {
        name,
        value: value.to_owned(),
        expected: format!("a number of degrees from {} to {}", range.start(), range.end()),
    })
}

/// A number as ADQL writes it, exactly.
fn number(value: f64) -> String {
    // -0 would be an operator and a number; an exponent needs no sign of its own.
    format!("{:?}", value + 0.0)
}

fn verbosity(parameters: &Parameters) -> Result<Verbosity> {
    match parameters.get("VERB")?.map(str::trim) {
        None | Some("" | "2") => Ok(Verbosity::Principal),
        Some("1") => Ok(Verbosity::Least),
        Some("3") => Ok(Verbosity::All),
        Some(other) => Err(Error::BadParameter {
            name: "VERB",
            value: other.to_owned(),
            expected: "1 (identifier and position), 2 (principal columns) or 3 (all)".to_owned(),
        }),
    }
}

/// Return what is selected, and what is said of it: the identifier, the position, then the others.
fn columns(table: &Searchable<'_>, verbosity: Verbosity) -> (Vec<String>, Vec<Label>) {
    let (definition, position) = (table.table, table.position);
    let id = definition
        .id
        .as_deref()
        .or_else(|| {
            definition
                .primary_key
                .first()
                .filter(|_| definition.primary_key.len() == 1)
                .map(String::as_str)
        })
        .and_then(|id| definition.column(id));
    let mut labels = vec![
        label(&position.ra, UCD, "POS_EQ_RA_MAIN"),
        label(&position.dec, UCD, "POS_EQ_DEC_MAIN"),
    ];
    let text = |value: &str| format!("CAST({} AS VARCHAR)", identifier::in_query(value));
    let mut selected = vec![match id {
        Some(id) => {
            labels.extend(kept_labels(id));
            format!("{} AS {}", text(&id.name), identifier::in_query(&id.name))
        }
        None => {
            labels.push(label(ROW_ID, DESCRIPTION, "Position of the row, which has no name."));
            format!("{} || ' ' || {} AS {ROW_ID}", text(&position.ra), text(&position.dec))
        }
    }];
    let id_column = id.map_or(ROW_ID, |id| &id.name);
    labels.push(label(id_column, UCD, "ID_MAIN"));
    // The standard knows no other text.
    labels.push(label(id_column, DATATYPE, "char"));
    for name in [&position.ra, &position.dec] {
        selected.push(identifier::in_query(name).into_owned());
    }
    let is_taken = |column: &&ColumnDef| {
        ![&position.ra, &position.dec].contains(&&column.name)
            && id.is_none_or(|id| id.name != column.name)
    };
    let has_principal = definition.columns.iter().any(|column| column.principal);
    let is_wanted = |column: &&ColumnDef| match verbosity {
        Verbosity::Least => false,
        Verbosity::Principal => column.principal || !has_principal,
        Verbosity::All => true,
    };
    for column in definition.columns.iter().filter(is_taken).filter(is_wanted) {
        selected.push(identifier::in_query(&column.name).into_owned());
    }
    (selected, labels)
}

/// What a column that is written as text does not keep by itself.
fn kept_labels(column: &ColumnDef) -> Vec<Label> {
    let description = column.description.trim();
    let unit = column.unit.as_deref().map(|unit| label(&column.name, UNIT, unit));
    let description =
        (!description.is_empty()).then(|| label(&column.name, DESCRIPTION, description));
    unit.into_iter().chain(description).collect()
}

fn label(column: &str, key: &'static str, value: &str) -> Label {
    Label { column: column.to_owned(), key, value: value.to_owned() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use almagest_storage::schema::felis;

    const SCHEMA: &str = r##"
name: sky
description: Stars.
tables:
- name: Star
  description: One row for each star.
  "almagest:kind": director
  "almagest:ra": ra
  "almagest:dec": dec
  "almagest:id": starId
  primaryKey: "#Star.starId"
  columns:
  - {name: starId, datatype: long, nullable: false, "ivoa:ucd": "meta.id;meta.main", "tap:principal": 1, description: "Number."}
  - {name: ra, datatype: double, "ivoa:unit": deg, "ivoa:ucd": "pos.eq.ra;meta.main", description: "RA."}
  - {name: dec, datatype: double, "ivoa:unit": deg, "ivoa:ucd": "pos.eq.dec;meta.main", description: "Dec."}
  - {name: mag, datatype: float, "ivoa:unit": mag, "tap:principal": 1, description: "Magnitude."}
  - {name: size, datatype: float, "ivoa:unit": mas, description: "Diameter."}
"##;

    fn query(parameters: &str) -> Result<String, String> {
        let schema = felis::parse(SCHEMA, &|_| None).unwrap().schema;
        let table = super::super::find(std::slice::from_ref(&schema), "SKY.star").unwrap();
        request(&table, &Parameters::from_query(parameters), &ServerConfig::default())
            .map(|request| request.query)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn verbosity_selects_columns() {
        let cone = "\nFROM sky.Star\nWHERE DISTANCE(POINT(ra, dec), POINT(10.0, -0.5)) <= 0.1";
        let id = "SELECT CAST(starId AS VARCHAR) AS starId, ra, dec";
        let check = |verb: &str, columns: &str| {
            let found = query(&format!("ra=10&dec=-0.5&sr=.1{verb}"));
            assert_eq!(found, Ok(format!("{id}{columns}{cone}")));
        };
        check("&VERB=1", "");
        check("", ", mag");
        check("&verb=2", ", mag");
        check("&VERB=3", ", mag, \"size\"");
    }

    #[test]
    fn a_radius_of_zero_asks_for_columns() {
        assert!(query("RA=1&DEC=2&SR=0").unwrap().ends_with("WHERE 1 = 0"));
    }

    #[test]
    fn what_is_no_cone_is_refused_by_the_name_of_the_parameter() {
        for (parameters, expected) in [
            ("DEC=2&SR=1", "parameter RA is missing"),
            ("RA=&DEC=2&SR=1", "parameter RA is missing"),
            ("RA=1h&DEC=2&SR=1", "RA"),
            ("RA=361&DEC=2&SR=1", "from 0 to 360"),
            ("RA=1&DEC=-91&SR=1", "DEC"),
            ("RA=1&DEC=2&SR=-1", "SR"),
            ("RA=NaN&DEC=2&SR=1", "RA"),
            ("RA=1&DEC=2&SR=1&VERB=4", "VERB"),
        ] {
            let error = query(parameters).unwrap_err();
            assert!(error.contains(expected), "{parameters}: {error}");
        }
    }
}
