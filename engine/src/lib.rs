//! ADQL over a snapshot of a catalog, on DataFusion.

pub mod database;
pub mod error;
pub mod query;
pub mod session;
pub mod tap_schema;

pub use database::Database;
pub use datafusion::arrow;
pub use error::{Error, ErrorKind, Result};
pub use query::Query;
pub use session::{QueryOptions, Session};
