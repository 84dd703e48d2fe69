//! A point-spread function as a FITS file: anybody can look at it.
//!
//! The primary header holds the law, the widths and the aperture correction; `PSF` the basis images,
//! one above the other; `CANDIDATES` and `STARS` the positions (x, y), pixels from 0.

use std::path::Path;

use ndarray::{Array2, Array3};

use super::super::ButlerError;
use crate::characterize::{ApertureCorrection, ExposurePsf, PsfOrigin};
use crate::error::Result;
use crate::fits::{Card, FitsReader, FitsWriter, Header};
use crate::psf::{BasisPsf, PsfModel, RadialLaw, StarProfile};

/// A PSF, and what its fluxes must be multiplied by.
#[derive(Debug, Clone)]
pub struct MeasuredPsf {
    /// The PSF.
    pub psf: ExposurePsf,
    /// From PSF fluxes to total fluxes.
    pub aperture_correction: ApertureCorrection,
}

const ORIGINS: [(PsfOrigin, &str); 5] = [
    (PsfOrigin::Stars, "stars"),
    (PsfOrigin::File, "file"),
    (PsfOrigin::HeaderWidth, "header"),
    (PsfOrigin::SourceWidth, "sources"),
    (PsfOrigin::ConfiguredWidth, "configuration"),
];

pub(super) fn write(path: &Path, measured: &MeasuredPsf) -> Result<()> {
    let MeasuredPsf { psf, aperture_correction: correction } = measured;
    let origin = ORIGINS.iter().find(|(origin, _)| *origin == psf.origin).map_or("", |o| o.1);
    let mut cards = vec![
        Card::new("PSFFROM", origin, "where the PSF comes from"),
        Card::new("FWHM", psf.fwhm_px, "[pixel] at the centre of the image"),
        Card::new("APCORR", correction.factor, "from PSF flux to total flux"),
        Card::new("APCORERR", correction.error, "its standard error"),
        Card::new("APCORN", correction.n_stars as i64, "stars that it rests on"),
    ];
    match &psf.model {
        PsfModel::Analytic(profile) => {
            let (law, beta) = match profile.law {
                RadialLaw::Gaussian => ("gaussian", None),
                RadialLaw::Moffat { beta } => ("moffat", Some(beta)),
            };
            cards.push(Card::new("PSFLAW", law, ""));
            cards.extend(beta.map(|beta| Card::new("BETA", beta, "exponent of the Moffat law")));
            cards.push(Card::new("LAWFWHM", profile.fwhm_px, "[pixel] before the shear"));
            cards.push(Card::new("SHEAR1", profile.g1, "along the axes"));
            cards.push(Card::new("SHEAR2", profile.g2, "along the diagonals"));
        }
        PsfModel::Basis(basis) => {
            let (centre, scale) = basis.position_scale();
            cards.push(Card::new("PSFLAW", "basis", "images times polynomials of x, y"));
            cards.push(Card::new("DEGREE", basis.degree() as i64, "of the polynomials"));
            cards.push(Card::new("STEP", basis.step_px(), "[pixel] of the image per grid step"));
            cards.push(Card::new("XCENTRE", centre.0, "[pixel] from 0"));
            cards.push(Card::new("YCENTRE", centre.1, "[pixel] from 0"));
            cards.push(Card::new("XSCALE", scale.0, "[pixel]"));
            cards.push(Card::new("YSCALE", scale.1, "[pixel]"));
        }
    }
    let mut file = FitsWriter::create(path, &cards)?;
    let extension = |name: &str| [Card::new("EXTNAME", name, "")];
    if let PsfModel::Basis(basis) = &psf.model {
        let (terms, n, _) = basis.images().dim();
        let stacked = Array2::from_shape_fn((terms * n, n), |(row, column)| {
            basis.images()[[row / n, row % n, column]]
        });
        file.doubles(&stacked, &extension("PSF"))?;
    }
    for (name, places) in
        [("CANDIDATES", &psf.candidates), ("STARS", &psf.stars), ("RESERVED", &psf.reserved)]
    {
        if !places.is_empty() {
            let pairs = Array2::from_shape_fn((places.len(), 2), |(row, column)| {
                if column == 0 { places[row].0 } else { places[row].1 }
            });
            file.doubles(&pairs, &extension(name))?;
        }
    }
    file.finish()
}

pub(super) fn read(path: &Path) -> Result<MeasuredPsf> {
    let damaged = |what: &str| ButlerError::Damaged {
        path: path.to_owned(),
        reason: format!("no {what} of a point-spread function"),
    };
    let mut file = FitsReader::open(path)?;
    let header = file.hdus().first().map(|hdu| hdu.header.clone()).unwrap_or_default();
    let number = |keyword: &str| header.f64(keyword).ok_or_else(|| damaged(keyword));
    let origin = header.text("PSFFROM").unwrap_or_default();
    let origin =
        ORIGINS.iter().find(|(_, name)| *name == origin).ok_or_else(|| damaged("PSFFROM"))?;
    let mut extension = |name: &str| -> Result<Option<Array2<f64>>> {
        let index = file.images().find(|hdu| hdu.name.as_deref() == Some(name)).map(|h| h.index);
        index.map(|index| file.read_doubles(index)).transpose()
    };
    let mut places = |name: &str| -> Result<Vec<(f64, f64)>> {
        let pairs = extension(name)?;
        Ok(pairs.iter().flat_map(|pairs| pairs.rows()).map(|pair| (pair[0], pair[1])).collect())
    };
    let (candidates, stars) = (places("CANDIDATES")?, places("STARS")?);
    let reserved = places("RESERVED")?;
    let model = match header.text("PSFLAW") {
        Some("basis") => {
            let stacked = extension("PSF")?.ok_or_else(|| damaged("images"))?;
            PsfModel::Basis(basis(&header, &stacked).ok_or_else(|| damaged("basis"))?)
        }
        law => {
            let law = match law {
                Some("gaussian") => RadialLaw::Gaussian,
                Some("moffat") => RadialLaw::Moffat { beta: number("BETA")? },
                _ => return Err(damaged("PSFLAW").into()),
            };
            let (g1, g2) = (number("SHEAR1")?, number("SHEAR2")?);
            PsfModel::Analytic(StarProfile { law, fwhm_px: number("LAWFWHM")?, g1, g2 })
        }
    };
    let fwhm_px = number("FWHM")?;
    let psf = ExposurePsf { model, origin: origin.0, fwhm_px, candidates, stars, reserved };
    let n_stars = header.i64("APCORN").and_then(|n| usize::try_from(n).ok());
    let aperture_correction = ApertureCorrection {
        factor: number("APCORR")?,
        error: number("APCORERR")?,
        n_stars: n_stars.ok_or_else(|| damaged("APCORN"))?,
    };
    Ok(MeasuredPsf { psf, aperture_correction })
}

fn basis(header: &Header, stacked: &Array2<f64>) -> Option<BasisPsf> {
    let (rows, n) = stacked.dim();
    let terms = rows.checked_div(n)?;
    let images = Array3::from_shape_fn((terms, n, n), |(term, row, column)| {
        stacked[[term * n + row, column]]
    });
    let degree = usize::try_from(header.i64("DEGREE")?).ok()?;
    let pair = |x: &str, y: &str| header.f64(x).zip(header.f64(y));
    let (centre, scale) = (pair("XCENTRE", "YCENTRE")?, pair("XSCALE", "YSCALE")?);
    BasisPsf::new(images, degree, header.f64("STEP")?, centre, scale)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_psf_is_read_back_number_for_number() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("psf.fits");
        let images = Array3::from_shape_fn((3, 5, 5), |(t, y, x)| {
            (1.0 / 3.0 + t as f64) * (y as f64 + 0.1).sqrt() * (x as f64 - 1.7).exp()
        });
        let basis = BasisPsf::new(images, 1, 1.0 / 3.0, (511.5, 99.1), (512.0, 700.3)).unwrap();
        let profile =
            StarProfile { law: RadialLaw::Moffat { beta: 2.9 }, fwhm_px: 3.3, g1: 0.01, g2: -0.1 };
        for model in [PsfModel::Basis(basis), PsfModel::Analytic(profile)] {
            let psf = ExposurePsf {
                model,
                origin: PsfOrigin::Stars,
                fwhm_px: 10.0 / 3.0,
                candidates: vec![(1.0, 2.0), (3.0, 4.5)],
                reserved: vec![(3.0, 4.5)],
                stars: vec![],
            };
            let correction = ApertureCorrection { factor: 1.0 / 0.97, error: 0.003, n_stars: 12 };
            write(&path, &MeasuredPsf { psf: psf.clone(), aperture_correction: correction })
                .unwrap();
            let back = read(&path).unwrap();
            assert_eq!(back.aperture_correction, correction);
            assert_eq!((back.psf.fwhm_px, back.psf.origin), (psf.fwhm_px, psf.origin));
            assert_eq!((&back.psf.candidates, &back.psf.stars), (&psf.candidates, &psf.stars));
            let (a, b) = (psf.model.stamp(100.3, 50.2, 3), back.psf.model.stamp(100.3, 50.2, 3));
            assert_eq!(a.values, b.values);
        }
    }
}
