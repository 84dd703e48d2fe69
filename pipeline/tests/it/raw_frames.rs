//! Raw frames of three cameras: read by what their files say, refused in one clear line.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use almagest_pipeline::butler::{Butler, FrameIngest, IngestedFrame, RawIngest, Transfer};
use almagest_pipeline::camera::model::{CameraModel, ExposureType, Section};
use almagest_pipeline::camera::{
    FrameFiles, FrameOptions, RawFrame, read_raw, read_raw_facts, read_visits,
};
use almagest_pipeline::fits::{Card, CardValue, Compression, FitsWriter};
use ndarray::Array2;

use crate::frame::catalog;

fn cameras() -> Vec<Arc<CameraModel>> {
    CameraModel::builtin().unwrap().into_iter().map(Arc::new).collect()
}

fn card(text: &str) -> Card {
    Card::parse(text)
}

/// The cards of an LSST-like primary header.
fn lsst_primary() -> Vec<Card> {
    [
        "INSTRUME= 'LSSTCam '",
        "RAFTBAY = 'R22     '",
        "CCDSLOT = 'S12     '",
        "DAYOBS  = '20250420'",
        "SEQNUM  =                  123",
        "IMGTYPE = 'OBJECT  '",
        "TIMESYS = 'TAI     '",
        "MJD-BEG =     60785.9876543210",
        "EXPTIME =                 30.0",
        "DARKTIME=                 30.7",
        "FILTER  = 'r_57    '",
        "RA      =        186.511234",
        "DEC     =          7.012345",
        "ROTPA   =                 90.0",
        "AMSTART =                 1.21",
    ]
    .map(card)
    .to_vec()
}

/// Write an LSST-like raw file: every pixel of segment number n has the value 1000 n, plus its column.
fn write_lsst(path: &Path, primary: &[Card], without: Option<&str>) {
    let mut file = FitsWriter::create(path, primary).unwrap();
    let names = (10..18).chain((0..8).rev()).map(|n| format!("Segment{n:02}"));
    for (n, name) in names.enumerate() {
        if without == Some(&name) {
            continue;
        }
        let pixels = Array2::from_shape_fn((2048, 576), |(_, x)| (1000 * n + x) as i32);
        let cards = [Card::new("EXTNAME", name.as_str(), "")];
        file.integers(&pixels, &cards, Compression::Rice).unwrap();
    }
    file.finish().unwrap();
}

fn in_folder(name: &str, write: impl FnOnce(&Path)) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    write(&path);
    (folder, path)
}

#[test]
fn lsst_like_raws_are_read_segment_by_segment() {
    let (_folder, path) = in_folder("lsst.fits", |path| write_lsst(path, &lsst_primary(), None));
    let frames = read_raw(&path, &cameras()).unwrap();
    let frame: &RawFrame = &frames[0];
    assert_eq!((frames.len(), frame.amplifiers.len()), (1, 16));
    assert_eq!(frame.detector.name, "R22_S12");
    let exposure = &frame.exposure;
    assert_eq!((exposure.visit, exposure.kind), (924_100_123, ExposureType::Science));
    assert_eq!((exposure.band.as_deref(), exposure.dark_time_s), (Some("r"), 30.7));
    assert!((exposure.mid_mjd_tai() - 60_785.987_654_321 - 15.0 / 86_400.0).abs() < 1e-9);
    let first = &frame.amplifiers[0];
    assert_eq!(first.name, "C10");
    assert_eq!(first.serial_overscan, Some(Section { x0: 522, y0: 0, nx: 54, ny: 2002 }));
    // Segment 10 lies in the upper left and is read from the right: its last column comes first.
    let image = frame.assemble();
    assert_eq!(image.dim(), (4004, 4096));
    assert_eq!((image[[4003, 0]], image[[2002, 511]]), (521.0, 10.0));
    // Of the lower half, the segment in the right corner is number 00, the last of the file... by name.
    let by_name = frame.amplifiers.iter().find(|a| a.name == "C07").unwrap();
    assert_eq!(by_name.pixels[[0, 0]], 8000.0);
    let wcs = frame.nominal_wcs().unwrap().unwrap();
    assert!((wcs.pixel_scale_arcsec(2000.0, 2000.0) - 0.2).abs() < 1e-4);
}

/// The header of a DECam CCD of the south as the camera wrote it in 2013.
const DECAM_S1: &str = "\
DATASECA= '[1081:2104,51:4146]'
BIASSECA= '[2105:2154,51:4146]'
PRESECA = '[2155:2160,51:4146]'
POSTSECA= '[1081:2104,1:50]'
DATASECB= '[57:1080,51:4146]'
BIASSECB= '[7:56,51:4146]'
PRESECB = '[1:6,51:4146]'
POSTSECB= '[57:1080,1:50]'
CCDNUM  =                   25
EXTNAME = 'S1      '
GAINA   =        4.59347726229
RDNOISEA=        7.17960496096
SATURATA=              43266.0
GAINB   =         4.4014084507
RDNOISEB=        7.01628521127
SATURATB=              44935.0
CTYPE1  = 'RA---TPV'
CTYPE2  = 'DEC--TPV'
CRVAL1  =              240.000
CRVAL2  =              -10.000
CRPIX1  =               2151.2
CRPIX2  =              14826.0
CD1_1   =                  0.0
CD1_2   =          7.2853E-05
CD2_1   =         -7.2853E-05
CD2_2   =                  0.0
PV1_1   =               1.0003";

fn write_decam(path: &Path, extension: &str) {
    let primary = [
        "INSTRUME= 'DECam   '",
        "EXPNUM  =               200666",
        "OBSTYPE = 'object  '",
        "MJD-OBS =       56404.33500000",
        "DATE-OBS= '2013-04-22T08:02:24.000000'",
        "EXPTIME =                 90.0",
        "DARKTIME=           91.1276150",
        "FILTER  = 'r DECam SDSS c0002 6415.0 1480.0'",
        "RA      = '16:00:00.000'",
        "DEC     = '-10:00:00.00'",
        "AIRMASS =                 1.34",
    ]
    .map(card);
    let mut file = FitsWriter::create(path, &primary).unwrap();
    let cards: Vec<Card> = extension.lines().map(card).collect();
    let pixels = Array2::from_shape_fn((4146, 2160), |(y, x)| (x + 3 * y) as i32);
    file.integers(&pixels, &cards, Compression::Rice).unwrap();
    // A focus sensor, of which the camera's file knows nothing.
    let focus = [Card::new("EXTNAME", "FS1", ""), Card::new("CCDNUM", 66_i64, "")];
    file.integers(&Array2::zeros((10, 10)), &focus, Compression::None).unwrap();
    file.finish().unwrap();
}

#[test]
fn decam_raws_have_sections_and_numbers_in_their_headers() {
    let (_folder, path) = in_folder("decam.fits", |path| write_decam(path, DECAM_S1));
    let frames = read_raw(&path, &cameras()).unwrap();
    assert_eq!(frames.len(), 1);
    let frame = &frames[0];
    assert_eq!((frame.detector.name.as_str(), frame.exposure.visit), ("S1", 200_666));
    assert_eq!(frame.exposure.boresight_deg, Some((240.0, -10.0)));
    let a = frame.amplifiers.iter().find(|amplifier| amplifier.name == "A").unwrap();
    assert_eq!((a.gain_e_per_adu, a.saturation_adu), (4.593_477_262_29, 43_266.0));
    // The amplifier's own rectangle begins at column 1080 and row 0 of the image.
    assert_eq!(a.pixels.dim(), (4146, 1080));
    assert_eq!(a.data, Section { x0: 0, y0: 50, nx: 1024, ny: 4096 });
    assert_eq!(a.serial_overscan, Some(Section { x0: 1024, y0: 50, nx: 50, ny: 4096 }));
    // Pixel (x, y) of the CCD is (x + 56, y + 50) of the raw image.
    let image = frame.assemble();
    for (x, y) in [(0, 0), (1023, 7), (1024, 4095), (2047, 0)] {
        assert_eq!(image[[y, x]], (x + 56 + 3 * (y + 50)) as f32);
    }
    let facts = read_raw_facts(&path, &cameras()).unwrap();
    assert_eq!((facts.len(), facts[0].detector_id), (1, 25));
    assert_eq!(facts[0].exposure, frame.exposure);
    assert_eq!(frame.nominal_wcs().unwrap().unwrap().projection(), "TPV");
    assert_eq!(frame.visit_info().band, "r");
}

#[test]
fn broken_raws_end_in_one_clear_line() {
    let check = |path: &Path, expected: &str| {
        let message = read_raw(path, &cameras()).unwrap_err().to_string();
        let expected = format!("{}{expected}", path.display());
        assert_eq!(message, expected);
    };
    let (_folder, path) =
        in_folder("a.fits", |path| write_lsst(path, &lsst_primary(), Some("Segment05")));
    check(&path, ": HDU 0: LSST-like: no image HDU Segment05 (amplifier C05)");

    let lacking: Vec<Card> = lsst_primary()
        .into_iter()
        .filter(|card| card.keyword != "MJD-BEG" && card.keyword != "SEQNUM")
        .collect();
    let (_folder, path) = in_folder("b.fits", |path| write_lsst(path, &lacking, None));
    check(
        &path,
        ": HDU 0: LSST-like: no exposure number (DAYOBS and SEQNUM); no start time (MJD-BEG)",
    );

    let mut other = lsst_primary();
    other[0].value = CardValue::Text("HSC".to_owned());
    let (_folder, path) = in_folder("c.fits", |path| write_lsst(path, &other, None));
    check(
        &path,
        ": no camera recognises it by INSTRUME = 'HSC'; known are TestCam, TestCamS, TestCamXS, DECam, \
         LSST-like; --camera FILE describes another",
    );

    let without = DECAM_S1.replace("GAINB", "GAINX").replace("[7:56,51", "[7:56,52");
    let without = without.replace("[1081:2104,51:4146]", "[1081:2204,51:4146]");
    let (_folder, path) = in_folder("d.fits", |path| write_decam(path, &without));
    check(
        &path,
        ": HDU 1: DECam: amplifier B: no gain (GAINB); amplifier A: data section (DATASECA) \
         [1081:2204,51:4146] reaches beyond the image's 2160 x 4146 pixels; amplifier A: data section \
         [1081:2204,51:4146] is not 1024 x 4096 pixels",
    );

    let (_folder, path) = in_folder("e.fits", |path| write_decam(path, DECAM_S1));
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let message = read_raw(&path, &cameras()).unwrap_err().to_string();
    assert!(message.contains("e.fits is truncated: HDU 1 needs"), "{message}");
}

/// Take a file into a new catalog by what it is, or as raw; return what its datasets are called.
fn taken(butler: &Butler, path: &Path, camera: Option<&Path>) -> Result<Vec<String>, String> {
    let facts = FrameOptions::default();
    let transfer = Transfer::InPlace;
    let raw = RawIngest { run: "images", transfer, camera };
    let dataset_type = "visit_image";
    let calibrated = FrameIngest { run: "images", dataset_type, transfer, facts: &facts };
    let name = |frame: IngestedFrame| frame.dataset.dataset_type.name;
    match butler.ingest_image(&FrameFiles::of(path), &raw, &calibrated) {
        Ok(frames) => Ok(frames.into_iter().map(name).collect()),
        Err(error) => Err(error.to_string()),
    }
}

/// The cards of a DECam image, with another size of its pixels.
fn decam_with(path: &Path, marks: &[&str], (ny, nx): (usize, usize)) {
    let primary = [
        "INSTRUME= 'DECam   '",
        "EXPNUM  =               401234",
        "OBSTYPE = 'object  '",
        // A start that halving and doubling the exposure does not give back.
        "MJD-OBS =           57054.1278",
        "EXPTIME =                 90.0",
        "FILTER  = 'r DECam SDSS c0002 6415.0 1480.0'",
        "RA      = '16:00:00.000'",
        "DEC     = '-10:00:00.00'",
    ];
    let primary: Vec<Card> = primary.iter().chain(marks).map(|text| card(text)).collect();
    let mut file = FitsWriter::create(path, &primary).unwrap();
    let cards: Vec<Card> = DECAM_S1.lines().map(card).collect();
    file.integers(&Array2::from_elem((ny, nx), 7), &cards, Compression::Rice).unwrap();
    file.finish().unwrap();
}

const RAW_SIZE: (usize, usize) = (4146, 2160);
const DETECTOR_SIZE: (usize, usize) = (4096, 2048);

#[test]
fn a_file_is_taken_as_what_its_header_says() {
    let check = |marks: &[&str], size: (usize, usize), expected: &str| {
        let folder = tempfile::tempdir().unwrap();
        let butler = Butler::open(&catalog(&folder.path().join("catalog"))).unwrap();
        let path = folder.path().join("c4d.fits");
        decam_with(&path, marks, size);
        assert_eq!(taken(&butler, &path, None).as_deref(), Ok(&[expected.to_owned()][..]));
    };
    check(&["PROCTYPE= 'raw     '"], RAW_SIZE, "raw");
    // Where the header is silent, the overscan around the data tells.
    check(&[], RAW_SIZE, "raw");
    check(&[], DETECTOR_SIZE, "visit_image");
    check(&["PROCTYPE= 'InstCal '"], RAW_SIZE, "visit_image");
    check(&["PROCTYPE= 'RAW     '"], DETECTOR_SIZE, "raw");
}

#[test]
fn a_calibrated_image_of_a_camera_with_raw_amplifiers_is_taken_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let butler = Butler::open(&catalog(&folder.path().join("catalog"))).unwrap();
    let path = folder.path().join("visit.fits");
    let mut cards = lsst_primary();
    cards.extend([card("BAND    = 'r       '"), card("VISIT   = 7"), card("DETECTOR= 3")]);
    let mut file = FitsWriter::create(&path, &cards).unwrap();
    let cards: Vec<Card> = DECAM_S1.lines().filter(|c| !c.contains("SEC")).map(card).collect();
    file.image(&Array2::from_elem((40, 50), 7.0), &cards, Compression::None).unwrap();
    file.finish().unwrap();
    assert_eq!(taken(&butler, &path, None).unwrap(), ["visit_image"]);
}

#[test]
fn raw_and_calibrated_readers_agree_on_the_time() {
    let folder = tempfile::tempdir().unwrap();
    let store = catalog(&folder.path().join("catalog"));
    let butler = Butler::open(&store).unwrap();
    let (raw, calibrated) = (folder.path().join("raw.fits"), folder.path().join("ooi.fits"));
    decam_with(&raw, &[], RAW_SIZE);
    decam_with(&calibrated, &["PROCTYPE= 'InstCal '"], DETECTOR_SIZE);
    assert_eq!(taken(&butler, &raw, None).unwrap(), ["raw"]);
    assert_eq!(taken(&butler, &calibrated, None).unwrap(), ["visit_image"]);
    let facts = read_raw_facts(&raw, &cameras()).unwrap();
    let files = FrameFiles::of(&calibrated);
    let (visit, _) = read_visits(&files, &FrameOptions::default()).unwrap().swap_remove(0);
    let exposure = &facts[0].exposure;
    assert_eq!(visit.start_mjd_tai, exposure.start_mjd_tai);
    assert_eq!(visit.mid_mjd_tai, exposure.mid_mjd_tai());
    assert_eq!(visit.end_mjd_tai(), exposure.end_mjd_tai());
    // What is asked to be calibrated is not taken raw in silence.
    let facts = FrameOptions::default();
    let (run, dataset_type, transfer) = ("images", "visit_image", Transfer::InPlace);
    let ingest = FrameIngest { run, dataset_type, transfer, facts: &facts };
    let error = butler.ingest_frames(&FrameFiles::of(&raw), &ingest).unwrap_err().to_string();
    assert!(error.contains("raw.fits: a raw frame of DECam, not a calibrated image"), "{error}");
}

#[test]
fn a_raw_of_no_camera_and_a_faulty_camera_are_told_as_such() {
    let mut other = lsst_primary();
    other[0].value = CardValue::Text("Foo".to_owned());
    let (folder, path) = in_folder("c.fits", |path| write_lsst(path, &other, None));
    let butler = Butler::open(&catalog(&folder.path().join("catalog"))).unwrap();
    let error = taken(&butler, &path, None).unwrap_err();
    assert!(error.contains("no camera recognises it by INSTRUME = 'Foo'; known are "), "{error}");
    assert!(error.ends_with("; --camera FILE describes another"), "{error}");

    let camera = folder.path().join("my.yaml");
    let error = taken(&butler, &path, Some(&camera)).unwrap_err();
    assert!(error.contains("my.yaml: No such file"), "{error}");
    let text = include_str!("../../cameras/lsst-like.yaml");
    fs::write(&camera, text.replacen("size_px", "sizepx", 1)).unwrap();
    let error = taken(&butler, &path, Some(&camera)).unwrap_err();
    assert!(error.contains(".sizepx: there is no such key, did you mean size_px?"), "{error}");
    assert!(error.contains(".size_px: is missing"), "{error}");
    fs::write(&camera, text.replace("LSSTCam", "Foo")).unwrap();
    assert_eq!(taken(&butler, &path, Some(&camera)).unwrap(), ["raw"]);
}
