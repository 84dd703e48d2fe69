//! Cosmic rays of the survey simulator: tracks masked, stars untouched, few false pixels.

use almagest_pipeline::characterize::{CharacterizeConfig, CharacterizeTask};
use almagest_pipeline::cosmic_ray::Method;
use almagest_pipeline::image::mask_plane;
use almagest_pipeline::simulate::frame::PlannedKind;
use almagest_pipeline::simulate::{Effects, FrameId, Preset, SimulatedFrame, Survey, SurveyConfig};
use almagest_pipeline::task::Task;
use ndarray::Array2;

/// Frames of a sky of stars and galaxies, as a perfect instrument sees it, with the rays of the sensor.
fn frames() -> Vec<SimulatedFrame> {
    let mut config = SurveyConfig { effects: Effects::default(), ..Preset::Xs.config() };
    config.camera = "TestCamS".to_owned();
    config.bands = vec!["r".to_owned()];
    config.visits_per_band = 1;
    config.effects.streaks = false;
    // More stars than usual to be damaged, and three times the rays.
    config.sky.stars_per_arcmin2 = 25.0;
    config.sensor.cosmic_rays_per_s_mpix = 0.9;
    let survey = Survey::new(config).unwrap();
    let is_science = |k: &usize| matches!(survey.exposures()[*k].kind, PlannedKind::Science(_));
    let science: Vec<usize> = (0..survey.exposures().len()).filter(is_science).collect();
    science
        .into_iter()
        .flat_map(|exposure| (0..4).map(move |detector| FrameId { exposure, detector }))
        .map(|id| {
            let mut frame = survey.frame(id, true).unwrap();
            let pixels = &mut frame.calibrated.as_mut().unwrap().masked_image;
            for &(x, y, electrons) in frame.truth.cosmic_rays.iter().flat_map(|ray| &ray.pixels) {
                pixels.image[[y, x]] += electrons;
                pixels.variance[[y, x]] += electrons;
            }
            frame
        })
        .collect()
}

#[derive(Default, Debug)]
struct Tally {
    tracks: usize,
    masked: usize,
    stars: usize,
    damaged: usize,
    false_pixels: usize,
    megapixels: f64,
    unflagged: usize,
    sources: usize,
    false_sources: usize,
}

impl Tally {
    fn add(&mut self, frame: &SimulatedFrame, method: Method) {
        let exposure = frame.calibrated.as_ref().unwrap();
        let mut config = CharacterizeConfig::default();
        config.cosmic_rays.method = method;
        let result = CharacterizeTask::new(config).run(exposure).unwrap();
        let (ny, nx) = result.image.mask.dim();
        let is_masked = |x: usize, y: usize| result.image.mask[[y, x]] & mask_plane::CR != 0;
        let mut near_ray = Array2::from_elem((ny, nx), false);
        for ray in &frame.truth.cosmic_rays {
            // What stands out of the noise of a pixel by five must be masked to nine tenths.
            let noise = f64::from(5.0 * result.sky_noise as f32);
            let (mut charge, mut caught) = (0.0, 0.0);
            for &(x, y, electrons) in &ray.pixels {
                for v in y.saturating_sub(1)..(y + 2).min(ny) {
                    for u in x.saturating_sub(1)..(x + 2).min(nx) {
                        near_ray[[v, u]] = true;
                    }
                }
                let inside = x > 0 && y > 0 && x + 1 < nx && y + 1 < ny;
                if f64::from(electrons) > noise && inside {
                    charge += f64::from(electrons);
                    caught += if is_masked(x, y) { f64::from(electrons) } else { 0.0 };
                }
            }
            if charge > 0.0 {
                self.tracks += 1;
                self.masked += usize::from(caught >= 0.9 * charge);
            }
        }
        self.false_pixels +=
            near_ray.indexed_iter().filter(|((y, x), near)| !**near && is_masked(*x, *y)).count();
        self.megapixels += (ny * nx) as f64 * 1e-6;
        let noise = result.sky_noise * result.psf.fwhm_px * 1.5;
        for star in frame.truth.sources.iter().filter(|s| s.electrons > 20.0 * noise) {
            let (x, y) = (star.x.round() as i64, star.y.round() as i64);
            let pixels = (-2..=2).flat_map(|v| (-2..=2).map(move |u| (x + u, y + v)));
            let inside: Vec<(usize, usize)> = pixels
                .filter(|&(u, v)| u >= 0 && v >= 0 && u < nx as i64 && v < ny as i64)
                .map(|(u, v)| (u as usize, v as usize))
                .collect();
            if inside.iter().any(|&(u, v)| near_ray[[v, u]]) {
                continue;
            }
            self.stars += 1;
            self.damaged += usize::from(inside.iter().any(|&(u, v)| is_masked(u, v)));
        }
        // What is no object and does not say that a ray was there.
        let is_object =
            |x: f64, y: f64| frame.truth.sources.iter().any(|t| (t.x - x).hypot(t.y - y) < 4.0);
        let unflagged = result.sources.iter().filter(|s| !s.pixel_flags.cr());
        self.sources += unflagged.clone().count();
        self.false_sources += unflagged.filter(|s| !is_object(s.x, s.y)).count();
        // Detections on a ray, away from any object, that do not say so.
        self.unflagged += result
            .sources
            .iter()
            .filter(|s| {
                let (x, y) = (s.x.round().max(0.0) as usize, s.y.round().max(0.0) as usize);
                near_ray.get([y, x]).copied().unwrap_or(false) && !s.pixel_flags.cr()
            })
            .filter(|s| !frame.truth.sources.iter().any(|t| (t.x - s.x).hypot(t.y - s.y) < 4.0))
            .count();
    }
}

#[test]
fn tracks_are_masked_and_stars_are_not() {
    let frames = frames();
    for method in [Method::Sharpness, Method::Laplacian] {
        let mut tally = Tally::default();
        frames.iter().for_each(|frame| tally.add(frame, method));
        let masked = tally.masked as f64 / tally.tracks as f64;
        let false_pixels = tally.false_pixels as f64 / tally.megapixels;
        let unflagged = tally.unflagged as f64 / tally.megapixels;
        let purity = 1.0 - tally.false_sources as f64 / tally.sources as f64;
        println!(
            "{method:?}: purity {purity:.4} of {} sources (gate 0.985), {:.1} % of {} tracks masked (gate 97), {} of {} stars damaged (gate 0), \
             {false_pixels:.1} false pixels per Mpix (gate 20), {unflagged:.2} unflagged rays (gate 0.5)",
            tally.sources,
            100.0 * masked,
            tally.tracks,
            tally.damaged,
            tally.stars
        );
        assert!(tally.tracks >= 80 && tally.stars > 270, "{tally:?}");
        assert_eq!(tally.damaged, 0, "{method:?}: {tally:?}");
        assert!(false_pixels <= 20.0 && purity >= 0.985, "{method:?}: {tally:?}");
        assert!(masked >= 0.97 && unflagged <= 0.5, "{method:?}: {tally:?}");
    }
}
