//! Images to catalog: the chain of tasks over the frames that a person names.
//!
//! ```text
//!   frames ─ read ─▶ exposures ─ characterize ─▶ sources ─ associate ─▶ objects ─ force ─▶ fluxes
//!                                                                                            │
//!   visit by visit, one transaction each: Visit, VisitDetector, Source, Object, ForcedSource ◀┘
//! ```
//!
//! Everything is read and measured before the first transaction, so that a bad image leaves the
//! catalog as it was. A transaction holds a visit's own rows, the objects first seen in it, and
//! the forced fluxes that then can be: a program that is killed leaves whole visits, and running
//! it again with the same images adds the visits that are missing.
//!
//! The images of one call are in memory together (12 bytes a pixel).

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use almagest_ingest::Transaction;
use almagest_storage::CatalogStore;
use almagest_storage::checksum::sha256_of_file;
use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::association::{AssociatedObject, AssociationConfig, KnownObject, Sighting, associate};
use crate::camera::{FrameFiles, FrameOptions, find_frames, read_frame, refuse_conflicts};
use crate::catalog;
use crate::catalog::object::{ObjectEpoch, ObjectSummary};
use crate::characterize::{CharacterizeConfig, CharacterizeTask, Characterized};
use crate::error::{Error, Result};
use crate::exposure::Exposure;
use crate::forced_photometry::{ForcedConfig, ForcedMeasurement, ForcedTarget, force};
use crate::identifier::SourceIdentity;
use crate::reference_catalog::ReferenceCatalog;
use crate::task::Task;

/// How images are processed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProcessConfig {
    /// Characterisation of single exposures.
    pub characterize: CharacterizeConfig,
    /// Association of sources into objects.
    pub association: AssociationConfig,
    /// Forced photometry.
    pub forced: ForcedConfig,
    /// A file of stars that give a zero point to images without one; see [`ReferenceCatalog::read`].
    pub reference: Option<PathBuf>,
    /// Sources that make an object, where that many exposures cover the place.
    pub min_sources: usize,
}

impl Default for ProcessConfig {
    fn default() -> Self {
        Self {
            characterize: CharacterizeConfig::default(),
            association: AssociationConfig::default(),
            forced: ForcedConfig::default(),
            reference: None,
            min_sources: 2,
        }
    }
}

/// An exposure with what was measured on it.
#[derive(Debug)]
pub struct MeasuredExposure {
    /// The exposure as it was read.
    pub exposure: Exposure,
    /// What was found on it.
    pub characterized: Characterized,
    /// Name of the image's file.
    pub image_name: String,
    /// SHA-256 of the image's file, hexadecimal.
    pub image_checksum: String,
}

/// What processing does at the moment, for whoever watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// So many frames will be read and measured.
    Begun {
        /// Their number.
        n_frames: usize,
    },
    /// A frame has been read and measured.
    Measured {
        /// The file of its image.
        image: PathBuf,
    },
    /// So many visits will be committed.
    Committing {
        /// Their number.
        n_visits: usize,
    },
    /// A visit has been committed.
    Committed {
        /// The visit.
        visit: i64,
    },
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProcessReport {
    /// The catalog's version afterwards.
    pub version: u64,
    /// Visits that were committed.
    pub n_visits: usize,
    /// Visits that the catalog held already.
    pub n_visits_known: usize,
    /// New sources.
    pub n_sources: usize,
    /// New objects.
    pub n_objects: usize,
    /// New forced measurements.
    pub n_forced_sources: usize,
    /// What had to be assumed, one line for each assumption.
    pub warnings: Vec<String>,
}

/// Process the images at `paths` (files, or folders that are searched) into the catalog.
///
/// # Errors
/// Images that cannot be read or understood; two frames of one visit and detector, be it within
/// `paths` or between `paths` and the catalog; refusals of the ingest. Before the first commit the
/// catalog is as it was; later, whole visits are committed.
pub fn process(
    store: &CatalogStore,
    paths: &[PathBuf],
    options: &FrameOptions,
    config: &ProcessConfig,
    watch: &(dyn Fn(Progress) + Sync),
) -> Result<ProcessReport> {
    let frames = find_frames(paths)?;
    if frames.is_empty() {
        return Err(Error::NoFrames { paths: paths.to_vec() });
    }
    let checksums = frames
        .par_iter()
        .map(|frame| {
            sha256_of_file(&frame.image)
                .map_err(|source| Error::Io { path: frame.image.clone(), source })
        })
        .collect::<Result<Vec<String>>>()?;
    let images = KnownImages::read(store)?;
    if let Some(n_visits_known) = images.visits_of(&checksums) {
        // Nothing to add: spare the measuring.
        let version = store.newest_version()?;
        return Ok(ProcessReport { version, n_visits_known, ..Default::default() });
    }
    watch(Progress::Begun { n_frames: frames.len() });
    let mut exposures: Vec<MeasuredExposure> = frames
        .par_iter()
        .zip(checksums)
        .map(|(frame, checksum)| {
            let measured = measure_frame(frame, checksum, options, config)?;
            watch(Progress::Measured { image: frame.image.clone() });
            Ok(measured)
        })
        .collect::<Result<Vec<_>>>()?
        .into_iter()
        .flatten()
        .collect();
    exposures
        .sort_by(|a, b| a.order().partial_cmp(&b.order()).unwrap_or(std::cmp::Ordering::Equal));
    refuse_conflicts(exposures.iter().map(|e| {
        (e.exposure.visit_info.visit, e.exposure.detector.id, e.exposure.source.as_path())
    }))?;
    let known = KnownCatalog::read(store, &images, &exposures)?;
    let reduction = Reduction::new(exposures, &known, config)?;
    reduction.commit(store, &known, watch)
}

fn measure_frame(
    frame: &FrameFiles,
    image_checksum: String,
    options: &FrameOptions,
    config: &ProcessConfig,
) -> Result<Vec<MeasuredExposure>> {
    let image_name =
        frame.image.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let task = CharacterizeTask::new(config.characterize.clone());
    read_frame(frame, options)?
        .into_par_iter()
        .map(|exposure| {
            let mut exposure = exposure;
            let mut characterized = task.run(&exposure)?;
            if let (None, Some(path)) = (exposure.photo_calib, &config.reference) {
                calibrate(&mut exposure, &mut characterized, path)?;
            }
            let (image_name, image_checksum) = (image_name.clone(), image_checksum.clone());
            Ok(MeasuredExposure { exposure, characterized, image_name, image_checksum })
        })
        .collect()
}

/// Fit the zero point of an exposure to the stars of a file, and say what came out.
fn calibrate(
    exposure: &mut Exposure,
    characterized: &mut Characterized,
    path: &Path,
) -> Result<()> {
    let stars = ReferenceCatalog::read(path, &exposure.visit_info.band)?;
    let fitted = stars.fit_zero_point(characterized)?;
    exposure.photo_calib = Some(fitted.photo_calib);
    characterized.calibrate(fitted.photo_calib);
    // What was said of the missing zero point holds no longer.
    exposure.warnings.retain(|warning| !warning.contains("no zero point"));
    exposure.warnings.push(format!(
        "zero point {:.3} mag from {} stars of {}, scatter {:.3} mag",
        fitted.photo_calib.zero_point_mag,
        fitted.n_stars,
        path.display(),
        fitted.scatter_mag
    ));
    Ok(())
}

impl MeasuredExposure {
    /// Exposures come in the order of time, then of visit and detector.
    fn order(&self) -> (f64, i64, i32) {
        let visit = &self.exposure.visit_info;
        (visit.mid_mjd_tai, visit.visit, self.exposure.detector.id)
    }

    fn visit(&self) -> i64 {
        self.exposure.visit_info.visit
    }
}

/// The images whose rows the catalog holds: SHA-256 by visit and detector.
struct KnownImages(HashMap<(i64, i64), String>);

impl KnownImages {
    fn read(store: &CatalogStore) -> Result<Self> {
        let mut images = HashMap::new();
        let columns = ["visitId", "detector", "imageChecksum"];
        for batch in store.snapshot()?.read_region("VisitDetector", None, Some(&columns))? {
            let visits = batch.column(0).as_primitive::<Int64Type>();
            let detectors = batch.column(1).as_primitive::<Int64Type>();
            let checksums = batch.column(2).as_string::<i32>();
            for row in 0..batch.num_rows() {
                let key = (visits.value(row), detectors.value(row));
                images.insert(key, checksums.value(row).to_owned());
            }
        }
        Ok(Self(images))
    }

    /// Return the number of visits of the images with these checksums, if all are known.
    fn visits_of(&self, checksums: &[String]) -> Option<usize> {
        let visit_of: HashMap<&str, i64> =
            self.0.iter().map(|((visit, _), checksum)| (checksum.as_str(), *visit)).collect();
        let visits: Option<HashSet<i64>> =
            checksums.iter().map(|checksum| visit_of.get(checksum.as_str()).copied()).collect();
        visits.map(|visits| visits.len())
    }
}

/// What the catalog holds already of the sky that is being processed.
struct KnownCatalog {
    visits: HashSet<i64>,
    objects: Vec<KnownObject>,
}

impl KnownCatalog {
    /// Read the objects of the catalog, and compare its visits with those of the exposures.
    ///
    /// A visit is committed whole, so that a detector of a known visit is either known with the
    /// same image or a conflict.
    fn read(
        store: &CatalogStore,
        images: &KnownImages,
        exposures: &[MeasuredExposure],
    ) -> Result<Self> {
        let snapshot = store.snapshot()?;
        let visits: HashSet<i64> = images.0.keys().map(|(visit, _)| *visit).collect();
        for e in exposures.iter().filter(|e| visits.contains(&e.visit())) {
            let key = (e.visit(), i64::from(e.exposure.detector.id));
            if images.0.get(&key) != Some(&e.image_checksum) {
                return Err(Error::VisitExists {
                    path: e.exposure.source.clone(),
                    visit: e.visit(),
                    detector: e.exposure.detector.id,
                });
            }
        }
        let mut objects = vec![];
        let columns = ["objectId", "coord_ra", "coord_dec"];
        for batch in snapshot.read_region("Object", None, Some(&columns))? {
            let ids = batch.column(0).as_primitive::<Int64Type>();
            let [ra, dec] = [1, 2].map(|index| batch.column(index).clone());
            let as_f64 = |column| cast(column, &DataType::Float64);
            let (ra, dec) = (as_f64(&ra)?, as_f64(&dec)?);
            let (ra, dec) = (ra.as_primitive::<Float64Type>(), dec.as_primitive::<Float64Type>());
            objects.extend((0..batch.num_rows()).map(|row| KnownObject {
                object_id: ids.value(row),
                ra: ra.value(row),
                dec: dec.value(row),
            }));
        }
        objects.sort_by_key(|object| object.object_id);
        Ok(Self { visits, objects })
    }
}

/// All that one call measured, before any of it is committed.
struct Reduction {
    exposures: Vec<MeasuredExposure>,
    /// Ids of the sources of each exposure.
    source_ids: Vec<Vec<i64>>,
    /// Forced measurements of each exposure.
    forced: Vec<Vec<ForcedMeasurement>>,
    /// New objects, with the index of the exposure in whose visit's transaction they are added.
    objects: Vec<(ObjectSummary, usize)>,
}

impl Reduction {
    fn new(
        exposures: Vec<MeasuredExposure>,
        known: &KnownCatalog,
        config: &ProcessConfig,
    ) -> Result<Self> {
        let source_ids = exposures.iter().map(source_ids).collect::<Result<Vec<_>>>()?;
        let sightings = Sightings::of(&exposures);
        let associated: Vec<AssociatedObject> =
            associate(&sightings.all, &known.objects, &config.association);
        let mut targets = vec![];
        let mut new = vec![];
        for object in associated {
            let first_new = object
                .members
                .iter()
                .map(|&member| sightings.places[member])
                .find(|(exposure, _)| !known.visits.contains(&exposures[*exposure].visit()));
            let (object_id, ra, dec) = match (object.object_id, first_new) {
                (Some(object_id), _) => (object_id, object.ra, object.dec),
                (None, Some((exposure, source)))
                    if is_seen_enough(&object, &exposures, config.min_sources) =>
                {
                    let object_id = source_ids[exposure][source];
                    new.push((object_id, object.clone(), exposure));
                    (object_id, object.ra, object.dec)
                }
                (None, _) => continue,
            };
            targets.push(ForcedTarget { object_id, ra, dec });
        }
        // Sums depend on the order in the last bit: it must not depend on what is known.
        targets.sort_by_key(|target| target.object_id);
        // A known object stays where it is: its children were placed by that position.
        let places: HashMap<i64, &KnownObject> =
            known.objects.iter().map(|object| (object.object_id, object)).collect();
        for target in &mut targets {
            if let Some(object) = places.get(&target.object_id) {
                (target.ra, target.dec) = (object.ra, object.dec);
            }
        }
        let forced: Vec<Vec<ForcedMeasurement>> = exposures
            .par_iter()
            .map(|e| force(&e.exposure, &e.characterized, &targets, &config.forced).measurements)
            .collect();
        let objects = summaries(&exposures, &sightings, &forced, new);
        Ok(Self { exposures, source_ids, forced, objects })
    }

    /// Commit the visits that the catalog does not hold yet, in the order of time.
    fn commit(
        &self,
        store: &CatalogStore,
        known: &KnownCatalog,
        watch: &(dyn Fn(Progress) + Sync),
    ) -> Result<ProcessReport> {
        let mut visits: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let mut first_of: HashMap<i64, usize> = HashMap::new();
        for (index, exposure) in self.exposures.iter().enumerate() {
            let first = *first_of.entry(exposure.visit()).or_insert(index);
            visits.entry(first).or_default().push(index);
        }
        let is_known = |index: usize| known.visits.contains(&self.exposures[index].visit());
        let n_all = visits.len();
        visits.retain(|first, _| !is_known(*first));
        let mut report = ProcessReport {
            n_visits: visits.len(),
            n_visits_known: n_all - visits.len(),
            version: store.newest_version()?,
            warnings: self.warnings(),
            ..Default::default()
        };
        watch(Progress::Committing { n_visits: visits.len() });
        let mut added: HashSet<i64> = known.objects.iter().map(|o| o.object_id).collect();
        let mut done: Vec<usize> = (0..self.exposures.len()).filter(|&i| is_known(i)).collect();
        for (_, members) in visits {
            let objects: Vec<&ObjectSummary> = self
                .objects
                .iter()
                .filter(|(_, exposure)| members.contains(exposure))
                .map(|(object, _)| object)
                .collect();
            let new: HashSet<i64> = objects.iter().map(|object| object.object_id).collect();
            added.extend(&new);
            let mut transaction = Transaction::begin(store)?;
            self.append_visit(&mut transaction, &members, &mut report)?;
            if !objects.is_empty() {
                transaction.append("Object", &catalog::object_rows(&objects)?)?;
            }
            // On this visit all objects so far; on the earlier visits those that are new.
            let forced = members
                .iter()
                .map(|&exposure| (exposure, &added))
                .chain(done.iter().map(|&exposure| (exposure, &new)));
            for (exposure, objects) in forced {
                let rows: Vec<&ForcedMeasurement> = self.forced[exposure]
                    .iter()
                    .filter(|measurement| objects.contains(&measurement.object_id))
                    .collect();
                if !rows.is_empty() {
                    let batch =
                        catalog::forced_source_rows(&self.exposures[exposure].exposure, &rows)?;
                    transaction.append("ForcedSource", &batch)?;
                }
                report.n_forced_sources += rows.len();
            }
            let visit = self.exposures[members[0]].visit();
            report.version = transaction.commit_as(&format!("process visit {visit}"))?.version;
            report.n_objects += objects.len();
            done.extend(members);
            watch(Progress::Committed { visit });
        }
        Ok(report)
    }

    fn append_visit(
        &self,
        transaction: &mut Transaction,
        members: &[usize],
        report: &mut ProcessReport,
    ) -> Result<()> {
        let exposures: Vec<&MeasuredExposure> =
            members.iter().map(|&index| &self.exposures[index]).collect();
        let visit = &exposures[0].exposure.visit_info;
        transaction.append("Visit", &catalog::visit_rows(&[visit])?)?;
        transaction.append("VisitDetector", &catalog::visit_detector_rows(&exposures)?)?;
        for &index in members {
            let rows = catalog::source_rows(&self.exposures[index], &self.source_ids[index])?;
            if rows.num_rows() > 0 {
                transaction.append("Source", &rows)?;
            }
            report.n_sources += rows.num_rows();
        }
        Ok(())
    }

    /// Name the assumptions that were made: those that differ in numbers only once, with a count.
    fn warnings(&self) -> Vec<String> {
        let mut alike: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for e in &self.exposures {
            for warning in &e.exposure.warnings {
                let kind = warning.replace(|c: char| c.is_ascii_digit(), "");
                alike.entry(kind).or_default().push(format!("{}: {warning}", e.image_name));
            }
        }
        let line = |lines: Vec<String>| match lines.as_slice() {
            [line] => line.clone(),
            lines => format!("{} (and {} images alike)", lines[0], lines.len() - 1),
        };
        alike.into_values().map(line).collect()
    }
}

/// Has the object `min_sources` sources, or one on each of the fewer exposures that cover it?
fn is_seen_enough(
    object: &AssociatedObject,
    exposures: &[MeasuredExposure],
    min_sources: usize,
) -> bool {
    let covers = |e: &&MeasuredExposure| {
        let (nx, ny) = e.exposure.size();
        e.exposure.wcs.sky_to_pixel(object.ra, object.dec).is_some_and(|(x, y)| {
            x >= -0.5 && y >= -0.5 && x < nx as f64 - 0.5 && y < ny as f64 - 0.5
        })
    };
    let n_seen = object.members.len();
    n_seen >= min_sources || n_seen >= exposures.iter().filter(covers).take(min_sources).count()
}

fn source_ids(exposure: &MeasuredExposure) -> Result<Vec<i64>> {
    let (visit, detector) = (exposure.visit(), exposure.exposure.detector.id);
    (0..exposure.characterized.sources.len())
        .map(|counter| SourceIdentity { visit, detector, counter }.to_id())
        .collect()
}

/// The sources that can belong to objects, and where each comes from.
struct Sightings {
    all: Vec<Sighting>,
    /// Index of the exposure, index of the source on it.
    places: Vec<(usize, usize)>,
}

impl Sightings {
    fn of(exposures: &[MeasuredExposure]) -> Self {
        let mut sightings = Self { all: vec![], places: vec![] };
        for (index, exposure) in exposures.iter().enumerate() {
            for (source_index, source) in exposure.characterized.sources.iter().enumerate() {
                sightings.places.push((index, source_index));
                sightings.all.push(Sighting {
                    exposure: index as i64,
                    ra: source.ra,
                    dec: source.dec,
                    ra_err: source.ra_err,
                    dec_err: source.dec_err,
                });
            }
        }
        sightings
    }
}

/// Gather for each new object what its epochs say.
fn summaries(
    exposures: &[MeasuredExposure],
    sightings: &Sightings,
    forced: &[Vec<ForcedMeasurement>],
    new: Vec<(i64, AssociatedObject, usize)>,
) -> Vec<(ObjectSummary, usize)> {
    let mut epochs: HashMap<i64, Vec<ObjectEpoch>> = HashMap::new();
    let mut extendedness: HashMap<(i64, usize), f64> = HashMap::new();
    for (object_id, object, _) in &new {
        for &member in &object.members {
            let (exposure, source) = sightings.places[member];
            let source = &exposures[exposure].characterized.sources[source];
            extendedness.insert((*object_id, exposure), source.extendedness);
        }
    }
    for (index, (exposure, measurements)) in exposures.iter().zip(forced).enumerate() {
        let visit = &exposure.exposure.visit_info;
        for m in measurements {
            let flags = &m.pixel_flags;
            epochs.entry(m.object_id).or_default().push(ObjectEpoch {
                band: visit.band.clone(),
                mid_mjd_tai: visit.mid_mjd_tai,
                psf_flux: m.psf_flux,
                psf_flux_err: m.psf_flux_err,
                is_flagged: m.psf_inst_flux.flag() || flags.saturated_center() || flags.edge(),
                is_saturated: flags.saturated(),
                is_saturated_center: flags.saturated_center(),
                is_edge: flags.edge(),
                extendedness: extendedness.get(&(m.object_id, index)).copied(),
            });
        }
    }
    new.into_iter()
        .map(|(object_id, object, exposure)| {
            let summary = ObjectSummary {
                object_id,
                ra: object.ra,
                dec: object.dec,
                ra_err: object.ra_err,
                dec_err: object.dec_err,
                n_sources: object.members.len(),
                epochs: epochs.remove(&object_id).unwrap_or_default(),
            };
            (summary, exposure)
        })
        .collect()
}
