//! Rows of VisitDetector: where each image lies, how deep and how sharp it is.

use std::sync::Arc;

use arrow::array::{RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use sha2::{Digest, Sha256};

use super::MeasuredExposure;
use super::columns::Columns;
use crate::characterize::PsfQuality;

/// Add to the row of an image the checksum of all its rows, which tells a later run whether the catalog
/// holds what that run has made of the image.
pub fn with_rows_checksum(
    row: &RecordBatch,
    sources: &RecordBatch,
) -> Result<RecordBatch, ArrowError> {
    let mut hasher = Sha256::new();
    for rows in [row, sources] {
        let mut writer = StreamWriter::try_new(vec![], &rows.schema())?;
        writer.write(rows)?;
        hasher.update(writer.into_inner()?);
    }
    let checksum: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let mut fields: Vec<Arc<Field>> = row.schema().fields().to_vec();
    fields.push(Arc::new(Field::new("rowsChecksum", DataType::Utf8, true)));
    let mut columns = row.columns().to_vec();
    columns.push(Arc::new(StringArray::from(vec![checksum; row.num_rows()])));
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

/// Make one row for each exposure.
pub fn visit_detector_rows(exposures: &[&MeasuredExposure]) -> Result<RecordBatch, ArrowError> {
    let all = || exposures.iter();
    let visit = || exposures.iter().map(|e| &e.exposure.visit_info);
    let measured = || exposures.iter().map(|e| &e.characterized);
    let center = |e: &&MeasuredExposure| {
        let (nx, ny) = e.exposure.size();
        ((nx as f64 - 1.0) / 2.0, (ny as f64 - 1.0) / 2.0)
    };
    let center_sky = |e: &&MeasuredExposure| {
        let (x, y) = center(e);
        e.exposure.wcs.pixel_to_sky(x, y)
    };
    let fitted = || exposures.iter().map(|e| e.astrometry.as_ref());
    let times = || exposures.iter().map(|e| e.effective_time);
    let mut columns = Columns::default();
    columns
        .integers("visitId", visit().map(|v| v.visit))
        .integers("detector", all().map(|e| i64::from(e.exposure.detector.id)))
        .texts("band", visit().map(|v| Some(v.band.as_str())))
        .texts("physical_filter", visit().map(|v| v.physical_filter.as_deref()))
        .numbers("ra", all().map(|e| center_sky(e).0))
        .numbers("dec", all().map(|e| center_sky(e).1))
        .integers("xSize", all().map(|e| e.exposure.size().0 as i64))
        .integers("ySize", all().map(|e| e.exposure.size().1 as i64));
    // Corners in the order in which the image is walked round: lower left, lower right, upper
    // right, upper left.
    for (index, corner) in ["llc", "lrc", "urc", "ulc"].into_iter().enumerate() {
        let at = |e: &&MeasuredExposure| {
            let (nx, ny) = e.exposure.size();
            let (right, top) = (nx as f64 - 0.5, ny as f64 - 0.5);
            let (x, y) = [(-0.5, -0.5), (right, -0.5), (right, top), (-0.5, top)][index];
            e.exposure.wcs.pixel_to_sky(x, y)
        };
        columns
            .numbers(&format!("{corner}ra"), all().map(|e| at(e).0))
            .numbers(&format!("{corner}dec"), all().map(|e| at(e).1));
    }
    let psf_shape = |e: &&MeasuredExposure| {
        let (x, y) = center(e);
        e.characterized.psf_shape(x, y)
    };
    columns
        .numbers(
            "pixelScale",
            all().map(|e| {
                let (x, y) = center(e);
                e.exposure.wcs.pixel_scale_arcsec(x, y)
            }),
        )
        .known_numbers("zeroPoint", all().map(|e| e.exposure.photo_calib.map(|c| c.zero_point_mag)))
        .numbers("skyBg", measured().map(|m| m.sky_level))
        .numbers("skyNoise", measured().map(|m| m.sky_noise))
        .numbers("seeing", measured().map(|m| m.seeing_arcsec))
        .numbers("psfSigma", all().map(|e| psf_shape(e).determinant_radius_px()))
        .numbers(
            "psfArea",
            all().map(|e| {
                let (x, y) = center(e);
                e.characterized.psf_model().effective_area_px(x, y)
            }),
        )
        .numbers("psfIxx", all().map(|e| psf_shape(e).xx))
        .numbers("psfIyy", all().map(|e| psf_shape(e).yy))
        .numbers("psfIxy", all().map(|e| psf_shape(e).xy))
        .integers("nPsfStar", measured().map(|m| m.psf.stars.len() as i64))
        .known_numbers("magLim", measured().map(|m| m.mag_lim))
        .known_numbers("astromOffsetMean", fitted().map(|f| f.map(|f| f.offset_mean_arcsec)))
        .known_numbers("astromOffsetStd", fitted().map(|f| f.map(|f| f.offset_std_arcsec)))
        .known_numbers(
            "wcsCornerMaxOffset",
            fitted().map(|f| f.map(|f| f.corner_max_offset_arcsec)),
        )
        .known_numbers("effTime", times().map(|t| t.map(|t| t.seconds)))
        .known_numbers("effTimePsfSigmaScale", times().map(|t| t.map(|t| t.psf_scale)))
        .known_numbers("effTimeSkyBgScale", times().map(|t| t.map(|t| t.sky_scale)))
        .known_numbers("effTimeZeroPointScale", times().map(|t| t.map(|t| t.zero_point_scale)))
        .known_numbers("zenithDistance", visit().map(|v| v.zenith_distance_deg()))
        .numbers("expTime", visit().map(|v| v.exposure_time_s))
        .instants("expMidpt", visit().map(|v| v.mid_mjd_tai))
        .numbers("expMidptMJD", visit().map(|v| v.mid_mjd_tai))
        .instants("obsStart", visit().map(|v| v.start_mjd_tai))
        .numbers("obsStartMJD", visit().map(|v| v.start_mjd_tai))
        .texts("instrument", visit().map(|v| Some(v.instrument.as_str())))
        .texts("imageName", all().map(|e| Some(e.image_name.as_str())))
        .texts("imageChecksum", all().map(|e| Some(e.image_checksum.as_str())))
        .integers("nSource", measured().map(|m| m.sources.len() as i64));
    let quality: Vec<PsfQuality> = measured().map(PsfQuality::of).collect();
    psf_quality(&mut columns, &quality);
    columns.finish()
}

fn psf_quality(columns: &mut Columns, quality: &[PsfQuality]) {
    let all = || quality.iter();
    columns
        .numbers("psfStarDeltaE1Median", all().map(|q| q.delta_e1.0))
        .numbers("psfStarDeltaE1Scatter", all().map(|q| q.delta_e1.1))
        .numbers("psfStarDeltaE2Median", all().map(|q| q.delta_e2.0))
        .numbers("psfStarDeltaE2Scatter", all().map(|q| q.delta_e2.1))
        .numbers("psfStarDeltaSizeMedian", all().map(|q| q.delta_size.0))
        .numbers("psfStarDeltaSizeScatter", all().map(|q| q.delta_size.1))
        .numbers("psfStarScaledDeltaSizeScatter", all().map(|q| q.scaled_size_scatter))
        .numbers("psfTraceRadiusDelta", all().map(|q| q.trace_radius_range))
        .numbers("maxDistToNearestPsf", all().map(|q| q.farthest_from_star))
        .numbers("starEMedian", all().map(|q| q.e_median))
        .numbers("starUnNormalizedEMedian", all().map(|q| q.unnormalized_e_median));
}
