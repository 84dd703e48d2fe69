//! The simulator's stars and galaxies against galsim's, pixel by pixel.

use almagest_pipeline::psf::{PsfModel, RadialLaw, Stamp, StarProfile};
use almagest_pipeline::simulate::{GalaxyPainter, GalaxyShape, SimulateConfig, simulate};

/// Flux of the objects: magnitude 17.7 in r.
const FLUX_ADU: f64 = 5e5;
/// Sky and read noise of a pixel in the default configuration.
const SKY_NOISE_ADU: f64 = 29.06;

/// An object of the reference file (made by `draw_with_galsim.py`) with its pixels.
struct Reference {
    kind: String,
    parameters: Vec<f64>,
    pixels: Vec<Vec<f64>>,
}

fn references() -> Vec<Reference> {
    let text = include_str!("../reference/galsim_stamps.txt");
    let mut references: Vec<Reference> = Vec::new();
    for line in text.lines() {
        let mut words = line.split_whitespace().peekable();
        if words.peek().is_some_and(|w| w.starts_with(|c: char| c.is_ascii_alphabetic())) {
            let kind = words.next().unwrap().to_owned();
            let parameters = words.map(|w| w.parse().unwrap()).collect();
            references.push(Reference { kind, parameters, pixels: Vec::new() });
        } else {
            let row = words.map(|w| w.parse().unwrap()).collect();
            references.last_mut().unwrap().pixels.push(row);
        }
    }
    references
}

fn draw(reference: &Reference) -> Stamp {
    let p = &reference.parameters;
    let law = if p[3] > 0.0 { RadialLaw::Moffat { beta: p[3] } } else { RadialLaw::Gaussian };
    let psf = StarProfile { law, fwhm_px: p[2], g1: p[4], g2: p[5] };
    if reference.kind == "star" {
        return PsfModel::Analytic(psf).stamp(p[0], p[1], 40);
    }
    let shape = GalaxyShape { sersic_n: p[6], half_light_px: p[7], g1: p[8], g2: p[9] };
    // As the simulator does: as far as the galaxy exceeds a hundredth of the sky noise.
    let faintest = 0.01 * SKY_NOISE_ADU / FLUX_ADU;
    GalaxyPainter::new(&[p[6]]).draw(&shape, &psf, (p[0], p[1]), faintest).unwrap()
}

#[test]
fn stars_and_galaxies_agree_with_galsim_within_a_tenth_of_the_noise() {
    let config = SimulateConfig::default();
    let references = references();
    assert_eq!(references.len(), 8);
    let (flux, gain) = (FLUX_ADU, config.gain_e_per_adu);
    let sky_variance = config.sky_adu[1] / gain + (config.read_noise_e / gain).powi(2);
    assert!((sky_variance.sqrt() / SKY_NOISE_ADU - 1.0).abs() < 0.01);
    for (number, reference) in references.iter().enumerate() {
        let stamp = draw(reference);
        let (mut worst, mut compared) = (0.0_f64, 0);
        for (row, column, value) in stamp.inside((64, 64)) {
            let expected = reference.pixels[row][column];
            let noise = (sky_variance + flux * expected.max(0.0) / gain).sqrt();
            worst = worst.max((value - expected).abs() * flux / noise);
            compared += 1;
        }
        println!("object {number} ({}): worst {worst:.4} of the noise", reference.kind);
        assert!(compared > 2000, "object {number}: {compared} pixels");
        assert!(worst < 0.1, "object {number}: {worst} of the noise");
    }
}

#[test]
fn a_seed_gives_the_same_sky_and_another_seed_another() {
    let config = SimulateConfig {
        size_px: (120, 100),
        stars: 20,
        galaxies: 3,
        visit_bands: vec!["g".to_owned(), "r".to_owned()],
        ..SimulateConfig::default()
    };
    let first = simulate(&config).unwrap();
    let again = simulate(&config).unwrap();
    let other = simulate(&SimulateConfig { seed: 2, ..config }).unwrap();
    let image = |s: &almagest_pipeline::simulate::Simulation, k: usize| {
        s.visits[k].exposure.masked_image.image.clone()
    };
    assert_eq!(first.scene.objects, again.scene.objects);
    for k in 0..2 {
        assert_eq!(image(&first, k), image(&again, k));
        assert_ne!(image(&first, k), image(&other, k));
    }
    assert_ne!(image(&first, 0), image(&first, 1));
}

#[test]
fn pixels_scatter_by_their_variance() {
    let config = SimulateConfig {
        size_px: (400, 400),
        stars: 0,
        galaxies: 0,
        visit_bands: vec!["r".to_owned()],
        ..SimulateConfig::default()
    };
    let simulation = simulate(&config).unwrap();
    let image = &simulation.visits[0].exposure.masked_image;
    let n = image.image.len() as f64;
    let mean = image.image.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
    let spread = image.image.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / n;
    let variance = image.variance.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
    // 160,000 pixels: the mean is good to 0.07 ADU, the variance to 0.35 per cent.
    assert!((mean - config.sky_adu[1]).abs() < 0.3, "{mean}");
    assert!((spread / variance - 1.0).abs() < 0.015, "{spread} {variance}");
}
