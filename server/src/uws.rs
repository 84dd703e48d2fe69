//! UWS 1.1: jobs, which outlive the request that made them, and the server too.
//!
//! ```text
//!            RUN            oldest first            rows are a whole file
//!  PENDING ───────▶ QUEUED ─────────────▶ EXECUTING ─────────────────────▶ COMPLETED
//!     │               │ ▲                  │  │ │
//!     │               │ └─ service stops ──┘  │ └─ fails, lasts too long ─▶ ERROR
//!     └──────── ABORT ┴───────────────────────┴───────────────────────────▶ ABORTED
//! ```
//!
//! Invariants: each change of phase is one SQLite transaction, conditional on the phase before it;
//! a job is COMPLETED only after its result has been synced and moved to its final name; a job's
//! result is never written to again.
//!
//! Reference: IVOA Recommendation "Universal Worker Service Pattern" 1.1 (2016).

pub mod changes;
pub mod execution;
pub mod executor;
pub mod job;
pub mod job_list;
pub mod job_store;
pub mod jobs;
pub mod moment;
pub mod phase;
pub mod quote;
pub mod representation;
pub mod result_file;
pub mod state_folder;

pub use job::{Job, JobId, Owner};
pub use jobs::Jobs;
pub use moment::Moment;
pub use phase::Phase;
pub use result_file::{SentFile, respond as respond_with_file};
