//! What a person with a browser reads in the place of rows: what is wrong, and the query to mend it.

use axum::response::{IntoResponse, Response};

use super::{asking, page};
use crate::Error;
use crate::base_url::BaseUrl;
use crate::state::AppState;
use crate::xml::Escaped;

/// Say what is wrong; `query` is what was asked.
pub fn refusal(base: &BaseUrl, state: &AppState, error: Error, query: Option<&str>) -> Response {
    let status = error.status();
    let mut main = format!(
        "<h1>This could not be answered</h1>\n<pre class=\"wrong\" role=\"alert\">{}</pre>\n",
        Escaped(&error.public_message())
    );
    if let Some(query) = query {
        main += &format!(
            "<h2>What was asked</h2>\n<pre>{}</pre>\n<p><a href=\"{}\">Change it</a></p>\n",
            Escaped(query),
            Escaped(&asking(base, query)),
        );
    }
    let title = &state.config.curation.title;
    (status, page(base, title, title, &main)).into_response()
}
