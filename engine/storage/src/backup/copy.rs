//! Copying a file to where it must be whole or absent.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use super::manifest::Entry;
use crate::checksum::sha256_of_file;
use crate::chunk_file::write::HashingWriter;
use crate::disk::Disk;
use crate::{Error, Result};

/// Bytes that are read at a time.
const BUFFER_BYTES: usize = 1 << 20;

/// By what a file that is there already is taken for whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// It is read, and has the checksum that it must have.
    Checksums,
    /// It has the right size: it was whole when it got its name.
    Sizes,
}

/// What was done about a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Copied {
    /// It was there.
    Kept,
    /// It was copied.
    New,
    /// It was there and damaged, and is copied anew.
    Mended,
}

/// Make sure that the file `to` is what `entry` says, from the file `from`. It gets its name once its
/// bytes are on disk and are those of the entry; its folder is not synced.
///
/// # Errors
/// [`Error::Gone`] where the source is no more, [`Error::Corrupt`] where it is another one.
pub(super) fn copy(
    disk: &dyn Disk,
    from: &Path,
    to: &Path,
    entry: &Entry,
    trust: Trust,
) -> Result<Copied> {
    let io_error = |source| Error::Io { path: to.to_owned(), source };
    let size = fs::metadata(to).ok().map(|metadata| metadata.len());
    if size == Some(entry.size_bytes) {
        let is_whole = match trust {
            Trust::Sizes => true,
            Trust::Checksums => sha256_of_file(to).map_err(io_error)? == entry.checksum,
        };
        if is_whole {
            return Ok(Copied::Kept);
        }
    }
    let source = File::open(from).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => Error::Gone { path: from.to_owned() },
        _ => Error::Io { path: from.to_owned(), source },
    })?;
    if let Some(folder) = to.parent() {
        disk.make_folder(folder).map_err(io_error)?;
    }
    let mut part = to.as_os_str().to_owned();
    part.push(".part");
    let part = Path::new(&part);
    // What a killed copy left is worth nothing.
    let _ = fs::remove_file(part);
    let written = write(disk, source, from, part);
    let found = written.inspect_err(|_| drop(fs::remove_file(part)))?;
    if found != (entry.size_bytes, entry.checksum.clone()) {
        let _ = fs::remove_file(part);
        let reason = "checksum mismatch".to_owned();
        return Err(Error::Corrupt { path: from.to_owned(), reason });
    }
    disk.rename(part, to).map_err(io_error).inspect_err(|_| drop(fs::remove_file(part)))?;
    Ok(if size.is_some() { Copied::Mended } else { Copied::New })
}

/// Copy bytes to a new file, durably; return their number and checksum.
fn write(disk: &dyn Disk, mut source: File, from: &Path, to: &Path) -> Result<(u64, String)> {
    let io_error = |source| Error::Io { path: to.to_owned(), source };
    let mut target = HashingWriter::new(disk.create_file(to).map_err(io_error)?);
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let n_read = source
            .read(&mut buffer)
            .map_err(|source| Error::Io { path: from.to_owned(), source })?;
        if n_read == 0 {
            return target.finish().map_err(io_error);
        }
        target.write_all(&buffer[..n_read]).map_err(io_error)?;
    }
}
