//! Where the real data are, on machines that have them.

use std::path::{Path, PathBuf};

/// A folder of the shared data; `None`, with a message, where it is absent.
pub fn folder(name: &str) -> Option<PathBuf> {
    let data = std::env::var_os("ALMAGEST_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
        PathBuf::from,
    );
    let folder = data.join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no {}", folder.display());
    None
}
