//! Pixels that see nothing: columns dead from some row on, and a block.

use ndarray::{Array2, s};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::camera::model::{DetectorModel, Section};
use crate::simulate::config::SurveyConfig;

/// A defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Defect {
    /// What it is.
    pub kind: DefectKind,
    /// Its pixels on the detector.
    pub bbox: Section,
}

/// The kind of a defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefectKind {
    /// A column that gives no charge beyond a trap, seen from its amplifier.
    DeadColumn,
    /// A block without sensitivity.
    DeadBlock,
}

impl DefectKind {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            DefectKind::DeadColumn => "dead_column",
            DefectKind::DeadBlock => "dead_block",
        }
    }
}

impl Defect {
    /// Take the sensitivity away.
    pub(super) fn blind(&self, response: &mut Array2<f32>) {
        let b = self.bbox;
        response.slice_mut(s![b.y0..b.y0 + b.ny, b.x0..b.x0 + b.nx]).fill(0.0);
    }
}

/// Draw the defects of a detector.
pub(super) fn draw(
    config: &SurveyConfig,
    model: &DetectorModel,
    rng: &mut ChaCha8Rng,
) -> Vec<Defect> {
    let (nx, ny) = model.size_px;
    let mut defects = Vec::new();
    for _ in 0..config.sensor.bad_columns {
        let index = rng.random_range(0..model.amplifiers.len().max(1));
        let (along_x, along_y) = (rng.random::<f64>(), rng.random::<f64>());
        let Some(amplifier) = model.amplifiers.get(index) else { continue };
        let b = amplifier.bbox;
        let x0 = b.x0 + (along_x * b.nx as f64) as usize;
        // The far end of the column is dead, seen from the row that is read first.
        let length = ((0.2 + 0.8 * along_y) * b.ny as f64) as usize;
        let y0 = if amplifier.flip.y() { b.y0 } else { b.y0 + b.ny - length };
        let bbox = Section { x0, y0, nx: 1, ny: length };
        defects.push(Defect { kind: DefectKind::DeadColumn, bbox });
    }
    let side = config.sensor.dead_block_px.min(nx).min(ny);
    if side > 0 {
        let x0 = rng.random_range(0..=nx - side);
        let y0 = rng.random_range(0..=ny - side);
        let bbox = Section { x0, y0, nx: side, ny: side };
        defects.push(Defect { kind: DefectKind::DeadBlock, bbox });
    }
    if config.effects.bad_columns { defects } else { Vec::new() }
}
