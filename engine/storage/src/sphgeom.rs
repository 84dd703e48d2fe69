//! Geometry on the celestial sphere: directions, angles, and regions with exact membership.
//!
//! A direction is a [`UnitVector`]; an angle is a typed [`Angle`]. Radians appear nowhere outside
//! this module: its interface speaks degrees or `Angle`.
//!
//! One measure decides every cone test and every distance, so that all spellings of a condition
//! agree to the last bit (see [`separation`]):
//!
//! ```text
//! CONTAINS(p, CIRCLE(q, r)) = 1      distance_deg(p, q) <= r
//!             └──────────── tan²(θ/2) against one threshold ────────────┘
//! ```
//!
//! A [`Shape`] is what ADQL's geometry functions, STC-S and DALI speak of: points, circles,
//! polygons, ranges and MOCs, and what is combined of them. Any two relate to each other; any one
//! has a text, and prunes as a [`Region`].
//!
//! Pruning asks another question, [`Region::relation_to_cap`]: it may answer `Overlaps` too often,
//! never `Disjoint` or `Inside` wrongly.

mod angle;
mod cap;
mod cone;
mod ellipse;
mod error;
pub mod healpix;
mod frame;
mod lonlat_box;
mod moc;
mod polygon;
mod region;
pub mod separation;
mod star_motion;
mod shape;
mod unit_vector;

pub use angle::Angle;
pub use cap::Cap;
pub use cone::{Boundary, Cone};
pub use ellipse::Ellipse;
pub use error::PositionError;
pub use frame::{Frame, transform};
pub use lonlat_box::LonLatBox;
pub use moc::{Moc, MocError};
pub use polygon::Polygon;
pub use region::{CapTest, Region, Relation};
pub use separation::distance_deg;
pub use shape::{Figure, Shape, ShapeError, ShapeParseError};
pub use star_motion::StarMotion;
pub use unit_vector::{UnitVector, check_position, normalize_lon_deg};
