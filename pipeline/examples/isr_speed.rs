//! Speed of instrument signature removal: `cargo run --release --example isr_speed [ROUNDS]`.
//!
//! One frame of the large test camera (2000 x 2000 pixels, eight amplifiers) is corrected again and again
//! in memory, with all steps, and with each of the dear ones off; on one thread and on all.

use std::time::Instant;

use almagest_pipeline::Result;
use almagest_pipeline::calibration::brighter_fatter::BrighterFatterKernel;
use almagest_pipeline::calibration::{CalibrationFrame, Defects, FrameKind};
use almagest_pipeline::camera::RawFrame;
use almagest_pipeline::camera::model::ExposureType;
use almagest_pipeline::image::MaskedImage;
use almagest_pipeline::isr::{Calibrations, Isr, IsrConfig, Origin};
use almagest_pipeline::simulate::{FrameId, Preset, Survey, SurveyConfig};
use ndarray::Array2;

fn main() -> Result<()> {
    let rounds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(5);
    let bands = vec!["r".to_owned()];
    let survey = Survey::new(SurveyConfig { bands, visits_per_band: 1, ..Preset::M.config() })?;
    let science = |planned: &almagest_pipeline::simulate::frame::PlannedExposure| {
        planned.exposure_type() == ExposureType::Science
    };
    let exposure = survey.exposures().iter().position(science).unwrap_or(0);
    let raw = survey.frame(FrameId { exposure, detector: 0 }, false)?.raw;
    let calibrations = calibrations(&raw, &survey);
    let mut all = IsrConfig::default();
    all.gain.from = Origin::Camera;
    all.linearity.from = Origin::Camera;
    all.crosstalk.from = Origin::Camera;
    let without = |change: fn(&mut IsrConfig)| {
        let mut config = all.clone();
        change(&mut config);
        config
    };
    let cases = [
        ("all steps", all.clone()),
        ("without brighter-fatter", without(|c| c.brighter_fatter.enabled = false)),
        ("without crosstalk", without(|c| c.crosstalk.enabled = false)),
        ("without flat", without(|c| c.flat.enabled = false)),
        ("without interpolation", without(|c| c.interpolation.enabled = false)),
    ];
    let (nx, ny) = raw.detector.size_px;
    let mpix = (nx * ny) as f64 / 1e6;
    for threads in [1, std::thread::available_parallelism().map_or(1, std::num::NonZero::get)] {
        let Ok(pool) = rayon::ThreadPoolBuilder::new().num_threads(threads).build() else {
            continue;
        };
        for (name, config) in &cases {
            let isr = Isr::new(config.clone());
            let mut best = f64::INFINITY;
            for _ in 0..rounds {
                let begin = Instant::now();
                let corrected = pool.install(|| isr.correct(&raw, &calibrations))?;
                best = best.min(begin.elapsed().as_secs_f64());
                assert_eq!(corrected.pixels.image.dim(), (ny, nx));
            }
            println!("{threads} threads, {name:<24} {best:.3} s, {:.1} Mpix/s", mpix / best);
        }
    }
    Ok(())
}

/// Calibrations that cost as much to apply as measured ones.
fn calibrations(raw: &RawFrame, survey: &Survey) -> Calibrations {
    let (nx, ny) = raw.detector.size_px;
    let frame = |kind, value| {
        let pixels = MaskedImage {
            image: Array2::from_elem((ny, nx), value),
            mask: Array2::zeros((ny, nx)),
            variance: Array2::from_elem((ny, nx), 1e-4),
        };
        let gains = raw.amplifiers.iter().map(|a| (a.name.clone(), a.gain_e_per_adu)).collect();
        Some(CalibrationFrame::of(kind, raw, 10, pixels, gains))
    };
    let lag = 8_i64;
    let effect = survey.brighter_fatter();
    let lags = (-lag..=lag).flat_map(|y| (-lag..=lag).map(move |x| (x, y)));
    Calibrations {
        bias: frame(FrameKind::Bias, 0.0),
        dark: frame(FrameKind::Dark, 0.01),
        flat: frame(FrameKind::Flat, 1.0),
        defects: Some(Defects::default()),
        kernel: Some(BrighterFatterKernel {
            lag: 8,
            values: lags.map(|(x, y)| effect.kernel(x, y)).collect(),
        }),
        ..Calibrations::default()
    }
}
