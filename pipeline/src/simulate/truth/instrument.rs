//! Truth of the instrument: what a calibration has to find.

use arrow::array::RecordBatch;

use super::{Columns, about};
use crate::camera::model::{Crosstalk, Section};
use crate::error::Result;
use crate::simulate::sensor::{AmplifierTruth, Sensor};
use crate::simulate::survey::Survey;

/// One row for each amplifier.
pub(super) fn amplifiers(survey: &Survey) -> Result<RecordBatch> {
    let all = || survey.sensors().iter().flat_map(|s| s.amplifiers.iter().map(move |a| (s, a)));
    let number = |f: fn(&AmplifierTruth) -> f64| all().map(move |(_, amplifier)| f(amplifier));
    let boxes: Vec<String> = all().map(|(_, a)| a.bbox.to_string()).collect();
    Columns::default()
        .integers(
            about("detector", "", "meta.id;instr.det", "Number of the detector"),
            all().map(|(s, _)| i64::from(s.model.id)),
        )
        .texts(
            about("amplifier", "", "meta.id", "Name of the amplifier"),
            all().map(|(_, a)| Some(a.name.as_str())),
        )
        .texts(
            about(
                "bbox",
                "",
                "instr.det",
                "Its pixels on the detector, as FITS sections are written",
            ),
            boxes.iter().map(|b| Some(b.as_str())),
        )
        .numbers(
            about("gain", "electron.adu**-1", "instr.calib", "Gain"),
            number(|a| a.gain_e_per_adu),
        )
        .numbers(
            about("read_noise", "electron", "instr.det.noise", "Read noise"),
            number(|a| a.read_noise_e),
        )
        .numbers(
            about("full_well", "electron", "instr.saturation", "Charge that a pixel holds"),
            number(|a| f64::from(a.full_well_e)),
        )
        .numbers(
            about(
                "nonlinearity",
                "electron**-1",
                "instr.calib",
                "A charge Q reads as Q (1 - c Q); this is c",
            ),
            number(|a| a.nonlinearity_per_e),
        )
        .numbers(
            about("bias_level", "adu", "instr.calib", "Level of the bias"),
            number(|a| a.bias.level_adu),
        )
        .numbers(
            about(
                "bias_column_rms",
                "adu",
                "instr.calib;stat.stdev",
                "Structure of the bias from column to column",
            ),
            number(|a| {
                let n = a.bias.columns_adu.len().max(1) as f64;
                (a.bias.columns_adu.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / n).sqrt()
            }),
        )
        .finish()
}

/// One row for each element of the crosstalk matrix.
pub(super) fn crosstalk(survey: &Survey) -> Result<RecordBatch> {
    let all =
        || survey.sensors().iter().flat_map(|s| s.model.crosstalk.iter().map(move |c| (s, c)));
    fn name(sensor: &Sensor, index: usize) -> Option<&str> {
        sensor.amplifiers.get(index).map(|amplifier| amplifier.name.as_str())
    }
    let coefficient = |(_, element): (&Sensor, &Crosstalk)| element.coefficient;
    Columns::default()
        .integers(
            about("detector", "", "meta.id;instr.det", "Number of the detector"),
            all().map(|(s, _)| i64::from(s.model.id)),
        )
        .texts(
            about("target", "", "meta.id", "Amplifier that is disturbed"),
            all().map(|(s, c)| name(s, c.target)),
        )
        .texts(
            about("source", "", "meta.id", "Amplifier whose signal disturbs"),
            all().map(|(s, c)| name(s, c.source)),
        )
        .numbers(
            about(
                "coefficient",
                "",
                "instr.calib",
                "Part of the source's electrons that appears in the target",
            ),
            all().map(coefficient),
        )
        .finish()
}

/// One row for each dead column or block and each hot pixel.
pub(super) fn defects(survey: &Survey) -> Result<RecordBatch> {
    let mut rows: Vec<(i64, &str, Section, Option<f64>)> = Vec::new();
    for sensor in survey.sensors() {
        let id = i64::from(sensor.model.id);
        let dead = sensor.defects.iter().map(|d| (id, d.kind.name(), d.bbox, None));
        rows.extend(dead);
        rows.extend(sensor.hot_pixels.iter().map(|&(x0, y0, rate)| {
            (id, "hot_pixel", Section { x0, y0, nx: 1, ny: 1 }, Some(f64::from(rate)))
        }));
    }
    let all = || rows.iter();
    Columns::default()
        .integers(
            about("detector", "", "meta.id;instr.det", "Number of the detector"),
            all().map(|r| r.0),
        )
        .texts(
            about("kind", "", "meta.code.class", "dead_column, dead_block or hot_pixel"),
            all().map(|r| Some(r.1)),
        )
        .integers(
            about("x0", "pixel", "pos.cartesian.x;instr.det", "First column, from 0"),
            all().map(|r| r.2.x0 as i64),
        )
        .integers(
            about("y0", "pixel", "pos.cartesian.y;instr.det", "First row, from 0"),
            all().map(|r| r.2.y0 as i64),
        )
        .integers(about("width", "pixel", "phys.size", "Columns"), all().map(|r| r.2.nx as i64))
        .integers(about("height", "pixel", "phys.size", "Rows"), all().map(|r| r.2.ny as i64))
        .known(
            about("dark_current", "electron.s**-1", "instr.calib", "Dark current of a hot pixel"),
            all().map(|r| r.3),
        )
        .finish()
}

/// One row for each lag of the brighter-fatter potential.
pub(super) fn brighter_fatter(survey: &Survey) -> Result<RecordBatch> {
    let effect = survey.brighter_fatter();
    let lag = effect.lag();
    let lags: Vec<(i64, i64)> = if survey.config().effects.brighter_fatter {
        (-lag..=lag).flat_map(|dy| (-lag..=lag).map(move |dx| (dx, dy))).collect()
    } else {
        Vec::new()
    };
    let all = || lags.iter();
    Columns::default()
        .integers(
            about("dx", "pixel", "pos.cartesian.x;instr.det", "Lag in columns"),
            all().map(|l| l.0),
        )
        .integers(
            about("dy", "pixel", "pos.cartesian.y;instr.det", "Lag in rows"),
            all().map(|l| l.1),
        )
        .numbers(
            about("kernel", "electron**-1", "instr.calib", "The potential K of an electron"),
            all().map(|l| effect.kernel(l.0, l.1)),
        )
        .numbers(
            about(
                "area",
                "electron**-1",
                "instr.calib",
                "Change of a pixel's area by an electron: the Laplacian of K",
            ),
            all().map(|l| effect.area_coefficient(l.0, l.1)),
        )
        .finish()
}
