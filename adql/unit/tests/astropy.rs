//! Conversions against those of astropy, stored in `astropy.tsv`.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::Path;

use almagest_unit::conversion;

/// Where the two use another edition of the fundamental constants (CODATA).
const OTHER_CONSTANTS: [&str; 3] = ["u", "Ry", "solMass"];

#[test]
fn conversions_agree_with_astropy() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/astropy.tsv");
    let table = fs::read_to_string(path).unwrap();
    let rows: Vec<Vec<&str>> =
        table.lines().filter(|l| !l.starts_with('#')).map(|l| l.split('\t').collect()).collect();
    assert!(rows.len() > 100, "{} pairs", rows.len());
    for row in rows {
        let [from, to, expected] = row.as_slice() else { panic!("{row:?}") };
        let expected: f64 = expected.parse().unwrap();
        let found = conversion(from, to).unwrap();
        let uses = |symbol: &&str| from.split(['.', '/']).any(|part| part == *symbol);
        let tolerance = if OTHER_CONSTANTS.iter().any(uses) { 1e-8 } else { 4e-15 };
        let off = (found / expected - 1.0).abs();
        assert!(off <= tolerance, "{from} to {to}: {found}, astropy {expected}, off by {off:e}");
    }
}
