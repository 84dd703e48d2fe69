//! Integration tests of the ingest crate, one binary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod alterations;
mod backups;
mod bad_input;
mod conform;
mod contributions;
mod crash;
mod damaged_files;
mod drafts;
mod faults;
mod file_notes;
mod formats;
mod compaction;
mod hats;
mod hats_mounts;
mod malformed;
mod model;
mod model_changes;
mod places;
mod region_reads;
mod rejection;
mod rehearsal;
mod removals;
mod schemas;
mod sky_tables;
mod tables;
mod transactions;
mod typed_formats;
mod units;
mod unreadable_rows;
