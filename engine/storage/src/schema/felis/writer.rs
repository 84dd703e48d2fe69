//! Table definitions to Felis YAML, all annotations spelled out.

use serde_yaml_ng::{Mapping, Value};

use crate::schema::{
    ColumnDef, DefaultValue, ForeignKey, GeometryType, SchemaDef, TableDef, TableKind,
};

/// Write a schema as Felis YAML. Reading it returns the same definitions and infers nothing.
///
/// # Errors
/// None that a definition could cause; the YAML library's signature has one.
pub fn to_yaml(schema: &SchemaDef) -> Result<String, serde_yaml_ng::Error> {
    let mut map = header(schema);
    map.list("tables", schema.tables.iter().map(table).collect());
    serde_yaml_ng::to_string(&map.0)
}

/// Write what a schema says of itself, without its tables.
///
/// # Errors
/// As [`to_yaml`].
pub fn header_to_yaml(schema: &SchemaDef) -> Result<String, serde_yaml_ng::Error> {
    serde_yaml_ng::to_string(&header(schema).0)
}

/// Write one table, as an entry of the list of tables.
///
/// # Errors
/// As [`to_yaml`].
pub fn table_to_yaml(definition: &TableDef) -> Result<String, serde_yaml_ng::Error> {
    serde_yaml_ng::to_string(&table(definition))
}

fn header(schema: &SchemaDef) -> Map {
    let mut map = Map::default();
    map.text("name", &schema.name);
    map.text("description", &schema.description);
    map.option("version", schema.version.as_deref());
    map
}

/// A mapping in the order of writing.
#[derive(Default)]
struct Map(Mapping);

impl Map {
    fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.0.insert(key.into(), value.into());
    }

    fn text(&mut self, key: &str, text: &str) {
        self.set(key, text);
    }

    fn option(&mut self, key: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.set(key, value);
        }
    }

    fn list(&mut self, key: &str, values: Vec<Value>) {
        if !values.is_empty() {
            self.set(key, Value::Sequence(values));
        }
    }
}

fn table(table: &TableDef) -> Value {
    let mut map = Map::default();
    map.text("name", &table.name);
    map.text("description", &table.description);
    map.option("tap:table_index", table.tap_index);
    map.option("votable:utype", table.utype.as_deref());
    annotations(&mut map, table);
    let local = |column: &String| Value::from(format!("#{}.{column}", table.name));
    map.list("primaryKey", table.primary_key.iter().map(local).collect());
    map.list("columns", table.columns.iter().map(column).collect());
    let constraints = table.foreign_keys.iter().map(|key| foreign_key(&table.name, key));
    map.list("constraints", constraints.collect());
    Value::Mapping(map.0)
}

fn annotations(map: &mut Map, table: &TableDef) {
    map.text("almagest:kind", &table.kind.to_string());
    match &table.kind {
        TableKind::Child { director, key } => {
            map.text("almagest:director", director);
            map.text("almagest:key", key);
        }
        TableKind::RefMatch { first, second } => {
            let pair = |a: &str, b: &str| vec![Value::from(a), Value::from(b)];
            map.list("almagest:director", pair(&first.0, &second.0));
            map.list("almagest:key", pair(&first.1, &second.1));
        }
        TableKind::View { of, columns } => {
            map.text("almagest:of", of);
            let columns = columns.iter().map(|column| Value::from(column.as_str()));
            map.list("almagest:columns", columns.collect());
        }
        TableKind::Director | TableKind::Positional | TableKind::Replicated => {}
    }
    map.option("almagest:columns_ever", table.n_columns_ever);
    let position = table.position.as_ref();
    map.option("almagest:epoch", position.and_then(|position| position.epoch.as_deref()));
    for (key, column) in [
        ("almagest:ra", position.map(|position| &position.ra)),
        ("almagest:dec", position.map(|position| &position.dec)),
        ("almagest:id", table.id.as_ref()),
        ("almagest:time", table.time.as_ref()),
    ] {
        map.set(key, column.map_or(Value::Null, |column| Value::from(column.as_str())));
    }
}

fn column(column: &ColumnDef) -> Value {
    let mut map = Map::default();
    map.text("name", &column.name);
    map.text("datatype", column.datatype.felis_name());
    map.option("length", column.length);
    map.text("description", &column.description);
    if !column.nullable {
        map.set("nullable", false);
    }
    map.option("ivoa:unit", column.unit.as_deref());
    map.option("ivoa:ucd", column.ucd.as_deref());
    map.option("votable:utype", column.utype.as_deref());
    map.option("votable:arraysize", column.geometry().map(GeometryType::arraysize));
    map.option("votable:xtype", column.xtype.as_deref());
    if column.principal {
        map.set("tap:principal", 1);
    }
    if column.standard {
        map.set("tap:std", 1);
    }
    map.option("tap:column_index", column.column_index);
    map.option("value", column.default.as_ref().map(value));
    map.option("almagest:number", column.number);
    Value::Mapping(map.0)
}

fn value(value: &DefaultValue) -> Value {
    match value {
        DefaultValue::Boolean(truth) => (*truth).into(),
        DefaultValue::Integer(number) => (*number).into(),
        DefaultValue::Real(number) => (*number).into(),
        DefaultValue::Text(text) => text.as_str().into(),
    }
}

fn foreign_key(table: &str, key: &ForeignKey) -> Value {
    let mut map = Map::default();
    let refer = |table: &str, columns: &[String]| {
        columns.iter().map(|column| Value::from(format!("#{table}.{column}"))).collect()
    };
    map.text("name", &key.name);
    map.text("@type", "ForeignKey");
    map.text("description", &key.description);
    map.list("columns", refer(table, &key.columns));
    map.list("referencedColumns", refer(&key.target_table, &key.target_columns));
    Value::Mapping(map.0)
}
