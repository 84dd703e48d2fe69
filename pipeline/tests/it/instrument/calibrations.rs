//! Each calibration product against the truth of the sensor.

use std::time::Instant;

use almagest_pipeline::calibration::defects::DefectKind;
use almagest_pipeline::calibration::fe55;
use almagest_pipeline::camera::RawFrame;
use almagest_pipeline::camera::model::ExposureType;

use super::measured;

#[test]
fn gain_read_noise_and_a00_are_those_of_the_amplifiers() {
    let begin = Instant::now();
    let all = measured();
    eprintln!("calibrated in {:?}", begin.elapsed());
    let truth = &all.survey.sensors()[0].amplifiers;
    let a00 = all.survey.brighter_fatter().area_coefficient(0, 0);
    let transfer = all.calibrations.photon_transfer.as_ref().unwrap();
    let (mut gains, mut noises, mut mean_a00) = (vec![], vec![], 0.0);
    for (found, truth) in transfer.amplifiers.iter().zip(truth) {
        assert_eq!(found.amplifier, truth.name);
        let gain = found.gain_e_per_adu / truth.gain_e_per_adu - 1.0;
        let noise = found.read_noise_e / truth.read_noise_e - 1.0;
        eprintln!(
            "{} gain {gain:+.5} ({:.5}) noise {noise:+.5} a00 {:+.4} ({:.4}) chi2 {:.2} turn-off {}",
            found.amplifier,
            found.gain_error / found.gain_e_per_adu,
            found.a00_per_e / a00 - 1.0,
            found.a00_error / a00,
            found.chi2,
            found.turn_off_adu
        );
        gains.push(gain.abs());
        noises.push(noise.abs());
        mean_a00 += found.a00_per_e / a00 / 8.0;
    }
    let largest = |values: &[f64]| values.iter().fold(0.0_f64, |a, b| a.max(*b));
    eprintln!("gain {} noise {} a00 {mean_a00}", largest(&gains), largest(&noises));
    assert!(largest(&gains) < 0.005);
    assert!(largest(&noises) < 0.02);
    assert!((mean_a00 - 1.0).abs() < 0.1);
}

#[test]
fn linearity_is_that_of_the_amplifiers() {
    let all = measured();
    let truth = &all.survey.sensors()[0].amplifiers;
    let linearity = all.calibrations.linearity.as_ref().unwrap();
    for (found, truth) in linearity.amplifiers.iter().zip(truth) {
        eprintln!(
            "{} c2 {:.4} turn-off {} residual {:.1e} n {}",
            found.amplifier,
            found.coefficients[0] / (truth.nonlinearity_per_e * truth.gain_e_per_adu),
            found.turn_off_adu,
            found.residual,
            found.n_flats
        );
        // What is left of the curve at any level is less than a thousandth of the signal.
        for q in [1e3, 1e4, 5e4, 9e4] {
            let reading = q * (1.0 - truth.nonlinearity_per_e * q) / truth.gain_e_per_adu;
            let terms = found.coefficients.iter().zip(2..);
            let signal = reading + terms.map(|(c, k)| c * reading.powi(k)).sum::<f64>();
            let left = signal * truth.gain_e_per_adu / q - 1.0;
            assert!(left.abs() < 1e-3, "{} at {q}: {left}", found.amplifier);
        }
    }
}

#[test]
fn crosstalk_is_that_of_the_camera() {
    let all = measured();
    let model = &all.survey.sensors()[0].model;
    let found = &all.calibrations.crosstalk.as_ref().unwrap().elements;
    let name = |index: usize| model.amplifiers[index].name.as_str();
    for truth in &model.crosstalk {
        let element = found
            .iter()
            .find(|e| e.target == name(truth.target) && e.source == name(truth.source))
            .unwrap();
        let off = element.coefficient - truth.coefficient;
        eprintln!(
            "{} {} {:.3e} off {off:.1e} error {:.1e}",
            element.target, element.source, truth.coefficient, element.error
        );
        // Five standard errors; 1.5 electrons of a pixel of 10⁵.
        assert!(off.abs() < 1.5e-5 && element.error < 8e-6, "{element:?} {truth:?}");
    }
    assert_eq!(found.len(), model.crosstalk.len(), "{found:?}");
}

#[test]
fn the_kernel_is_that_of_the_sensor() {
    let all = measured();
    let (found, truth) = (all.calibrations.kernel.as_ref().unwrap(), all.survey.brighter_fatter());
    for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1), (2, 0), (0, 2)] {
        eprintln!(
            "{dx} {dy}: K {:.3e} {:.3e}, a {:.3e} {:.3e}",
            found.at(dx, dy),
            truth.kernel(dx, dy),
            found.area_coefficient(dx, dy),
            truth.area_coefficient(dx, dy)
        );
    }
    // Only differences of the potential count.
    let step = |k: &dyn Fn(i64, i64) -> f64, x: i64, y: i64| k(0, 0) - k(x, y);
    for (x, y) in [(1, 0), (0, 1), (1, 1)] {
        let ratio = step(&|x, y| found.at(x, y), x, y) / step(&|x, y| truth.kernel(x, y), x, y);
        assert!((ratio - 1.0).abs() < 0.06, "{x} {y}: {ratio}");
    }
}

#[test]
fn defects_are_those_of_the_sensor() {
    let all = measured();
    let sensor = &all.survey.sensors()[0];
    let found = &all.calibrations.defects.as_ref().unwrap().boxes;
    let holds = |kind: DefectKind, x: usize, y: usize| {
        found.iter().any(|d| {
            let b = d.bbox;
            d.kind == kind && (b.x0..b.x0 + b.nx).contains(&x) && (b.y0..b.y0 + b.ny).contains(&y)
        })
    };
    let mut dead = 0;
    for defect in &sensor.defects {
        let b = defect.bbox;
        for (x, y) in (b.x0..b.x0 + b.nx).flat_map(|x| (b.y0..b.y0 + b.ny).map(move |y| (x, y))) {
            assert!(holds(DefectKind::Dark, x, y), "{x} {y}");
            dead += 1;
        }
    }
    let area = |kind| -> usize {
        found.iter().filter(|d| d.kind == kind).map(|d| d.bbox.nx * d.bbox.ny).sum()
    };
    // Two columns may cross; a pixel of the scatter of efficiency is never as dark.
    assert!(area(DefectKind::Dark) <= dead, "{} {dead}", area(DefectKind::Dark));
    for &(x, y, rate) in sensor.hot_pixels.iter().filter(|hot| hot.2 > 6.0) {
        assert!(holds(DefectKind::Bright, x, y), "{x} {y} {rate}");
    }
    assert!(area(DefectKind::Bright) <= sensor.hot_pixels.len());
}

#[test]
fn x_rays_tell_the_same_gain() {
    let all = measured();
    let raws = super::raws(&all.survey, ExposureType::Fe55);
    let raws: Vec<&RawFrame> = raws.iter().collect();
    let found = fe55::measure(&raws, &all.calibrations, &Default::default()).unwrap();
    for (found, truth) in found.amplifiers.iter().zip(&all.survey.sensors()[0].amplifiers) {
        let off = found.gain_e_per_adu / truth.gain_e_per_adu - 1.0;
        eprintln!(
            "{} off {off:+.4} ({:.4}) of {} X-rays, width {:.4}",
            found.amplifier,
            found.gain_error / found.gain_e_per_adu,
            found.n_events,
            found.sigma_adu / found.peak_adu
        );
        assert!(off.abs() < 0.005, "{found:?}");
    }
}
