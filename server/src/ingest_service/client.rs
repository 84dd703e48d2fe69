//! A client of a service's ingest transactions.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::fs::File;
//!
//! use almagest_server::ingest_service::client::IngestClient;
//!
//! let client = IngestClient::new("https://sky.example.org", "almagest_…")?;
//! let transaction = client.begin(None)?;
//! let rows = File::open("visit-1.parquet")?;
//! transaction.contribute("visit-1/Source", "Source", "application/octet-stream", rows)?;
//! println!("visible in version {}", transaction.commit("visit 1")?);
//! # Ok(())
//! # }
//! ```

use std::io::Read;
use std::time::Duration;

use serde_json::Value;
use ureq::{Agent, SendBody};

/// How long a service may be silent.
const ANSWER_TIME: Duration = Duration::from_secs(600);

/// Why a service did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// It could not be reached, or the connection broke: whether it did what it was asked is open,
    /// and the same may be sent again.
    #[error("{url}: {reason}")]
    Unreachable {
        /// What was asked.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// It refused.
    #[error("{url}: {reason} ({status})")]
    Refused {
        /// What was asked.
        url: String,
        /// The HTTP status: after 409 of a commit the transaction is still open, as not all came, or is over,
        /// and all may be sent anew.
        status: u16,
        /// What it says.
        reason: String,
    },
    /// Its answer is not one of such a service.
    #[error("{url}: not the answer of an ingest service: {reason}")]
    Strange {
        /// What was asked.
        url: String,
        /// What is wrong.
        reason: String,
    },
}

/// Shorthand for results of this module.
pub type Result<T, E = ClientError> = std::result::Result<T, E>;

/// A service and the token that is shown to it.
#[derive(Clone)]
pub struct IngestClient {
    agent: Agent,
    base: String,
    token: String,
}

/// A transaction that was begun.
pub struct RemoteTransaction<'a> {
    client: &'a IngestClient,
    id: String,
}

impl IngestClient {
    /// Know a service by its address, such as `https://sky.example.org`.
    ///
    /// # Errors
    /// The address is none of HTTP.
    pub fn new(base: &str, token: &str) -> Result<Self> {
        let base = base.trim_end_matches('/').to_owned();
        if !base.starts_with("http://") && !base.starts_with("https://") {
            let reason = "an address begins with http:// or https://".to_owned();
            return Err(ClientError::Strange { url: base, reason });
        }
        let agent: Agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_recv_response(Some(ANSWER_TIME))
            .build()
            .into();
        Ok(Self { agent, base, token: token.trim().to_owned() })
    }

    /// Begin a transaction on the catalog of a schema, or on the service's first.
    ///
    /// # Errors
    /// The service refuses.
    pub fn begin(&self, schema: Option<&str>) -> Result<RemoteTransaction<'_>> {
        let query = schema.map(|schema| format!("?SCHEMA={}", encoded(schema)));
        let url = format!("{}/ingest/transactions{}", self.base, query.unwrap_or_default());
        let begun = self.post(&url, "")?;
        match begun["transaction_id"].as_str() {
            Some(id) => Ok(RemoteTransaction { client: self, id: id.to_owned() }),
            None => Err(ClientError::Strange { url, reason: "it names no transaction".to_owned() }),
        }
    }

    /// A transaction that was begun before, perhaps by another process.
    pub fn transaction(&self, id: &str) -> RemoteTransaction<'_> {
        RemoteTransaction { client: self, id: id.to_owned() }
    }

    fn post(&self, url: &str, form: &str) -> Result<Value> {
        let sent = self
            .agent
            .post(url)
            .header("Authorization", format!("Bearer {}", self.token))
            .content_type("application/x-www-form-urlencoded")
            .send(form);
        read(url, sent)
    }
}

impl RemoteTransaction<'_> {
    /// Its name at the service.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Send the rows of a table file under a key: what is sent again under one counts once. Where the
    /// rows are refused, the transaction is as it was.
    ///
    /// # Arguments
    /// * `media_type` - tells the format where its bytes do not: `text/csv`
    ///
    /// # Returns
    /// What the service says: `state` (`taken` or `known`), `n_rows`, `notes`.
    ///
    /// # Errors
    /// The service refuses, or cannot be reached.
    pub fn contribute(
        &self,
        key: &str,
        table: &str,
        media_type: &str,
        mut rows: impl Read,
    ) -> Result<Value> {
        let url = format!("{}/contributions/{}?TABLE={}", self.url(), encoded(key), encoded(table));
        let sent = self
            .client
            .agent
            .put(&url)
            .header("Authorization", format!("Bearer {}", self.client.token))
            .content_type(media_type)
            // What is refused by its name is not sent.
            .header("Expect", "100-continue")
            .send(SendBody::from_reader(&mut rows));
        read(&url, sent)
    }

    /// Make the rows visible; return the version.
    ///
    /// # Errors
    /// The service refuses, as not all came or another commit was first, and [`state`](Self::state) tells
    /// whether the transaction is still open; so it does where the service cannot be reached.
    pub fn commit(&self, message: &str) -> Result<u64> {
        self.commit_with(format!("MESSAGE={}", encoded(message)))
    }

    /// Make the rows visible, without contributions that were refused and not sent again; return the version.
    ///
    /// # Errors
    /// As for [`commit`](Self::commit).
    pub fn commit_without_refused(&self, message: &str) -> Result<u64> {
        self.commit_with(format!("WITHOUT_REFUSED=true&MESSAGE={}", encoded(message)))
    }

    fn commit_with(&self, form: String) -> Result<u64> {
        let url = format!("{}/commit", self.url());
        let committed = self.client.post(&url, &form)?;
        let version = committed["version"].as_u64();
        version.ok_or(ClientError::Strange { url, reason: "it names no version".to_owned() })
    }

    /// Give it up.
    ///
    /// # Errors
    /// The service refuses, or cannot be reached.
    pub fn abort(&self) -> Result<()> {
        self.client.post(&format!("{}/abort", self.url()), "").map(drop)
    }

    /// How it stands: `state`, `version`, `contributions` and more.
    ///
    /// # Errors
    /// The service refuses, or cannot be reached.
    pub fn state(&self) -> Result<Value> {
        let url = self.url();
        let asked = self
            .client
            .agent
            .get(&url)
            .header("Authorization", format!("Bearer {}", self.client.token))
            .call();
        read(&url, asked)
    }

    fn url(&self) -> String {
        format!("{}/ingest/transactions/{}", self.client.base, self.id)
    }
}

fn encoded(text: &str) -> String {
    // In a path, `+` stands for itself.
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

fn read(
    url: &str,
    answer: std::result::Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<Value> {
    let url = url.to_owned();
    let unreachable = |error: ureq::Error| ClientError::Unreachable {
        url: url.clone(),
        reason: error.to_string(),
    };
    let mut answer = answer.map_err(unreachable)?;
    let status = answer.status();
    let text = answer.body_mut().read_to_string().map_err(unreachable)?;
    if !status.is_success() {
        let reason = text.trim().to_owned();
        return Err(ClientError::Refused { url, status: status.as_u16(), reason });
    }
    serde_json::from_str(&text)
        .map_err(|error| ClientError::Strange { url, reason: error.to_string() })
}
