//! Tables in object stores: Amazon S3 and what speaks like it, Google Cloud Storage, Azure.
//!
//! The environment says who asks and where, in the variables that the stores' own programs read:
//! `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT` (a store that is not
//! Amazon's), `AWS_SKIP_SIGNATURE=true` (a public bucket), `GOOGLE_APPLICATION_CREDENTIALS`,
//! `AZURE_STORAGE_ACCOUNT_NAME` and so on. Requests that fail for a while are tried again.

use std::env;
use std::future::ready;
use std::io::{self, Read};

use futures::TryStreamExt;
use glob::{MatchOptions, Pattern};
use object_store::path::Path;
use object_store::{Error as StoreError, ObjectStore, ObjectStoreExt, parse_url_opts};
use tokio_util::io::{StreamReader, SyncIoBridge};
use url::Url;

use crate::fetch::FetchError;

/// Beginnings of the variables of the environment that concern stores.
const VARIABLES: [&str; 3] = ["AWS_", "GOOGLE_", "AZURE_"];

/// Return the addresses of the objects that an address means: itself, or those that fit a pattern, in
/// the order of their names.
///
/// An object of exactly that name counts before a pattern. As in paths, `*` stays within a folder.
///
/// # Errors
/// The store cannot be asked; no object fits; the pattern is none.
pub async fn find(address: &str) -> Result<Vec<String>, FetchError> {
    let object = Object::parse(address)?;
    let Some(first) = object.name.find(['*', '?', '[']) else {
        return Ok(vec![address.to_owned()]);
    };
    let store = object.store()?;
    if store.head(&object.path()?).await.is_ok() {
        return Ok(vec![address.to_owned()]);
    }
    let pattern = Pattern::new(object.name).map_err(|error| object.failed(error))?;
    let options = MatchOptions { require_literal_separator: true, ..MatchOptions::default() };
    let folder = object.name[..first].rsplit_once('/').map(|(folder, _)| Path::from(folder));
    let mut names: Vec<String> = store
        .list(folder.as_ref())
        .map_ok(|found| found.location.to_string())
        .try_filter(|name| ready(pattern.matches_with(name, options)))
        .try_collect()
        .await
        .map_err(|error| object.not_had(error))?;
    names.sort();
    match names.is_empty() {
        true => Err(object.failed("no object fits the pattern")),
        false => Ok(names.iter().map(|name| format!("{}{name}", object.bucket)).collect()),
    }
}

/// Ask for an object. Its bytes come as they are read, on a thread that may wait.
///
/// # Errors
/// The store cannot be asked, or lacks the object.
pub async fn get(address: &str) -> Result<impl Read + Send + use<>, FetchError> {
    let object = Object::parse(address)?;
    let answer = object.store()?.get(&object.path()?).await;
    let answer = answer.map_err(|error| object.not_had(error))?;
    Ok(SyncIoBridge::new(StreamReader::new(answer.into_stream().map_err(io::Error::other))))
}

/// The address of an object, taken apart.
struct Object<'a> {
    /// All of it.
    address: &'a str,
    /// Scheme and bucket: `s3://bucket/`.
    bucket: &'a str,
    /// What the object is called in the bucket.
    name: &'a str,
}

impl<'a> Object<'a> {
    fn parse(address: &'a str) -> Result<Self, FetchError> {
        let start = address.find("://").map_or(0, |end| end + "://".len());
        match address[start..].find('/') {
            Some(length) if length > 0 && start + length + 1 < address.len() => {
                let (bucket, name) = address.split_at(start + length + 1);
                Ok(Self { address, bucket, name })
            }
            _ => {
                let reason = "not of the form scheme://bucket/name".to_owned();
                Err(FetchError::Failed { url: address.to_owned(), reason })
            }
        }
    }

    fn path(&self) -> Result<Path, FetchError> {
        Path::parse(self.name).map_err(|error| self.failed(error))
    }

    fn store(&self) -> Result<Box<dyn ObjectStore>, FetchError> {
        let bucket = Url::parse(self.bucket).map_err(|error| self.failed(error))?;
        let variables = env::vars()
            .filter(|(name, _)| VARIABLES.iter().any(|beginning| name.starts_with(beginning)));
        let (store, _) = parse_url_opts(&bucket, variables).map_err(|error| self.failed(error))?;
        Ok(store)
    }

    fn failed(&self, reason: impl ToString) -> FetchError {
        // Stores answer with documents of several lines.
        let reason = reason.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        FetchError::Failed { url: self.address.to_owned(), reason }
    }

    fn not_had(&self, error: StoreError) -> FetchError {
        match error {
            StoreError::NotFound { .. } => self.failed("there is no such object"),
            other => self.failed(other),
        }
    }
}
