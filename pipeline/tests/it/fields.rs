//! Fields that are hard in their own ways: crowded, sparse, across right ascension 0.

use almagest_pipeline::characterize::{CharacterizeConfig, CharacterizeTask};
use almagest_pipeline::simulate::{SimulateConfig, simulate};
use almagest_pipeline::task::Task;

/// What came of a field.
struct Outcome {
    /// Share of the stars above S/N 20 with a source within a pixel.
    complete: f64,
    /// Share of the sources with a star within two pixels.
    pure: f64,
    n_sources: usize,
}

fn check(name: &str, config: &SimulateConfig) -> Outcome {
    let visit = simulate(config).unwrap().visits.remove(0);
    let result = CharacterizeTask::new(CharacterizeConfig::default()).run(&visit.exposure).unwrap();
    let (nx, ny) = config.size_px;
    let (mut bright, mut found) = (0, 0);
    for truth in &visit.truth {
        let inside =
            (5.0..nx as f64 - 5.0).contains(&truth.x) && (5.0..ny as f64 - 5.0).contains(&truth.y);
        let near = |s: &&almagest_pipeline::characterize::SourceMeasurement| {
            (s.x - truth.x).hypot(s.y - truth.y) < 1.0
        };
        let error = result.faintest_adu / 5.0 * visit.exposure.photo_calib.unwrap().njy_per_adu;
        if inside && truth.flux_njy > 20.0 * error {
            bright += 1;
            found += usize::from(result.sources.iter().any(|s| near(&s)));
        }
    }
    let is_true = |x: f64, y: f64| visit.truth.iter().any(|t| (t.x - x).hypot(t.y - y) < 2.0);
    let true_ones = result.sources.iter().filter(|s| is_true(s.x, s.y)).count();
    // Nothing is dropped: each peak is a row, with a flux or with a flag.
    for source in result.sources.iter().chain(&result.parents).chain(&result.sky_sources) {
        assert!(source.psf_inst_flux.flux.is_finite() || source.psf_inst_flux.flag());
        assert!(source.shape.flag || source.shape.xx.is_finite());
        assert!(source.kron_inst_flux.flag || source.kron_inst_flux.flux.is_finite());
        assert!((0.0..360.0).contains(&source.ra) && source.dec.abs() <= 90.0);
    }
    let n_children: usize = result.parents.iter().map(|p| p.n_children).sum();
    let n_blended = result.sources.iter().filter(|s| s.parent.is_some()).count();
    assert_eq!(n_children, n_blended);
    let outcome = Outcome {
        complete: found as f64 / f64::from(bright.max(1)),
        pure: true_ones as f64 / result.sources.len().max(1) as f64,
        n_sources: result.sources.len(),
    };
    println!(
        "{name}: {} sources in {} blends of {} stars, completeness above S/N 20 {:.3} of {bright}, purity {:.3}, \
         {} PSF stars, {} sky sources",
        outcome.n_sources,
        result.parents.len(),
        visit.truth.len(),
        outcome.complete,
        outcome.pure,
        result.psf.stars.len(),
        result.sky_sources.len()
    );
    outcome
}

fn stars(n: usize, size_px: (usize, usize)) -> SimulateConfig {
    SimulateConfig {
        seed: 31,
        size_px,
        stars: n,
        star_magnitudes: (17.0, 24.0),
        galaxies: 0,
        visit_bands: vec!["r".to_owned()],
        ..SimulateConfig::default()
    }
}

#[test]
fn a_crowded_field_is_taken_apart() {
    // A star per 100 px².
    let outcome = check("crowded", &stars(2600, (400, 400)));
    assert!(outcome.complete > 0.5 && outcome.pure > 0.9, "{}", outcome.complete);
}

#[test]
fn a_sparse_field_has_its_stars() {
    let outcome = check("sparse", &stars(20, (600, 600)));
    assert!(outcome.complete > 0.9 && outcome.n_sources <= 25);
}

#[test]
fn a_field_across_right_ascension_zero_is_a_field() {
    let config = SimulateConfig { ra_deg: 0.0, dec_deg: -30.0, ..stars(100, (600, 600)) };
    let outcome = check("across RA 0", &config);
    assert!(outcome.complete > 0.9 && outcome.pure > 0.95);
}
