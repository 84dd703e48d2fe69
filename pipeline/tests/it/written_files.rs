//! Files that Almagest writes come back number for number, plain or compressed; other pixels too.

#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::path::Path;

use almagest_pipeline::camera::{
    FrameOptions, read_exposures, write_exposure, write_exposure_compressed,
};
use almagest_pipeline::exposure::{DetectorInfo, Exposure};
use almagest_pipeline::fits::{Compression, FitsReader, HduKind};
use almagest_pipeline::image::{MaskedImage, mask_plane};
use almagest_pipeline::photo_calib::PhotoCalib;
use almagest_pipeline::visit_info::VisitInfo;
use almagest_pipeline::wcs::Wcs;
use ndarray::Array2;
use tempfile::TempDir;

use crate::fits_bytes::{RawHdu, TAN_CARDS, file};

/// An exposure of 60 x 40 pixels with a value in every field.
pub fn exposure() -> Exposure {
    let image =
        Array2::from_shape_fn((40, 60), |(y, x)| ((x * 37 + y * 101) % 977) as f32 * 0.37 - 11.5);
    let mut mask = Array2::zeros((40, 60));
    mask[[3, 4]] = mask_plane::SAT | mask_plane::INTRP;
    mask[[39, 59]] = mask_plane::CR;
    Exposure {
        masked_image: MaskedImage { variance: image.mapv(|v| v.abs() + 1.25), image, mask },
        wcs: Wcs::tan([359.999, -12.5], [30.25, 20.75], [[-5.1e-5, 1e-7], [2e-7, 5.2e-5]]).unwrap(),
        visit_info: VisitInfo {
            visit: 274_877_906_943,
            instrument: "TestCam".to_owned(),
            physical_filter: Some("r_03".to_owned()),
            band: "r".to_owned(),
            exposure_time_s: 30.1,
            start_mjd_tai: 60_123.456_789_012 - 15.05 / 86_400.0,
            mid_mjd_tai: 60_123.456_789_012,
            boresight_ra_deg: Some(359.9),
            boresight_dec_deg: Some(-12.4),
            sky_rotation_deg: None,
            azimuth_deg: Some(10.0),
            altitude_deg: Some(1.0 / 3.0),
            airmass: Some(1.1),
            target: Some("it's a field".to_owned()),
        },
        photo_calib: PhotoCalib::from_zero_point(27.123_456_789),
        detector: DetectorInfo {
            id: 3,
            name: "S03".to_owned(),
            gain_e_per_adu: Some(1.7),
            read_noise_e: Some(6.3),
            saturation_adu: Some(61_000.5),
        },
        psf_fwhm_hint_px: Some(3.9),
        psf_model: None,
        warnings: Vec::new(),
        source: "unused".into(),
    }
}

fn read_one(path: &Path) -> Exposure {
    let mut exposures = read_exposures(path, &FrameOptions::default()).unwrap();
    assert_eq!(exposures.len(), 1);
    exposures.remove(0)
}

#[track_caller]
fn assert_same(read: &Exposure, written: &Exposure) {
    assert_eq!(read.masked_image.image, written.masked_image.image);
    assert_eq!(read.masked_image.mask, written.masked_image.mask);
    assert_eq!(read.masked_image.variance, written.masked_image.variance);
    assert_eq!(read.wcs, written.wcs);
    assert_eq!((&read.detector, read.photo_calib), (&written.detector, written.photo_calib));
    assert_eq!(read.psf_fwhm_hint_px, written.psf_fwhm_hint_px);
    assert_eq!(read.warnings, Vec::<String>::new());
    let mut visit = read.visit_info.clone();
    assert!(visit.sky_rotation_deg.take().is_some());
    assert_eq!(visit, written.visit_info);
}

#[test]
fn mask_and_variance_say_where_they_are_and_what_they_hold() {
    let folder = TempDir::new().unwrap();
    for compression in [Compression::None, Compression::Lossless] {
        let path = folder.path().join("a.fits");
        write_exposure_compressed(&path, &exposure(), compression).unwrap();
        let reader = FitsReader::open(&path).unwrap();
        for (name, unit) in [("IMAGE", Some("adu")), ("MASK", None), ("VARIANCE", Some("adu2"))] {
            let hdu = reader.images().find(|hdu| hdu.name.as_deref() == Some(name)).unwrap();
            assert_eq!(Wcs::from_header(&hdu.header).unwrap(), exposure().wcs, "{name}");
            assert_eq!(hdu.header.text("BUNIT"), unit, "{name}");
            for (plane, bit) in mask_plane::ALL {
                let number = hdu.header.i64(&format!("MP_{plane}"));
                assert_eq!(number.map(|number| 1 << number), (name == "MASK").then_some(bit));
            }
        }
    }
}

#[test]
fn written_exposure_reads_back_exactly() {
    let folder = TempDir::new().unwrap();
    // A name with CFITSIO's own syntax in it is just a name.
    let path = folder.path().join("visit[7] (r).fits");
    write_exposure(&path, &exposure()).unwrap();
    assert_same(&read_one(&path), &exposure());
    // Again, over the first one.
    write_exposure(&path, &exposure()).unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn exposure_without_calibration_reads_back_without() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.fits");
    write_exposure(&path, &Exposure { photo_calib: None, ..exposure() }).unwrap();
    let read = read_one(&path);
    assert_eq!(read.photo_calib, None);
    assert!(read.warnings[0].starts_with("no zero point"), "{:?}", read.warnings);
}

#[test]
fn tile_compressed_images_read_as_images() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.fits.fz");
    write_exposure_compressed(&path, &exposure(), Compression::Lossless).unwrap();
    let hdus = FitsReader::open(&path).unwrap().hdus().to_vec();
    assert!(
        matches!(hdus[1].kind, HduKind::Image { nx: 60, ny: 40, bitpix: -32, compressed: true }),
        "{:?}",
        hdus[1].kind
    );
    assert_same(&read_one(&path), &exposure());
}

#[test]
fn rice_compressed_image_reads_within_its_quantum() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.fits.fz");
    write_exposure_compressed(&path, &exposure(), Compression::Rice).unwrap();
    let read = read_one(&path);
    assert_eq!(read.masked_image.mask, exposure().masked_image.mask);
    assert_eq!(read.wcs, exposure().wcs);
    let (read, written) = (read.masked_image.image, exposure().masked_image.image);
    let largest = (&read - &written).iter().fold(0.0_f32, |m, d| m.max(d.abs()));
    // The pattern scatters by some 100 ADU; a quarter of that is the quantum, half a quantum the error.
    assert!(largest > 0.0 && largest < 25.0, "{largest}");
}

#[test]
fn gzipped_file_reads_like_the_plain_one() {
    let folder = TempDir::new().unwrap();
    let plain = folder.path().join("a.fits");
    write_exposure(&plain, &exposure()).unwrap();
    let packed = folder.path().join("a.fits.gz");
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&std::fs::read(&plain).unwrap()).unwrap();
    let bytes = encoder.finish().unwrap();
    std::fs::write(&packed, &bytes).unwrap();
    assert_same(&read_one(&packed), &exposure());
    std::fs::write(&packed, &bytes[..bytes.len() / 2]).unwrap();
    let error = read_exposures(&packed, &FrameOptions::default()).unwrap_err().to_string();
    assert!(error.contains("a.fits.gz"), "{error}");
}

#[test]
fn integers_are_scaled_and_blanks_have_no_data() {
    let values: [i16; 4] = [-32768, 0, 1, 32767];
    let data = values.iter().flat_map(|v| v.to_be_bytes()).collect();
    let scale = ["BSCALE  = 0.5", "BZERO   = 100.0", "BLANK   = -32768"];
    let facts =
        ["EXPTIME = 1.0", "BAND    = 'g'", "VISIT   = 1", "MJD-AVG = 60000.0", "TIMESYS = 'TAI'"];
    let cards = [&scale[..], &facts, TAN_CARDS].concat();
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("i.fits");
    std::fs::write(&path, file(&[RawHdu::image(true, 16, 4, 1, data, &cards)])).unwrap();
    let read = read_one(&path);
    assert_eq!(read.masked_image.image.as_slice().unwrap(), [0.0, 100.0, 100.5, 16483.5]);
    assert_eq!(read.masked_image.mask.as_slice().unwrap(), [mask_plane::NO_DATA, 0, 0, 0]);
    assert_eq!(read.visit_info.mid_mjd_tai, 60_000.0);
}

#[test]
fn doubles_beyond_f32_have_no_data() {
    let values = [1.5_f64, 1e300, f64::NAN, -2.0];
    let data = values.iter().flat_map(|v| v.to_be_bytes()).collect();
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("d.fits");
    std::fs::write(&path, file(&[RawHdu::image(true, -64, 2, 2, data, TAN_CARDS)])).unwrap();
    let image = FitsReader::open(&path).unwrap().read_image(0).unwrap();
    assert_eq!((image[[0, 0]], image[[1, 1]]), (1.5, -2.0));
    assert!(image[[0, 1]].is_infinite() && image[[1, 0]].is_nan());
}

#[test]
fn threads_read_at_once() {
    let folder = TempDir::new().unwrap();
    let paths: Vec<_> = (0..8).map(|i| folder.path().join(format!("{i}.fits"))).collect();
    std::thread::scope(|scope| {
        for path in &paths {
            scope.spawn(move || {
                for _ in 0..5 {
                    write_exposure(path, &exposure()).unwrap();
                    assert_same(&read_one(path), &exposure());
                }
            });
        }
    });
}

#[test]
fn failed_write_names_the_file_and_leaves_the_old_one() {
    let folder = TempDir::new().unwrap();
    let nowhere = folder.path().join("nowhere/a.fits");
    let error = write_exposure(&nowhere, &exposure()).unwrap_err().to_string();
    assert!(error.contains("nowhere/a.fits"), "{error}");
    let path = folder.path().join("a.fits");
    write_exposure(&path, &exposure()).unwrap();
    // A folder in the place of the temporary file: nothing can be written.
    std::fs::create_dir(folder.path().join("a.fits.partial")).unwrap();
    assert!(write_exposure(&path, &Exposure { photo_calib: None, ..exposure() }).is_err());
    assert_same(&read_one(&path), &exposure());
}
