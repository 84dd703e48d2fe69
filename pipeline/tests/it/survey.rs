//! The simulated survey: the same bytes on any number of threads, raw frames that read back, and each
//! effect doing what its truth says.

mod atmosphere;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use almagest_ingest::{ReadOptions, Transaction};
use almagest_pipeline::camera::model::CameraModel;
use almagest_pipeline::camera::{RawFrame, read_raw};
use almagest_pipeline::simulate::config::CalibrationConfig;
use almagest_pipeline::simulate::frame::PlannedKind;
use almagest_pipeline::simulate::{
    Effects, FrameId, Preset, SimulatedFrame, Survey, SurveyConfig, WriteOptions, write_survey,
};
use almagest_pipeline::statistics::{clipped_mean, median};
use almagest_storage::CatalogStore;
use almagest_storage::chunking::Chunking;
use almagest_storage::schema::felis;
use ndarray::Array2;

/// Every file of a folder with its bytes.
fn bytes(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            files.extend(bytes(&path).into_iter().map(|(inner, b)| (format!("{name}/{inner}"), b)));
        } else {
            files.insert(name, fs::read(path).unwrap());
        }
    }
    files
}

fn written(seed: u64, threads: usize) -> BTreeMap<String, Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Preset::Xs.config();
    config.seed = seed;
    config.visits_per_band = 1;
    config.calibrations = CalibrationConfig { biases: 1, flats: 1, ..config.calibrations };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let survey = Survey::new(config).unwrap();
        let options = WriteOptions { calibrated: true, ..WriteOptions::default() };
        write_survey(&survey, folder.path(), &options, &|_| ()).unwrap();
    });
    bytes(folder.path())
}

#[test]
fn one_thread_and_two_give_the_same_bytes() {
    let (one, two) = (written(1, 1), written(1, 2));
    let names: Vec<&String> = one.keys().collect();
    assert_eq!(names, two.keys().collect::<Vec<_>>());
    // 1 bias, 3 flats, 3 visits raw and calibrated, 10 tables and their schema, the configuration.
    assert_eq!(names.len(), 1 + 3 + 6 + 11 + 1, "{names:?}");
    for (name, bytes) in &one {
        assert!(*bytes == two[name], "{name} differs");
    }
    let other = written(2, 2);
    let raw = names.iter().find(|name| name.starts_with("raw/raw-00001")).unwrap();
    assert!(one[*raw] != other[*raw]);
}

#[test]
fn truth_tables_are_catalog_tables() {
    let folder = tempfile::tempdir().unwrap();
    let survey = survey(Effects::default(), |config| config.visits_per_band = 1);
    write_survey(&survey, folder.path(), &WriteOptions::default(), &|_| ()).unwrap();
    let truth = folder.path().join("truth");
    let schema = felis::load(&truth.join("schema.yaml")).unwrap().schema;
    let catalog = folder.path().join("catalog");
    let store = CatalogStore::create(&catalog, &schema, Chunking::try_new(0).unwrap()).unwrap();
    let mut transaction = Transaction::begin(&store).unwrap();
    for table in ["truth_object", "truth_source", "truth_visit", "truth_amplifier"] {
        let file = truth.join(format!("{table}.parquet"));
        transaction.append_file(table, &file, &ReadOptions::default()).unwrap();
    }
    let rows = transaction.commit().unwrap().n_rows();
    let sources = survey.frame(FrameId { exposure: 0, detector: 0 }, false).unwrap().truth.sources;
    let expected = survey.sky().objects.len() + sources.len() + 1 + 8;
    assert_eq!(rows as usize, expected);
}

fn survey(effects: Effects, change: impl FnOnce(&mut SurveyConfig)) -> Survey {
    let mut config = SurveyConfig { effects, ..Preset::Xs.config() };
    config.bands = vec!["r".to_owned()];
    config.sky.galaxies_per_arcmin2 = 0.0;
    change(&mut config);
    Survey::new(config).unwrap()
}

/// The frame of the first exposure that is such.
fn frame(survey: &Survey, is: impl Fn(&PlannedKind) -> bool) -> SimulatedFrame {
    let exposure = survey.exposures().iter().position(|planned| is(&planned.kind)).unwrap();
    survey.frame(FrameId { exposure, detector: 0 }, true).unwrap()
}

fn science(survey: &Survey) -> SimulatedFrame {
    frame(survey, |kind| matches!(kind, PlannedKind::Science(_)))
}

fn flat(survey: &Survey) -> SimulatedFrame {
    frame(survey, |kind| matches!(kind, PlannedKind::Flat(..)))
}

/// Electrons of a raw frame as its truth would have it: bias level and gain of the truth taken off.
fn electrons(survey: &Survey, raw: &RawFrame) -> Array2<f64> {
    let mut image = raw.assemble().mapv(f64::from);
    for amplifier in &survey.sensors()[0].amplifiers {
        let b = amplifier.bbox;
        let part = ndarray::s![b.y0..b.y0 + b.ny, b.x0..b.x0 + b.nx];
        let (level, gain) = (amplifier.bias.level_adu, amplifier.gain_e_per_adu);
        image.slice_mut(part).mapv_inplace(|adu| (adu - level) * gain);
    }
    image
}

fn none() -> Effects {
    Effects::all(false)
}

#[test]
fn raw_frames_read_back_as_they_were_made() {
    let survey = survey(Effects::default(), |_| ());
    let made = science(&survey);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("raw.fits");
    almagest_pipeline::camera::write_raw(
        &path,
        &made.raw,
        almagest_pipeline::fits::Compression::Lossless,
    )
    .unwrap();
    let cameras: Vec<Arc<CameraModel>> =
        CameraModel::builtin().unwrap().into_iter().map(Arc::new).collect();
    let read = read_raw(&path, &cameras).unwrap().remove(0);
    assert_eq!(read.exposure, made.raw.exposure);
    assert_eq!(read.detector, made.raw.detector);
    assert_eq!(read.amplifiers, made.raw.amplifiers);
    // The header's pointing is off by some arcseconds, which the truth does not share.
    let (nominal, truth) = (read.nominal_wcs().unwrap().unwrap(), made.truth.wcs.unwrap());
    let (ra, dec) = truth.pixel_to_sky(255.5, 255.5);
    let (x, y) = nominal.sky_to_pixel(ra, dec).unwrap();
    let off = (x - 255.5).hypot(y - 255.5) * 0.2;
    assert!((0.05..15.0).contains(&off), "{off} arcsec");
}

#[test]
fn without_effects_a_raw_is_the_light_itself() {
    let survey = survey(none(), |_| ());
    let made = science(&survey);
    let image = electrons(&survey, &made.raw);
    let sky = survey.visits()[0].sky_e;
    let mut values: Vec<f64> = image.iter().copied().collect();
    // Half an ADU of rounding, and the wings of stars.
    assert!((median(&mut values) - sky).abs() < 0.01 * sky, "{} {sky}", median(&mut values));
    // An isolated star's electrons are those of its truth.
    let star = isolated_star(&made, 2e4..2e5);
    let (x, y, truth) = star;
    let light = image.mapv(|value| value - sky);
    let sum = aperture(&light, x, y, 12.0);
    let fraction = 1.0 - survey.visits()[0].psf.at(0.0, 0.0).fraction_outside(12.0);
    assert!((sum / (truth * fraction) - 1.0).abs() < 0.02, "{sum} of {truth}");
    let moment = |of_x: bool| {
        let weighted = Array2::from_shape_fn((512, 512), |(j, i)| {
            light[[j, i]] * if of_x { i as f64 } else { j as f64 }
        });
        aperture(&weighted, x, y, 8.0) / aperture(&light, x, y, 8.0)
    };
    assert!((moment(true) - x).abs() < 0.05 && (moment(false) - y).abs() < 0.05, "{x} {y}");
    // Prescan and overscan hold the bias alone.
    let amplifier = &made.raw.amplifiers[5];
    let level = survey.sensors()[0].amplifiers[5].bias.level_adu;
    let overscan = amplifier.serial_overscan.unwrap().of(&amplifier.pixels).to_owned();
    assert!(overscan.iter().all(|&adu| (f64::from(adu) - level).abs() <= 0.5));
}

/// A source of so many electrons that no brighter one is near: x, y, electrons.
fn isolated_star(made: &SimulatedFrame, range: std::ops::Range<f64>) -> (f64, f64, f64) {
    let sources = &made.truth.sources;
    let inside = |v: f64| (30.0..482.0).contains(&v);
    let star = sources.iter().filter(|s| range.contains(&s.electrons)).find(|s| {
        inside(s.x)
            && inside(s.y)
            && sources.iter().all(|other| {
                other.id == s.id
                    || other.electrons < 0.01 * s.electrons
                    || (other.x - s.x).hypot(other.y - s.y) > 25.0
            })
    });
    let star = star.expect("an isolated star");
    (star.x, star.y, star.electrons)
}

fn aperture(image: &Array2<f64>, x: f64, y: f64, radius: f64) -> f64 {
    let inside =
        |((j, i), _): &((usize, usize), &f64)| (*i as f64 - x).hypot(*j as f64 - y) <= radius;
    image.indexed_iter().filter(inside).map(|(_, value)| value).sum()
}

fn area(x: f64, y: f64, radius: f64) -> f64 {
    aperture(&Array2::ones((512, 512)), x, y, radius)
}

fn sky_around(image: &Array2<f64>, x: f64, y: f64) -> f64 {
    let ring = image
        .indexed_iter()
        .filter(|((j, i), _)| (18.0..26.0).contains(&(*i as f64 - x).hypot(*j as f64 - y)));
    median(&mut ring.map(|(_, value)| *value).collect::<Vec<_>>())
}

/// Of each effect alone, what it changes in a frame without any: a few pixels, or many by how much.
fn difference(change: impl Fn(&mut Effects), of: fn(&Survey) -> SimulatedFrame) -> Array2<f64> {
    let calibrations = |config: &mut SurveyConfig| {
        config.calibrations = CalibrationConfig {
            flats: 1,
            darks: 1,
            flat_e: 60_000.0,
            ..config.calibrations.clone()
        };
        config.sensor.streaks_per_visit = 8.0;
        config.sensor.cosmic_rays_per_s_mpix = 4.0;
    };
    let mut effects = none();
    change(&mut effects);
    let (with, without) = (survey(effects, calibrations), survey(none(), calibrations));
    electrons(&with, &of(&with).raw) - electrons(&without, &of(&without).raw)
}

fn rms(image: &Array2<f64>) -> f64 {
    (image.iter().map(|v| v * v).sum::<f64>() / image.len() as f64).sqrt()
}

fn changed(image: &Array2<f64>, by: f64) -> usize {
    image.iter().filter(|v| v.abs() > by).count()
}

#[test]
fn noise_of_photons_and_of_reading_is_as_large_as_it_should_be() {
    let photon = difference(|e| e.photon_noise = true, flat);
    assert!((rms(&photon) / 60_000f64.sqrt() - 1.0).abs() < 0.01, "{}", rms(&photon));
    let read = difference(|e| e.read_noise = true, flat);
    // Of eight amplifiers of 5.2 to 8.6 electrons, with the rounding of both images.
    assert!((6.3..7.0).contains(&rms(&read)), "{}", rms(&read));
}

#[test]
fn response_is_that_of_vignetting_efficiency_and_dust() {
    let edge = difference(|e| e.vignetting = true, flat);
    assert!((edge[[0, 0]] / 60_000.0 + 0.05).abs() < 1e-3 && edge[[256, 256]].abs() < 2.0);
    let efficiency = difference(|e| e.qe_scatter = true, flat);
    assert!((rms(&efficiency) / 600.0 - 1.0).abs() < 0.02, "{}", rms(&efficiency));
    let dust = difference(|e| e.dust = true, flat);
    assert!((100..20_000).contains(&changed(&dust, 300.0)) && dust.iter().all(|&v| v < 2.0));
    let dead = difference(|e| e.bad_columns = true, flat);
    let n = changed(&dead, 59_000.0);
    assert!((144 + 150..144 + 3 * 256).contains(&n), "{n} dead pixels");
    let fringes = |survey: &Survey| science(survey);
    assert_eq!(rms(&difference(|e| e.fringes = true, fringes)), 0.0, "no fringes in r");
}

#[test]
fn dark_current_and_hot_pixels_gather_in_the_dark() {
    let dark = |survey: &Survey| frame(survey, |kind| *kind == PlannedKind::Dark);
    let mut current = difference(|e| e.dark = true, dark).into_raw_vec_and_offset().0;
    let mean = current.iter().sum::<f64>() / current.len() as f64;
    // 0.02 e/s for 302 s are six electrons, the glow adds its corner; rounding averages out.
    assert!((6.0..7.0).contains(&mean), "{mean} {}", median(&mut current));
    let hot = difference(|e| e.hot_pixels = true, dark);
    assert_eq!(changed(&hot, 1000.0), 13);
}

#[test]
fn cosmic_rays_and_streaks_are_where_their_truth_says() {
    let rays = difference(|e| e.cosmic_rays = true, science);
    let with = survey(Effects { cosmic_rays: true, ..none() }, |config| {
        config.sensor.cosmic_rays_per_s_mpix = 4.0;
    });
    let truth = science(&with).truth.cosmic_rays;
    let mut expected = Array2::<f64>::zeros((512, 512));
    for (x, y, charge) in truth.iter().flat_map(|ray| &ray.pixels) {
        expected[[*y, *x]] += f64::from(*charge);
    }
    assert!((15..55).contains(&truth.len()), "{} rays", truth.len());
    // Two roundings to whole ADU.
    assert!((&rays - &expected).iter().all(|v| v.abs() < 2.0));
    let streaks = difference(|e| e.streaks = true, science);
    assert!(changed(&streaks, 10.0) > 500 && streaks.iter().all(|&v| v > -2.0));
}

#[test]
fn crosstalk_nonlinearity_and_saturation_act_on_bright_pixels() {
    let bent = difference(|e| e.nonlinearity = true, flat);
    let expected = -1.7e-7 * 60_000.0 * 60_000.0;
    assert!((bent[[100, 100]] - expected).abs() < 3.0, "{}", bent[[100, 100]]);
    let leaked = difference(|e| e.crosstalk = true, flat);
    // Amplifier 0 takes 4.1e-4 of amplifier 1; amplifier 5 of both its neighbours.
    let gained = |y, x| leaked.slice(ndarray::s![y..y + 50, x..x + 50]).mean().unwrap();
    assert!((gained(50, 20) - 60_000.0 * 4.1e-4).abs() < 0.5, "{}", gained(50, 20));
    assert!((gained(300, 150) - 60_000.0 * 4.5e-4).abs() < 0.5, "{}", gained(300, 150));
    let saturated = survey(Effects { saturation: true, ..none() }, |config| {
        config.calibrations = CalibrationConfig { flats: 1, ..config.calibrations.clone() };
        config.calibrations.flat_e = 200_000.0;
    });
    let full = electrons(&saturated, &flat(&saturated).raw);
    assert!(full.iter().all(|&e| e < 120_002.0));
}

#[test]
fn bias_has_structure_that_two_exposures_share() {
    let with = survey(Effects { bias_structure: true, ..none() }, |config| {
        config.calibrations = CalibrationConfig { biases: 2, ..config.calibrations.clone() };
    });
    let bias = |exposure| {
        let frame = with.frame(FrameId { exposure, detector: 0 }, false).unwrap();
        let amplifier = &frame.raw.amplifiers[3];
        let overscan = amplifier.serial_overscan.unwrap().of(&amplifier.pixels);
        let rows = overscan.mean_axis(ndarray::Axis(1)).unwrap();
        let data = amplifier.data.of(&amplifier.pixels).to_owned();
        (0..128)
            .map(|x| {
                let left = (0..256).map(|y| f64::from(data[[y, x]] - rows[y])).sum::<f64>();
                left / 256.0
            })
            .collect::<Vec<f64>>()
    };
    let (first, second) = (bias(0), bias(1));
    let truth = &with.sensors()[0].amplifiers[3].bias.columns_adu;
    assert_eq!(truth.len(), 128);
    for (x, ((first, second), truth)) in first.iter().zip(&second).zip(truth).enumerate() {
        assert!((first - second).abs() < 0.15, "column {x}");
        assert!((first - f64::from(*truth)).abs() < 0.15, "column {x}");
    }
}

#[test]
fn what_belongs_to_the_sky_can_be_switched_off() {
    let base = Effects { chromatic_refraction: false, turbulence: false, ..Effects::default() };
    let truth = |effects: Effects| {
        let survey = survey(effects, |config| config.sky.variable_fraction = 0.5);
        let made = science(&survey);
        let positions: BTreeMap<i64, (f64, f64, f64)> =
            made.truth.sources.iter().map(|s| (s.id, (s.x, s.y, s.flux_njy))).collect();
        positions
    };
    let reference = truth(base);
    let moved = |effects: Effects| {
        let other = truth(effects);
        let shared = reference.iter().filter_map(|(id, a)| Some((a, other.get(id)?)));
        shared.map(|(a, b)| (a.0 - b.0).hypot(a.1 - b.1)).fold(0.0, f64::max) * 200.0
    };
    assert_eq!(moved(base), 0.0);
    let turbulent = moved(Effects { turbulence: true, ..base });
    assert!((10.0..150.0).contains(&turbulent), "turbulence of {turbulent} mas");
    let refracted = moved(Effects { chromatic_refraction: true, ..base });
    assert!((3.0..150.0).contains(&refracted), "refraction of {refracted} mas in r");
    let still = moved(Effects { parallax: false, ..base });
    assert!((0.1..30.0).contains(&still), "parallax of {still} mas");
    let undistorted = moved(Effects { distortion: false, ..base });
    assert!((2.0..60.0).contains(&undistorted), "distortion of {undistorted} mas");
    let constant = truth(Effects { variability: false, ..base });
    let varied = reference.iter().filter(|(id, a)| constant.get(id).is_some_and(|b| b.2 != a.2));
    assert!(varied.count() > 10);
}

#[test]
fn calibrated_exposures_show_the_truth() {
    let effects = Effects { asteroids: false, transients: false, ..Effects::default() };
    let survey = survey(effects, |config| config.sky.stars_per_arcmin2 = 30.0);
    let made = science(&survey);
    let exposure = made.calibrated.as_ref().unwrap();
    let image = exposure.masked_image.image.mapv(f64::from);
    let njy = exposure.photo_calib.unwrap().njy_per_adu;
    let psf = survey.visits()[0].psf.at(0.0, 0.0);
    let (mut ratios, radius) = (Vec::new(), 8.0);
    for source in &made.truth.sources {
        let (x, y) = exposure.wcs.sky_to_pixel(source.ra, source.dec).unwrap();
        assert!((x - source.x).hypot(y - source.y) < 0.6, "refraction is small in r");
        let inside = |v: f64| (28.0..484.0).contains(&v);
        let alone = made.truth.sources.iter().all(|other| {
            other.id == source.id
                || other.electrons < 0.01 * source.electrons
                || (other.x - x).hypot(other.y - y) > 20.0
        });
        if (1e4..3e5).contains(&source.electrons) && inside(x) && inside(y) && alone {
            let sky = sky_around(&image, x, y);
            let sum = aperture(&image, x, y, radius) - sky * area(x, y, radius);
            ratios.push(sum * njy / source.flux_njy / (1.0 - psf.fraction_outside(radius)));
        }
    }
    // Clouds of 2 % are part of the truth that the zero point does not know.
    let n = ratios.len();
    let ratio = median(&mut ratios);
    assert!(n >= 5 && (ratio - 1.0).abs() < 0.03, "{ratio} of {n}");
    let sky = survey.visits()[0].sky_e;
    let mut values: Vec<f64> = image.iter().copied().collect();
    let spread = clipped_mean(&mut values, 3.0, 5).unwrap().sigma;
    // The sky's gradient widens what photons and the quietest amplifier scatter.
    let expected = (sky + 5.2 * 5.2).sqrt();
    assert!((0.97..1.2).contains(&(spread / expected)), "{spread} {expected}");
}

#[test]
fn real_cameras_cannot_be_simulated_without_their_numbers() {
    let refused = |camera: &str| {
        let config = SurveyConfig { camera: camera.to_owned(), ..Preset::Xs.config() };
        Survey::new(config).unwrap_err().to_string()
    };
    assert_eq!(refused("DECam"), "camera: DECam: filter g DECam has no electron_per_s_mag");
    assert!(refused("HSC").starts_with("camera: there is no camera HSC; known are TestCam,"));
}
