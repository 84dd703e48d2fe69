//! Units of work: objects whose rows are made at once.

use std::ops::Range;

use almagest_storage::chunking::Chunking;
use arrow::array::RecordBatch;

use crate::error::Result;
use crate::rows::Survey;
use crate::sky::{N_CELLS, cell_center};

/// Consecutive objects of some cells.
#[derive(Debug, Clone)]
pub struct Unit {
    parts: Vec<(usize, Range<u64>)>,
}

impl Unit {
    /// Number of objects.
    pub fn n_objects(&self) -> u64 {
        self.parts.iter().map(|(_, objects)| objects.end - objects.start).sum()
    }

    /// Make the rows, by table, directors before children.
    ///
    /// # Errors
    /// None for the tables as shipped.
    pub fn rows(&self, survey: &Survey) -> Result<Vec<(&'static str, RecordBatch)>> {
        survey.rows(&self.parts)
    }
}

/// Part a survey into units of about so many rows of ForcedSource, in the order of the chunks.
pub fn units(survey: &Survey, chunking: Chunking, forced: f64, batch_rows: usize) -> Vec<Unit> {
    let most = ((batch_rows as f64 / forced) as u64).max(1);
    let mut cells: Vec<usize> = (0..N_CELLS).collect();
    cells.sort_by_cached_key(|&cell| {
        let (ra, dec) = cell_center(cell).to_lonlat_deg();
        (chunking.chunk_of(ra, dec).map_or(0, |chunk| chunk.get()), cell)
    });
    let mut units = vec![];
    let mut unit = Unit { parts: vec![] };
    let mut room = most;
    for cell in cells {
        let mut objects = survey.sky().objects_of(cell);
        while !objects.is_empty() {
            let end = objects.end.min(objects.start + room);
            unit.parts.push((cell, objects.start..end));
            room -= end - objects.start;
            objects.start = end;
            if room == 0 {
                units.push(std::mem::replace(&mut unit, Unit { parts: vec![] }));
                room = most;
            }
        }
    }
    if !unit.parts.is_empty() {
        units.push(unit);
    }
    units
}
