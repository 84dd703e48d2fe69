//! The only place that calls CFITSIO: a handle that closes itself, and errors that name file and HDU.
//!
//! CFITSIO is built reentrant: threads may work at once, each with handles of its own. A handle holds
//! a raw pointer and therefore cannot leave its thread.

#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr;

use fitsio_sys as sys;

use crate::error::{Error, Result};

/// An open FITS file, positioned at one HDU.
pub(super) struct Handle {
    fptr: *mut sys::fitsfile,
    path: PathBuf,
    hdu: usize,
}

/// Shape and pixel type of an image HDU, as CFITSIO presents it (uncompressed).
pub(super) struct ImageShape {
    pub bitpix: i32,
    /// Length of each axis, the fastest first.
    pub axes: Vec<usize>,
}

/// How many axes are asked for; images of the sky have two, now and then more of length 1.
const MAX_AXES: usize = 8;

impl Handle {
    /// Opens a file for reading. The name is taken as it is: CFITSIO's bracket syntax has no meaning.
    pub fn open(path: &Path) -> Result<Handle> {
        Handle::start(path, "open", |fptr, name, status| {
            // SAFETY: `fptr` is a valid place for the pointer, `name` a terminated string that
            // outlives the call.
            unsafe { sys::ffdkopn(fptr, name, sys::READONLY as c_int, status) }
        })
    }

    /// Creates a file, which must not exist.
    pub fn create(path: &Path) -> Result<Handle> {
        Handle::start(path, "create", |fptr, name, status| {
            // SAFETY: as in `open`.
            unsafe { sys::ffdkinit(fptr, name, status) }
        })
    }

    fn start(
        path: &Path,
        action: &'static str,
        call: impl FnOnce(*mut *mut sys::fitsfile, *const c_char, *mut c_int) -> c_int,
    ) -> Result<Handle> {
        let mut handle = Handle { fptr: ptr::null_mut(), path: path.to_owned(), hdu: 0 };
        let Ok(name) = CString::new(path.as_os_str().as_bytes()) else {
            let reason = "its name holds a NUL character".to_owned();
            return Err(Error::NotFits { path: path.to_owned(), reason });
        };
        let mut status = 0;
        call(&mut handle.fptr, name.as_ptr(), &mut status);
        handle.check(status, action)?;
        Ok(handle)
    }

    /// Number of HDUs.
    pub fn hdu_count(&mut self) -> Result<usize> {
        let (mut count, mut status) = (0, 0);
        // SAFETY: the handle is open; the places written to are locals.
        unsafe { sys::ffthdu(self.fptr, &mut count, &mut status) };
        self.check(status, "count the HDUs")?;
        Ok(usize::try_from(count).unwrap_or(0))
    }

    /// Makes an HDU the current one, 0 being the primary; true where it is an image.
    pub fn move_to(&mut self, hdu: usize) -> Result<bool> {
        let (mut kind, mut status) = (0, 0);
        self.hdu = hdu;
        let number = c_int::try_from(hdu + 1).unwrap_or(c_int::MAX);
        // SAFETY: the handle is open; the places written to are locals.
        unsafe { sys::ffmahd(self.fptr, number, &mut kind, &mut status) };
        self.check(status, "move to the HDU")?;
        Ok(kind == sys::IMAGE_HDU as c_int)
    }

    /// Whether the current HDU is a tile-compressed image.
    pub fn is_compressed(&mut self) -> bool {
        let mut status = 0;
        // SAFETY: the handle is open.
        unsafe { sys::fits_is_compressed_image(self.fptr, &mut status) != 0 }
    }

    /// The header of the current HDU, 80 characters a card; of a tile-compressed image, the header
    /// that the image had.
    pub fn header_text(&mut self) -> Result<String> {
        let mut text: *mut c_char = ptr::null_mut();
        let (mut cards, mut status) = (0, 0);
        // SAFETY: with no exclusion list its pointer is not followed; CFITSIO allocates the text.
        unsafe {
            sys::ffcnvthdr2str(self.fptr, 0, ptr::null_mut(), 0, &mut text, &mut cards, &mut status)
        };
        self.check(status, "read the header")?;
        // SAFETY: on success the text is a terminated string of CFITSIO's; it is copied, then freed
        // once by the function that CFITSIO names for it.
        unsafe {
            let copy = CStr::from_ptr(text).to_bytes().iter().map(|&b| b as char).collect();
            sys::fffree(text.cast(), &mut status);
            Ok(copy)
        }
    }

    /// The shape of the image in the current HDU.
    pub fn image_shape(&mut self) -> Result<ImageShape> {
        let (mut bitpix, mut naxis, mut status) = (0, 0, 0);
        let mut axes: [sys::LONGLONG; MAX_AXES] = [0; MAX_AXES];
        // SAFETY: `axes` has room for the number of axes announced.
        unsafe {
            sys::ffgiprll(
                self.fptr,
                MAX_AXES as c_int,
                &mut bitpix,
                &mut naxis,
                axes.as_mut_ptr(),
                &mut status,
            )
        };
        self.check(status, "read the image size")?;
        let count = usize::try_from(naxis).unwrap_or(0).min(MAX_AXES);
        let axes = axes[..count].iter().map(|&n| usize::try_from(n).unwrap_or(0)).collect();
        Ok(ImageShape { bitpix, axes })
    }

    /// The first `count` pixels of the current image; undefined ones become `undefined`.
    pub fn read_pixels<T: Pixel>(&mut self, count: usize, undefined: T) -> Result<Vec<T>> {
        let mut pixels = vec![T::default(); count];
        let (mut undefined, mut any, mut status) = (undefined, 0, 0);
        // SAFETY: `pixels` holds `count` elements of the type that `T::CODE` names; `undefined` is one.
        unsafe {
            sys::ffgpv(
                self.fptr,
                T::CODE as c_int,
                1,
                count as sys::LONGLONG,
                (&raw mut undefined).cast::<c_void>(),
                pixels.as_mut_ptr().cast::<c_void>(),
                &mut any,
                &mut status,
            )
        };
        self.check(status, "read the pixels")?;
        Ok(pixels)
    }

    /// The `count` numbers of a cell in the first row of the current table; columns count from 1.
    pub fn read_cell(&mut self, column: usize, count: usize) -> Result<Vec<f64>> {
        let mut values = vec![0.0_f64; count];
        let (mut undefined, mut any, mut status) = (f64::NAN, 0, 0);
        // SAFETY: `values` holds `count` elements of the type that the code names; `undefined` is one.
        unsafe {
            sys::ffgcv(
                self.fptr,
                f64::CODE as c_int,
                c_int::try_from(column).unwrap_or(c_int::MAX),
                1,
                1,
                count as sys::LONGLONG,
                (&raw mut undefined).cast::<c_void>(),
                values.as_mut_ptr().cast::<c_void>(),
                &mut any,
                &mut status,
            )
        };
        self.check(status, "read the table")?;
        Ok(values)
    }

    /// Chooses how the images created from now on are stored: plain, or in tiles compressed by
    /// `algorithm` with floating-point numbers quantised at `quantize` (0: kept exactly).
    pub fn set_compression(&mut self, algorithm: u32, quantize: f32) -> Result<()> {
        let mut status = 0;
        // SAFETY: the handle is open.
        unsafe {
            sys::fits_set_compression_type(self.fptr, algorithm as c_int, &mut status);
            sys::fits_set_quantize_level(self.fptr, quantize, &mut status);
        }
        self.check(status, "choose the compression")
    }

    /// Appends an image HDU of the given axes (none: a header alone) and makes it the current one.
    pub fn create_image(&mut self, bitpix: i32, axes: &[usize], hdu: usize) -> Result<()> {
        let mut axes: Vec<sys::LONGLONG> = axes.iter().map(|&n| n as sys::LONGLONG).collect();
        let mut status = 0;
        self.hdu = hdu;
        // SAFETY: `axes` has as many elements as announced and is only read.
        unsafe {
            sys::ffcrimll(self.fptr, bitpix, axes.len() as c_int, axes.as_mut_ptr(), &mut status)
        };
        self.check(status, "create the image")
    }

    /// Appends a card to the current header.
    pub fn write_record(&mut self, record: &str) -> Result<()> {
        let ascii: Vec<u8> =
            record.bytes().map(|b| if (32..127).contains(&b) { b } else { b'?' }).collect();
        let record = CString::new(ascii).unwrap_or_default();
        let mut status = 0;
        // SAFETY: `record` is a terminated string that outlives the call.
        unsafe { sys::ffprec(self.fptr, record.as_ptr(), &mut status) };
        self.check(status, "write a card")
    }

    /// Writes the pixels of the current image.
    pub fn write_pixels<T: Pixel>(&mut self, pixels: &mut [T]) -> Result<()> {
        let mut status = 0;
        // SAFETY: `pixels` holds so many elements of the type that `T::CODE` names.
        unsafe {
            sys::ffppr(
                self.fptr,
                T::CODE as c_int,
                1,
                pixels.len() as sys::LONGLONG,
                pixels.as_mut_ptr().cast::<c_void>(),
                &mut status,
            )
        };
        self.check(status, "write the pixels")
    }

    /// Closes the file, which writes what is buffered.
    pub fn close(mut self) -> Result<()> {
        let mut status = 0;
        let fptr = std::mem::replace(&mut self.fptr, ptr::null_mut());
        // SAFETY: the handle is open, and nobody uses it afterwards.
        unsafe { sys::ffclos(fptr, &mut status) };
        self.check(status, "close the file")
    }

    fn check(&self, status: c_int, action: &'static str) -> Result<()> {
        if status <= 0 {
            return Ok(());
        }
        // The system's reason goes with the next call.
        let reason = std::io::Error::last_os_error();
        let mut text = [0 as c_char; 81];
        // SAFETY: CFITSIO writes at most 31 characters with their end; the stack of messages is its own.
        let message = unsafe {
            sys::ffgerr(status, text.as_mut_ptr());
            sys::ffcmsg();
            CStr::from_ptr(text.as_ptr()).to_string_lossy().into_owned()
        };
        let path = self.path.clone();
        match is_full(status, &reason) {
            true => Err(Error::no_space(path)),
            false => Err(Error::Cfitsio { path, hdu: self.hdu, action, message, status }),
        }
    }
}

/// Whether a status is that of a disk without room: CFITSIO tells only that it could not create, write
/// or close the file.
fn is_full(status: c_int, reason: &std::io::Error) -> bool {
    let of_writing = [sys::FILE_NOT_CREATED, sys::WRITE_ERROR, sys::FILE_NOT_CLOSED];
    of_writing.iter().any(|known| status == *known as c_int)
        && matches!(reason.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

impl Drop for Handle {
    fn drop(&mut self) {
        if !self.fptr.is_null() {
            let mut status = 0;
            // SAFETY: the handle is open and this is its last use.
            unsafe { sys::ffclos(self.fptr, &mut status) };
        }
    }
}

/// A type of pixel that CFITSIO can read and write.
pub(super) trait Pixel: Copy + Default {
    /// CFITSIO's code of the type.
    const CODE: u32;
}

impl Pixel for f32 {
    const CODE: u32 = sys::TFLOAT;
}

impl Pixel for f64 {
    const CODE: u32 = sys::TDOUBLE;
}

impl Pixel for i32 {
    const CODE: u32 = sys::TINT;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_other_failures() {
        let full = std::io::Error::from(ErrorKind::StorageFull);
        let quota = std::io::Error::from(ErrorKind::QuotaExceeded);
        let other = std::io::Error::from(ErrorKind::PermissionDenied);
        let written = sys::WRITE_ERROR as c_int;
        assert!(is_full(written, &full) && is_full(written, &quota));
        // The system's reason may be left from something else.
        assert!(!is_full(sys::READ_ERROR as c_int, &full) && !is_full(written, &other));
        let error = Error::no_space("a.fits".into());
        assert_eq!(error.to_string(), "cannot write a.fits: no space left on the disk");
        let is_io = |error: &Error| matches!(error, Error::Io { source, .. } if source.kind() == ErrorKind::StorageFull);
        assert!(is_io(&error));
    }
}
