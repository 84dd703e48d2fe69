//! Rows out of an object store: of a name, of a pattern, refused, once.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::almagest::{Catalog, program, run_well, sources_csv};

/// A store that speaks as Amazon's does, with the files of a folder in the bucket `night`.
struct Store {
    process: Child,
    address: String,
}

impl Store {
    /// Start the store, if there is a Python for it.
    fn start(folder: &Path) -> Option<Self> {
        let Some(python) = env::var_os("ALMAGEST_PYTHON") else {
            println!("skipped: object stores, as ALMAGEST_PYTHON names no Python that has moto");
            return None;
        };
        let script =
            Path::new(env!("CARGO_MANIFEST_DIR")).parent()?.join("tests/client/object_store.py");
        let process = Command::new(python)
            .arg(script)
            .arg("night")
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut store = Self { process, address: String::new() };
        BufReader::new(store.process.stdout.take()?).read_line(&mut store.address).unwrap();
        assert!(store.address.starts_with("http://"), "the store began: {:?}", store.address);
        store.address.truncate(store.address.trim_end().len());
        Some(store)
    }

    /// Ingest what an address means into Source; return success and what was said.
    fn ingest(&self, catalog: &Catalog, more: &[&str]) -> (bool, String) {
        let output = program()
            .args([&["ingest", &catalog.root(), "Source"], more].concat())
            .env("AWS_ENDPOINT", &self.address)
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "reader")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .output()
            .unwrap();
        let said = match output.status.success() {
            true => output.stdout,
            false => output.stderr,
        };
        (output.status.success(), String::from_utf8(said).unwrap())
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn objects_are_ingested_as_files_are() {
    let catalog = Catalog::create();
    let folder = catalog.file("objects");
    fs::create_dir_all(folder.join("visits/old")).unwrap();
    for visit in 1..=3 {
        let path = folder.join(format!("visits/{visit}.csv"));
        fs::write(path, sources_csv(visit, visit * 1000, 200)).unwrap();
    }
    fs::write(folder.join("visits/old/4.csv"), sources_csv(4, 4000, 10)).unwrap();
    fs::write(folder.join("visits/[5].csv"), sources_csv(5, 5000, 10)).unwrap();
    // A table that cannot be read from its beginning to its end.
    let other = Catalog::create();
    let csv = other.write("Source.csv", sources_csv(6, 6000, 5000));
    run_well(&["ingest", &other.root(), "Source", &csv]);
    let parquet = folder.join("all.parquet").to_str().unwrap().to_owned();
    let adql = "SELECT sourceId, visit, detector, coord_ra, coord_dec, psfFlux FROM Source";
    run_well(&["query", &other.root(), adql, "--output", &parquet]);

    let Some(store) = Store::start(&folder) else { return };
    let (fits, said) = store.ingest(&catalog, &["s3://night/visits/*.csv"]);
    assert!(fits && said.contains("Source: 610 rows in version 1"), "{said}");
    assert_eq!(catalog.query("SELECT COUNT(DISTINCT visit) FROM Source"), ["4"]);
    let (fits, said) = store.ingest(&catalog, &["s3://night/all.parquet", "--once"]);
    assert!(fits && said.contains("Source: 5000 rows in version 2"), "{said}");
    let (fits, said) = store.ingest(&catalog, &["s3://night/all.parquet", "--once"]);
    assert!(fits && said.contains("1 file was in the catalog already"), "{said}");
    let (fits, said) = store.ingest(&catalog, &["s3://night/visits/old/4.csv", "--dry-run"]);
    assert!(fits && said.contains("nothing was written"), "{said}");

    let state = catalog.state();
    for (address, message) in [
        ("s3://night/visits/9.csv", "9.csv cannot be fetched: there is no such object"),
        ("s3://night/visits/*.fits", "no object fits the pattern"),
        ("s3://day/1.csv", "s3://day/1.csv cannot be fetched"),
        ("s3://night", "not of the form scheme://bucket/name"),
        ("s3://night/visits/1.csv", "s3://night/visits/1.csv"),
    ] {
        let (fits, said) = store.ingest(&catalog, &[address]);
        assert!(!fits && said.contains(message), "{address}: {said}");
        assert_eq!(said.lines().count(), 1, "{address}: {said}");
    }
    assert_eq!(catalog.state(), state);
    // An object of exactly that name counts before a pattern.
    let fresh = Catalog::create();
    let (fits, said) = store.ingest(&fresh, &["s3://night/visits/[5].csv"]);
    assert!(fits && said.contains("Source: 10 rows in version 1"), "{said}");
}
