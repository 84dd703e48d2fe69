//! `hats.properties` and `collection.properties`: what catalogs say of themselves.

use std::fs;
use std::path::Path;

use super::tiles::Tile;
use super::{HatsConfig, HatsReport, io_error};
use crate::Result;
use crate::chunk_file::HEALPIX_29;
use crate::schema::{PositionColumns, TableDef, TableKind};
use crate::sphgeom::Angle;

/// What a catalog is of.
pub(super) struct Catalog<'a> {
    pub table: &'a TableDef,
    pub position: &'a PositionColumns,
    pub tiles: &'a [Tile],
}

/// The name of a table's catalog in a collection.
pub(super) fn name_of(table: &TableDef) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    table.name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect()
}

/// The name of its margin.
pub(super) fn name_of_margin(table: &TableDef) -> String {
    format!("{}_margin", name_of(table))
}

/// Write what a table's catalog says; it comes last, so that a half-made catalog is none.
pub(super) fn write(
    to: &Path,
    catalog: &Catalog<'_>,
    report: &HatsReport,
    config: &HatsConfig,
) -> Result<()> {
    let kind = match catalog.table.kind {
        TableKind::Director => "object",
        _ => "source",
    };
    let first =
        [("obs_collection", catalog.table.name.clone()), ("dataproduct_type", kind.to_owned())];
    let mut lines = first.to_vec();
    lines.extend(of_tiles(catalog, report));
    lines.push(("hats_max_rows", config.max_rows.to_string()));
    let principal = catalog.table.columns.iter().filter(|column| column.principal);
    let principal: Vec<&str> = principal.map(|column| column.name.as_str()).collect();
    if !principal.is_empty() {
        lines.push(("hats_cols_default", principal.join(" ")));
    }
    write_lines(&to.join("hats.properties"), "HATS catalog", lines, report, config)
}

/// Write what the margin of a table's catalog says.
pub(super) fn write_margin(
    to: &Path,
    catalog: &Catalog<'_>,
    width: Angle,
    report: &HatsReport,
    config: &HatsConfig,
) -> Result<()> {
    let mut lines = vec![
        ("obs_collection", name_of_margin(catalog.table)),
        ("dataproduct_type", "margin".to_owned()),
        ("hats_primary_table_url", name_of(catalog.table)),
        ("hats_margin_threshold", (width.degrees() * 3600.0).to_string()),
    ];
    lines.extend(of_tiles(catalog, report));
    write_lines(&to.join("hats.properties"), "HATS catalog", lines, report, config)
}

/// Write which folders of a collection are what.
pub(super) fn write_collection(
    to: &Path,
    table: &TableDef,
    report: &HatsReport,
    config: &HatsConfig,
) -> Result<()> {
    let margin = name_of_margin(table);
    let lines = vec![
        ("obs_collection", table.name.clone()),
        ("hats_primary_table_url", name_of(table)),
        ("all_margins", margin.clone()),
        ("default_margin", margin),
    ];
    write_lines(&to.join("collection.properties"), "HATS Collection", lines, report, config)
}

fn of_tiles(catalog: &Catalog<'_>, report: &HatsReport) -> Vec<(&'static str, String)> {
    let Catalog { position, tiles, .. } = catalog;
    let order = tiles.iter().map(|tile| tile.order).max().unwrap_or(0);
    let share = |tile: &Tile| 1.0 / (12.0 * 4_f64.powi(i32::from(tile.order)));
    vec![
        ("hats_nrows", report.n_rows.to_string()),
        ("hats_col_ra", position.ra.clone()),
        ("hats_col_dec", position.dec.clone()),
        ("hats_col_healpix", HEALPIX_29.to_owned()),
        ("hats_col_healpix_order", "29".to_owned()),
        ("hats_npix_suffix", ".parquet".to_owned()),
        ("hats_order", order.to_string()),
        ("moc_sky_fraction", format!("{:.10}", tiles.iter().map(share).sum::<f64>())),
    ]
}

fn write_lines(
    path: &Path,
    title: &str,
    mut lines: Vec<(&'static str, String)>,
    report: &HatsReport,
    config: &HatsConfig,
) -> Result<()> {
    lines.extend([
        ("hats_estsize", (report.size_bytes / 1024).to_string()),
        ("hats_builder", concat!("almagest v", env!("CARGO_PKG_VERSION")).to_owned()),
        ("hats_creation_date", config.created_at.clone()),
        ("hats_release_date", "2025-08-22".to_owned()),
        ("hats_version", "v1.0".to_owned()),
    ]);
    let mut text = format!("#{title}\n");
    for (key, value) in lines {
        text.push_str(&format!("{key}={value}\n"));
    }
    fs::write(path, text).map_err(|source| io_error(path, source))
}
