//! Rules that rewrite plans, one a file.

pub mod join_neighbours_by_cell;
pub mod keep_numbers_finite;
pub mod let_joins_pause;
pub mod unnest_subqueries;
