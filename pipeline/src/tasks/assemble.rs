//! The task `assemble`: the rows of Object and ForcedSource, sorted into the visits with whose
//! transaction they enter the catalog.
//!
//! An object enters with the visit of its first new source. The flux of an object on an image enters
//! with the later of the two, so that each transaction finds the directors of its rows: with the
//! object where the image is known to the catalog or earlier, with the image otherwise.

use std::collections::{BTreeMap, HashMap};

use arrow::array::{Array, BooleanArray, Float64Array, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};

use super::NoConfig;
use super::associate::known_image;
use super::columns::{flags, integers, number, numbers, texts};
use super::image::in_order;
use crate::butler::{DataId, Dimension, DimensionSet, StorageClass, Value};
use crate::catalog::object::{ObjectEpoch, ObjectSummary};
use crate::catalog::object_rows;
use crate::connections::{Connection, Connections, Inputs, Outputs, PipelineTask};
use crate::error::Result;

/// The task; see the module.
pub struct AssembleTask;

impl PipelineTask for AssembleTask {
    type Config = NoConfig;
    const NAME: &'static str = "assemble";

    fn connections() -> Connections {
        let image = [Dimension::Visit, Dimension::Detector];
        let visit = [Dimension::Visit];
        Connections {
            dimensions: DimensionSet::EMPTY,
            inputs: vec![
                Connection::many("forced_flux", StorageClass::Table, &image),
                Connection::many("visit_detector_row", StorageClass::Table, &image),
                Connection::one("object_position", StorageClass::Table, &[]),
                Connection::one("association", StorageClass::Table, &[]),
                known_image(),
            ],
            outputs: vec![
                Connection::many("object", StorageClass::Table, &visit).optional(),
                Connection::many("forced_source", StorageClass::Table, &visit).optional(),
            ],
            is_sequence: false,
        }
    }

    fn new(_config: NoConfig) -> Self {
        Self
    }

    fn run(&self, inputs: Inputs) -> Result<Outputs> {
        let images = images(&inputs)?;
        let objects = Objects::read(&inputs)?;
        let mut outputs = Outputs::default();
        let order: HashMap<i64, usize> =
            images.iter().enumerate().rev().map(|(index, image)| (image.visit, index)).collect();
        let ids: HashMap<i64, &DataId> =
            images.iter().map(|image| (image.visit, &image.visit_id)).collect();
        for (visit, rows) in fluxes_by_visit(&images, &objects, &order)? {
            if let Some(data_id) = ids.get(&visit) {
                outputs.push_at("forced_source", (*data_id).clone(), Value::Table(rows));
            }
        }
        let mut by_visit: BTreeMap<i64, Vec<ObjectSummary>> = BTreeMap::new();
        for (summary, visit) in objects.summaries(&images)? {
            by_visit.entry(visit).or_default().push(summary);
        }
        for (visit, summaries) in by_visit {
            let rows = object_rows(&summaries.iter().collect::<Vec<_>>())?;
            if let Some(data_id) = ids.get(&visit) {
                outputs.log.push(format!("visit {visit}: {} new objects", summaries.len()));
                outputs.push_at("object", (*data_id).clone(), Value::Table(rows));
            }
        }
        Ok(outputs)
    }
}

/// An image and the forced fluxes on it.
struct Image<'a> {
    visit: i64,
    detector: i64,
    visit_id: DataId,
    mid_mjd: f64,
    is_known: bool,
    fluxes: &'a RecordBatch,
}

/// The images and their fluxes, in order.
fn images(inputs: &Inputs) -> Result<Vec<Image<'_>>> {
    let mut images = vec![];
    for found in in_order(inputs, "forced_flux")? {
        images.push(Image {
            visit: found.visit,
            detector: found.detector,
            visit_id: found.dataset.data_id.project(DimensionSet::of(&[Dimension::Visit])),
            mid_mjd: found.mid_mjd,
            is_known: found.is_known,
            fluxes: found.table,
        });
    }
    Ok(images)
}

/// Sort the fluxes into the visits with which they enter.
fn fluxes_by_visit(
    images: &[Image<'_>],
    objects: &Objects,
    order: &HashMap<i64, usize>,
) -> Result<BTreeMap<i64, RecordBatch>> {
    let mut parts: BTreeMap<i64, Vec<RecordBatch>> = BTreeMap::new();
    for image in images {
        let ids = integers(image.fluxes, "objectId")?;
        let visits: Vec<Option<i64>> = (0..ids.len())
            .map(|row| {
                let with_object = objects.enters_with.get(&ids.value(row)).copied();
                match (image.is_known, with_object) {
                    // The catalog holds the flux of a known object on a known image.
                    (true, None) => None,
                    (true, Some(visit)) => Some(visit),
                    (false, None) => Some(image.visit),
                    (false, Some(visit)) => {
                        let later = order.get(&visit) > order.get(&image.visit);
                        Some(if later { visit } else { image.visit })
                    }
                }
            })
            .collect();
        let mut wanted: Vec<i64> = visits.iter().flatten().copied().collect();
        wanted.sort_unstable();
        wanted.dedup();
        for visit in wanted {
            let mask: BooleanArray = visits.iter().map(|v| Some(*v == Some(visit))).collect();
            parts.entry(visit).or_default().push(filter_record_batch(image.fluxes, &mask)?);
        }
    }
    parts
        .into_iter()
        .map(|(visit, parts)| Ok((visit, concat_batches(&parts[0].schema(), &parts)?)))
        .collect()
}

/// New objects, and their sources.
struct Objects {
    /// The visit with which each new object enters.
    enters_with: HashMap<i64, i64>,
    /// Each new object without its epochs, by id.
    summaries: Vec<ObjectSummary>,
    /// Extendedness of the source of an object on an image.
    extendedness: HashMap<(i64, i64, i64), f64>,
}

impl Objects {
    fn read(inputs: &Inputs) -> Result<Self> {
        let (_, rows) = inputs.table("object_position")?;
        let (ids, visits) = (integers(rows, "objectId")?, integers(rows, "entersWithVisit")?);
        let n_sources = integers(rows, "nSource")?;
        let column = |name| numbers(rows, name);
        let (ra, dec) = (column("coord_ra")?, column("coord_dec")?);
        let (ra_err, dec_err) = (column("coord_raErr")?, column("coord_decErr")?);
        let mut objects =
            Self { enters_with: HashMap::new(), summaries: vec![], extendedness: HashMap::new() };
        for row in (0..rows.num_rows()).filter(|row| visits.is_valid(*row)) {
            objects.enters_with.insert(ids.value(row), visits.value(row));
            objects.summaries.push(ObjectSummary {
                object_id: ids.value(row),
                ra: ra.value(row),
                dec: dec.value(row),
                ra_err: number(&ra_err, row),
                dec_err: number(&dec_err, row),
                n_sources: n_sources.value(row) as usize,
                epochs: vec![],
            });
        }
        let (_, rows) = inputs.table("association")?;
        let key = ["objectId", "visit", "detector"].map(|name| integers(rows, name));
        let [objects_of, visits, detectors] = key;
        let (objects_of, visits, detectors) = (objects_of?, visits?, detectors?);
        let extendedness = numbers(rows, "extendedness")?;
        for row in 0..rows.num_rows() {
            let key = (objects_of.value(row), visits.value(row), detectors.value(row));
            objects.extendedness.insert(key, number(&extendedness, row));
        }
        Ok(objects)
    }

    /// Each new object with what its epochs say, and the visit with which it enters.
    fn summaries(self, images: &[Image<'_>]) -> Result<Vec<(ObjectSummary, i64)>> {
        let mut epochs: HashMap<i64, Vec<ObjectEpoch>> = HashMap::new();
        for image in images {
            let rows = Fluxes::read(image.fluxes)?;
            for row in 0..rows.ids.len() {
                let object_id = rows.ids.value(row);
                if !self.enters_with.contains_key(&object_id) {
                    continue;
                }
                let key = (object_id, image.visit, image.detector);
                let extendedness = self.extendedness.get(&key).copied();
                epochs.entry(object_id).or_default().push(rows.epoch(row, image, extendedness));
            }
        }
        let enters_with = self.enters_with;
        let whole = |mut summary: ObjectSummary| {
            summary.epochs = epochs.remove(&summary.object_id).unwrap_or_default();
            let visit = *enters_with.get(&summary.object_id)?;
            Some((summary, visit))
        };
        Ok(self.summaries.into_iter().filter_map(whole).collect())
    }
}

/// Columns of forced fluxes.
struct Fluxes {
    ids: arrow::array::Int64Array,
    band: Vec<String>,
    flux: Float64Array,
    flux_err: Float64Array,
    failed: BooleanArray,
    saturated: BooleanArray,
    saturated_center: BooleanArray,
    edge: BooleanArray,
}

impl Fluxes {
    fn read(rows: &RecordBatch) -> Result<Self> {
        Ok(Self {
            ids: integers(rows, "objectId")?,
            band: texts(rows, "band")?,
            flux: numbers(rows, "psfFlux")?,
            flux_err: numbers(rows, "psfFluxErr")?,
            failed: flags(rows, "psfFlux_flag")?,
            saturated: flags(rows, "pixelFlags_saturated")?,
            saturated_center: flags(rows, "pixelFlags_saturatedCenter")?,
            edge: flags(rows, "pixelFlags_edge")?,
        })
    }

    fn epoch(&self, row: usize, image: &Image<'_>, extendedness: Option<f64>) -> ObjectEpoch {
        let (saturated_center, edge) = (self.saturated_center.value(row), self.edge.value(row));
        ObjectEpoch {
            band: self.band[row].clone(),
            mid_mjd_tai: image.mid_mjd,
            psf_flux: number(&self.flux, row),
            psf_flux_err: number(&self.flux_err, row),
            is_flagged: self.failed.value(row) || saturated_center || edge,
            is_saturated: self.saturated.value(row),
            is_saturated_center: saturated_center,
            is_edge: edge,
            extendedness,
        }
    }
}
