//! Ranges of latitude that regions imply for positions by which a table is not sorted.
//!
//! ```text
//!   Source is kept by coord_ra, coord_dec
//!   sky_closed_cone(ra, dec, 60, 5, 0.1)  ─▶  dec >= 4.9 AND dec <= 5.1
//! ```
//!
//! A second position of a row lies mostly beside the first: the statistics of its latitude leave
//! few row groups and pages, and few of their rows need a sine.

use std::sync::Arc;

use almagest_storage::schema::PositionColumns;
use almagest_storage::sphgeom::Cap;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Expr, Operator};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, Literal};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::FilterExec;

use crate::functions::degrees::written_out;
use crate::region_filter::regions_of_filters;

/// A region that reaches farther, degrees, leaves too much to be worth the comparisons.
const WIDE: f64 = 60.0;

/// A column of latitudes, and what holds them, degrees.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Latitudes {
    column: String,
    low: f64,
    high: f64,
}

/// Return ranges in all of which the latitudes of rows lie that pass `filters` (a conjunction).
///
/// # Arguments
/// `own`: the position that the table is kept by, which prunes better by other means.
pub(crate) fn latitudes_of_filters(
    filters: &[Expr],
    own: Option<&PositionColumns>,
) -> Vec<Latitudes> {
    let mut found = vec![];
    for filter in filters.iter().flat_map(split_conjunction) {
        let Expr::ScalarFunction(ScalarFunction { args, .. }) = filter else { continue };
        for position in positions(args) {
            if own.is_some_and(|own| own.ra == position.ra && own.dec == position.dec) {
                continue;
            }
            let regions = regions_of_filters(std::slice::from_ref(filter), &position);
            let caps = regions.iter().map(|region| region.bounding_cap());
            found.extend(caps.filter_map(|cap| Latitudes::of_cap(&cap, &position.dec)));
        }
    }
    found
}

/// Neighbouring arguments that are columns, and so may be a position.
fn positions(args: &[Expr]) -> Vec<PositionColumns> {
    let args = written_out(args.to_vec());
    let position = |pair: &[Expr]| match pair {
        [Expr::Column(ra), Expr::Column(dec)] => {
            Some(PositionColumns { ra: ra.name.clone(), dec: dec.name.clone(), epoch: None })
        }
        _ => None,
    };
    args.windows(2).filter_map(position).collect()
}

impl Latitudes {
    fn of_cap(cap: &Cap, column: &str) -> Option<Self> {
        let (low, high) = cap.latitudes_deg().into_inner();
        let is_worth = cap.radius.degrees() < WIDE;
        is_worth.then(|| Self { column: column.to_owned(), low, high })
    }

    /// The range as a condition on rows; none where they have no such column of doubles.
    fn condition(&self, rows: &dyn ExecutionPlan) -> Option<Arc<dyn PhysicalExpr>> {
        let schema = rows.schema();
        let (place, field) = schema.column_with_name(&self.column)?;
        if *field.data_type() != DataType::Float64 {
            return None;
        }
        let compared = |operator, value: f64| -> Arc<dyn PhysicalExpr> {
            let column = Arc::new(Column::new(&self.column, place));
            let value = Arc::new(Literal::new(ScalarValue::Float64(Some(value))));
            Arc::new(BinaryExpr::new(column, operator, value))
        };
        Some(Arc::new(BinaryExpr::new(
            compared(Operator::GtEq, self.low),
            Operator::And,
            compared(Operator::LtEq, self.high),
        )))
    }
}

/// Return those of a scan's rows whose latitudes are in `ranges`.
///
/// # Errors
/// DataFusion refuses the filter.
pub(crate) fn within(
    mut scan: Arc<dyn ExecutionPlan>,
    ranges: &[Latitudes],
) -> Result<Arc<dyn ExecutionPlan>> {
    for range in ranges {
        if let Some(condition) = range.condition(scan.as_ref()) {
            scan = Arc::new(FilterExec::try_new(condition, scan)?);
        }
    }
    Ok(scan)
}
