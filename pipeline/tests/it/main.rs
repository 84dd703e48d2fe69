//! Tests of the pipeline from outside.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod closed_loop;
