//! Files that are not what they should be: one clear line that names the file.

#![allow(clippy::unwrap_used)]

use almagest_pipeline::camera::{FrameOptions, find_frames, read_exposures, write_exposure};
use almagest_pipeline::error::Error;
use almagest_pipeline::inspect::inspect;
use tempfile::TempDir;

use crate::fits_bytes::{RawHdu, TAN_CARDS, file};
use crate::written_files::exposure;

fn read_bytes(bytes: &[u8]) -> Error {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("broken.fits");
    std::fs::write(&path, bytes).unwrap();
    let error = read_exposures(&path, &FrameOptions::default()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("broken.fits") && !text.contains('\n'), "{text}");
    assert!(inspect(&path, &FrameOptions::default()).map_or(true, |report| !report.is_usable()));
    error
}

#[test]
fn truncated_anywhere_is_truncated() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("whole.fits");
    write_exposure(&path, &exposure()).unwrap();
    let whole = std::fs::read(&path).unwrap();
    // In the primary header, an extension's header, each of the data, and one byte of the last data.
    let last_data = whole.len() - whole.len() % 2880 - 60 * 40 * 4 % 2880;
    for length in [
        100,
        2879,
        2880 * 2 + 500,
        2880 * 4 + 1,
        whole.len() / 2,
        whole.len() - 2880 * 2,
        last_data - 2880,
    ] {
        let error = read_bytes(&whole[..length]);
        assert!(matches!(error, Error::Truncated { .. }), "{length} of {}: {error}", whole.len());
    }
}

#[test]
fn truncation_tells_what_is_missing() {
    let pixels: Vec<f32> = (0..12).map(|v| v as f32).collect();
    let bytes = file(&[RawHdu::real(true, 4, 3, &pixels, TAN_CARDS)]);
    let error = read_bytes(&bytes[..2880 + 47]).to_string();
    assert!(error.ends_with("is truncated: HDU 0 needs 5760 bytes, the file has 2927"), "{error}");
}

#[test]
fn absurd_size_is_no_overflow() {
    let mut hdu = RawHdu::real(true, 4, 3, &[0.0; 12], TAN_CARDS);
    hdu.cards[3] = "NAXIS1  =  4611686018427387904".to_owned();
    hdu.cards[4] = "NAXIS2  =  4611686018427387904".to_owned();
    assert!(matches!(read_bytes(&file(&[hdu])), Error::Truncated { hdu: 0, .. }));
}

#[test]
fn without_world_coordinates_the_keyword_is_named() {
    let facts = ["EXPTIME = 1.0", "BAND    = 'g'", "VISIT   = 1", "MJD-AVG = 60000.0"];
    let error = read_bytes(&file(&[RawHdu::real(true, 4, 3, &[1.0; 12], &facts)])).to_string();
    assert!(
        error.ends_with("broken.fits: HDU 0: no world coordinates: keyword CTYPE1 is missing"),
        "{error}"
    );
    let cut = [&facts[..], &TAN_CARDS[..3]].concat();
    let error = read_bytes(&file(&[RawHdu::real(true, 4, 3, &[1.0; 12], &cut)])).to_string();
    assert!(error.ends_with("keyword CRVAL2 is missing"), "{error}");
}

#[test]
fn what_is_no_fits_file_says_so() {
    let text = read_bytes(b"id,ra,dec\n1,2,3\n").to_string();
    assert!(text.ends_with("is not a FITS file: it begins with 'id,ra,'"), "{text}");
    let empty = read_bytes(b"").to_string();
    assert!(empty.ends_with("is not a FITS file: it is empty"), "{empty}");
    let folder = TempDir::new().unwrap();
    let nowhere = folder.path().join("nowhere.fits");
    let missing = read_exposures(&nowhere, &FrameOptions::default()).unwrap_err().to_string();
    assert!(missing.starts_with("cannot read ") && missing.contains("nowhere.fits"), "{missing}");
}

#[test]
fn file_without_an_image_says_so() {
    let error = read_bytes(&file(&[RawHdu::empty_primary(&[])]));
    assert!(error.to_string().ends_with("no HDU holds an image"), "{error}");
}

#[test]
fn broken_file_in_a_folder_is_a_frame_and_a_table_is_not() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("broken.fits"), b"SIMPLE  = T").unwrap();
    std::fs::write(folder.path().join("empty.fits"), file(&[RawHdu::empty_primary(&[])])).unwrap();
    std::fs::write(folder.path().join("notes.txt"), b"no frame").unwrap();
    let frames = find_frames(&[folder.path().to_owned()]).unwrap();
    let names: Vec<_> = frames.iter().map(|f| f.image.file_name().unwrap().to_owned()).collect();
    assert_eq!(names, ["broken.fits"]);
}

#[test]
fn impossible_values_are_refused_by_name() {
    let facts = ["EXPTIME = -1.0", "BAND    = 'g'", "VISIT   = 1", "MJD-AVG = 60000.0"];
    let cards = [&facts[..], TAN_CARDS].concat();
    let error = read_bytes(&file(&[RawHdu::real(true, 4, 3, &[1.0; 12], &cards)])).to_string();
    assert!(error.contains("exposure time = -1"), "{error}");
    let huge = cards
        .iter()
        .map(|c| c.replace("-1.0", "1.0").replace("VISIT   = 1", "VISIT   = 999999999999"));
    let huge: Vec<String> = huge.collect();
    let huge: Vec<&str> = huge.iter().map(String::as_str).collect();
    let error = read_bytes(&file(&[RawHdu::real(true, 4, 3, &[1.0; 12], &huge)])).to_string();
    assert!(error.contains("visit = 999999999999"), "{error}");
}
