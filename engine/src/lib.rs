//! ADQL over a snapshot of a catalog, on DataFusion.

pub use datafusion::arrow;
