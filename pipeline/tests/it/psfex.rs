//! PSF models as PSFEx writes them: an archive's, and a file with keywords.

use std::fs;

use almagest_pipeline::camera::{FrameOptions, read_exposures};
use almagest_pipeline::characterize::{CharacterizeConfig, CharacterizeTask, PsfOrigin};
use almagest_pipeline::psf::psfex;

use crate::real_data::folder;

#[test]
fn models_of_the_archive_have_unit_flux_and_the_width_of_the_header() {
    let Some(data) = folder("decam") else { return };
    let mut read = 0;
    for field in ["field3", "field4", "field6"] {
        for entry in fs::read_dir(data.join(field).join("images")).unwrap() {
            let path = entry.unwrap().path();
            // Beside each image (ooi) lie its mask and its weights.
            let is_image = path.to_string_lossy().contains("_ooi_");
            let Ok(mut exposures) = read_exposures(&path, &FrameOptions::default()) else {
                continue;
            };
            let exposure = exposures.remove(0);
            let Some(model_path) = exposure.psf_model.as_ref().filter(|_| is_image) else {
                continue;
            };
            let model = psfex::read(model_path).unwrap();
            let (nx, ny) = exposure.size();
            let (x, y) = (nx as f64 / 2.0, ny as f64 / 2.0);
            let light = model.stamp(x + 0.3, y - 0.4, model.radius_px()).values.sum();
            assert!((light - 1.0).abs() < 0.02, "{}: {light}", model_path.display());
            let width = model.fwhm_px(x, y);
            let hint = exposure.psf_fwhm_hint_px.unwrap();
            assert!((width / hint - 1.0).abs() < 0.25, "{width} instead of {hint}: {model_path:?}");
            read += 1;
        }
    }
    println!("{read} models");
    assert!(read > 10);
}

#[test]
fn a_model_that_came_with_the_image_measures_it() {
    let Some(data) = folder("decam/field3/images") else { return };
    let mut paths: Vec<_> = fs::read_dir(data).unwrap().map(|e| e.unwrap().path()).collect();
    paths.retain(|path| path.to_string_lossy().contains("_ooi_"));
    paths.sort();
    let exposure = paths
        .iter()
        .filter_map(|path| read_exposures(path, &FrameOptions::default()).ok())
        .map(|mut exposures| exposures.remove(0))
        .find(|exposure| exposure.psf_model.is_some())
        .unwrap();
    let model = psfex::read(exposure.psf_model.as_ref().unwrap()).unwrap();
    let config = CharacterizeConfig { prefer_psf_file: true, ..CharacterizeConfig::default() };
    let result = CharacterizeTask::new(config).characterize(&exposure, Some(&model)).unwrap();
    assert_eq!(result.psf.origin, PsfOrigin::File);
    assert!(!result.sources.is_empty());
    assert!(result.psf.fwhm_px > 2.0 && result.psf.fwhm_px < 10.0);
}

#[test]
fn a_file_without_a_model_says_so() {
    let Some(data) = folder("decam-sequence") else { return };
    let error = psfex::read(&data.join("DEC-OBS04a.mini.fits")).unwrap_err().to_string();
    assert!(error.ends_with("no table with a column PSF_MASK"), "{error}");
}
