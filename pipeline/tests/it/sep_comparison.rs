//! Aperture sums and detections against SEP 1.4.1 (references made by `measure_with_sep.py`).

use almagest_pipeline::camera::{FrameOptions, read_exposures};
use almagest_pipeline::characterize::{CharacterizeConfig, CharacterizeTask};
use almagest_pipeline::image::MaskedImage;
use almagest_pipeline::measurement::aperture_flux;
use almagest_pipeline::task::Task;
use ndarray::Array2;

use crate::real_data::folder;

/// The image of a formula that the script makes too: integers, exact in any language.
fn formula() -> MaskedImage {
    let image = Array2::from_shape_fn((120, 150), |(y, x)| {
        ((x * 7919 + y * 104_729 + x * y * 31) % 1009) as f32
    });
    unit_variance(image)
}

fn unit_variance(image: Array2<f32>) -> MaskedImage {
    let shape = image.dim();
    MaskedImage { image, mask: Array2::zeros(shape), variance: Array2::ones(shape) }
}

fn check_apertures(name: &str, image: &MaskedImage) {
    let text = include_str!("../reference/sep_apertures.csv");
    let mut compared = 0;
    for line in text.lines().skip(1).filter(|l| l.starts_with(name)) {
        let numbers: Vec<f64> = line.split(',').skip(1).map(|w| w.parse().unwrap()).collect();
        let (x, y, radius, flux, flux_err) =
            (numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]);
        let ours = aperture_flux(image, x, y, radius);
        // The sum of absolute values sets the scale where positive and negative pixels cancel.
        let scale = flux.abs().max(std::f64::consts::PI * radius * radius);
        assert!((ours.flux - flux).abs() < 1e-6 * scale, "{line}: {}", ours.flux);
        // SEP's error counts a rim pixel's variance with its area, ours with the area's square; the
        // difference is that of the rim, some π r of 2π r pixels times the mean of a − a².
        let rim = 2.0 * std::f64::consts::PI * radius;
        let difference = flux_err.powi(2) - ours.flux_err.powi(2);
        assert!(difference > 0.0 && difference < 0.25 * rim, "{line}: {difference}");
        compared += 1;
    }
    assert_eq!(compared, 56);
}

#[test]
fn aperture_sums_are_those_of_sep() {
    check_apertures("formula", &formula());
    let Some(data) = folder("decam-sequence") else { return };
    let frame = data.join("DEC-OBS04a.mini.fits");
    let exposure = read_exposures(&frame, &FrameOptions::default()).unwrap().remove(0);
    check_apertures("frame", &unit_variance(exposure.masked_image.image));
}

#[test]
fn what_sep_detects_is_detected() {
    let Some(data) = folder("decam-sequence") else { return };
    let frame = data.join("DEC-OBS04a.mini.fits");
    let exposure = read_exposures(&frame, &FrameOptions::default()).unwrap().remove(0);
    let result = CharacterizeTask::new(CharacterizeConfig::default()).run(&exposure).unwrap();
    let text = include_str!("../reference/sep_detections.csv");
    // SEP ran without a filter, five times the noise in each of three pixels: it finds the eight bright
    // ones; the matched filter finds fainter sources too. SEP's centre is the barycentre above threshold,
    // ours that of the PSF fit: they differ by up to a pixel on a galaxy and at the border.
    let mut found = 0;
    for line in text.lines().skip(1) {
        let numbers: Vec<f64> = line.split(',').map(|w| w.parse().unwrap()).collect();
        let near = result.sources.iter().any(|s| (s.x - numbers[0]).hypot(s.y - numbers[1]) < 1.5);
        assert!(near, "not found: {line}");
        found += 1;
    }
    assert_eq!(found, 8);
    assert!(result.sources.len() >= found);
}
