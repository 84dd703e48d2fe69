//! Integration tests of the ingest crate, one binary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod conform;
mod formats;
mod sky_tables;
