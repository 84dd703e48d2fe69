//! `/tables/{schema.table}`: the columns of a table, with units, UCDs and meanings.
//!
//! A survey's table may have more than a thousand columns: a part of a name or of a meaning narrows
//! the list, and each column has an address of its own.

use almagest_engine::tap_schema::{VotableType, identifier, is_indexed, target_of};
use almagest_storage::schema::{ColumnDef, SchemaDef, TableDef};
use axum::extract::{Path, State};
use axum::response::Response;

use super::{asking, page};
use crate::Error;
use crate::base_url::BaseUrl;
use crate::dali::Parameters;
use crate::people::Caller;
use crate::state::AppState;
use crate::tap::plan::grouped;
use crate::vosi;
use crate::xml::Escaped;

/// Columns of a proposed query at most.
const N_PROPOSED: usize = 8;

/// The address of the page of a table.
pub fn url(base: &BaseUrl, schema: &SchemaDef, table: &TableDef) -> String {
    let name = format!("{}.{}", schema.name, table.name);
    let name: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
    format!("{base}/tables/{}", name.replace('+', "%20"))
}

/// Answer with the page; FIND narrows the list of columns.
pub async fn table(
    State(state): State<AppState>,
    caller: Caller,
    Path(name): Path<String>,
    base: BaseUrl,
    parameters: Parameters,
) -> Result<Response, Response> {
    let schemas = caller.database.schemas();
    let found = vosi::tables::find(schemas, &name).ok_or(Error::NoSuchTable { name });
    let (schema, table) =
        found.map_err(|error| super::refusal::refusal(&base, &state, error, None))?;
    let find = parameters.first("FIND").unwrap_or_default().trim();
    let name = identifier::qualified(&schema.name, &table.name);
    let n_rows = caller.database.n_rows(&schema.name, &table.name);
    let n_rows = n_rows.map_or(String::new(), |n| format!("{} rows · ", grouped(n)));
    let main = format!(
        "<h1><code>{}</code></h1>\n<p>{}</p>\n<p class=\"quiet\">{n_rows}{} columns{} · \
         <a href=\"{}\">Ask this table</a></p>\n{}{}{}",
        Escaped(&name),
        Escaped(table.description.trim()),
        table.columns.len(),
        cone(&base, schema, table),
        Escaped(&asking(&base, &proposal(&name, table))),
        references(&base, schemas, schema, table),
        search(find),
        columns(table, find),
    );
    let curation = &state.config.curation;
    Ok(page(&base, &curation.title, &format!("{name} – {}", curation.title), &main))
}

fn cone(base: &BaseUrl, schema: &SchemaDef, table: &TableDef) -> String {
    let name = format!("{}.{}", schema.name, table.name);
    match &table.position {
        Some(_) => {
            format!(" · cone search at <code>{}</code>", Escaped(&format!("{base}/scs/{name}")))
        }
        None => String::new(),
    }
}

/// A query that shows the first rows.
fn proposal(name: &str, table: &TableDef) -> String {
    let principal: Vec<_> = table
        .columns
        .iter()
        .filter(|column| column.principal)
        .take(N_PROPOSED)
        .map(|column| identifier::in_query(&column.name))
        .collect();
    let columns = if principal.is_empty() { "*".to_owned() } else { principal.join(", ") };
    format!("SELECT TOP 100 {columns}\nFROM {name}")
}

fn references(
    base: &BaseUrl,
    schemas: &[SchemaDef],
    schema: &SchemaDef,
    table: &TableDef,
) -> String {
    let mut out = String::new();
    for key in &table.foreign_keys {
        let target = target_of(schema, key);
        let place = vosi::tables::find(schemas, &target);
        let url = place.map_or(String::new(), |(schema, table)| url(base, schema, table));
        out += &format!(
            "<li><code>{}</code> refers to <code>{}</code> of <a href=\"{}\"><code>{}</code></a> \
             <span class=\"quiet\">{}</span></li>\n",
            Escaped(&key.columns.join(", ")),
            Escaped(&key.target_columns.join(", ")),
            Escaped(&url),
            Escaped(&target),
            Escaped(key.description.trim()),
        );
    }
    if out.is_empty() { out } else { format!("<ul>\n{out}</ul>\n") }
}

fn search(find: &str) -> String {
    format!(
        "<h2 id=\"columns\">Columns</h2>\n<form method=\"get\" role=\"search\" action=\"#columns\">\
         <div class=\"row\"><label>Part of a name, a UCD or a meaning \
         <input type=\"search\" name=\"FIND\" value=\"{}\"></label>\
         <button type=\"submit\" class=\"second\">Find</button></div></form>\n",
        Escaped(find)
    )
}

fn columns(table: &TableDef, find: &str) -> String {
    let wanted = find.to_lowercase();
    let matches = |text: &str| text.to_lowercase().contains(&wanted);
    let is_wanted = |column: &&ColumnDef| {
        matches(&column.name)
            || matches(&column.description)
            || column.ucd.as_deref().is_some_and(matches)
    };
    let found: Vec<&ColumnDef> = table.columns.iter().filter(is_wanted).collect();
    let mut out = match (find, found.len()) {
        ("", _) => String::new(),
        (_, 0) => "<p>No column matches.</p>\n".to_owned(),
        (_, n) => format!("<p class=\"quiet\">{n} of {} columns.</p>\n", table.columns.len()),
    };
    if found.is_empty() {
        return out;
    }
    out += "<table class=\"wide\"><thead><tr><th scope=\"col\">Name</th><th scope=\"col\">Type</th>\
            <th scope=\"col\">Unit</th><th scope=\"col\">Meaning</th></tr></thead><tbody>\n";
    for column in found {
        out += &line(table, column);
    }
    out + "</tbody></table>\n"
}

fn line(table: &TableDef, column: &ColumnDef) -> String {
    let kind = VotableType::of_column(column);
    let size = kind.arraysize.attribute().map_or(String::new(), |size| format!("[{size}]"));
    let ucd = column.ucd.as_deref().filter(|ucd| !ucd.is_empty());
    let ucd = ucd
        .map_or(String::new(), |ucd| format!("<br><code class=\"quiet\">{}</code>", Escaped(ucd)));
    let is_key = table.primary_key == [column.name.as_str()];
    let marks: String = [(is_key, "key"), (is_indexed(table, column), "indexed")]
        .iter()
        .filter(|(is_so, _)| *is_so)
        .map(|(_, mark)| format!("<span class=\"mark\">{mark}</span>"))
        .collect();
    format!(
        "<tr id=\"{name}\"><td><code>{name}</code>{marks}</td><td>{}{size}</td><td>{}</td>\
         <td>{}{ucd}</td></tr>\n",
        Escaped(kind.xtype.as_deref().unwrap_or(kind.primitive.as_str())),
        Escaped(column.unit.as_deref().unwrap_or_default()),
        Escaped(column.description.trim()),
        name = Escaped(&identifier::in_query(&column.name)),
    )
}
