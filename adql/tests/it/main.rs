//! The integration tests of `almagest-adql`.

mod derivations;
mod golden;
mod grammar;
mod readme;
mod robustness;
mod survey;
mod wide_tables;
