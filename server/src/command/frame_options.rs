//! What the command line says of images that their headers do not.

use std::path::PathBuf;

use almagest_pipeline::camera::{FrameOptions, parse_time};

/// Facts that override, or stand in for, what images say of themselves. A sidecar file
/// `NAME.yaml` beside `NAME.fits` can say the same of one image.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Images whose headers do not tell")]
pub struct FrameArguments {
    /// Number of the visit.
    #[arg(long)]
    visit: Option<i64>,
    /// Number of the detector.
    #[arg(long)]
    detector: Option<i32>,
    /// Band: u, g, r, i, z or y.
    #[arg(long)]
    band: Option<String>,
    /// Middle of the exposure: MJD (TAI), or a date and time such as 2026-11-21T03:04:05 (UTC).
    #[arg(long, value_parser = parse_time)]
    time: Option<f64>,
    /// Exposure time, s.
    #[arg(long)]
    exposure_time: Option<f64>,
    /// AB magnitude of one ADU.
    #[arg(long, value_name = "MAG")]
    zeropoint: Option<f64>,
    /// Electrons per ADU.
    #[arg(long)]
    gain: Option<f64>,
    /// Read noise, electrons.
    #[arg(long)]
    read_noise: Option<f64>,
    /// Saturation, ADU.
    #[arg(long)]
    saturation: Option<f64>,
    /// Sky that was subtracted from the image, ADU.
    #[arg(long)]
    sky: Option<f64>,
    /// Width of a star at half its maximum, pixels.
    #[arg(long, value_name = "FWHM")]
    psf: Option<f64>,
    /// FITS file of inverse variances.
    #[arg(long, value_name = "FILE")]
    weight: Option<PathBuf>,
    /// FITS file of the mask: pixels that are not 0 are bad.
    #[arg(long, value_name = "FILE")]
    mask: Option<PathBuf>,
}

impl FrameArguments {
    /// Return the facts as the pipeline takes them.
    pub fn options(&self) -> FrameOptions {
        FrameOptions {
            visit: self.visit,
            detector: self.detector,
            band: self.band.clone(),
            mid_mjd_tai: self.time,
            exposure_time_s: self.exposure_time,
            zero_point_mag: self.zeropoint,
            gain_e_per_adu: self.gain,
            read_noise_e: self.read_noise,
            saturation_adu: self.saturation,
            subtracted_sky_adu: self.sky,
            psf_fwhm_px: self.psf,
            weight: self.weight.clone(),
            mask: self.mask.clone(),
            psf: None,
        }
    }
}
