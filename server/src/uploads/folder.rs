//! The files into which the parts of requests are written, until a query has read them.
//!
//! ```text
//!   part ─ keep ─▶ KeptFile ─┬─ dropped: the request was answered, refused or cut off ─▶ removed
//!                            └─ handed over ─▶ a job's, until the job is over ──────────▶ removed
//! ```

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::{Stream, StreamExt};
use rand::RngExt;
use tokio::io::AsyncWriteExt;

use super::parameter::{Source, UploadParameter};
use crate::dali::Parameters;
use crate::uws::state_folder::remove;
use crate::{Error, Result};

/// The folder of uploads; cheap to clone.
#[derive(Debug, Clone)]
pub struct UploadFolder(PathBuf);

/// The name of a file in the folder, which nobody can guess.
///
/// The ending tells the format where the contents do not (CSV or TSV).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FileId(String);

impl FileId {
    /// What marks a file of the folder among the URIs of uploads. No caller may use it.
    pub const SCHEME: &str = "kept-upload";

    /// Draw a new name for what a caller calls `file_name`.
    fn draw(file_name: Option<&str>, media_type: Option<&str>) -> Self {
        let name = file_name.unwrap_or_default().to_ascii_lowercase();
        let media_type = media_type.unwrap_or_default().to_ascii_lowercase();
        let endings = [("csv", "text/csv"), ("tsv", "text/tab-separated-values")];
        let ending = endings.iter().find(|(ending, media)| {
            let name = name.trim_end_matches(".gz").trim_end_matches(".zst");
            name.ends_with(&format!(".{ending}")) || media_type.starts_with(media)
        });
        let ending = ending.map_or("", |(ending, _)| ending);
        let dot = if ending.is_empty() { "" } else { "." };
        Self(format!("{:032x}{dot}{ending}", rand::rng().random::<u128>()))
    }

    /// Read a name that was written before.
    pub fn read(text: &str) -> Option<Self> {
        let (number, ending) = text.split_once('.').unwrap_or((text, ""));
        let is_number = number.len() == 32 && number.bytes().all(|b| b.is_ascii_hexdigit());
        (is_number && ["", "csv", "tsv"].contains(&ending)).then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A file of the folder that is removed with this, unless a job has come to own it.
#[derive(Debug)]
pub struct KeptFile {
    id: FileId,
    path: PathBuf,
    is_ours: bool,
}

impl KeptFile {
    /// Its name.
    pub fn id(&self) -> &FileId {
        &self.id
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Leave it to the job that names it.
    pub fn hand_over(mut self) {
        self.is_ours = false;
    }
}

impl Drop for KeptFile {
    fn drop(&mut self) {
        if self.is_ours {
            remove(&self.path);
        }
    }
}

impl UploadFolder {
    /// Use the folder `path`, which is there.
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Where a file is.
    pub fn path(&self, id: &FileId) -> PathBuf {
        self.0.join(&id.0)
    }

    /// Write the parts of a stream into a new file.
    ///
    /// # Errors
    /// The stream breaks off, is longer than `max_bytes`, or the file cannot be written. Nothing
    /// is left behind, also where the returned future is dropped.
    pub async fn keep(
        &self,
        file_name: Option<&str>,
        media_type: Option<&str>,
        max_bytes: u64,
        mut parts: impl Stream<Item = Result<Bytes>> + Send + Unpin,
    ) -> Result<KeptFile> {
        let id = FileId::draw(file_name, media_type);
        let kept = KeptFile { path: self.path(&id), id, is_ours: true };
        let failed = |source| Error::of_state_folder(&kept.path, source);
        let mut file = tokio::fs::File::create(&kept.path).await.map_err(failed)?;
        let mut n_bytes = 0;
        while let Some(part) = parts.next().await {
            let part = part?;
            n_bytes += part.len() as u64;
            if n_bytes > max_bytes {
                return Err(Error::UploadTooLarge { most: max_bytes });
            }
            file.write_all(&part).await.map_err(failed)?;
        }
        file.flush().await.map_err(failed)?;
        Ok(kept)
    }

    /// Remove a file that is not needed any more.
    pub fn remove(&self, id: &FileId) {
        remove(&self.path(id));
    }

    /// Remove the files that the parameters of a request name.
    pub fn remove_those_of(&self, parameters: &Parameters) {
        self.named_by(parameters).iter().for_each(|id| self.remove(id));
    }

    /// The files that the parameters of a request name.
    pub fn named_by(&self, parameters: &Parameters) -> Vec<FileId> {
        let uploads = UploadParameter::all(parameters).unwrap_or_default();
        let file = |upload: UploadParameter| match upload.source {
            Source::Kept(id) => Some(id),
            Source::Part(_) | Source::Url(_) => None,
        };
        uploads.into_iter().filter_map(file).collect()
    }

    /// Remove what was written before `age` ago and no request of a job names that `wanting` returns; it
    /// is asked only where there is such a file.
    ///
    /// # Errors
    /// The folder cannot be read, or `wanting` fails.
    pub fn remove_orphans(
        &self,
        age: Duration,
        wanting: impl FnOnce() -> Result<Vec<Parameters>>,
    ) -> Result<()> {
        let failed = |source| Error::StateFolder { path: self.0.clone(), source };
        let old = self.older_than(age).map_err(failed)?;
        if old.is_empty() {
            return Ok(());
        }
        let wanted: HashSet<FileId> =
            wanting()?.iter().flat_map(|parameters| self.named_by(parameters)).collect();
        for path in old {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if !FileId::read(&name).is_some_and(|id| wanted.contains(&id)) {
                remove(&path);
            }
        }
        Ok(())
    }

    fn older_than(&self, age: Duration) -> io::Result<Vec<PathBuf>> {
        let young = SystemTime::now().checked_sub(age);
        let mut old = vec![];
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            let is_young = young.is_some_and(|young| {
                entry.metadata().and_then(|about| about.modified()).is_ok_and(|at| at > young)
            });
            if !is_young {
                old.push(entry.path());
            }
        }
        Ok(old)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    async fn keep(folder: &UploadFolder, parts: &[&'static str], most: u64) -> Result<KeptFile> {
        let parts =
            futures::stream::iter(parts).map(|part| Ok(Bytes::from_static(part.as_bytes())));
        folder.keep(Some("stars.CSV"), None, most, parts).await
    }

    #[tokio::test]
    async fn a_file_is_kept_whole_or_not_at_all() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = UploadFolder::new(temporary.path().to_owned());
        let kept = keep(&folder, &["ra,dec\n", "1,2\n"], 11).await.unwrap();
        let (id, path) = (kept.id().clone(), kept.path().to_owned());
        assert_eq!(fs::read(&path).unwrap(), b"ra,dec\n1,2\n");
        assert!(id.to_string().ends_with(".csv"), "{id}");
        assert_eq!(FileId::read(&id.to_string()), Some(id.clone()));
        let error = keep(&folder, &["ra,dec\n", "1,2\n"], 10).await.unwrap_err();
        assert!(matches!(error, Error::UploadTooLarge { most: 10 }));
        assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 1);
        kept.hand_over();
        let job = || Ok(vec![Parameters::from_query(&format!("UPLOAD=t,kept-upload:{id}"))]);
        folder.remove_orphans(Duration::ZERO, job).unwrap();
        assert!(path.exists());
        folder.remove_orphans(Duration::from_secs(60), || Ok(vec![])).unwrap();
        assert!(path.exists());
        folder.remove_orphans(Duration::ZERO, || Ok(vec![])).unwrap();
        assert!(!path.exists());
        drop(keep(&folder, &["1"], 1).await.unwrap());
        assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0);
    }
}
