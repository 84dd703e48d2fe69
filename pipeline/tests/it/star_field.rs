//! A field of many stars and galaxies on all detectors of a camera: the figures that need hundreds of them.
//!
//! PSF on reserved stars, stars against galaxies, world coordinates, zero points and the repeatability of
//! bright stars. The field is drawn and measured once for all of them; ALMAGEST_LONG=1 takes more visits.

use std::env;
use std::sync::OnceLock;

use almagest_pipeline::astrometry::AstrometryConfig;
use almagest_pipeline::characterize::{CharacterizeConfig, CharacterizeTask, SourceMeasurement};
use almagest_pipeline::measurement::source::psf_shape;
use almagest_pipeline::psf::PsfModel;
use almagest_pipeline::reference_catalog::PhotometryConfig;
use almagest_pipeline::simulate::sky::ObjectKind;
use almagest_pipeline::simulate::{FrameId, Preset, SimulatedFrame, Survey, SurveyConfig};
use almagest_pipeline::statistics::{median, quantile};
use almagest_pipeline::task::Task;
use rayon::prelude::*;

use crate::astrometry::{area_under_curve, reference, uncalibrated};

/// Stars farther than this from anything brighter than a hundredth of them stand alone, pixels.
const ALONE_PX: f64 = 18.0;

/// What is known of a matched object.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Star,
    Galaxy,
}

/// A source with its truth.
struct Match {
    source: SourceMeasurement,
    kind: Kind,
    id: i64,
    off_mas: f64,
    /// Nothing else of note lies near.
    is_alone: bool,
}

/// One detector of one visit.
struct Chip {
    visit: usize,
    matches: Vec<Match>,
    n_reference: usize,
    /// Fitted zero point less that of the visit, mag.
    zero_point_off: f64,
    /// Size of the model over that of the true PSF, less one, on a grid.
    model_size: Vec<f64>,
}

struct Field {
    chips: Vec<Chip>,
    n_visits: usize,
}

fn config(visits: usize) -> SurveyConfig {
    let mut config = Preset::S.config();
    config.bands = vec!["r".to_owned()];
    config.visits_per_band = visits;
    config.dither_arcsec = 5.0;
    config.sky.stars_per_arcmin2 = 30.0;
    config.sky.star_magnitudes = (16.5, 22.5);
    config.sky.variable_fraction = 0.0;
    config.sky.galaxies_per_arcmin2 = 12.0;
    config.sky.galaxy_magnitudes = (18.0, 23.0);
    config.effects.streaks = false;
    config
}

/// The field, measured.
fn field() -> &'static Field {
    static FIELD: OnceLock<Field> = OnceLock::new();
    FIELD.get_or_init(|| {
        let n_visits = if env::var_os("ALMAGEST_LONG").is_some() { 12 } else { 3 };
        let survey = Survey::new(config(n_visits)).unwrap();
        let chips = survey.frames().into_par_iter().map(|id| chip(&survey, id)).collect();
        Field { chips, n_visits }
    })
}

fn chip(survey: &Survey, id: FrameId) -> Chip {
    let frame = survey.frame(id, true).unwrap();
    let stars = reference(survey, "r", None);
    let mut exposure = uncalibrated(&frame);
    let task = CharacterizeTask::new(CharacterizeConfig::default());
    let mut measured = task.run(&exposure).unwrap();
    let found = stars.fit_wcs(&exposure, &measured, &AstrometryConfig::default()).unwrap();
    exposure.wcs = found.wcs.clone();
    measured.place(&found.wcs);
    let time = exposure.visit_info.mid_mjd_tai;
    let fitted = stars.fit_zero_point(&measured, time, &PhotometryConfig::default()).unwrap();
    measured.calibrate(fitted.photo_calib);
    let visit = &survey.visits()[id.exposure];
    Chip {
        visit: id.exposure,
        n_reference: found.used.len(),
        zero_point_off: fitted.photo_calib.zero_point_mag - visit.zero_point_mag,
        model_size: model_size(survey, id, &measured.psf.model, measured.psf.fwhm_px),
        matches: matches(survey, &frame, measured.sources),
    }
}

/// Sources at the places of stars and galaxies.
fn matches(survey: &Survey, frame: &SimulatedFrame, sources: Vec<SourceMeasurement>) -> Vec<Match> {
    let truth = &frame.truth.sources;
    let kind_of = |id: i64| {
        let object = survey.sky().objects.iter().find(|object| object.id == id)?;
        match object.kind {
            ObjectKind::Star(..) => Some(Kind::Star),
            ObjectKind::Galaxy(..) => Some(Kind::Galaxy),
            _ => None,
        }
    };
    let pair = |source: SourceMeasurement| {
        let near = truth.iter().filter(|t| (t.x - source.x).hypot(t.y - source.y) < 1.5);
        let own = near.max_by(|a, b| a.electrons.total_cmp(&b.electrons))?;
        let is_alone = truth.iter().all(|other| {
            let apart = (other.x - own.x).hypot(other.y - own.y);
            other.id == own.id || apart > ALONE_PX || other.electrons < 0.01 * own.electrons
        });
        let east = (source.ra - own.ra) * own.dec.to_radians().cos();
        let off_mas = east.hypot(source.dec - own.dec) * 3.6e6;
        Some(Match { kind: kind_of(own.id)?, id: own.id, off_mas, is_alone, source })
    };
    sources.into_iter().filter_map(pair).collect()
}

/// The fitted PSF against the true one, without any noise of stars.
fn model_size(survey: &Survey, id: FrameId, model: &PsfModel, fwhm_px: f64) -> Vec<f64> {
    let detector = &survey.sensors()[id.detector].model;
    let radius = survey.camera().focal_radius_mm();
    let places =
        (0..49).map(|k| (100.0 + 137.0 * f64::from(k % 7), 100.0 + 137.0 * f64::from(k / 7)));
    places
        .map(|(x, y)| {
            let (u, v) = survey.camera().pixel_to_focal(detector, x, y);
            let profile = survey.visits()[id.exposure].psf.at(u / radius, v / radius);
            let truth = psf_shape(&PsfModel::Analytic(profile), (x, y), fwhm_px);
            psf_shape(model, (x, y), fwhm_px).trace() / truth.trace() - 1.0
        })
        .collect()
}

fn rms(values: &[f64]) -> f64 {
    (values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64).sqrt()
}

#[test]
fn the_psf_of_a_visit_fits_its_reserved_stars() {
    let field = field();
    for visit in 0..field.n_visits {
        let chips = || field.chips.iter().filter(|chip| chip.visit == visit);
        let reserved: Vec<&SourceMeasurement> = chips()
            .flat_map(|chip| &chip.matches)
            .filter(|m| m.source.psf_reserved && m.kind == Kind::Star && m.is_alone)
            .map(|m| &m.source)
            .filter(|s| s.snr > 100.0 && s.parent.is_none() && !s.shape.flag)
            .collect();
        let mut sizes: Vec<f64> =
            reserved.iter().map(|s| s.shape.trace() / s.psf_shape.trace() - 1.0).collect();
        // What noise adds to the rms is taken off.
        let noise: f64 =
            reserved.iter().map(|s| (s.shape.trace_err / s.shape.trace()).powi(2)).sum();
        let n = sizes.len();
        let scatter = (rms(&sizes).powi(2) - noise / n as f64).max(0.0).sqrt();
        let size = median(&mut sizes);
        let mut model: Vec<f64> = chips().flat_map(|chip| chip.model_size.clone()).collect();
        let model_median = median(&mut model);
        let about: Vec<f64> = model.iter().map(|v| v - model_median).collect();
        let of_model = rms(&about);
        println!(
            "visit {visit}: dT/T {size:.5} (gate 0.003), rms {scatter:.4} (gate 0.010) of {n} reserved stars \
             (noise {:.4}); against the true PSF {model_median:.5}, rms {of_model:.4}",
            (noise / n as f64).sqrt()
        );
        assert!(n > 30);
    }
}

#[test]
fn stars_are_told_from_galaxies() {
    let field = field();
    let of_kind = |kind: Kind| -> Vec<f64> {
        let all = field.chips.iter().flat_map(|chip| &chip.matches);
        all.filter(|m| m.kind == kind && m.is_alone && m.source.snr > 20.0)
            .filter(|m| !m.source.pixel_flags.saturated() && !m.source.pixel_flags.edge())
            .map(|m| m.source.size_extendedness)
            .filter(|value| value.is_finite())
            .collect()
    };
    let (stars, galaxies) = (of_kind(Kind::Star), of_kind(Kind::Galaxy));
    let auc = area_under_curve(&stars, &galaxies);
    println!(
        "star-galaxy AUC {auc:.4} (gate 0.99) of {} stars and {} galaxies",
        stars.len(),
        galaxies.len()
    );
    for low in [20.0, 40.0, 80.0] {
        let within = |kind: Kind| -> Vec<f64> {
            let all = field.chips.iter().flat_map(|chip| &chip.matches);
            all.filter(|m| m.kind == kind && m.is_alone)
                .filter(|m| (low..2.0 * low).contains(&m.source.snr))
                .map(|m| m.source.size_extendedness)
                .filter(|value| value.is_finite())
                .collect()
        };
        let (s, g) = (within(Kind::Star), within(Kind::Galaxy));
        println!(
            "  S/N from {low}: {:.4} of {} and {}",
            area_under_curve(&s, &g),
            s.len(),
            g.len()
        );
    }
    assert!(auc > 0.9);
}

#[test]
fn frames_in_r_are_brought_onto_the_sky() {
    let field = field();
    let mut errors: Vec<f64> = Vec::new();
    for chip in &field.chips {
        let of_chip = chip.matches.iter().filter(|m| {
            m.kind == Kind::Star && m.is_alone && m.source.snr > 100.0 && !m.source.centroid_flag()
        });
        let mut of_chip: Vec<f64> = of_chip.map(|m| m.off_mas).collect();
        println!(
            "{} reference stars: median {:.2} mas, 95 % {:.2} mas",
            chip.n_reference,
            median(&mut of_chip),
            quantile(&mut of_chip, 0.95)
        );
        errors.extend(of_chip);
    }
    let (middle, p95) = (median(&mut errors), quantile(&mut errors, 0.95));
    println!("median {middle:.2} mas (gate 5), 95 % {p95:.2} mas (gate 15) of {}", errors.len());
}

#[test]
fn bright_stars_repeat_and_visits_have_one_zero_point() {
    let field = field();
    for visit in 0..field.n_visits {
        let chips = field.chips.iter().filter(|chip| chip.visit == visit);
        let offs: Vec<f64> = chips.map(|chip| 1e3 * chip.zero_point_off).collect();
        let mean = offs.iter().sum::<f64>() / offs.len() as f64;
        println!("visit {visit}: zero point off by {mean:.2} mmag (gate 10), detectors {offs:.1?}");
    }
    let all = field.chips.iter().flat_map(|chip| &chip.matches);
    let mut by_star = std::collections::BTreeMap::<i64, Vec<f64>>::new();
    for m in all.filter(|m| m.kind == Kind::Star && m.is_alone && m.source.snr > 200.0) {
        if !m.source.pixel_flags.saturated() && !m.source.pixel_flags.edge() {
            by_star.entry(m.id).or_default().push(-2.5 * m.source.psf_flux.log10());
        }
    }
    let (mut pooled, mut freedom, mut each) = (0.0, 0, Vec::new());
    for mags in by_star.values().filter(|mags| mags.len() >= 3) {
        let mean = mags.iter().sum::<f64>() / mags.len() as f64;
        let square: f64 = mags.iter().map(|m| (m - mean).powi(2)).sum();
        (pooled, freedom) = (pooled + square, freedom + mags.len() - 1);
        each.push((square / (mags.len() - 1) as f64).sqrt());
    }
    println!(
        "PA1: pooled rms {:.2} mmag, median {:.2} mmag (gate 4.5) of {} stars",
        1e3 * (pooled / f64::from(freedom as u32)).sqrt(),
        1e3 * median(&mut each),
        each.len()
    );
}
