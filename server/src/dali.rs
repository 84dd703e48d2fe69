//! What DALI asks of all VO services: parameters, response formats, limits on rows.

pub mod maxrec;
pub mod parameters;
pub mod response_format;

pub use maxrec::RowLimit;
pub use parameters::Parameters;
pub use response_format::Format;
