//! Truth of the visits and of what crossed them.

use arrow::array::RecordBatch;

use super::{Columns, about};
use crate::error::Result;
use crate::fits::CardValue;
use crate::simulate::frame::FrameTruth;
use crate::simulate::survey::Survey;
use crate::simulate::visit::Visit;
use crate::wcs::Wcs;

/// One row for each visit.
pub(super) fn visits(survey: &Survey) -> Result<RecordBatch> {
    let all = || survey.visits().iter();
    let number = |f: fn(&Visit) -> f64| all().map(f);
    Columns::default()
        .integers(about("visit", "", "meta.id;obs", "Number of the visit"), all().map(|v| v.id))
        .texts(
            about("band", "", "meta.id;instr.filter", "Band"),
            all().map(|v| Some(v.band_name())),
        )
        .numbers(
            about("mid_time", "d", "time.epoch", "Middle of the exposure, MJD TAI"),
            number(Visit::mid_mjd_tai),
        )
        .numbers(
            about("exp_time", "s", "time.duration;obs.exposure", "Exposure time"),
            number(|v| v.exposure_time_s),
        )
        .numbers(
            about("ra", "deg", "pos.eq.ra", "Where the telescope pointed"),
            number(|v| v.pointing.ra_deg),
        )
        .numbers(
            about("dec", "deg", "pos.eq.dec", "Where the telescope pointed"),
            number(|v| v.pointing.dec_deg),
        )
        .numbers(
            about("rotation", "deg", "pos.posAng", "Position angle of the focal plane's y axis"),
            number(|v| v.pointing.rotation_deg),
        )
        .numbers(
            about("header_ra", "deg", "pos.eq.ra", "Where the header says that it pointed"),
            number(|v| v.header_pointing.ra_deg),
        )
        .numbers(
            about("header_dec", "deg", "pos.eq.dec", "Where the header says that it pointed"),
            number(|v| v.header_pointing.dec_deg),
        )
        .numbers(
            about("header_rotation", "deg", "pos.posAng", "The rotation that the header tells"),
            number(|v| v.header_pointing.rotation_deg),
        )
        .numbers(about("airmass", "", "obs.airMass", "Airmass"), number(|v| v.airmass))
        .numbers(about("altitude", "deg", "pos.az.alt", "Altitude"), number(|v| v.altitude_deg))
        .numbers(
            about("azimuth", "deg", "pos.az.azi", "Azimuth, from north through east"),
            number(|v| v.azimuth_deg),
        )
        .numbers(
            about("parallactic", "deg", "pos.posAng", "Position angle of the zenith"),
            number(|v| v.parallactic_deg),
        )
        .numbers(
            about(
                "seeing",
                "pixel",
                "phys.angSize;instr.det.psf",
                "Full width of the PSF at the centre, before variations",
            ),
            number(|v| v.psf.fwhm_px),
        )
        .numbers(
            about("moffat_beta", "", "stat.param", "Exponent of the Moffat profile"),
            number(|v| v.psf.beta),
        )
        .numbers(
            about(
                "zero_point",
                "mag",
                "phot.mag;arith.zp",
                "AB magnitude of one electron in the exposure",
            ),
            number(|v| v.zero_point_mag),
        )
        .numbers(
            about("extinction", "mag", "phys.absorption;obs.atmos", "Extinction at this airmass"),
            number(|v| v.extinction_mag),
        )
        .numbers(
            about(
                "sky",
                "electron.pixel**-1",
                "phot.count;instr.skyLevel",
                "The sky at the centre",
            ),
            number(|v| v.sky_e),
        )
        .numbers(
            about(
                "sky_gradient_x",
                "",
                "stat.gradient",
                "Relative change of the sky per radius of the focal plane along x",
            ),
            number(|v| v.sky_gradient[0]),
        )
        .numbers(
            about("sky_gradient_y", "", "stat.gradient", "The same along y"),
            number(|v| v.sky_gradient[1]),
        )
        .finish()
}

/// One row for each detector of a visit.
pub(super) fn visit_detectors(survey: &Survey, frames: &[FrameTruth]) -> Result<RecordBatch> {
    let of_sky: Vec<(&FrameTruth, &Wcs)> =
        frames.iter().filter_map(|f| f.wcs.as_ref().map(|wcs| (f, wcs))).collect();
    let all = || of_sky.iter();
    let centres: Vec<(f64, f64)> = all()
        .map(|(frame, wcs)| {
            let detector = survey.camera().detector(frame.detector);
            let (x, y) = detector.map_or((0.0, 0.0), |detector| detector.centre_px());
            wcs.pixel_to_sky(x, y)
        })
        .collect();
    let headers: Vec<String> = all().map(|(_, wcs)| header_text(wcs)).collect();
    let psf: Vec<[f64; 3]> =
        all().map(|(frame, _)| psf_at_centre(survey, frame).unwrap_or([f64::NAN; 3])).collect();
    Columns::default()
        .integers(
            about("visit", "", "meta.id;obs", "Number of the visit"),
            all().map(|(f, _)| f.exposure),
        )
        .integers(
            about("detector", "", "meta.id;instr.det", "Number of the detector"),
            all().map(|(f, _)| i64::from(f.detector)),
        )
        .numbers(
            about("ra", "deg", "pos.eq.ra", "Centre of the detector"),
            centres.iter().map(|c| c.0),
        )
        .numbers(
            about("dec", "deg", "pos.eq.dec", "Centre of the detector"),
            centres.iter().map(|c| c.1),
        )
        .texts(
            about("wcs", "", "meta.fits", "True world coordinates: keyword=value, one card a line"),
            headers.iter().map(|text| Some(text.as_str())),
        )
        .numbers(
            about(
                "psf_fwhm",
                "pixel",
                "phys.angSize;instr.det.psf",
                "Full width of the PSF at the detector's centre",
            ),
            psf.iter().map(|p| p[0]),
        )
        .numbers(
            about(
                "psf_g1",
                "",
                "src.ellipticity",
                "Shear of the PSF along the pixel axes at the centre",
            ),
            psf.iter().map(|p| p[1]),
        )
        .numbers(
            about(
                "psf_g2",
                "",
                "src.ellipticity",
                "Shear of the PSF along the diagonals at the centre",
            ),
            psf.iter().map(|p| p[2]),
        )
        .integers(
            about("n_sources", "", "meta.number", "Objects on the detector"),
            all().map(|(f, _)| f.sources.len() as i64),
        )
        .integers(
            about("n_cosmic_rays", "", "meta.number", "Cosmic rays"),
            all().map(|(f, _)| f.cosmic_rays.len() as i64),
        )
        .finish()
}

fn psf_at_centre(survey: &Survey, frame: &FrameTruth) -> Option<[f64; 3]> {
    let visit = survey.visits().iter().find(|visit| visit.id == frame.exposure)?;
    let detector = survey.camera().detector(frame.detector)?;
    let (x, y) = detector.centre_px();
    let (u, v) = survey.camera().pixel_to_focal(detector, x, y);
    let radius = survey.focal_radius_mm();
    let profile = visit.psf.at(u / radius, v / radius);
    Some([profile.fwhm_px, profile.g1, profile.g2])
}

fn header_text(wcs: &Wcs) -> String {
    let lines: Vec<String> = wcs
        .to_cards()
        .iter()
        .map(|card| match &card.value {
            CardValue::Text(text) => format!("{}={text}", card.keyword),
            CardValue::Integer(value) => format!("{}={value}", card.keyword),
            CardValue::Real(value) => format!("{}={value:?}", card.keyword),
            other => format!("{}={other:?}", card.keyword),
        })
        .collect();
    lines.join("\n")
}

/// One row for each pixel that a cosmic ray gave charge.
pub(super) fn cosmic_rays(frames: &[FrameTruth]) -> Result<RecordBatch> {
    let all = || {
        frames.iter().flat_map(|frame| {
            frame.cosmic_rays.iter().enumerate().flat_map(move |(number, ray)| {
                ray.pixels.iter().map(move |pixel| (frame, number as i64, *pixel))
            })
        })
    };
    Columns::default()
        .integers(
            about("visit", "", "meta.id;obs", "Number of the exposure"),
            all().map(|(f, ..)| f.exposure),
        )
        .integers(
            about("detector", "", "meta.id;instr.det", "Number of the detector"),
            all().map(|(f, ..)| i64::from(f.detector)),
        )
        .integers(
            about("cosmic_ray", "", "meta.id", "Number of the ray on the frame"),
            all().map(|(_, n, _)| n),
        )
        .integers(
            about("x", "pixel", "pos.cartesian.x;instr.det", "Column, from 0"),
            all().map(|(.., p)| p.0 as i64),
        )
        .integers(
            about("y", "pixel", "pos.cartesian.y;instr.det", "Row, from 0"),
            all().map(|(.., p)| p.1 as i64),
        )
        .numbers(
            about("electrons", "electron", "phot.count", "Charge that the ray left there"),
            all().map(|(.., p)| f64::from(p.2)),
        )
        .finish()
}

/// One row for each streak.
pub(super) fn streaks(survey: &Survey) -> Result<RecordBatch> {
    let all = || survey.visits().iter().flat_map(|v| v.streaks.iter().map(move |s| (v, s)));
    Columns::default()
        .integers(
            about("visit", "", "meta.id;obs", "Number of the visit"),
            all().map(|(v, _)| v.id),
        )
        .numbers(
            about(
                "angle",
                "deg",
                "pos.posAng",
                "Direction of the line's normal in the focal plane, from x to y",
            ),
            all().map(|(_, s)| s.angle_rad.to_degrees()),
        )
        .numbers(
            about(
                "distance",
                "mm",
                "pos.cartesian",
                "Distance of the line from the centre of the focal plane",
            ),
            all().map(|(_, s)| s.distance_mm),
        )
        .numbers(
            about(
                "electrons",
                "electron.pixel**-1",
                "phot.count",
                "Electrons per pixel of its length",
            ),
            all().map(|(_, s)| s.electrons_per_px),
        )
        .numbers(
            about("sigma", "pixel", "phys.angSize", "Standard deviation of its profile"),
            all().map(|(_, s)| s.sigma_px),
        )
        .finish()
}
