//! Where the columns of a result are in the rows of its plan: each in a column of its own, or among
//! the children of a struct that the plan passed on.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, make_array};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::arrow::record_batch::RecordBatch;

/// Where the columns of a result are in the rows of its plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Layout {
    /// One for one.
    #[default]
    Plain,
    /// Some of them inside structs.
    Packed(Vec<Slot>),
}

/// Where one column is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Slot {
    /// At this place.
    Column(usize),
    /// A child of the struct in `column`, to be called `name`.
    Passed {
        /// Place of the struct.
        column: usize,
        /// Place among its children.
        child: usize,
        /// Name in the result.
        name: String,
    },
}

impl Layout {
    /// Return the columns of the result, given those of the plan.
    pub fn schema(&self, planned: &Schema) -> Schema {
        let Self::Packed(slots) = self else { return planned.clone() };
        let field = |slot: &Slot| match slot {
            Slot::Column(column) => planned.field(*column).clone(),
            Slot::Passed { column, child, name } => match planned.field(*column).data_type() {
                DataType::Struct(children) => {
                    children[*child].as_ref().clone().with_name(name).with_nullable(true)
                }
                other => Field::new(name, other.clone(), true),
            },
        };
        Schema::new(slots.iter().map(field).collect::<Vec<_>>())
    }

    /// Return the columns of the result in a batch of the plan's rows.
    pub fn columns(&self, batch: &RecordBatch) -> Vec<ArrayRef> {
        let Self::Packed(slots) = self else { return batch.columns().to_vec() };
        slots
            .iter()
            .map(|slot| match slot {
                Slot::Column(column) => batch.column(*column).clone(),
                Slot::Passed { column, child, .. } => {
                    let passed = batch.column(*column).as_struct();
                    below(passed.column(*child), passed.nulls())
                }
            })
            .collect()
    }
}

/// A child of a struct that is NULL in some rows, as an outer join leaves it: NULL there too.
fn below(child: &ArrayRef, nulls: Option<&NullBuffer>) -> ArrayRef {
    if nulls.is_none_or(|nulls| nulls.null_count() == 0) {
        return child.clone();
    }
    let nulls = NullBuffer::union(nulls, child.logical_nulls().as_ref());
    match child.to_data().into_builder().nulls(nulls).build() {
        Ok(data) => make_array(data),
        // A child and its struct have one length, which is all that could be wrong.
        Err(_) => child.clone(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::Arc;

    use datafusion::arrow::array::{Int32Array, StructArray};
    use datafusion::arrow::datatypes::Int32Type;

    #[test]
    fn columns_are_picked_out_of_structs_and_are_null_where_those_are() {
        let int = |name: &str| Field::new(name, DataType::Int32, true);
        let children: Vec<ArrayRef> = vec![
            Arc::new(Int32Array::from(vec![Some(1), Some(2), None])),
            Arc::new(Int32Array::from(vec![4, 5, 6])),
        ];
        let nulls = NullBuffer::from(vec![true, false, true]);
        let passed = StructArray::new(vec![int("a"), int("b")].into(), children, Some(nulls));
        let schema =
            Schema::new(vec![int("x"), Field::new("passed_0", passed.data_type().clone(), true)]);
        let x: ArrayRef = Arc::new(Int32Array::from(vec![7, 8, 9]));
        let batch =
            RecordBatch::try_new(Arc::new(schema.clone()), vec![x, Arc::new(passed)]).unwrap();
        let pick = |child, name: &str| Slot::Passed { column: 1, child, name: name.to_owned() };
        let layout = Layout::Packed(vec![pick(1, "q"), Slot::Column(0), pick(0, "p")]);
        let names: Vec<_> =
            layout.schema(&schema).fields().iter().map(|field| field.name().clone()).collect();
        assert_eq!(names, ["q", "x", "p"]);
        let columns = layout.columns(&batch);
        let values = |at: usize| columns[at].as_primitive::<Int32Type>().iter().collect::<Vec<_>>();
        assert_eq!(values(0), [Some(4), None, Some(6)]);
        assert_eq!(values(1), [Some(7), Some(8), Some(9)]);
        assert_eq!(values(2), [Some(1), None, None]);
    }
}
