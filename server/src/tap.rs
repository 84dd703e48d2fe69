//! TAP 1.1: queries, and the pages that teach how to ask them.
//!
//! ```text
//!   parameters ─▶ request ─▶ answer ─┬─▶ sync: the body
//!                                    └─▶ asynchronous: the result file of a job
//! ```

pub mod request;
pub mod answer;
pub mod kept_answers;
pub mod plan;
pub mod tally;
pub mod time_limit;
pub mod query_log;
pub mod sync;
pub mod asynchronous;
pub mod language;
pub mod examples;
pub mod features;

pub use answer::Answer;
pub use kept_answers::{KeptAnswers, KeptFor};
pub use query_log::QueryLog;
pub use request::TapRequest;
pub use tally::{Stage, Tally};
