//! `/tap/table-update`: an index, made by a job.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};

use super::store::{Person, TableName, UserTables};
use crate::base_url::BaseUrl;
use crate::dali::Parameters;
use crate::error::PlainText;
use crate::state::AppState;
use crate::uws::Owner;
use crate::{Error, Result};

/// The REQUEST of a job that makes an index.
const REQUEST: &str = "createIndex";

/// What a job that makes an index is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexRequest {
    /// The table.
    pub table: TableName,
    /// Its column.
    pub column: String,
    /// Does a value occur only once?
    pub unique: bool,
}

impl IndexRequest {
    /// Read the parameters of a job; `None` where it asks for something else.
    ///
    /// # Errors
    /// It asks for an index, and not for one that there could be.
    pub fn of(parameters: &Parameters) -> Result<Option<Self>> {
        if parameters.first("REQUEST") != Some(REQUEST) {
            return Ok(None);
        }
        Self::read(parameters).map(Some)
    }

    fn read(parameters: &Parameters) -> Result<Self> {
        let given = |name| {
            let value = parameters.get(name)?.filter(|value| !value.trim().is_empty());
            value.map(str::to_owned).ok_or(Error::MissingParameter { name })
        };
        let unique = match parameters.get("UNIQUE")?.map(str::to_ascii_lowercase).as_deref() {
            None | Some("" | "false" | "0") => false,
            Some("true" | "1") => true,
            Some(other) => {
                let (value, expected) = (other.to_owned(), "true or false".to_owned());
                return Err(Error::BadParameter { name: "UNIQUE", value, expected });
            }
        };
        Ok(Self { table: TableName::read(&given("TABLE")?)?, column: given("INDEX")?, unique })
    }

    /// Make the index.
    ///
    /// # Errors
    /// As [`UserTables::index`].
    pub fn carry_out(&self, tables: &UserTables, person: &Person) -> Result<()> {
        tables.index(person, &self.table, &self.column, self.unique)
    }
}

/// POST: make a PENDING job that makes an index when it is told to run.
pub async fn update(
    State(state): State<AppState>,
    base: BaseUrl,
    person: Person,
    mut parameters: Parameters,
) -> Result<Response, PlainText> {
    let request = IndexRequest::read(&parameters)?;
    state.views.user_tables().entry(&person, &request.table)?;
    parameters.set("REQUEST", REQUEST.to_owned());
    let owner: Owner = person.owner;
    let id = state.jobs.create(owner, parameters.into()).await?;
    let location = format!("{base}/tap/async/{id}");
    Ok((StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response())
}
