//! Extinction, the gradient of the sky and errors of the pointing against what their truth says.

use almagest_pipeline::simulate::{Effects, FrameId, Survey, SurveyConfig};
use ndarray::Array2;

use super::{aperture, electrons, isolated_star, none, science, survey};

/// Without clouds: what is left of the air is its coefficient.
fn clear(config: &mut SurveyConfig) {
    config.atmosphere.gray_scatter_mag = 0.0;
    config.atmosphere.cloud_gradient = 0.0;
    config.visits_per_band = 3;
}

#[test]
fn extinction_takes_its_magnitudes_from_every_star() {
    let with = survey(Effects { extinction: true, ..none() }, clear);
    let without = survey(none(), clear);
    let coefficient = with.config().atmosphere.extinction_mag["r"];
    assert!(coefficient > 0.05);
    let mut airmasses = vec![];
    for (exposure, visit) in with.visits().iter().enumerate() {
        assert!((visit.extinction_mag - coefficient * visit.airmass).abs() < 1e-12);
        assert_eq!(without.visits()[exposure].extinction_mag, 0.0);
        airmasses.push(visit.airmass);
        let expected = 10f64.powf(0.4 * coefficient * visit.airmass);
        let frame =
            |survey: &Survey| survey.frame(FrameId { exposure, detector: 0 }, false).unwrap();
        let (dim, bright) = (frame(&with), frame(&without));
        let pairs = dim.truth.sources.iter().zip(&bright.truth.sources);
        let mut n = 0;
        for (dim, bright) in pairs.filter(|(dim, _)| dim.electrons > 0.0) {
            assert_eq!(dim.id, bright.id);
            assert!((bright.electrons / dim.electrons / expected - 1.0).abs() < 1e-9);
            n += 1;
        }
        assert!(n > 20, "{n} stars");
        // The pixels say the same: those of one star, above the sky, which is not dimmed.
        let (x, y, _) = isolated_star(&bright, 2e4..2e5);
        let light = |survey: &Survey, frame| {
            let sky = survey.visits()[exposure].sky_e;
            aperture(&electrons(survey, frame).mapv(|value| value - sky), x, y, 12.0)
        };
        let ratio = light(&without, &bright.raw) / light(&with, &dim.raw);
        assert!((ratio / expected - 1.0).abs() < 0.01, "{ratio}, not {expected}");
    }
    let spread = airmasses.iter().fold(0.0, |most: f64, a| most.max((a - airmasses[0]).abs()));
    assert!(spread > 0.01, "{airmasses:?}");
}

/// The least-squares plane through an image: value at the first pixel, change per column and per row.
fn plane(image: &Array2<f64>) -> [f64; 3] {
    let (ny, nx) = image.dim();
    let (mid_x, mid_y) = ((nx - 1) as f64 / 2.0, (ny - 1) as f64 / 2.0);
    let n = image.len() as f64;
    let mean = image.sum() / n;
    let (mut by_x, mut by_y, mut xx, mut yy) = (0.0, 0.0, 0.0, 0.0);
    for ((j, i), value) in image.indexed_iter() {
        let (x, y) = (i as f64 - mid_x, j as f64 - mid_y);
        by_x += x * value;
        by_y += y * value;
        xx += x * x;
        yy += y * y;
    }
    let (along_x, along_y) = (by_x / xx, by_y / yy);
    [mean - along_x * mid_x - along_y * mid_y, along_x, along_y]
}

#[test]
fn the_sky_is_as_steep_as_its_truth_says() {
    let starless = |config: &mut SurveyConfig| {
        clear(config);
        config.sky.stars_per_arcmin2 = 0.0;
        // Across one small detector no more than a few hundredths of it show.
        config.atmosphere.sky_gradient = 0.5;
    };
    let effects = Effects { sky_gradient: true, ..none() };
    let (with, without) = (survey(effects, starless), survey(none(), starless));
    for (exposure, visit) in with.visits().iter().enumerate() {
        let id = FrameId { exposure, detector: 0 };
        let [gradient_x, gradient_y] = visit.sky_gradient;
        assert!(gradient_x.hypot(gradient_y) > 0.01, "{:?}", visit.sky_gradient);
        let detector = &with.sensors()[0].model;
        let radius = with.camera().focal_radius_mm();
        let truth = |x: f64, y: f64| {
            let (u, v) = with.camera().pixel_to_focal(detector, x, y);
            visit.sky_e * (1.0 + (gradient_x * u + gradient_y * v) / radius)
        };
        let image = electrons(&with, &with.frame(id, false).unwrap().raw);
        let [start, along_x, along_y] = plane(&image);
        let (first, steepness) = (truth(0.0, 0.0), gradient_x.hypot(gradient_y) * visit.sky_e);
        // Whole ADU are averaged over 2.6e5 pixels; the slope is compared over the frame.
        let over_frame = |slope: f64, expected: f64| 511.0 * (slope - expected) / steepness;
        assert!(over_frame(along_x, truth(1.0, 0.0) - first).abs() < 0.01, "{along_x}");
        assert!(over_frame(along_y, truth(0.0, 1.0) - first).abs() < 0.01, "{along_y}");
        assert!((start / first - 1.0).abs() < 0.01, "{start}, not {first}");
        assert_eq!(without.visits()[exposure].sky_gradient, [0.0; 2]);
        let flat = plane(&electrons(&without, &without.frame(id, false).unwrap().raw));
        assert!(511.0 * flat[1].hypot(flat[2]) < 0.01 * flat[0], "{flat:?}");
    }
}

#[test]
fn headers_point_beside_the_sky_by_what_the_truth_says() {
    let many = |config: &mut SurveyConfig| config.visits_per_band = 60;
    let with = survey(Effects { pointing_error: true, ..none() }, many);
    let without = survey(none(), many);
    let offset = |survey: &Survey, visit: usize| {
        let visit = &survey.visits()[visit];
        let (truth, header) = (visit.pointing, visit.header_pointing);
        let east = (header.ra_deg - truth.ra_deg) * truth.dec_deg.to_radians().cos();
        (east * 3600.0, (header.dec_deg - truth.dec_deg) * 3600.0)
    };
    // A hundred and twenty draws of one width: their rms is good to 6.5 %.
    let sum: f64 = (0..60)
        .map(|visit| offset(&with, visit))
        .map(|(east, north)| east * east + north * north)
        .sum();
    let (rms, expected) = ((sum / 120.0).sqrt(), with.config().pointing_error_arcsec);
    assert!((rms / expected - 1.0).abs() < 0.25, "{rms} arcsec, not {expected}");
    assert!((0..60).all(|visit| offset(&without, visit) == (0.0, 0.0)));
    // A frame's header is off by as much as its visit's truth says, seen from the middle of the detector.
    for (survey, is_off) in [(&with, true), (&without, false)] {
        let made = science(survey);
        let (east, north) = offset(survey, 0);
        let (truth, header) = (made.truth.wcs.unwrap(), made.raw.nominal_wcs().unwrap().unwrap());
        let (seen, told) = (truth.pixel_to_sky(255.5, 255.5), header.pixel_to_sky(255.5, 255.5));
        let seen_east = (told.0 - seen.0) * seen.1.to_radians().cos() * 3600.0;
        let seen_north = (told.1 - seen.1) * 3600.0;
        let apart = (seen_east - east).hypot(seen_north - north);
        assert!(apart < 0.02, "({seen_east}, {seen_north}) arcsec, not ({east}, {north})");
        assert_eq!(east.hypot(north) > 0.1, is_off);
    }
}
