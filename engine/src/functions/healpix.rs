//! `ivo_healpix_index` (order, lon, lat or point), `ivo_healpix_center` (order, index) and
//! `healpix_of_gaia_source` (order, source_id): cells in the nested scheme.

use std::sync::Arc;

use almagest_storage::sphgeom::healpix;
use datafusion::arrow::array::{Array, ArrayRef, Float64Array, Int64Array};
use datafusion::common::exec_err;
use datafusion::error::Result;

use super::row_function::{Argument, Call, Returns, RowFunction};
use crate::geometry::{Geometry, points};

pub(super) const FUNCTIONS: [RowFunction; 3] = [
    RowFunction {
        name: "ivo_healpix_index",
        overloads: &[
            &[Argument::Integer, Argument::Number, Argument::Number],
            &[Argument::Integer, Argument::Geometry],
        ],
        returns: Returns::Integer,
        body: index,
    },
    RowFunction {
        name: "ivo_healpix_center",
        overloads: &[&[Argument::Integer, Argument::Integer]],
        returns: Returns::Point,
        body: center,
    },
    RowFunction {
        name: "healpix_of_gaia_source",
        overloads: &[&[Argument::Integer, Argument::Integer]],
        returns: Returns::Integer,
        body: of_gaia_source,
    },
];

/// The order of a row, unless it is NULL.
///
/// # Errors
/// An order that is not from 0 to `most`.
fn order(call: &Call<'_>, orders: &Int64Array, row: usize, most: u8) -> Result<Option<u8>> {
    if orders.is_null(row) {
        return Ok(None);
    }
    let order = orders.value(row);
    match u8::try_from(order).ok().filter(|order| *order <= most) {
        Some(order) => Ok(Some(order)),
        None => exec_err!("{}: the order {order} is not from 0 to {most}", call.name),
    }
}

fn index(call: &Call<'_>) -> Result<ArrayRef> {
    let orders = call.integers(0)?;
    if call.is_constant(0) && call.count() == 3 && !orders.is_empty() {
        return match order(call, &orders, 0, healpix::MAX_ORDER)? {
            Some(order) => cells_of(order, &call.numbers(1)?, &call.numbers(2)?),
            None => Ok(Arc::new(Int64Array::new_null(call.rows()))),
        };
    }
    let position: Box<dyn Fn(usize) -> Option<[f64; 2]>> = if call.count() == 2 {
        let geometries = call.geometries(1)?;
        Box::new(move |row| match geometries.get(row) {
            Some(Geometry::Point(position)) => Some(position),
            _ => None,
        })
    } else {
        let (lon, lat) = (call.numbers(1)?, call.numbers(2)?);
        Box::new(move |row| {
            (lon.is_valid(row) && lat.is_valid(row)).then(|| [lon.value(row), lat.value(row)])
        })
    };
    let cells: Int64Array = (0..call.rows())
        .map(|row| {
            let order = order(call, &orders, row, healpix::MAX_ORDER)?;
            let cell = order
                .zip(position(row))
                .and_then(|(order, [lon, lat])| healpix::cell(order, lon, lat));
            // The deepest order has 12 × 4^29 < 2^62 cells.
            Ok(cell.and_then(|cell| i64::try_from(cell).ok()))
        })
        .collect::<Result<_>>()?;
    Ok(Arc::new(cells))
}

/// The cells of one order in which positions lie.
fn cells_of(order: u8, lon: &Float64Array, lat: &Float64Array) -> Result<ArrayRef> {
    let layer = healpix::Layer::of(order);
    let cell = |(lon, lat): (Option<f64>, Option<f64>)| {
        let cell = layer.as_ref()?.cell(lon?, lat?)?;
        i64::try_from(cell).ok()
    };
    Ok(Arc::new(lon.iter().zip(lat).map(cell).collect::<Int64Array>()))
}

fn center(call: &Call<'_>) -> Result<ArrayRef> {
    let (orders, cells) = (call.integers(0)?, call.integers(1)?);
    let centers: Vec<Option<[f64; 2]>> = (0..call.rows())
        .map(|row| {
            let order = order(call, &orders, row, healpix::MAX_ORDER)?;
            let cell = cells.is_valid(row).then(|| cells.value(row));
            let Some((order, cell)) = order.zip(cell) else { return Ok(None) };
            match u64::try_from(cell).ok().and_then(|cell| healpix::center_deg(order, cell)) {
                Some(center) => Ok(Some(center)),
                None => {
                    let most = healpix::number_of_cells(order) - 1;
                    exec_err!(
                        "{}: the cells of order {order} are numbered from 0 to {most}, not {cell}",
                        call.name
                    )
                }
            }
        })
        .collect::<Result<_>>()?;
    Ok(points(centers.into_iter()))
}

/// A Gaia source_id begins with the cell of order 12 in which the source was first seen.
fn of_gaia_source(call: &Call<'_>) -> Result<ArrayRef> {
    const BITS_BELOW_ORDER_12: u32 = 35;
    let (orders, ids) = (call.integers(0)?, call.integers(1)?);
    let cells: Int64Array = (0..call.rows())
        .map(|row| {
            let order = order(call, &orders, row, 12)?;
            let id = ids.is_valid(row).then(|| ids.value(row)).filter(|id| *id >= 0);
            let cell =
                |(order, id): (u8, i64)| id >> (BITS_BELOW_ORDER_12 + 2 * (12 - u32::from(order)));
            Ok(order.zip(id).map(cell))
        })
        .collect::<Result<_>>()?;
    Ok(Arc::new(cells))
}
