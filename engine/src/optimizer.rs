//! Rules that rewrite plans, one a file.

pub mod keep_numbers_finite;
pub mod let_joins_pause;
