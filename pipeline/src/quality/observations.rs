//! What the catalog says of some visits: their images, sources and objects, read from one snapshot.
//!
//! Tables are read with the storage's own reading of tables and regions; what is NULL is NaN here.

use std::collections::HashMap;

use almagest_storage::Snapshot;
use arrow::array::{Array, RecordBatch};

use super::focal_plane::FocalPlacement;
use super::sky_index::direction;
use crate::butler::day_obs;
use crate::error::{Error, Result};
use crate::tasks::columns::{flags, integers, number, numbers, texts};

/// All that is looked at.
#[derive(Debug, Clone, Default)]
pub struct Observations {
    /// The version of the catalog that was read.
    pub version: u64,
    /// The visits, in the order of their time.
    pub visits: Vec<VisitRow>,
    /// The images, by visit and detector.
    pub images: Vec<ImageRow>,
    /// The sources of these images.
    pub sources: Vec<SourceRow>,
    /// The objects near them.
    pub objects: Vec<ObjectRow>,
}

/// A visit.
#[derive(Debug, Clone, PartialEq)]
pub struct VisitRow {
    /// Its number.
    pub visit: i64,
    /// Its band.
    pub band: String,
    /// Where the telescope pointed, ICRS degrees; NaN where that is not known.
    pub pointing: (f64, f64),
    /// Angle from north through east to the y axis of the camera, degrees; NaN where not known.
    pub rotation_deg: f64,
    /// Middle of the exposure, MJD TAI.
    pub mid_mjd_tai: f64,
    /// Airmass.
    pub airmass: f64,
    /// Exposure time.
    pub exposure_s: f64,
}

/// An image: one detector of one visit.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageRow {
    /// Index of its visit in [`Observations::visits`].
    pub visit: usize,
    /// Number of its detector.
    pub detector: i64,
    /// Name of the camera.
    pub instrument: String,
    /// Columns and rows.
    pub size_px: (f64, f64),
    /// Angle of a pixel.
    pub pixel_arcsec: f64,
    /// AB magnitude of 1 ADU.
    pub zero_point_mag: f64,
    /// Level of the sky, ADU.
    pub sky_adu: f64,
    /// Noise of a pixel of the sky, ADU.
    pub sky_noise_adu: f64,
    /// Full width of the PSF at half its maximum.
    pub seeing_arcsec: f64,
    /// AB magnitude of a star of S/N 5.
    pub mag_lim: f64,
    /// Stars that the PSF was made from.
    pub n_psf_stars: f64,
    /// Where it lies in the focal plane.
    pub placement: FocalPlacement,
}

/// A source.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceRow {
    /// Its id.
    pub id: i64,
    /// Index of its image in [`Observations::images`].
    pub image: usize,
    /// Right ascension, ICRS degrees.
    pub ra: f64,
    /// Declination, ICRS degrees.
    pub dec: f64,
    /// Standard error along right ascension, on the sky, degrees.
    pub ra_err: f64,
    /// Standard error of the declination, degrees.
    pub dec_err: f64,
    /// Column.
    pub x: f64,
    /// Row.
    pub y: f64,
    /// PSF flux, nJy.
    pub flux: f64,
    /// Its standard error, nJy.
    pub flux_err: f64,
    /// Signal to noise of the PSF flux.
    pub snr: f64,
    /// Second moments of its light.
    pub shape: Moments,
    /// Second moments of the PSF there.
    pub psf: Moments,
    /// 0 for a point, 1 for what is extended; NaN where that is not known.
    pub extendedness: f64,
    /// What kind of row it is.
    pub kind: SourceKind,
    /// Nothing is wrong with its flux, its place and the pixels at its centre.
    pub is_clean: bool,
    /// Its footprint reaches the edge of the image.
    pub is_at_edge: bool,
    /// It was taken out of a blend.
    pub is_deblended: bool,
    /// Its shape is measured.
    pub has_shape: bool,
    /// The PSF was made from it.
    pub psf_used: bool,
    /// It could have been, and was kept back for tests.
    pub psf_reserved: bool,
}

/// What a row of Source stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceKind {
    /// A source.
    Primary,
    /// An empty place.
    Sky,
    /// A blend as a whole.
    Blend,
}

/// Second moments along x and y, px².
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments {
    /// Along x.
    pub xx: f64,
    /// Along y.
    pub yy: f64,
    /// Mixed.
    pub xy: f64,
}

impl Moments {
    /// T, the sum of the moments.
    pub fn trace(&self) -> f64 {
        self.xx + self.yy
    }

    /// The components of ellipticity, e₁ = (σ₁² − σ₂²)/(σ₁² + σ₂²) and e₂ = 2σ₁₂²/(σ₁² + σ₂²), as in
    /// LPM-17, "Galaxy shear measurement accuracy, and PSF ellipticity residuals".
    pub fn ellipticity(&self) -> (f64, f64) {
        ((self.xx - self.yy) / self.trace(), 2.0 * self.xy / self.trace())
    }
}

/// An object.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectRow {
    /// Its id.
    pub id: i64,
    /// Where it is.
    pub direction: [f64; 3],
}

impl Observations {
    /// Read the visits of a night (as 20261121), or all of them.
    ///
    /// # Errors
    /// A catalog without the tables `Visit`, `VisitDetector`, `Source`, `Object` and their columns; a
    /// night without visits.
    pub fn read(snapshot: &Snapshot, night: Option<i64>) -> Result<Self> {
        let visits = read_visits(snapshot, night)?;
        let images = read_images(snapshot, &visits)?;
        let region = match night {
            Some(_) => super::focal_plane::region_of(&images),
            None => None,
        };
        let sources = read_sources(snapshot, &visits, &images, region.as_ref())?;
        let objects = read_objects(snapshot, region.as_ref())?;
        Ok(Self { version: snapshot.version(), visits, images, sources, objects })
    }

    /// The visit of an image.
    pub fn visit_of(&self, image: usize) -> &VisitRow {
        &self.visits[self.images[image].visit]
    }

    /// The band of a source.
    pub fn band_of(&self, source: &SourceRow) -> &str {
        &self.visit_of(source.image).band
    }

    /// The bands, in order of wavelength; those of other names come last.
    pub fn bands(&self) -> Vec<String> {
        let mut bands: Vec<String> = self.visits.iter().map(|visit| visit.band.clone()).collect();
        let rank = |band: &str| "ugrizy".find(band).unwrap_or(usize::MAX);
        bands.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.cmp(b)));
        bands.dedup();
        bands
    }

    /// Indices of the sources of each visit.
    pub fn sources_by_visit(&self) -> Vec<Vec<usize>> {
        let mut by_visit = vec![vec![]; self.visits.len()];
        for (number, source) in self.sources.iter().enumerate() {
            by_visit[self.images[source.image].visit].push(number);
        }
        by_visit
    }

    /// Pixels of all images.
    pub fn n_pixels(&self) -> f64 {
        self.images.iter().map(|image| image.size_px.0 * image.size_px.1).sum()
    }
}

fn read_visits(snapshot: &Snapshot, night: Option<i64>) -> Result<Vec<VisitRow>> {
    let columns =
        ["visit", "band", "ra", "dec", "skyRotation", "expMidptMJD", "airmass", "expTime"];
    let mut visits = vec![];
    let mut newest = None;
    for rows in snapshot.read_region("Visit", None, Some(&columns), None)? {
        let (ids, bands) = (integers(&rows, "visit")?, texts(&rows, "band")?);
        let get = cells(&rows)?;
        for (row, band) in bands.into_iter().enumerate() {
            let mid_mjd_tai = get("expMidptMJD", row);
            newest = newest.max(Some(day_obs(mid_mjd_tai)));
            if night.is_none_or(|night| day_obs(mid_mjd_tai) == night) {
                visits.push(VisitRow {
                    visit: ids.value(row),
                    band,
                    pointing: (get("ra", row), get("dec", row)),
                    rotation_deg: get("skyRotation", row),
                    mid_mjd_tai,
                    airmass: get("airmass", row),
                    exposure_s: get("expTime", row),
                });
            }
        }
    }
    if let (Some(night), true) = (night, visits.is_empty()) {
        return Err(Error::NoVisits { night, newest });
    }
    let by_time = |a: &VisitRow, b: &VisitRow| {
        a.mid_mjd_tai.total_cmp(&b.mid_mjd_tai).then(a.visit.cmp(&b.visit))
    };
    visits.sort_by(by_time);
    Ok(visits)
}

/// Corners of an image in the order in which it is walked round.
const CORNERS: [[&str; 2]; 4] =
    [["llcra", "llcdec"], ["lrcra", "lrcdec"], ["urcra", "urcdec"], ["ulcra", "ulcdec"]];

fn read_images(snapshot: &Snapshot, visits: &[VisitRow]) -> Result<Vec<ImageRow>> {
    let index: HashMap<i64, usize> =
        visits.iter().enumerate().map(|(index, visit)| (visit.visit, index)).collect();
    let mut columns = vec![
        "visitId",
        "detector",
        "xSize",
        "ySize",
        "pixelScale",
        "zeroPoint",
        "skyBg",
        "skyNoise",
        "seeing",
        "magLim",
        "nPsfStar",
    ];
    columns.push("instrument");
    columns.extend(CORNERS.iter().flatten());
    let mut images = vec![];
    for rows in snapshot.read_region("VisitDetector", None, Some(&columns), None)? {
        let (ids, detectors) = (integers(&rows, "visitId")?, integers(&rows, "detector")?);
        let instruments = texts(&rows, "instrument")?;
        let get = cells(&rows)?;
        for (row, instrument) in instruments.into_iter().enumerate() {
            let Some(&visit) = index.get(&ids.value(row)) else { continue };
            let corners = CORNERS.map(|[ra, dec]| (get(ra, row), get(dec, row)));
            let size_px = (get("xSize", row), get("ySize", row));
            let placement = FocalPlacement::new(&visits[visit], size_px, corners);
            images.push(ImageRow {
                visit,
                detector: detectors.value(row),
                instrument,
                size_px,
                pixel_arcsec: get("pixelScale", row),
                zero_point_mag: get("zeroPoint", row),
                sky_adu: get("skyBg", row),
                sky_noise_adu: get("skyNoise", row),
                seeing_arcsec: get("seeing", row),
                mag_lim: get("magLim", row),
                n_psf_stars: get("nPsfStar", row),
                placement,
            });
        }
    }
    images.sort_by_key(|image| (image.visit, image.detector));
    Ok(images)
}

const SOURCE_NUMBERS: [&str; 17] = [
    "coord_ra",
    "coord_dec",
    "raErr",
    "decErr",
    "x",
    "y",
    "psfFlux",
    "psfFluxErr",
    "snr",
    "ixx",
    "iyy",
    "ixy",
    "ixxPSF",
    "iyyPSF",
    "ixyPSF",
    "extendedness",
    "parentSourceId",
];
/// What makes a source unfit to judge the instrument by.
const SOURCE_FAULTS: [&str; 9] = [
    "psfFlux_flag",
    "centroid_flag",
    "invalidPsfFlag",
    "pixelFlags_bad",
    "pixelFlags_edge",
    "pixelFlags_nodata",
    "pixelFlags_saturated",
    "pixelFlags_crCenter",
    "pixelFlags_interpolatedCenter",
];
const SOURCE_FLAGS: [&str; 5] =
    ["detect_isPrimary", "sky_source", "shape_flag", "calib_psf_used", "calib_psf_reserved"];

fn read_sources(
    snapshot: &Snapshot,
    visits: &[VisitRow],
    images: &[ImageRow],
    region: Option<&almagest_storage::sphgeom::Region>,
) -> Result<Vec<SourceRow>> {
    let key = |image: &ImageRow| (visits[image.visit].visit, image.detector);
    let index: HashMap<(i64, i64), usize> =
        images.iter().enumerate().map(|(index, image)| (key(image), index)).collect();
    let mut columns = vec!["sourceId", "visit", "detector"];
    columns.extend(SOURCE_NUMBERS.iter().chain(&SOURCE_FAULTS).chain(&SOURCE_FLAGS));
    let mut sources = vec![];
    for rows in snapshot.read_region("Source", region, Some(&columns), None)? {
        let [ids, visit, detector] =
            ["sourceId", "visit", "detector"].map(|name| integers(&rows, name));
        let (ids, visit, detector) = (ids?, visit?, detector?);
        let get = cells(&rows)?;
        let faults =
            SOURCE_FAULTS.iter().map(|name| flags(&rows, name)).collect::<Result<Vec<_>>>()?;
        let marks =
            SOURCE_FLAGS.iter().map(|name| flags(&rows, name)).collect::<Result<Vec<_>>>()?;
        let is_set = |column: &arrow::array::BooleanArray, row: usize| {
            column.is_valid(row) && column.value(row)
        };
        for row in 0..rows.num_rows() {
            let Some(&image) = index.get(&(visit.value(row), detector.value(row))) else {
                continue;
            };
            let [primary, sky, shape_flag, psf_used, psf_reserved] =
                [0, 1, 2, 3, 4].map(|k| is_set(&marks[k], row));
            let moments = |[xx, yy, xy]: [&str; 3]| Moments {
                xx: get(xx, row),
                yy: get(yy, row),
                xy: get(xy, row),
            };
            sources.push(SourceRow {
                id: ids.value(row),
                image,
                ra: get("coord_ra", row),
                dec: get("coord_dec", row),
                ra_err: get("raErr", row),
                dec_err: get("decErr", row),
                x: get("x", row),
                y: get("y", row),
                flux: get("psfFlux", row),
                flux_err: get("psfFluxErr", row),
                snr: get("snr", row),
                shape: moments(["ixx", "iyy", "ixy"]),
                psf: moments(["ixxPSF", "iyyPSF", "ixyPSF"]),
                extendedness: get("extendedness", row),
                kind: match (primary, sky) {
                    (true, _) => SourceKind::Primary,
                    (false, true) => SourceKind::Sky,
                    (false, false) => SourceKind::Blend,
                },
                is_clean: faults.iter().all(|fault| !is_set(fault, row)),
                is_at_edge: is_set(&faults[4], row),
                is_deblended: get("parentSourceId", row) > 0.0,
                has_shape: !shape_flag,
                psf_used,
                psf_reserved,
            });
        }
    }
    // Chunks come in no order that means something: equal catalogs are to give equal reports.
    sources.sort_by_key(|source| source.id);
    Ok(sources)
}

fn read_objects(
    snapshot: &Snapshot,
    region: Option<&almagest_storage::sphgeom::Region>,
) -> Result<Vec<ObjectRow>> {
    let columns = ["objectId", "coord_ra", "coord_dec"];
    let mut objects = vec![];
    for rows in snapshot.read_region("Object", region, Some(&columns), None)? {
        let ids = integers(&rows, "objectId")?;
        let get = cells(&rows)?;
        objects.extend((0..rows.num_rows()).map(|row| ObjectRow {
            id: ids.value(row),
            direction: direction(get("coord_ra", row), get("coord_dec", row)),
        }));
    }
    objects.sort_by_key(|object| object.id);
    Ok(objects)
}

/// The cells of columns of numbers, by name and row; NaN where there is none.
fn cells(rows: &RecordBatch) -> Result<impl Fn(&str, usize) -> f64 + use<>> {
    let mut columns = HashMap::new();
    for field in rows.schema().fields() {
        if field.data_type().is_numeric() {
            columns.insert(field.name().clone(), numbers(rows, field.name())?);
        }
    }
    Ok(move |name: &str, row: usize| {
        columns.get(name).map_or(f64::NAN, |column| number(column, row))
    })
}
