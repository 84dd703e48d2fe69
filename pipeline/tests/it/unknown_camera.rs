//! Cameras without a rule: what must be given is named, and what is given is used.

#![allow(clippy::unwrap_used)]

use almagest_pipeline::camera::{FrameOptions, read_exposures};
use almagest_pipeline::image::mask_plane;
use almagest_pipeline::inspect::inspect;
use tempfile::TempDir;

use crate::fits_bytes::{RawHdu, TAN_CARDS, file};

fn folder_with(name: &str, hdus: &[RawHdu]) -> TempDir {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join(name), file(hdus)).unwrap();
    folder
}

/// An image of 20 x 10 pixels whose scatter is 2 ADU in the mean square.
fn pixels() -> Vec<f32> {
    (0..200_i32).map(|i| 100.0 + ((i * 7919 + i * i * 31) % 9 - 4) as f32).collect()
}

#[test]
fn everything_missing_is_named_at_once() {
    let folder = folder_with("a.fits", &[RawHdu::real(true, 20, 10, &pixels(), TAN_CARDS)]);
    let path = folder.path().join("a.fits");
    let error = read_exposures(&path, &FrameOptions::default()).unwrap_err().to_string();
    for part in ["a.fits", "HDU 0", "unknown camera", "--band", "--time", "exposure_time"] {
        assert!(error.contains(part), "'{part}' is missing in: {error}");
    }
    let inspection = inspect(&path, &FrameOptions::default()).unwrap();
    assert!(!inspection.is_usable());
    assert!(inspection.to_string().contains("--band"), "{inspection}");
}

#[test]
fn options_override_sidecar_overrides_header() {
    let cards =
        [TAN_CARDS, &["EXPTIME = 60.0", "GAIN    = 2.0", "VISIT   = 17", "BAND    = 'u'"]].concat();
    let folder = folder_with("a.fits", &[RawHdu::real(true, 20, 10, &pixels(), &cards)]);
    std::fs::write(
        folder.path().join("a.yaml"),
        "band: g\nexposure_time: 30\nzeropoint_mag: 25.5\ndetector: 4\n",
    )
    .unwrap();
    let options = FrameOptions {
        band: Some("r".to_owned()),
        mid_mjd_tai: Some(60_000.25),
        ..FrameOptions::default()
    };
    let exposure = read_exposures(&folder.path().join("a.fits"), &options).unwrap().remove(0);
    let visit = &exposure.visit_info;
    assert_eq!((visit.visit, exposure.detector.id, visit.band.as_str()), (17, 4, "r"));
    assert_eq!((visit.exposure_time_s, visit.mid_mjd_tai), (30.0, 60_000.25));
    assert!((visit.start_mjd_tai - 60_000.25 + 15.0 / 86_400.0).abs() < 1e-9);
    assert_eq!(exposure.photo_calib.unwrap().zero_point_mag, 25.5);
    assert_eq!(exposure.detector.gain_e_per_adu, Some(2.0));
}

fn given() -> FrameOptions {
    FrameOptions {
        band: Some("r".to_owned()),
        mid_mjd_tai: Some(60_000.25),
        exposure_time_s: Some(30.0),
        ..FrameOptions::default()
    }
}

#[test]
fn variance_without_weight_is_the_scatter_of_the_image() {
    let folder = folder_with("a.fits", &[RawHdu::real(true, 20, 10, &pixels(), TAN_CARDS)]);
    let exposure = read_exposures(&folder.path().join("a.fits"), &given()).unwrap().remove(0);
    let variance = exposure.masked_image.variance[[3, 3]];
    // The values run evenly from -4 to 4: variance 20/3.
    assert!((variance / 6.67 - 1.0).abs() < 0.6, "{variance}");
    assert!(exposure.warnings.iter().any(|w| w.starts_with("no weight")));
    assert!(exposure.warnings.iter().any(|w| w.starts_with("no mask")));
    assert!(exposure.warnings.iter().any(|w| w.starts_with("no visit number")));
    assert_eq!(exposure.visit_info.visit, ((60_000.25_f64 - 50_000.0) * 86_400.0) as i64);
}

#[test]
fn given_weight_and_mask_are_used() {
    let folder = folder_with("a.fits", &[RawHdu::real(true, 20, 10, &pixels(), TAN_CARDS)]);
    let mut weight = vec![0.25_f32; 200];
    weight[7] = 0.0;
    let mut mask = vec![0_u8; 200];
    mask[21] = 9;
    let write = |name: &str, hdu: RawHdu| {
        let path = folder.path().join(name);
        std::fs::write(&path, file(&[hdu])).unwrap();
        Some(path)
    };
    let options = FrameOptions {
        weight: write("w.fits", RawHdu::real(true, 20, 10, &weight, &[])),
        mask: write("m.fits", RawHdu::image(true, 8, 20, 10, mask, &[])),
        psf: Some("model.psf".into()),
        ..given()
    };
    let exposure = read_exposures(&folder.path().join("a.fits"), &options).unwrap().remove(0);
    let pixels = &exposure.masked_image;
    assert!(pixels.variance.iter().all(|&v| v == 4.0));
    assert_eq!((pixels.mask[[0, 7]], pixels.mask[[1, 1]]), (mask_plane::BAD, mask_plane::BAD));
    assert_eq!(pixels.count(u32::MAX), 2);
    assert_eq!(exposure.psf_model, Some("model.psf".into()));
    let small = FrameOptions {
        mask: write("s.fits", RawHdu::image(true, 8, 2, 2, vec![0; 4], &[])),
        ..given()
    };
    let error = read_exposures(&folder.path().join("a.fits"), &small).unwrap_err().to_string();
    assert!(
        error.contains("s.fits") && error.contains("2 x 2") && error.contains("20 x 10"),
        "{error}"
    );
}

#[test]
fn saturated_pixels_are_flagged_where_no_mask_is_given() {
    let mut values = pixels();
    values[45] = 60_000.0;
    values[46] = f32::NAN;
    let cards = [TAN_CARDS, &["SATURATE= 50000.0"]].concat();
    let folder = folder_with("a.fits", &[RawHdu::real(true, 20, 10, &values, &cards)]);
    let exposure = read_exposures(&folder.path().join("a.fits"), &given()).unwrap().remove(0);
    let mask = &exposure.masked_image.mask;
    assert_eq!((mask[[2, 5]], mask[[2, 6]]), (mask_plane::SAT, mask_plane::NO_DATA));
    assert_eq!(exposure.masked_image.image[[2, 6]], 0.0);
}

#[test]
fn several_extensions_are_several_detectors() {
    let half = |name: &str, value: f32, number: i32| {
        let cards = [format!("EXTNAME = '{name}'"), format!("CCDNUM  = {number}")];
        let cards: Vec<&str> =
            cards.iter().map(String::as_str).chain(TAN_CARDS.iter().copied()).collect();
        RawHdu::real(false, 4, 3, &[value; 12], &cards)
    };
    let mask = RawHdu::image(false, 8, 4, 3, vec![0; 12], &["EXTNAME = 'MASK'"]);
    let primary = RawHdu::empty_primary(&[
        "EXPTIME = 45.0",
        "BAND    = 'y'",
        "EXPNUM  = 99",
        "DATE-BEG= '2020-01-01T00:00:00'",
    ]);
    let folder = folder_with("m.fits", &[primary, half("S1", 1.0, 5), half("S2", 2.0, 6), mask]);
    let weight = |name: &str, value: f32| {
        RawHdu::real(false, 4, 3, &[value; 12], &[&format!("EXTNAME = '{name}'")])
    };
    let weights = folder.path().join("w.fits");
    // The other way round: names decide, not places.
    std::fs::write(
        &weights,
        file(&[RawHdu::empty_primary(&[]), weight("S2", 0.5), weight("S1", 0.1)]),
    )
    .unwrap();
    let options = FrameOptions { weight: Some(weights), ..FrameOptions::default() };
    let exposures = read_exposures(&folder.path().join("m.fits"), &options).unwrap();
    let read: Vec<_> = exposures
        .iter()
        .map(|e| {
            (
                e.visit_info.visit,
                e.detector.id,
                e.masked_image.image[[0, 0]],
                e.masked_image.variance[[2, 3]],
            )
        })
        .collect();
    assert_eq!(read, [(99, 5, 1.0, 10.0), (99, 6, 2.0, 2.0)]);
    // 2020-01-01 in TAI is 37 s later; the middle of 45 s another 22.5 s.
    assert!((exposures[0].visit_info.mid_mjd_tai - 58_849.0 - 59.5 / 86_400.0).abs() < 1e-9);
    assert!(exposures[1].warnings.iter().any(|w| w.ends_with("not used: extensions MASK")));
    let one_name_for_two = FrameOptions { detector: Some(1), ..FrameOptions::default() };
    let error =
        read_exposures(&folder.path().join("m.fits"), &one_name_for_two).unwrap_err().to_string();
    assert!(error.contains("2 detectors"), "{error}");
}
