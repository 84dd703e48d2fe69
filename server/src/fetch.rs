//! Tables on the net, from hosts that an operator allows.

use std::io::Read;
use std::time::Duration;

use ureq::Agent;
use ureq::http::Uri;

use crate::Error;

/// How long a host may take to be reached, and then to begin its answer.
const ANSWER_TIME: Duration = Duration::from_secs(60);

/// Why a table cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Its host is not allowed.
    #[error("{url} is not fetched: host {host:?} is not allowed")]
    Host {
        /// The address.
        url: String,
        /// The host.
        host: String,
    },
    /// It was not to be had.
    #[error("{url} cannot be fetched: {reason}")]
    Failed {
        /// The address.
        url: String,
        /// What is wrong.
        reason: String,
    },
}

impl From<FetchError> for Error {
    /// As the callers of the service are told.
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Host { host, .. } => Self::UploadHost { host },
            FetchError::Failed { url, reason } => Self::UploadFetch { url, reason },
        }
    }
}

/// The answer of a host.
pub struct Answer {
    /// The table's bytes.
    pub body: Box<dyn Read + Send>,
    /// What the host says that it is.
    pub media_type: Option<String>,
    /// The path of the address, which may end like a file's name.
    pub path: String,
}

/// Ask for a table.
///
/// # Arguments
/// * `hosts` - the names of hosts that may be asked, in any case
/// * `time` - how long all of the answer may take; `None`: as long as it comes
///
/// # Errors
/// The host is not allowed, cannot be reached, or says anything but success.
pub fn get(url: &str, hosts: &[String], time: Option<Duration>) -> Result<Answer, FetchError> {
    let failed = |reason: String| FetchError::Failed { url: url.to_owned(), reason };
    let uri: Uri = url.parse().map_err(|error| failed(format!("{error}")))?;
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_ascii_lowercase();
    if !hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(&host)) {
        return Err(FetchError::Host { url: url.to_owned(), host });
    }
    // A redirection could lead to a host that is not allowed.
    let agent: Agent = Agent::config_builder()
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_global(time)
        .timeout_connect(Some(ANSWER_TIME))
        .timeout_recv_response(Some(ANSWER_TIME))
        .http_status_as_error(false)
        .build()
        .into();
    let answer = agent.get(uri.clone()).call().map_err(|error| failed(error.to_string()))?;
    if !answer.status().is_success() {
        return Err(failed(format!("the answer is {}", answer.status())));
    }
    let media_type = answer.headers().get("content-type").and_then(|value| value.to_str().ok());
    let media_type = media_type.map(str::to_owned);
    let body = Box::new(answer.into_body().into_reader());
    Ok(Answer { body, media_type, path: uri.path().to_owned() })
}
