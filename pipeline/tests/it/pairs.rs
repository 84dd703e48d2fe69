//! Pairs of stars one and a half to two full widths apart: resolved, and with their own fluxes.

use almagest_pipeline::characterize::{CharacterizeConfig, CharacterizeTask};
use almagest_pipeline::psf::PsfModel;
use almagest_pipeline::simulate::{SimulateConfig, simulate};
use almagest_pipeline::statistics::median;
use almagest_pipeline::task::Task;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};

const PAIRS: usize = 150;

#[test]
fn close_pairs_are_resolved_with_their_fluxes() {
    let config = SimulateConfig {
        seed: 12,
        size_px: (1000, 1000),
        stars: 60,
        star_magnitudes: (17.0, 21.0),
        star_count_slope: 0.0,
        variable_fraction: 0.0,
        min_separation_px: 60.0,
        galaxies: 0,
        visit_bands: vec!["r".to_owned()],
        ..SimulateConfig::default()
    };
    let mut visit = simulate(&config).unwrap().visits.remove(0);
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(3);
    let psf = PsfModel::Analytic(visit.psf);
    let sky_noise = f64::from(visit.exposure.masked_image.variance[[5, 5]]).sqrt();
    let unit = sky_noise * psf.effective_area_px(500.0, 500.0).sqrt();
    let mut places: Vec<(f64, f64)> = visit.truth.iter().map(|t| (t.x, t.y)).collect();
    let mut pairs = Vec::new();
    while pairs.len() < PAIRS {
        let (x, y) = (rng.random_range(40.0..960.0), rng.random_range(40.0..960.0));
        if places.iter().any(|p| (p.0 - x).hypot(p.1 - y) < 40.0) {
            continue;
        }
        places.push((x, y));
        // Signal to noise 50 to 500, and a companion up to four times fainter.
        let bright = unit * 50.0 * 10f64.powf(rng.random_range(0.0..1.0));
        let faint = bright * rng.random_range(0.25..1.0);
        let apart = visit.psf.fwhm_px * rng.random_range(1.5..2.0);
        let angle = rng.random_range(0.0..std::f64::consts::TAU);
        let other = (x + apart * angle.cos(), y + apart * angle.sin());
        pairs.push([(x, y, bright), (other.0, other.1, faint)]);
    }
    let pixels = &mut visit.exposure.masked_image;
    let shape = pixels.image.dim();
    for &(x, y, flux) in pairs.iter().flatten() {
        for (row, column, value) in psf.stamp(x, y, 40).inside(shape) {
            let light = flux * value;
            let noise: f64 = StandardNormal.sample(&mut rng);
            let photons = light / config.gain_e_per_adu;
            pixels.image[[row, column]] += (light + noise * photons.sqrt()) as f32;
            pixels.variance[[row, column]] += photons as f32;
        }
    }
    let task = CharacterizeTask::new(CharacterizeConfig::default());
    let result = task.run(&visit.exposure).unwrap();
    let (mut resolved, mut psf_errors, mut shared_errors) = (0, Vec::new(), Vec::new());
    let mut blendedness = Vec::new();
    for pair in &pairs {
        let found = pair.map(|(x, y, _)| {
            result.sources.iter().find(|s| (s.x - x).hypot(s.y - y) < 0.3 * visit.psf.fwhm_px)
        });
        let [Some(a), Some(b)] = found else { continue };
        if std::ptr::eq(a, b) {
            continue;
        }
        resolved += 1;
        for (source, truth) in [a, b].into_iter().zip(pair) {
            psf_errors.push((source.psf_inst_flux.flux / truth.2 - 1.0).abs());
            // Twelve pixels hold nearly all of a child's light, and little noise of a bright one.
            let inside = 1.0 - visit.psf.fraction_outside(9.0);
            shared_errors.push((source.ap_inst_flux[3].flux / inside / truth.2 - 1.0).abs());
            let parent = &result.parents[source.parent.unwrap()];
            assert!(parent.n_children >= 2 && parent.footprint == source.footprint);
            blendedness.push(source.blendedness);
        }
    }
    let share = f64::from(resolved) / PAIRS as f64;
    let (of_psf, of_child) = (median(&mut psf_errors), median(&mut shared_errors));
    println!(
        "{:.0} % of {PAIRS} pairs resolved (gate 50); median error of a member's PSF flux {:.2} %, of its \
         deblended aperture flux {:.2} % (gate 5)",
        100.0 * share,
        100.0 * of_psf,
        100.0 * of_child
    );
    blendedness.retain(|b| b.is_finite());
    assert!(blendedness.len() > resolved as usize && median(&mut blendedness) > 0.01);
    assert!(share >= 0.5, "{resolved} of {PAIRS}");
    assert!(of_psf <= 0.05 && of_child <= 0.05, "{of_psf} {of_child}");
    // The brighter member of an unresolved pair has all of the light; nothing is found twice.
    assert!(result.sources.len() < 60 + 2 * PAIRS + 20, "{}", result.sources.len());
}
