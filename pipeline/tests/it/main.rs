//! Frames as the rest of Almagest meets them: real files, written files, broken files.

mod wcs;
