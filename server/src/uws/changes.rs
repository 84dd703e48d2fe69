//! Waiting for a job to change.
//!
//! A caller who waits holds a receiver, not a thread; a job that nobody waits for costs nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::JobId;

/// Tells those who wait that a job has changed; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Changes(Arc<Mutex<HashMap<JobId, watch::Sender<()>>>>);

impl Changes {
    /// Begin to wait for the next change of a job.
    ///
    /// Look at the job after this call: a change before it is not told.
    pub fn of(&self, id: &JobId) -> watch::Receiver<()> {
        let mut waited_for = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waited_for.retain(|_, sender| sender.receiver_count() > 0);
        let sender = waited_for.entry(id.clone()).or_insert_with(|| watch::Sender::new(()));
        sender.subscribe()
    }

    /// Tell all who wait for a job that it has changed.
    pub fn announce(&self, id: &JobId) {
        let waited_for = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = waited_for.get(id) {
            sender.send_replace(());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn all_who_wait_for_a_job_are_told() {
        let changes = Changes::default();
        let [one, other] = [JobId::draw(), JobId::draw()];
        let mut waiting = [changes.of(&one), changes.of(&one)];
        let elsewhere = changes.of(&other);
        changes.announce(&one);
        for waiter in &mut waiting {
            waiter.changed().await.unwrap();
        }
        assert!(!elsewhere.has_changed().unwrap());
    }

    #[test]
    fn those_who_left_are_forgotten() {
        let changes = Changes::default();
        drop(changes.of(&JobId::draw()));
        drop(changes.of(&JobId::draw()));
        assert_eq!(changes.0.lock().unwrap().len(), 1);
    }
}
