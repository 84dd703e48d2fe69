//! The rules for DECam, each on the real files.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::Path;

use almagest_pipeline::camera::{
    FrameFiles, FrameOptions, find_frames, parse_time, read_exposures, read_frame, read_visits,
    refuse_conflicts,
};
use almagest_pipeline::exposure::Exposure;
use almagest_pipeline::image::mask_plane;
use almagest_pipeline::inspect::inspect;

use crate::real_data::folder;

const SECOND: f64 = 1.0 / 86_400.0;

fn read_one(path: &Path) -> Exposure {
    let mut exposures = read_exposures(path, &FrameOptions::default()).unwrap();
    assert_eq!(exposures.len(), 1);
    exposures.remove(0)
}

fn median(values: impl Iterator<Item = f32>) -> f64 {
    let mut values: Vec<f32> = values.collect();
    values.sort_by(f32::total_cmp);
    f64::from(values[values.len() / 2])
}

#[track_caller]
fn close(value: f64, expected: f64, tolerance: f64) {
    assert!((value - expected).abs() <= tolerance, "{value} is not {expected} within {tolerance}");
}

#[test]
fn calibrated_exposure_with_weight_mask_and_zero_point() {
    let Some(data) = folder("decam/field4/images") else { return };
    let exposure = read_one(&data.join("c4d_170316_062107_ooi_z_ls9.N2.fits"));
    let (visit, detector) = (&exposure.visit_info, &exposure.detector);
    assert_eq!((visit.visit, detector.id, detector.name.as_str()), (630_780, 33, "N2"));
    assert_eq!((visit.instrument.as_str(), visit.band.as_str()), ("DECam", "z"));
    assert_eq!(visit.physical_filter.as_deref(), Some("z DECam SDSS c0004 9260.0 1520.0"));
    // The archive name says 06:21:07, after the end; the header's start counts. TAI - UTC was 37 s.
    let start = 57828.0 + (6.0 * 3600.0 + 18.0 * 60.0 + 30.750961 + 37.0) * SECOND;
    close(visit.start_mjd_tai, start, 2e-3 * SECOND);
    close(visit.mid_mjd_tai, start + 53.5 * SECOND, 2e-3 * SECOND);
    close(visit.boresight_ra_deg.unwrap(), 187.3235, 1e-6);
    close(visit.altitude_deg.unwrap(), 90.0 - 56.41, 1e-9);
    close(detector.gain_e_per_adu.unwrap(), (3.87047534931607 + 3.88300553808994) / 2.0, 1e-12);
    close(detector.saturation_adu.unwrap(), 45845.4416955499, 1e-9);
    close(exposure.photo_calib.unwrap().zero_point_mag, 29.915, 1e-12);
    assert_eq!(exposure.size(), (245, 251));
    // Code 5 is a cosmic ray; as bits it would be bad and interpolated.
    assert_eq!(exposure.masked_image.count(mask_plane::CR), 177);
    assert_eq!(exposure.masked_image.count(!mask_plane::CR), 0);
    // The header's own noise of the sky is 29.199 ADU.
    let sigma = median(exposure.masked_image.variance.iter().copied()).sqrt();
    close(sigma / 29.19871, 1.0, 0.05);
    let (ra, dec) = exposure.wcs.pixel_to_sky(122.0, 125.0);
    close(ra, 186.74, 0.01);
    close(dec, 25.46, 0.01);
    assert!(exposure.warnings.iter().any(|w| w.contains("RADESYS = FK5 (RADECSYS = ICRS)")));
    assert!(!exposure.warnings.iter().any(|w| w.contains("zero point")), "{:?}", exposure.warnings);
    assert!(exposure.psf_model.unwrap().ends_with("c4d_170316_062107_ooi_z_ls9-psfex.fits"));
}

#[test]
fn saturated_star_with_bleeds() {
    let Some(data) = folder("decam/field6/images") else { return };
    // Pixels of code 3 (saturated) and 4 (trail) in each mask.
    let expected = [
        ("c4d_150110_053718_ooi_z_ls9.S4.fits", 895, 797),
        ("c4d_171113_061941_ooi_r_ls9.S4.fits", 866, 739),
        ("c4d_181104_072440_ooi_g_ls9.S4.fits", 999, 761),
        ("c4d_181214_050844_ooi_g_ls9.S9.fits", 1352, 723),
        ("c4d_181215_045000_ooi_z_ls9.S9.fits", 779, 604),
        ("c4d_181215_051332_ooi_r_ls9.S9.fits", 746, 651),
    ];
    for (name, saturated, trail) in expected {
        let exposure = read_one(&data.join(name));
        let pixels = &exposure.masked_image;
        assert_eq!(pixels.count(mask_plane::SAT), saturated + trail, "{name}");
        assert_eq!(pixels.count(mask_plane::INTRP), trail, "{name}");
        assert!(pixels.image.iter().all(|v| v.is_finite()));
        assert!(pixels.variance.iter().all(|&v| v > 0.0 && v.is_finite()));
        assert!(exposure.photo_calib.is_none());
        assert!(exposure.warnings.iter().any(|w| w.starts_with("no zero point")));
    }
}

#[test]
fn weight_is_inverse_variance_of_photons() {
    let Some(data) = folder("decam") else { return };
    for files in find_frames(&[data]).unwrap() {
        assert!(files.weight.is_some() && files.mask.is_some() && files.psf.is_some(), "{files:?}");
        let exposure = read_frame(&files, &FrameOptions::default()).unwrap().remove(0);
        let pixels = &exposure.masked_image;
        let gain = exposure.detector.gain_e_per_adu.unwrap();
        let read_noise = exposure.detector.read_noise_e.unwrap();
        // These images keep their sky, so gain and read noise predict the variance of clean pixels.
        let predicted = median(pixels.image.iter().copied()) / gain + (read_noise / gain).powi(2);
        let ratio = median(pixels.variance.iter().copied()) / predicted;
        assert!((0.85..1.15).contains(&ratio), "{}: {ratio}", files.image.display());
    }
}

#[test]
fn mask_code_is_bad_pixel() {
    let Some(data) = folder("decam/field6/images") else { return };
    let exposure = read_one(&data.join("c4d_181104_072440_ooi_g_ls9.S4.fits"));
    assert_eq!(exposure.masked_image.count(mask_plane::BAD), 1);
}

/// File, visit and start (UTC) of the sequence; the start stands in the pipeline's name of the weight.
const SEQUENCE: [(&str, i64, &str); 10] = [
    ("DEC-OBS04a", 180_804_092_331, "2018-08-04T09:23:31.598174"),
    ("DEC-OBS04b", 180_804_052_409, "2018-08-04T05:24:09"),
    ("DEC-OBS04c", 180_804_055_402, "2018-08-04T05:54:02"),
    ("DEC-OBS04d", 180_804_075_344, "2018-08-04T07:53:44"),
    ("DEC-OBS04e", 180_804_082_338, "2018-08-04T08:23:38"),
    ("DEC-OBS18a", 160_818_043_331, "2016-08-18T04:27:10"),
    ("DEC-OBS18b", 160_818_020_339, "2016-08-18T01:57:18"),
    ("DEC-OBS18c", 160_818_030_325, "2016-08-18T02:57:05"),
    ("DEC-OBS18d", 160_818_053_313, "2016-08-18T05:26:53"),
    ("DEC-OBS18e", 160_818_065_148, "2016-08-18T06:45:29"),
];

#[test]
fn resampled_frames_are_themselves_in_spite_of_their_copied_time() {
    let Some(data) = folder("decam-sequence") else { return };
    for (name, visit, start) in SEQUENCE {
        let exposure = read_one(&data.join(format!("{name}.mini.fits")));
        let info = &exposure.visit_info;
        assert_eq!(
            (info.visit, exposure.detector.id, info.band.as_str()),
            (visit, 37, "i"),
            "{name}"
        );
        close(info.start_mjd_tai, parse_time(start).unwrap(), 1e-3 * SECOND);
        close(info.mid_mjd_tai - info.start_mjd_tai, 165.0 * SECOND, 1e-3 * SECOND);
        assert!(info.airmass.is_some() && exposure.photo_calib.is_none());
        let copied = exposure.warnings.iter().any(|w| w.contains("copied from another exposure"));
        assert_eq!(copied, name != "DEC-OBS04a", "{name}");
    }
}

#[test]
fn airmass_of_the_header_fits_the_start_from_the_product_name() {
    let Some(data) = folder("decam-sequence") else { return };
    for (name, ..) in SEQUENCE {
        let exposure = read_one(&data.join(format!("{name}.mini.fits")));
        let info = &exposure.visit_info;
        let (ra, dec) = (info.boresight_ra_deg.unwrap(), info.boresight_dec_deg.unwrap());
        // The start given by the archive name of 2016 is six minutes late, which this would see.
        let airmass = airmass_at_ctio(info.start_mjd_tai, ra, dec);
        close(airmass, info.airmass.unwrap(), 0.0085);
    }
}

/// Plane-parallel airmass at Cerro Tololo; sidereal time by the linear formula of the IAU, precession
/// from J2000 to first order.
fn airmass_at_ctio(mjd_tai: f64, ra: f64, dec: f64) -> f64 {
    let ut = mjd_tai - 36.5 * SECOND - 51_544.5;
    let sidereal = 280.460_618_37 + 360.985_647_366_29 * ut - 70.81489;
    let years = ut / 365.25;
    let (sin_ra, cos_ra) = ra.to_radians().sin_cos();
    let ra = ra + years * (46.1 + 20.04 * sin_ra * dec.to_radians().tan()) / 3600.0;
    let dec = dec + years * 20.04 * cos_ra / 3600.0;
    let (hour, dec, lat) =
        ((sidereal - ra).to_radians(), dec.to_radians(), (-30.16606_f64).to_radians());
    (lat.sin() * dec.sin() + lat.cos() * dec.cos() * hour.cos()).recip()
}

#[test]
fn noise_of_sky_subtracted_frames_knows_the_sky() {
    let Some(data) = folder("decam-sequence") else { return };
    for (name, ..) in SEQUENCE {
        let exposure = read_one(&data.join(format!("{name}.mini.fits")));
        let pixels = &exposure.masked_image;
        let centre = median(pixels.image.iter().copied());
        let mad = median(pixels.image.iter().map(|v| (v - centre as f32).abs()));
        let sigma = median(pixels.variance.iter().copied()).sqrt();
        // Resampling correlates the pixels, and faint sources widen the scatter.
        let ratio = 1.4826 * mad / sigma;
        assert!((0.85..1.1).contains(&ratio), "{name}: {ratio}");
        assert_eq!(pixels.count(mask_plane::SAT), 0);
        assert!(
            exposure.warnings.iter().any(|w| w.starts_with("no mask: only pixels at or above"))
        );
    }
    let last = read_one(&data.join("DEC-OBS18e.mini.fits"));
    close(last.detector.saturation_adu.unwrap(), 35085.73291015625, 1e-9);
}

#[test]
fn frames_are_found_in_nested_folders_and_among_their_companions() {
    let (Some(decam), Some(sequence)) = (folder("decam"), folder("decam-sequence")) else { return };
    let frames = find_frames(&[decam.clone(), sequence]).unwrap();
    assert_eq!(frames.len(), 8 + 1 + 6 + 10);
    let by_shell: Vec<_> = std::fs::read_dir(decam.join("field4/images"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    let named = find_frames(&by_shell).unwrap();
    assert_eq!((by_shell.len(), named.len()), (3, 1));
    assert!(named[0].image.to_string_lossy().contains("_ooi_"));
    let missing = find_frames(&[decam.join("nowhere")]).unwrap_err().to_string();
    assert!(missing.contains("nowhere"));
}

#[test]
fn no_two_real_frames_claim_one_identity() {
    let (Some(decam), Some(sequence)) = (folder("decam"), folder("decam-sequence")) else { return };
    let frames = find_frames(&[decam, sequence]).unwrap();
    let claim = |files: &FrameFiles| {
        let (visit, detector) = read_visits(files, &FrameOptions::default()).unwrap().remove(0);
        (visit.visit, detector.id)
    };
    let claims: Vec<_> = frames.iter().map(claim).collect();
    assert_eq!(claims.iter().collect::<BTreeSet<_>>().len(), 25);
    let listed =
        || claims.iter().zip(&frames).map(|(&(v, d), files)| (v, d, files.image.as_path()));
    assert!(refuse_conflicts(listed()).is_ok());
    let twice = listed().chain([(claims[3].0, claims[3].1, Path::new("other.fits"))]);
    let error = refuse_conflicts(twice).unwrap_err().to_string();
    assert!(error.contains("other.fits") && error.contains(&claims[3].0.to_string()), "{error}");
}

#[test]
fn inspection_tells_what_was_understood() {
    let Some(data) = folder("decam/field6/images") else { return };
    let path = data.join("c4d_181104_072440_ooi_g_ls9.S4.fits");
    let inspection = inspect(&path, &FrameOptions::default()).unwrap();
    assert!(inspection.is_usable());
    let text = inspection.to_string();
    println!("{text}");
    for fact in [
        "DECam Community Pipeline",
        "790643  [EXPNUM]",
        "28  [S4]",
        "MJD-OBS (start, UTC)",
        "SAT: 1760 of 10100 pixels",
        "TPV, centre 110.",
        "zero point    unknown",
        "warning       WCSCAL = Failed",
        "mask          ",
    ] {
        assert!(text.contains(fact), "'{fact}' is missing in\n{text}");
    }
}
