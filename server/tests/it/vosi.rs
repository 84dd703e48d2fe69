//! What the service says of itself, and that it is true.

use std::collections::BTreeSet;

use almagest_adql::function::{FUNCTIONS, Group, Signature};
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use quick_xml::events::Event;

use crate::catalog::Service;

/// The texts of all elements called `wanted`.
pub fn texts(document: &str, wanted: &str) -> Vec<String> {
    let mut reader = quick_xml::Reader::from_str(document);
    let mut found: Vec<String> = Vec::new();
    let mut inside = false;
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) => {
                inside = tag.name().as_ref() == wanted;
                if inside {
                    found.push(String::new());
                }
            }
            Event::End(_) => inside = false,
            Event::Text(text) if inside => {
                found.last_mut().unwrap().push_str(&text);
            }
            Event::GeneralRef(entity) if inside => {
                let character = match &entity[..] {
                    "quot" => '"',
                    "amp" => '&',
                    "lt" => '<',
                    "gt" => '>',
                    "apos" => '\'',
                    "#10" => '\n',
                    other => panic!("&{other};"),
                };
                found.last_mut().unwrap().push(character);
            }
            Event::Eof => return found,
            _ => {}
        }
    }
}

#[tokio::test]
async fn capabilities_name_endpoints_as_the_caller_reached_them() {
    let service = Service::new();
    let document = service.get("/tap/capabilities").await.text();
    let urls = texts(&document, "accessURL");
    assert!(urls.contains(&"http://sky.example.org:8080/tap".to_owned()), "{urls:?}");

    let request = Request::get("/tap/capabilities")
        .header(header::HOST, "10.0.0.1")
        .header("X-Forwarded-Host", "public.example.org")
        .header("X-Forwarded-Proto", "https");
    let document = service.send(request.body(Body::empty()).unwrap()).await.text();
    for url in texts(&document, "accessURL") {
        assert!(url.starts_with("https://public.example.org/tap"), "{url}");
    }
}

#[tokio::test]
async fn capabilities_announce_the_limits_and_formats_that_hold() {
    let service = Service::new();
    let document = service.get("/tap/capabilities").await.text();
    // Retention and execution in seconds, output in rows, uploads in rows or bytes.
    let limits = |kind| texts(&document, kind)[..3].to_vec();
    assert_eq!(limits("default"), ["604800", "3600", "1000000"]);
    assert_eq!(limits("hard"), ["2592000", "86400", "100000000"]);
    let names = [texts(&document, "mime"), texts(&document, "alias")].concat();
    assert!(names.len() > 8, "{names:?}");
    for name in names {
        let parameters = [("QUERY", "SELECT starId FROM sky.Star"), ("RESPONSEFORMAT", &name)];
        assert_eq!(service.sync(&parameters).await.status, StatusCode::OK, "{name}");
    }
    let forms = texts(&document, "form");
    assert!(forms.iter().any(|form| form == "CIRCLE"), "{forms:?}");
}

#[tokio::test]
async fn vosi_tables_and_tap_schema_say_the_same() {
    let service = Service::new();
    let document = service.get("/tap/tables").await.text();
    let columns = service
        .rows("SELECT column_name, datatype, arraysize, unit, ucd, table_name FROM TAP_SCHEMA.columns")
        .await;
    assert_eq!(texts(&document, "dataType").len(), columns.len());

    let tables: BTreeSet<_> =
        service.rows("SELECT table_name FROM TAP_SCHEMA.tables").await.into_iter().collect();
    assert!(tables.contains("sky.Star") && tables.contains("TAP_SCHEMA.columns"), "{tables:?}");
    let names: BTreeSet<_> = texts(&document, "name").into_iter().collect();
    assert!(tables.is_subset(&names), "{names:?}");
    // Reserved words are quoted, in both.
    assert!(names.contains("\"size\""), "{names:?}");
    assert!(columns.contains(&"\"\"\"size\"\"\",double,,mas,phys.angSize,sky.Star".to_owned()));

    let keys = service.rows("SELECT from_table, target_table FROM TAP_SCHEMA.keys").await;
    assert!(keys.contains(&"sky.Epoch,sky.Star".to_owned()), "{keys:?}");
    assert!(texts(&document, "targetTable").contains(&"sky.Star".to_owned()));
}

#[tokio::test]
async fn a_name_from_tap_schema_can_be_pasted_into_a_query() {
    let service = Service::new();
    let query =
        "SELECT table_name, column_name FROM TAP_SCHEMA.columns WHERE table_name = 'sky.Star'";
    for row in service.rows(query).await {
        let (table, column) = row.split_once(',').unwrap();
        let column = column.trim_matches('"').replace("\"\"", "\"");
        assert_eq!(service.rows(&format!("SELECT {column} FROM {table}")).await.len(), 3);
    }
}

#[tokio::test]
async fn tables_can_be_listed_briefly_and_one_by_one() {
    let service = Service::new();
    let brief = service.get("/tap/tables?detail=min").await.text();
    assert!(texts(&brief, "name").contains(&"sky.Epoch".to_owned()));
    assert!(texts(&brief, "column").is_empty());
    let one = service.get("/tap/tables/SKY.epoch").await.text();
    assert_eq!(texts(&one, "name"), ["sky.Epoch", "starId", "mjd", "mag"]);
    let none = service.get("/tap/tables/sky.Planet").await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    assert_eq!(none.text(), "there is no table \"sky.Planet\" here\n");
    assert_eq!(service.get("/tap/tables?detail=some").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_service_is_available() {
    let document = Service::new().get("/tap/availability").await.text();
    assert_eq!(texts(&document, "vosi:available"), ["true"]);
}

#[tokio::test]
async fn the_examples_work() {
    let service = Service::new();
    let answer = service.get("/tap/examples").await;
    assert!(answer.header(header::CONTENT_TYPE).starts_with("application/xhtml+xml"));
    let queries = texts(&answer.text(), "pre");
    assert!(queries.len() >= 3, "{queries:?}");
    for query in queries {
        assert!(!service.rows(&query).await.is_empty(), "{query}");
    }
}

#[tokio::test]
async fn the_front_page_says_where_to_point_a_client() {
    let page = Service::new().get("/").await.text();
    assert!(page.contains("http://sky.example.org:8080/tap"), "{page}");
    assert!(page.contains("sky.Star"), "{page}");
}

/// Each function that a query may call is announced; many are called through TAP, and end to end
/// each is.
#[tokio::test]
async fn the_features_announced_are_those_of_the_language() {
    let service = Service::new();
    let document = service.get("/tap/capabilities").await.text();
    let announced = texts(&document, "form");
    for function in FUNCTIONS.iter().filter(|function| function.is_available()) {
        if matches!(function.group, Group::Math | Group::Aggregate | Group::Window) {
            continue;
        }
        match function.is_user_defined() {
            true => {
                for signature in &function.signatures {
                    let form = signature.to_string();
                    assert!(announced.contains(&form), "{form} is not announced");
                    assert_eq!(form.parse::<Signature>().as_ref(), Ok(signature));
                }
            }
            false => {
                let name = function.name.to_owned();
                assert!(announced.contains(&name), "{name} is not announced");
            }
        }
    }
    for (form, query, rows) in [
        ("ILIKE", "SELECT starId FROM sky.Star WHERE name ILIKE 'pol%'", 1),
        ("UNION", "SELECT starId FROM sky.Star UNION SELECT starId FROM sky.Epoch", 3),
        ("EXCEPT", "SELECT starId FROM sky.Star EXCEPT SELECT starId FROM sky.Epoch", 1),
        ("INTERSECT", "SELECT starId FROM sky.Star INTERSECT SELECT starId FROM sky.Epoch", 2),
        ("WITH", "WITH north AS (SELECT * FROM sky.Star WHERE dec > 0) SELECT name FROM north", 1),
        ("CAST", "SELECT CAST(ra AS INTEGER) AS n FROM sky.Star", 3),
        ("OFFSET", "SELECT starId FROM sky.Star ORDER BY starId OFFSET 2", 1),
    ] {
        assert!(announced.contains(&form.to_owned()), "{form} is not announced");
        assert_eq!(service.rows(query).await.len(), rows, "{query}");
    }
    for (call, rows) in FURTHER_FUNCTIONS {
        let query = format!("SELECT {call} AS x FROM sky.Star");
        assert_eq!(service.rows(&query).await.len(), rows, "{query}");
    }
}

/// Calls of functions, and how many rows of three they give.
const FURTHER_FUNCTIONS: [(&str, usize); 54] = [
    ("AREA(CIRCLE(ra, dec, 1))", 3),
    ("CENTROID(POINT(ra, dec))", 3),
    ("COORDSYS(POINT(ra, dec))", 3),
    ("REGION('CIRCLE ICRS 10 20 1')", 3),
    ("MOC('0/0-11')", 3),
    ("IN_UNIT(ra, 'arcmin')", 3),
    ("MEDIAN(ra)", 1),
    ("QUANTILE(ra, 0.9)", 1),
    ("STDDEV(ra)", 1),
    ("STDDEV_SAMP(ra)", 1),
    ("STDDEV_POP(ra)", 1),
    ("VARIANCE(ra)", 1),
    ("VAR_SAMP(ra)", 1),
    ("VAR_POP(ra)", 1),
    ("CORR(ra, dec)", 1),
    ("ivo_healpix_index(8, ra, dec)", 3),
    ("ivo_healpix_index(8, POINT(ra, dec))", 3),
    ("ivo_healpix_center(8, 77)", 3),
    ("ivo_epoch_prop_pos(ra, dec, 1, 2, 3, 4, 2000, 2016)", 3),
    ("ivo_geom_transform('ICRS', 'GALACTIC', POINT(ra, dec))", 3),
    ("ivo_to_jd('2026-01-01T00:00:00')", 3),
    ("ivo_to_mjd('2026-01-01T00:00:00')", 3),
    ("ivo_string_agg(name, ', ')", 1),
    ("ivo_nocasematch(name, 'pol%')", 3),
    ("ivo_hasword(name, 'polaris')", 3),
    ("ivo_hashlist_has(name, 'polaris')", 3),
    ("ivo_histogram(ra, 0, 360, 4)", 1),
    ("ivo_normal_random(0, 1)", 3),
    ("ivo_interval_overlaps(0, ra, 10, 20)", 3),
    ("ivo_hms_to_degrees('3:34:45.4')", 3),
    ("ivo_dms_to_degrees('-0:15:00')", 3),
    ("scisql_abMagToNanojansky(24.5)", 3),
    ("scisql_abMagToNanojanskySigma(24.5, 0.1)", 3),
    ("scisql_fluxToAbMag(1e-30)", 3),
    ("scisql_fluxToAbMagSigma(1e-30, 1e-31)", 3),
    ("scisql_abMagToFlux(24.5)", 3),
    ("scisql_abMagToFluxSigma(24.5, 0.1)", 3),
    ("scisql_dnToFlux(100, 1e12)", 3),
    ("scisql_dnToFluxSigma(100, 3, 1e12, 1e10)", 3),
    ("scisql_fluxToDn(1e-30, 1e12)", 3),
    ("scisql_fluxToDnSigma(1e-30, 1e-31, 1e12, 1e10)", 3),
    ("scisql_dnToAbMag(100, 1e12)", 3),
    ("scisql_dnToAbMagSigma(100, 3, 1e12, 1e10)", 3),
    ("scisql_abMagToDn(25, 1e12)", 3),
    ("scisql_abMagToDnSigma(25, 0.1, 1e12, 1e10)", 3),
    ("EPOCH_PROP(ra, dec, 1, 2, 3, 4, 2000, 2016)", 3),
    ("EPOCH_PROP_POS(ra, dec, 2, 3, 2000, 2016)", 3),
    ("gaia_healpix_index(8, 539853444666465792)", 3),
    ("CBRT(ra)", 3),
    ("SIGN(dec)", 3),
    ("scisql_s2PtInBox(ra, dec, 9, -31, 11, -29)", 3),
    ("scisql_s2PtInCircle(ra, dec, 10, -30, 1)", 3),
    ("scisql_s2PtInEllipse(ra, dec, 10, -30, 3600, 1800, 0)", 3),
    ("scisql_s2PtInCPoly(ra, dec, 9, -31, 11, -31, 10, -29)", 3),
];

#[tokio::test]
async fn tables_of_other_processes_come_and_go() {
    let service = Service::new();
    assert!(service.get("/tap/tables").await.text().contains("sky.Epoch"));
    service.change(|transaction| transaction.drop_table("Epoch").unwrap());
    for path in ["/tap/tables", "/tap/tables?detail=min", "/"] {
        let text = service.get(path).await.text();
        assert!(text.contains("sky.Star") && !text.contains("sky.Epoch"), "{path}: {text}");
    }
    let listed = service.rows("SELECT table_name FROM TAP_SCHEMA.tables").await;
    assert!(!listed.contains(&"sky.Epoch".to_owned()), "{listed:?}");
}
