//! `sky_cell` and `sky_cells_reached` (lon, lat, radius): where neighbours meet.
//!
//! The cell of a position is among those that the disc of the radius about a neighbour reaches. Both
//! are for joins that the engine makes; no query names them.

use std::sync::Arc;

use almagest_storage::coverage::DiscCells;
use almagest_storage::sphgeom::Angle;
use datafusion::arrow::array::{ArrayRef, Int64Array, Int64Builder, ListBuilder};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use super::degrees;

/// Where neighbours meet.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct SkyCells {
    is_one: bool,
    signature: Signature,
}

impl SkyCells {
    /// The cell of a position.
    pub fn of_position() -> Self {
        Self { is_one: true, signature: signature() }
    }

    /// The cells that the disc about a position reaches, as a list.
    pub fn reached() -> Self {
        Self { is_one: false, signature: signature() }
    }
}

fn signature() -> Signature {
    Signature::user_defined(Volatility::Immutable)
}

impl ScalarUDFImpl for SkyCells {
    fn name(&self) -> &str {
        if self.is_one { "sky_cell" } else { "sky_cells_reached" }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(match self.is_one {
            true => DataType::Int64,
            false => DataType::List(Arc::new(Field::new_list_field(DataType::Int64, true))),
        })
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        degrees::coerce(self.name(), types)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let numbers = degrees::arguments(self.name(), &args)?;
        let [lon, lat, radius] = numbers.as_slice() else {
            return exec_err!("{} takes a position and a radius", self.name());
        };
        let Some(radius) = radius.constant() else {
            return exec_err!("{}: one radius for all rows is wanted", self.name());
        };
        let cells = radius.map(|radius| DiscCells::new(Angle::from_degrees(radius)));
        let position = |row: usize| degrees::position(lon, lat, row);
        let rows = 0..args.number_rows;
        if self.is_one {
            let cell = |row| Some(cells.as_ref()?.cell_of(&position(row)?) as i64);
            let cells: ArrayRef = Arc::new(rows.map(cell).collect::<Int64Array>());
            return Ok(ColumnarValue::Array(cells));
        }
        let mut lists = ListBuilder::new(Int64Builder::new());
        let mut reached = vec![];
        for row in rows {
            let found = cells.as_ref().zip(position(row));
            if let Some((cells, position)) = &found {
                reached.clear();
                cells.reached_from(position, &mut reached);
                lists.values().extend(reached.iter().map(|&cell| Some(cell as i64)));
            }
            lists.append(found.is_some());
        }
        Ok(ColumnarValue::Array(Arc::new(lists.finish())))
    }
}
