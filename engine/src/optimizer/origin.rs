//! Where columns of a plan come from, and what joins let one leave out of it.

use datafusion::common::{Column, JoinType};
use datafusion::logical_expr::{Distinct, Expr, Join, LogicalPlan};

/// Follow columns down a plan for as long as they come unchanged and of one input: the nodes on the
/// way, each with the columns' places among its own. Nothing, if one of them is not the plan's.
pub(super) fn follow<'a, const N: usize>(
    plan: &'a LogicalPlan,
    columns: [&Column; N],
) -> impl Iterator<Item = (&'a LogicalPlan, [usize; N])> {
    let first = all(columns.map(|column| plan.schema().maybe_index_of_column(column)));
    std::iter::successors(first.map(|places| (plan, places)), |(plan, places)| below(plan, *places))
}

/// The input from which columns of a node come, and their places in it.
fn below<const N: usize>(
    plan: &LogicalPlan,
    places: [usize; N],
) -> Option<(&LogicalPlan, [usize; N])> {
    Some(match plan {
        LogicalPlan::Filter(filter) => (&filter.input, places),
        LogicalPlan::SubqueryAlias(alias) => (&alias.input, places),
        LogicalPlan::Distinct(Distinct::All(input)) => (input, places),
        LogicalPlan::Projection(projection) => {
            let inner = places.map(|place| match projection.expr.get(place)?.clone().unalias() {
                Expr::Column(column) => projection.input.schema().maybe_index_of_column(&column),
                _ => None,
            });
            (&projection.input, all(inner)?)
        }
        LogicalPlan::Join(join) if join.join_type == JoinType::Inner => {
            let n_left = join.left.schema().fields().len();
            match all(places.map(|place| place.checked_sub(n_left))) {
                Some(of_right) => (&join.right, of_right),
                None if places.iter().all(|place| *place < n_left) => (&join.left, places),
                None => return None,
            }
        }
        _ => return None,
    })
}

/// All of them, if each is there.
fn all<const N: usize>(places: [Option<usize>; N]) -> Option<[usize; N]> {
    places.iter().all(Option::is_some).then(|| places.map(Option::unwrap_or_default))
}

/// May rows without a partner be left out of the left side, of the right side?
pub(super) fn restrictable(join: &Join) -> (bool, bool) {
    use JoinType::*;
    // Of NOT IN, a NULL decides.
    if join.null_aware {
        return (false, false);
    }
    match join.join_type {
        Inner | LeftSemi | RightSemi => (true, true),
        Left | LeftAnti | LeftMark => (false, true),
        Right | RightAnti | RightMark => (true, false),
        Full => (false, false),
    }
}
