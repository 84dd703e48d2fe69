//! What a catalog is, on the sky and on disk.

pub mod schema;
