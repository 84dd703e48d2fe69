//! Parts of TAP that this service does not have yet, and says so.

use crate::Error;

/// The error for a query with uploads.
pub fn uploads() -> Error {
    let what = "uploads of tables (parameter UPLOAD) are not available on this service yet";
    Error::NotImplemented { what }
}
