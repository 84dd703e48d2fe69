//! The task `associate`: which sources of all images are one object, and where it is.
//!
//! A new object has the id of its first source, in the order of time, on an image that the catalog
//! does not hold as it is; with the visit of that source it enters the catalog.
//!
//! Objects of the catalog are *kept*: they attract sources and stay where they are. Only those that an
//! image gave rise to which is processed anew, and that no other image of the catalog covers, are
//! forgotten, and come again as the new sources say.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use almagest_storage::sphgeom::{Polygon, UnitVector};
use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch};
use serde::{Deserialize, Serialize};

use super::columns::{flags, integers, number, numbers};
use super::image::in_order;
use super::not_positive;
use crate::association::{AssociatedObject, AssociationConfig, KnownObject, Sighting, associate};
use crate::butler::{Dimension, DimensionSet, StorageClass, Value};
use crate::config::TaskConfig;
use crate::connections::{Connection, Connections, Inputs, Outputs, PipelineTask};
use crate::error::Result;
use crate::identifier::SourceIdentity;

/// How sources become objects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AssociateConfig {
    /// Which sources belong together.
    pub association: AssociationConfig,
    /// Sources that make an object, where that many images cover the place.
    pub min_sources: usize,
}

impl Default for AssociateConfig {
    fn default() -> Self {
        Self { association: AssociationConfig::default(), min_sources: 2 }
    }
}

impl TaskConfig for AssociateConfig {
    fn faults(&self) -> Vec<String> {
        not_positive(&[("association.radius_arcsec", self.association.radius_arcsec)])
    }
}

/// The task; see the module.
pub struct AssociateTask {
    config: AssociateConfig,
}

/// Objects of the catalog.
pub(super) fn known_object() -> Connection {
    Connection::history("known_object", "Object", &["objectId", "coord_ra", "coord_dec"])
}

/// Images of the catalog.
pub(super) fn known_image() -> Connection {
    let columns = &[
        "visitId",
        "detector",
        "rowsChecksum",
        "llcra",
        "llcdec",
        "lrcra",
        "lrcdec",
        "urcra",
        "urcdec",
        "ulcra",
        "ulcdec",
    ];
    Connection::history("known_image", "VisitDetector", columns)
}

impl PipelineTask for AssociateTask {
    type Config = AssociateConfig;
    const NAME: &'static str = "associate";

    fn connections() -> Connections {
        let image = [Dimension::Visit, Dimension::Detector];
        Connections {
            dimensions: DimensionSet::EMPTY,
            inputs: vec![
                Connection::many("source", StorageClass::Table, &image),
                Connection::many("visit_detector_row", StorageClass::Table, &image),
                known_object(),
                known_image(),
            ],
            outputs: vec![
                Connection::one("object_position", StorageClass::Table, &[]),
                Connection::one("association", StorageClass::Table, &[]),
            ],
            is_sequence: false,
        }
    }

    fn new(config: Self::Config) -> Self {
        Self { config }
    }

    fn run(&self, inputs: Inputs) -> Result<Outputs> {
        let images = images(&inputs)?;
        let mut known = known_objects(inputs.table("known_object")?.1)?;
        let n_known = known.len();
        let others = outlines_but(inputs.table("known_image")?.1, &images)?;
        known.retain(|object| !is_forgotten(object, &images, &others));
        let sightings = Sightings::of(&images)?;
        let objects = associate(&sightings.all, &known, &self.config.association);
        let (positions, members) = self.choose(&objects, &known, &images, &sightings);
        let mut outputs = Outputs::default();
        outputs.log.push(format!(
            "{} sources of {} images: {} objects, {} of them kept of {n_known} in the catalog",
            sightings.all.len(),
            images.len(),
            positions.len(),
            known.len()
        ));
        outputs.push("object_position", Value::Table(position_rows(&positions)?));
        outputs.push("association", Value::Table(member_rows(&members)?));
        Ok(outputs)
    }
}

/// An image that was measured.
struct Image<'a> {
    visit: i64,
    detector: i64,
    is_known: bool,
    footprint: Option<Polygon>,
    sources: &'a RecordBatch,
}

impl Image<'_> {
    /// Visit and detector.
    fn key(&self) -> (i64, i64) {
        (self.visit, self.detector)
    }
}

/// The images, each with its outline.
fn images(inputs: &Inputs) -> Result<Vec<Image<'_>>> {
    in_order(inputs, "source")?
        .into_iter()
        .map(|found| {
            Ok(Image {
                visit: found.visit,
                detector: found.detector,
                is_known: found.is_known,
                footprint: outline(found.row, 0)?,
                sources: found.table,
            })
        })
        .collect()
}

/// Where an image lies, by its row of VisitDetector.
fn outline(rows: &RecordBatch, row: usize) -> Result<Option<Polygon>> {
    let corner = |name: &str| {
        let ra = number(&numbers(rows, &format!("{name}ra"))?, row);
        Ok((ra, number(&numbers(rows, &format!("{name}dec"))?, row)))
    };
    let corners: Vec<(f64, f64)> =
        ["llc", "lrc", "urc", "ulc"].into_iter().map(corner).collect::<Result<_>>()?;
    Ok(Polygon::try_from_lonlat_deg(&corners).ok())
}

/// Where the images of the catalog lie that are not processed anew.
fn outlines_but(known: &RecordBatch, images: &[Image<'_>]) -> Result<Vec<Polygon>> {
    let anew: HashSet<(i64, i64)> =
        images.iter().filter(|image| !image.is_known).map(Image::key).collect();
    let keys = integers(known, "visitId")?;
    let detectors = integers(known, "detector")?;
    let others = (0..known.num_rows())
        .filter(|row| !anew.contains(&(keys.value(*row), detectors.value(*row))));
    let outlines = others.map(|row| outline(known, row));
    Ok(outlines.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// Is an object of the catalog to be made anew, because its first image is, and no other shows it?
fn is_forgotten(object: &KnownObject, images: &[Image<'_>], others: &[Polygon]) -> bool {
    let first = SourceIdentity::from_id(object.object_id);
    let key = (first.visit, i64::from(first.detector));
    if !images.iter().any(|image| !image.is_known && image.key() == key) {
        return false;
    }
    let place = UnitVector::from_lonlat_deg(object.ra, object.dec);
    !others.iter().any(|other| other.contains(&place))
}

fn known_objects(rows: &RecordBatch) -> Result<Vec<KnownObject>> {
    let ids = integers(rows, "objectId")?;
    let (ra, dec) = (numbers(rows, "coord_ra")?, numbers(rows, "coord_dec")?);
    let object =
        |row| KnownObject { object_id: ids.value(row), ra: ra.value(row), dec: dec.value(row) };
    let mut known: Vec<KnownObject> = (0..rows.num_rows()).map(object).collect();
    known.sort_by_key(|object| object.object_id);
    Ok(known)
}

/// The sources that can belong to objects, and where each comes from.
struct Sightings {
    all: Vec<Sighting>,
    places: Vec<Place>,
}

/// A source: its image, id, and extendedness.
struct Place {
    image: usize,
    source_id: i64,
    extendedness: f64,
}

impl Sightings {
    fn of(images: &[Image<'_>]) -> Result<Self> {
        let mut sightings = Self { all: vec![], places: vec![] };
        for (image, Image { sources: rows, .. }) in images.iter().enumerate() {
            let ids = integers(rows, "sourceId")?;
            let column = |name| numbers(rows, name);
            let (ra, dec) = (column("coord_ra")?, column("coord_dec")?);
            let (ra_err, dec_err) = (column("raErr")?, column("decErr")?);
            let extendedness = column("extendedness")?;
            // Blends as wholes and empty places are no sightings.
            let primary = flags(rows, "detect_isPrimary")?;
            for row in (0..rows.num_rows()).filter(|row| primary.value(*row)) {
                sightings.all.push(Sighting {
                    exposure: image as i64,
                    ra: number(&ra, row),
                    dec: number(&dec, row),
                    ra_err: number(&ra_err, row),
                    dec_err: number(&dec_err, row),
                });
                let (source_id, extendedness) = (ids.value(row), number(&extendedness, row));
                sightings.places.push(Place { image, source_id, extendedness });
            }
        }
        Ok(sightings)
    }
}

/// Where an object is, and with which visit it enters; no visit for a known one.
struct Position {
    object_id: i64,
    ra: f64,
    dec: f64,
    ra_err: f64,
    dec_err: f64,
    n_sources: i64,
    enters_with: Option<i64>,
}

/// A source of an object.
struct Member {
    object_id: i64,
    source_id: i64,
    visit: i64,
    detector: i64,
    extendedness: f64,
}

impl AssociateTask {
    fn choose(
        &self,
        objects: &[AssociatedObject],
        known: &[KnownObject],
        images: &[Image<'_>],
        sightings: &Sightings,
    ) -> (Vec<Position>, Vec<Member>) {
        let known: HashMap<i64, &KnownObject> =
            known.iter().map(|object| (object.object_id, object)).collect();
        let (mut positions, mut members) = (vec![], vec![]);
        for object in objects {
            let places = || object.members.iter().map(|&member| &sightings.places[member]);
            // A source of an image that was processed anew may have the id of an object that is kept.
            let first_new = places().find(|place| {
                !images[place.image].is_known && !known.contains_key(&place.source_id)
            });
            let known = object.object_id.and_then(|id| known.get(&id));
            let (object_id, enters_with) = match (known, first_new) {
                (Some(known), _) => (known.object_id, None),
                (None, Some(place)) if self.is_seen_enough(object, images) => {
                    (place.source_id, Some(images[place.image].visit))
                }
                (None, _) => continue,
            };
            positions.push(Position {
                object_id,
                // A known object stays where it is: its children were placed by that position.
                ra: known.map_or(object.ra, |known| known.ra),
                dec: known.map_or(object.dec, |known| known.dec),
                ra_err: object.ra_err,
                dec_err: object.dec_err,
                n_sources: object.members.len() as i64,
                enters_with,
            });
            members.extend(places().map(|place| Member {
                object_id,
                source_id: place.source_id,
                visit: images[place.image].visit,
                detector: images[place.image].detector,
                extendedness: place.extendedness,
            }));
        }
        // Sums depend on the order in the last bit: it must not depend on what is known.
        positions.sort_by_key(|position| position.object_id);
        (positions, members)
    }

    /// Has the object enough sources, or one on each of the fewer images that cover it?
    fn is_seen_enough(&self, object: &AssociatedObject, images: &[Image<'_>]) -> bool {
        let (n_seen, needed) = (object.members.len(), self.config.min_sources);
        let place = UnitVector::from_lonlat_deg(object.ra, object.dec);
        let covers = |image: &&Image<'_>| {
            image.footprint.as_ref().is_some_and(|footprint| footprint.contains(&place))
        };
        n_seen >= needed || n_seen >= images.iter().filter(covers).take(needed).count()
    }
}

fn position_rows(positions: &[Position]) -> Result<RecordBatch> {
    let numbers = |value: fn(&Position) -> f64| -> ArrayRef {
        Arc::new(positions.iter().map(value).collect::<Float64Array>())
    };
    let integers = |value: fn(&Position) -> Option<i64>| -> ArrayRef {
        Arc::new(positions.iter().map(value).collect::<Int64Array>())
    };
    Ok(RecordBatch::try_from_iter_with_nullable([
        ("objectId", integers(|p| Some(p.object_id)), false),
        ("coord_ra", numbers(|p| p.ra), false),
        ("coord_dec", numbers(|p| p.dec), false),
        ("coord_raErr", numbers(|p| p.ra_err), true),
        ("coord_decErr", numbers(|p| p.dec_err), true),
        ("nSource", integers(|p| Some(p.n_sources)), false),
        ("entersWithVisit", integers(|p| p.enters_with), true),
    ])?)
}

fn member_rows(members: &[Member]) -> Result<RecordBatch> {
    let integers = |value: fn(&Member) -> i64| -> ArrayRef {
        Arc::new(members.iter().map(|m| Some(value(m))).collect::<Int64Array>())
    };
    let extendedness = members.iter().map(|m| m.extendedness).collect::<Float64Array>();
    Ok(RecordBatch::try_from_iter_with_nullable([
        ("objectId", integers(|m| m.object_id), false),
        ("sourceId", integers(|m| m.source_id), false),
        ("visit", integers(|m| m.visit), false),
        ("detector", integers(|m| m.detector), false),
        ("extendedness", Arc::new(extendedness) as ArrayRef, true),
    ])?)
}
