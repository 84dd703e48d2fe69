//! Storage from outside: catalogs on disk.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod catalog;
mod old_formats;
mod shape_properties;
mod shapes;
