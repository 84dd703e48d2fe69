//! The mesh: one clipped mean and spread per cell of the image.

use super::BackgroundConfig;
use crate::image::MaskedImage;
use crate::statistics::clipped_mean;
use rayon::prelude::*;

/// One cell of the mesh.
#[derive(Debug, Clone, Copy)]
pub struct Cell {
    /// Clipped mean of the sky pixels.
    pub mean: f64,
    /// Their standard deviation.
    pub sigma: f64,
    /// How many there were after clipping; 0 where the cell was filled from its neighbours.
    pub count: usize,
}

/// Cells over an image, row by row.
#[derive(Debug, Clone)]
pub struct Mesh {
    shape: (usize, usize),
    rows: usize,
    columns: usize,
    cells: Vec<Cell>,
}

impl Mesh {
    /// Measure the cells of `image` from pixels with none of the `excluded` mask bits.
    ///
    /// Returns `None` when no cell has enough of them.
    pub fn measure(image: &MaskedImage, excluded: u32, config: &BackgroundConfig) -> Option<Self> {
        let shape = image.image.dim();
        let cells_along = |n: usize| (n as f64 / config.cell_px.max(1) as f64).round().max(1.0);
        let (rows, columns) = (cells_along(shape.0) as usize, cells_along(shape.1) as usize);
        let measured: Vec<Option<Cell>> = (0..rows * columns)
            .into_par_iter()
            .map(|k| {
                let (y, x) =
                    (span(shape.0, rows, k / columns), span(shape.1, columns, k % columns));
                measure_cell(image, excluded, config, y, x)
            })
            .collect();
        let cells = fill_gaps(&measured, rows, columns)?;
        Some(Self { shape, rows, columns, cells })
    }

    /// Shape `(ny, nx)` of the image.
    pub fn shape(&self) -> (usize, usize) {
        self.shape
    }

    /// Number of rows and columns of cells.
    pub fn size(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    /// The cells, row by row.
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// Pixel rows of the cells' centres.
    pub fn centres_y(&self) -> Vec<f64> {
        centres(self.shape.0, self.rows)
    }

    /// Pixel columns of the cells' centres.
    pub fn centres_x(&self) -> Vec<f64> {
        centres(self.shape.1, self.columns)
    }
}

fn span(pixels: usize, cells: usize, k: usize) -> std::ops::Range<usize> {
    pixels * k / cells..pixels * (k + 1) / cells
}

fn centres(pixels: usize, cells: usize) -> Vec<f64> {
    (0..cells)
        .map(|k| {
            let range = span(pixels, cells, k);
            (range.start as f64 + range.end as f64 - 1.0) / 2.0
        })
        .collect()
}

fn measure_cell(
    image: &MaskedImage,
    excluded: u32,
    config: &BackgroundConfig,
    rows: std::ops::Range<usize>,
    columns: std::ops::Range<usize>,
) -> Option<Cell> {
    let area = rows.len() * columns.len();
    let mut values = Vec::with_capacity(area);
    for y in rows {
        for x in columns.clone() {
            if image.mask[[y, x]] & excluded == 0 {
                values.push(f64::from(image.image[[y, x]]));
            }
        }
    }
    if (values.len() as f64) < (config.min_sky_fraction * area as f64).max(1.0) {
        return None;
    }
    let clipped = clipped_mean(&mut values, config.clip_sigma, config.clip_rounds)?;
    Some(Cell { mean: clipped.mean, sigma: clipped.sigma, count: clipped.count })
}

/// Give each empty cell the mean of the nearest measured ones.
fn fill_gaps(measured: &[Option<Cell>], rows: usize, columns: usize) -> Option<Vec<Cell>> {
    let distance2 = |a: usize, b: usize| {
        let (dy, dx) = ((a / columns).abs_diff(b / columns), (a % columns).abs_diff(b % columns));
        dy * dy + dx * dx
    };
    let known: Vec<usize> = (0..rows * columns).filter(|&k| measured[k].is_some()).collect();
    (0..rows * columns)
        .map(|k| {
            if let Some(cell) = measured[k] {
                return Some(cell);
            }
            let nearest = known.iter().map(|&j| distance2(k, j)).min()?;
            let near: Vec<Cell> = known
                .iter()
                .filter(|&&j| distance2(k, j) == nearest)
                .filter_map(|&j| measured[j])
                .collect();
            let n = near.len() as f64;
            Some(Cell {
                mean: near.iter().map(|c| c.mean).sum::<f64>() / n,
                sigma: near.iter().map(|c| c.sigma).sum::<f64>() / n,
                count: 0,
            })
        })
        .collect()
}
