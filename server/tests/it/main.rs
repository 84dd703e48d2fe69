//! The service from outside: the bytes of its answers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod formats;
mod sample;
mod streaming;
