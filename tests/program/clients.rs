//! The service as clients see it: pyvo, astroquery, readers of all formats, STILTS taplint and
//! tapquery; and what HATS's own tools read and write.
//!
//! `tests/run` installs both clients where it can and names the Python in ALMAGEST_PYTHON; where
//! one is absent its test is skipped with a message.

use std::env;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::almagest::{Catalog, program, run_well, sources_csv, values};
use crate::service::Service;

/// The epochs of one object.
const LIGHT_CURVE: &str = "SELECT v.expMidptMJD, f.psfFlux, f.psfFlux_flag FROM ForcedSource AS f \
     JOIN Visit AS v ON v.visit = f.visit WHERE f.objectId = 6 ORDER BY v.expMidptMJD";

/// A service over a filled catalog.
fn start() -> (Service, Catalog) {
    let catalog = filled();
    (Service::start(&catalog.root(), &[]), catalog)
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
    let (service, _catalog) = start();
    let report = check(Command::new(python).arg(script("tap_client.py")).arg(&service.url));
    println!("{report}");
}

/// Debian 12's pyvo and astropy are what many a notebook still runs.
#[test]
fn pyvo_of_debian() {
    const PYTHON: &str = "/usr/bin/python3";
    let has_pyvo = Command::new(PYTHON).args(["-c", "import pyvo, astropy"]).output();
    if !has_pyvo.is_ok_and(|output| output.status.success()) {
        println!("skipped: pyvo of Debian, as python3-pyvo is not here");
        return;
    }
    let (service, _catalog) = start();
    for client in ["tap_client.py", "cone_search.py"] {
        let report = check(Command::new(PYTHON).arg(script(client)).arg(&service.url));
        println!("{report}");
    }
}

#[test]
fn readers_of_all_formats() {
    let Some(python) = env::var_os("ALMAGEST_PYTHON") else {
        println!("skipped: readers of formats, as ALMAGEST_PYTHON names no Python that has them");
        return;
    };
    let (service, _catalog) = start();
    let report = check(Command::new(python).arg(script("formats.py")).arg(&service.url));
    println!("{report}");
}

#[test]
fn astroquery() {
    let Some(python) = env::var_os("ALMAGEST_PYTHON") else {
        println!("skipped: astroquery, as ALMAGEST_PYTHON names no Python that has it");
        return;
    };
    let (service, _catalog) = start();
    let report = check(Command::new(python).arg(script("tap_plus.py")).arg(&service.url));
    println!("{report}");
}

#[test]
fn pyvo_cone_search() {
    let Some(python) = env::var_os("ALMAGEST_PYTHON") else {
        println!("skipped: cone search, as ALMAGEST_PYTHON names no Python that has pyvo");
        return;
    };
    let (service, _catalog) = start();
    let report = check(Command::new(python).arg(script("cone_search.py")).arg(&service.url));
    println!("{report}");
}

#[test]
fn pyvo_user_tables() {
    let Some(python) = env::var_os("ALMAGEST_PYTHON") else {
        println!("skipped: tables of users, as ALMAGEST_PYTHON names no Python that has pyvo");
        return;
    };
    let catalog = filled();
    run_well(&["user", &catalog.root(), "add", "ada"]);
    let token = run_well(&["user", &catalog.root(), "token", "ada"]);
    let service = Service::start(&catalog.root(), &[]);
    let mut client = Command::new(python);
    client.arg(script("user_tables.py")).arg(&service.url).env("ALMAGEST_TOKEN", token.trim());
    println!("{}", check(&mut client));
}

/// HATS catalogs out to LSDB, and in from hats-import and LSDB, copied and mounted.
#[test]
fn hats_and_lsdb() {
    let Some(python) = env::var_os("ALMAGEST_PYTHON") else {
        println!("skipped: HATS, as ALMAGEST_PYTHON names no Python that has LSDB");
        return;
    };
    let catalog = Catalog::create();
    let mut client = Command::new(python);
    client.arg(script("hats_catalogs.py")).arg(program().get_program()).arg(catalog.file("hats"));
    println!("{}", check(&mut client));
}

/// The images of a catalog that the pipeline has filled, as pyvo and STILTS find them.
pub fn images_behind_rows(root: &str) {
    let service = Service::start(root, &[]);
    match env::var_os("ALMAGEST_PYTHON") {
        Some(python) => {
            let report = check(Command::new(python).arg(script("images.py")).arg(&service.url));
            println!("{report}");
        }
        None => println!("skipped: images, as ALMAGEST_PYTHON names no Python that has pyvo"),
    }
    if !have("stilts") {
        println!("skipped: datalinklint, as STILTS is not here");
        return;
    }
    let base = service.url.trim_end_matches("/tap");
    let ids = values(root, "SELECT TOP 1 sourceId FROM Source ORDER BY sourceId");
    let of_row = format!("{base}/datalink/links?ID={}&TABLE=survey.Source", ids[0][0]);
    let mut lint = Command::new("stilts");
    let report = check(lint.args(["datalinklint".to_owned(), format!("votable={of_row}")]));
    assert!(report.contains("Errors: 0; Warnings: 0"), "{report}");
    let of_image = report.split_whitespace().find(|word| word.contains("links?ID=ivo")).unwrap();
    let mut lint = Command::new("stilts");
    let report = check(lint.args(["datalinklint".to_owned(), format!("votable={of_image}")]));
    assert!(report.contains("Errors: 0; Warnings: 0"), "{report}");
}

#[test]
fn stilts_cone() {
    if !have("stilts") {
        println!("skipped: cone, as STILTS is not here");
        return;
    }
    let (service, _catalog) = start();
    let schema = service.url.replace("/tap", "/scs/survey.Object");
    let cone = check(
        Command::new("stilts")
            .args(["cone", "servicetype=cone", "lon=77.5", "lat=-54", "radius=0.1", "ofmt=csv"])
            .args(["verb=1".to_owned(), format!("serviceurl={schema}")]),
    );
    assert_eq!(cone, "objectId,coord_ra,coord_dec\n1,77.5,-54.0\n");
}

#[test]
fn stilts_taplint() {
    if !have("stilts") {
        println!("skipped: taplint, as STILTS is not here");
        return;
    }
    let (service, _catalog) = start();
    let report = check(Command::new("sh").arg(script("taplint.sh")).arg(&service.url));
    println!("{report}");
}

#[test]
fn stilts_tapquery() {
    if !have("stilts") {
        println!("skipped: tapquery, as STILTS is not here");
        return;
    }
    let (service, _catalog) = start();
    let query = |adql: &str| {
        check(
            Command::new("stilts")
                .args(["tapquery", "sync=true", "ofmt=csv"])
                .args([format!("tapurl={}", service.url), format!("adql={adql}")]),
        )
    };
    let light_curve = query(LIGHT_CURVE);
    assert_eq!(
        light_curve,
        "expMidptMJD,psfFlux,psfFlux_flag\n60001.0,,true\n60002.0,6.5,false\n60003.0,6.5,false\n\
         60004.0,6.5,false\n60005.0,6.5,false\n"
    );
    // The same as a job.
    let as_job = check(
        Command::new("stilts")
            .args(["tapquery", "sync=false", "ofmt=csv", "poll=100", "delete=finished"])
            .args([format!("tapurl={}", service.url), format!("adql={LIGHT_CURVE}")]),
    );
    assert_eq!(as_job, light_curve);
    let count =
        query("SELECT COUNT(*) AS n FROM Source WHERE DISTANCE(coord_ra, coord_dec, 0, 90) <= 90");
    let n: u32 = count.lines().nth(1).unwrap().parse().unwrap();
    // Half of an even sky; the sequence is even to better than one in a hundred.
    assert!((1_470..=1_530).contains(&n), "{n}");
}

/// TOPCAT's sky match sends a table in small blocks, each an upload of its own.
#[test]
fn stilts_tapskymatch() {
    if !have("stilts") {
        println!("skipped: tapskymatch, as STILTS is not here");
        return;
    }
    let (service, catalog) = start();
    // Each object is sought a little beside itself, and one where there is none.
    let mut sought = "n,lon,lat\n1000,12.0,3.0\n".to_owned();
    for id in 1..=200 {
        let (ra, dec) = ((id * 77 % 360) as f64 + 0.5, (id * 31 % 170) as f64 - 85.0);
        writeln!(sought, "{id},{ra},{}", dec + 0.0001).unwrap();
    }
    let sought = catalog.write("sought.csv", sought);
    let found = check(
        Command::new("stilts")
            .args(["tapskymatch", "taptable=survey.Object", "taplon=coord_ra", "taplat=coord_dec"])
            .args(["tapcols=objectId", "inlon=lon", "inlat=lat", "sr=0.001", "find=all"])
            .args(["blocksize=20", "ifmt=csv", "ofmt=csv", "ocmd=keepcols 'n objectId'"])
            .args([format!("tapurl={}", service.url), format!("in={sought}")]),
    );
    let mut pairs: Vec<&str> = found.lines().skip(1).collect();
    pairs.sort_unstable();
    let mut expected: Vec<String> = (1..=200).map(|id| format!("{id},{id}")).collect();
    expected.sort_unstable();
    assert_eq!(pairs, expected);
}
