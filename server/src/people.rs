//! People and rights: who calls, and which tables that person may see.
//!
//! ```text
//!   Authorization ─▶ token ─▶ user, groups ─┬─▶ owner of jobs
//!                                           └─▶ Views ─▶ Database without what is hidden
//! ```
//!
//! What a caller may have of what is shared (queries at work, rows, bytes kept) is an [`Allowance`].
//!
//! A table that nobody has restricted is everybody's. What a caller may not see is not in the
//! database that answers the caller: it does not resolve, is not suggested, listed or planned.
//!
//! Users, groups, tokens and restrictions are in a SQLite file of their own in the state folder, so
//! that the operator can change them while the service runs; the next request sees the change.
//!
//! Reference: IVOA Recommendation "Single-Sign-On Profile" 2.0; RFC 7617 (Basic), RFC 6750 (Bearer).

pub mod allowance;
pub mod token;
pub mod store;
pub mod caller;
pub mod views;

pub use allowance::{Allowance, Resource};
pub use caller::Caller;
pub use store::PeopleStore;
pub use token::Token;
pub use views::Views;
