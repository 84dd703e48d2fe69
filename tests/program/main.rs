//! The `almagest` program as people and scripts use it: run, fed, killed, queried by clients.
//!
//! The sources stand here with the other tests from outside; they are built with the package that
//! owns the program, because only there cargo tells where its executable is.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod almagest;
mod fits_file;
mod service;

mod abort;
mod bad_input;
mod butler;
mod kill;
mod kill_service;
mod clients;
mod delete;
mod demo;
mod network_ingest;
mod object_store;
mod real_data;
mod state_folder;
mod upkeep;
