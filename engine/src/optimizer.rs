//! Rules that rewrite plans, one a file.

pub mod bound_nearest;
pub mod carry_regions;
pub mod compare_as_floats;
pub mod forget_doubtful_keys;
pub mod join_nearest;
pub mod join_neighbours;
pub mod keep_numbers_finite;
pub mod keep_skipped_order;
pub mod keep_the_one_row;
pub mod let_joins_pause;
pub mod look_up_uploaded_ids;
pub mod name_union_columns;
pub mod plan_again;
pub mod rank_in_groups;
pub mod screens;
pub mod total_where;
pub mod unnest_subqueries;

mod known_columns;
mod origin;
