//! Pages for a person with a browser: `/`, and `/tables/{schema.table}` for the columns of each table.
//!
//! Plain HTML that needs no script, no other host and no cookie; light or dark as the reader's system
//! is; to be read by a screen reader, on a telephone, and on paper.

pub mod front;
pub mod refusal;
pub mod table;

use axum::http::header;
use axum::response::{Html, IntoResponse, Response};

use crate::base_url::BaseUrl;
use crate::xml::Escaped;

const STYLE: &str = include_str!("pages/style.css");

/// What a browser may load for one of these pages: nothing but the style inside.
const SECURITY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'";

/// Answer with a page.
///
/// # Arguments
/// `title`: text. `name`: of the service, text. `main`: HTML.
fn page(base: &BaseUrl, name: &str, title: &str, main: &str) -> Response {
    let (base, name, title) = (base.to_string(), Escaped(name), Escaped(title));
    let base = Escaped(&base);
    let html = format!(
        r##"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{STYLE}</style>
</head>
<body>
<a class="skip" href="#main">To the content</a>
<header><nav aria-label="Pages">
<a class="name" href="{base}/">{name}</a>
<a href="{base}/#ask">Ask</a><a href="{base}/#examples">Examples</a>
<a href="{base}/#tables">Tables</a><a href="{base}/#connect">Connect</a>
</nav></header>
<main id="main">
{main}</main>
<footer>
<a href="{base}/tap/capabilities">capabilities</a><a href="{base}/tap/tables">tables as XML</a>
<a href="{base}/tap/examples">examples</a><a href="{base}/tap/availability">availability</a>
<a href="{base}/record">record</a>
<span>Almagest {version}</span>
</footer>
</body>
</html>
"##,
        version = env!("CARGO_PKG_VERSION"),
    );
    ([(header::CONTENT_SECURITY_POLICY, SECURITY)], Html(html)).into_response()
}

/// The address of the front page with a query in its form.
fn asking(base: &BaseUrl, query: &str) -> String {
    let query: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
    format!("{base}/?QUERY={query}#ask")
}
