//! `almagest demo`: the main job, from pixels to answers, on a simulated sky.

use std::collections::HashMap;
use std::fs;

use crate::almagest::{run_well, values};
use crate::clients::images_behind_rows;

/// The demo leaves rows in every table of the chain, whose light curves agree with the truth that
/// it wrote beside them.
#[test]
fn simulated_sky() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    let said = run_well(&["demo", "--once", "--dir", folder]);
    let catalog = format!("{folder}/catalog");
    run_well(&["check", &catalog]);
    for answer in ["CIRCLE(", "_psfMag", "ORDER BY v.expMidptMJD", "light_curve.svg"] {
        assert!(said.contains(answer), "{answer} in {said}");
    }

    let count = |table: &str| {
        let rows = values(&catalog, &format!("SELECT COUNT(*) FROM {table}"));
        rows[0][0].parse::<usize>().unwrap()
    };
    assert_eq!(count("Visit"), 10);
    assert_eq!(count("VisitDetector"), 10);
    let n_objects = count("Object");
    assert!(n_objects > 100, "{n_objects} objects");
    // Every object is measured on every visit that covers it; dithers leave some out.
    let n_forced = count("ForcedSource");
    assert!(n_forced > 8 * n_objects && n_forced <= 10 * n_objects, "{n_forced} forced sources");
    assert!(count("Source") > 5 * n_objects);

    let plot = fs::read_to_string(format!("{folder}/light_curve.svg")).unwrap();
    assert!(plot.starts_with("<svg") && plot.trim_end().ends_with("</svg>"));
    assert!(plot.contains("Object ") && plot.contains("nJy"), "what is drawn is said");

    // Running it again goes on from what is there.
    run_well(&["demo", "--once", "--dir", folder]);
    assert_eq!(count("ForcedSource"), n_forced);

    light_curves_agree_with_the_truth(folder, &catalog);
    images_behind_rows(&catalog);
}

/// Fluxes of bright, isolated, constant and varying stars: errors as announced.
fn light_curves_agree_with_the_truth(folder: &str, catalog: &str) {
    let read = |name: &str| -> Vec<Vec<String>> {
        let text = fs::read_to_string(format!("{folder}/{name}")).unwrap();
        text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
    };
    let stars: Vec<(String, f64, f64)> = read("truth_object.csv")
        .into_iter()
        .filter(|row| row[1].contains("star"))
        .map(|row| (row[0].clone(), row[2].parse().unwrap(), row[3].parse().unwrap()))
        .collect();
    let truth: HashMap<(String, String), f64> = read("truth_epoch.csv")
        .into_iter()
        .map(|row| ((row[0].clone(), row[1].clone()), row[2].parse().unwrap()))
        .collect();
    let measured = values(
        catalog,
        "SELECT coord_ra, coord_dec, visit, psfFlux, psfFluxErr FROM ForcedSource \
         WHERE psfFlux_flag = 0 AND pixelFlags_edge = 0 AND pixelFlags_saturated = 0 \
         AND psfFlux BETWEEN 10 * psfFluxErr AND 100 * psfFluxErr",
    );
    let mut pulls = vec![];
    for row in measured {
        let [ra, dec, flux, error] =
            [0, 1, 3, 4].map(|column: usize| row[column].parse::<f64>().unwrap());
        let arcsec = |star: &(String, f64, f64)| {
            3600.0 * ((star.1 - ra) * dec.to_radians().cos()).hypot(star.2 - dec)
        };
        let near: Vec<_> = stars.iter().filter(|star| arcsec(star) < 0.3).collect();
        if let [star] = near.as_slice()
            && let Some(true_flux) = truth.get(&(star.0.clone(), row[2].clone()))
        {
            pulls.push((flux - true_flux) / error);
        }
    }
    assert!(pulls.len() > 200, "{} epochs of stars", pulls.len());
    // Neighbours and galaxies pull some far off; the middle of the distribution shows the errors.
    pulls.sort_by(f64::total_cmp);
    let quantile = |share: f64| pulls[((pulls.len() - 1) as f64 * share) as usize];
    let width = (quantile(0.8413) - quantile(0.1587)) / 2.0;
    let (n, middle) = (pulls.len(), quantile(0.5));
    println!("{n} epochs of stars, S/N 10 to 100: pulls of width {width:.3}, median {middle:+.3}");
    assert!((0.9..=1.1).contains(&width), "width of the pulls of {n} epochs: {width}");
    assert!(middle.abs() < 0.15, "median pull of {n} epochs: {middle}");
}
