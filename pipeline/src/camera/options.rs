//! What a user may say about a frame: options of the call, or a sidecar file beside the image.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{Error, Result};

/// Facts given by the user; each overrides what the header says. The names in a sidecar file are:
///
/// ```yaml
/// visit: 160818065148        # identity of the exposure
/// detector: 37
/// band: i
/// mjd_mid_tai: 57618.28398   # middle of the exposure, MJD in TAI
/// exposure_time: 330         # seconds
/// zeropoint_mag: 29.9        # AB magnitude of one ADU
/// gain: 4.15                 # electrons per ADU
/// read_noise: 11.8           # electrons
/// saturation: 35000          # ADU of the image as it is
/// sky: 11165                 # ADU that were subtracted from the image
/// psf_fwhm: 3.7              # pixels
/// weight: weight.fits        # inverse variance; paths are relative to the sidecar
/// mask: mask.fits            # pixels that are not 0 are bad, unless the camera rule knows better
/// psf: model.psf
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FrameOptions {
    /// Identity of the visit.
    pub visit: Option<i64>,
    /// Number of the detector; only for files with one.
    pub detector: Option<i32>,
    /// Name of the band.
    pub band: Option<String>,
    /// Middle of the exposure, MJD TAI ([`parse_time`](super::parse_time) reads other spellings).
    pub mid_mjd_tai: Option<f64>,
    /// Exposure time, s.
    pub exposure_time_s: Option<f64>,
    /// AB magnitude of one ADU.
    pub zero_point_mag: Option<f64>,
    /// Electrons per ADU.
    pub gain_e_per_adu: Option<f64>,
    /// Read noise, electrons.
    pub read_noise_e: Option<f64>,
    /// Saturation, ADU of the image as it is.
    pub saturation_adu: Option<f64>,
    /// Sky that was subtracted from the image, ADU.
    pub subtracted_sky_adu: Option<f64>,
    /// Full width of a star at half its maximum, pixels.
    pub psf_fwhm_px: Option<f64>,
    /// A file of inverse variances.
    pub weight: Option<PathBuf>,
    /// A file with the mask.
    pub mask: Option<PathBuf>,
    /// A file with a model of the point-spread function.
    pub psf: Option<PathBuf>,
}

/// The keys of a sidecar file; see [`FrameOptions`].
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Sidecar {
    visit: Option<i64>,
    detector: Option<i32>,
    band: Option<String>,
    mjd_mid_tai: Option<f64>,
    exposure_time: Option<f64>,
    zeropoint_mag: Option<f64>,
    gain: Option<f64>,
    read_noise: Option<f64>,
    saturation: Option<f64>,
    sky: Option<f64>,
    psf_fwhm: Option<f64>,
    weight: Option<PathBuf>,
    mask: Option<PathBuf>,
    psf: Option<PathBuf>,
}

impl FrameOptions {
    /// The options that a sidecar file gives.
    ///
    /// # Errors
    /// A file that cannot be read, or whose keys or values are not those of a sidecar.
    pub fn from_sidecar(path: &Path) -> Result<FrameOptions> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| Error::Io { path: path.to_owned(), source })?;
        let sidecar: Option<Sidecar> = serde_yaml_ng::from_str(&text)
            .map_err(|source| Error::Sidecar { path: path.to_owned(), source })?;
        let sidecar = sidecar.unwrap_or_default();
        let beside = |file: Option<PathBuf>| {
            file.map(|file| path.parent().unwrap_or(Path::new("")).join(file))
        };
        Ok(FrameOptions {
            visit: sidecar.visit,
            detector: sidecar.detector,
            band: sidecar.band,
            mid_mjd_tai: sidecar.mjd_mid_tai,
            exposure_time_s: sidecar.exposure_time,
            zero_point_mag: sidecar.zeropoint_mag,
            gain_e_per_adu: sidecar.gain,
            read_noise_e: sidecar.read_noise,
            saturation_adu: sidecar.saturation,
            subtracted_sky_adu: sidecar.sky,
            psf_fwhm_px: sidecar.psf_fwhm,
            weight: beside(sidecar.weight),
            mask: beside(sidecar.mask),
            psf: beside(sidecar.psf),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[track_caller]
    fn check(text: &str) -> Result<FrameOptions> {
        let folder = std::env::temp_dir().join(format!("almagest-sidecar-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(format!("{:x}.yaml", text.len()));
        std::fs::write(&path, text).unwrap();
        let read = FrameOptions::from_sidecar(&path);
        std::fs::remove_file(path).unwrap();
        read
    }

    #[test]
    fn sidecar_gives_facts_and_files_beside_it() {
        let given = check("band: i\nmjd_mid_tai: 57618.5\nmask: m.fits\n").unwrap();
        assert_eq!((given.band.as_deref(), given.mid_mjd_tai), (Some("i"), Some(57618.5)));
        assert!(given.mask.unwrap().is_absolute());
        assert_eq!(check("").unwrap(), FrameOptions::default());
    }

    #[test]
    fn unknown_key_is_named() {
        let error = check("bandd: i\n").unwrap_err().to_string();
        assert!(error.contains("bandd") && error.contains(".yaml"), "{error}");
    }
}
