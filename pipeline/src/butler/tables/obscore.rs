//! Images in the words of the IVOA's observation data model.
//!
//! Reference: IVOA Recommendation *Observation Data Model Core Components* 1.1 (2017).

use std::sync::Arc;

use almagest_storage::schema::Datatype;
use almagest_storage::sphgeom::UnitVector;
use arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::Float64Type;

use super::{Kind, columns, obscore};
use crate::butler::registry::Registry;
use crate::error::Result;

/// All datasets that are images, with what is known of the observation. What a passband lets through
/// are the half-maximum points of LSST's filters (LSST Science Book 2.0, table 2.1).
const IMAGES: &str = "
SELECT
    'image' AS dataproduct_type,
    d.dataset_type AS dataproduct_subtype,
    CASE
        WHEN d.dataset_type LIKE 'raw%' THEN 1
        WHEN d.tract IS NOT NULL OR d.dataset_type LIKE '%difference%' THEN 3
        ELSE 2
    END AS calib_level,
    coalesce(v.target, e.target) AS target_name,
    d.instrument || ':' || coalesce(d.visit, d.exposure, d.tract || '/' || d.patch) AS obs_id,
    c.name AS obs_collection,
    d.uuid AS uuid,
    (d.size_bytes + 999) / 1000 AS access_estsize,
    d.cap_x AS cap_x, d.cap_y AS cap_y, d.cap_z AS cap_z,
    2 * d.cap_radius_deg AS s_fov,
    d.region AS s_region,
    NULL AS s_resolution, NULL AS s_xel1, NULL AS s_xel2,
    d.begin_mjd AS t_min, d.end_mjd AS t_max,
    coalesce(v.exposure_time, e.exposure_time) AS t_exptime,
    coalesce(v.exposure_time, e.exposure_time) AS t_resolution,
    1 AS t_xel,
    b.shortest AS em_min, b.longest AS em_max,
    (b.shortest + b.longest) / 2 / (b.longest - b.shortest) AS em_res_power,
    1 AS em_xel,
    CASE WHEN d.dataset_type LIKE 'raw%' THEN 'phot.count' ELSE 'phot.flux.density' END AS o_ucd,
    NULL AS pol_states, NULL AS pol_xel,
    d.instrument AS facility_name, d.instrument AS instrument_name,
    d.visit AS visit, d.detector AS detector, d.band AS band
FROM dataset d
JOIN dataset_type t ON t.dataset_type = d.dataset_type AND t.storage_class = 'exposure'
JOIN collection c ON c.collection_id = d.run_id
LEFT JOIN visit v ON v.instrument = d.instrument AND v.visit = d.visit
LEFT JOIN exposure e ON e.instrument = d.instrument AND e.exposure = d.exposure
LEFT JOIN (
    SELECT 'u' AS band, 320e-9 AS shortest, 400e-9 AS longest
    UNION ALL SELECT 'g', 400e-9, 552e-9 UNION ALL SELECT 'r', 552e-9, 691e-9
    UNION ALL SELECT 'i', 691e-9, 818e-9 UNION ALL SELECT 'z', 818e-9, 922e-9
    UNION ALL SELECT 'y', 950e-9, 1080e-9
) b ON b.band = d.band
ORDER BY d.dataset_id";

/// How images are found by others.
pub trait Published {
    /// The identifier that the publisher gives to the dataset of this UUID.
    fn did(&self, uuid: &str) -> String;

    /// The address at which to get it.
    fn access_url(&self, uuid: &str) -> String;

    /// The media type of what is got there.
    fn access_format(&self) -> &str;
}

impl Registry {
    /// The rows of `ivoa.ObsCore`: one for each image.
    ///
    /// # Errors
    /// Those of the registry.
    pub fn obscore_rows(&self, published: &dyn Published) -> Result<RecordBatch> {
        let definition = obscore()?;
        let kind = |name: &str| {
            let column = definition.table("ObsCore").and_then(|table| table.column(name));
            match column.map(|column| column.datatype) {
                Some(Datatype::Int | Datatype::Long) => Kind::Integer,
                Some(Datatype::Double) => Kind::Real,
                // Components of a vector, which are not shown.
                None if name.starts_with("cap_") => Kind::Real,
                _ => Kind::Text,
            }
        };
        let mut columns = self.with(|connection| columns(connection, IMAGES, kind))?;
        let found = |columns: &[(String, ArrayRef, bool)], name: &str| {
            columns.iter().find(|(known, ..)| known == name).map(|(_, array, _)| array.clone())
        };
        let numbers = |name: &str| {
            found(&columns, name).and_then(|array| array.as_primitive_opt::<Float64Type>().cloned())
        };
        if let (Some(x), Some(y), Some(z)) = (numbers("cap_x"), numbers("cap_y"), numbers("cap_z"))
        {
            let place = |row: usize| {
                if x.is_null(row) || y.is_null(row) || z.is_null(row) {
                    return None;
                }
                let center = UnitVector::normalize(x.value(row), y.value(row), z.value(row))?;
                Some(center.to_lonlat_deg())
            };
            let places: Vec<_> = (0..x.len()).map(place).collect();
            let ra: Float64Array = places.iter().map(|place| place.map(|(ra, _)| ra)).collect();
            let dec: Float64Array = places.iter().map(|place| place.map(|(_, dec)| dec)).collect();
            columns.push(("s_ra".to_owned(), Arc::new(ra), true));
            columns.push(("s_dec".to_owned(), Arc::new(dec), true));
        }
        if let Some(uuids) = found(&columns, "uuid") {
            let uuids = uuids.as_string::<i32>();
            let text = |make: &dyn Fn(&str) -> String| -> ArrayRef {
                Arc::new(uuids.iter().map(|uuid| uuid.map(make)).collect::<StringArray>())
            };
            let did = text(&|uuid| published.did(uuid));
            let url = text(&|uuid| published.access_url(uuid));
            let format = text(&|_| published.access_format().to_owned());
            columns.push(("obs_publisher_did".to_owned(), did, true));
            columns.push(("access_url".to_owned(), url, true));
            columns.push(("access_format".to_owned(), format, true));
        }
        Ok(RecordBatch::try_from_iter_with_nullable(columns)?)
    }
}
