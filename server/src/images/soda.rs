//! `/soda/sync`: the part of an image about a circle or a polygon, with mask, variance, world
//! coordinates and point-spread function.
//!
//! Reference: IVOA Recommendation *Server-side Operations for Data Access* 1.0 (2017).

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::AcquireError;

use almagest_pipeline::butler::{Butler, DatasetRef, StorageClass, Value};
use almagest_pipeline::cutout::{CutoutShape, cutout, psf_image, write_cutout};

use super::file::FITS;
use super::{Images, only_who_may_see};
use crate::dali::Parameters;
use crate::people::Caller;
use crate::state::AppState;
use crate::{Error, Result};

/// Answer with the cut-out as a FITS file.
pub async fn sync(
    State(state): State<AppState>,
    caller: Caller,
    parameters: Parameters,
) -> Result<Response, Response> {
    let answer = async {
        let id = parameters.get("ID")?.ok_or(Error::MissingParameter { name: "ID" })?.to_owned();
        let shape = shape(&parameters)?;
        only_who_may_see(&caller.database, &id)?;
        let images = state.views.images().clone();
        let closed = |error: AcquireError| Error::QueryThread { reason: error.to_string() };
        let _permit = images.cutters.clone().acquire_owned().await.map_err(closed)?;
        let made = tokio::task::spawn_blocking(move || cut(&images, &id, &shape)).await;
        made.unwrap_or_else(|error| Err(Error::QueryThread { reason: error.to_string() }))
    };
    let (name, bytes) = match answer.await {
        // There is nothing to cut out.
        Err(Error::NothingThere { .. }) => return Ok(StatusCode::NO_CONTENT.into_response()),
        answer => answer.map_err(refusal)?,
    };
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers =
        [(header::CONTENT_TYPE, FITS.to_owned()), (header::CONTENT_DISPOSITION, disposition)];
    Ok((headers, bytes).into_response())
}

/// Say what is wrong, and first of which kind it is, by the words of SODA 1.0, section 5.4.
fn refusal(error: Error) -> Response {
    let status = error.status();
    let kind = match (&error, status) {
        (Error::RepeatedParameter { .. }, _) => "MultiValuedParamNotSupported",
        (_, StatusCode::UNAUTHORIZED) => "AuthenticationError",
        (_, StatusCode::FORBIDDEN) => "AuthorizationError",
        (_, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) => {
            "ServiceUnavailable"
        }
        (_, status) if status.is_client_error() => "UsageError",
        _ => "Error",
    };
    error.into_text_of(kind)
}

/// Steps along each parallel of a range: a parallel is no great circle.
const N_ON_PARALLEL: u32 = 16;

/// The shape that is asked for: CIRCLE, POLYGON, or POS with one of the two or with RANGE.
fn shape(parameters: &Parameters) -> Result<CutoutShape> {
    let pos = parameters.get("POS")?;
    let of_pos = pos.and_then(|pos| {
        let (kind, numbers) = pos.trim().split_once(char::is_whitespace)?;
        let known = ["CIRCLE", "POLYGON", "RANGE"];
        let known = known.into_iter().find(|known| kind.eq_ignore_ascii_case(known));
        known.map(|known| (known, numbers))
    });
    if let (Some(pos), None) = (pos, of_pos) {
        let (value, expected) = (pos.to_owned(), "CIRCLE, POLYGON or RANGE with its numbers");
        return Err(Error::BadParameter { name: "POS", value, expected: expected.to_owned() });
    }
    let given = match (parameters.get("CIRCLE")?, parameters.get("POLYGON")?, of_pos) {
        (Some(numbers), None, None) => ("CIRCLE", numbers),
        (None, Some(numbers), None) => ("POLYGON", numbers),
        (None, None, Some(given)) => given,
        (None, None, None) => return Err(Error::MissingParameter { name: "CIRCLE or POLYGON" }),
        _ => return Err(Error::RepeatedParameter { name: "CIRCLE or POLYGON" }),
    };
    let (kind, text) = given;
    let numbers: Option<Vec<f64>> =
        text.split_whitespace().map(|number| number.parse().ok()).collect();
    let numbers = numbers.unwrap_or_default();
    let is_place = |(ra, dec): &(f64, f64)| {
        ra.is_finite() && (-360.0..=720.0).contains(ra) && (-90.0..=90.0).contains(dec)
    };
    let refused = |name, expected: &str| {
        let (value, expected) = (text.to_owned(), expected.to_owned());
        Err(Error::BadParameter { name, value, expected })
    };
    if kind == "CIRCLE" {
        return match numbers.as_slice() {
            &[ra, dec, radius] if is_place(&(ra, dec)) && (0.0..=90.0).contains(&radius) => {
                Ok(CutoutShape::Circle { ra, dec, radius })
            }
            _ => refused("CIRCLE", "longitude, latitude and radius in degrees, ICRS"),
        };
    }
    if kind == "RANGE" {
        let expected =
            "two longitudes less than 180 degrees apart and two latitudes, each pair rising";
        return range(&numbers).map_or_else(|| refused("POS", expected), Ok);
    }
    let (pairs, rest) = numbers.as_chunks::<2>();
    let vertices: Vec<(f64, f64)> = pairs.iter().map(|&[ra, dec]| (ra, dec)).collect();
    match vertices.len() >= 3 && rest.is_empty() && vertices.iter().all(is_place) {
        true => Ok(CutoutShape::Polygon(vertices)),
        false => refused("POLYGON", "longitude and latitude of three or more vertices in degrees"),
    }
}

/// The part of the sky between two meridians and two parallels, as a polygon.
fn range(numbers: &[f64]) -> Option<CutoutShape> {
    let &[west, east, south, north] = numbers else { return None };
    let is_range = (-360.0..=720.0).contains(&west)
        && (west..west + 180.0).contains(&east)
        && (-90.0..=90.0).contains(&south)
        && (south..=90.0).contains(&north);
    let along = |step: u32| west + (east - west) * f64::from(step) / f64::from(N_ON_PARALLEL);
    let lower = (0..=N_ON_PARALLEL).map(|step| (along(step), south));
    let upper = (0..=N_ON_PARALLEL).rev().map(|step| (along(step), north));
    is_range.then(|| CutoutShape::Polygon(lower.chain(upper).collect()))
}

/// The name and the bytes of the cut-out.
fn cut(images: &Images, id: &str, shape: &CutoutShape) -> Result<(String, Vec<u8>)> {
    let absent = || Error::NoSuchImage { id: id.to_owned() };
    let uuid = images.local(id).ok_or_else(absent)?;
    let (butler, dataset) = images.dataset(uuid)?;
    let Value::Exposure(exposure) = butler.get(&dataset)? else { return Err(absent()) };
    let part = cutout(&exposure, shape).ok_or_else(|| Error::NothingThere { id: id.to_owned() })?;
    let psf = psf_of(butler, &dataset)?;
    let psf = psf.and_then(|psf| psf_image(&exposure, &psf.psf.model, shape.center()));
    let file = tempfile::Builder::new().suffix(".fits").tempfile().map_err(Error::Spool)?;
    write_cutout(file.path(), &part, psf.as_ref())?;
    let bytes = std::fs::read(file.path()).map_err(Error::Spool)?;
    Ok((format!("cutout-{}.fits", dataset.uuid), bytes))
}

/// The newest point-spread function that was measured on the image.
fn psf_of(
    butler: &Butler,
    image: &DatasetRef,
) -> Result<Option<Box<almagest_pipeline::butler::MeasuredPsf>>> {
    let companions = butler.registry().of_data_id(&image.data_id)?;
    let is_psf = |dataset: &&DatasetRef| dataset.dataset_type.storage_class == StorageClass::Psf;
    match companions.iter().find(is_psf).map(|psf| butler.get(psf)).transpose()? {
        Some(Value::Psf(psf)) => Ok(Some(psf)),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_lies_between_meridians_and_parallels() {
        let vertices = match range(&[359.0, 361.0, -10.0, 60.0]) {
            Some(CutoutShape::Polygon(vertices)) => vertices,
            _ => vec![],
        };
        assert_eq!(vertices.len(), 34);
        assert_eq!((vertices[0], vertices[16]), ((359.0, -10.0), (361.0, -10.0)));
        assert_eq!((vertices[17], vertices[33]), ((361.0, 60.0), (359.0, 60.0)));
        assert!(vertices.contains(&(360.0, 60.0)), "parallels are followed");
        for wrong in [
            &[1.0, 2.0, 3.0][..],
            &[2.0, 1.0, 0.0, 1.0],
            &[0.0, 180.0, 0.0, 1.0],
            &[0.0, 1.0, 2.0, 1.0],
            &[0.0, 1.0, 0.0, 91.0],
            &[0.0, f64::NAN, 0.0, 1.0],
            &[f64::NEG_INFINITY, f64::INFINITY, 0.0, 1.0],
        ] {
            assert_eq!(range(wrong), None, "{wrong:?}");
        }
    }
}
