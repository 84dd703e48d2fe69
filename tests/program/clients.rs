//! The service as clients see it: pyvo, readers of all formats, STILTS taplint, STILTS tapquery.
//!
//! `tests/run` installs both clients where it can and names the Python in ALMAGEST_PYTHON; where
//! one is absent its test is skipped with a message.

use std::env;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::almagest::{Catalog, program, run_well, sources_csv};

/// A service on a port of its own; stopped when dropped.
struct Service {
    child: Child,
    url: String,
    _catalog: Catalog,
}

impl Service {
    fn start() -> Self {
        let catalog = filled();
        let mut child = program()
            .args(["serve", &catalog.root(), "--listen", "127.0.0.1:0"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let url = lines
            .find_map(|line| line.strip_prefix("answering at ").map(str::to_owned))
            .expect("the service says where it answers");
        // Nobody reads the log any more: without this it would fill the pipe and stop.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url, _catalog: catalog }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A catalog with rows in the tables that queries join.
fn filled() -> Catalog {
    let catalog = Catalog::create();
    let mut visits = "visit,band,expMidptMJD,expTime\n".to_owned();
    let mut objects = "objectId,coord_ra,coord_dec\n".to_owned();
    let mut forced =
        "objectId,visit,detector,band,coord_ra,coord_dec,psfFlux,psfFluxErr,psfFlux_flag\n"
            .to_owned();
    for visit in 1..=5 {
        writeln!(visits, "{visit},r,{},30", 60_000 + visit).unwrap();
    }
    for id in 1..=200 {
        let (ra, dec) = ((id * 77 % 360) as f64 + 0.5, (id * 31 % 170) as f64 - 85.0);
        writeln!(objects, "{id},{ra},{dec}").unwrap();
        for visit in 1..=5 {
            let flux = if (id + visit) % 7 == 0 { String::new() } else { format!("{id}.5") };
            writeln!(forced, "{id},{visit},1,r,{ra},{dec},{flux},0.5,{}", flux.is_empty()).unwrap();
        }
    }
    for (table, csv) in [
        ("Visit", visits),
        ("Object", objects),
        ("ForcedSource", forced),
        ("Source", sources_csv(1, 1, 3_000)),
    ] {
        let path = catalog.write(&format!("{table}.csv"), csv);
        run_well(&["ingest", &catalog.root(), table, &path]);
    }
    catalog
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("tests/client").join(name)
}

/// Is a program on the path?
fn have(name: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

/// Run a client; its output is shown where the test fails.
fn check(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{stdout}\n{stderr}", output.status);
    stdout
}

#[test]
fn pyvo() {
    let Some(python) = env::var_os("ALMAGEST_PYTHON") else {
        println!("skipped: pyvo, as ALMAGEST_PYTHON names no Python that has it");
        return;
    };
    let service = Service::start();
    let report = check(Command::new(python).arg(script("tap_client.py")).arg(&service.url));
    println!("{report}");
}

#[test]
fn readers_of_all_formats() {
    let Some(python) = env::var_os("ALMAGEST_PYTHON") else {
        println!("skipped: readers of formats, as ALMAGEST_PYTHON names no Python that has them");
        return;
    };
    let service = Service::start();
    let report = check(Command::new(python).arg(script("formats.py")).arg(&service.url));
    println!("{report}");
}

#[test]
fn stilts_taplint() {
    if !have("stilts") {
        println!("skipped: taplint, as STILTS is not here");
        return;
    }
    let service = Service::start();
    let report = check(Command::new("sh").arg(script("taplint.sh")).arg(&service.url));
    println!("{report}");
}

#[test]
fn stilts_tapquery() {
    if !have("stilts") {
        println!("skipped: tapquery, as STILTS is not here");
        return;
    }
    let service = Service::start();
    let query = |adql: &str| {
        check(
            Command::new("stilts")
                .args(["tapquery", "sync=true", "ofmt=csv"])
                .args([format!("tapurl={}", service.url), format!("adql={adql}")]),
        )
    };
    let light_curve = query(
        "SELECT v.expMidptMJD, f.psfFlux, f.psfFlux_flag FROM ForcedSource AS f \
         JOIN Visit AS v ON v.visit = f.visit WHERE f.objectId = 6 ORDER BY v.expMidptMJD",
    );
    assert_eq!(
        light_curve,
        "expMidptMJD,psfFlux,psfFlux_flag\n60001.0,,true\n60002.0,6.5,false\n60003.0,6.5,false\n\
         60004.0,6.5,false\n60005.0,6.5,false\n"
    );
    let count =
        query("SELECT COUNT(*) AS n FROM Source WHERE DISTANCE(coord_ra, coord_dec, 0, 90) <= 90");
    let n: u32 = count.lines().nth(1).unwrap().parse().unwrap();
    // Half of an even sky; the sequence is even to better than one in a hundred.
    assert!((1_470..=1_530).contains(&n), "{n}");
}
