//! Tests of what is on the sky.
#![allow(clippy::unwrap_used)]

use super::light_curve::CurveForm;
use super::orbit::Orbit;
use super::*;

fn sky(change: impl FnOnce(&mut SurveyConfig)) -> Sky {
    let mut config = SurveyConfig::default();
    change(&mut config);
    let scale = 1.0 / 3600.0;
    let wcs = Wcs::tan([config.ra_deg, config.dec_deg], [0.0, 0.0], [[-scale, 0.0], [0.0, scale]])
        .unwrap();
    let last = config.first_mjd_tai + 10.0;
    Sky::draw(&config, &wcs, 90.0, last)
}

#[test]
fn populations_do_not_disturb_each_other() {
    let with = sky(|_| ());
    let without = sky(|config| config.effects.asteroids = false);
    assert_eq!(without.objects.len() + 3, with.objects.len());
    assert_eq!(with.objects[..without.objects.len()], without.objects[..]);
    let kinds = |name| with.objects.iter().filter(|o| o.kind_name() == name).count();
    // Nine square arcminutes.
    assert_eq!(kinds("star") + kinds("variable"), 108);
    assert_eq!((kinds("galaxy"), kinds("transient"), kinds("asteroid")), (360, 3, 3));
}

#[test]
fn the_earth_goes_round_the_sun() {
    // At the March equinox of 2024 (MJD 60389.13) the Earth lies in the direction of RA 180.
    let [x, y, z] = motion::earth_au(60_389.13);
    assert!((x + 0.996).abs() < 0.002 && y.abs() < 0.007 && z.abs() < 0.004, "{x} {y} {z}");
    // Nearest to the Sun on 3 January 2024 (MJD 60312), farthest on 5 July (MJD 60496).
    assert!((orbit::norm(motion::earth_au(60_312.0)) - 0.983_3).abs() < 2e-4);
    assert!((orbit::norm(motion::earth_au(60_496.0)) - 1.016_7).abs() < 2e-4);
}

#[test]
fn stars_move_by_proper_motion_and_parallax() {
    let motion = StarMotion { pm_ra_mas_yr: 100.0, pm_dec_mas_yr: -50.0, parallax_mas: 200.0 };
    let only = |proper_motion, parallax| Effects { proper_motion, parallax, ..Effects::default() };
    let at = |mjd: f64, effects: &Effects| {
        let (ra, dec) = motion.apply((40.0, 60.0), &Moment::at(mjd), 60_000.0, effects);
        ((ra - 40.0) * 0.5 * 3.6e6, (dec - 60.0) * 3.6e6)
    };
    let (east, north) = at(60_000.0 + 2.0 * 365.25, &only(true, false));
    assert!((east - 200.0).abs() < 0.1 && (north + 100.0).abs() < 1e-6, "{east} {north}");
    assert_eq!(at(60_730.0, &only(false, false)), (0.0, 0.0));
    // The ellipse of parallax: over a year its longest axis is the parallax.
    let mut longest: f64 = 0.0;
    for day in 0..366 {
        let (east, north) = at(60_000.0 + f64::from(day), &only(false, true));
        longest = longest.max(east.hypot(north));
    }
    assert!((longest / 200.0 - 1.0).abs() < 0.02, "{longest}");
}

#[test]
fn orbits_return_their_state() {
    let orbit = Orbit {
        a_au: 2.5,
        e: 0.2,
        inclination_deg: 12.0,
        node_deg: 250.0,
        perihelion_deg: 100.0,
        mean_anomaly_deg: 33.0,
        epoch_mjd_tai: 60_000.0,
    };
    let mjd = 60_100.0;
    let velocity = |step: f64| {
        let (a, b) = (orbit.place_au(mjd - step), orbit.place_au(mjd + step));
        [0, 1, 2].map(|i| (b[i] - a[i]) / (2.0 * step))
    };
    let again = Orbit::from_state(orbit.place_au(mjd), velocity(0.01), mjd).unwrap();
    assert!((again.a_au - 2.5).abs() < 1e-6 && (again.e - 0.2).abs() < 1e-6, "{again:?}");
    for day in [0.0, 400.0, 1443.0] {
        let (a, b) = (orbit.place_au(mjd + day), again.place_au(mjd + day));
        assert!(orbit::norm([0, 1, 2].map(|i| a[i] - b[i])) < 1e-5);
    }
    // Kepler's third law: after a^1.5 sidereal years it is back.
    let period = 365.256_898_3 * 2.5f64.powf(1.5);
    let (a, b) = (orbit.place_au(mjd), orbit.place_au(mjd + period));
    assert!(orbit::norm([0, 1, 2].map(|i| a[i] - b[i])) < 1e-6);
}

#[test]
fn asteroids_cross_the_field_at_rates_of_the_main_belt() {
    let sky = sky(|config| config.sky.asteroids = 30);
    let asteroids = sky.objects.iter().filter_map(|object| match &object.kind {
        ObjectKind::Asteroid(asteroid) => Some(asteroid),
        _ => None,
    });
    let mut n = 0;
    for asteroid in asteroids {
        n += 1;
        // At some time of the survey it was on its line of sight into the field.
        let nearest = (0..=200)
            .map(|k| {
                let (ra, dec) = asteroid.position(&Moment::at(60_676.25 + f64::from(k) * 0.05));
                (ra - 150.1).hypot(dec - 2.2)
            })
            .fold(f64::INFINITY, f64::min);
        assert!(nearest < 0.06, "{nearest}");
        let (east, north) = asteroid.rate_deg_day(&Moment::at(60_680.0));
        assert!((0.01..0.4).contains(&east.hypot(north)), "{east} {north}");
        assert!(asteroid.orbit.e < 0.45 && asteroid.orbit.inclination_deg < 30.0, "{asteroid:?}");
    }
    assert_eq!(n, 30);
}

#[test]
fn light_curves_have_their_periods_and_depths() {
    let form = CurveForm::Eclipses;
    let curve = LightCurve { form, period_days: 2.0, amplitude_mag: 0.5, phase: 0.0 };
    let depth = |mjd: f64| -2.5 * curve.factor(mjd).log10();
    assert!((depth(100.0) - 0.5).abs() < 1e-12 && (depth(101.0) - 0.25).abs() < 1e-12);
    assert_eq!(depth(100.5), 0.0);
    assert!((depth(100.06) - 0.25).abs() < 1e-9);
    let pulsation = LightCurve { form: CurveForm::Pulsation, ..curve };
    assert!((pulsation.factor(0.5) - 10f64.powf(-0.2)).abs() < 1e-12);
    assert!((pulsation.factor(77.3) - pulsation.factor(79.3)).abs() < 1e-9);
}

#[test]
fn supernovae_rise_from_nothing() {
    let transient = Transient { peak_mjd_tai: 60_100.0, rise_days: 16.0, fade_days: 30.0 };
    assert_eq!(transient.factor(60_080.0), 0.0);
    assert!((transient.factor(60_092.0) - 0.25).abs() < 1e-12);
    assert_eq!(transient.factor(60_100.0), 1.0);
    assert!((transient.factor(60_130.0) - (-1f64).exp()).abs() < 1e-12);
}
