//! What a catalog is, on the sky and on disk.

pub mod chunking;
pub mod coverage;
pub mod schema;
pub mod sphgeom;
