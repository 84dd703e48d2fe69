//! The heap of a binary table: the arrays of variable length, behind the rows.

use std::fs::File;
use std::os::unix::fs::FileExt;

/// As writers put arrays one after the other, this much is read at once.
const WINDOW_BYTES: usize = 1 << 20;

/// Reads pieces of a part of a file.
pub(super) struct Heap {
    file: File,
    /// Place of the heap in the file.
    start: u64,
    n_bytes: u64,
    window: Vec<u8>,
    /// Place of the window in the heap.
    window_offset: u64,
}

impl Heap {
    /// Take a part of a file; the file's own position is left alone.
    pub fn new(file: File, start: u64, n_bytes: u64) -> Self {
        Self { file, start, n_bytes, window: Vec::new(), window_offset: 0 }
    }

    /// Return bytes from a place in the heap; `None` where they lie outside of it.
    pub fn read(&mut self, offset: i64, n_bytes: usize) -> Option<&[u8]> {
        let offset = u64::try_from(offset).ok()?;
        let end = offset.checked_add(n_bytes as u64).filter(|end| *end <= self.n_bytes)?;
        let window_end = self.window_offset + self.window.len() as u64;
        if offset < self.window_offset || end > window_end {
            let n_ahead = (self.n_bytes - offset).min(WINDOW_BYTES.max(n_bytes) as u64);
            self.window.clear();
            self.window_offset = offset;
            // The file may be shorter than its header says: then nothing is read at all.
            let size = self.file.metadata().ok()?.len();
            let place = self.start.checked_add(offset)?;
            let n_ahead = n_ahead.min(size.saturating_sub(place));
            if n_ahead < n_bytes as u64 {
                return None;
            }
            self.window.resize(n_ahead as usize, 0);
            if self.file.read_exact_at(&mut self.window, place).is_err() {
                self.window.clear();
                return None;
            }
        }
        let start = (offset - self.window_offset) as usize;
        self.window.get(start..start + n_bytes)
    }
}
