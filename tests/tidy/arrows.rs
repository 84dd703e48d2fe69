//! The arrows between crates are those drawn:
//!
//! ```text
//! unit                                              leaf
//! adql     → unit
//! storage                                           leaf
//! engine   → adql storage
//! ingest   → storage unit
//! generate → ingest storage
//! pipeline → ingest storage
//! server   → adql engine generate ingest pipeline storage
//! tests    → all
//! ```

use std::collections::BTreeSet;

use toml::Table;

use crate::tree::{CRATES, assert_none, sources, toml};

/// Return what the drawing lets a crate depend on.
fn drawn(of_crate: &str) -> BTreeSet<&'static str> {
    let arrows: &[&str] = match of_crate {
        "unit" | "storage" => &[],
        "adql" => &["unit"],
        "engine" => &["adql", "storage"],
        "ingest" => &["storage", "unit"],
        "generate" => &["ingest", "storage"],
        "pipeline" => &["ingest", "storage"],
        "server" => &["adql", "engine", "generate", "ingest", "pipeline", "storage"],
        "tests" => &["adql", "engine", "ingest", "pipeline", "server", "storage"],
        other => panic!("crate {other} is not drawn"),
    };
    arrows.iter().copied().collect()
}

/// Return the dependencies of a crate in one section of its manifest.
fn dependencies(folder: &str, section: &str) -> Vec<String> {
    let manifest = toml(&format!("{folder}/Cargo.toml"));
    let table = manifest.get(section).and_then(|section| section.as_table());
    table.map_or(vec![], |table: &Table| table.keys().cloned().collect())
}

fn crates_among(dependencies: &[String]) -> BTreeSet<&str> {
    dependencies.iter().filter_map(|name| name.strip_prefix("almagest-")).collect()
}

#[test]
fn the_workspace_holds_the_crates_drawn() {
    let manifest = toml("Cargo.toml");
    let members = manifest["workspace"]["members"].as_array().unwrap();
    let members: BTreeSet<_> = members.iter().map(|member| member.as_str().unwrap()).collect();
    assert_eq!(members, CRATES.iter().map(|(folder, _)| *folder).collect());
    for (folder, name) in CRATES {
        let package = toml(&format!("{folder}/Cargo.toml"))["package"].clone();
        assert_eq!(package["name"].as_str().unwrap(), format!("almagest-{name}"));
    }
}

#[test]
fn dependencies_are_the_arrows() {
    for (folder, name) in CRATES {
        let arrows = dependencies(folder, "dependencies");
        assert_eq!(crates_among(&arrows), drawn(name), "arrows of {name}");
        // Tests may look further down the same arrows, never up.
        let of_tests = dependencies(folder, "dev-dependencies");
        assert!(crates_among(&of_tests).is_subset(&drawn(name)), "tests of {name}: {of_tests:?}");
        assert!(dependencies(folder, "build-dependencies").is_empty(), "{name} builds nothing");
    }
}

#[test]
fn only_the_engine_depends_on_datafusion() {
    for (folder, name) in CRATES {
        let all = ["dependencies", "dev-dependencies"].map(|s| dependencies(folder, s)).concat();
        let direct = all.iter().any(|name| name.starts_with("datafusion"));
        assert_eq!(direct, name == "engine", "DataFusion in the manifest of {name}");
    }
    let mut faults = vec![];
    for source in sources().iter().filter(|source| source.of_crate != "engine") {
        for (number, line) in source.lines() {
            if line.contains(concat!("data", "fusion::")) {
                faults.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    assert_none("DataFusion is named outside the engine", &faults);
}

#[test]
fn adql_knows_neither_rows_nor_files() {
    let all = dependencies("adql", "dependencies");
    for banned in ["arrow", "parquet", "tokio", "object_store", "rusqlite"] {
        assert!(!all.iter().any(|name| name == banned), "adql depends on {banned}");
    }
    let mut faults = vec![];
    for source in sources().iter().filter(|source| source.of_crate == "adql") {
        for (number, line) in source.product_lines() {
            if line.contains("std::fs") || line.contains("async fn") {
                faults.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    assert_none("adql reads files or waits", &faults);
}

#[test]
fn http_stays_in_the_server() {
    for (folder, name) in CRATES {
        let all = dependencies(folder, "dependencies");
        let speaks = all.iter().any(|name| ["axum", "hyper", "http", "tower"].contains(&&**name));
        assert_eq!(speaks, name == "server", "HTTP in the manifest of {name}");
    }
}
