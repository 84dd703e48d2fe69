//! A Felis document as it is written: tables, columns, annotations; nothing inferred yet.

use std::collections::{BTreeMap, BTreeSet};

use serde_yaml_ng::{Mapping, Value};

use super::error::{FelisError, Problem};
use crate::schema::{ColumnDef, Datatype, DefaultValue, ForeignKey, TableDef, TableKind};

/// What errors call the document itself.
pub(super) const THE_DEFINITION: &str = "the schema definition";

/// A document as it is written.
pub(super) struct Document {
    pub header: Header,
    pub tables: Vec<WrittenTable>,
    pub problems: Vec<Problem>,
    pub warnings: Vec<String>,
}

/// What a document says of itself.
pub(super) struct Header {
    pub name: String,
    pub description: String,
    pub version: Option<String>,
}

/// A table as it is written.
pub(super) struct WrittenTable {
    /// The definition; kind, position, id and time are still blank.
    pub def: TableDef,
    pub annotations: Annotations,
    /// Columns with a unique constraint of their own.
    pub unique: Vec<String>,
}

/// What a table's annotations say.
#[derive(Default)]
pub(super) struct Annotations {
    pub kind: Option<String>,
    pub ra: Said,
    pub dec: Said,
    pub id: Said,
    pub time: Said,
    pub epoch: Option<String>,
    pub directors: Vec<String>,
    pub keys: Vec<String>,
    pub of: Option<String>,
    pub columns: Vec<String>,
}

/// What an annotation says about a column.
#[derive(Default, Clone)]
pub(super) enum Said {
    /// It is absent, so the column may be inferred.
    #[default]
    Nothing,
    /// There is no such column.
    None,
    /// The column.
    Column(String),
}

/// Read a document and the resources that it refers to.
pub(super) fn read(
    text: &str,
    resource: &dyn Fn(&str) -> Option<String>,
) -> Result<Document, FelisError> {
    let document = read_root(&mapping_of(text, THE_DEFINITION)?, resource)?;
    if document.tables.is_empty() && document.problems.is_empty() {
        let document = THE_DEFINITION.to_owned();
        return Err(FelisError::NotFelis { document, lacks: "it has no `tables`" });
    }
    Ok(document)
}

/// Read a document that may have no tables.
pub(super) fn read_root(
    root: &Mapping,
    resource: &dyn Fn(&str) -> Option<String>,
) -> Result<Document, FelisError> {
    let mut reader = Reader { resources: read_resources(root, resource)?, ..Reader::default() };
    let mut entry = Entry::new(root, "schema".to_owned());
    let header = Header {
        name: entry.text("name").unwrap_or_default(),
        description: entry.text("description").unwrap_or_default(),
        version: entry.text("version"),
    };
    entry.use_keys(&["@id", "resources"]);
    let written = entry.list("tables");
    if header.name.is_empty() {
        let document = THE_DEFINITION.to_owned();
        return Err(FelisError::NotFelis { document, lacks: "it has no `name`" });
    }
    reader.names = Names::of(written);
    reader.finish(entry);
    let tables = written.iter().filter_map(|table| reader.table(table)).collect();
    let warnings = reader.ignored.into_iter().map(|(key, seen)| seen.to_line(&key)).collect();
    Ok(Document { header, tables, problems: reader.problems, warnings })
}

/// Parse a text that must be a mapping.
pub(super) fn mapping_of(text: &str, document: &str) -> Result<Mapping, FelisError> {
    let value: Value = serde_yaml_ng::from_str(text)
        .map_err(|source| FelisError::Yaml { document: document.to_owned(), source })?;
    match value {
        Value::Mapping(mapping) => Ok(mapping),
        _ => Err(FelisError::NotFelis {
            document: document.to_owned(),
            lacks: "it is not a mapping",
        }),
    }
}

/// Columns of other documents: resource, table, column.
type Resources = BTreeMap<String, BTreeMap<String, BTreeMap<String, Value>>>;

fn read_resources(
    root: &Mapping,
    resource: &dyn Fn(&str) -> Option<String>,
) -> Result<Resources, FelisError> {
    let mut resources = Resources::new();
    let Some(Value::Mapping(named)) = root.get("resources") else { return Ok(resources) };
    for (name, value) in named {
        let name = scalar(name).unwrap_or_default();
        let uri = value.get("uri").and_then(scalar).unwrap_or_default();
        let text = resource(&uri)
            .ok_or_else(|| FelisError::Resource { name: name.clone(), uri: uri.clone() })?;
        let other = mapping_of(&text, &uri)?;
        let mut tables = BTreeMap::new();
        for table in other.get("tables").and_then(Value::as_sequence).into_iter().flatten() {
            let columns = table.get("columns").and_then(Value::as_sequence).into_iter().flatten();
            let columns = columns.filter_map(|column| Some((name_of(column)?, column.clone())));
            tables.insert(name_of(table).unwrap_or_default(), columns.collect());
        }
        resources.insert(name, tables);
    }
    Ok(resources)
}

fn name_of(value: &Value) -> Option<String> {
    value.get("name").and_then(scalar)
}

/// A string, number or truth value as text.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

/// What references like `#Object.objectId` stand for.
#[derive(Default)]
struct Names {
    by_id: BTreeMap<String, (String, String)>,
}

impl Names {
    fn of(tables: &[Value]) -> Self {
        let mut by_id = BTreeMap::new();
        for table in tables {
            let table_name = name_of(table).unwrap_or_default();
            for column in table.get("columns").and_then(Value::as_sequence).into_iter().flatten() {
                if let (Some(id), Some(name)) =
                    (column.get("@id").and_then(scalar), name_of(column))
                {
                    by_id.insert(id, (table_name.clone(), name));
                }
            }
        }
        Self { by_id }
    }

    /// Return table and column of a reference.
    fn resolve(&self, reference: &str, own_table: &str) -> (String, String) {
        if let Some(found) = self.by_id.get(reference) {
            return found.clone();
        }
        let path = reference.trim_start_matches('#');
        match path.split_once('.') {
            Some((table, column)) => (table.to_owned(), column.to_owned()),
            None => (own_table.to_owned(), path.to_owned()),
        }
    }
}

/// A mapping of which we note what was asked for.
struct Entry<'a> {
    map: &'a Mapping,
    place: String,
    used: BTreeSet<&'static str>,
}

impl<'a> Entry<'a> {
    fn new(map: &'a Mapping, place: String) -> Self {
        Self { map, place, used: BTreeSet::new() }
    }

    fn get(&mut self, key: &'static str) -> Option<&'a Value> {
        self.used.insert(key);
        self.map.get(key)
    }

    fn use_keys(&mut self, keys: &[&'static str]) {
        self.used.extend(keys);
    }

    fn text(&mut self, key: &'static str) -> Option<String> {
        self.get(key).and_then(scalar).filter(|text| !text.is_empty())
    }

    fn list(&mut self, key: &'static str) -> &'a [Value] {
        self.get(key).and_then(Value::as_sequence).map(Vec::as_slice).unwrap_or_default()
    }

    /// A word or a list of words.
    fn texts(&mut self, key: &'static str) -> Vec<String> {
        match self.get(key) {
            Some(Value::Sequence(items)) => items.iter().filter_map(scalar).collect(),
            Some(value) => scalar(value).into_iter().collect(),
            None => Vec::new(),
        }
    }

    fn said(&mut self, key: &'static str) -> Said {
        match self.get(key) {
            None => Said::Nothing,
            Some(value) => scalar(value).map_or(Said::None, Said::Column),
        }
    }
}

#[derive(Default)]
struct Reader {
    resources: Resources,
    names: Names,
    problems: Vec<Problem>,
    ignored: BTreeMap<String, Ignored>,
}

/// A key that nobody asked for.
struct Ignored {
    times: usize,
    first: String,
}

impl Ignored {
    fn to_line(&self, key: &str) -> String {
        match self.times {
            1 => format!("key `{key}` is not used ({})", self.first),
            times => format!("key `{key}` is not used ({times} times, first in {})", self.first),
        }
    }
}

impl Reader {
    fn finish(&mut self, entry: Entry<'_>) {
        for key in entry.map.keys().filter_map(scalar) {
            if !entry.used.contains(key.as_str()) {
                let first = || Ignored { times: 0, first: entry.place.clone() };
                self.ignored.entry(key).or_insert_with(first).times += 1;
            }
        }
    }

    fn wrong(&mut self, entry: &Entry<'_>, key: &str, expected: &'static str) {
        let (place, key) = (entry.place.clone(), key.to_owned());
        self.problems.push(Problem::WrongForm { place, key, expected });
    }

    fn table(&mut self, value: &Value) -> Option<WrittenTable> {
        let Some(name) = name_of(value) else {
            self.problems.push(Problem::Missing { place: "a table".to_owned(), key: "name" });
            return None;
        };
        let mut entry = Entry::new(value.as_mapping()?, format!("table {name}"));
        entry.use_keys(&["name", "@id", "indexes"]);
        let annotations = Annotations {
            kind: entry.text("almagest:kind"),
            ra: entry.said("almagest:ra"),
            dec: entry.said("almagest:dec"),
            id: entry.said("almagest:id"),
            time: entry.said("almagest:time"),
            epoch: entry.text("almagest:epoch"),
            directors: entry.texts("almagest:director"),
            keys: entry.texts("almagest:key"),
            of: entry.text("almagest:of"),
            columns: entry.texts("almagest:columns"),
        };
        let mut columns: Vec<ColumnDef> = Vec::new();
        for column in entry.list("columns") {
            columns.extend(self.column(&name, column));
        }
        for column in self.referred_columns(&mut entry) {
            columns.extend(self.column(&name, &column));
        }
        if columns.is_empty() {
            self.problems.push(Problem::Missing { place: entry.place.clone(), key: "columns" });
        }
        let primary_key: Vec<String> = entry
            .texts("primaryKey")
            .iter()
            .map(|reference| self.names.resolve(reference, &name).1)
            .collect();
        for column in columns.iter_mut().filter(|column| primary_key.contains(&column.name)) {
            column.nullable = false;
        }
        let (foreign_keys, unique) = self.constraints(&name, entry.list("constraints"));
        let def = TableDef {
            description: entry.text("description").unwrap_or_default(),
            tap_index: self.integer(&mut entry, "tap:table_index"),
            utype: entry.text("votable:utype"),
            columns,
            primary_key,
            foreign_keys,
            kind: TableKind::Replicated,
            position: None,
            id: None,
            time: None,
            n_columns_ever: self
                .integer(&mut entry, "almagest:columns_ever")
                .and_then(|count| u32::try_from(count).ok()),
            name,
        };
        self.finish(entry);
        Some(WrittenTable { def, annotations, unique })
    }

    /// Columns that are defined in another document, with what this one changes.
    fn referred_columns(&mut self, entry: &mut Entry<'_>) -> Vec<Value> {
        let mut found = Vec::new();
        let Some(Value::Mapping(resources)) = entry.get("columnRefs") else { return found };
        for (resource, tables) in resources {
            let resource = scalar(resource).unwrap_or_default();
            for (table, columns) in tables.as_mapping().into_iter().flatten() {
                let table = scalar(table).unwrap_or_default();
                let known = self.resources.get(&resource).and_then(|tables| tables.get(&table));
                for (column, changes) in columns.as_mapping().into_iter().flatten() {
                    let column = scalar(column).unwrap_or_default();
                    let Some(Value::Mapping(original)) =
                        known.and_then(|columns| columns.get(&column))
                    else {
                        self.problems.push(Problem::NoColumn {
                            table: entry.place.trim_start_matches("table ").to_owned(),
                            role: "columnRefs".to_owned(),
                            column,
                            target: format!("{table} in resource `{resource}`"),
                        });
                        continue;
                    };
                    let mut merged = original.clone();
                    merged.extend(changes.as_mapping().cloned().unwrap_or_default());
                    found.push(Value::Mapping(merged));
                }
            }
        }
        found
    }

    fn column(&mut self, table: &str, value: &Value) -> Option<ColumnDef> {
        let Some(name) = name_of(value) else {
            let place = format!("a column of table {table}");
            self.problems.push(Problem::Missing { place, key: "name" });
            return None;
        };
        let mut entry = Entry::new(value.as_mapping()?, format!("table {table}, column {name}"));
        entry.use_keys(&["name", "@id"]);
        let datatype = self.datatype(&mut entry);
        let arraysize = entry.text("votable:arraysize");
        let length = self
            .integer(&mut entry, "length")
            .and_then(|length| u32::try_from(length).ok())
            .or_else(|| arraysize?.trim_end_matches('*').parse().ok());
        let fits_unit = entry.text("fits:tunit");
        let xtype = entry.text("votable:xtype");
        let column = ColumnDef {
            datatype: datatype.unwrap_or(Datatype::Int),
            length: length.filter(|_| datatype.is_some_and(Datatype::is_textual)),
            nullable: self.truth(&mut entry, "nullable").unwrap_or(true),
            unit: entry.text("ivoa:unit").or(fits_unit),
            ucd: entry.text("ivoa:ucd"),
            utype: entry.text("votable:utype"),
            xtype: xtype
                .or_else(|| (datatype == Some(Datatype::Timestamp)).then(|| "timestamp".into())),
            description: entry.text("description").unwrap_or_default(),
            principal: self.truth(&mut entry, "tap:principal").unwrap_or(false),
            standard: self.truth(&mut entry, "tap:std").unwrap_or(false),
            column_index: self.integer(&mut entry, "tap:column_index"),
            default: self.default_value(&mut entry, datatype, length),
            number: self
                .integer(&mut entry, "almagest:number")
                .and_then(|number| u32::try_from(number).ok()),
            name,
        };
        self.finish(entry);
        Some(column)
    }

    fn datatype(&mut self, entry: &mut Entry<'_>) -> Option<Datatype> {
        let place = entry.place.clone();
        let Some(word) = entry.text("datatype") else {
            self.problems.push(Problem::Missing { place, key: "datatype" });
            return None;
        };
        let datatype = Datatype::from_felis(&word);
        if datatype.is_none() {
            let suggestion = Datatype::ALL
                .iter()
                .map(|datatype| datatype.felis_name())
                .min_by_key(|name| strsim::damerau_levenshtein(name, &word))
                .filter(|name| strsim::damerau_levenshtein(name, &word) <= 2);
            self.problems.push(Problem::Datatype { place, datatype: word, suggestion });
        }
        datatype
    }

    /// The value of rows without one, as Felis writes it.
    fn default_value(
        &mut self,
        entry: &mut Entry<'_>,
        datatype: Option<Datatype>,
        length: Option<u32>,
    ) -> Option<DefaultValue> {
        let text = entry.get("value").and_then(scalar)?;
        let value = DefaultValue::parse(&text, datatype?, length);
        if value.is_none() {
            self.wrong(entry, "value", "a value of the column's type and length");
        }
        value
    }

    fn integer(&mut self, entry: &mut Entry<'_>, key: &'static str) -> Option<i64> {
        let value = entry.get(key).filter(|value| !value.is_null())?;
        let number = value.as_i64().or_else(|| scalar(value)?.parse().ok());
        if number.is_none() {
            self.wrong(entry, key, "an integer");
        }
        number
    }

    fn truth(&mut self, entry: &mut Entry<'_>, key: &'static str) -> Option<bool> {
        match entry.get(key)? {
            Value::Null => None,
            Value::Bool(truth) => Some(*truth),
            Value::Number(number) => Some(number.as_i64() != Some(0)),
            _ => {
                self.wrong(entry, key, "true or false");
                None
            }
        }
    }

    /// Return foreign keys, and columns that are unique by themselves.
    fn constraints(&mut self, table: &str, values: &[Value]) -> (Vec<ForeignKey>, Vec<String>) {
        let (mut foreign_keys, mut unique) = (Vec::new(), Vec::new());
        for value in values {
            let Some(map) = value.as_mapping() else { continue };
            let name = name_of(value).unwrap_or_default();
            let mut entry = Entry::new(map, format!("table {table}, constraint {name}"));
            entry.use_keys(&["name", "@id"]);
            let description = entry.text("description").unwrap_or_default();
            let columns: Vec<String> = entry
                .texts("columns")
                .iter()
                .map(|reference| self.names.resolve(reference, table).1)
                .collect();
            match entry.text("@type").as_deref() {
                Some("ForeignKey") => {
                    let targets: Vec<_> = entry
                        .texts("referencedColumns")
                        .iter()
                        .map(|reference| self.names.resolve(reference, table))
                        .collect();
                    if targets.is_empty() || targets.len() != columns.len() {
                        self.wrong(&entry, "referencedColumns", "as many as `columns`");
                    } else {
                        foreign_keys.push(ForeignKey {
                            name,
                            description,
                            columns,
                            target_table: targets[0].0.clone(),
                            target_columns: targets.into_iter().map(|(_, column)| column).collect(),
                        });
                    }
                }
                Some("Unique") if columns.len() == 1 => unique.extend(columns),
                Some("Unique" | "Check") => entry.use_keys(&["expression"]),
                _ => self.wrong(&entry, "@type", "ForeignKey, Unique or Check"),
            }
            self.finish(entry);
        }
        (foreign_keys, unique)
    }
}
