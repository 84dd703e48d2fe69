//! Integration tests of the generator, one binary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
