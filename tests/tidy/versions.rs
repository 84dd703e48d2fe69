//! Each dependency has one version, and it stands in the root manifest.

use std::collections::{BTreeMap, BTreeSet};

use crate::tree::{CRATES, assert_none, toml};

/// Two versions of these would be two languages between crates.
const ONE_VERSION: [&str; 6] =
    ["arrow-array", "arrow-schema", "datafusion", "object_store", "parquet", "sqlparser"];

#[test]
fn the_lock_file_has_one_version_of_what_crosses_crates() {
    let lock = toml("Cargo.lock");
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in lock["package"].as_array().unwrap() {
        let text = |key: &str| package[key].as_str().unwrap();
        versions.entry(text("name")).or_default().insert(text("version"));
    }
    for name in ONE_VERSION {
        assert_eq!(versions[name].len(), 1, "versions of {name}: {:?}", versions[name]);
    }
}

#[test]
fn versions_and_package_facts_stand_in_the_root_manifest() {
    let mut faults = vec![];
    for (folder, name) in CRATES {
        let manifest = toml(&format!("{folder}/Cargo.toml"));
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(table) = manifest.get(section).and_then(|section| section.as_table()) else {
                continue;
            };
            for (dependency, how) in table {
                if how.get("workspace").and_then(|value| value.as_bool()) != Some(true) {
                    faults.push(format!("{name}: {section} {dependency} = {how}"));
                }
            }
        }
        for fact in ["version", "edition", "rust-version", "license", "publish"] {
            let inherits = manifest["package"].get(fact).and_then(|fact| fact.get("workspace"));
            if inherits.and_then(|value| value.as_bool()) != Some(true) {
                faults.push(format!("{name}: {fact} is not the workspace's"));
            }
        }
        let lints = manifest.get("lints").and_then(|lints| lints.get("workspace"));
        if lints.and_then(|value| value.as_bool()) != Some(true) {
            faults.push(format!("{name}: its lints are not the workspace's"));
        }
    }
    assert_none("not inherited from the root manifest", &faults);
}

#[test]
fn the_workspace_denies_what_hides_errors() {
    let manifest = toml("Cargo.toml");
    let lints = manifest["workspace"]["lints"]["clippy"].as_table().unwrap();
    for lint in ["unwrap_used", "expect_used", "panic", "todo", "dbg_macro"] {
        assert_eq!(lints[lint].as_str(), Some("deny"), "{lint}");
    }
}
