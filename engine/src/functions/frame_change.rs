//! `ivo_geom_transform` (from, to, geometry): a geometry in another frame.
//!
//! What comes out is numbers in the frame `to`; nothing remembers that they are not ICRS.

use almagest_storage::sphgeom::Frame;
use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::common::exec_err;
use datafusion::error::Result;

use super::row_function::{
    Argument::{Shape, Text},
    Call, Returns, RowFunction,
};
use super::to_icrs::transformed;
use crate::geometry::geometries;

pub(super) const FUNCTIONS: [RowFunction; 1] = [RowFunction {
    name: "ivo_geom_transform",
    overloads: &[&[Text, Text, Shape]],
    returns: Returns::TypeOf(2),
    body: transform,
}];

fn transform(call: &Call<'_>) -> Result<ArrayRef> {
    let (from, to, column) = (call.text(0)?, call.text(1)?, call.geometries(2)?);
    let frame = |name: &str| match Frame::from_name(name) {
        Some(frame) => Ok(frame),
        None => exec_err!("{}: there is no frame {name}", call.name),
    };
    let rows: Vec<_> = (0..call.rows())
        .map(|row| {
            let Some(geometry) = column.get(row) else { return Ok(None) };
            if from.is_null(row) || to.is_null(row) {
                return Ok(None);
            }
            let (from, to) = (frame(from.value(row))?, frame(to.value(row))?);
            Ok(Some(transformed(from, to, geometry)))
        })
        .collect::<Result<_>>()?;
    geometries(column.kind(), rows.into_iter())
}
