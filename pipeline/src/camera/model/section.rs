//! Rectangles of pixels, written as FITS headers write them: `[11:522,1:2002]`, from 1, both ends included.

use std::fmt;
use std::str::FromStr;

use ndarray::{ArrayView2, s};
use serde::{Deserialize, Serialize};

/// A rectangle of pixels of an image, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Section {
    /// First column.
    pub x0: usize,
    /// First row.
    pub y0: usize,
    /// Columns.
    pub nx: usize,
    /// Rows.
    pub ny: usize,
}

impl Section {
    /// Whether it lies inside an image of so many columns and rows.
    pub fn fits(&self, nx: usize, ny: usize) -> bool {
        self.x0 + self.nx <= nx && self.y0 + self.ny <= ny
    }

    /// Whether both have a pixel in common.
    pub fn overlaps(&self, other: &Section) -> bool {
        self.x0 < other.x0 + other.nx
            && other.x0 < self.x0 + self.nx
            && self.y0 < other.y0 + other.ny
            && other.y0 < self.y0 + self.ny
    }

    /// Its pixels in an image.
    ///
    /// # Panics
    /// When it does not [fit](Self::fits) the image.
    pub fn of<'a, T>(&self, image: &'a ndarray::Array2<T>) -> ArrayView2<'a, T> {
        image.slice(s![self.y0..self.y0 + self.ny, self.x0..self.x0 + self.nx])
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (right, top) = (self.x0 + self.nx, self.y0 + self.ny);
        write!(f, "[{}:{},{}:{}]", self.x0 + 1, right, self.y0 + 1, top)
    }
}

/// What is wrong with the text of a section.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("'{0}' is no section such as [1:1024,1:512]")]
pub struct NoSection(String);

impl FromStr for Section {
    type Err = NoSection;

    /// Read a section; ranges that run backwards, as read-out order is noted, are taken forwards.
    fn from_str(text: &str) -> Result<Section, NoSection> {
        let parse = || {
            let inside = text.trim().strip_prefix('[')?.strip_suffix(']')?;
            let (columns, rows) = inside.split_once(',')?;
            let range = |text: &str| -> Option<(usize, usize)> {
                let (from, to) = text.split_once(':')?;
                let (from, to): (usize, usize) =
                    (from.trim().parse().ok()?, to.trim().parse().ok()?);
                let (low, high) = (from.min(to), from.max(to));
                (low >= 1).then(|| (low - 1, high - low + 1))
            };
            let ((x0, nx), (y0, ny)) = (range(columns)?, range(rows)?);
            Some(Section { x0, y0, nx, ny })
        };
        parse().ok_or_else(|| NoSection(text.to_owned()))
    }
}

impl TryFrom<String> for Section {
    type Error = NoSection;

    fn try_from(text: String) -> Result<Section, NoSection> {
        text.parse()
    }
}

impl From<Section> for String {
    fn from(section: Section) -> String {
        section.to_string()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn sections_are_read_and_written_as_in_headers() {
        let section: Section = "[11:522,1:2002]".parse().unwrap();
        assert_eq!(section, Section { x0: 10, y0: 0, nx: 512, ny: 2002 });
        assert_eq!(section.to_string(), "[11:522,1:2002]");
        let backwards: Section = "[2048:1025, 4096:1]".parse().unwrap();
        assert_eq!(backwards.to_string(), "[1025:2048,1:4096]");
        for text in ["", "[1:2]", "[0:4,1:2]", "1:2,3:4", "[a:b,c:d]"] {
            assert_eq!(text.parse::<Section>(), Err(NoSection(text.to_owned())));
        }
    }

    #[test]
    fn neighbours_do_not_overlap() {
        let left: Section = "[1:10,1:10]".parse().unwrap();
        let right: Section = "[11:20,1:10]".parse().unwrap();
        let across: Section = "[10:11,5:5]".parse().unwrap();
        assert!(!left.overlaps(&right) && left.overlaps(&across) && right.overlaps(&across));
        assert!(left.fits(10, 10) && !left.fits(9, 10));
    }
}
