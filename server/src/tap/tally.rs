//! What a query has brought forth so far.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use almagest_engine::{Progress, Scanned};

use crate::turns::Lane;

/// How far a query is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Stage {
    /// It is read, checked and planned.
    Planning,
    /// Others compute, and its turn has not come.
    Waiting,
    /// It computes, and has given no row yet.
    Computing,
    /// Its rows are written.
    Answering,
}

impl Stage {
    const ALL: [Self; 4] = [Self::Planning, Self::Waiting, Self::Computing, Self::Answering];

    /// Its name, for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Planning => "planning",
            Self::Waiting => "waiting",
            Self::Computing => "computing",
            Self::Answering => "answering",
        }
    }
}

/// Counts that grow while a query runs; read by those who ask how far it is.
#[derive(Debug, Default)]
pub struct Tally {
    n_rows: AtomicU64,
    n_bytes: AtomicU64,
    has_failed: AtomicBool,
    progress: Mutex<Option<Progress>>,
    lane: Mutex<Option<Lane>>,
    stage: AtomicU8,
}

impl Tally {
    /// Count rows that the engine gave.
    pub fn add_rows(&self, n: u64) {
        self.n_rows.fetch_add(n, Ordering::Relaxed);
    }

    /// Count bytes of the answer.
    pub fn add_bytes(&self, n: usize) {
        self.n_bytes.fetch_add(n as u64, Ordering::Relaxed);
    }

    /// Note that the query failed amid its rows.
    pub fn note_failure(&self) {
        self.has_failed.store(true, Ordering::Relaxed);
    }

    /// Note that the query is on its way in a stage.
    pub fn enter(&self, stage: Stage) {
        self.stage.store(stage as u8, Ordering::Relaxed);
    }

    /// The stage in which the query is.
    pub fn stage(&self) -> Stage {
        let stage = usize::from(self.stage.load(Ordering::Relaxed));
        Stage::ALL.get(stage).copied().unwrap_or(Stage::Answering)
    }

    /// Note that the query begins anew: nothing of it counts so far.
    pub fn begin_anew(&self) {
        self.n_rows.store(0, Ordering::Relaxed);
        self.n_bytes.store(0, Ordering::Relaxed);
        self.has_failed.store(false, Ordering::Relaxed);
    }

    /// Note the lane of the query, which may change.
    pub fn set_lane(&self, lane: Lane) {
        *self.lane.lock().unwrap_or_else(PoisonError::into_inner) = Some(lane);
    }

    /// The lane of the query, once it has been planned.
    pub fn lane(&self) -> Option<Lane> {
        *self.lane.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Note what tells how far the query is.
    pub fn set_progress(&self, progress: Progress) {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = Some(progress);
    }

    /// How far the query is with its scans, once it has been planned.
    pub fn scanned(&self) -> Option<Scanned> {
        let progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.as_ref().map(Progress::scanned)
    }

    /// Rows that the engine gave: at most one more than are written.
    pub fn n_rows(&self) -> u64 {
        self.n_rows.load(Ordering::Relaxed)
    }

    /// Bytes of the answer.
    pub fn n_bytes(&self) -> u64 {
        self.n_bytes.load(Ordering::Relaxed)
    }

    /// Did the query fail amid its rows?
    pub fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed)
    }
}
