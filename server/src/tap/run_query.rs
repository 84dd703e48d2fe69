//! One query from its parameters to the body of the answer.

use std::path::PathBuf;

use almagest_adql::Dialect;
use almagest_engine::{Database, QueryOptions};
use axum::body::Body;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};

use super::language;
use crate::dali::{Format, Parameters, RowLimit};
use crate::formats::canonical::Canonical;
use crate::formats::result_stream::{Rows, encode};
use crate::formats::{Encoder, Ending, Provenance, encoder};
use crate::state::AppState;
use crate::{Error, Result};

/// Answer the query that `parameters` hold.
///
/// # Errors
/// A parameter is wrong, or the query fails before it has given its first rows. What fails later
/// is told inside the document, whose status has then been sent.
pub async fn run_query(
    state: &AppState,
    parameters: &Parameters,
    headers: &HeaderMap,
) -> Result<Response> {
    check_request(parameters)?;
    let dialect = language::dialect(parameters)?;
    let format = Format::negotiated(parameters, headers)?;
    let limit = RowLimit::from_parameters(parameters, &state.config)?;
    let text = parameters.get("QUERY")?.filter(|text| !text.trim().is_empty());
    let text = text.ok_or(Error::MissingParameter { name: "QUERY" })?;
    if let Some(run_id) = parameters.get("RUNID")? {
        tracing::info!(run_id, "the caller's name for the query");
    }

    let answer = answer(
        state.database.clone(),
        text.to_owned(),
        dialect,
        format,
        limit,
        state.config.spool.clone(),
    );
    let bytes = state.queries.run(answer).await??;
    let body = Body::from_stream(state.queries.stream(bytes)?);
    Ok((answer_headers(format, parameters)?, body).into_response())
}

/// Plan the query, wait for its first rows, and return the bytes of the answer as a stream.
async fn answer(
    database: Database,
    text: String,
    dialect: Dialect,
    format: Format,
    limit: RowLimit,
    spool: PathBuf,
) -> Result<BoxStream<'static, Result<Bytes>>> {
    // One row more than wanted tells a full result from a cut one.
    let options = QueryOptions { dialect, row_limit: Some(limit.rows().saturating_add(1)) };
    let query = database.session()?.query(&text, options).await?;
    let warnings = query.warnings().to_vec();
    let provenance = Provenance { query: text, version: query.version(), warnings };
    let canonical = Canonical::new(query.schema())?;
    let mut encoder = encoder(format, canonical.schema(), &provenance, &spool)?;
    if limit.is_metadata_only() {
        let bytes = metadata_only(encoder.as_mut())?;
        return Ok(stream::once(std::future::ready(Ok(bytes.into()))).boxed());
    }
    let rows = started(query.into_stream().await?).await?;
    begun(encode(rows, canonical, encoder, limit).boxed()).await
}

/// REQUEST is a relic of TAP 1.0 that clients still send.
fn check_request(parameters: &Parameters) -> Result<()> {
    match parameters.get("REQUEST")? {
        Some(value) if !value.is_empty() && !value.eq_ignore_ascii_case("doQuery") => {
            Err(Error::BadParameter {
                name: "REQUEST",
                value: value.to_owned(),
                expected: "doQuery".to_owned(),
            })
        }
        _ => Ok(()),
    }
}

/// Wait for the first rows, so that a query that fails at once is answered by its error.
async fn started(mut rows: Rows) -> Result<Rows> {
    Ok(match rows.next().await {
        Some(first) => stream::once(std::future::ready(Ok(first?))).chain(rows).boxed(),
        None => rows,
    })
}

/// Wait for the first bytes: a format that must know all its rows first has then read them, and
/// what failed meanwhile is the answer.
async fn begun(
    mut bytes: BoxStream<'static, Result<Bytes>>,
) -> Result<BoxStream<'static, Result<Bytes>>> {
    Ok(match bytes.next().await {
        Some(first) => stream::once(std::future::ready(Ok(first?))).chain(bytes).boxed(),
        None => bytes,
    })
}

fn metadata_only(encoder: &mut dyn Encoder) -> Result<Vec<u8>> {
    let mut bytes = encoder.begin()?;
    bytes.extend(encoder.end(&Ending::Overflow)?);
    while let Some(more) = encoder.more()? {
        bytes.extend(more);
    }
    Ok(bytes)
}

fn answer_headers(
    format: Format,
    parameters: &Parameters,
) -> Result<[(header::HeaderName, String); 3]> {
    // A browser that asks for text/xml wants to show it.
    let wants_xml = parameters.get("RESPONSEFORMAT")?.or(parameters.get("FORMAT")?);
    let content_type = match wants_xml {
        Some(value) if value.eq_ignore_ascii_case("text/xml") => "text/xml".to_owned(),
        _ => format.content_type(),
    };
    let name = format!("inline; filename=\"result.{}\"", format.extension());
    Ok([
        (header::CONTENT_TYPE, content_type),
        (header::VARY, "accept".to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ])
}
