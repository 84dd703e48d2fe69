//! Which rows of a table's files a scan reads.
//!
//! ```text
//!   filters ─▶ regions ─▶ footprints (caps) that may meet ─┐
//!        │         └────▶ ranges of `_healpix_29`, widened │─▶ files ─▶ row groups ─▶ pages
//!        └──▶ ids ─▶ id index ─▶ chunks and keys ──────────┘
//!   deletion vectors ─▶ rows that are never read
//! ```
//!
//! Only what cannot match is left out: filters are applied to every row that is read.

use std::collections::{BTreeMap, HashSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use almagest_storage::Snapshot;
use almagest_storage::chunking::ChunkId;
use almagest_storage::coverage::healpix_ranges;
use almagest_storage::data_file::{DataFile, Footprint};
use almagest_storage::pages::{any_meets, any_within, selected};
use almagest_storage::schema::TableDef;
use almagest_storage::sphgeom::{Angle, Region};
use datafusion::datasource::physical_plan::parquet::{ParquetAccessPlan, RowGroupAccess};
use datafusion::logical_expr::Expr;

use crate::Result;
use crate::config::Pruning;
use crate::region_filter::regions_of_filters;
use crate::wanted_ids::wanted_ids;

/// Greatest number of `_healpix_29` ranges that stand for a region.
const MAX_RANGES: usize = 64;

/// What the filters of a scan say of where its rows lie.
#[derive(Debug, Default)]
pub(crate) struct RowsWanted {
    /// In all of these lies a row's own position.
    regions: Vec<Region>,
    /// In one of these chunks, with one of these keys (ascending), lies a row's place.
    places: Option<BTreeMap<ChunkId, Vec<i64>>>,
    /// In one of these files lies a row, where that is known.
    files: Option<HashSet<i64>>,
    /// Rows of such a place, about.
    rows_per_place: f64,
}

/// A file of which something may match, and what.
pub(crate) struct FileWanted<'a> {
    /// The file.
    pub file: &'a DataFile,
    /// The chunks in it of which something may match.
    pub footprints: Vec<&'a Footprint>,
    /// Which rows are read; absent where all of them are.
    pub access: Option<ParquetAccessPlan>,
    /// The number of rows that are read.
    pub n_rows: u64,
    /// How many of them are wanted, about.
    pub n_matching: f64,
}

impl RowsWanted {
    /// Understand the filters of a scan of `table`.
    ///
    /// # Errors
    /// The id index cannot be read.
    pub fn of(
        filters: &[Expr],
        table: &TableDef,
        snapshot: &Snapshot,
        pruning: Pruning,
    ) -> Result<Self> {
        if pruning == Pruning::Off || !table.is_chunked() {
            return Ok(Self::default());
        }
        let regions = match &table.position {
            Some(position) => regions_of_filters(filters, position),
            None => vec![],
        };
        let (mut places, mut files, mut rows_per_place) = (None, None, 1.0);
        // The shortest list is looked up: it leaves the least.
        let mut wanted = wanted_ids(filters);
        wanted.sort_by_key(|wanted| wanted.ids.len());
        for wanted in wanted {
            if let Some(found) = snapshot.places_of(table, wanted.column, &wanted.ids)? {
                let mut by_chunk: BTreeMap<ChunkId, Vec<i64>> = BTreeMap::new();
                for place in found.places.into_values() {
                    by_chunk.entry(place.chunk).or_default().push(place.key);
                }
                by_chunk.values_mut().for_each(|keys| keys.sort_unstable());
                places = Some(by_chunk);
                files = found.files;
                rows_per_place = match table.director() {
                    Some((director, key)) if key == wanted.column => {
                        let n_directors = snapshot.n_rows(director).max(1) as f64;
                        snapshot.n_rows(&table.name) as f64 / n_directors
                    }
                    _ => 1.0,
                };
                break;
            }
        }
        Ok(Self { regions, places, files, rows_per_place })
    }

    /// Do the filters say where the rows lie?
    pub fn is_bounded(&self) -> bool {
        !self.regions.is_empty() || self.places.is_some()
    }

    /// The chunks of a file of which something may match.
    pub fn footprints<'a>(&self, file: &'a DataFile) -> Vec<&'a Footprint> {
        if self.files.as_ref().is_some_and(|files| !files.contains(&file.file_id)) {
            return vec![];
        }
        file.footprints.iter().filter(|footprint| self.may_meet(footprint)).collect()
    }

    fn may_meet(&self, footprint: &Footprint) -> bool {
        let has_place = |places: &BTreeMap<ChunkId, Vec<i64>>| {
            let keys = places.get(&footprint.chunk);
            keys.is_some_and(|keys| any_within(keys, footprint.key_min, footprint.key_max))
        };
        self.places.as_ref().is_none_or(has_place)
            && self.regions.iter().all(|region| footprint.may_meet(region))
    }

    /// The files of which something may match.
    ///
    /// # Errors
    /// A footer cannot be read.
    pub fn files<'a>(
        &self,
        files: &'a [Arc<DataFile>],
        snapshot: &Snapshot,
    ) -> Result<Vec<FileWanted<'a>>> {
        let met = files.iter().map(|file| (file.as_ref(), self.footprints(file)));
        let met: Vec<_> = met.filter(|(_, footprints)| !footprints.is_empty()).collect();
        let keys = self.keys(met.iter().flat_map(|(_, footprints)| footprints));
        let mut wanted = vec![];
        for (file, footprints) in met {
            wanted.extend(self.file(file, footprints, &keys, snapshot)?);
        }
        Ok(wanted)
    }

    /// The ranges of keys of each region. They hold the keys of all rows of footprints that bound the
    /// distance from key to row.
    fn keys<'a>(&self, footprints: impl Iterator<Item = &'a &'a Footprint>) -> Vec<Vec<KeyRange>> {
        if self.regions.is_empty() {
            return vec![];
        }
        let offsets = footprints.filter_map(|footprint| footprint.max_offset);
        let widen = offsets.fold(Angle::ZERO, Angle::max);
        self.regions.iter().map(|region| healpix_ranges(region, widen, MAX_RANGES)).collect()
    }

    fn file<'a>(
        &self,
        file: &'a DataFile,
        footprints: Vec<&'a Footprint>,
        keys: &[Vec<KeyRange>],
        snapshot: &Snapshot,
    ) -> Result<Option<FileWanted<'a>>> {
        let is_whole = footprints.len() == file.footprints.len();
        if is_whole && file.deleted.is_none() && !self.is_bounded() {
            let (n_rows, n_matching) = (file.n_rows, file.n_rows as f64);
            return Ok(Some(FileWanted { file, footprints, access: None, n_rows, n_matching }));
        }
        let footer = match self.is_bounded() {
            true => Some(snapshot.store().footers().of(&snapshot.path(file))?),
            false => None,
        };
        let key = footer.as_deref().and_then(|footer| file.key_column(footer));
        let n_row_groups: u32 = file.footprints.iter().map(|f| f.n_row_groups).sum();
        let mut access = vec![RowGroupAccess::Skip; n_row_groups as usize];
        let (mut n_rows, mut n_matching) = (0, 0.0);
        for footprint in &footprints {
            let may_hold = |min: i64, max: i64| self.may_hold(footprint, keys, min, max);
            if !may_hold(footprint.key_min, footprint.key_max) {
                continue;
            }
            n_matching += self.n_matching(file, footprint, keys);
            for (index, rows) in footprint.row_groups().enumerate() {
                let row_group = footprint.first_row_group as usize + index;
                let selection = footer
                    .as_deref()
                    .zip(key)
                    .and_then(|(footer, key)| selected(footer, row_group, key, &may_hold));
                let visible = file.visible_rows(rows.clone());
                let selection = match (selection, visible) {
                    (Some(a), Some(b)) => Some(a.intersection(&b)),
                    (one, other) => one.or(other),
                };
                (access[row_group], n_rows) = match selection {
                    None => (RowGroupAccess::Scan, n_rows + rows.end - rows.start),
                    Some(selection) if !selection.selects_any() => (RowGroupAccess::Skip, n_rows),
                    Some(selection) => {
                        let n_selected = selection.row_count() as u64;
                        (RowGroupAccess::Selection(selection), n_rows + n_selected)
                    }
                };
            }
        }
        let access = Some(ParquetAccessPlan::new(access));
        let n_matching = n_matching.min(n_rows as f64);
        Ok((n_rows > 0).then_some(FileWanted { file, footprints, access, n_rows, n_matching }))
    }

    /// How many rows of a footprint are wanted, about: as if they were spread evenly over its keys.
    fn n_matching(&self, file: &DataFile, footprint: &Footprint, keys: &[Vec<KeyRange>]) -> f64 {
        let n_rows = file.n_visible_rows_of(footprint) as f64;
        let places = self.places.as_ref().and_then(|places| places.get(&footprint.chunk));
        let n_placed = places.map(|places| {
            let within = |key: &&i64| (footprint.key_min..=footprint.key_max).contains(*key);
            places.iter().filter(within).count() as f64 * self.rows_per_place
        });
        let (min, max) = (footprint.key_min, footprint.key_max);
        let within = |range: &KeyRange| {
            let (first, last) = (*range.start().max(&min), *range.end().min(&max));
            (last as f64 - first as f64 + 1.0).max(0.0)
        };
        let width = max as f64 - min as f64 + 1.0;
        let share = |ranges: &Vec<KeyRange>| ranges.iter().map(within).sum::<f64>() / width;
        let n_near = keys.iter().map(share).fold(1.0, f64::min) * n_rows;
        n_placed.map_or(n_near, |n_placed| n_placed.min(n_near))
    }

    /// May a row of the footprint with a key from `min` to `max` match?
    fn may_hold(&self, footprint: &Footprint, keys: &[Vec<KeyRange>], min: i64, max: i64) -> bool {
        let places = self.places.as_ref().and_then(|places| places.get(&footprint.chunk));
        let is_placed = places.is_none_or(|places| any_within(places, min, max));
        // Without that bound, keys say nothing of positions.
        is_placed
            && (footprint.max_offset.is_none()
                || keys.iter().all(|ranges| any_meets(ranges, min, max)))
    }
}

/// Values of the sort key.
type KeyRange = RangeInclusive<i64>;
