//! Simulate a survey into a folder and tell how fast it went; or one calibrated image of a field, of as many
//! pixels along its sides as are told.
//!
//! ```text
//! cargo run -p almagest-pipeline --example simulate -- xs DIR [THREADS]
//! cargo run -p almagest-pipeline --example simulate -- 4096 DIR
//! ```

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use almagest_pipeline::camera::write_exposure;
use almagest_pipeline::simulate::{
    Preset, SimulateConfig, Survey, WriteOptions, simulate, write_survey,
};

/// Write an image of stars and galaxies as dense as at high galactic latitude, 30 s in r.
fn field(side_px: usize, folder: &Path) -> Result<(), Box<dyn Error>> {
    let arcmin2 = (side_px as f64 * 0.2 / 60.0).powi(2);
    let config = SimulateConfig {
        size_px: (side_px, side_px),
        stars: (12.0 * arcmin2) as usize,
        galaxies: (20.0 * arcmin2) as usize,
        visit_bands: vec!["r".to_owned()],
        ..SimulateConfig::default()
    };
    std::fs::create_dir_all(folder)?;
    let image = folder.join(format!("field-{side_px}.fits"));
    write_exposure(&image, &simulate(&config)?.visits[0].exposure)?;
    println!("{}", image.display());
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let (Some(size), Some(folder)) = (arguments.get(1), arguments.get(2)) else {
        return Err("usage: simulate xs|s|m|PIXELS DIR [THREADS]".into());
    };
    if let Ok(side_px) = size.parse() {
        return field(side_px, Path::new(folder));
    }
    let preset = match size.as_str() {
        "xs" => Preset::Xs,
        "s" => Preset::S,
        "m" => Preset::M,
        other => return Err(format!("there is no preset {other}").into()),
    };
    let threads = arguments.get(3).map_or(Ok(0), |text| text.parse())?;
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
    let start = Instant::now();
    let mut config = preset.config();
    config.calibrations.biases = 2;
    config.calibrations.darks = 2;
    config.calibrations.flats = 1;
    let survey = Survey::new(config)?;
    let ready = start.elapsed().as_secs_f64();
    let options = WriteOptions { calibrated: preset == Preset::Xs, ..WriteOptions::default() };
    let report = write_survey(&survey, Path::new(folder), &options, &|_| ())?;
    let seconds = start.elapsed().as_secs_f64();
    let mpix = report.pixels as f64 / 1e6;
    let n = rayon::current_num_threads();
    println!("{report:?}");
    println!(
        "{} objects; {ready:.2} s to begin, {seconds:.2} s in all, {n} threads: {:.2} Mpix/s, {:.2} a thread",
        survey.sky().objects.len(),
        mpix / seconds,
        mpix / seconds / n as f64
    );
    Ok(())
}
