//! Calibration products: what a camera adds to the light, measured from its calibration frames.
//!
//! ```text
//!   raw bias ─▶ bias ─┐
//!   raw flat ─▶ linearity ─▶ photon transfer ─▶ brighter-fatter kernel
//!   raw spot ─────────────────────┼─▶ crosstalk
//!   raw dark ─▶ dark ◀── bias     │
//!   raw flat ─▶ flat ◀── all of these ─▶ defects ◀── dark
//! ```
//!
//! (X-rays of iron-55 give gains by another way, [`fe55`]; the sky itself its fringes, [`fringe`].)
//!
//! Each product is measured by one function of one file, from frames that [`isr`](crate::isr) has
//! corrected as far as the products before it allow. Images are [`CalibrationFrame`]s, all others plain
//! data that goes to JSON and comes back number for number.
//!
//! Bias and dark stay in ADU, so that they hold whatever the gain; a flat remembers the gains with which
//! it was made.

pub mod brighter_fatter;
pub mod combine;
pub mod covariance;
pub mod crosstalk;
pub mod dark;
pub mod bias;
pub mod defects;
pub mod error;
pub mod fe55;
pub mod flat;
mod flat_pairs;
mod frame;
pub mod fringe;
pub mod linearity;
pub mod photon_transfer;

pub use brighter_fatter::BrighterFatterKernel;
pub use crosstalk::CrosstalkMatrix;
pub use defects::Defects;
pub use error::CalibrationError;
pub use frame::{CalibrationFrame, FrameKind};
pub use linearity::Linearity;
pub use photon_transfer::PhotonTransfer;
