//! Where the rows of a row group lie, and the footprint that row groups of one chunk make.

use arrow::array::{Array, AsArray, Float64Array, RecordBatch};
use arrow::datatypes::Float64Type;

use crate::chunking;
use crate::place::Place;
use crate::schema::TableDef;
use crate::sphgeom::separation::{self, Separation};
use crate::sphgeom::{Angle, Cap, UnitVector};

/// Half the diagonal of a HEALPix cell of order 29 is below this.
const KEY_CELL_RADIUS_ARCSEC: f64 = 0.001;

/// The positions of some rows.
#[derive(Debug)]
pub(super) struct Extent {
    /// Those of the rows that have one; of consecutive rows of one place and position, such as the points of
    /// a light curve, the first.
    points: Vec<UnitVector>,
    /// The farthest that one is from the centre of the cell that its key names, where it may lie in
    /// another one; `None`: a key names no cell.
    farthest: Option<Separation>,
}

impl Extent {
    /// That of no rows.
    pub const NOWHERE: Self = Self { points: vec![], farthest: Some(Separation::NONE) };

    /// Look at the rows of a batch, whose places are given.
    pub fn of(table: &TableDef, batch: &RecordBatch, places: &[Place]) -> Self {
        let column = |name: &str| -> Option<&Float64Array> {
            batch.column_by_name(name)?.as_primitive_opt::<Float64Type>()
        };
        let mut extent = Self::NOWHERE;
        let columns = table.position.as_ref().and_then(|p| Some((column(&p.ra)?, column(&p.dec)?)));
        let Some((ra, dec)) = columns else { return extent };
        let is_in_own_cell = table.is_placed_by_own_position();
        let mut last = None;
        for (row, place) in places.iter().enumerate() {
            if ra.is_null(row) || dec.is_null(row) {
                continue;
            }
            let here = (place.key, ra.value(row), dec.value(row));
            if last.replace(here) != Some(here) {
                let position = UnitVector::from_lonlat_deg(here.1, here.2);
                if !is_in_own_cell {
                    extent.take_distance(place.key, &position);
                }
                extent.points.push(position);
            }
        }
        extent
    }

    fn take_distance(&mut self, key: i64, position: &UnitVector) {
        let center = chunking::healpix29_center(key);
        self.farthest = self
            .farthest
            .zip(center)
            .map(|(farthest, center)| farthest.max(separation::between(&center, position)));
    }

    /// Add the rows of another row group.
    pub fn join(&mut self, other: Self) {
        self.farthest = self.farthest.zip(other.farthest).map(|(a, b)| a.max(b));
        self.points.extend(other.points);
    }

    /// A cap that holds the positions; `None`: there are none.
    pub fn cap(&self) -> Option<Cap> {
        Cap::around(&self.points)
    }

    /// How far a position may be from the centre of its key's cell; `None`: there are no positions, or no
    /// keys.
    pub fn max_offset(&self, table: &TableDef) -> Option<Angle> {
        let bound =
            |farthest: Separation| farthest.angle() + Angle::from_arcsec(KEY_CELL_RADIUS_ARCSEC);
        (!self.points.is_empty() && table.is_chunked())
            .then(|| self.farthest.map_or(Angle::HALF_TURN, bound))
    }
}
