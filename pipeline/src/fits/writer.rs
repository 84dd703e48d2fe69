//! Writing FITS files: whole, or not at all.

use std::path::{Path, PathBuf};

use fitsio_sys as sys;
use ndarray::Array2;

use super::Card;
use super::cfitsio::{Handle, Pixel};
use crate::error::{Error, Result};

/// How an image is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Plain pixels.
    None,
    /// Tiles compressed without loss.
    Lossless,
    /// Rice-compressed tiles; real numbers are rounded to a quarter of their noise, as archives do.
    Rice,
}

/// A FITS file being written under a temporary name beside its own, which it takes when finished.
/// Unfinished, it leaves nothing behind.
pub struct FitsWriter {
    handle: Handle,
    path: PathBuf,
    partial: Partial,
    hdus: usize,
}

/// The temporary name; the file goes when this does, unless it was renamed.
struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        // After `finish` there is nothing to remove, and before it nothing more can be done about it.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl FitsWriter {
    /// Begins a file whose primary HDU is a header of the given cards.
    pub fn create(path: &Path, cards: &[Card]) -> Result<FitsWriter> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".partial");
        let partial = path.with_file_name(name);
        match std::fs::remove_file(&partial) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::Io { path: partial, source });
            }
            _ => {}
        }
        let handle = Handle::create(&partial)?;
        let partial = Partial(partial);
        let mut writer = FitsWriter { handle, path: path.to_owned(), partial, hdus: 0 };
        writer.begin_hdu(8, &[], cards)?;
        Ok(writer)
    }

    /// Appends an image of real numbers.
    pub fn image(
        &mut self,
        image: &Array2<f32>,
        cards: &[Card],
        compression: Compression,
    ) -> Result<()> {
        self.pixels(-32, image, cards, compression)
    }

    /// Appends an image of integers, such as a mask.
    pub fn integers(
        &mut self,
        image: &Array2<i32>,
        cards: &[Card],
        compression: Compression,
    ) -> Result<()> {
        self.pixels(32, image, cards, compression)
    }

    /// Appends an image of real numbers in double precision.
    pub fn doubles(&mut self, image: &Array2<f64>, cards: &[Card]) -> Result<()> {
        self.pixels(-64, image, cards, Compression::None)
    }

    fn pixels<T: Pixel>(
        &mut self,
        bitpix: i32,
        image: &Array2<T>,
        cards: &[Card],
        compression: Compression,
    ) -> Result<()> {
        match compression {
            Compression::None => self.handle.set_compression(0, 0.0)?,
            Compression::Lossless => self.handle.set_compression(sys::GZIP_2, 0.0)?,
            Compression::Rice => self.handle.set_compression(sys::RICE_1, 4.0)?,
        }
        let (ny, nx) = image.dim();
        self.begin_hdu(bitpix, &[nx, ny], cards)?;
        let mut pixels: Vec<T> = image.iter().copied().collect();
        self.handle.write_pixels(&mut pixels)
    }

    fn begin_hdu(&mut self, bitpix: i32, axes: &[usize], cards: &[Card]) -> Result<()> {
        self.handle.create_image(bitpix, axes, self.hdus)?;
        self.hdus += 1;
        cards.iter().try_for_each(|card| self.handle.write_record(&card.to_string()))
    }

    /// Closes the file and gives it its name, replacing what had it before.
    pub fn finish(self) -> Result<()> {
        self.handle.close()?;
        std::fs::rename(&self.partial.0, &self.path)
            .map_err(|source| Error::Io { path: self.path.clone(), source })
    }
}
