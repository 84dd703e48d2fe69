//! Datasets are told apart, tagged, certified and listed on the command line.

use crate::almagest::{Catalog, run, run_well};

/// A catalog with two calibrated images of two bands.
fn with_images() -> (Catalog, String) {
    let catalog = Catalog::create();
    let root = catalog.root();
    let sky = catalog.file("sky").to_str().unwrap().to_owned();
    run_well(&["simulate", &sky, "--preset", "xs", "--calibrated"]);
    run_well(&["butler", "ingest-raws", &root, &format!("{sky}/calibrated")]);
    (catalog, root)
}

fn lines(args: &[&str]) -> Vec<String> {
    run_well(args).lines().map(str::to_owned).collect()
}

#[test]
fn datasets_are_tagged_and_certified_by_hand() {
    let (_catalog, root) = with_images();
    let found = |collection: &str| {
        lines(&["butler", "query-datasets", &root, "--collections", collection]).len()
    };
    let n_all = found("images");
    let types = run_well(&["butler", "dataset-types", &root, "visit*"]);
    assert_eq!(types, "visit_image\texposure\t{instrument, visit, detector}\n");
    let image = "visit_image";
    let tagged = run_well(&["butler", "tag", &root, image, "--to", "good", "-d", "visit < 4"]);
    let n_tagged = found("good");
    assert!(n_tagged > 1 && n_tagged < n_all);
    assert_eq!(tagged, format!("good: {n_tagged} datasets tagged\n"));
    let gone = run_well(&["butler", "untag", &root, image, "--from", "good", "-d", "visit = 2"]);
    assert_eq!(gone, "good: 1 dataset taken out\n");
    assert_eq!((found("good"), found("images")), (n_tagged - 1, n_all));

    let certify = ["butler", "certify", &root, image, "--to", "calib", "--begin", "60000"];
    run_well(&[&certify[..], &["--end", "60010", "-d", "visit < 3"]].concat());
    let decertify = ["butler", "decertify", &root, image, "--from", "calib", "--begin", "60005"];
    let cut = run_well(&[&decertify[..], &["-d", "visit = 1"]].concat());
    assert_eq!(cut, "calib: 1 certification ended or cut\n");
    assert_eq!(found("calib"), 2, "before the cut they hold");
    let cut = run_well(&["butler", "decertify", &root, image, "--from", "calib"]);
    assert_eq!((cut.as_str(), found("calib")), ("calib: 2 certifications ended or cut\n", 0));

    let refused = run(&["butler", "untag", &root, image, "--from", "images"]);
    assert!(refused.stderr.contains("collection images is RUN, not TAGGED"), "{refused:?}");
    let refused = run(&["butler", "query-datasets", &root, "visit_imag"]);
    assert!(refused.stderr.contains("no dataset type visit_imag; did you mean visit_image?"));
    let refused = run(&["butler", "ingest-raws", &root, &root, "--camera", "nofile.yaml"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("nofile.yaml: No such file"), "{refused:?}");
}
