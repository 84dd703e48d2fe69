//! What was sent to a transaction and is not in it: on its way, or refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Open;
use crate::{Error, Result};

/// Contributions that are not part of their transaction, by key.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// How often each is on its way.
    on_their_way: BTreeMap<String, usize>,
    /// Why each was refused when it was sent last.
    refused: BTreeMap<String, String>,
}

impl Sent {
    /// Keys of contributions on their way.
    pub fn on_their_way(&self) -> Vec<String> {
        self.on_their_way.keys().cloned().collect()
    }

    /// Why contributions were refused that were not sent again, by key.
    pub fn refused(&self) -> BTreeMap<String, String> {
        self.refused.clone()
    }

    /// Return the keys of what was refused, where it may be left out.
    ///
    /// # Errors
    /// [`Error::NotAllCame`].
    pub fn check(&self, id: &str, without_refused: bool) -> Result<Vec<String>> {
        let is_missing = !self.refused.is_empty() && !without_refused;
        if self.on_their_way.is_empty() && !is_missing {
            return Ok(self.refused.keys().cloned().collect());
        }
        let refused = self.refused.iter().filter(|_| !without_refused);
        Err(Error::NotAllCame {
            id: id.to_owned(),
            on_their_way: self.on_their_way(),
            refused: refused.map(|(key, reason)| (key.clone(), reason.clone())).collect(),
        })
    }
}

/// A contribution on its way. Dropped before it is taken or refused, it was cut off.
#[derive(Debug)]
pub struct Sending {
    open: Arc<Open>,
    id: String,
    key: String,
    /// Why it is not in the transaction; none once it is.
    refusal: Option<String>,
}

impl Sending {
    pub(super) fn begin(open: Arc<Open>, id: &str, key: &str) -> Self {
        *open.sent().on_their_way.entry(key.to_owned()).or_default() += 1;
        let refusal = Some("it was cut off".to_owned());
        Self { open, id: id.to_owned(), key: key.to_owned(), refusal }
    }

    pub(super) fn open(&self) -> &Open {
        &self.open
    }

    /// Name of the transaction.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What the sender calls it.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Note that it is in the transaction.
    pub(super) fn taken(mut self) {
        self.refusal = None;
    }

    /// Note why it is not.
    pub(super) fn refused(mut self, error: &Error) {
        self.refusal = Some(error.to_string());
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        let mut sent = self.open.sent();
        if let Some(count) = sent.on_their_way.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                sent.on_their_way.remove(&self.key);
            }
        }
        match self.refusal.take() {
            Some(refusal) => sent.refused.insert(self.key.clone(), refusal),
            None => sent.refused.remove(&self.key),
        };
    }
}
