//! Reading FITS files: what HDUs there are, and the pixels of the images.

use std::path::{Path, PathBuf};

use ndarray::Array2;

use super::cfitsio::Handle;
use super::{Header, extent};
use crate::error::{Error, Result};

/// An open FITS file. Each thread opens its own.
pub struct FitsReader {
    handle: Handle,
    path: PathBuf,
    hdus: Vec<Hdu>,
}

/// One HDU of a file.
#[derive(Debug, Clone)]
pub struct Hdu {
    /// Its number, 0 for the primary one.
    pub index: usize,
    /// `EXTNAME`, where it has one.
    pub name: Option<String>,
    /// Its own header and what it inherits from the primary one.
    pub header: Header,
    /// What it holds.
    pub kind: HduKind,
}

/// What an HDU holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HduKind {
    /// A header alone.
    Empty,
    /// An image of two dimensions (more, if the others have length 1).
    Image {
        /// Width.
        nx: usize,
        /// Height.
        ny: usize,
        /// `BITPIX` of the image: bits of an integer, minus the bits of a real number.
        bitpix: i32,
        /// Whether it is stored in compressed tiles.
        compressed: bool,
    },
    /// A table, or an array of other dimensions.
    Other,
}

impl FitsReader {
    /// Opens a file and reads all its headers.
    ///
    /// # Errors
    /// A file that is not FITS, ends early, or that CFITSIO cannot read.
    pub fn open(path: &Path) -> Result<FitsReader> {
        extent::check(path)?;
        let mut handle = Handle::open(path)?;
        let mut hdus: Vec<Hdu> = Vec::new();
        for index in 0..handle.hdu_count()? {
            let is_image = handle.move_to(index)?;
            let own = header(&mut handle)?;
            let kind = if is_image { image_kind(&mut handle)? } else { HduKind::Other };
            let header = match hdus.first() {
                Some(primary) => own.inheriting(&primary.header),
                None => own,
            };
            hdus.push(Hdu { index, name: header.text("EXTNAME").map(str::to_owned), header, kind });
        }
        Ok(FitsReader { handle, path: path.to_owned(), hdus })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All HDUs in their order.
    pub fn hdus(&self) -> &[Hdu] {
        &self.hdus
    }

    /// The HDUs that hold an image.
    pub fn images(&self) -> impl Iterator<Item = &Hdu> {
        self.hdus.iter().filter(|hdu| matches!(hdu.kind, HduKind::Image { .. }))
    }

    /// The pixels of an image, scaled by `BSCALE` and `BZERO`; those undefined are NaN.
    pub fn read_image(&mut self, index: usize) -> Result<Array2<f32>> {
        let (nx, ny, bitpix) = self.image(index)?;
        let pixels = if bitpix == -64 {
            // Numbers too large for f32 become infinite, where CFITSIO would stop with an error.
            self.handle.read_pixels(nx * ny, f64::NAN)?.into_iter().map(|v| v as f32).collect()
        } else {
            self.handle.read_pixels(nx * ny, f32::NAN)?
        };
        self.shaped(index, nx, ny, pixels)
    }

    /// The pixels of an image in double precision.
    pub fn read_doubles(&mut self, index: usize) -> Result<Array2<f64>> {
        let (nx, ny, _) = self.image(index)?;
        let pixels = self.handle.read_pixels(nx * ny, f64::NAN)?;
        self.shaped(index, nx, ny, pixels)
    }

    /// The pixels of an image of integers, such as a mask.
    pub fn read_integers(&mut self, index: usize) -> Result<Array2<i32>> {
        let (nx, ny, _) = self.image(index)?;
        let pixels = self.handle.read_pixels(nx * ny, 0_i32)?;
        self.shaped(index, nx, ny, pixels)
    }

    /// The numbers of a cell in the first row of a table, by the name of its column in any case; `None`
    /// where the table has no such column, or no row.
    pub fn read_cell(&mut self, index: usize, column: &str) -> Result<Option<Vec<f64>>> {
        let Some(hdu) = self.hdus.get(index) else { return Ok(None) };
        let columns = hdu.header.i64("TFIELDS").unwrap_or(0);
        let has_name = |number: &i64| {
            let name = hdu.header.text(&format!("TTYPE{number}"));
            name.is_some_and(|name| name.trim().eq_ignore_ascii_case(column))
        };
        let Some(number) = (1..=columns).find(has_name) else { return Ok(None) };
        let form = hdu.header.text(&format!("TFORM{number}")).unwrap_or_default().trim();
        // A repeat count, then a letter for the type.
        let digits: String = form.chars().take_while(char::is_ascii_digit).collect();
        let count = if digits.is_empty() { 1 } else { digits.parse().unwrap_or(0) };
        if count == 0 || form.ends_with('A') || hdu.header.i64("NAXIS2").unwrap_or(0) < 1 {
            return Ok(None);
        }
        self.handle.move_to(index)?;
        self.handle.read_cell(number as usize, count).map(Some)
    }

    fn image(&mut self, index: usize) -> Result<(usize, usize, i32)> {
        match self.hdus.get(index).map(|hdu| hdu.kind) {
            Some(HduKind::Image { nx, ny, bitpix, .. }) => {
                self.handle.move_to(index)?;
                Ok((nx, ny, bitpix))
            }
            _ => Err(Error::NoImage { path: self.path.clone() }),
        }
    }

    fn shaped<T>(&self, hdu: usize, nx: usize, ny: usize, pixels: Vec<T>) -> Result<Array2<T>> {
        Array2::from_shape_vec((ny, nx), pixels).map_err(|error| Error::BadValue {
            path: self.path.clone(),
            hdu,
            keyword: "NAXIS".to_owned(),
            value: format!("{nx} x {ny}"),
            reason: error.to_string(),
        })
    }
}

fn header(handle: &mut Handle) -> Result<Header> {
    let text: Vec<char> = handle.header_text()?.chars().collect();
    let records: Vec<String> = text.chunks(80).map(|record| record.iter().collect()).collect();
    Ok(Header::from_records(records.iter().map(String::as_str)))
}

fn image_kind(handle: &mut Handle) -> Result<HduKind> {
    let shape = handle.image_shape()?;
    Ok(match shape.axes.as_slice() {
        [] => HduKind::Empty,
        [nx, ny, rest @ ..] if *nx > 0 && *ny > 0 && rest.iter().all(|&n| n == 1) => {
            HduKind::Image {
                nx: *nx,
                ny: *ny,
                bitpix: shape.bitpix,
                compressed: handle.is_compressed(),
            }
        }
        _ => HduKind::Other,
    })
}
