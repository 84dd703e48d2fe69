//! The tests that the README names for each feature exist.

#![allow(clippy::expect_used)]

use std::path::Path;

#[test]
fn the_tests_named_in_the_readme_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("README.md")).expect("the README");
    let quoted = text.split('`').skip(1).step_by(2);
    let named = quoted.filter(|name| {
        let is_test = name.starts_with("tests/") || name.starts_with("../tests/");
        is_test && !name.contains("NAME")
    });
    let (mut count, mut absent) = (0, Vec::new());
    for name in named {
        count += 1;
        if !root.join(name).exists() {
            absent.push(name);
        }
    }
    assert!(absent.is_empty(), "not there: {absent:?}");
    assert!(count > 40, "only {count} tests are named");
}
