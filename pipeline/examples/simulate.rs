//! Simulate a survey into a folder and tell how fast it went.
//!
//! ```text
//! cargo run -p almagest-pipeline --example simulate -- xs DIR [THREADS]
//! ```

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use almagest_pipeline::simulate::{Preset, Survey, WriteOptions, write_survey};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let (Some(size), Some(folder)) = (arguments.get(1), arguments.get(2)) else {
        return Err("usage: simulate xs|s|m DIR [THREADS]".into());
    };
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
