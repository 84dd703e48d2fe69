//! Tests of the pipeline from outside.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod astrometry;
mod broken_files;
mod butler;
mod closed_loop;
mod cosmic_rays;
mod decam;
mod detection_quality;
mod fields;
mod fits_bytes;
mod frame;
mod instrument;
mod light_curves;
mod pairs;
mod process;
mod psfex;
mod quality;
mod raw_frames;
mod real_data;
mod sep_comparison;
mod simulator;
mod star_field;
mod survey;
mod unknown_camera;
mod wcs;
mod written_files;
