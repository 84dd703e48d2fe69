//! The bytes of a table file, decompressed, counted, and with their first ones in view.
//!
//! ```text
//!   file, stream ─ gzip? zstd? bzip2? (by magic) ─▶ counted ─▶ head ‖ rest
//! ```

use std::fs::File;
use std::io::{self, BufReader, Chain, Cursor, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;

use crate::error::{Error, FileProblem, Limit, Result};

/// As many bytes as tell a format: a VOTable may begin with comments and a style sheet.
const HEAD_BYTES: u64 = 4096;
const BUFFER_BYTES: usize = 256 << 10;

/// Any bytes, one after the other.
pub(super) type Bytes = Box<dyn Read + Send>;

/// A stream with a small part read already.
pub(super) type Stream = BufReader<Chain<Cursor<Vec<u8>>, Bytes>>;

/// An input, before its format is known.
pub(super) struct Input {
    name: Arc<str>,
    head: Vec<u8>,
    rest: Bytes,
    /// The path, where the bytes lie there just so and can be read in any order.
    plain: Option<PathBuf>,
    over_limit: OverLimit,
}

impl Input {
    /// Open a file, which errors call `name`, or by its path.
    pub fn open(path: &Path, name: Option<&str>, max_bytes: Option<u64>) -> Result<Self> {
        let io_error = |source| Error::Io { path: path.to_owned(), source };
        let file = File::open(path).map_err(io_error)?;
        let is_regular = file.metadata().map_err(io_error)?.is_file();
        let name = name.map_or_else(|| path.display().to_string(), str::to_owned);
        let mut input = Self::from_stream(Box::new(file), &name, max_bytes)?;
        input.plain = input.plain.and(is_regular.then(|| path.to_owned()));
        Ok(input)
    }

    /// Take any stream.
    pub fn from_stream(stream: Bytes, name: &str, max_bytes: Option<u64>) -> Result<Self> {
        let io_error = |source| Error::Io { path: PathBuf::from(name), source };
        let (magic, stream) = split_head(stream, 6).map_err(io_error)?;
        let stream =
            BufReader::with_capacity(BUFFER_BYTES, Cursor::new(magic.clone()).chain(stream));
        let (bytes, is_plain): (Bytes, bool) = match magic.as_slice() {
            [0x1f, 0x8b, ..] => (Box::new(MultiGzDecoder::new(stream)), false),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => {
                let decoder = zstd::stream::read::Decoder::with_buffer(stream);
                (Box::new(decoder.map_err(io_error)?), false)
            }
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41] => {
                (Box::new(MultiBzDecoder::new(stream)), false)
            }
            [0xfd, b'7', b'z', b'X', b'Z', 0] => {
                return Err(refused(name, "xz compression; gzip, zstd and bzip2 are read"));
            }
            [b'P', b'K', 3, 4, ..] => {
                return Err(refused(name, "a ZIP archive; gzip, zstd and bzip2 are read"));
            }
            _ => (Box::new(stream), true),
        };
        let over_limit = OverLimit { most: max_bytes, is_over: Arc::default() };
        let counted = Counted { inner: bytes, n_bytes: 0, over_limit: over_limit.clone() };
        let (head, rest) = split_head(Box::new(counted), HEAD_BYTES)
            .map_err(|error| over_limit.explain(name, io_error(error)))?;
        // Whether it is a file at all is for `open` to say.
        let plain = is_plain.then(PathBuf::new);
        Ok(Self { name: name.into(), head, rest, plain, over_limit })
    }

    /// A stream inside another input, such as a FITS file in a VOTable.
    pub fn nested(name: Arc<str>, bytes: Bytes) -> Self {
        Self { name, head: vec![], rest: bytes, plain: None, over_limit: OverLimit::default() }
    }

    /// What errors call the input.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The first bytes, decompressed.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// Where it is noted that the input is larger than allowed.
    pub fn over_limit(&self) -> OverLimit {
        self.over_limit.clone()
    }

    /// The error of an input that nothing tells the format of.
    pub fn unknown_format(&self) -> Error {
        Error::UnknownFormat { path: PathBuf::from(&*self.name) }
    }

    /// The bytes from the first on, buffered.
    pub fn into_stream(self) -> Stream {
        BufReader::with_capacity(BUFFER_BYTES, Cursor::new(self.head).chain(self.rest))
    }

    /// A second handle of the file, to read it in any order; `None` where the bytes do not lie in
    /// a file just so.
    pub fn second_view(&self) -> Result<Option<File>> {
        let Some(path) = self.plain.as_ref().filter(|path| !path.as_os_str().is_empty()) else {
            return Ok(None);
        };
        let file = File::open(path).map_err(|source| Error::Io { path: path.clone(), source })?;
        Ok(Some(file))
    }

    /// The bytes as a file that can be read in any order: the file itself, or an unnamed copy.
    pub fn into_file(self) -> Result<File> {
        let io_error = |source| Error::Io { path: PathBuf::from(&*self.name), source };
        if let Some(file) = self.second_view()? {
            let size = file.metadata().map_err(io_error)?.len();
            if self.over_limit.most.is_some_and(|most| size > most) {
                self.over_limit.note();
            }
            return self.over_limit.check(&self.name).map(|()| file);
        }
        let mut copy = tempfile::tempfile().map_err(io_error)?;
        io::copy(&mut Cursor::new(self.head).chain(self.rest), &mut copy).map_err(io_error)?;
        copy.rewind().map_err(io_error)?;
        Ok(copy)
    }
}

/// Name the input of a failure to read, unless the failure is one of ours that came through a
/// stream.
pub(super) fn io_error(name: &str, source: io::Error) -> Error {
    if source.get_ref().is_some_and(|inner| inner.is::<Error>()) {
        let kind = source.kind();
        return match source.into_inner().map(|inner| inner.downcast::<Error>()) {
            Some(Ok(error)) => *error,
            _ => Error::Io { path: PathBuf::from(name), source: io::Error::from(kind) },
        };
    }
    Error::Io { path: PathBuf::from(name), source }
}

fn refused(name: &str, what: &'static str) -> Error {
    Error::File {
        input: name.to_owned(),
        problem: FileProblem::Unsupported { what: what.to_owned() },
    }
}

/// Read the first bytes; the second part goes on after them.
fn split_head(mut stream: Bytes, n_bytes: u64) -> io::Result<(Vec<u8>, Bytes)> {
    let mut head = Vec::new();
    stream.by_ref().take(n_bytes).read_to_end(&mut head)?;
    Ok((head, stream))
}

/// The most bytes of an input, and whether it has more.
#[derive(Debug, Clone, Default)]
pub(super) struct OverLimit {
    most: Option<u64>,
    is_over: Arc<AtomicBool>,
}

impl OverLimit {
    fn note(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    fn check(&self, name: &str) -> Result<()> {
        match self.most.filter(|_| self.is_over.load(Ordering::Relaxed)) {
            Some(most) => {
                Err(Error::Limit { input: name.to_owned(), limit: Limit::Bytes { most } })
            }
            None => Ok(()),
        }
    }

    /// Readers report a stream that breaks off in many ways; this tells why it did.
    pub fn explain(&self, name: &str, error: Error) -> Error {
        self.check(name).err().unwrap_or(error)
    }
}

/// Refuses to go on after the most bytes.
struct Counted {
    inner: Bytes,
    n_bytes: u64,
    over_limit: OverLimit,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_bytes = self.inner.read(buffer)?;
        self.n_bytes += n_bytes as u64;
        if self.over_limit.most.is_some_and(|most| self.n_bytes > most) {
            self.over_limit.note();
            return Err(io::Error::other("more bytes than are taken"));
        }
        Ok(n_bytes)
    }
}
