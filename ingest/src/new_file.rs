//! Files that people name for what is written, and that may be there already.

use std::fs::File;
use std::io;
use std::path::Path;

/// Create a file for writing.
///
/// # Errors
/// There is such a file, whatever is in it.
pub(crate) fn create_new(path: &Path) -> io::Result<File> {
    File::create_new(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            io::Error::new(error.kind(), "there is such a file, and it is not overwritten")
        }
        _ => error,
    })
}
