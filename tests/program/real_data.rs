//! Real DECam exposures through the whole program. Skipped where they are not there.

use std::collections::HashMap;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::almagest::{run_well, values};

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The folder of the real data, or a message and nothing.
fn data() -> Option<PathBuf> {
    let folder = env::var_os("ALMAGEST_DATA")
        .map_or_else(|| repository().join("../shared/data"), PathBuf::from);
    if !folder.join("decam-sequence").is_dir() {
        println!("skipped: no {}", folder.display());
        return None;
    }
    Some(folder)
}

/// Process images into a new catalog; return its folder.
fn processed(folder: &tempfile::TempDir, images: &Path) -> String {
    let catalog = folder.path().join("catalog").to_str().unwrap().to_owned();
    run_well(&["create", &catalog]);
    run_well(&["process", &catalog, images.to_str().unwrap()]);
    run_well(&["check", &catalog]);
    catalog
}

/// Run a script of the reference Python; nothing where there is none.
fn script(name: &str, args: &[&str]) -> Option<String> {
    let Some(python) = env::var_os("ALMAGEST_PYTHON") else {
        println!("skipped: {name}, as ALMAGEST_PYTHON names no Python for it");
        return None;
    };
    let output = Command::new(python)
        .arg(repository().join("tests").join(name))
        .arg(env!("CARGO_BIN_EXE_almagest"))
        .args(args)
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{name}: {}\n{stdout}\n{stderr}", output.status);
    println!("{stdout}");
    Some(stdout)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() % 2 {
        0 => (values[middle - 1] + values[middle]) / 2.0,
        _ => values[middle],
    }
}

#[test]
fn ten_exposures_of_one_field() {
    let Some(data) = data() else { return };
    let images = data.join("decam-sequence");
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_str().unwrap();
    run_well(&["demo", "--once", "--dir", root, "--images", images.to_str().unwrap()]);
    let catalog = format!("{root}/catalog");
    assert_eq!(values(&catalog, "SELECT COUNT(*) FROM Visit"), [["10"]]);

    // Objects whose median S/N exceeds 10 are found in at least 9 of 10 epochs.
    let mut snr: HashMap<String, Vec<f64>> = HashMap::new();
    let forced = "SELECT objectId, psfInstFlux / psfInstFluxErr FROM ForcedSource";
    for row in values(&catalog, forced) {
        snr.entry(row[0].clone()).or_default().extend(row[1].parse::<f64>());
    }
    let mut n_found: HashMap<String, usize> = HashMap::new();
    let seen = "SELECT o.objectId, COUNT(DISTINCT s.visit) FROM Object AS o JOIN Source AS s \
                ON DISTANCE(o.coord_ra, o.coord_dec, s.coord_ra, s.coord_dec) < 1.0 / 3600 \
                GROUP BY o.objectId";
    for row in values(&catalog, seen) {
        n_found.insert(row[0].clone(), row[1].parse().unwrap());
    }
    let bright: Vec<String> =
        snr.into_iter().filter(|(_, snr)| median(snr.clone()) > 10.0).map(|(id, _)| id).collect();
    assert!(bright.len() >= 10, "{} objects above S/N 10", bright.len());
    for id in &bright {
        let n = n_found.get(id).copied().unwrap_or(0);
        assert!(n >= 9, "object {id} was found in {n} of 10 epochs");
    }

    let images = images.to_str().unwrap();
    if let Some(report) = script("real_data/light_curve_repeatability.py", &[&catalog, images]) {
        assert!(report.contains("ratio PSF / aperture"), "{report}");
    }
    let drawing = folder.path().join("detections.png");
    let exposure = format!("{images}/DEC-OBS18a.mini.fits");
    if script("plot_detections.py", &[&catalog, &exposure, drawing.to_str().unwrap()]).is_some() {
        assert!(drawing.metadata().unwrap().len() > 10_000, "something is drawn");
    }
}

#[test]
fn gaia_stars_of_one_exposure() {
    let Some(data) = data() else { return };
    let field = data.join("decam/field4");
    let folder = tempfile::tempdir().unwrap();
    let catalog = processed(&folder, &field);
    let gaia = field.join("gaia/chunk-03586.fits");
    let ccds = field.join("ccds.fits.gz");
    let args = [catalog.as_str(), gaia.to_str().unwrap(), ccds.to_str().unwrap()];
    if let Some(report) = script("real_data/gaia_positions.py", &args) {
        assert!(report.contains("N = 3 stars, 0 beyond 3 sigma"), "{report}");
    }
}

#[test]
fn one_galaxy_in_eight_epochs() {
    let Some(data) = data() else { return };
    let folder = tempfile::tempdir().unwrap();
    let catalog = processed(&folder, &data.join("decam/field3"));
    assert_eq!(values(&catalog, "SELECT COUNT(DISTINCT visit) FROM Visit"), [["8"]]);
    // The brightest object was measured on each epoch, where its image is good without a flag.
    let curve = values(
        &catalog,
        "SELECT f.band, f.psfInstFlux / f.psfInstFluxErr, f.psfFlux_flag, \
         f.pixelFlags_saturatedCenter FROM ForcedSource AS f WHERE f.objectId IN (SELECT TOP 1 \
         objectId FROM ForcedSource GROUP BY objectId \
         ORDER BY AVG(psfInstFlux / psfInstFluxErr) DESC)",
    );
    assert_eq!(curve.len(), 8, "{curve:?}");
    for epoch in &curve {
        assert!(["g", "r", "z"].contains(&epoch[0].as_str()), "{epoch:?}");
        assert_eq!(epoch[3], "false", "a faint galaxy does not saturate: {epoch:?}");
    }
    let snr: Vec<f64> = curve.iter().filter_map(|epoch| epoch[1].parse().ok()).collect();
    assert!(snr.len() >= 7 && median(snr.clone()) > 5.0, "{curve:?}");
}

#[test]
fn a_saturated_star_with_bleeds() {
    let Some(data) = data() else { return };
    let folder = tempfile::tempdir().unwrap();
    let catalog = processed(&folder, &data.join("decam/field6"));
    assert_eq!(values(&catalog, "SELECT COUNT(DISTINCT visit) FROM Visit"), [["6"]]);
    // All that was found on the star is marked in each epoch, and no flux is made up for it.
    let epochs = |condition: &str| {
        let query = format!(
            "SELECT COUNT(*) FROM ForcedSource WHERE {condition} AND \
             CONTAINS(POINT(coord_ra, coord_dec), CIRCLE(110.3121, 23.9200, 0.001)) = 1"
        );
        values(&catalog, &query)[0][0].parse::<usize>().unwrap()
    };
    let n_epochs = epochs("1 = 1");
    assert!(n_epochs >= 6 && n_epochs % 6 == 0, "{n_epochs} epochs of the star");
    for mark in ["pixelFlags_saturatedCenter = 1", "psfFlux_flag = 1", "psfInstFlux IS NULL"] {
        assert_eq!(epochs(mark), n_epochs, "{mark}");
    }
    // The flags are the star's, not the frame's.
    let clean = "SELECT objectId FROM ForcedSource WHERE pixelFlags_saturated = 0 AND \
                 psfFlux_flag = 0 AND psfInstFlux > 5 * psfInstFluxErr GROUP BY objectId";
    assert!(!values(&catalog, clean).is_empty());
}
