//! The integration tests of `almagest-adql`.

mod golden;
mod robustness;
mod units;
mod survey;
