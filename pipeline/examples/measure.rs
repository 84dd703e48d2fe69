//! Measure a calibrated image, tell how long each step takes, and write what was found as CSV.
//!
//! ```text
//! cargo run --release -p almagest-pipeline --example measure -- IMAGE.fits SOURCES.csv [THREADS]
//! ```
//!
//! The times are what `tests/bench/pixels/race.py` compares with other programs on the same pixels.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

use almagest_pipeline::background::{Background, BackgroundConfig};
use almagest_pipeline::camera::{FrameOptions, read_exposures};
use almagest_pipeline::characterize::{CharacterizeConfig, CharacterizeTask};
use almagest_pipeline::cosmic_ray::{self, CosmicRayConfig, Method};
use almagest_pipeline::detection::{self, DetectionConfig};
use almagest_pipeline::image::mask_plane;
use almagest_pipeline::measurement::aperture_flux;
use almagest_pipeline::task::Task;

/// Most memory that this process has had, where the system tells.
fn peak_memory_gb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<f64>().ok()? * 1024e-9)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let (Some(image), Some(table)) = (arguments.get(1), arguments.get(2)) else {
        return Err("usage: measure IMAGE.fits SOURCES.csv [THREADS]".into());
    };
    let threads = arguments.get(3).map_or(Ok(1), |text| text.parse())?;
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
    let exposure = read_exposures(Path::new(image), &FrameOptions::default())?.remove(0);
    let mpix = exposure.masked_image.image.len() as f64 * 1e-6;
    let tell = |name: &str, start: Instant| {
        let seconds = start.elapsed().as_secs_f64();
        println!("{name:24} {seconds:8.3} s {:8.4} s/Mpix", seconds / mpix);
    };

    let start = Instant::now();
    let task = CharacterizeTask::new(CharacterizeConfig::default());
    let result = task.run(&exposure)?;
    tell("whole chain", start);
    if let Some(memory) = peak_memory_gb() {
        println!("{:24} {memory:8.3} GB at most", "");
    }

    let mut pixels = exposure.masked_image.clone();
    let start = Instant::now();
    let sky = Background::estimate(&pixels, &BackgroundConfig::default()).ok_or("no sky")?;
    pixels.image -= &sky.to_image();
    tell("background", start);

    let psf = result.psf_model();
    for method in [Method::Sharpness, Method::Laplacian] {
        let config = CosmicRayConfig { method, ..CosmicRayConfig::default() };
        let start = Instant::now();
        let rays = cosmic_ray::find(&pixels, psf, &config);
        tell(&format!("cosmic rays {method:?}"), start);
        println!("{:24} {:8} rays", "", rays.len());
    }

    let start = Instant::now();
    let detections =
        detection::detect(&pixels, result.psf.fwhm_px / 2.355, &DetectionConfig::default());
    tell("detection", start);

    let start = Instant::now();
    let mut light = 0.0;
    for peak in detections.peaks() {
        for radius in [3.0, 6.0, 9.0, 12.0] {
            let flux = aperture_flux(&pixels, peak.x as f64, peak.y as f64, radius).flux;
            light += if flux.is_finite() { flux } else { 0.0 };
        }
    }
    tell("four apertures", start);
    println!("{:24} {:8} sources, {light:.4e} ADU", "", detections.peaks().count());

    let mut rows = String::from(
        "x,y,psf_flux,psf_flux_err,ap06,ap12,kron,xx,yy,xy,e1,e2,extendedness,parent,cr\n",
    );
    for s in &result.sources {
        writeln!(
            rows,
            "{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}",
            s.x,
            s.y,
            s.psf_inst_flux.flux,
            s.psf_inst_flux.flux_err,
            s.ap_inst_flux[2].flux,
            s.ap_inst_flux[4].flux,
            s.kron_inst_flux.flux,
            s.shape.xx,
            s.shape.yy,
            s.shape.xy,
            s.regaussianized.e1,
            s.regaussianized.e2,
            s.size_extendedness,
            s.parent.map_or(-1, |parent| parent as i64),
            s.pixel_flags.cr()
        )?;
    }
    std::fs::write(table, rows)?;
    let masked = result.image.count(mask_plane::CR);
    println!(
        "{} sources, {} blends, {} rays on {masked} pixels, seeing {:.2} px",
        result.sources.len(),
        result.parents.len(),
        result.cosmic_rays.len(),
        result.psf.fwhm_px
    );
    Ok(())
}
