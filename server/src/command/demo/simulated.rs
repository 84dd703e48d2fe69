//! The simulated sky of the demo: images and the truth behind them, as files.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use almagest_pipeline::camera::write_exposure;
use almagest_pipeline::simulate::{BANDS, SimulateConfig, Simulation, simulate};

use super::file_error;
use crate::command::{CommandError, Result, progress};

/// Simulate the sky of the demo and write one image a visit to `images`, and the tables
/// `truth_object.csv` and `truth_epoch.csv` to `folder`.
///
/// The seed is fixed, so that images that are there already are those that would be made; they
/// are kept.
pub fn write_images(folder: &Path, images: &Path) -> Result<()> {
    let truth_object = folder.join("truth_object.csv");
    if truth_object.is_file() {
        return Ok(());
    }
    fs::create_dir_all(images).map_err(file_error(images))?;
    let spinner = progress::spinner("simulating a sky");
    let simulation = simulate(&SimulateConfig::default())
        .map_err(|error| CommandError::Refused(error.to_string()))?;
    spinner.finish_and_clear();
    let bar = progress::steps(simulation.visits.len() as u64, "images written");
    for visit in &simulation.visits {
        let name = format!("visit-{:04}.fits", visit.exposure.visit_info.visit);
        write_exposure(&images.join(name), &visit.exposure)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    write_epochs(&simulation, &folder.join("truth_epoch.csv"))?;
    // Written last: its presence says that all else is complete.
    write_objects(&simulation, &truth_object)
}

fn write_objects(simulation: &Simulation, path: &Path) -> Result<()> {
    let part = path.with_extension("part");
    let file = File::create(&part).map_err(file_error(&part))?;
    let write = |mut out: BufWriter<File>| {
        let fluxes = BANDS.map(|band| format!("{band}_flux_njy")).join(",");
        writeln!(out, "id,kind,ra,dec,{fluxes}")?;
        for object in &simulation.scene.objects {
            let fluxes = object.flux_njy.map(|flux| flux.to_string()).join(",");
            let (kind, ra, dec) = (object.kind(), object.ra, object.dec);
            writeln!(out, "{},{kind},{ra},{dec},{fluxes}", object.id)?;
        }
        out.flush()
    };
    write(BufWriter::new(file)).map_err(file_error(&part))?;
    fs::rename(&part, path).map_err(file_error(path))
}

fn write_epochs(simulation: &Simulation, path: &Path) -> Result<()> {
    let file = File::create(path).map_err(file_error(path))?;
    let write = |mut out: BufWriter<File>| {
        writeln!(out, "id,visit,flux_njy,x,y")?;
        for epoch in simulation.visits.iter().flat_map(|visit| &visit.truth) {
            let (x, y) = (epoch.x, epoch.y);
            writeln!(out, "{},{},{},{x},{y}", epoch.id, epoch.visit, epoch.flux_njy)?;
        }
        out.flush()
    };
    write(BufWriter::new(file)).map_err(file_error(path))
}
