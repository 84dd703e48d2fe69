//! Dimension records: what is known of visits, exposures, detectors and their places on the sky.

use almagest_storage::sphgeom::{Angle, Cap, UnitVector};
use rusqlite::{Connection, OptionalExtension, params};

use super::{Fault, Registry};
use crate::butler::ButlerError;
use crate::error::Result;
use crate::exposure::DetectorInfo;
use crate::visit_info::VisitInfo;

/// Times nearer than this are one time: a millisecond, far more than headers are rounded to.
const SAME_TIME_DAYS: f64 = 1e-3 / 86_400.0;

/// Is an observation a readout, or a pointing that is processed as one?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObservationKind {
    /// A readout: raw frames and calibration frames.
    Exposure,
    /// A pointing: calibrated images of the sky.
    Visit,
}

impl ObservationKind {
    fn table(self) -> &'static str {
        match self {
            Self::Exposure => "exposure",
            Self::Visit => "visit",
        }
    }
}

/// What is known of a visit or an exposure. Times are MJD TAI, angles ICRS degrees.
#[derive(Debug, Clone, PartialEq)]
pub struct ObservationRecord {
    /// The camera.
    pub instrument: String,
    /// Number of the visit or exposure.
    pub number: i64,
    /// The filter, if the light went through one.
    pub physical_filter: Option<String>,
    /// Its band.
    pub band: Option<String>,
    /// The night, as 20261121.
    pub day_obs: i64,
    /// `science`, `bias`, `dark`, `flat`…
    pub observation_type: String,
    /// Time that the shutter was open, s.
    pub exposure_time_s: f64,
    /// Begin.
    pub begin_mjd: f64,
    /// End.
    pub end_mjd: f64,
    /// Right ascension at which the telescope pointed.
    pub ra: Option<f64>,
    /// Declination at which the telescope pointed.
    pub dec: Option<f64>,
    /// Airmass.
    pub airmass: Option<f64>,
    /// Name of the object in the observing log.
    pub target: Option<String>,
}

impl ObservationRecord {
    /// The record of an observation of the sky.
    pub fn of(visit: &VisitInfo) -> Self {
        Self {
            instrument: visit.instrument.clone(),
            number: visit.visit,
            // A camera without named filters has one for each band.
            physical_filter: Some(visit.physical_filter.as_ref().unwrap_or(&visit.band).clone()),
            band: Some(visit.band.clone()),
            day_obs: day_obs(visit.mid_mjd_tai),
            observation_type: "science".to_owned(),
            exposure_time_s: visit.exposure_time_s,
            begin_mjd: visit.start_mjd_tai,
            end_mjd: visit.end_mjd_tai(),
            ra: visit.boresight_ra_deg,
            dec: visit.boresight_dec_deg,
            airmass: visit.airmass,
            target: visit.target.clone(),
        }
    }
}

/// Where a detector saw in a visit.
#[derive(Debug, Clone, PartialEq)]
pub struct Footprint {
    /// The camera.
    pub instrument: String,
    /// The visit.
    pub visit: i64,
    /// The detector.
    pub detector: i32,
    /// Corners of its image in the order in which it is walked round, ICRS degrees.
    pub corners: Vec<(f64, f64)>,
}

/// The night of a time, MJD TAI, as 20261121: a night begins at noon UTC, as Rubin counts.
pub fn day_obs(mjd_tai: f64) -> i64 {
    let noon = hifitime::Epoch::from_mjd_tai(mjd_tai - 0.5);
    let (year, month, day, ..) = noon.to_gregorian_tai();
    i64::from(year) * 10_000 + i64::from(month) * 100 + i64::from(day)
}

impl Registry {
    /// Record observations with their filters and instruments, unless they are recorded: all of
    /// them or none.
    ///
    /// # Errors
    /// [`ButlerError::RecordConflict`] where one is recorded otherwise.
    pub fn sync_observations(
        &self,
        kind: ObservationKind,
        records: &[ObservationRecord],
    ) -> Result<()> {
        self.change(|connection| {
            records.iter().try_for_each(|record| sync_observation(connection, kind, record))
        })
    }

    /// Record detectors, unless they are recorded.
    pub fn sync_detectors(&self, instrument: &str, detectors: &[DetectorInfo]) -> Result<()> {
        self.change(|connection| {
            let insert = "INSERT OR IGNORE INTO detector VALUES (?1, ?2, ?3)";
            let mut statement = connection.prepare_cached(insert)?;
            for detector in detectors {
                statement.execute(params![instrument, detector.id, detector.name])?;
            }
            Ok(())
        })
    }

    /// Record where detectors saw, in place of what is recorded.
    pub fn sync_footprints(&self, footprints: &[Footprint]) -> Result<()> {
        self.change(|connection| {
            let insert = "INSERT OR REPLACE INTO visit_detector_region
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
            let mut statement = connection.prepare_cached(insert)?;
            for Footprint { instrument, visit, detector, corners } in footprints {
                let (text, cap) = polygon(corners);
                let Some([x, y, z, radius_deg]) = cap else { continue };
                statement
                    .execute(params![instrument, visit, detector, text, x, y, z, radius_deg])?;
            }
            Ok(())
        })
    }

    /// A cap around the footprints of datasets; nothing where none has one.
    pub fn footprint_cap(&self, datasets: &[i64]) -> Result<Option<Cap>> {
        self.with(|connection| {
            let sql = "SELECT cap_x, cap_y, cap_z, cap_radius_deg FROM dataset
                WHERE dataset_id = ?1 AND region IS NOT NULL";
            let mut statement = connection.prepare_cached(sql)?;
            let mut whole: Option<Cap> = None;
            for dataset in datasets {
                let cap = statement.query_row([dataset], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get::<_, f64>(3)?))
                });
                let Some((x, y, z, radius_deg)) = cap.optional()? else { continue };
                let Some(center) = UnitVector::normalize(x, y, z) else { continue };
                let cap = Cap { center, radius: Angle::from_degrees(radius_deg) };
                whole = Some(whole.map_or(cap, |whole| whole.union(&cap)));
            }
            Ok(whole)
        })
    }

    /// Record a patch of a skymap: its corners, ICRS degrees.
    pub fn sync_patch(
        &self,
        skymap: &str,
        tract: i64,
        patch: i64,
        corners: &[(f64, f64)],
    ) -> Result<()> {
        let (text, cap) = polygon(corners);
        let Some([x, y, z, radius_deg]) = cap else { return Ok(()) };
        self.change(|connection| {
            connection.execute("INSERT OR IGNORE INTO skymap VALUES (?1)", [skymap])?;
            let insert = "INSERT OR REPLACE INTO patch_region
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
            connection.execute(insert, params![skymap, tract, patch, text, x, y, z, radius_deg])?;
            Ok(())
        })
    }
}

/// The text of a polygon, and a cap around it: direction and radius, degrees.
fn polygon(corners: &[(f64, f64)]) -> (String, Option<[f64; 4]>) {
    let numbers: Vec<String> = corners.iter().map(|(ra, dec)| format!("{ra} {dec}")).collect();
    let vectors: Vec<UnitVector> =
        corners.iter().map(|&(ra, dec)| UnitVector::from_lonlat_deg(ra, dec)).collect();
    let cap = Cap::around(&vectors).map(|cap| {
        let (ra, dec) = cap.center.to_lonlat_deg();
        let (sin_ra, cos_ra) = ra.to_radians().sin_cos();
        let (sin_dec, cos_dec) = dec.to_radians().sin_cos();
        [cos_dec * cos_ra, cos_dec * sin_ra, sin_dec, cap.radius.degrees() + 1e-6]
    });
    (format!("POLYGON {}", numbers.join(" ")), cap)
}

fn sync_observation(
    connection: &Connection,
    kind: ObservationKind,
    record: &ObservationRecord,
) -> Result<(), Fault> {
    let table = kind.table();
    let insert = "INSERT OR IGNORE INTO instrument VALUES (?1)";
    connection.execute(insert, [&record.instrument])?;
    if let (Some(filter), Some(band)) = (&record.physical_filter, &record.band) {
        let insert = "INSERT OR IGNORE INTO physical_filter VALUES (?1, ?2, ?3)";
        connection.execute(insert, params![record.instrument, filter, band])?;
        let select =
            "SELECT band FROM physical_filter WHERE instrument = ?1 AND physical_filter = ?2";
        let row = params![record.instrument, filter];
        let found: String = connection.query_row(select, row, |row| row.get(0))?;
        if found != *band {
            let data_id = format!("instrument={}, physical_filter={filter}", record.instrument);
            let wanted = band.clone();
            let element = "physical_filter";
            let field = "band";
            return Err(
                ButlerError::RecordConflict { element, data_id, field, found, wanted }.into()
            );
        }
    }
    let sql = format!(
        "SELECT physical_filter, begin_mjd, end_mjd FROM {table} WHERE instrument = ?1 AND {table} = ?2"
    );
    let found = connection
        .query_row(&sql, params![record.instrument, record.number], |row| {
            Ok((row.get::<_, Option<String>>(0)?, row.get::<_, f64>(1)?, row.get::<_, f64>(2)?))
        })
        .optional()?;
    let Some((filter, begin_mjd, end_mjd)) = found else {
        let insert = format!(
            "INSERT INTO {table} VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"
        );
        connection.execute(
            &insert,
            params![
                record.instrument,
                record.number,
                record.physical_filter,
                record.band,
                record.day_obs,
                record.observation_type,
                record.exposure_time_s,
                record.begin_mjd,
                record.end_mjd,
                record.ra,
                record.dec,
                record.airmass,
                record.target,
            ],
        )?;
        return Ok(());
    };
    let conflict = |field, found: String, wanted: String| {
        let data_id = format!("instrument={}, {table}={}", record.instrument, record.number);
        Err(ButlerError::RecordConflict { element: table, data_id, field, found, wanted }.into())
    };
    if filter != record.physical_filter {
        let text = |filter: &Option<String>| filter.clone().unwrap_or_default();
        return conflict("physical_filter", text(&filter), text(&record.physical_filter));
    }
    let differ = |a: f64, b: f64| (a - b).abs() > SAME_TIME_DAYS;
    if differ(begin_mjd, record.begin_mjd) || differ(end_mjd, record.end_mjd) {
        let span = |begin: f64, end: f64| format!("{begin} to {end}");
        let wanted = span(record.begin_mjd, record.end_mjd);
        return conflict("timespan", span(begin_mjd, end_mjd), wanted);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_night_ends_at_noon() {
        // 2026-11-21 is MJD 61365.
        assert_eq!(day_obs(61_365.3), 20_261_120);
        assert_eq!(day_obs(61_365.6), 20_261_121);
        assert_eq!(day_obs(61_366.4), 20_261_121);
        assert_eq!(day_obs(51_603.9), 20_000_229);
    }
}
