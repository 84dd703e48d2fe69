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
//! A director that is not found may still be appended later, so its children wait.

use almagest_storage::Place;
use almagest_storage::chunking::{Chunking, healpix29};
use almagest_storage::schema::{TableDef, TableKind};
use arrow::array::{Array, AsArray, Float64Array, Int64Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};

use crate::conform::degrees;
use crate::error::{Error, Result};
use crate::id_map::IdMap;
use crate::origin::RowOrigin;

/// Place the rows of a conformed batch; `None`: the row's director is not known yet.
///
/// # Arguments
/// * `origin` - gives the origin of a row of the batch, 0-based
/// * `find` - finds the places of directors by table and id
pub(crate) fn place_rows(
    table: &TableDef,
    batch: &RecordBatch,
    origin: impl Fn(usize) -> RowOrigin,
    chunking: Chunking,
    find: impl FnOnce(&str, &[i64]) -> Result<Vec<Option<Place>>>,
) -> Result<Vec<Option<Place>>> {
    match &table.kind {
        TableKind::Replicated => Ok(vec![Some(Place::replicated()); batch.num_rows()]),
        TableKind::View { .. } => Err(definition(table, "a view has no rows of its own")),
        TableKind::Director if is_versioned(table) => {
            place_versioned(table, batch, &origin, chunking, find)
        }
        TableKind::Director | TableKind::Positional => {
            let positions = Positions::of(table, batch)?;
            (0..batch.num_rows()).map(|row| positions.place(chunking, row, &origin)).collect()
        }
        TableKind::Child { director, key } | TableKind::RefMatch { first: (director, key), .. } => {
            let ids = long_column(batch, key)
                .ok_or_else(|| definition(table, "the director's id is not an integer column"))?;
            let wanted: Vec<i64> = ids.iter().flatten().filter(|&id| id != 0).collect();
            let mut of_wanted = find(director, &wanted)?.into_iter();
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
    chunking: Chunking,
    find: impl FnOnce(&str, &[i64]) -> Result<Vec<Option<Place>>>,
) -> Result<Vec<Option<Place>>> {
    let positions = Positions::of(table, batch)?;
    let ids = id_column(table, batch)
        .ok_or_else(|| definition(table, "a director needs a 64-bit integer id"))?;
    let earlier = find(&table.name, ids.values())?;
    let mut first_here: IdMap<Place> = IdMap::default();
    let mut places = Vec::with_capacity(ids.len());
    for (row, (&id, earlier)) in ids.values().iter().zip(earlier).enumerate() {
        let frozen = earlier.or_else(|| first_here.get(&id).copied());
        let place = match frozen {
            Some(place) => Some(place),
            None => positions.place(chunking, row, origin)?,
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
