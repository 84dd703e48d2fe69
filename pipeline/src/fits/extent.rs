//! Does the file reach as far as its headers say?
//!
//! CFITSIO may fill what is missing with zeros, and a truncated image would then pass for a real one.
//! So the headers are walked here first, and each HDU's end is compared with the length of the file.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use super::Header;
use crate::error::{Error, Result};

const BLOCK: u64 = 2880;
const RECORD: usize = 80;

/// Checks that the file is FITS and whole. A gzipped file is left to CFITSIO, which notices a broken
/// stream itself.
pub(super) fn check(path: &Path) -> Result<()> {
    let io = |source| Error::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    if metadata.is_dir() {
        return Err(Error::NotFits { path: path.to_owned(), reason: "it is a folder".to_owned() });
    }
    let found = metadata.len();
    let mut file = BufReader::new(file);
    let mut magic = Vec::new();
    file.by_ref().take(6).read_to_end(&mut magic).map_err(io)?;
    if magic.starts_with(&[0x1f, 0x8b]) {
        return Ok(());
    }
    if magic != b"SIMPLE" {
        let reason = match magic.len() {
            0 => "it is empty".to_owned(),
            _ => format!("it begins with '{}'", magic.escape_ascii()),
        };
        return Err(Error::NotFits { path: path.to_owned(), reason });
    }
    let mut at = 0;
    for hdu in 0.. {
        let truncated = |needed| Error::Truncated { path: path.to_owned(), hdu, needed, found };
        file.seek(SeekFrom::Start(at)).map_err(io)?;
        let (header, length) = match read_header(&mut file).map_err(io)? {
            HeaderRead::Whole(header, length) => (header, length),
            HeaderRead::Cut(length) => return Err(truncated(at + length)),
        };
        // The padding of the last block belongs to the file; CFITSIO cannot read data without it.
        at = (at + length).saturating_add(data_bytes(&header).next_multiple_of(BLOCK));
        if at > found {
            return Err(truncated(at));
        }
        // What follows the last HDU need not be one.
        let mut next = Vec::new();
        file.seek(SeekFrom::Start(at)).map_err(io)?;
        file.by_ref().take(8).read_to_end(&mut next).map_err(io)?;
        if next != b"XTENSION" {
            return Ok(());
        }
    }
    Ok(())
}

enum HeaderRead {
    /// The header and its length in bytes, whole blocks.
    Whole(Header, u64),
    /// The file ends inside the header, which needs at least so many bytes.
    Cut(u64),
}

fn read_header(file: &mut impl Read) -> std::io::Result<HeaderRead> {
    let mut text = String::new();
    let mut length = 0;
    loop {
        let mut block = Vec::with_capacity(BLOCK as usize);
        file.by_ref().take(BLOCK).read_to_end(&mut block)?;
        length += BLOCK;
        if block.len() < BLOCK as usize {
            return Ok(HeaderRead::Cut(length));
        }
        text.extend(block.iter().map(|&byte| byte as char));
        if block.chunks(RECORD).any(|record| record.starts_with(b"END     ")) {
            break;
        }
    }
    let records: Vec<String> =
        text.chars().collect::<Vec<_>>().chunks(RECORD).map(|r| r.iter().collect()).collect();
    Ok(HeaderRead::Whole(Header::from_records(records.iter().map(String::as_str)), length))
}

/// Bytes of the data that follow a header, without their padding (section 4.4.1 of the standard).
fn data_bytes(header: &Header) -> u64 {
    let number = |keyword: &str, default: u64| {
        header.i64(keyword).map_or(default, |value| value.unsigned_abs())
    };
    let axes = number("NAXIS", 0);
    if axes == 0 {
        return 0;
    }
    let pixels =
        (1..=axes).map(|axis| number(&format!("NAXIS{axis}"), 0)).fold(1, u64::saturating_mul);
    let elements = pixels.saturating_add(number("PCOUNT", 0)).saturating_mul(number("GCOUNT", 1));
    // A size beyond any disk stays beyond it, without overflow in the sums to come.
    elements.saturating_mul(number("BITPIX", 8) / 8).min(u64::MAX / 4)
}
