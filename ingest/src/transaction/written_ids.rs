//! The ids of rows that are in files already: 16 bytes of disk each, and two bytes of memory.
//!
//! A Bloom filter tells which ids are surely not among them; the file, which has no name and goes with the
//! process, from which row each came.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use parquet::bloom_filter::Sbbf;

/// Number of a batch, and of a row in it.
pub(super) type BatchRow = (u32, u32);

/// Bytes of an id and its row in the file.
const ENTRY_BYTES: usize = 16;
/// Bytes of filter for each id: one of some two thousand that are not among them is thought to be.
const FILTER_BYTES: usize = 2;
/// A filter is no larger, whatever the number of ids: 128 MiB.
const MOST_IDS: usize = (128 << 20) / FILTER_BYTES;

/// Ids of rows that are in files.
pub(super) struct WrittenIds {
    filter: Sbbf,
    /// For how many ids the filter is made.
    capacity: usize,
    n_ids: usize,
    file: File,
}

impl WrittenIds {
    /// None yet; what they take on disk is in `folder`.
    pub fn new(folder: &Path) -> io::Result<Self> {
        let file = tempfile::tempfile_in(folder)?;
        Ok(Self { filter: filter(1), capacity: 1, n_ids: 0, file })
    }

    /// Take ids and the rows that they came from.
    pub fn take(&mut self, rows: &[(i64, BatchRow)]) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(rows.len() * ENTRY_BYTES);
        for (id, (batch, row)) in rows {
            bytes.extend(id.to_le_bytes());
            bytes.extend(batch.to_le_bytes());
            bytes.extend(row.to_le_bytes());
        }
        (&self.file).seek(SeekFrom::End(0))?;
        (&self.file).write_all(&bytes)?;
        self.n_ids += rows.len();
        if self.n_ids > self.capacity && self.capacity < MOST_IDS {
            self.capacity = self.n_ids.next_power_of_two().min(MOST_IDS);
            let mut larger = filter(self.capacity);
            self.each(|id, _| larger.insert(&id))?;
            self.filter = larger;
        } else {
            rows.iter().for_each(|(id, _)| self.filter.insert(id));
        }
        Ok(())
    }

    /// May an id be among them?
    pub fn may_hold(&self, id: i64) -> bool {
        self.filter.check(&id)
    }

    /// Return the row from which an id came last.
    pub fn row(&self, wanted: i64) -> io::Result<Option<BatchRow>> {
        let mut found = None;
        self.each(|id, row| {
            if id == wanted {
                found = Some(row);
            }
        })?;
        Ok(found)
    }

    fn each(&self, mut look: impl FnMut(i64, BatchRow)) -> io::Result<()> {
        (&self.file).seek(SeekFrom::Start(0))?;
        let mut entries = BufReader::with_capacity(1 << 20, &self.file);
        for _ in 0..self.n_ids {
            let mut long = [0; 8];
            let mut ints = [[0; 4]; 2];
            entries.read_exact(&mut long)?;
            entries.read_exact(&mut ints[0])?;
            entries.read_exact(&mut ints[1])?;
            let [batch, row] = ints.map(u32::from_le_bytes);
            look(i64::from_le_bytes(long), (batch, row));
        }
        Ok(())
    }
}

fn filter(n_ids: usize) -> Sbbf {
    Sbbf::new_with_num_of_bytes(n_ids * FILTER_BYTES)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn all_ids_are_found_and_few_others_thought_to_be() {
        let folder = tempfile::tempdir().unwrap();
        let mut written = WrittenIds::new(folder.path()).unwrap();
        for batch in 0..20_u32 {
            let row = |row: u32| (i64::from(batch) * 7_000 + i64::from(row) * 3, (batch, row));
            written.take(&(0..1000).map(row).collect::<Vec<_>>()).unwrap();
        }
        for (batch, row) in [(0, 0), (3, 999), (19, 500)] {
            let id = i64::from(batch) * 7_000 + i64::from(row) * 3;
            assert!(written.may_hold(id));
            assert_eq!(written.row(id).unwrap(), Some((batch, row)));
        }
        let ids = || (0..20).flat_map(|batch| (0..1000).map(move |row| batch * 7_000 + row * 3));
        assert!(ids().all(|id| written.may_hold(id)));
        assert_eq!(written.row(1).unwrap(), None);
        let n_thought = (1_000_000..2_000_000).filter(|&id| written.may_hold(id)).count();
        assert!(n_thought < 2_000, "{n_thought}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    /// Rolled back ids stay; if they come again, the last row counts.
    #[test]
    fn the_last_row_of_an_id_counts() {
        let folder = tempfile::tempdir().unwrap();
        let mut written = WrittenIds::new(folder.path()).unwrap();
        written.take(&[(5, (0, 1)), (6, (0, 2))]).unwrap();
        written.take(&[(5, (7, 3))]).unwrap();
        assert_eq!(written.row(5).unwrap(), Some((7, 3)));
    }
}
