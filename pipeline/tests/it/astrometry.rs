//! World coordinates and zero point of survey frames, from nominal coordinates and reference stars.

use std::path::Path;
use std::sync::Arc;

use almagest_pipeline::astrometry::{AstrometryConfig, AstrometrySolution};
use almagest_pipeline::characterize::{
    CharacterizeConfig, CharacterizeTask, Characterized, EffectiveTime, FiducialConditions,
};
use almagest_pipeline::exposure::Exposure;
use almagest_pipeline::reference_catalog::{PhotometryConfig, ReferenceCatalog};
use almagest_pipeline::simulate::frame::PlannedKind;
use almagest_pipeline::simulate::sky::ObjectKind;
use almagest_pipeline::simulate::{
    FrameId, Preset, SURVEY_BANDS, SimulatedFrame, Survey, SurveyConfig,
};
use almagest_pipeline::statistics::{median, quantile};
use almagest_pipeline::task::Task;
use arrow::array::{ArrayRef, Float64Array, RecordBatch};

/// A sky of a star density, and its frames of one detector in i.
struct Field {
    survey: Survey,
    frames: Vec<SimulatedFrame>,
}

fn field(visits: usize, change: impl FnOnce(&mut SurveyConfig)) -> Field {
    let mut config = Preset::Xs.config();
    config.camera = "TestCamS".to_owned();
    // In i the colours of the stars bend their light by a milliarcsecond or two only.
    config.bands = vec!["i".to_owned()];
    config.visits_per_band = visits;
    config.sky.stars_per_arcmin2 = 45.0;
    config.sky.star_magnitudes = (16.5, 23.5);
    config.sky.galaxies_per_arcmin2 = 12.0;
    config.effects.streaks = false;
    change(&mut config);
    let survey = Survey::new(config).unwrap();
    let is_science = |k: &usize| matches!(survey.exposures()[*k].kind, PlannedKind::Science(_));
    let science = (0..survey.exposures().len()).filter(is_science);
    let frames =
        science.map(|exposure| survey.frame(FrameId { exposure, detector: 0 }, true).unwrap());
    Field { frames: frames.collect(), survey }
}

/// Stars of the sky as a catalog would have them: `n` of those on a frame, or all down to 21.
pub fn reference(
    survey: &Survey,
    band: &str,
    near: Option<(&SimulatedFrame, usize)>,
) -> ReferenceCatalog {
    let sky = survey.sky();
    let number = SURVEY_BANDS.iter().position(|name| *name == band).unwrap();
    let magnitude = format!("{band}_mag");
    let mut stars: Vec<_> = sky
        .objects
        .iter()
        .filter_map(|object| match &object.kind {
            ObjectKind::Star(motion, None) => Some((object, *motion)),
            _ => None,
        })
        .filter(|(object, _)| object.flux_njy[number] > 10f64.powf(0.4 * (31.4 - 21.0)))
        .collect();
    if let Some((frame, n)) = near {
        let seen: Vec<i64> = frame.truth.sources.iter().map(|source| source.id).collect();
        stars.retain(|(object, _)| seen.contains(&object.id));
        stars.truncate(n);
    }
    let column = |of: &dyn Fn(usize) -> f64| -> ArrayRef {
        Arc::new((0..stars.len()).map(of).collect::<Float64Array>())
    };
    let rows = RecordBatch::try_from_iter([
        ("ra", column(&|k| stars[k].0.ra)),
        ("dec", column(&|k| stars[k].0.dec)),
        ("pmra", column(&|k| stars[k].1.pm_ra_mas_yr)),
        ("pmdec", column(&|k| stars[k].1.pm_dec_mas_yr)),
        ("parallax", column(&|k| stars[k].1.parallax_mas)),
        ("ref_epoch", column(&|_| sky.epoch_mjd_tai)),
        (magnitude.as_str(), column(&|k| 31.4 - 2.5 * stars[k].0.flux_njy[number].log10())),
    ])
    .unwrap();
    ReferenceCatalog::of_rows(Path::new("stars"), &rows, band).unwrap()
}

/// A frame as instrument signature removal would hand it on: nominal coordinates, no zero point.
pub fn uncalibrated(frame: &SimulatedFrame) -> Exposure {
    let mut exposure = frame.calibrated.clone().unwrap();
    exposure.wcs = frame.raw.nominal_wcs().unwrap().unwrap();
    exposure.photo_calib = None;
    exposure
}

fn solve(exposure: &mut Exposure, stars: &ReferenceCatalog) -> (Characterized, AstrometrySolution) {
    let task = CharacterizeTask::new(CharacterizeConfig::default());
    let mut measured = task.run(exposure).unwrap();
    let found = stars.fit_wcs(exposure, &measured, &AstrometryConfig::default()).unwrap();
    exposure.wcs = found.wcs.clone();
    measured.place(&found.wcs);
    (measured, found)
}

/// Distances of bright sources from where their objects are, mas.
fn errors_mas(frame: &SimulatedFrame, measured: &Characterized) -> Vec<f64> {
    let stars = measured.sources.iter().filter(|s| s.snr > 100.0 && s.extendedness == 0.0);
    stars
        .filter(|s| !s.centroid_flag() && !s.pixel_flags.saturated() && !s.pixel_flags.edge())
        .filter_map(|s| {
            let truth = frame.truth.sources.iter().find(|t| (t.x - s.x).hypot(t.y - s.y) < 1.0)?;
            let east = (s.ra - truth.ra + 540.0).rem_euclid(360.0) - 180.0;
            let east = east * truth.dec.to_radians().cos();
            Some(east.hypot(s.dec - truth.dec) * 3.6e6)
        })
        .collect()
}

#[test]
fn frames_are_brought_onto_the_sky_and_to_its_magnitudes() {
    let field = field(3, |_| ());
    let stars = reference(&field.survey, "i", None);
    for frame in &field.frames {
        let mut exposure = uncalibrated(frame);
        let (mut measured, found) = solve(&mut exposure, &stars);
        let mut errors = errors_mas(frame, &measured);
        let (middle, p95) = (median(&mut errors), quantile(&mut errors, 0.95));
        let time = exposure.visit_info.mid_mjd_tai;
        let fitted = stars.fit_zero_point(&measured, time, &PhotometryConfig::default()).unwrap();
        // Clouds make it another on each detector: what the electrons of its stars say.
        let mut truth: Vec<f64> = frame
            .truth
            .sources
            .iter()
            .filter(|s| s.electrons > 1e3 && s.trail_px == 0.0)
            .map(|s| 31.4 - 2.5 * (s.flux_njy / s.electrons).log10())
            .collect();
        let off = 1e3 * (fitted.photo_calib.zero_point_mag - median(&mut truth));
        exposure.photo_calib = Some(fitted.photo_calib);
        measured.calibrate(fitted.photo_calib);
        println!(
            "{} reference stars of degree {}: median {middle:.2} mas (gate 5), 95 % {p95:.2} mas \
             (gate 15) of {}; zero point off by {off:.2} mmag (gate 10), scatter {:.1} mmag",
            found.used.len(),
            found.degree,
            errors.len(),
            1e3 * fitted.scatter_mag
        );
        assert!(found.used.len() > 100 && errors.len() > 60, "{}", found.used.len());
        assert!(middle <= 5.0 && p95 <= 15.0, "{middle} {p95}");
        assert!(found.sip_error_mas < 0.1, "{}", found.sip_error_mas);
        assert!(off.abs() <= 10.0, "{off}");
        let ideal = FiducialConditions::of_bands()["i"];
        let time = EffectiveTime::of(&exposure, &measured, &ideal).unwrap();
        let product = time.psf_scale * time.sky_scale * time.zero_point_scale;
        assert!((time.seconds - 30.0 * product).abs() < 1e-9 && time.seconds > 0.0, "{time:?}");
    }
}

#[test]
fn twenty_stars_are_enough() {
    let sparse = field(1, |_| ());
    let frame = &sparse.frames[0];
    let stars = reference(&sparse.survey, "i", Some((frame, 20)));
    let (measured, found) = solve(&mut uncalibrated(frame), &stars);
    let middle = median(&mut errors_mas(frame, &measured));
    println!("{} of 20 reference stars: median {middle:.2} mas (gate 40)", found.used.len());
    assert!(middle <= 40.0, "{middle}");
}
