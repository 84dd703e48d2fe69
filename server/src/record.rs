//! `/record`: the service as a VOResource record, to be harvested by a publishing registry.
//!
//! Tables are named and described without their columns, which the capability for VOSI tables leads to:
//! a survey has thousands of them, and registries take records of some size only.
//!
//! Reference: IVOA Recommendations "VOResource" 1.1 (2018) and "VODataService" 1.2 (2021).

use almagest_engine::tap_schema::{self, identifier};
use almagest_storage::CatalogStore;
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
use crate::{Error, Result};

/// Answer with the record.
///
/// # Errors
/// The history of a catalog cannot be read.
pub async fn record(
    State(state): State<AppState>,
    caller: Caller,
    base: BaseUrl,
) -> Result<Response> {
    let schemas = caller.database.schemas();
    let config = &state.config;
    let mut capabilities = vosi::capabilities::of_tap(&format!("{base}/tap"), &state);
    capabilities += &vosi::capabilities::of_images(&base.to_string(), &state);
    for table in searchable(schemas) {
        capabilities += &cone_search::capability(&table, &base, config.hard_maxrec);
    }
    let tables: String = schemas.iter().map(schema).collect();
    let stores = state.views.whole().stores();
    let history = tokio::task::spawn_blocking(move || History::of(&stores));
    let history =
        history.await.map_err(|error| Error::QueryThread { reason: error.to_string() })??;
    let curation = &config.curation;
    Ok(vosi::xml(document(curation, &base, &history, schemas, &capabilities, &tables)))
}

/// When the oldest of the catalogs was made, and when rows last came to one of them.
struct History {
    created: String,
    updated: String,
}

impl History {
    fn of(stores: &[CatalogStore]) -> Result<Self> {
        let mut times = vec![];
        for store in stores {
            let versions = store.versions().map_err(almagest_engine::Error::from)?;
            times.extend(versions.iter().map(|version| in_seconds(&version.committed_at)));
        }
        let now = || Moment::now().to_string();
        Ok(Self {
            created: times.iter().min().cloned().unwrap_or_else(now),
            updated: times.into_iter().max().unwrap_or_else(now),
        })
    }
}

/// A time in UTC without the fraction of its second, as registries have it.
fn in_seconds(time: &str) -> String {
    let (whole, _) = time.split_once('.').unwrap_or((time.trim_end_matches('Z'), ""));
    format!("{whole}Z")
}

fn document(
    curation: &Curation,
    base: &BaseUrl,
    history: &History,
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
    let History { created, updated } = history;
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<ri:Resource xsi:type="vs:CatalogService" created="{created}" updated="{updated}" status="active" xmlns:ri="http://www.ivoa.net/xml/RegistryInterface/v1.0" {namespaces}>
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
