//! Where rows live: by their own position, or by that of their director.
//!
//! ```text
//!   director     own position; a versioned director's first one, ever after
//!   positional   own position
//!   child        its director's place; own position where the director's id is NULL or 0
//!   ref-match    its first director's place
//!   replicated   everywhere
//! ```
//!
//! Directors are looked for among those of the same transaction, then in the snapshot's id index.
//! A director that is in neither may still be appended later, so its children wait.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use almagest_storage::chunking::{Chunking, healpix29};
use almagest_storage::schema::{TableDef, TableKind};
use almagest_storage::{Place, Snapshot};
use arrow::array::{Array, AsArray, Float64Array, Int64Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};

use crate::conform::degrees;
use crate::error::{Error, Result};
use crate::id_map::IdMap;
use crate::origin::RowOrigin;

/// The places of the directors of one transaction, by table and id.
#[derive(Debug, Default)]
pub(crate) struct Directors {
    tables: HashMap<String, IdMap<Place>>,
    /// Tables that the transaction drops: what the catalog holds of them counts no more.
    dropped: HashSet<String>,
    /// Since the savepoint, if there is one: those that came.
    recent: Option<Vec<(String, i64)>>,
    /// What was looked up in the snapshot of a version, as siblings come in many batches.
    looked_up: (u64, HashMap<String, IdMap<Place>>),
}

/// Most places that were looked up and are kept, of one table.
const MOST_LOOKED_UP: usize = 2 << 20;

impl Directors {
    /// Remember where a table's rows were placed, if it is a director.
    pub fn insert(&mut self, table: &TableDef, batch: &RecordBatch, places: &[Option<Place>]) {
        if table.kind != TableKind::Director {
            return;
        }
        let Some(ids) = id_column(table, batch) else { return };
        let known = self.tables.entry(table.name.clone()).or_default();
        for (id, place) in ids.iter().zip(places) {
            if let (Some(id), Some(place)) = (id, place)
                && let Entry::Vacant(entry) = known.entry(id)
            {
                entry.insert(*place);
                if let Some(recent) = &mut self.recent {
                    recent.push((table.name.clone(), id));
                }
            }
        }
    }

    /// Set a savepoint.
    pub fn mark(&mut self) {
        self.recent = Some(Vec::new());
    }

    /// Keep what came after the savepoint.
    pub fn release(&mut self) {
        self.recent = None;
    }

    /// Forget what came after the savepoint.
    pub fn roll_back(&mut self) {
        for (table, id) in self.recent.take().into_iter().flatten() {
            if let Some(known) = self.tables.get_mut(&table) {
                known.remove(&id);
            }
        }
    }

    /// Forget the rows of a table, those of the catalog included.
    pub fn forget(&mut self, table: &str) {
        self.tables.remove(table);
        self.looked_up.1.remove(table);
        self.dropped.insert(table.to_owned());
    }

    /// Return the ids of a director table with their places.
    pub fn of(&self, table: &str) -> Option<&IdMap<Place>> {
        self.tables.get(table)
    }

    /// Find the place of each id, here or in a snapshot.
    fn look_up(
        &mut self,
        table: &str,
        ids: &[i64],
        snapshot: &Snapshot,
    ) -> Result<Vec<Option<Place>>> {
        let (version, looked_up) = &mut self.looked_up;
        if *version != snapshot.version() {
            *version = snapshot.version();
            looked_up.clear();
        }
        let committed = looked_up.entry(table.to_owned()).or_default();
        if committed.len() > MOST_LOOKED_UP {
            committed.clear();
        }
        let here = self.tables.get(table);
        let known = |id| here.and_then(|here| here.get(id)).or_else(|| committed.get(id)).copied();
        let mut places: Vec<Option<Place>> = ids.iter().map(known).collect();
        if !self.dropped.contains(table) {
            let without_place = || ids.iter().zip(&places).filter(|(_, place)| place.is_none());
            let unknown: Vec<i64> = without_place().map(|(id, _)| *id).collect();
            if !unknown.is_empty() {
                committed.extend(snapshot.look_up_ids(table, &unknown)?);
                for (id, place) in ids.iter().zip(&mut places).filter(|(_, place)| place.is_none())
                {
                    *place = committed.get(id).copied();
                }
            }
        }
        Ok(places)
    }
}

/// Place the rows of a conformed batch; `None`: the row's director is not known yet.
///
/// # Arguments
/// * `origin` - gives the origin of a row of the batch, 0-based
pub(crate) fn place_rows(
    table: &TableDef,
    batch: &RecordBatch,
    origin: impl Fn(usize) -> RowOrigin,
    directors: &mut Directors,
    snapshot: &Snapshot,
) -> Result<Vec<Option<Place>>> {
    let chunking = snapshot.store().chunking();
    match &table.kind {
        TableKind::Replicated => Ok(vec![Some(Place::replicated()); batch.num_rows()]),
        TableKind::View { .. } => Err(definition(table, "a view has no rows of its own")),
        TableKind::Director if is_versioned(table) => {
            place_versioned(table, batch, &origin, directors, snapshot)
        }
        TableKind::Director | TableKind::Positional => {
            let positions = Positions::of(table, batch)?;
            (0..batch.num_rows()).map(|row| positions.place(chunking, row, &origin)).collect()
        }
        TableKind::Child { director, key } | TableKind::RefMatch { first: (director, key), .. } => {
            let ids = long_column(batch, key)
                .ok_or_else(|| definition(table, "the director's id is not an integer column"))?;
            let wanted: Vec<i64> = ids.iter().flatten().filter(|&id| id != 0).collect();
            let mut of_wanted = directors.look_up(director, &wanted, snapshot)?.into_iter();
            // Pairs have no position; nor need children, as long as all have directors.
            let positions = table.position.as_ref().map(|_| Positions::of(table, batch));
            let positions = positions.transpose()?;
            let no_place = |row| Error::NoPlace {
                origin: origin(row),
                table: table.name.clone(),
                column: key.clone(),
            };
            let place = |(row, id): (usize, Option<i64>)| match (id, &positions) {
                (Some(id), _) if id != 0 => Ok(of_wanted.next().flatten()),
                (_, Some(positions)) => {
                    let place = positions.place(chunking, row, &origin)?;
                    place.map(Some).ok_or_else(|| no_place(row))
                }
                (_, None) => Err(no_place(row)),
            };
            ids.iter().enumerate().map(place).collect()
        }
    }
}

/// Place a director that has a row for each interval of validity: where its id was placed first.
fn place_versioned(
    table: &TableDef,
    batch: &RecordBatch,
    origin: &impl Fn(usize) -> RowOrigin,
    directors: &mut Directors,
    snapshot: &Snapshot,
) -> Result<Vec<Option<Place>>> {
    let positions = Positions::of(table, batch)?;
    let ids = id_column(table, batch)
        .ok_or_else(|| definition(table, "a director needs a 64-bit integer id"))?;
    let earlier = directors.look_up(&table.name, ids.values(), snapshot)?;
    let mut first_here: IdMap<Place> = IdMap::default();
    let mut places = Vec::with_capacity(ids.len());
    for (row, (&id, earlier)) in ids.values().iter().zip(earlier).enumerate() {
        let frozen = earlier.or_else(|| first_here.get(&id).copied());
        let place = match frozen {
            Some(place) => Some(place),
            None => positions.place(snapshot.store().chunking(), row, origin)?,
        };
        if let Some(place) = place {
            first_here.insert(id, place);
        }
        places.push(place);
    }
    Ok(places)
}

/// The position columns of a batch, degrees.
struct Positions {
    ra: Float64Array,
    dec: Float64Array,
}

impl Positions {
    fn of(table: &TableDef, batch: &RecordBatch) -> Result<Self> {
        let columns = table.position.as_ref().and_then(|position| {
            Some((batch.column_by_name(&position.ra)?, batch.column_by_name(&position.dec)?))
        });
        let (ra, dec) =
            columns.ok_or_else(|| definition(table, "its rows need a position to be placed"))?;
        Ok(Self { ra: degrees(ra), dec: degrees(dec) })
    }

    /// Place a row by its own position; `None`: it has none.
    fn place(
        &self,
        chunking: Chunking,
        row: usize,
        origin: impl Fn(usize) -> RowOrigin,
    ) -> Result<Option<Place>> {
        if self.ra.is_null(row) || self.dec.is_null(row) {
            return Ok(None);
        }
        let (ra, dec) = (self.ra.value(row), self.dec.value(row));
        let place = healpix29(ra, dec)
            .and_then(|key| chunking.chunk_of(ra, dec).map(|chunk| Place { key, chunk }));
        place.map(Some).map_err(|source| Error::Position { origin: origin(row), source })
    }
}

/// Does an id name one row (as opposed to one row for each interval of validity)?
pub(crate) fn ids_are_unique(table: &TableDef) -> bool {
    table.id.as_ref().is_some_and(|id| table.primary_key == [id.clone()])
}

/// Has the director one row for each interval of validity?
pub(crate) fn is_versioned(table: &TableDef) -> bool {
    table.kind == TableKind::Director && table.id.is_some() && !ids_are_unique(table)
}

/// Return the ids of a conformed batch's rows, where the table has 64-bit ids.
pub(crate) fn id_column<'a>(table: &TableDef, batch: &'a RecordBatch) -> Option<&'a Int64Array> {
    batch.column_by_name(table.id.as_ref()?)?.as_primitive_opt::<Int64Type>()
}

/// Return an integer column as 64-bit integers.
pub(crate) fn long_column(batch: &RecordBatch, name: &str) -> Option<Int64Array> {
    let column = batch.column_by_name(name)?;
    let longs = column.data_type().is_integer().then(|| cast(column, &DataType::Int64).ok())??;
    Some(longs.as_primitive::<Int64Type>().clone())
}

fn definition(table: &TableDef, reason: &'static str) -> Error {
    Error::Definition { table: table.name.clone(), reason }
}
