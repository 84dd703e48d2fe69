//! What the operator decides.

use std::path::PathBuf;

/// Limits of the service; those that capabilities announce are those enforced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// Rows of a result where the caller sets no MAXREC.
    pub default_maxrec: u64,
    /// Rows of a result at most, whatever MAXREC says.
    pub hard_maxrec: u64,
    /// Bytes of the body of a POST at most.
    pub max_body_bytes: usize,
    /// Folder for rows that must wait until all are known, as those of a FITS file.
    pub spool: PathBuf,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            default_maxrec: 1_000_000,
            hard_maxrec: 100_000_000,
            max_body_bytes: 256 << 20,
            spool: std::env::temp_dir(),
        }
    }
}
