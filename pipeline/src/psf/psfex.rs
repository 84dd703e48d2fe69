//! PSF models in files of PSFEx.
//!
//! PSFEx writes one table with the column `PSF_MASK` (one cell: columns, rows, terms) and keywords
//! `POLZERO1`, `POLSCAL1`, `POLDEG1`, `PSF_SAMP` and so on; archives that keep many models in one table
//! have the keywords as columns. Both are read. Only polynomials of the position in one group are
//! understood.
//!
//! Reference: Bertin 2011 (2011ASPC..442..435B).

use std::path::Path;

use ndarray::Array3;

use super::PsfModel;
use super::basis::BasisPsf;
use crate::error::{Error, Result};
use crate::fits::{FitsReader, HduKind};

/// Read the model of a file; of the first one where a table has several.
///
/// # Errors
/// A file that cannot be read, or holds no such model: [`Error::NoPsfModel`].
pub fn read(path: &Path) -> Result<PsfModel> {
    let mut file = FitsReader::open(path)?;
    let none =
        |reason: &str| Error::NoPsfModel { path: path.to_owned(), reason: reason.to_owned() };
    let tables: Vec<usize> =
        file.hdus().iter().filter(|hdu| hdu.kind == HduKind::Other).map(|hdu| hdu.index).collect();
    for table in tables {
        let Some(mask) = file.read_cell(table, "PSF_MASK")? else { continue };
        let header = file.hdus()[table].header.clone();
        let mut number = |name: &str| -> Result<Option<f64>> {
            if let Some(value) = header.f64(name) {
                return Ok(Some(value));
            }
            Ok(file.read_cell(table, name)?.and_then(|cell| cell.first().copied()))
        };
        let mut needed = |name: &str| {
            number(name)?
                .ok_or_else(|| none(&format!("no {name}, neither as keyword nor as column")))
        };
        let step_px = needed("PSF_SAMP")?;
        let (nx, ny) = (needed("PSFAXIS1")? as usize, needed("PSFAXIS2")? as usize);
        let is_constant = needed("PSFNAXIS")? < 3.0;
        let terms = if is_constant { 1 } else { needed("PSFAXIS3")? as usize };
        let (degree, centre, scale) = match needed("POLNAXIS")? as usize {
            0 => (0, (0.0, 0.0), (1.0, 1.0)),
            2 => (
                needed("POLDEG1")? as usize,
                // PSFEx counts pixels from 1.
                (needed("POLZERO1")? - 1.0, needed("POLZERO2")? - 1.0),
                (needed("POLSCAL1")?, needed("POLSCAL2")?),
            ),
            n => return Err(none(&format!("a polynomial of {n} variables is not understood"))),
        };
        let images = Array3::from_shape_vec((terms, ny, nx), mask)
            .map_err(|_| none(&format!("PSF_MASK is not of {nx} x {ny} x {terms}")))?;
        // Unit flux: what is stored is light per pixel of the image, sampled every `step_px`.
        let total = images.index_axis(ndarray::Axis(0), 0).sum() * step_px * step_px;
        if !total.is_finite() || total <= 0.0 {
            return Err(none("the model has no light"));
        }
        let basis = BasisPsf::new(images / total, degree, step_px, centre, scale);
        let basis = basis.ok_or_else(|| none("its arrays do not fit each other"))?;
        return Ok(PsfModel::Basis(basis));
    }
    Err(none("no table with a column PSF_MASK"))
}
