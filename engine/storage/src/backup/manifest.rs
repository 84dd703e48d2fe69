//! The files that one generation of a backup needs: one line each, checksum, size, path.

use std::fs;
use std::io::Write;
use std::path::Path;

use crate::checksum::sha256_of_file;
use crate::disk::Disk;
use crate::{Error, Result};

/// Name of the file in the generation's folder.
const NAME: &str = "manifest";

/// A file, as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Relative to the catalog's folder and to the backup's, with `/` between the parts.
    pub path: String,
    /// Its size.
    pub size_bytes: u64,
    /// Its SHA-256, hexadecimal.
    pub checksum: String,
}

impl Entry {
    /// A file as it is.
    pub fn of_file(file: &Path, path: String) -> std::io::Result<Self> {
        let checksum = sha256_of_file(file)?;
        Ok(Self { path, size_bytes: fs::metadata(file)?.len(), checksum })
    }
}

/// The files of a generation.
#[derive(Debug, Default)]
pub(super) struct Manifest {
    pub entries: Vec<Entry>,
}

impl Manifest {
    pub fn extend(&mut self, entries: Vec<Entry>) {
        self.entries.extend(entries);
    }

    /// Write it into a generation's folder, durably but for the entry of the folder.
    pub fn write(&self, disk: &dyn Disk, folder: &Path) -> Result<()> {
        let path = folder.join(NAME);
        let mut text = String::new();
        for Entry { path, size_bytes, checksum } in &self.entries {
            text.push_str(&format!("{checksum} {size_bytes} {path}\n"));
        }
        let mut file =
            disk.create_file(&path).map_err(|source| Error::Io { path: path.clone(), source })?;
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync());
        written.map_err(|source| Error::Io { path, source })
    }

    /// Read that of a generation.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(NAME);
        let text =
            fs::read_to_string(&path).map_err(|source| Error::Io { path: path.clone(), source })?;
        let entry = |line: &str| {
            let mut parts = line.splitn(3, ' ');
            let (checksum, size, path) = (parts.next()?, parts.next()?, parts.next()?);
            let (checksum, path) = (checksum.to_owned(), path.to_owned());
            Some(Entry { path, size_bytes: size.parse().ok()?, checksum })
        };
        let entries = text.lines().map(|line| {
            entry(line).ok_or_else(|| Error::Corrupt {
                path: path.clone(),
                reason: format!("not a line of a manifest: {line}"),
            })
        });
        Ok(Self { entries: entries.collect::<Result<_>>()? })
    }
}
