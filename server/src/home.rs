//! `/`: what this service is, for a person with a browser.

use almagest_engine::tap_schema::identifier;
use axum::response::{Html, IntoResponse, Response};

use crate::base_url::BaseUrl;
use crate::people::Caller;
use crate::xml::Escaped;

/// Answer with the page.
pub async fn home(caller: Caller, base: BaseUrl) -> Response {
    let schemas = caller.database.schemas();
    let mut tables = String::new();
    for schema in schemas {
        for table in &schema.tables {
            let name = identifier::qualified(&schema.name, &table.name);
            tables += &format!(
                "<tr><td><code>{}</code></td><td>{}</td></tr>\n",
                Escaped(&name),
                Escaped(table.description.trim())
            );
        }
    }
    let example = schemas
        .iter()
        .flat_map(|schema| schema.tables.iter().map(move |table| (schema, table)))
        .find(|(_, table)| table.position.is_some())
        .map_or("TAP_SCHEMA.tables".to_owned(), |(schema, table)| {
            identifier::qualified(&schema.name, &table.name)
        });
    Html(page(&format!("{base}/tap"), &example, &tables)).into_response()
}

fn page(tap: &str, example: &str, tables: &str) -> String {
    let (tap, example) = (Escaped(tap), Escaped(example));
    format!(
        r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Almagest</title>
<style>
body {{ font-family: sans-serif; max-width: 50em; margin: 2em auto; padding: 0 1em; line-height: 1.5 }}
pre {{ background: #f2f2f2; padding: 1em; overflow-x: auto }}
td {{ padding: .2em 1em .2em 0; vertical-align: top }}
</style>
</head>
<body>
<h1>Almagest</h1>
<p>A catalog of the sky that answers queries in
<a href="https://www.ivoa.net/documents/ADQL/">ADQL</a> over the Table Access Protocol. Its address is</p>
<pre>{tap}</pre>
<h2>From Python</h2>
<pre>import pyvo
service = pyvo.dal.TAPService("{tap}")
rows = service.search("SELECT TOP 10 * FROM {example}").to_table()</pre>
<h2>From TOPCAT</h2>
<p>Menu <i>VO</i>, <i>Table Access Protocol (TAP) Query</i>; put the address above into <i>TAP URL</i> and press
<i>Use Service</i>.</p>
<h2>From the command line</h2>
<pre>curl -d LANG=ADQL -d RESPONSEFORMAT=csv --data-urlencode "QUERY=SELECT TOP 10 * FROM {example}" {tap}/sync</pre>
<h2>Tables</h2>
<table>
{tables}</table>
<p><a href="{tap}/examples">Examples</a> ·
<a href="{tap}/tables">columns</a> ·
<a href="{tap}/capabilities">capabilities</a> ·
<a href="{tap}/availability">availability</a></p>
</body>
</html>
"#
    )
}
