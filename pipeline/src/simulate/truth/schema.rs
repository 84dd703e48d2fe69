//! The truth tables as a Felis schema, so that `almagest create --schema` makes a catalog for them and
//! `almagest ingest` fills it.

use arrow::datatypes::{DataType, Field};
use serde_yaml_ng::{Mapping, Value};

use almagest_storage::schema::arrow::{DESCRIPTION, UCD, UNIT};

use super::TruthTable;

/// The schema of truth tables, as YAML.
///
/// # Errors
/// None that a table could cause; the YAML library's signature has one.
pub fn felis(tables: &[TruthTable]) -> Result<String, serde_yaml_ng::Error> {
    let mut schema = Mapping::new();
    set(&mut schema, "name", "truth");
    set(&mut schema, "description", "The truth of a simulated survey.");
    let tables: Vec<Value> =
        tables.iter().map(|(name, rows)| table(name, rows.schema().fields())).collect();
    set(&mut schema, "tables", tables);
    serde_yaml_ng::to_string(&schema)
}

fn set(mapping: &mut Mapping, key: &str, value: impl Into<Value>) {
    mapping.insert(key.into(), value.into());
}

fn table(name: &str, fields: &arrow::datatypes::Fields) -> Value {
    let mut table = Mapping::new();
    set(&mut table, "name", name);
    let (kind, description) = match name {
        "truth_object" => ("director", "One row for each object of the simulated sky."),
        "truth_source" => ("positional", "One row for each object on a detector in a visit."),
        "truth_visit" => ("replicated", "One row for each visit."),
        "truth_visit_detector" => ("replicated", "One row for each detector of a visit."),
        "truth_amplifier" => ("replicated", "One row for each amplifier."),
        "truth_crosstalk" => ("replicated", "One row for each element of the crosstalk matrix."),
        "truth_defect" => ("replicated", "One row for each dead column or block and hot pixel."),
        "truth_brighter_fatter" => ("replicated", "One row for each lag of the potential."),
        "truth_cosmic_ray" => ("replicated", "One row for each pixel that a cosmic ray met."),
        _ => ("replicated", "One row for each streak of a visit."),
    };
    set(&mut table, "description", description);
    set(&mut table, "almagest:kind", kind);
    let placed = kind != "replicated";
    for (key, column) in [("almagest:ra", "ra"), ("almagest:dec", "dec")] {
        set(&mut table, key, if placed { Value::from(column) } else { Value::Null });
    }
    let id = if name == "truth_object" { Value::from("id") } else { Value::Null };
    set(&mut table, "almagest:id", id);
    set(&mut table, "almagest:time", Value::Null);
    if name == "truth_object" {
        set(&mut table, "primaryKey", "#truth_object.id");
    }
    let columns: Vec<Value> = fields.iter().map(|field| column(field)).collect();
    set(&mut table, "columns", columns);
    Value::Mapping(table)
}

fn column(field: &Field) -> Value {
    let mut column = Mapping::new();
    set(&mut column, "name", field.name().as_str());
    let datatype = match field.data_type() {
        DataType::Int64 => "long",
        DataType::Float64 => "double",
        _ => "text",
    };
    set(&mut column, "datatype", datatype);
    if matches!(field.name().as_str(), "id" | "ra" | "dec" | "visit") {
        set(&mut column, "nullable", false);
    }
    for (key, name) in [("ivoa:unit", UNIT), ("ivoa:ucd", UCD), ("description", DESCRIPTION)] {
        if let Some(value) = field.metadata().get(name) {
            set(&mut column, key, value.as_str());
        }
    }
    Value::Mapping(column)
}
