//! The bytes of a table file, decompressed, counted, and with their first ones in view.
//!
//! ```text
//!   file, stream ─ gzip? zstd? bzip2? (by magic) ─▶ counted ─▶ head ‖ rest
//! ```

use std::fs::File;
use std::io::{self, BufRead, BufReader, Chain, Cursor, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::GzDecoder;

use super::notes::FileNotes;
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
    broken_off: BrokenOff,
    notes: FileNotes,
}

impl Input {
    /// Open a file, which errors call `name`, or by its path.
    pub fn open(path: &Path, name: Option<&str>, max_bytes: Option<u64>) -> Result<Self> {
        let io_error = |source| Error::Io { path: path.to_owned(), source };
        let file = File::open(path).map_err(io_error)?;
        let metadata = file.metadata().map_err(io_error)?;
        let is_regular = metadata.is_file();
        let name = name.map_or_else(|| path.display().to_string(), str::to_owned);
        if metadata.is_dir() {
            return Err(refused(&name, "a folder; its files are named one by one or by a pattern"));
        }
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
        let broken_off = BrokenOff { most: max_bytes, ..BrokenOff::default() };
        let (bytes, is_plain): (Bytes, bool) = match magic.as_slice() {
            [0x1f, 0x8b, ..] => (broken_off.told("gzip", GzipMembers::new(stream)), false),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => {
                let decoder = zstd::stream::read::Decoder::with_buffer(stream);
                (broken_off.told("zstd", decoder.map_err(io_error)?), false)
            }
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41] => {
                (broken_off.told("bzip2", MultiBzDecoder::new(stream)), false)
            }
            [0xfd, b'7', b'z', b'X', b'Z', 0] => {
                return Err(refused(name, "xz compression; gzip, zstd and bzip2 are read"));
            }
            [b'P', b'K', 3, 4, ..] => {
                return Err(refused(name, "a ZIP archive; gzip, zstd and bzip2 are read"));
            }
            _ => (Box::new(stream), true),
        };
        let counted = Counted { inner: bytes, n_bytes: 0, broken_off: broken_off.clone() };
        let (head, rest) = split_head(Box::new(counted), HEAD_BYTES)
            .map_err(|error| broken_off.explain(name, io_error(error)))?;
        // Whether it is a file at all is for `open` to say.
        let plain = is_plain.then(PathBuf::new);
        let notes = FileNotes::default();
        Ok(Self { name: name.into(), head, rest, plain, broken_off, notes })
    }

    /// A stream inside another input, such as a FITS file in a VOTable.
    pub fn nested(name: Arc<str>, bytes: Bytes, notes: FileNotes) -> Self {
        let broken_off = BrokenOff::default();
        Self { name, head: vec![], rest: bytes, plain: None, broken_off, notes }
    }

    /// What errors call the input.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The first bytes, decompressed.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// Where it is noted why the input broke off.
    pub fn broken_off(&self) -> BrokenOff {
        self.broken_off.clone()
    }

    /// Where it is noted what is to be said of the input.
    pub fn notes(&self) -> FileNotes {
        self.notes.clone()
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
            if self.broken_off.most.is_some_and(|most| size > most) {
                self.broken_off.note();
            }
            return self.broken_off.check(&self.name).map(|()| file);
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
    if is_ours(&source) {
        let kind = source.kind();
        return match source.into_inner().map(|inner| inner.downcast::<Error>()) {
            Some(Ok(error)) => *error,
            _ => Error::Io { path: PathBuf::from(name), source: io::Error::from(kind) },
        };
    }
    Error::Io { path: PathBuf::from(name), source }
}

/// Is it an error of ours that came through a stream?
pub(super) fn is_ours(source: &io::Error) -> bool {
    source.get_ref().is_some_and(|inner| inner.is::<Error>())
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

/// Why an input broke off, once it has: more bytes than are taken, or damaged compression.
#[derive(Debug, Clone, Default)]
pub(super) struct BrokenOff {
    most: Option<u64>,
    is_over: Arc<AtomicBool>,
    damage: Arc<OnceLock<Damage>>,
}

/// What is wrong with a compressed file.
#[derive(Debug)]
struct Damage {
    compression: &'static str,
    reason: io::ErrorKind,
    text: String,
}

impl BrokenOff {
    /// A stream of decompressed bytes that notes here what is wrong with it.
    fn told(&self, compression: &'static str, inner: impl Read + Send + 'static) -> Bytes {
        Box::new(Decompressed { inner, compression, broken_off: self.clone() })
    }

    fn note(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    fn check(&self, name: &str) -> Result<()> {
        if let Some(most) = self.most.filter(|_| self.is_over.load(Ordering::Relaxed)) {
            return Err(Error::Limit { input: name.to_owned(), limit: Limit::Bytes { most } });
        }
        let Some(Damage { compression, reason, text }) = self.damage.get() else { return Ok(()) };
        let problem = match reason {
            io::ErrorKind::UnexpectedEof => {
                FileProblem::Truncated { within: format!("its {compression} compression") }
            }
            _ => FileProblem::Damaged { compression, reason: text.clone() },
        };
        Err(Error::File { input: name.to_owned(), problem })
    }

    /// Readers report a stream that breaks off in many ways; this tells why it did.
    pub fn explain(&self, name: &str, error: Error) -> Error {
        self.check(name).err().unwrap_or(error)
    }
}

/// The members of a gzip file, one after the other, and nothing behind them.
struct GzipMembers<R> {
    /// The one that is being read; `None` after the last.
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> GzipMembers<R> {
    fn new(stream: R) -> Self {
        Self { member: Some(GzDecoder::new(stream)) }
    }
}

impl<R: BufRead> Read for GzipMembers<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let n_bytes = member.read(buffer)?;
            if n_bytes > 0 || buffer.is_empty() {
                return Ok(n_bytes);
            }
            let rest = member.get_mut();
            self.member = match rest.fill_buf()?.first().copied() {
                None => None,
                Some(0x1f) => self.member.take().map(|ended| GzDecoder::new(ended.into_inner())),
                // Tapes and blocks are filled up with zeros.
                Some(0) if is_zeros(rest)? => None,
                Some(_) => {
                    let reason = "bytes that are no gzip follow its end";
                    return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
                }
            };
        }
        Ok(0)
    }
}

/// Is there nothing but zeros up to the end?
fn is_zeros(rest: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let bytes = rest.fill_buf()?;
        let n_bytes = bytes.len();
        if n_bytes == 0 || bytes.iter().any(|byte| *byte != 0) {
            return Ok(n_bytes == 0);
        }
        rest.consume(n_bytes);
    }
}

/// Notes what is wrong with a compressed file.
struct Decompressed<D> {
    inner: D,
    compression: &'static str,
    broken_off: BrokenOff,
}

impl<D: Read> Read for Decompressed<D> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        use io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
        let read = self.inner.read(buffer);
        // Others are of the disk or the net below. Bytes that cannot be decompressed are these.
        if let Err(error) = &read
            && matches!(error.kind(), UnexpectedEof | InvalidData | InvalidInput | Other)
        {
            let (compression, reason, text) = (self.compression, error.kind(), error.to_string());
            // The first one counts.
            let _ = self.broken_off.damage.set(Damage { compression, reason, text });
        }
        read
    }
}

/// Refuses to go on after the most bytes.
struct Counted {
    inner: Bytes,
    n_bytes: u64,
    broken_off: BrokenOff,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_bytes = self.inner.read(buffer)?;
        self.n_bytes += n_bytes as u64;
        if self.broken_off.most.is_some_and(|most| self.n_bytes > most) {
            self.broken_off.note();
            return Err(io::Error::other("more bytes than are taken"));
        }
        Ok(n_bytes)
    }
}
