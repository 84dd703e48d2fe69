//! The three questions of the demo: a cone, a selection of objects, a light curve.

use std::io::{self, Write};

use almagest_engine::Database;
use almagest_engine::arrow::array::{Array, AsArray};
use almagest_engine::arrow::datatypes::{Float64Type, Int64Type};

use crate::command::Result;
use crate::command::query::{plan, table};

/// Ask the questions that the catalog can answer, and print them with their answers.
pub async fn ask(database: &Database) -> Result<()> {
    if let Some((ra, dec)) = middle(database).await? {
        let cone = format!(
            "SELECT TOP 5 objectId, coord_ra, coord_dec, refBand, nSource,
       3600 * DISTANCE(POINT(coord_ra, coord_dec), POINT({ra:.5}, {dec:.5})) AS arcsec
FROM Object
WHERE CONTAINS(POINT(coord_ra, coord_dec), CIRCLE({ra:.5}, {dec:.5}, 0.01)) = 1
ORDER BY arcsec"
        );
        answer(database, "What lies within 36 arcseconds of the middle of the field?", &cone)
            .await?;
    }
    match colors(database).await? {
        Some((blue, red)) => {
            let selection = format!(
                "SELECT TOP 8 objectId, {red}_psfMag, {blue}_psfMag - {red}_psfMag AS color,
       {red}_psfMagErr, {red}_nEpoch
FROM Object
WHERE {red}_psfMag < 21 AND {blue}_psfMag - {red}_psfMag BETWEEN 0.2 AND 1.2
  AND {red}_extendedness = 0
ORDER BY {red}_psfMag"
            );
            answer(database, "Which bright stars are of middling colour?", &selection).await?;
        }
        None => {
            let selection =
                "SELECT TOP 8 o.objectId, COUNT(*) AS n, AVG(f.psfInstFlux) AS meanInstFlux,
       AVG(f.psfInstFlux / f.psfInstFluxErr) AS meanSnr
FROM Object AS o JOIN ForcedSource AS f ON f.objectId = o.objectId
WHERE f.pixelFlags_saturatedCenter = 0
GROUP BY o.objectId
ORDER BY meanSnr DESC";
            answer(
                database,
                "Which objects are brightest (there are no two calibrated bands)?",
                selection,
            )
            .await?;
        }
    }
    if let Some(object_id) = super::light_curve::most_variable(database).await? {
        let curve = format!(
            "SELECT v.expMidptMJD, f.band, f.psfFlux, f.psfFluxErr, f.psfInstFlux, f.psfInstFluxErr
FROM ForcedSource AS f JOIN Visit AS v ON v.visit = f.visit
WHERE f.objectId = {object_id}
ORDER BY v.expMidptMJD"
        );
        answer(database, "How does the most variable object vary?", &curve).await?;
    }
    Ok(())
}

async fn answer(database: &Database, question: &str, adql: &str) -> Result<()> {
    let answer = table(plan(database, adql).await?).await?;
    let mut out = io::stdout();
    Ok(writeln!(out, "\n{question}\n\n{adql}\n\n{answer}")?)
}

/// Return the position of the object nearest to the mean of all positions of the newest field.
async fn middle(database: &Database) -> Result<Option<(f64, f64)>> {
    let adql = "SELECT TOP 1 ra, dec FROM VisitDetector ORDER BY expMidptMJD, visitId, detector";
    let batches = plan(database, adql).await?.collect().await?;
    Ok(batches.iter().find(|batch| batch.num_rows() > 0).map(|batch| {
        let [ra, dec] = [0, 1].map(|column| batch.column(column).as_primitive::<Float64Type>());
        (ra.value(0), dec.value(0))
    }))
}

/// Return two bands with calibrated fluxes, the bluer first.
async fn colors(database: &Database) -> Result<Option<(String, String)>> {
    let adql = "SELECT band, COUNT(psfFlux) AS n FROM ForcedSource GROUP BY band";
    let mut bands = vec![];
    for batch in plan(database, adql).await?.collect().await? {
        let names = batch.column(0).as_string::<i32>();
        let counts = batch.column(1).as_primitive::<Int64Type>();
        for row in (0..batch.num_rows()).filter(|&row| names.is_valid(row)) {
            if counts.value(row) > 0 {
                bands.push(names.value(row).to_owned());
            }
        }
    }
    let order = ["u", "g", "r", "i", "z", "y"];
    let mut present = order.into_iter().filter(|band| bands.iter().any(|other| other == band));
    Ok(present.next().zip(present.next()).map(|(blue, red)| (blue.to_owned(), red.to_owned())))
}
