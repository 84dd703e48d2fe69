//! End to end, in process: rows in through a transaction, out through ADQL.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod sphere;
mod scattered;
mod alterations;
mod answers;
mod as_of;

mod cones;
mod look_ups;
mod mounts;
mod nearest;
mod neighbours;
mod random_queries;
mod regions;
mod row_places;
mod shapes;
mod shared_scans;
mod adql;
mod subquery_plans;
mod estimates;
mod totals;
mod expressions;
