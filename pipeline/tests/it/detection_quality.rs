//! Completeness, false detections and flags on a simulated sky.

use almagest_pipeline::characterize::{CharacterizeConfig, CharacterizeTask};
use almagest_pipeline::psf::PsfModel;
use almagest_pipeline::simulate::{SimulateConfig, simulate};
use almagest_pipeline::task::Task;

#[test]
fn stars_are_found_as_their_signal_to_noise_says_and_noise_is_not() {
    let config = SimulateConfig {
        seed: 5,
        stars: 900,
        star_magnitudes: (23.2, 24.25),
        star_count_slope: 0.0,
        variable_fraction: 0.0,
        min_separation_px: 26.0,
        galaxies: 0,
        visit_bands: vec!["r".to_owned(); 12],
        ..SimulateConfig::default()
    };
    let simulation = simulate(&config).unwrap();
    let mut stars: Vec<(f64, bool)> = Vec::new();
    let (mut sources, mut false_ones) = (0, 0);
    for visit in &simulation.visits {
        let result =
            CharacterizeTask::new(CharacterizeConfig::default()).run(&visit.exposure).unwrap();
        let psf = PsfModel::Analytic(visit.psf);
        let njy_per_adu = visit.exposure.photo_calib.unwrap().njy_per_adu;
        let gain = config.gain_e_per_adu;
        let sky = config.sky_adu[1] / gain + (config.read_noise_e / gain).powi(2);
        // Signal to noise that an ideal measurement of a star would have, its own photons' noise included.
        let ideal = |x: f64, y: f64, flux: f64| {
            let stamp = psf.stamp(x, y, 12);
            let terms = stamp.values.iter().map(|p| (flux * p).powi(2) / (sky + flux * p / gain));
            terms.sum::<f64>().sqrt()
        };
        for truth in &visit.truth {
            let inside = |v: f64| (10.0..990.0).contains(&v);
            if !inside(truth.x) || !inside(truth.y) {
                continue;
            }
            let near = |x: f64, y: f64| (x - truth.x).hypot(y - truth.y) < 3.0;
            let found = result.sources.iter().any(|s| near(s.x, s.y));
            stars.push((ideal(truth.x, truth.y, truth.flux_njy / njy_per_adu), found));
        }
        sources += result.sources.len();
        false_ones += result
            .sources
            .iter()
            .filter(|s| !visit.truth.iter().any(|t| (s.x - t.x).hypot(s.y - t.y) < 4.0))
            .filter(|s| !s.pixel_flags.edge())
            .count();
    }
    let completeness = |low: f64, high: f64| {
        let within: Vec<bool> =
            stars.iter().filter(|s| (low..high).contains(&s.0)).map(|s| s.1).collect();
        let found = within.iter().filter(|found| **found).count();
        (found as f64 / within.len() as f64, within.len())
    };
    // Where completeness crosses one half, in steps of a twentieth over windows of four tenths.
    let half = (60..160)
        .map(|step| f64::from(step) * 0.05)
        .find(|snr| completeness(snr - 0.2, snr + 0.2).0 >= 0.5)
        .unwrap();
    let (seven, eight) = (completeness(6.75, 7.25), completeness(7.75, 8.25));
    let purity = 1.0 - false_ones as f64 / sources as f64;
    println!(
        "completeness 50 % at S/N {half:.2} (gate 4.7 to 5.2), {:.3} of {} at 7 (gate 0.97), {:.3} of {} at 8 \
         (gate 0.99); purity {purity:.4} of {sources} (gate 0.985)",
        seven.0, seven.1, eight.0, eight.1
    );
    assert!((4.7..=5.2).contains(&half), "{half}");
    for ((share, n), gate) in [(seven, 0.97), (eight, 0.99)] {
        assert!(n >= 500 && share >= gate, "{share} of {n}, gate {gate}");
    }
    assert!(purity >= 0.985, "{false_ones} of {sources}");
}

#[test]
fn saturated_and_edge_sources_are_flagged_and_others_not() {
    let config = SimulateConfig {
        seed: 6,
        size_px: (500, 500),
        stars: 60,
        star_magnitudes: (14.5, 19.0),
        star_count_slope: 0.0,
        min_separation_px: 50.0,
        galaxies: 0,
        visit_bands: vec!["r".to_owned()],
        ..SimulateConfig::default()
    };
    let simulation = simulate(&config).unwrap();
    let visit = &simulation.visits[0];
    let result = CharacterizeTask::new(CharacterizeConfig::default()).run(&visit.exposure).unwrap();
    let mask = &visit.exposure.masked_image.mask;
    let (mut saturated, mut edge, mut plain) = (0, 0, 0);
    for truth in &visit.truth {
        let near = |x: f64, y: f64| (x - truth.x).hypot(y - truth.y) < 3.0;
        let Some(source) = result.sources.iter().find(|s| near(s.x, s.y)) else {
            panic!("a bright star at {}, {} was not found", truth.x, truth.y)
        };
        let centre = mask[[truth.y.round() as usize, truth.x.round() as usize]];
        let is_saturated = centre & almagest_pipeline::image::mask_plane::SAT != 0;
        assert_eq!(source.pixel_flags.saturated_center(), is_saturated, "{truth:?}");
        let distance = truth.x.min(truth.y).min(499.0 - truth.x).min(499.0 - truth.y);
        if distance < 1.5 {
            assert!(source.pixel_flags.edge(), "{truth:?}");
        } else if distance > 10.0 {
            assert!(!source.pixel_flags.edge(), "{truth:?}");
        }
        saturated += usize::from(is_saturated);
        edge += usize::from(source.pixel_flags.edge());
        plain += usize::from(!is_saturated && !source.pixel_flags.edge());
    }
    println!("{saturated} saturated, {edge} at the edge, {plain} plain");
    assert!(saturated >= 3 && plain >= 10);
}
