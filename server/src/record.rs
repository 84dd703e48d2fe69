//! `/record`: the service as a VOResource record, to be harvested by a publishing registry.
//!
//! Tables are named and described without their columns, which the capability for VOSI tables leads to:
//! a survey has thousands of them, and registries take records of some size only.
//!
//! Reference: IVOA Recommendations "VOResource" 1.1 (2018) and "VODataService" 1.2 (2021).

use std::time::SystemTime;

use almagest_engine::tap_schema::{self, identifier};
use almagest_storage::schema::SchemaDef;
use axum::extract::State;
use axum::response::Response;

use crate::base_url::BaseUrl;
use crate::cone_search::{self, searchable};
use crate::config::Curation;
use crate::people::Caller;
use crate::state::AppState;
use crate::uws::Moment;
use crate::vosi;
use crate::xml::{Attribute, Element, Escaped};

/// Answer with the record.
pub async fn record(State(state): State<AppState>, caller: Caller, base: BaseUrl) -> Response {
    let schemas = caller.database.schemas();
    let config = &state.config;
    let mut capabilities = vosi::capabilities::of_tap(&format!("{base}/tap"), &state);
    for table in searchable(schemas) {
        capabilities += &cone_search::capability(&table, &base, config.hard_maxrec);
    }
    let tables: String = schemas.iter().map(schema).collect();
    vosi::xml(document(&config.curation, &base, state.up_since, schemas, &capabilities, &tables))
}

fn document(
    curation: &Curation,
    base: &BaseUrl,
    since: SystemTime,
    schemas: &[SchemaDef],
    capabilities: &str,
    tables: &str,
) -> String {
    let Curation { title, publisher, contact_name, contact_email, identifier } = curation;
    let surveys = schemas.iter().filter(|schema| schema.name != tap_schema::NAME);
    let contents: Vec<&str> = surveys
        .map(|schema| schema.description.trim())
        .filter(|description| !description.is_empty())
        .collect();
    let description = match contents.is_empty() {
        true => "Catalogs of the sky, to be asked in ADQL.".to_owned(),
        false => contents.join("\n"),
    };
    let since = Moment::from(since);
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<ri:Resource xsi:type="vs:CatalogService" created="{since}" updated="{since}" status="active" xmlns:ri="http://www.ivoa.net/xml/RegistryInterface/v1.0" {namespaces}>
{title}
{identifier}
<curation>
  {publisher}
  <contact>{contact}{email}</contact>
</curation>
<content>
  <subject>surveys</subject>
  <subject>catalogs</subject>
  {description}
  {reference}
  <type>Catalog</type>
</content>
{capabilities}<tableset>
{tables}</tableset>
</ri:Resource>
"#,
        namespaces = vosi::capabilities::NAMESPACES,
        title = Element("title", Some(title)),
        identifier = Element("identifier", Some(identifier)),
        publisher = Element("publisher", Some(publisher)),
        contact = Element("name", Some(contact_name)),
        email = Element("email", contact_email.as_deref()),
        description = Element("description", Some(&description)),
        reference = Element("referenceURL", Some(&format!("{base}/"))),
    )
}

fn schema(schema: &SchemaDef) -> String {
    let tables: String = schema
        .tables
        .iter()
        .map(|table| {
            let name = identifier::qualified(&schema.name, &table.name);
            format!(
                "<table{}>{}{}{}</table>\n",
                Attribute("type", Some("table")),
                Element("name", Some(&name)),
                Element("description", Some(table.description.trim())),
                Element("utype", table.utype.as_deref()),
            )
        })
        .collect();
    let name = identifier::in_query(&schema.name);
    let description = Element("description", Some(schema.description.trim()));
    format!("<schema><name>{}</name>{description}\n{tables}</schema>\n", Escaped(&name))
}
