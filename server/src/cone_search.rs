//! `/scs/{schema.table}`: Simple Cone Search, for each table whose rows have positions.
//!
//! ```text
//!   RA, DEC, SR, VERB ─▶ SELECT … WHERE DISTANCE(POINT(ra, dec), POINT(RA, DEC)) <= SR ─▶ tap::sync
//! ```
//!
//! Nothing is configured: a table that has position columns has a cone search. Exactly one column each
//! has the UCDs ID_MAIN (as text, which the standard asks for), POS_EQ_RA_MAIN and POS_EQ_DEC_MAIN;
//! clients find them by these old words.
//!
//! Reference: IVOA Recommendation "Simple Cone Search" 1.03 (2008); MAXREC and RESPONSEFORMAT as in the
//! draft of 1.1.

pub mod query;

use almagest_engine::tap_schema::{self, identifier};
use almagest_storage::schema::{PositionColumns, SchemaDef, TableDef};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::base_url::BaseUrl;
use crate::dali::Parameters;
use crate::formats::votable;
use crate::metrics::Endpoint;
use crate::people::Caller;
use crate::state::AppState;
use crate::tap::sync::Inquiry;
use crate::vosi;
use crate::vosi::tables::plain;
use crate::xml::{Element, Escaped};
use crate::{Error, Result};

/// A table that can be searched.
#[derive(Debug, Clone, Copy)]
pub struct Searchable<'a> {
    /// Its schema.
    pub schema: &'a SchemaDef,
    /// The table.
    pub table: &'a TableDef,
    /// Its position columns.
    pub position: &'a PositionColumns,
}

impl Searchable<'_> {
    /// The name of the table as queries write it.
    pub fn name(&self) -> String {
        identifier::qualified(&self.schema.name, &self.table.name)
    }

    /// The last part of the address of its cone search.
    pub fn path(&self) -> String {
        let name = format!("{}.{}", self.schema.name, self.table.name);
        form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>().replace('+', "%20")
    }
}

/// All tables that can be searched.
pub fn searchable(schemas: &[SchemaDef]) -> impl Iterator<Item = Searchable<'_>> {
    let surveys = schemas.iter().filter(|schema| schema.name != tap_schema::NAME);
    surveys.flat_map(|schema| {
        schema.tables.iter().filter_map(move |table| {
            Some(Searchable { schema, table, position: table.position.as_ref()? })
        })
    })
}

/// Find a table by the name in the address; letter case and quotes are free.
fn find<'a>(schemas: &'a [SchemaDef], name: &str) -> Result<Searchable<'a>> {
    let is_meant = |found: &Searchable<'_>| {
        let table = plain(&found.table.name);
        plain(name) == format!("{}.{table}", plain(&found.schema.name)) || plain(name) == table
    };
    searchable(schemas).find(is_meant).ok_or_else(|| Error::NoCones { name: name.to_owned() })
}

/// Answer a cone search; GET and POST are the same.
pub async fn search(
    State(state): State<AppState>,
    Path(name): Path<String>,
    method: Method,
    headers: HeaderMap,
    caller: Caller,
    parameters: Parameters,
) -> Response {
    let answered = async {
        let request = find(caller.database.schemas(), &name)
            .and_then(|table| query::request(&table, &parameters, &state.config));
        let (endpoint, of) = (Endpoint::Cone, Some(name.clone()));
        let inquiry = Inquiry { endpoint, of, method, headers: &headers, caller };
        inquiry.answer(&state, request).await
    };
    answered.await.unwrap_or_else(refusal)
}

/// Say in a VOTable why there is no answer.
///
/// Clients of the standard read the document only where the status is that of success, which is what
/// it has for a wrong parameter; the service's own failures have their status.
fn refusal(error: Error) -> Response {
    let status = match error.status() {
        StatusCode::BAD_REQUEST => StatusCode::OK,
        other => other,
    };
    let document = votable::cone_search_error(&error.public_message());
    (status, [(header::CONTENT_TYPE, votable::MEDIA_TYPE)], document).into_response()
}

/// Answer with the capabilities of one cone search.
pub async fn capabilities(
    State(state): State<AppState>,
    caller: Caller,
    Path(name): Path<String>,
    base: BaseUrl,
) -> Result<Response, Response> {
    let table = find(caller.database.schemas(), &name).map_err(Error::into_text)?;
    let cones = format!("{base}/scs/{}", table.path());
    let own = format!(
        "<capability standardID=\"ivo://ivoa.net/std/VOSI#capabilities\">\n  \
         <interface xsi:type=\"vs:ParamHTTP\" version=\"1.0\"><accessURL use=\"full\">{}/capabilities</accessURL>\
         </interface>\n</capability>\n\
         <capability standardID=\"ivo://ivoa.net/std/VOSI#availability\">\n  \
         <interface xsi:type=\"vs:ParamHTTP\" version=\"1.0\"><accessURL use=\"full\">{}/tap/availability</accessURL>\
         </interface>\n</capability>\n{}",
        Escaped(&cones),
        Escaped(&base.to_string()),
        capability(&table, &base, state.config.hard_maxrec),
    );
    Ok(vosi::xml(vosi::capabilities::document(&own)))
}

/// The element that announces a cone search in capabilities and in the record of the service.
pub fn capability(table: &Searchable<'_>, base: &BaseUrl, most_rows: u64) -> String {
    let url = format!("{base}/scs/{}?", table.path());
    let description = format!("Cone search of {}", table.name());
    format!(
        "<capability xsi:type=\"cs:ConeSearch\" standardID=\"ivo://ivoa.net/std/ConeSearch\">\n  {}\n  \
         <interface xsi:type=\"vs:ParamHTTP\" role=\"std\" version=\"1.03\">\
         <accessURL use=\"base\">{}</accessURL><queryType>GET</queryType><queryType>POST</queryType>\
         <resultType>application/x-votable+xml</resultType></interface>\n  \
         <maxSR>180</maxSR><maxRecords>{most_rows}</maxRecords><verbosity>true</verbosity>\n  \
         <testQuery><ra>0</ra><dec>0</dec><sr>0.1</sr></testQuery>\n</capability>\n",
        Element("description", Some(&description)),
        Escaped(&url),
    )
}
