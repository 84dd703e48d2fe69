//! The source tree keeps the rules of its design: arrows between crates, one version of each
//! dependency, and how files are named, opened and divided.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod arrows;
mod sources;
mod tree;
mod versions;
