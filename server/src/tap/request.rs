//! What the parameters of a query ask for, checked.

use almagest_adql::Dialect;
use axum::http::HeaderMap;

use super::language;
use crate::config::ServerConfig;
use crate::dali::{Format, Parameters, RowLimit};
use crate::people::{Allowance, Resource};
use crate::uploads::UploadParameter;
use crate::{Error, Result};

/// Bytes of the text of a query at most: some 50,000 identifiers.
const MAX_QUERY_BYTES: usize = 1 << 20;

/// A query and how its answer is wanted; the same for both endpoints.
#[derive(Debug, Clone)]
pub struct TapRequest {
    /// The text of the query.
    pub query: String,
    /// The language that it is in.
    pub dialect: Dialect,
    /// How rows are written.
    pub format: Format,
    /// How many rows are written.
    pub limit: RowLimit,
    /// Tables that come with it.
    pub uploads: Vec<UploadParameter>,
    /// What is said of columns of the answer beside what the tables say.
    pub labels: Vec<Label>,
    /// Does the caller call the format text/xml, so that a browser shows it?
    is_for_browser: bool,
}

/// Something said of a column of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The column.
    pub column: String,
    /// What is said of it: a key of [`almagest_storage::schema::arrow`].
    pub key: &'static str,
    /// The text.
    pub value: String,
}

impl TapRequest {
    /// Read and check the parameters.
    ///
    /// # Errors
    /// One is missing, or cannot be understood.
    pub fn from_parameters(parameters: &Parameters, config: &ServerConfig) -> Result<Self> {
        check_request(parameters)?;
        let dialect = language::dialect(parameters)?;
        let format = Format::from_parameters(parameters)?;
        let limit = RowLimit::from_parameters(parameters, config)?;
        let query = parameters.get("QUERY")?.filter(|text| !text.trim().is_empty());
        let query = query.ok_or(Error::MissingParameter { name: "QUERY" })?.to_owned();
        if query.len() > MAX_QUERY_BYTES {
            return Err(Error::QueryTooLong { found: query.len(), most: MAX_QUERY_BYTES });
        }
        let uploads = UploadParameter::all(parameters)?;
        let asked = parameters.get("RESPONSEFORMAT")?.or(parameters.get("FORMAT")?);
        let is_for_browser = asked.is_some_and(|value| value.eq_ignore_ascii_case("text/xml"));
        Ok(Self { query, dialect, format, limit, uploads, labels: vec![], is_for_browser })
    }

    /// Ask a query that the service wrote itself.
    pub fn written(query: String, format: Format, limit: RowLimit, labels: Vec<Label>) -> Self {
        let dialect = Dialect::Adql;
        Self { query, dialect, format, limit, uploads: vec![], labels, is_for_browser: false }
    }

    /// As [`Self::from_parameters`]; where no parameter says how the answer is wanted, Accept does.
    ///
    /// # Errors
    /// A parameter is missing, or cannot be understood.
    pub fn negotiated(
        parameters: &Parameters,
        headers: &HeaderMap,
        config: &ServerConfig,
    ) -> Result<Self> {
        let format = Format::negotiated(parameters, headers)?;
        Ok(Self { format, ..Self::from_parameters(parameters, config)? })
    }

    /// Ask for no more than a caller may have.
    #[must_use]
    pub fn within(self, allowance: &Allowance) -> Self {
        Self { limit: self.limit.at_most(allowance.of(Resource::Rows)), ..self }
    }

    /// The media type of the answer, as Content-Type has it.
    pub fn content_type(&self) -> String {
        match self.is_for_browser {
            true => "text/xml".to_owned(),
            false => self.format.content_type(),
        }
    }

    /// The name under which a browser saves the answer.
    pub fn file_name(&self) -> String {
        format!("result.{}", self.format.extension())
    }
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
