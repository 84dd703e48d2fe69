//! World coordinates against astropy.wcs over whole chips, both ways.
//!
//! The reference files are made by `tests/reference/wcs.py`.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use almagest_pipeline::fits::Header;
use almagest_pipeline::wcs::Wcs;

/// Largest difference allowed, degrees.
const TOLERANCE_DEG: f64 = 1e-8;

/// Compares every row of NAME.csv with the header in NAME.hdr.
#[track_caller]
fn check(name: &str, projection: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference");
    let header = std::fs::read_to_string(folder.join(name).with_extension("hdr")).unwrap();
    let wcs = Wcs::from_header(&Header::from_lines(&header)).unwrap();
    assert_eq!(wcs.projection(), projection);
    let rewritten = Wcs::from_header(&Header::from_cards(wcs.to_cards())).unwrap();
    let table = std::fs::read_to_string(folder.join(name).with_extension("csv")).unwrap();
    let (mut rows, mut worst) = (0, (0.0_f64, 0.0_f64));
    for line in table.lines().skip(1) {
        let [x, y, ra, dec]: [f64; 4] =
            line.split(',').map(|f| f.parse().unwrap()).collect::<Vec<_>>().try_into().unwrap();
        let forward = separation(wcs.pixel_to_sky(x, y), (ra, dec));
        assert!(forward < TOLERANCE_DEG, "{name}: pixel {x}, {y} is {forward:e} degrees off");
        let (px, py) = wcs.sky_to_pixel(ra, dec).unwrap();
        let inverse = (px - x).hypot(py - y) * wcs.pixel_scale_arcsec(x, y) / 3600.0;
        assert!(inverse < TOLERANCE_DEG, "{name}: sky {ra}, {dec} is {inverse:e} degrees off");
        assert_eq!(rewritten.pixel_to_sky(x, y), wcs.pixel_to_sky(x, y), "{name}: written header");
        worst = (worst.0.max(forward), worst.1.max(inverse));
        rows += 1;
    }
    println!("{name}: at most {:.1e} degrees off, inverse {:.1e}", worst.0, worst.1);
    assert_eq!(rows, 96);
}

/// Distance of two nearby places, degrees (chord).
fn separation(a: (f64, f64), b: (f64, f64)) -> f64 {
    let vector = |(ra, dec): (f64, f64)| {
        let (ra, dec) = (ra.to_radians(), dec.to_radians());
        [dec.cos() * ra.cos(), dec.cos() * ra.sin(), dec.sin()]
    };
    let (a, b) = (vector(a), vector(b));
    (0..3).map(|i| (a[i] - b[i]).powi(2)).sum::<f64>().sqrt().to_degrees()
}

#[test]
fn tpv_of_real_decam_headers() {
    check("decam_field3_tpv", "TPV");
    check("decam_field4_tpv", "TPV");
    check("decam_field6_tpv", "TPV");
    check("decam_sequence_tpv", "TPV");
}

#[test]
fn tpv_with_every_term() {
    check("tpv_all_terms", "TPV");
}

#[test]
fn missing_linear_term_of_tpv_counts_as_one() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference");
    let stated = std::fs::read_to_string(folder.join("tpv_all_terms.hdr")).unwrap();
    let silent: String = stated
        .lines()
        .filter(|line| !line.starts_with("PV1_1 "))
        .map(|l| format!("{l}\n"))
        .collect();
    assert!(silent.len() < stated.len());
    let parse = |text: &str| Wcs::from_header(&Header::from_lines(text)).unwrap();
    assert_eq!(parse(&silent), parse(&stated));
}

#[test]
fn sip() {
    check("sip", "TAN-SIP");
}

#[test]
fn tan_at_the_edges_of_the_coordinates() {
    check("tan_ra_zero", "TAN");
    check("tan_near_pole", "TAN");
    check("tan_at_pole", "TAN");
    check("tan_south_pole", "TAN");
}

#[test]
fn tan_turned_in_each_way() {
    check("tan_lonpole", "TAN");
    check("tan_crota", "TAN");
    check("tan_pc", "TAN");
}
