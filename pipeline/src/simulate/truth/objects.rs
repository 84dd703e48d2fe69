//! Truth of the objects: what they are, and where and how bright in each visit.

use arrow::array::RecordBatch;

use super::{Columns, about};
use crate::error::Result;
use crate::simulate::SURVEY_BANDS;
use crate::simulate::frame::FrameTruth;
use crate::simulate::light::TruthSource;
use crate::simulate::sky::{Asteroid, LightCurve, ObjectKind, SkyObject, StarMotion, Transient};
use crate::simulate::survey::Survey;

/// Names of the flux columns.
const FLUX: [&str; 6] = ["u_flux", "g_flux", "r_flux", "i_flux", "z_flux", "y_flux"];

/// One row for each object.
pub(super) fn objects(survey: &Survey) -> Result<RecordBatch> {
    let sky = survey.sky();
    let all = || sky.objects.iter();
    let motion = |object: &SkyObject| match &object.kind {
        ObjectKind::Star(motion, _) => Some(*motion),
        _ => None,
    };
    let curve = |object: &SkyObject| match &object.kind {
        ObjectKind::Star(_, curve) => *curve,
        _ => None,
    };
    let galaxy = |object: &SkyObject| match &object.kind {
        ObjectKind::Galaxy(shape, redshift) => Some((*shape, *redshift)),
        _ => None,
    };
    let transient = |object: &SkyObject| match &object.kind {
        ObjectKind::Transient(transient) => Some(*transient),
        _ => None,
    };
    let asteroid = |object: &SkyObject| match &object.kind {
        ObjectKind::Asteroid(asteroid) => Some(*asteroid),
        _ => None,
    };
    let of_motion = |f: fn(StarMotion) -> f64| all().map(move |o| motion(o).map(f));
    let of_curve = |f: fn(LightCurve) -> f64| all().map(move |o| curve(o).map(f));
    let of_transient = |f: fn(Transient) -> f64| all().map(move |o| transient(o).map(f));
    let of_asteroid = |f: fn(Asteroid) -> f64| all().map(move |o| asteroid(o).map(f));
    let mut c = Columns::default();
    c.integers(about("id", "", "meta.id;meta.main", "Identity of the object"), all().map(|o| o.id))
        .texts(
            about("kind", "", "src.class", "star, variable, galaxy, transient or asteroid"),
            all().map(|o| Some(o.kind_name())),
        )
        .numbers(
            about("ra", "deg", "pos.eq.ra;meta.main", "Right ascension (ICRS) at the epoch"),
            all().map(|o| o.ra),
        )
        .numbers(
            about("dec", "deg", "pos.eq.dec;meta.main", "Declination (ICRS) at the epoch"),
            all().map(|o| o.dec),
        )
        .numbers(
            about("epoch", "d", "time.epoch", "Epoch of the position, MJD TAI"),
            all().map(|_| sky.epoch_mjd_tai),
        );
    for (band, name) in FLUX.into_iter().enumerate() {
        let column = about(name, "nJy", "phot.flux.density", "Mean flux outside the atmosphere");
        c.numbers(column, all().map(move |o| o.flux_njy[band]));
    }
    c.known(
        about(
            "pm_ra",
            "mas.yr**-1",
            "pos.pm;pos.eq.ra",
            "Proper motion in right ascension, times cos(dec)",
        ),
        of_motion(|m| m.pm_ra_mas_yr),
    )
    .known(
        about("pm_dec", "mas.yr**-1", "pos.pm;pos.eq.dec", "Proper motion in declination"),
        of_motion(|m| m.pm_dec_mas_yr),
    )
    .known(about("parallax", "mas", "pos.parallax", "Parallax"), of_motion(|m| m.parallax_mas));
    let forms: Vec<Option<LightCurve>> = all().map(curve).collect();
    c.texts(
        about("curve_form", "", "meta.code.class", "Form of the light curve"),
        forms.iter().map(|curve| curve.as_ref().map(LightCurve::form_name)),
    )
    .known(
        about("period", "d", "time.period", "Period of the light curve"),
        of_curve(|v| v.period_days),
    )
    .known(
        about(
            "amplitude",
            "mag",
            "src.var.amplitude",
            "Half of the range of a pulsation, or depth of an eclipse",
        ),
        of_curve(|v| v.amplitude_mag),
    )
    .known(about("phase", "", "src.var", "Phase at MJD 0, from 0 to 1"), of_curve(|v| v.phase))
    .known(
        about("sersic_n", "", "src.morph.param", "Sersic index"),
        all().map(|o| galaxy(o).map(|(shape, _)| shape.sersic_n)),
    )
    .known(
        about(
            "half_light_radius",
            "arcsec",
            "phys.angSize",
            "Half-light radius of the circular profile before the shear",
        ),
        all().map(|o| galaxy(o).map(|(shape, _)| shape.half_light_px)),
    )
    .known(
        about(
            "g1",
            "",
            "src.ellipticity",
            "Shear along east and north, with north up and east to the left",
        ),
        all().map(|o| galaxy(o).map(|(shape, _)| shape.g1)),
    )
    .known(
        about("g2", "", "src.ellipticity", "Shear along the diagonals"),
        all().map(|o| galaxy(o).map(|(shape, _)| shape.g2)),
    )
    .known(
        about("redshift", "", "src.redshift", "Redshift"),
        all().map(|o| galaxy(o).map(|(_, redshift)| redshift)),
    )
    .known(
        about("peak_time", "d", "time.epoch;stat.max", "Time of the maximum, MJD TAI"),
        of_transient(|t| t.peak_mjd_tai),
    )
    .known(
        about("rise_time", "d", "time.duration", "From explosion to maximum"),
        of_transient(|t| t.rise_days),
    )
    .known(
        about("fade_time", "d", "time.duration", "Fading by a factor e"),
        of_transient(|t| t.fade_days),
    )
    .known(about("a", "AU", "phys.size.smajAxis", "Semi-major axis"), of_asteroid(|a| a.orbit.a_au))
    .known(about("e", "", "src.orbital.eccentricity", "Eccentricity"), of_asteroid(|a| a.orbit.e))
    .known(
        about("incl", "deg", "src.orbital.inclination", "Inclination to the ecliptic of J2000"),
        of_asteroid(|a| a.orbit.inclination_deg),
    )
    .known(
        about("node", "deg", "src.orbital.node", "Longitude of the ascending node"),
        of_asteroid(|a| a.orbit.node_deg),
    )
    .known(
        about("arg_peri", "deg", "src.orbital.periastron", "Argument of perihelion"),
        of_asteroid(|a| a.orbit.perihelion_deg),
    )
    .known(
        about(
            "mean_anomaly",
            "deg",
            "src.orbital.meanAnomaly",
            "Mean anomaly at the elements' epoch",
        ),
        of_asteroid(|a| a.orbit.mean_anomaly_deg),
    )
    .known(
        about("orbit_epoch", "d", "time.epoch", "Epoch of the elements, MJD TAI"),
        of_asteroid(|a| a.orbit.epoch_mjd_tai),
    )
    .known(
        about("h", "mag", "phys.magAbs;em.opt.V", "Absolute magnitude H in V"),
        of_asteroid(|a| a.h_mag),
    )
    .known(about("g", "", "stat.param", "Slope parameter G"), of_asteroid(|a| a.g))
    .finish()
}

/// One row for each object on a detector in a visit.
pub(super) fn sources(survey: &Survey, frames: &[FrameTruth]) -> Result<RecordBatch> {
    let all = || frames.iter().flat_map(|f| f.sources.iter().map(move |source| (f, source)));
    let number = |f: fn(&TruthSource) -> f64| all().map(move |(_, source)| f(source));
    let band = |exposure: i64| {
        let visit = survey.visits().iter().find(|visit| visit.id == exposure);
        visit.map(|visit| SURVEY_BANDS[visit.band])
    };
    Columns::default()
        .integers(about("id", "", "meta.id", "Identity of the object"), all().map(|(_, s)| s.id))
        .integers(
            about("visit", "", "meta.id;obs", "Number of the visit"),
            all().map(|(f, _)| f.exposure),
        )
        .integers(
            about("detector", "", "meta.id;instr.det", "Number of the detector"),
            all().map(|(f, _)| i64::from(f.detector)),
        )
        .texts(
            about("band", "", "meta.id;instr.filter", "Band"),
            all().map(|(f, _)| band(f.exposure)),
        )
        .numbers(
            about(
                "x",
                "pixel",
                "pos.cartesian.x;instr.det",
                "Column of the centre of light, from 0",
            ),
            number(|s| s.x),
        )
        .numbers(
            about("y", "pixel", "pos.cartesian.y;instr.det", "Row of the centre of light, from 0"),
            number(|s| s.y),
        )
        .numbers(
            about("ra", "deg", "pos.eq.ra", "Where it was (ICRS), without refraction"),
            number(|s| s.ra),
        )
        .numbers(
            about("dec", "deg", "pos.eq.dec", "Where it was (ICRS), without refraction"),
            number(|s| s.dec),
        )
        .numbers(
            about("flux", "nJy", "phot.flux.density", "Flux at that time outside the atmosphere"),
            number(|s| s.flux_njy),
        )
        .numbers(
            about(
                "electrons",
                "electron",
                "phot.count",
                "Electrons that a detector without flaws would gather",
            ),
            number(|s| s.electrons),
        )
        .numbers(
            about(
                "refraction",
                "arcsec",
                "pos.angDistance",
                "Displacement by chromatic refraction towards the zenith",
            ),
            number(|s| s.refraction_arcsec),
        )
        .numbers(
            about("trail", "pixel", "phys.angSize", "Length of the trail"),
            number(|s| s.trail_px),
        )
        .finish()
}
