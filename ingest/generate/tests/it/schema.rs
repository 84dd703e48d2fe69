//! Are names, types, units and UCDs those that Rubin published? (Skipped without its schemas.)

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

use almagest_generate::Width;
use almagest_generate::schema::survey_tables;
use serde_yaml_ng::Value;

type Columns = HashMap<String, Value>;

/// Read the columns of a table of a Felis document, which the generator itself never sees.
fn columns(document: &str, table: &str) -> Option<Columns> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let data = std::env::var_os("ALMAGEST_DATA").map_or_else(|| beside.into(), PathBuf::from);
    let text = fs::read_to_string(data.join("felis").join(document)).ok()?;
    let root: Value = serde_yaml_ng::from_str(&text).unwrap();
    let tables = root["tables"].as_sequence().unwrap();
    let table = tables.iter().find(|found| found["name"].as_str() == Some(table)).unwrap();
    let columns = table["columns"].as_sequence().unwrap().iter();
    Some(columns.map(|c| (c["name"].as_str().unwrap().to_owned(), c.clone())).collect())
}

fn text<'a>(column: &'a Value, keys: &[&str]) -> Option<&'a str> {
    keys.iter().find_map(|key| column.get(*key).and_then(Value::as_str))
}

#[test]
fn object_is_that_of_the_second_preview() {
    let Some(published) = columns("drp_base.yaml", "Object") else {
        eprintln!("skipped: no schemas of Rubin");
        return;
    };
    let tables = survey_tables(Width::Whole).unwrap();
    let object = tables.iter().find(|table| table.name == "Object").unwrap();
    for column in &object.columns {
        let there = published.get(&column.name).unwrap_or_else(|| panic!("no {}", column.name));
        let felis_type = text(there, &["datatype"]).unwrap();
        assert_eq!(column.datatype.felis_name(), felis_type, "{}", column.name);
        let unit = text(there, &["ivoa:unit", "fits:tunit"]);
        assert_eq!(column.unit.as_deref(), unit, "{}", column.name);
        assert_eq!(column.ucd.as_deref(), text(there, &["ivoa:ucd"]), "{}", column.name);
        assert_ne!(Some(column.description.as_str()), text(there, &["description"]));
    }
}

#[test]
fn other_tables_have_published_names() {
    for table in survey_tables(Width::Whole).unwrap() {
        let documents = ["drp_base.yaml", "dp1.yaml", "apdb.yaml"];
        let published: Vec<Columns> = documents
            .iter()
            .filter(|document| **document != "apdb.yaml" || table.name.starts_with("Dia"))
            .filter_map(|document| columns(document, &table.name))
            .collect();
        if published.is_empty() {
            eprintln!("skipped: no schemas of Rubin");
            return;
        }
        for column in &table.columns {
            let is_known = published.iter().any(|columns| columns.contains_key(&column.name));
            assert!(is_known, "{}.{}", table.name, column.name);
        }
    }
}
