//! From an object's index to its rows in all tables.
//!
//! ```text
//!   object i ─▶ position ─▶ truth ─▶ for each visit that sees it:
//!                                      flux = truth + noise ─▶ ForcedSource
//!                                        if 5 σ or more     ─▶ Source
//!                                        if it varies by 5 σ ─▶ DiaSource ─▶ DiaObject
//!                                    coadds of the visits   ─▶ Object
//!            artefacts of the difference images near it     ─▶ DiaSource ─▶ DiaObject
//! ```
//!
//! The rows of an object depend on the seed, the survey's options and the object's index only.

use std::ops::Range;

use almagest_storage::schema::TableDef;
use almagest_storage::sphgeom::{Angle, Frame, UnitVector, transform};
use arrow::array::{ArrayRef, RecordBatch};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::cadence::Cadence;
use crate::config::SurveyConfig;
use crate::draws::{Purpose, Seed, mix};
use crate::error::{Error, Result};
use crate::focal_plane::Pixel;
use crate::photometry::{DETECTION_SNR, noise_njy};
use crate::population::{Class, Population, Variability};
use crate::schema::object::{ObjectColumn, object_columns};
use crate::schema::survey_tables;
use crate::sky::Sky;
use dia::{DiaObjectRows, DiaSourceRows, Statistics};
use forced_source::ForcedRows;
use object::{ObjectRow, Stack};
use planes::planes_of;
use source::SourceRows;

mod column;
mod dia;
mod forced_source;
mod object;
mod planes;
mod source;
mod visit;

/// Share of the measurements that fail: one in 256.
const FAILED: u64 = 0xff;
/// Share of the places without a template: one in 128.
const NO_TEMPLATE: u64 = 0x7f;
/// Noise that the template adds, as a share of the visit's.
const TEMPLATE_NOISE: f64 = 0.3;
/// Mean number of artefacts that make a DiaObject near an object.
const ARTEFACT_SHARE: f64 = 0.46;
/// Share of the artefacts that appear a second time, and so on.
const AGAIN_SHARE: f64 = 0.57;
/// Objects near which an asteroid is seen.
const ASTEROID_SHARE: f64 = 0.003;
/// Greatest distance of artefacts and asteroids from their object.
const NEARBY: Angle = Angle::from_arcsec(40.0);

/// A survey, of which any rows can be made.
#[derive(Debug)]
pub struct Survey {
    seed: Seed,
    sky: Sky,
    cadence: Cadence,
    population: Population,
    object_columns: Vec<ObjectColumn>,
    tables: Vec<TableDef>,
}

/// Rows of consecutive objects, in no batch yet.
#[derive(Debug, Default)]
struct Rows {
    objects: Vec<ObjectRow>,
    sources: SourceRows,
    forced: ForcedRows,
    dia_objects: DiaObjectRows,
    dia_sources: DiaSourceRows,
}

/// What an object's rows are made from.
struct Subject {
    index: u64,
    id: i64,
    position: UnitVector,
    /// Random bits that are its own.
    row: u64,
}

/// A difference source to be written.
struct Difference {
    dia_object_id: i64,
    ss_object_id: i64,
    /// Kinds of difference sources about one object: 0 real, 1 artefact, 2 asteroid.
    slot: i64,
    flux: f64,
    error: f64,
    science: f64,
}

impl Survey {
    /// Plan a survey.
    ///
    /// # Errors
    /// Options that make none.
    pub fn new(config: &SurveyConfig) -> Result<Self> {
        config.check()?;
        let seed = Seed::new(config.seed);
        let sky = Sky::new(&seed, config.n_objects);
        let cadence = Cadence::new(&seed, config, &sky);
        let mjd = |visit: Option<&crate::cadence::Visit>| visit.map_or(0.0, |v| v.mid_mjd);
        let (first, last) = (mjd(cadence.visits.first()), mjd(cadence.visits.last()));
        let population = Population::new(&seed, config.depth, first, last);
        Ok(Self {
            seed,
            sky,
            cadence,
            population,
            object_columns: object_columns(config.width),
            tables: survey_tables(config.width)?,
        })
    }

    /// Where the objects are.
    pub fn sky(&self) -> &Sky {
        &self.sky
    }

    /// The tables, directors before their children.
    pub fn tables(&self) -> &[TableDef] {
        &self.tables
    }

    /// Number of visits.
    pub fn n_visits(&self) -> usize {
        self.cadence.visits.len()
    }

    /// Return rows of Visit, in order of time.
    ///
    /// # Errors
    /// None for the tables as shipped.
    pub fn visits(&self, indices: Range<usize>) -> Result<RecordBatch> {
        let visits = &self.cadence.visits[indices];
        self.batch("Visit", |name| visit::column(visits, name))
    }

    /// Return the rows of objects, by table, directors before children.
    ///
    /// # Arguments
    /// * `parts` - cells, each with indices of consecutive objects of it
    ///
    /// # Errors
    /// None for the tables as shipped.
    pub fn rows(&self, parts: &[(usize, Range<u64>)]) -> Result<Vec<(&'static str, RecordBatch)>> {
        let mut rows = Rows::default();
        for (cell, indices) in parts {
            let visits = self.cadence.visits_of_cell(*cell);
            let positions = self.sky.positions(*cell, indices.clone());
            for (index, position) in indices.clone().zip(positions) {
                self.add_object(*cell, index, position, &visits, &mut rows);
            }
        }
        Ok(vec![
            ("Object", self.object_batch(&rows.objects)?),
            ("Source", self.batch("Source", |name| rows.sources.column(name))?),
            ("ForcedSource", self.batch("ForcedSource", |name| rows.forced.column(name))?),
            ("DiaObject", self.batch("DiaObject", |name| rows.dia_objects.column(name))?),
            ("DiaSource", self.batch("DiaSource", |name| rows.dia_sources.column(name))?),
        ])
    }

    /// Make the rows of one object.
    fn add_object(
        &self,
        cell: usize,
        index: u64,
        position: UnitVector,
        visits: &[u32],
        rows: &mut Rows,
    ) {
        let (ra, dec) = position.to_lonlat_deg();
        let of_cell = index - self.sky.objects_of(cell).start;
        let id = (cell as i64 + 1) << 36 | of_cell as i64;
        let row = self.seed.row(index);
        let subject = Subject { index, id, position, row };
        let truth = self.population.truth(index, &position);
        let radius_arcsec = match truth.class {
            Class::Star => 0.0,
            Class::Galaxy { radius_arcsec } => radius_arcsec,
        };
        let mut draws = self.seed.stream(Purpose::Measurement, index);
        let mut gauss = || -> f64 { StandardNormal.sample(&mut draws) };
        let mut stacks = [Stack::default(); 6];
        let first_difference = rows.dia_sources.id.len();
        for &visit_index in visits {
            let visit = &self.cadence.visits[visit_index as usize];
            let camera = self.cadence.camera(visit);
            let Some(pixel) = camera.pixel(&visit.attitude, &position) else { continue };
            let mean = truth.flux_njy[visit.band as usize];
            let change = truth.variability.difference_njy(mean, visit.band, visit.mid_mjd);
            let error = noise_njy(mean + change, visit.sky_njy);
            let noise = error * gauss();
            let flux = mean + change + noise;
            let difference = change + noise + TEMPLATE_NOISE * error * gauss();
            let difference_error = error * (1.0 + TEMPLATE_NOISE * TEMPLATE_NOISE).sqrt();
            let bits = mix(row ^ u64::from(visit_index));
            let has_failed = bits & FAILED == 0;
            let has_template = bits >> 8 & NO_TEMPLATE != 0;
            let planes = planes_of(bits, &pixel, mean + change);

            let forced = &mut rows.forced;
            forced.object_id.push(id);
            forced.visit.push(visit.number);
            forced.detector.push(pixel.detector.into());
            forced.band.push(visit.band);
            forced.ra.push(ra);
            forced.dec.push(dec);
            let unless = |is_missing: bool, value: f64| match is_missing {
                true => f32::NAN,
                false => value as f32,
            };
            forced.flux.push(unless(has_failed, flux));
            forced.flux_err.push(unless(has_failed, error));
            let is_missing = has_failed || !has_template;
            forced.diff.push(unless(is_missing, difference));
            forced.diff_err.push(unless(is_missing, difference_error));
            forced.planes.push(planes);

            let stack = &mut stacks[visit.band as usize];
            stack.n_visits += 1;
            stack.weight += 1.0 / (visit.sky_njy * visit.sky_njy);
            stack.sum_mjd += visit.mid_mjd;

            if flux >= DETECTION_SNR * error {
                let centroid = centroid_error_arcsec(visit.seeing_arcsec, flux / error);
                let (ra, dec) = jitter(&position, centroid, bits);
                let sources = &mut rows.sources;
                sources.id.push(i64::from(visit_index) << 34 | index as i64);
                sources.visit.push(visit.number);
                sources.detector.push(pixel.detector.into());
                sources.band.push(visit.band);
                sources.ra.push(ra);
                sources.dec.push(dec);
                sources.error_arcsec.push(centroid as f32);
                sources.x.push(pixel.x);
                sources.y.push(pixel.y);
                // The detection stands where the measurement fails.
                sources.flux.push(if has_failed { f64::NAN } else { flux });
                sources.flux_err.push(if has_failed { f64::NAN } else { error });
                sources.sky_njy.push(visit.sky_njy as f32);
                sources.seeing_arcsec.push(visit.seeing_arcsec as f32);
                sources.radius_arcsec.push(radius_arcsec as f32);
                sources.planes.push(planes);
                sources.row.push(bits);
            }
            let is_real = truth.variability != Variability::Constant && !is_missing;
            if is_real && difference.abs() >= DETECTION_SNR * difference_error {
                let difference = Difference {
                    dia_object_id: dia_object_id(id, 0),
                    ss_object_id: 0,
                    slot: 0,
                    flux: difference,
                    error: difference_error,
                    science: flux,
                };
                self.add_difference(&subject, &position, visit_index, pixel, &difference, rows);
            }
        }
        add_dia_object(&subject, &position, 0, first_difference, rows);
        self.add_artefacts(&subject, visits, rows);
        let (tract, patch) = (cell as i64, patch(ra, dec));
        let ebv = reddening(&position);
        rows.objects.push(ObjectRow { id, tract, patch, ra, dec, ebv, truth, stacks, row });
    }

    /// Make what difference images show near an object that is none: artefacts, and asteroids
    /// that pass.
    fn add_artefacts(&self, subject: &Subject, visits: &[u32], rows: &mut Rows) {
        let mut draws = self.seed.stream(Purpose::Artefact, subject.index);
        let [artefact, asteroid]: [f64; 2] = draws.random();
        if artefact < ARTEFACT_SHARE {
            let position = nearby(&mut draws, &subject.position);
            let first = rows.dia_sources.id.len();
            let id = dia_object_id(subject.id, 1);
            let mut seen = vec![];
            loop {
                if let Some((visit, pixel)) = self.random_visit(&mut draws, visits, &position)
                    && !seen.contains(&visit)
                {
                    seen.push(visit);
                    let difference = self.artefact(&mut draws, visit, id, 0, 1);
                    self.add_difference(subject, &position, visit, pixel, &difference, rows);
                }
                if draws.random::<f64>() >= AGAIN_SHARE {
                    break;
                }
            }
            add_dia_object(subject, &position, 1, first, rows);
        }
        if asteroid < ASTEROID_SHARE {
            let position = nearby(&mut draws, &subject.position);
            if let Some((visit, pixel)) = self.random_visit(&mut draws, visits, &position) {
                let body = 1 + (draws.random::<u64>() >> 12) as i64;
                let difference = self.artefact(&mut draws, visit, 0, body, 2);
                self.add_difference(subject, &position, visit, pixel, &difference, rows);
            }
        }
    }

    /// Choose a visit that sees a position; `None`: in some tries, none was hit.
    fn random_visit(
        &self,
        draws: &mut ChaCha8Rng,
        visits: &[u32],
        position: &UnitVector,
    ) -> Option<(u32, Pixel)> {
        const N_TRIES: usize = 24;
        if visits.is_empty() {
            return None;
        }
        for _ in 0..N_TRIES {
            let index = visits[draws.random_range(0..visits.len())];
            let visit = &self.cadence.visits[index as usize];
            if let Some(pixel) = self.cadence.camera(visit).pixel(&visit.attitude, position) {
                return Some((index, pixel));
            }
        }
        None
    }

    /// Draw a difference source of something that is not there in other visits.
    fn artefact(
        &self,
        draws: &mut ChaCha8Rng,
        visit: u32,
        dia_object_id: i64,
        ss_object_id: i64,
        slot: i64,
    ) -> Difference {
        let visit = &self.cadence.visits[visit as usize];
        // Numbers fall steeply above the threshold; bad subtractions are as often too dark.
        let snr = DETECTION_SNR * libm::pow(1.0 - draws.random::<f64>(), -0.4).min(50.0);
        let is_negative = ss_object_id == 0 && draws.random::<bool>();
        let error = noise_njy(snr * visit.sky_njy, visit.sky_njy);
        let size = snr * error;
        let template = if ss_object_id == 0 { draws.random::<f64>() * 40.0 * size } else { 0.0 };
        let flux = if is_negative { -size } else { size };
        Difference { dia_object_id, ss_object_id, slot, flux, error, science: template + flux }
    }

    fn add_difference(
        &self,
        subject: &Subject,
        position: &UnitVector,
        visit_index: u32,
        pixel: Pixel,
        difference: &Difference,
        rows: &mut Rows,
    ) {
        let visit = &self.cadence.visits[visit_index as usize];
        let row = mix(!subject.row ^ (difference.slot as u64) << 40 ^ u64::from(visit_index));
        let snr = difference.flux.abs() / difference.error;
        let centroid = centroid_error_arcsec(visit.seeing_arcsec, snr);
        let (ra, dec) = jitter(position, centroid, row);
        let rows = &mut rows.dia_sources;
        rows.id.push(i64::from(visit_index) << 36 | (subject.index as i64) << 2 | difference.slot);
        rows.dia_object_id.push(difference.dia_object_id);
        rows.ss_object_id.push(difference.ss_object_id);
        rows.visit.push(visit.number);
        rows.detector.push(pixel.detector.into());
        rows.band.push(visit.band);
        rows.mid_mjd.push(visit.mid_mjd);
        rows.ra.push(ra);
        rows.dec.push(dec);
        rows.error_arcsec.push(centroid as f32);
        rows.x.push(pixel.x);
        rows.y.push(pixel.y);
        rows.flux.push(difference.flux as f32);
        rows.flux_err.push(difference.error as f32);
        rows.science.push(difference.science as f32);
        rows.seeing_arcsec.push(visit.seeing_arcsec as f32);
        rows.is_real.push(difference.slot != 1);
        rows.planes.push(planes_of(row, &pixel, difference.science));
        rows.row.push(row);
    }

    fn object_batch(&self, objects: &[ObjectRow]) -> Result<RecordBatch> {
        let mut columns = self.object_columns.iter();
        self.batch("Object", |_| object::object_column(objects, columns.next()?))
    }

    /// Put a batch together from the columns of a table, in their order.
    fn batch(
        &self,
        table: &'static str,
        mut column: impl FnMut(&str) -> Option<ArrayRef>,
    ) -> Result<RecordBatch> {
        let def = self.tables.iter().find(|def| def.name == table);
        let def = def.ok_or_else(|| Error::NoRule { table: table.into(), column: "*".into() })?;
        let columns: Result<Vec<ArrayRef>> = def
            .columns
            .iter()
            .map(|def| {
                let made = column(&def.name);
                made.ok_or_else(|| Error::NoRule { table: table.into(), column: def.name.clone() })
            })
            .collect();
        RecordBatch::try_new(def.arrow_schema(), columns?)
            .map_err(|source| Error::Rows { table: table.into(), source })
    }
}

/// Sum the difference sources from `first` on up to one object, if there are any.
fn add_dia_object(
    subject: &Subject,
    position: &UnitVector,
    slot: i64,
    first: usize,
    rows: &mut Rows,
) {
    let sources = &rows.dia_sources;
    let n_sources = sources.id.len() - first;
    if n_sources == 0 {
        return;
    }
    let mut in_time: Vec<usize> = (first..sources.id.len()).collect();
    in_time.sort_by(|a, b| sources.mid_mjd[*a].total_cmp(&sources.mid_mjd[*b]));
    let mut bands = [Statistics::default(); 6];
    let mut error = 0.0;
    for index in in_time {
        bands[sources.band[index] as usize].add(
            sources.mid_mjd[index],
            sources.flux[index].into(),
            sources.flux_err[index].into(),
            sources.science[index].into(),
        );
        error += sources.error_arcsec[index];
    }
    let n = n_sources as f32;
    let (ra, dec) = position.to_lonlat_deg();
    let objects = &mut rows.dia_objects;
    objects.id.push(dia_object_id(subject.id, slot));
    objects.ra.push(ra);
    objects.dec.push(dec);
    objects.error_arcsec.push(error / n / n.sqrt());
    objects.bands.push(bands);
}

/// The number of the difference object about an object: 0 its own variation, 1 an artefact.
fn dia_object_id(object_id: i64, slot: i64) -> i64 {
    object_id << 1 | slot
}

/// Error of a position in one visit: that of the centroid, and of the frame.
fn centroid_error_arcsec(seeing_arcsec: f64, snr: f64) -> f64 {
    (seeing_arcsec / 2.355 / snr).hypot(0.01)
}

/// Move a position by an error, degrees.
fn jitter(position: &UnitVector, error_arcsec: f64, bits: u64) -> (f64, f64) {
    let angle = f64::from(crate::draws::unit(mix(bits ^ 0x5bd1))) * 360.0;
    // The distance of two Gaussian errors has Rayleigh's distribution.
    let share = 1.0 - f64::from(crate::draws::unit(mix(bits ^ 0x1b87)));
    let distance = error_arcsec * (-2.0 * libm::log(share)).sqrt();
    position.offset(Angle::from_degrees(angle), Angle::from_arcsec(distance)).to_lonlat_deg()
}

/// Choose a position near another.
fn nearby(draws: &mut ChaCha8Rng, position: &UnitVector) -> UnitVector {
    let angle = Angle::from_degrees(draws.random_range(0.0..360.0));
    let distance = NEARBY.arcsec() * draws.random::<f64>().sqrt();
    position.offset(angle, Angle::from_arcsec(distance))
}

/// Number the patches of a tract: squares of 12′ in right ascension and declination.
fn patch(ra: f64, dec: f64) -> i64 {
    let of_degree = |angle: f64| (angle.rem_euclid(2.0) * 5.0) as i64;
    of_degree(ra) + 10 * of_degree(dec)
}

/// Reddening by the dust of the Galaxy, magnitudes.
fn reddening(position: &UnitVector) -> f64 {
    let (_, latitude) = transform(Frame::Icrs, Frame::Galactic, position).to_lonlat_deg();
    0.02 + 1.5 * libm::exp(-latitude.abs() / 6.0)
}
