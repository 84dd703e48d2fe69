//! TAP 1.1: queries, and the pages that teach how to ask them.

pub mod examples;
pub mod features;
pub mod language;
pub mod run_query;
pub mod sync;
pub mod unavailable;
