//! The light curve of the object that varies most, and its drawing.

use std::collections::BTreeMap;
use std::path::Path;

use almagest_engine::Database;
use almagest_engine::arrow::array::{Array, AsArray};
use almagest_engine::arrow::datatypes::{Float64Type, Int64Type};
use plotters::prelude::*;

use crate::command::query::plan;
use crate::command::{CommandError, Result};

/// Epochs that a light curve needs.
const MIN_EPOCHS: usize = 3;
const WIDTH_PX: u32 = 900;
const HEIGHT_PX: u32 = 540;

/// One epoch.
#[derive(Debug, Clone, Copy)]
struct Epoch {
    mid_mjd: f64,
    flux: f64,
    flux_err: f64,
}

/// Find the object, bright and not saturated, whose fluxes scatter most for their errors.
pub async fn most_variable(database: &Database) -> Result<Option<i64>> {
    // The scatter of a star's flux is compared with its errors and a floor of one per cent.
    let adql = "SELECT TOP 1 objectId
FROM (SELECT objectId, band, COUNT(*) AS n,
             SUM(POWER(psfInstFlux - meanFlux, 2) / (POWER(psfInstFluxErr, 2) + POWER(0.01 * meanFlux, 2))) AS chi2
      FROM (SELECT f.objectId, f.band, f.psfInstFlux, f.psfInstFluxErr, m.meanFlux
            FROM ForcedSource AS f
            JOIN (SELECT objectId, band, AVG(psfInstFlux) AS meanFlux, AVG(psfInstFlux / psfInstFluxErr) AS snr
                  FROM ForcedSource
                  WHERE psfFlux_flag = 0 AND pixelFlags_edge = 0 AND pixelFlags_saturated = 0
                  GROUP BY objectId, band) AS m
              ON m.objectId = f.objectId AND m.band = f.band
            WHERE m.snr > 15 AND f.psfFlux_flag = 0 AND f.pixelFlags_edge = 0
              AND f.pixelFlags_saturated = 0) AS epochs
      GROUP BY objectId, band) AS scatter
WHERE n >= 3
ORDER BY chi2 / (n - 1) DESC, objectId";
    let batches = plan(database, adql).await?.collect().await?;
    Ok(batches
        .iter()
        .find(|batch| batch.num_rows() > 0)
        .map(|batch| batch.column(0).as_primitive::<Int64Type>().value(0)))
}

/// Draw the light curve of the most variable object to an SVG file and return the object; `None`,
/// and no file, where no object has enough epochs.
pub async fn draw(database: &Database, path: &Path) -> Result<Option<i64>> {
    let Some(object_id) = most_variable(database).await? else { return Ok(None) };
    let (bands, unit) = epochs(database, object_id).await?;
    if bands.values().map(Vec::len).sum::<usize>() < MIN_EPOCHS {
        return Ok(None);
    }
    paint(path, object_id, &bands, unit)
        .map_err(|error| CommandError::Refused(format!("{}: {error}", path.display())))?;
    Ok(Some(object_id))
}

/// Return the epochs by band and the unit of their fluxes: nJy, or ADU without a zero point.
async fn epochs(
    database: &Database,
    object_id: i64,
) -> Result<(BTreeMap<String, Vec<Epoch>>, &'static str)> {
    for (flux, unit) in [("psfFlux", "nJy"), ("psfInstFlux", "ADU")] {
        let adql = format!(
            "SELECT f.band, v.expMidptMJD, CAST(f.{flux} AS DOUBLE PRECISION) AS flux,
                    CAST(f.{flux}Err AS DOUBLE PRECISION) AS fluxErr
             FROM ForcedSource AS f JOIN Visit AS v ON v.visit = f.visit
             WHERE f.objectId = {object_id} AND f.{flux} IS NOT NULL
             ORDER BY v.expMidptMJD"
        );
        let mut bands: BTreeMap<String, Vec<Epoch>> = BTreeMap::new();
        for batch in plan(database, &adql).await?.collect().await? {
            let names = batch.column(0).as_string::<i32>();
            let [mjd, flux, error] =
                [1, 2, 3].map(|column| batch.column(column).as_primitive::<Float64Type>());
            for row in 0..batch.num_rows() {
                if mjd.is_valid(row) && error.is_valid(row) {
                    bands.entry(names.value(row).to_owned()).or_default().push(Epoch {
                        mid_mjd: mjd.value(row),
                        flux: flux.value(row),
                        flux_err: error.value(row),
                    });
                }
            }
        }
        if !bands.is_empty() {
            return Ok((bands, unit));
        }
    }
    Ok((BTreeMap::new(), "ADU"))
}

fn paint(
    path: &Path,
    object_id: i64,
    bands: &BTreeMap<String, Vec<Epoch>>,
    unit: &str,
) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let all = || bands.values().flatten();
    let range = |low: f64, high: f64| {
        let margin = 0.08 * (high - low).max(1e-3 * high.abs()).max(1e-6);
        (low - margin)..(high + margin)
    };
    let least = |value: fn(&Epoch) -> f64| all().map(value).fold(f64::INFINITY, f64::min);
    let greatest = |value: fn(&Epoch) -> f64| all().map(value).fold(f64::NEG_INFINITY, f64::max);
    let first_day = least(|e| e.mid_mjd).floor();
    let days = range(least(|e| e.mid_mjd) - first_day, greatest(|e| e.mid_mjd) - first_day);
    let fluxes = range(least(|e| e.flux - e.flux_err), greatest(|e| e.flux + e.flux_err));

    let root = SVGBackend::new(path, (WIDTH_PX, HEIGHT_PX)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(format!("Object {object_id}"), ("sans-serif", 22))
        .margin(14)
        .x_label_area_size(44)
        .y_label_area_size(86)
        .build_cartesian_2d(days, fluxes)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_desc(format!("MJD (TAI) − {first_day}"))
        .y_desc(format!("PSF flux [{unit}]"))
        .label_style(("sans-serif", 14))
        .draw()?;
    for (band, epochs) in bands {
        let color = band_color(band);
        chart
            .draw_series(epochs.iter().map(|e| {
                let (low, high) = (e.flux - e.flux_err, e.flux + e.flux_err);
                ErrorBar::new_vertical(e.mid_mjd - first_day, low, e.flux, high, color.filled(), 7)
            }))?
            .label(band.clone())
            .legend(move |(x, y)| Circle::new((x + 8, y), 4, color.filled()));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.3))
        .label_font(("sans-serif", 15))
        .draw()?;
    root.present()?;
    Ok(())
}

/// Colours that tell the bands apart, also for colour-blind eyes.
fn band_color(band: &str) -> RGBColor {
    match band {
        "u" => RGBColor(86, 60, 200),
        "g" => RGBColor(0, 122, 88),
        "r" => RGBColor(213, 62, 40),
        "i" => RGBColor(178, 112, 0),
        "z" => RGBColor(120, 60, 50),
        _ => RGBColor(60, 60, 60),
    }
}
