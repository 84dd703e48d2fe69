//! Integration tests of the generator, one binary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod catalog;
mod columns;
mod determinism;
mod schema;
mod survey;
