//! Savepoints: a file or a contribution that fails half-way leaves the transaction as it was.

use super::contribution::Contribution;
use super::{State, Transaction};
use crate::error::Result;

/// Is there a savepoint to go back to?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Savepoint {
    None,
    Set,
}

impl Transaction {
    /// Do some work; where it fails, go back to what there was before. Work inside such work goes
    /// back with it.
    pub(crate) fn within_savepoint<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        if self.savepoint == Savepoint::Set {
            return work(self);
        }
        // What came before stays in memory until the work is done: leave it room.
        let buffered: usize = self.contributions.values().map(Contribution::buffered_bytes).sum();
        if buffered > self.config.buffer_bytes / 8 {
            self.begin_writing(0)?;
        }
        self.writing.iter_mut().for_each(|writing| writing.is_since_savepoint = false);
        self.savepoint = Savepoint::Set;
        self.directors.mark();
        self.contributions.values_mut().for_each(Contribution::mark);
        let rejected = self.rejecting.as_ref().map(|rejecting| rejecting.rejected.clone());
        let state = self.state;
        let result = work(self);
        self.savepoint = Savepoint::None;
        if result.is_ok() {
            self.directors.release();
            self.contributions.values_mut().for_each(Contribution::release);
        } else {
            self.writing.retain(|writing| !writing.is_since_savepoint);
            self.directors.roll_back();
            self.contributions.retain(|_, contribution| contribution.roll_back());
            if let (Some(rejecting), Some(rejected)) = (&mut self.rejecting, rejected) {
                rejecting.rejected = rejected;
            }
            if self.state != State::IncompleteForGood {
                self.state = state;
            }
        }
        result
    }
}
