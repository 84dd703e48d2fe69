//! Association and forced photometry over several epochs: light curves.

use almagest_pipeline::association::{AssociatedObject, AssociationConfig, Sighting, associate};
use almagest_pipeline::camera::{FrameOptions, read_exposures};
use almagest_pipeline::characterize::{CharacterizeConfig, CharacterizeTask, Characterized};
use almagest_pipeline::exposure::Exposure;
use almagest_pipeline::forced_photometry::{
    ForcedConfig, ForcedInput, ForcedMeasurement, ForcedPhotometry, ForcedTarget, force,
};
use almagest_pipeline::measurement::aperture_flux;
use almagest_pipeline::simulate::{SimulateConfig, TruthShape, simulate};
use almagest_pipeline::statistics::median;
use almagest_pipeline::task::Task;

use crate::real_data::folder;

/// Several exposures of one field through the whole chain.
struct Epochs {
    characterized: Vec<Characterized>,
    objects: Vec<AssociatedObject>,
    forced: Vec<ForcedPhotometry>,
}

impl Epochs {
    fn process(exposures: &[Exposure]) -> Self {
        let task = CharacterizeTask::new(CharacterizeConfig::default());
        let characterized: Vec<Characterized> =
            exposures.iter().map(|e| task.run(e).unwrap()).collect();
        let sightings: Vec<Sighting> = characterized
            .iter()
            .enumerate()
            .flat_map(|(number, c)| {
                c.sources.iter().map(move |s| Sighting {
                    exposure: number as i64,
                    ra: s.ra,
                    dec: s.dec,
                    ra_err: s.ra_err,
                    dec_err: s.dec_err,
                })
            })
            .collect();
        let objects = associate(&sightings, &[], &AssociationConfig::default());
        let targets: Vec<ForcedTarget> = (0..)
            .zip(&objects)
            .map(|(object_id, o)| ForcedTarget { object_id, ra: o.ra, dec: o.dec })
            .collect();
        let forced = exposures
            .iter()
            .zip(&characterized)
            .map(|(e, c)| force(&ForcedInput::of(e, c), &targets, &ForcedConfig::default()))
            .collect();
        Self { characterized, objects, forced }
    }

    fn light_curve(&self, object: usize) -> Vec<(usize, ForcedMeasurement)> {
        self.forced
            .iter()
            .enumerate()
            .filter_map(|(epoch, f)| {
                let row = f.measurements.iter().find(|m| m.object_id == object as i64)?;
                Some((epoch, *row))
            })
            .collect()
    }
}

fn clean(m: &ForcedMeasurement) -> bool {
    !(m.psf_inst_flux.flag() || m.pixel_flags.edge() || m.pixel_flags.saturated())
}

#[test]
fn constant_stars_vary_as_their_errors_say_and_variable_ones_more() {
    let config = SimulateConfig {
        seed: 4,
        stars: 260,
        star_magnitudes: (17.5, 23.5),
        star_count_slope: 0.05,
        min_separation_px: 25.0,
        galaxies: 10,
        variable_fraction: 0.12,
        visit_bands: vec!["r".to_owned(); 6],
        ..SimulateConfig::default()
    };
    let simulation = simulate(&config).unwrap();
    let exposures: Vec<Exposure> = simulation.visits.iter().map(|v| v.exposure.clone()).collect();
    let epochs = Epochs::process(&exposures);
    let (mut chi2, mut degrees, mut constant) = (0.0, 0.0, 0);
    let (mut seen_variables, mut recovered) = (0, 0);
    for truth in &simulation.scene.objects {
        let TruthShape::Star(variability) = truth.shape else { continue };
        let near = epochs.objects.iter().enumerate().find(|(_, o)| {
            let east = (o.ra - truth.ra) * truth.dec.to_radians().cos();
            east.hypot(o.dec - truth.dec) < 0.3 / 3600.0 && o.members.len() >= 4
        });
        let Some((number, _)) = near else { continue };
        let curve = epochs.light_curve(number);
        let points: Vec<(usize, f64, f64)> = curve
            .iter()
            .filter(|(_, m)| clean(m))
            .map(|(e, m)| (*e, m.psf_flux, m.psf_flux_err))
            .collect();
        if points.len() < 5 {
            continue;
        }
        let weight: f64 = points.iter().map(|p| p.2.powi(-2)).sum();
        let mean = points.iter().map(|p| p.1 * p.2.powi(-2)).sum::<f64>() / weight;
        let own: f64 = points.iter().map(|p| ((p.1 - mean) / p.2).powi(2)).sum();
        let freedom = points.len() as f64 - 1.0;
        let snr = mean * (weight / points.len() as f64).sqrt();
        if variability.is_some() {
            seen_variables += usize::from(snr > 30.0);
            let follows = points.iter().all(|&(epoch, flux, error)| {
                let visit = &simulation.visits[epoch];
                let expected = truth.flux_at(1, visit.exposure.visit_info.mid_mjd_tai);
                (flux - expected).abs() < 5.0 * error + 0.02 * expected
            });
            recovered += usize::from(snr > 30.0 && follows && own / freedom > 5.0);
        } else if (10.0..100.0).contains(&snr) {
            chi2 += own;
            degrees += freedom;
            constant += 1;
        }
    }
    let reduced = chi2 / degrees;
    println!("{constant} constant stars: reduced chi2 {reduced:.3} of {degrees}");
    println!("{recovered} of {seen_variables} variables follow the truth");
    // A hundred stars with five degrees of freedom each fix it to 6 per cent.
    assert!(constant > 60 && (0.8..1.25).contains(&reduced), "{reduced} of {constant} stars");
    assert!(seen_variables >= 4 && recovered == seen_variables);
}

/// Scatter of ln flux about the factor of each epoch that the other stars give (their median).
fn leave_one_out_scatter(ln_flux: &[Vec<f64>]) -> Vec<f64> {
    let epochs = ln_flux[0].len();
    let relative: Vec<Vec<f64>> = ln_flux
        .iter()
        .map(|star| {
            let centre = median(&mut star.clone());
            star.iter().map(|v| v - centre).collect()
        })
        .collect();
    (0..relative.len())
        .map(|star| {
            let residuals: Vec<f64> = (0..epochs)
                .map(|e| {
                    let mut others: Vec<f64> = (0..relative.len())
                        .filter(|&o| o != star)
                        .map(|o| relative[o][e])
                        .collect();
                    relative[star][e] - median(&mut others)
                })
                .collect();
            let mean = residuals.iter().sum::<f64>() / epochs as f64;
            let squares = residuals.iter().map(|r| (r - mean).powi(2)).sum::<f64>();
            (squares / (epochs as f64 - 1.0)).sqrt()
        })
        .collect()
}

#[test]
fn real_stars_repeat_better_than_in_plain_apertures() {
    let Some(data) = folder("decam-sequence") else { return };
    let mut files: Vec<_> =
        std::fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "fits"));
    files.sort();
    let exposures: Vec<Exposure> =
        files.iter().flat_map(|f| read_exposures(f, &FrameOptions::default()).unwrap()).collect();
    assert_eq!(exposures.len(), 10);
    let epochs = Epochs::process(&exposures);
    let (mut psf, mut aperture) = (Vec::new(), Vec::new());
    for (number, object) in epochs.objects.iter().enumerate() {
        let curve = epochs.light_curve(number);
        let mut snr: Vec<f64> =
            curve.iter().map(|(_, m)| m.psf_inst_flux.flux / m.psf_inst_flux.flux_err).collect();
        let snr = median(&mut snr);
        if curve.len() == 10 && snr > 10.0 {
            assert!(object.members.len() >= 9, "S/N {snr}: in {} epochs", object.members.len());
        }
        // Flux within 5 pixels of the source where it was detected, as SEP would sum it.
        let sources: Vec<_> = epochs
            .characterized
            .iter()
            .map(|c| {
                let same = |s: &&almagest_pipeline::characterize::SourceMeasurement| {
                    let east = (s.ra - object.ra) * object.dec.to_radians().cos();
                    east.hypot(s.dec - object.dec) < 0.7 / 3600.0
                };
                c.sources.iter().find(same)
            })
            .collect();
        let usable = curve.len() == 10
            && snr > 30.0
            && curve.iter().all(|(_, m)| clean(m))
            && sources.iter().all(Option::is_some)
            && sources.iter().flatten().filter(|s| s.extendedness == 1.0).count() < 5;
        if !usable {
            continue;
        }
        let sums: Vec<f64> = sources
            .iter()
            .flatten()
            .zip(&epochs.characterized)
            .map(|(s, c)| aperture_flux(&c.image, s.x, s.y, 5.0).flux)
            .collect();
        if sums.iter().any(|s| s.is_nan()) {
            continue;
        }
        aperture.push(sums.iter().map(|s| s.ln()).collect());
        psf.push(curve.iter().map(|(_, m)| m.psf_inst_flux.flux.ln()).collect());
    }
    let (ours, plain) = (leave_one_out_scatter(&psf), leave_one_out_scatter(&aperture));
    let log_ratio: f64 =
        ours.iter().zip(&plain).map(|(a, b)| (a / b).ln()).sum::<f64>() / ours.len() as f64;
    let ratio = log_ratio.exp();
    println!("{} stars: scatter {ours:.4?} against {plain:.4?}, ratio {ratio:.3}", ours.len());
    assert!(ours.len() >= 5, "{} stars", ours.len());
    assert!(ratio < 1.0, "{ratio}");
}
