//! Each step of instrument signature removal: with it the light comes back to within the noise, without
//! it its effect does.

use std::sync::OnceLock;

use almagest_pipeline::calibration::{flat, fringe};
use almagest_pipeline::camera::RawFrame;
use almagest_pipeline::camera::model::ExposureType;
use almagest_pipeline::image::{MaskedImage, mask_plane};
use almagest_pipeline::isr::{Isr, IsrConfig};
use almagest_pipeline::simulate::{Effects, FrameId, SimulatedFrame, Survey, SurveyConfig};
use almagest_pipeline::statistics::{median, robust_sigma};
use ndarray::{Array2, s};

use super::{Measured, config, measured};

/// Pixels that are left out of comparisons.
const BAD: u32 = mask_plane::BAD
    | mask_plane::SAT
    | mask_plane::SUSPECT
    | mask_plane::NO_DATA
    | mask_plane::INTRP;

fn corrected(raw: &RawFrame, change: impl FnOnce(&mut IsrConfig)) -> MaskedImage {
    let mut steps = IsrConfig::default();
    change(&mut steps);
    Isr::new(steps).correct(raw, &measured().calibrations).unwrap().pixels
}

/// A visit of the sensor that was calibrated, with stars enough, without cosmic rays; and its light.
fn visit() -> &'static (SimulatedFrame, Array2<f32>) {
    static VISIT: OnceLock<(SimulatedFrame, Array2<f32>)> = OnceLock::new();
    VISIT.get_or_init(|| {
        let config = config();
        let mut config = SurveyConfig {
            effects: Effects { cosmic_rays: false, streaks: false, ..config.effects },
            ..config
        };
        config.sky.stars_per_arcmin2 = 30.0;
        config.sky.star_magnitudes = (15.0, 22.0);
        let survey = Survey::new(config).unwrap();
        let id = first(&survey, ExposureType::Science);
        (survey.frame(id, false).unwrap(), survey.light(id).unwrap().unwrap())
    })
}

fn first(survey: &Survey, kind: ExposureType) -> FrameId {
    let exposures = survey.exposures();
    let exposure = exposures.iter().position(|planned| planned.exposure_type() == kind).unwrap();
    FrameId { exposure, detector: 0 }
}

/// What is left of an image against the light, in units of its noise: median and spread; the flat's
/// normalisation is one factor.
fn pulls(pixels: &MaskedImage, light: &Array2<f32>) -> (f64, f64) {
    let good = || {
        let all = pixels.image.indexed_iter();
        all.filter(|(at, _)| pixels.mask[*at] & BAD == 0)
    };
    let factor =
        median(&mut good().map(|(at, v)| f64::from(*v) / f64::from(light[at])).collect::<Vec<_>>());
    let mut pulls: Vec<f64> = good()
        .map(|(at, &v)| {
            let off = f64::from(v) - factor * f64::from(light[at]);
            off / f64::from(pixels.variance[at]).sqrt()
        })
        .collect();
    (median(&mut pulls), robust_sigma(&mut pulls))
}

#[test]
fn the_light_comes_back_to_within_the_noise() {
    let (frame, light) = visit();
    let pixels = corrected(&frame.raw, |_| ());
    let (middle, spread) = pulls(&pixels, light);
    eprintln!("pulls {middle:.4} {spread:.4}");
    // 250 000 pixels: the spread is known to 0.2 %; variances of the observed electrons are low where
    // these are, by 1 % of the noise.
    assert!(middle.abs() < 0.02 && (spread - 1.0).abs() < 0.02, "{middle} {spread}");
    // Nothing is left in columns, nor in the pattern of amplifiers.
    let left = &pixels.image - &(light * (pixels.image.mean().unwrap() / light.mean().unwrap()));
    for amplifier in &frame.raw.amplifiers {
        let b = amplifier.bbox;
        let part = s![b.y0..b.y0 + b.ny, b.x0..b.x0 + b.nx];
        let mut own: Vec<f64> = left.slice(part).iter().map(|v| f64::from(*v)).collect();
        let level = median(&mut own);
        eprintln!("{} {level:.2}", amplifier.name);
        assert!(level.abs() < 4.0, "{}: {level}", amplifier.name);
    }
}

#[test]
fn without_a_step_its_effect_is_back() {
    let (frame, light) = visit();
    let without = |change: fn(&mut IsrConfig)| pulls(&corrected(&frame.raw, change), light).1;
    let (with, noise) = (without(|_| ()), 0.01);
    let flat = without(|c| c.flat.enabled = false);
    eprintln!("with {with} flat {flat}");
    assert!(flat > with + 5.0 * noise, "{flat}");
    let mut raw = frame.raw.clone();
    raw.amplifiers[3].pixels.slice_mut(s![100.., ..]).mapv_inplace(|v| v + 300.0);
    // A level that rises within the frame is the overscan's to follow.
    let (followed, lost) =
        (corrected(&raw, |_| ()), corrected(&raw, |c| c.overscan.enabled = false));
    assert!((pulls(&followed, light).1 - with).abs() < noise);
    assert!(median(&mut lost.image.iter().map(|v| f64::from(*v)).collect::<Vec<_>>()) > 1000.0);
}

/// Root mean square over columns of an amplifier of the mean of each, of pixels that are not bad.
fn column_structure(pixels: &MaskedImage, raw: &RawFrame) -> f64 {
    let b = raw.amplifiers[1].bbox;
    let columns = (b.x0..b.x0 + b.nx).map(|x| {
        let good = (b.y0..b.y0 + b.ny).filter(|&y| pixels.mask[[y, x]] & BAD == 0);
        median(&mut good.map(|y| f64::from(pixels.image[[y, x]])).collect::<Vec<_>>())
    });
    let mut columns: Vec<f64> = columns.filter(|level| level.is_finite()).collect();
    robust_sigma(&mut columns)
}

#[test]
fn bias_and_dark_are_those_of_frames_that_made_no_calibration() {
    // Frames of other random numbers than those that were combined: one more of each kind.
    let mut more = config();
    more.calibrations.biases += 1;
    more.calibrations.darks += 1;
    more.effects.cosmic_rays = false;
    let survey = Survey::new(more.clone()).unwrap();
    let (biases, darks) = (more.calibrations.biases, more.calibrations.darks);
    let raw = |exposure| survey.frame(FrameId { exposure, detector: 0 }, false).unwrap().raw;
    let (bias, dark) = (raw(biases - 1), raw(biases + darks - 1));
    let off = |c: &mut IsrConfig| (c.flat.enabled, c.brighter_fatter.enabled) = (false, false);
    let with = column_structure(&corrected(&bias, off), &bias);
    let without = column_structure(
        &corrected(&bias, |c| {
            off(c);
            c.bias.enabled = false;
        }),
        &bias,
    );
    // 2 ADU of structure at 1.74 electrons; the mean of a column is known to 0.5.
    eprintln!("bias {with} {without}");
    assert!(without > 2.5 && with < 0.25 * without, "{with} {without}");
    // The parallel overscan finds the structure of columns too, with its own noise.
    let parallel = column_structure(
        &corrected(&bias, |c| {
            off(c);
            c.bias.enabled = false;
            c.parallel_overscan.enabled = true;
            c.parallel_overscan.smooth_px = 1;
        }),
        &bias,
    );
    assert!(parallel < 0.9 * without, "{parallel} {without}");
    // The glow in the corner of the first amplifier is 36 electrons.
    let corner = |pixels: &MaskedImage| {
        let part = pixels.image.slice(s![..12, ..12]);
        median(&mut part.iter().map(|v| f64::from(*v)).collect::<Vec<_>>())
    };
    let with = corner(&corrected(&dark, off));
    let without = corner(&corrected(&dark, |c| {
        off(c);
        c.dark.enabled = false;
    }));
    eprintln!("dark {with} {without}");
    assert!(without > 22.0 && with.abs() < 3.0, "{with} {without}");
}

#[test]
fn crosstalk_and_linearity_of_bright_pixels() {
    let Measured { survey, .. } = measured();
    let spots = super::raws(survey, ExposureType::Spot);
    // Spots on the second amplifier leak into the first by 4.1e-4.
    let raw = &spots[1];
    let off = |c: &mut IsrConfig| (c.flat.enabled, c.brighter_fatter.enabled) = (false, false);
    let slope = |pixels: &MaskedImage| {
        let of = |index: usize| {
            let amplifier = &raw.amplifiers[index];
            let b = amplifier.bbox;
            assert!(!amplifier.flip.x() && !amplifier.flip.y());
            pixels.image.slice(s![b.y0..b.y0 + b.ny, b.x0..b.x0 + b.nx]).to_owned()
        };
        let (target, source) = (of(0), of(1));
        let both = target.iter().zip(&source);
        let quiet: f32 = both.clone().filter(|(_, s)| **s < 500.0).map(|(t, _)| t).sum::<f32>()
            / both.clone().filter(|(_, s)| **s < 500.0).count() as f32;
        let bright = both.filter(|(_, s)| **s > 30_000.0);
        let mut ratios: Vec<f64> = bright.map(|(t, s)| f64::from((t - quiet) / s)).collect();
        assert!(ratios.len() > 500);
        median(&mut ratios)
    };
    let with = corrected(raw, off);
    let without = corrected(raw, |c| {
        off(c);
        c.crosstalk.enabled = false;
    });
    eprintln!("crosstalk {} {}", slope(&with), slope(&without));
    assert!((slope(&without) / 4.1e-4 - 1.0).abs() < 0.06 && slope(&with).abs() < 2.5e-5);
    assert!(with.count(mask_plane::CROSSTALK) > 300 && without.count(mask_plane::CROSSTALK) == 0);

    // A bright flat, of which a known part is missing before linearity is corrected.
    let flats = super::raws(survey, ExposureType::Flat);
    let brightest = flats
        .iter()
        .max_by(|a, b| a.exposure.exposure_time_s.total_cmp(&b.exposure.exposure_time_s));
    let raw = brightest.unwrap();
    let level = |linear: bool| {
        let pixels = corrected(raw, |c| {
            c.brighter_fatter.enabled = false;
            c.linearity.enabled = linear;
        });
        median(&mut pixels.image.iter().step_by(3).map(|v| f64::from(*v)).collect::<Vec<_>>())
    };
    let (bent, straight) = (level(false), level(true));
    eprintln!("linearity {bent} {straight}");
    // 1.7e-7 of nearly 100 000 electrons.
    assert!((bent / straight - (1.0 - 1.7e-7 * straight)).abs() < 1e-3, "{bent} {straight}");
}

#[test]
fn saturated_noisy_and_dead_pixels_are_marked() {
    let (frame, light) = visit();
    let pixels = corrected(&frame.raw, |_| ());
    let full = light.iter().filter(|&&e| e > 140_000.0).count();
    let marked = light.indexed_iter().filter(|(at, e)| {
        **e > 140_000.0 && pixels.mask[*at] & (mask_plane::SAT | mask_plane::BAD) != 0
    });
    let marked = marked.count();
    eprintln!("{full} full, {marked} marked");
    assert!(full > 0 && marked == full, "{full} {marked}");
    let unmarked = corrected(&frame.raw, |c| c.saturation.enabled = false);
    assert_eq!(unmarked.count(mask_plane::SAT), 0);
    // Amplifiers with 7.7 and 8.6 electrons of noise.
    let noisy = corrected(&frame.raw, |c| c.amplifier_check.max_noise_e = 7.3);
    assert!(noisy.count(mask_plane::BAD) > 2 * 128 * 256);
    let sensor = &measured().survey.sensors()[0];
    let dead = sensor.defects[0].bbox;
    let at = [dead.y0 + dead.ny / 2, dead.x0];
    let sky = f64::from(light[at]);
    let whole = f64::from(pixels.image[at]);
    assert_eq!(
        pixels.mask[at] & (mask_plane::BAD | mask_plane::INTRP),
        mask_plane::BAD | mask_plane::INTRP
    );
    assert!((whole / sky - 1.0).abs() < 0.25, "{whole} {sky}");
    let open = corrected(&frame.raw, |c| c.interpolation.enabled = false);
    assert!(f64::from(open.image[at]) < 0.2 * sky && open.count(mask_plane::INTRP) == 0);
    let unknown = corrected(&frame.raw, |c| {
        c.defects.enabled = false;
        c.interpolation.enabled = false;
    });
    assert!(unknown.count(mask_plane::BAD) < pixels.count(mask_plane::BAD));
}

#[test]
fn bright_stars_are_as_wide_as_faint_ones() {
    // Light on the sensor that was calibrated, but for its effect on boundaries without flaws; reading
    // has its noise, without which rounding would not average out.
    let mut effects = Effects::all(false);
    (effects.brighter_fatter, effects.read_noise) = (true, true);
    let mut config = SurveyConfig { effects, ..config() };
    config.sky.stars_per_arcmin2 = 40.0;
    config.sky.star_magnitudes = (18.3, 22.0);
    config.sky.galaxies_per_arcmin2 = 0.0;
    config.sky.asteroids = 0;
    config.sky.transients = 0;
    let survey = Survey::new(config).unwrap();
    let id = first(&survey, ExposureType::Science);
    let (frame, light) = (survey.frame(id, false).unwrap(), survey.light(id).unwrap().unwrap());
    let image = |on: bool| {
        let mut steps = IsrConfig::without_calibrations();
        steps.brighter_fatter.enabled = on;
        Isr::new(steps).correct(&frame.raw, &measured().calibrations).unwrap().pixels
    };
    // How much wider than its light a star of a peak is: the slope of that.
    let slope = |pixels: &MaskedImage| {
        let (mut xx, mut xy, mut n) = (0.0, 0.0, 0);
        for star in &frame.truth.sources {
            let (x, y) = (star.x.round() as i64, star.y.round() as i64);
            let inside = |v: i64| (12..500).contains(&v);
            let alone = frame.truth.sources.iter().all(|other| {
                other.id == star.id
                    || (other.x - star.x).hypot(other.y - star.y) > 22.0
                    || other.electrons < 0.002 * star.electrons
            });
            if !inside(x) || !inside(y) || !alone {
                continue;
            }
            let (mut grown, mut flux, mut peak) = (0.0, 0.0, 0.0_f64);
            let sky = survey.visits()[0].sky_e;
            // The overscan's level is rounded too.
            let around = pixels.image.indexed_iter().filter(|((row, column), _)| {
                (9.5..14.0).contains(&(*column as f64 - star.x).hypot(*row as f64 - star.y))
            });
            let off = around.map(|(at, v)| f64::from(v - light[at]));
            let level = median(&mut off.collect::<Vec<_>>());
            for dy in -5..=5_i64 {
                for dx in -5..=5_i64 {
                    let at = [(y + dy) as usize, (x + dx) as usize];
                    let r2 = (dx * dx + dy * dy) as f64;
                    if r2 <= 30.0 {
                        grown += r2 * (f64::from(pixels.image[at] - light[at]) - level);
                        flux += f64::from(light[at]) - sky;
                        peak = peak.max(f64::from(light[at]));
                    }
                }
            }
            if peak > 1e5 || flux < 2e3 {
                continue;
            }
            (xx, xy, n) = (xx + peak * peak, xy + peak * grown / flux, n + 1);
        }
        (xy / xx, n)
    };
    let ((before, n), (after, _)) = (slope(&image(false)), slope(&image(true)));
    let removed = 1.0 - after / before;
    eprintln!(
        "{n} stars, slope {before:.3e} px2/e before, {after:.3e} after: {removed:.4} removed"
    );
    assert!(n > 15 && before > 0.0);
    assert!((removed - 1.0).abs() < 0.1, "{removed}");
}

#[test]
fn fringes_go_and_stars_stay() {
    // In y, where the sky has them: the sensor that was calibrated, flats of that filter, six visits.
    let mut config = SurveyConfig {
        bands: vec!["y".to_owned()],
        visits_per_band: 7,
        dither_arcsec: 15.0,
        ..config()
    };
    config.effects.cosmic_rays = false;
    config.effects.streaks = false;
    let c = &mut config.calibrations;
    (c.biases, c.darks, c.flats, c.ptc_pairs, c.spots) = (0, 0, 4, 0, 0);
    let mut smooth = config.clone();
    smooth.effects.fringes = false;
    let (survey, smooth) = (Survey::new(config).unwrap(), Survey::new(smooth).unwrap());
    let mut calibrations = measured().calibrations.clone();
    let flats = super::raws(&survey, ExposureType::Flat);
    let flats: Vec<&RawFrame> = flats.iter().collect();
    calibrations.flat = Some(flat::measure(&flats, &calibrations, &Default::default()).unwrap());
    let raws = super::raws(&survey, ExposureType::Science);
    let (others, last): (Vec<&RawFrame>, &RawFrame) = (raws[..6].iter().collect(), &raws[6]);
    let made = fringe::measure(&others, &calibrations, &Default::default());
    calibrations.fringe = Some(made.unwrap());
    let id = FrameId { exposure: survey.exposures().len() - 1, detector: 0 };
    let even = smooth.light(id).unwrap().unwrap();
    let pattern = survey.light(id).unwrap().unwrap() - &even;
    let amplitude = |on: bool| {
        let mut steps = IsrConfig::default();
        steps.fringe.enabled = on;
        let pixels = Isr::new(steps).correct(last, &calibrations).unwrap().pixels;
        let good = pixels.mask.mapv(|bits| if bits & BAD == 0 { 1.0_f32 } else { 0.0 });
        let factor = (&pixels.image * &good).sum() / (&even * &good).sum();
        let left = (&pixels.image - &even * factor) * &good;
        f64::from((&left * &pattern).sum() / (&pattern * &pattern * &good).sum())
    };
    let (with, without) = (amplitude(true), amplitude(false));
    eprintln!("fringes {with:.3} {without:.3}");
    assert!((without - 1.0).abs() < 0.1 && with.abs() < 0.15, "{with} {without}");
}
