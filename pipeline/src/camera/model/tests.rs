//! Tests of cameras as data.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::wcs::Wcs;

const XS: &str = include_str!("../../../cameras/testcam-xs.yaml");

/// The message for the smallest test camera with a piece of its text replaced.
#[track_caller]
fn refused(from: &str, to: &str) -> String {
    let text = XS.replacen(from, to, 1);
    assert_ne!(text, XS, "{from} is not in the file");
    CameraModel::from_yaml(Path::new("my.yaml"), &text).unwrap_err().to_string()
}

#[test]
fn all_cameras_that_come_with_the_program_can_be_read() {
    let cameras = CameraModel::builtin().unwrap();
    let shape = |c: &CameraModel| {
        (c.name().to_owned(), c.detectors().len(), c.detectors()[0].amplifiers.len())
    };
    let shapes: Vec<_> = cameras.iter().map(shape).collect();
    let expected = [
        ("TestCam", 9, 8),
        ("TestCamS", 4, 8),
        ("TestCamXS", 1, 8),
        ("DECam", 62, 2),
        ("LSST-like", 9, 16),
    ];
    assert_eq!(shapes, expected.map(|(name, d, a)| (name.to_owned(), d, a)));
    let decam = CameraModel::named("decam").unwrap();
    assert_eq!(decam.filter("r DECam SDSS c0002 6415.0 1480.0").unwrap().band, "r");
    assert_eq!(decam.detector_named("S29").unwrap().id, 1);
    assert_eq!(decam.detector(62).unwrap().name, "N31");
    let error = CameraModel::named("Decam2").unwrap_err().to_string();
    assert_eq!(
        error,
        "there is no camera Decam2; known are TestCam, TestCamS, TestCamXS, DECam, LSST-like"
    );
}

#[test]
fn unknown_keys_are_refused_with_their_place() {
    let text = XS.replace("pixel_um", "pixel_nm").replace("gain: 1.52", "gian: 1.52");
    let message = CameraModel::from_yaml(Path::new("my.yaml"), &text).unwrap_err().to_string();
    assert_eq!(
        message,
        "my.yaml: pixel_nm: there is no such key, did you mean pixel_um?; \
         layouts.sensor.amplifiers[0].gian: there is no such key, did you mean gain?; \
         layouts.sensor.amplifiers[0].gain: is missing; pixel_um: is missing"
    );
    let message = refused("gain: 1.52", "gain: [1]");
    assert!(message.contains("a number, or the header keyword that holds it"), "{message}");
    let message = refused("\"[11:138,1:256]\"", "\"[11:138]\"");
    assert!(message.contains("'[11:138]' is no section"), "{message}");
}

#[test]
fn what_makes_no_sense_is_named_with_its_key() {
    let cases = [
        ("gain: 1.52", "gain: -1", "layouts.sensor.amplifiers[0].gain: -1 is not positive"),
        ("name: A1,", "name: A0,", "layouts.sensor.amplifiers[1]: A0 is there twice"),
        (
            "[129:256,1:256]\", flip: none",
            "[128:255,1:256]\", flip: none",
            "layouts.sensor.amplifiers[1].detector: [128:255,1:256] overlaps that of amplifier 0",
        ),
        (
            "[385:512,1:256]\", flip: x",
            "[386:513,1:256]\", flip: x",
            "[386:513,1:256] reaches beyond the detector's 512 x 512 pixels",
        ),
        (
            "source: A1",
            "source: B1",
            "layouts.sensor.crosstalk[0].source: there is no amplifier B1",
        ),
        ("layout: sensor", "layout: ccd", "detectors[0].layout: there is no layout ccd"),
        (
            "data: \"[11:138,1:256]\"",
            "data: \"[11:137,1:256]\"",
            "[11:137,1:256] has not the size of the place on the detector",
        ),
        ("hdu: A3, ", "", "layouts.sensor.amplifiers[3].hdu: is missing: raw.hdu is amplifier"),
        ("adc_bits: 18", "adc_bits: 4", "raw.adc_bits: 4 is not 8 to 31"),
        ("flat: [FLAT]", "flat: []", "headers.exposure_type.flat: allows no value"),
    ];
    for (from, to, expected) in cases {
        let message = refused(from, to);
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn all_problems_are_reported_at_once() {
    let text = XS.replace("pixel_um: 10", "pixel_um: 0").replace("gain: 1.5,", "gain: 0,");
    let message = CameraModel::from_yaml(Path::new("my.yaml"), &text).unwrap_err().to_string();
    assert_eq!(
        message,
        "my.yaml: pixel_um: 0 is not positive; layouts.sensor.amplifiers[6].gain: 0 is not positive"
    );
}

#[test]
fn focal_plane_and_pixels_return() {
    let camera = CameraModel::named("TestCam").unwrap();
    for detector in camera.detectors() {
        for (x, y) in [(0.0, 0.0), (2047.0, 17.0), (-3.5, 900.0)] {
            let (u, v) = camera.pixel_to_focal(detector, x, y);
            let (x2, y2) = camera.focal_to_pixel(detector, u, v);
            assert!((x2 - x).hypot(y2 - y) < 1e-9);
        }
    }
    // Three detectors of 20.48 mm with gaps of a quarter: corners some 44 mm from the centre.
    assert!((43.8..44.5).contains(&camera.focal_radius_mm()), "{}", camera.focal_radius_mm());
}

#[test]
fn world_coordinates_follow_the_focal_plane() {
    let camera = CameraModel::named("TestCam").unwrap();
    let pointing = Pointing { ra_deg: 30.0, dec_deg: 0.0, rotation_deg: 0.0 };
    // The detector in the upper right lies to the north and west.
    let detector = camera.detector_named("S22").unwrap();
    let wcs = camera.wcs(detector, &pointing).unwrap();
    let (ra, dec) = wcs.pixel_to_sky(1023.5, 1023.5);
    assert!(ra < 30.0 && dec > 0.0, "{ra} {dec}");
    let (x_mm, y_mm) = camera.pixel_to_focal(detector, 1023.5, 1023.5);
    let r = x_mm.hypot(y_mm) * camera.deg_per_mm();
    // The field angle of the linear plane, stretched by the distortion, projected.
    let stretched = r * (1.0 + 0.0017 * r * r);
    let angle = stretched.to_radians().atan().to_degrees();
    let cos = dec.to_radians().cos() * (ra - 30.0).to_radians().cos();
    assert!((cos.acos().to_degrees() - angle).abs() < 1e-7);
    // Turned by 90 degrees, up is to the east.
    let turned = camera.wcs(detector, &Pointing { rotation_deg: 90.0, ..pointing }).unwrap();
    let affine = turned.local_affine(1023.5, 1023.5);
    assert!(affine[0][1] > 5e-5 && affine[1][1].abs() < 1e-7, "{affine:?}");
    // Written to a header and read again, it is the same map.
    let header = Header::from_cards(wcs.to_cards());
    let again = Wcs::from_header(&header).unwrap();
    let (ra2, dec2) = again.pixel_to_sky(100.0, 1900.0);
    let (ra1, dec1) = wcs.pixel_to_sky(100.0, 1900.0);
    assert!((ra1 - ra2).abs() < 1e-12 && (dec1 - dec2).abs() < 1e-12);
}
