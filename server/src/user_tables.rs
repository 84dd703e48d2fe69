//! Tables of users: made, filled, shared and dropped over HTTP, and joined with the survey's.
//!
//! ```text
//!   PUT    /tap/tables/user_ada.mine     definition (VOSI, VOTable), or a job's result ─▶ empty, or filled
//!   POST   /tap/load/user_ada.mine       rows (VOTable, FITS, CSV, TSV, Parquet …)     ─▶ appended
//!   POST   /tap/table-update             table, index                                  ─▶ a job
//!   POST   /tap/permissions/user_ada.mine    public, r-group, rw-group
//!   DELETE /tap/tables/user_ada.mine
//! ```
//!
//! The tables of ada are the catalog `STATE/tables/user_ada`, of the same format as the survey's and
//! mounted beside it: with positions they are in chunks, and join on the sky like any other. Each
//! change is one commit of that catalog and makes no version of the survey's. Who may see or change
//! a table, where its rows come from and how long it lives is in `STATE/tables.db`.
//!
//! The addresses are those of CADC's youcat, which pyvo knows (`create_table`, `load_table`,
//! `create_index`, `remove_table`); TAP 1.2 has them as a draft.

pub mod definition;
pub mod register;
pub mod store;
pub mod endpoints;
pub mod index;

pub use register::{Entry, Register, Sharing};
pub use store::UserTables;
