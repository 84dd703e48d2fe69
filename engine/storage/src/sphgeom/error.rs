//! What can be wrong with a position or a region.

use thiserror::Error;

/// A position, a chunk id or a region that does not exist on the sphere.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum PositionError {
    /// A coordinate is NaN or infinite.
    #[error("position ({ra}, {dec}) is not finite")]
    NotFinite {
        /// Right ascension as given, degrees.
        ra: f64,
        /// Declination as given, degrees.
        dec: f64,
    },
    /// A declination lies beyond a pole.
    #[error("declination {dec} lies outside [-90, 90]")]
    Declination {
        /// Declination as given, degrees.
        dec: f64,
    },
    /// One row of a column of positions is wrong.
    #[error("row {row}: {source}")]
    Row {
        /// Index of the row, from 0.
        row: usize,
        /// What is wrong with it.
        source: Box<PositionError>,
    },
    /// Two columns that should run in parallel do not.
    #[error("{ra} right ascensions do not pair with {dec} declinations")]
    Lengths {
        /// Number of right ascensions.
        ra: usize,
        /// Number of declinations.
        dec: usize,
    },
    /// A polygon has fewer than three different vertices.
    #[error("a polygon needs three different vertices, not {distinct}")]
    PolygonVertices {
        /// How many different vertices were given.
        distinct: usize,
    },
    /// Two successive vertices are opposite, so that no great circle is singled out.
    #[error("polygon vertices {first} and {second} are opposite on the sphere")]
    PolygonEdge {
        /// Index of the first vertex among the different ones, from 0.
        first: usize,
        /// Index of the second.
        second: usize,
    },
    /// A radius is negative or not finite.
    #[error("radius {radius} is not a number of degrees from 0 on")]
    Radius {
        /// Radius as given, degrees.
        radius: f64,
    },
    /// A box's width or height is not between 0° and 180°.
    #[error("box of {width} by {height} degrees: both sides must lie between 0 and 180")]
    BoxSize {
        /// Full width, degrees.
        width: f64,
        /// Full height, degrees.
        height: f64,
    },
    /// Limits of a longitude–latitude box are not finite, beyond the poles or in the wrong order.
    #[error("latitudes {lat_min} to {lat_max} and longitudes {lon_min} to {lon_max} bound no box")]
    BoxLimits {
        /// First longitude, degrees.
        lon_min: f64,
        /// Last longitude, degrees.
        lon_max: f64,
        /// Lower latitude, degrees.
        lat_min: f64,
        /// Upper latitude, degrees.
        lat_max: f64,
    },
    /// The semi-axes of an ellipse are negative, in the wrong order or longer than a quarter turn.
    #[error("semi-axes of {semi_major} and {semi_minor} degrees make no ellipse")]
    EllipseAxes {
        /// Semi-major axis, degrees.
        semi_major: f64,
        /// Semi-minor axis, degrees.
        semi_minor: f64,
    },
    /// H3 has resolutions 0 to 15.
    #[error("chunk resolution {resolution} lies outside 0 to 15")]
    Resolution {
        /// Resolution as given.
        resolution: u8,
    },
    /// A number or a word is not a chunk id.
    #[error("`{text}` is not a chunk id")]
    ChunkId {
        /// The id as given.
        text: String,
    },
}
