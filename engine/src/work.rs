//! How long a plan takes, told before it is run.
//!
//! ```text
//!   rows of the fragments ─▶ node by node ─▶ rows that come out, time until the first, time to the last
//! ```
//!
//! A node costs so much for each row that it takes, for each value that it unpacks and for each part
//! of an expression. These costs are those of one core of a machine of today; `tests/bench/run` prints
//! what is told beside what is measured. How many rows pass a condition, make a group or find a
//! partner is not known before: it is guessed, from the region, the ids and the sizes of both sides. What is
//! told is meant to be right within a factor of three on a machine that does nothing else.

use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::JoinType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::{
    CrossJoinExec, HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec,
};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, InputOrderMode};
use std::collections::HashSet;
use std::sync::Arc;

use crate::best_of_each::BestOfEachExec;
use crate::progress::Planned;
use crate::sky_join::SkyJoinExec;
use crate::totals::TotalsExec;

/// To plan and to begin, and to read a byte of the text: seconds.
const BEGIN: f64 = 1.5e-3;
const TEXT: f64 = 1.5e-7;
/// To begin with a column of the answer, and with one of a chunk that is read.
const COLUMN: f64 = 1.4e-5;
/// To open a file.
const FILE: f64 = 5e-5;
/// To unpack a value of four bytes or less, of more, of none that is fixed.
const VALUE: [f64; 3] = [3e-9, 5e-9, 1e-8];
/// To pass a row on.
const ROW: f64 = 1e-9;
/// To compute a part of an expression, and a function, for a row.
const STEP: f64 = 1e-9;
const FUNCTION: f64 = 1e-8;
/// To find the group of a row by each of its keys, where groups come one after another or not.
const GROUP_KEY: [f64; 2] = [5e-9, 1.2e-8];
/// To compare two rows while sorting.
const COMPARISON: f64 = 1e-8;
/// To keep a row for a join by keys, and to ask for its partners.
const BUILD: f64 = 3e-8;
const PROBE: f64 = 1e-8;
/// To look at a pair of rows.
const PAIR: f64 = 2e-9;
/// To sort a position into zones, and to find its neighbours.
const PLACE: f64 = 1.2e-7;
const NEIGHBOURS: f64 = 1.1e-7;
/// To find the nearest of a position, and each further one.
const NEAREST: f64 = 1.5e-6;
const NEXT: f64 = 2e-7;
/// To rank a row among those of its group.
const RANK: f64 = 2e-7;
/// The share of a column that is unpacked at least, where its values are wanted of few rows.
const UNPACKED: f64 = 0.25;
/// The share of rows for which a condition holds.
const HOLDS: f64 = 0.5;
/// Rows of a group.
const ROWS_OF_GROUP: f64 = 50.0;

/// What a node of a plan is thought to do.
#[derive(Debug, Clone, Copy, Default)]
struct Work {
    /// Rows that come out.
    n_rows: f64,
    /// Until the first of them, seconds.
    first: f64,
    /// From the first to the last.
    rest: f64,
}

impl Work {
    fn all(&self) -> f64 {
        self.first + self.rest
    }

    /// Nothing comes out before everything has come in.
    fn gathered(self) -> Self {
        Self { first: self.all(), rest: 0.0, ..self }
    }
}

/// How long a query takes on so many cores that do nothing else, seconds.
pub(crate) fn seconds(text: &str, plan: &Arc<dyn ExecutionPlan>, n_cores: usize) -> f64 {
    let n_columns = plan.schema().fields().len() as f64;
    let begin = BEGIN + text.len() as f64 * TEXT + n_columns * COLUMN;
    begin + work(plan, n_cores.max(1)).all()
}

fn work(node: &Arc<dyn ExecutionPlan>, n_cores: usize) -> Work {
    let cores = node.output_partitioning().partition_count().clamp(1, n_cores) as f64;
    if let Some(scan) = node.downcast_ref::<DataSourceExec>() {
        return of_scan(scan, cores);
    }
    let inputs: Vec<Work> = node.children().into_iter().map(|input| work(input, n_cores)).collect();
    let n_taken: f64 = inputs.iter().map(|input| input.n_rows).sum();
    // What the node does to each row beside what follows.
    let each = (n_taken * (ROW + of_expressions(node.as_ref()))) / cores;
    let mut done = match inputs.as_slice() {
        [] => Work { n_rows: 1.0, ..Work::default() },
        [input] => of_one(node, *input, cores),
        [left, right] if !node.is::<UnionExec>() => of_join(node, *left, *right, cores),
        several => Work {
            n_rows: n_taken,
            first: several.iter().map(|input| input.first).fold(0.0, f64::max),
            rest: several.iter().map(Work::all).sum(),
        },
    };
    done.rest += each;
    match node.fetch() {
        // Once there are enough, those below stop too.
        Some(most) if (most as f64) < done.n_rows => {
            let share = most as f64 / done.n_rows;
            Work { n_rows: most as f64, rest: done.rest * share, ..done }
        }
        _ => done,
    }
}

fn of_one(node: &Arc<dyn ExecutionPlan>, input: Work, cores: f64) -> Work {
    let n_rows = input.n_rows;
    if node.is::<FilterExec>() {
        return Work { n_rows: n_rows * HOLDS, ..input };
    }
    if let Some(aggregate) = node.downcast_ref::<AggregateExec>() {
        let keys = aggregate.group_expr().expr();
        let is_ordered = *aggregate.input_order_mode() == InputOrderMode::Sorted;
        let key = GROUP_KEY[usize::from(!is_ordered)];
        let each = key * keys.len() as f64 + STEP * aggregate.aggr_expr().len() as f64;
        let taken = n_rows * each / cores;
        let n_groups = match keys.is_empty() {
            true => 1.0,
            false => (n_rows / ROWS_OF_GROUP).max(1.0),
        };
        return Work { first: input.all() + taken, rest: 0.0, n_rows: n_groups };
    }
    if let Some(totals) = node.downcast_ref::<TotalsExec>() {
        let taken = n_rows * STEP * totals.n_totals() as f64 / cores;
        return Work { first: input.all() + taken, rest: 0.0, n_rows: cores };
    }
    if let Some(sort) = node.downcast_ref::<SortExec>() {
        let kept = sort.fetch().map_or(n_rows, |most| n_rows.min(most as f64));
        let taken = n_rows * COMPARISON * kept.max(2.0).log2() / cores;
        return Work { first: input.all() + taken, rest: 0.0, n_rows };
    }
    if node.is::<BestOfEachExec>() {
        return Work { rest: input.rest + n_rows * RANK / cores, ..input }.gathered();
    }
    input
}

fn of_join(node: &Arc<dyn ExecutionPlan>, left: Work, right: Work, cores: f64) -> Work {
    // Of pairs of a director and its child, there are as many as there are children.
    let more = left.n_rows.max(right.n_rows);
    let n_pairs = left.n_rows * right.n_rows;
    let (n_rows, build, probe) = if let Some(join) = node.downcast_ref::<HashJoinExec>() {
        (kept(*join.join_type(), left, right, more), BUILD * left.n_rows, PROBE * right.n_rows)
    } else if let Some(join) = node.downcast_ref::<SortMergeJoinExec>() {
        (kept(join.join_type(), left, right, more), 0.0, PROBE * (left.n_rows + right.n_rows))
    } else if let Some(join) = node.downcast_ref::<SkyJoinExec>() {
        // Of places that somebody asks for, most have one neighbour.
        let (n_found, each) = match join.n_nearest() {
            Some(n) => (n as f64, NEAREST + n as f64 * NEXT),
            None => (1.0, NEIGHBOURS),
        };
        (n_found * right.n_rows, PLACE * left.n_rows, each * right.n_rows)
    } else if let Some(join) = node.downcast_ref::<NestedLoopJoinExec>() {
        (kept(*join.join_type(), left, right, n_pairs * HOLDS), 0.0, PAIR * n_pairs)
    } else if node.is::<CrossJoinExec>() {
        (n_pairs, 0.0, PAIR * n_pairs)
    } else {
        (more, BUILD * left.n_rows, PROBE * right.n_rows)
    };
    Work {
        n_rows,
        first: left.all() + build / cores + right.first,
        rest: right.rest + probe / cores,
    }
}

/// Rows that a join leaves.
fn kept(join_type: JoinType, left: Work, right: Work, n_pairs: f64) -> f64 {
    match join_type {
        JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => left.n_rows,
        JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => right.n_rows,
        _ => n_pairs,
    }
}

fn of_scan(scan: &DataSourceExec, cores: f64) -> Work {
    let source = scan.data_source();
    if let Some(memory) = source.downcast_ref::<MemorySourceConfig>() {
        let batches = memory.partitions().iter().flatten();
        let n_rows = batches.map(|batch| batch.num_rows()).sum::<usize>() as f64;
        return Work { n_rows, first: 0.0, rest: n_rows * ROW / cores };
    }
    let Some(config) = source.downcast_ref::<FileScanConfig>() else { return Work::default() };
    let (mut n_files, mut sum) = (0.0, Planned::default());
    for part in config.file_groups.iter().flat_map(|group| group.files()) {
        let Some(planned) = part.extension::<Planned>() else { continue };
        // DataFusion may cut a file by its bytes; the whole of it is planned once.
        if part.range.as_ref().is_some_and(|range| range.start > 0) {
            continue;
        }
        n_files += 1.0;
        sum.n_chunks += planned.n_chunks;
        sum.n_rows += planned.n_rows;
        sum.n_matching += planned.n_matching;
    }
    let condition = config.file_source().filter();
    let made = config.file_source().projection();
    let asked: HashSet<Column> = condition.iter().flat_map(collect_columns).collect();
    let mut shown = HashSet::new();
    let mut computed: f64 = condition.iter().map(of_expression).sum();
    for made in made.into_iter().flat_map(|made| made.iter()) {
        shown.extend(collect_columns(&made.expr));
        computed += of_expression(&made.expr);
    }
    let schema = config.file_source().table_schema().table_schema();
    let values = |columns: &mut dyn Iterator<Item = &Column>| -> f64 {
        columns.map(|column| of_value(column, schema)).sum()
    };
    let n_rows = sum.n_rows as f64;
    let n_unpacked = sum.n_matching.max(UNPACKED * n_rows);
    let n_columns = asked.union(&shown).count() as f64;
    let begin = n_files * FILE + sum.n_chunks as f64 * n_columns * COLUMN;
    let each = n_rows * (values(&mut asked.iter()) + computed)
        + n_unpacked * values(&mut shown.difference(&asked));
    Work { n_rows: sum.n_matching, first: 0.0, rest: (begin + each) / cores }
}

fn of_value(column: &Column, schema: &Schema) -> f64 {
    let width = |data_type: &DataType| match data_type {
        DataType::Boolean => Some(1),
        other => other.primitive_width(),
    };
    match schema.fields().get(column.index()).and_then(|field| width(field.data_type())) {
        Some(..=4) => VALUE[0],
        Some(_) => VALUE[1],
        None => VALUE[2],
    }
}

/// What the expressions of a node cost for a row, seconds.
fn of_expressions(node: &dyn ExecutionPlan) -> f64 {
    let mut sum = 0.0;
    let looked = node.apply_expressions(&mut |expression| {
        sum += of_expression(expression);
        Ok(TreeNodeRecursion::Continue)
    });
    // Nothing above fails.
    looked.map_or(0.0, |_| sum)
}

fn of_expression(expression: &Arc<dyn PhysicalExpr>) -> f64 {
    let mut sum = 0.0;
    let looked = expression.apply(|part| {
        sum += match part {
            known if known.is::<Column>() || known.is::<Literal>() => 0.0,
            call if call.is::<ScalarFunctionExpr>() => FUNCTION,
            _ => STEP,
        };
        Ok(TreeNodeRecursion::Continue)
    });
    looked.map_or(0.0, |_| sum)
}
