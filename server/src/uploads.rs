//! UPLOAD: the tables that a request brings along.
//!
//! ```text
//!   multipart part ─▶ file in STATE/uploads ─┐
//!                                            ├─▶ ingest's reader ─▶ Upload of the engine
//!   http(s) URL of an allowed host ──────────┘
//! ```
//!
//! What a part held is kept in a file until the query has read it: a job may run later, and in
//! another life of the service.
//!
//! Reference: TAP 1.1, section 2.5; DALI 1.1, section 3.4.5.

pub mod parameter;
pub mod folder;
pub mod submission;
pub mod text_types;
pub mod reader;

pub use folder::UploadFolder;
pub use parameter::{Source, UploadParameter};
pub use reader::UploadReader;
pub use submission::Submission;
