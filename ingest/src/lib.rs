//! Takes rows into a catalog, all or nothing.

pub mod conform;
pub mod error;
pub mod format;
pub mod origin;

pub use conform::{ConformOptions, ExtraColumns, Infinities, Report, conform};
pub use error::{Error, ErrorKind, Result};
pub use format::{Format, ReadOptions};
pub use origin::{Origin, RowOrigin};
