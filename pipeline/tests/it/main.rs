//! Frames as the rest of Almagest meets them: real files, written files, broken files.

mod broken_files;
mod decam;
mod fits_bytes;
mod real_data;
mod unknown_camera;
mod wcs;
mod written_files;
