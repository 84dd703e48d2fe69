//! `/`: what there is, a form to ask it, and how other programs reach it.

use std::time::Duration;

use almagest_engine::Database;
use almagest_engine::tap_schema::{self, identifier};
use almagest_storage::schema::{SchemaDef, TableDef};
use axum::extract::State;
use axum::response::Response;
use tokio::time::timeout;

use super::{asking, page};
use crate::base_url::BaseUrl;
use crate::cone_search::{Searchable, searchable};
use crate::dali::Parameters;
use crate::people::Caller;
use crate::state::AppState;
use crate::tap::examples::Example;
use crate::tap::plan::grouped;
use crate::xml::Escaped;

/// How long the page waits for the examples, which are made from rows of the catalog.
const PATIENCE: Duration = Duration::from_secs(2);

/// The formats of the form, by their short names, with what they are good for.
const FORMATS: [(&str, &str); 9] = [
    ("html", "a table in this browser"),
    ("votable", "VOTable"),
    ("fits", "FITS"),
    ("parquet", "Parquet"),
    ("csv", "CSV"),
    ("tsv", "TSV"),
    ("json", "JSON"),
    ("arrow", "Arrow"),
    ("text", "plain text"),
];

/// Answer with the page; QUERY is what stands in the form.
pub async fn front(
    State(state): State<AppState>,
    caller: Caller,
    base: BaseUrl,
    parameters: Parameters,
) -> Response {
    let (database, shelf) = (caller.database.clone(), state.examples.clone());
    let examples = state.queries.run(async move { shelf.of(&database).await });
    let examples = timeout(PATIENCE, examples).await.ok().and_then(Result::ok).unwrap_or_default();
    let query = parameters.first("QUERY").filter(|query| !query.trim().is_empty());
    let first = examples.first().map(|example| example.query.as_str());
    let query = query.or(first).unwrap_or("SELECT * FROM TAP_SCHEMA.tables");
    let curation = &state.config.curation;
    let main = format!(
        "<h1>{}</h1>\n{}<section id=\"ask\" aria-labelledby=\"ask-title\">\n{}</section>\n\
         <section id=\"examples\" aria-labelledby=\"examples-title\">\n{}</section>\n\
         <section id=\"tables\" aria-labelledby=\"tables-title\">\n{}</section>\n\
         <section id=\"connect\" aria-labelledby=\"connect-title\">\n{}</section>\n",
        Escaped(&curation.title),
        introduction(caller.database.schemas()),
        form(&base, query),
        example_list(&base, &examples),
        tables(&caller.database, &base),
        connect(&base, caller.database.schemas()),
    );
    page(&base, &curation.title, &curation.title, &main)
}

fn surveys(schemas: &[SchemaDef]) -> impl Iterator<Item = &SchemaDef> {
    schemas.iter().filter(|schema| schema.name != tap_schema::NAME)
}

fn introduction(schemas: &[SchemaDef]) -> String {
    let texts = surveys(schemas).map(|schema| schema.description.trim());
    let texts = texts.filter(|text| !text.is_empty());
    texts.map(|text| format!("<p>{}</p>\n", Escaped(text))).collect()
}

fn form(base: &BaseUrl, query: &str) -> String {
    let formats: String = FORMATS
        .iter()
        .map(|(name, use_of)| format!("<option value=\"{name}\">{use_of}</option>"))
        .collect();
    let base = base.to_string();
    format!(
        r#"<h2 id="ask-title">Ask</h2>
<form method="post" action="{base}/tap/sync">
<input type="hidden" name="LANG" value="ADQL">
<label for="query" class="quiet">A query in <a href="https://www.ivoa.net/documents/ADQL/">ADQL</a></label>
<textarea id="query" name="QUERY" spellcheck="false" autocapitalize="off" autocomplete="off" required>{query}</textarea>
<div class="row">
<label>Rows as <select name="RESPONSEFORMAT">{formats}</select></label>
<label>At most <input name="MAXREC" type="number" min="0" step="1" value="1000" size="8"></label>
<button type="submit">Run</button>
<button type="submit" class="second" name="PLAN" value="1">What would it read?</button>
</div>
<p class="quiet">A table in this browser, VOTable, FITS, Parquet and JSON say where they were cut at that number.
CSV, TSV and Arrow have no place for it: as many rows as that may be all, or not.</p>
</form>
"#,
        base = Escaped(&base),
        query = Escaped(query),
    )
}

fn example_list(base: &BaseUrl, examples: &[Example]) -> String {
    let mut out = "<h2 id=\"examples-title\">Examples</h2>\n".to_owned();
    if examples.is_empty() {
        let base = base.to_string();
        let base = Escaped(&base);
        out += &format!("<p><a href=\"{base}/tap/examples\">All examples</a></p>\n");
    }
    for Example { name, query, .. } in examples {
        out += &format!(
            "<details><summary>{}</summary>\n<pre>{}</pre>\n<a href=\"{}\">Put it into the form</a></details>\n",
            Escaped(name),
            Escaped(query),
            Escaped(&asking(base, query)),
        );
    }
    out
}

fn tables(database: &Database, base: &BaseUrl) -> String {
    let mut out = "<h2 id=\"tables-title\">Tables</h2>\n".to_owned();
    for schema in database.schemas() {
        let is_alone = database.schemas().len() <= 2 && schema.name != tap_schema::NAME;
        if !is_alone {
            out += &format!("<h3>{}</h3>\n", Escaped(&schema.name));
        }
        out += "<table class=\"wide\"><thead><tr><th scope=\"col\">Name</th>\
                <th scope=\"col\" class=\"n\">Rows</th><th scope=\"col\" class=\"n\">Columns</th>\
                <th scope=\"col\">Contents</th></tr></thead><tbody>\n";
        for table in &schema.tables {
            out += &table_line(database, base, schema, table);
        }
        out += "</tbody></table>\n";
    }
    out
}

fn table_line(database: &Database, base: &BaseUrl, schema: &SchemaDef, table: &TableDef) -> String {
    let n_rows = database.n_rows(&schema.name, &table.name);
    let n_rows = n_rows.map_or(String::new(), grouped);
    format!(
        "<tr><td class=\"name\"><a href=\"{}\"><code>{}</code></a></td>\
         <td class=\"n\" data-of=\"rows\">{n_rows}</td><td class=\"n\" data-of=\"columns\">{}</td>\
         <td>{}</td></tr>\n",
        Escaped(&super::table::url(base, schema, table)),
        Escaped(&identifier::qualified(&schema.name, &table.name)),
        table.columns.len(),
        Escaped(table.description.trim()),
    )
}

fn connect(base: &BaseUrl, schemas: &[SchemaDef]) -> String {
    let base = base.to_string();
    let searchable: Vec<Searchable<'_>> = searchable(schemas).collect();
    let example = searchable.first().map_or("TAP_SCHEMA.tables".to_owned(), Searchable::name);
    let (base, example) = (Escaped(&base), Escaped(&example));
    let mut out = format!(
        r#"<h2 id="connect-title">Connect</h2>
<p>Any client of the IVOA's Table Access Protocol can ask. The address is</p>
<pre>{base}/tap</pre>
<h3>Python</h3>
<pre>import pyvo
service = pyvo.dal.TAPService("{base}/tap")
rows = service.search("SELECT TOP 10 * FROM {example}").to_table()</pre>
<p>A query that takes long is better sent as a job: <code>service.run_async(query)</code>.</p>
<h3>TOPCAT</h3>
<p>In the menu <i>VO</i> choose <i>Table Access Protocol (TAP) Query</i>, put the address into
<i>TAP URL</i> and press <i>Use Service</i>.</p>
<h3>Shell</h3>
<pre>curl -d LANG=ADQL -d RESPONSEFORMAT=csv --data-urlencode "QUERY=SELECT TOP 10 * FROM {example}" {base}/tap/sync</pre>
"#
    );
    if let Some(first) = searchable.first() {
        let path = first.path();
        out += &format!(
            "<h3>Cone search</h3>\n<p>Each table with positions answers a Simple Cone Search, for instance</p>\n\
             <pre>{base}/scs/{path}?RA=10&amp;DEC=-5&amp;SR=0.1</pre>\n"
        );
    }
    out
}
