//! Which files make a frame: an image, and the weight, mask and PSF model that belong to it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::fits::FitsReader;

/// The files of one frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameFiles {
    /// The image, of one detector or several.
    pub image: PathBuf,
    /// Inverse variances.
    pub weight: Option<PathBuf>,
    /// The mask.
    pub mask: Option<PathBuf>,
    /// A model of the point-spread function.
    pub psf: Option<PathBuf>,
    /// Facts that override the header.
    pub sidecar: Option<PathBuf>,
}

/// Folders that hold no frames: reference catalogs and PSF models.
const OTHER_FOLDERS: &[&str] = &["gaia", "psfex"];
/// Deepest nesting of folders that is searched.
const MAX_DEPTH: usize = 16;

impl FrameFiles {
    /// The files that belong to an image, by their names beside it.
    pub fn of(image: &Path) -> FrameFiles {
        let existing = |path: PathBuf| path.is_file().then_some(path);
        let name = image.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let companion = |mark: &str| {
            let renamed = name.replacen("_ooi_", mark, 1);
            (renamed != name).then(|| image.with_file_name(renamed)).and_then(existing)
        };
        let stem = fits_stem(&name).unwrap_or(&name).to_owned();
        let sidecar = [format!("{stem}.yaml"), format!("{name}.yaml")];
        FrameFiles {
            image: image.to_owned(),
            weight: companion("_oow_"),
            mask: companion("_ood_"),
            psf: psf_names(&stem).into_iter().find_map(|psf| {
                // Beside the image, or in a folder of models beside the folder of images.
                let folder = image.parent()?;
                let above = folder.parent().unwrap_or(folder).join("psfex");
                [folder.to_owned(), folder.join("psfex"), above]
                    .into_iter()
                    .find_map(|folder| existing(folder.join(&psf)))
            }),
            sidecar: sidecar.into_iter().find_map(|name| existing(image.with_file_name(name))),
        }
    }
}

/// PSFEx models are named after the image, with the detector or without: `NAME-N4-psfex.fits`.
fn psf_names(stem: &str) -> Vec<String> {
    let mut names = vec![format!("{stem}-psfex.fits")];
    if let Some((exposure, detector)) = stem.rsplit_once('.') {
        names.push(format!("{exposure}-{detector}-psfex.fits"));
        names.push(format!("{exposure}-psfex.fits"));
    }
    names
}

/// The name without its ending, where it ends as FITS files do.
fn fits_stem(name: &str) -> Option<&str> {
    let whole = name.strip_suffix(".gz").or(name.strip_suffix(".fz")).unwrap_or(name);
    [".fits", ".fit", ".fts"].into_iter().find_map(|ending| whole.strip_suffix(ending))
}

/// Weights and masks of the Community Pipeline go with their image.
fn is_companion(name: &str) -> bool {
    name.starts_with("c4d_") && (name.contains("_oow_") || name.contains("_ood_"))
}

/// The frames among files and in folders, sorted by name, each once.
///
/// A file that is named counts as a frame unless it is the weight or mask of one. In folders, at any
/// depth, FITS files with an image count; those that cannot be opened count too, so that reading them
/// says what is wrong.
///
/// # Errors
/// A path that does not exist or a folder that cannot be listed.
pub fn find_frames(paths: &[PathBuf]) -> Result<Vec<FrameFiles>> {
    let mut images = BTreeSet::new();
    for path in paths {
        let metadata =
            std::fs::metadata(path).map_err(|source| Error::Io { path: path.clone(), source })?;
        if metadata.is_dir() {
            search(path, 0, &mut images)?;
        } else if !is_companion(&file_name(path)) {
            images.insert(path.clone());
        }
    }
    let mut seen = BTreeSet::new();
    // The same file may be named in two ways.
    images.retain(|path| seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone())));
    Ok(images.iter().map(|path| FrameFiles::of(path)).collect())
}

fn search(folder: &Path, depth: usize, images: &mut BTreeSet<PathBuf>) -> Result<()> {
    let io = |source| Error::Io { path: folder.to_owned(), source };
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let name = file_name(&path);
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            if depth < MAX_DEPTH && !OTHER_FOLDERS.contains(&name.as_str()) {
                search(&path, depth + 1, images)?;
            }
        } else if fits_stem(&name).is_some() && !is_companion(&name) && may_hold_image(&path) {
            images.insert(path);
        }
    }
    Ok(())
}

fn may_hold_image(path: &Path) -> bool {
    FitsReader::open(path).map_or(true, |reader| reader.images().next().is_some())
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_fits_files() {
        for (name, stem) in [("a.N2.fits", "a.N2"), ("a.fits.fz", "a"), ("a.fit.gz", "a")] {
            assert_eq!(fits_stem(name), Some(stem));
        }
        assert_eq!(fits_stem("a.yaml"), None);
        assert_eq!(fits_stem("catalog.csv.gz"), None);
    }

    #[test]
    fn companions_are_no_frames() {
        assert!(is_companion("c4d_170316_062107_oow_z_ls9.N2.fits"));
        assert!(!is_companion("c4d_170316_062107_ooi_z_ls9.N2.fits"));
        assert!(!is_companion("my_ood_picture.fits"));
    }
}
