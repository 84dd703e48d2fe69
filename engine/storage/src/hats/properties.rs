//! `hats.properties`: what a HATS catalog says of itself.

use std::fs;
use std::path::Path;

use super::tiles::Tile;
use super::{HatsConfig, HatsReport, io_error};
use crate::Result;
use crate::chunk_file::HEALPIX_29;
use crate::schema::{PositionColumns, TableDef, TableKind};

/// Write the file; it comes last, so that a half-made catalog is none.
pub(super) fn write(
    to: &Path,
    table: &TableDef,
    position: &PositionColumns,
    tiles: &[Tile],
    report: &HatsReport,
    config: &HatsConfig,
) -> Result<()> {
    let kind = match table.kind {
        TableKind::Director => "object",
        _ => "source",
    };
    let order = tiles.iter().map(|tile| tile.order).max().unwrap_or(0);
    let share = |tile: &Tile| 1.0 / (12.0 * 4_f64.powi(i32::from(tile.order)));
    let principal = table.columns.iter().filter(|column| column.principal);
    let principal: Vec<&str> = principal.map(|column| column.name.as_str()).collect();
    let mut lines = vec![
        ("obs_collection", table.name.clone()),
        ("dataproduct_type", kind.to_owned()),
        ("hats_nrows", report.n_rows.to_string()),
        ("hats_col_ra", position.ra.clone()),
        ("hats_col_dec", position.dec.clone()),
        ("hats_col_healpix", HEALPIX_29.to_owned()),
        ("hats_col_healpix_order", "29".to_owned()),
        ("hats_npix_suffix", ".parquet".to_owned()),
        ("hats_max_rows", config.max_rows.to_string()),
        ("hats_order", order.to_string()),
        ("moc_sky_fraction", format!("{:.10}", tiles.iter().map(share).sum::<f64>())),
        ("hats_estsize", (report.size_bytes / 1024).to_string()),
        ("hats_builder", concat!("almagest v", env!("CARGO_PKG_VERSION")).to_owned()),
        ("hats_creation_date", config.created_at.clone()),
        ("hats_version", "v0.1".to_owned()),
    ];
    if !principal.is_empty() {
        lines.push(("hats_cols_default", principal.join(" ")));
    }
    let mut text = "#HATS catalog\n".to_owned();
    for (key, value) in lines {
        text.push_str(&format!("{key}={value}\n"));
    }
    let path = to.join("hats.properties");
    fs::write(&path, text).map_err(|source| io_error(&path, source))
}
