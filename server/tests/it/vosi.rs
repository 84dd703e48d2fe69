//! What the service says of itself, and that it is true.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use quick_xml::events::Event;

use crate::catalog::Service;

/// The texts of all elements called `wanted`.
fn texts(document: &str, wanted: &str) -> Vec<String> {
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
    assert_eq!(texts(&document, "default"), ["1000000"]);
    assert_eq!(texts(&document, "hard"), ["100000000"]);
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

#[tokio::test]
async fn the_features_announced_are_there() {
    let service = Service::new();
    let document = service.get("/tap/capabilities").await.text();
    let mut announced = texts(&document, "form");
    let name = |form: &str| form.split('(').next().unwrap_or_default().to_owned();
    for (form, query, rows) in [
        (
            "POINT",
            "SELECT starId FROM sky.Star WHERE DISTANCE(POINT(ra, dec), POINT(10, -30)) < 0.001",
            1,
        ),
        (
            "CIRCLE",
            "SELECT starId FROM sky.Star WHERE CONTAINS(POINT(ra, dec), CIRCLE(10, -30, 1)) = 1",
            2,
        ),
        (
            "BOX",
            "SELECT starId FROM sky.Star WHERE CONTAINS(POINT(ra, dec), BOX(10, -30, 1, 1)) = 1",
            2,
        ),
        (
            "POLYGON",
            "SELECT starId FROM sky.Star WHERE CONTAINS(POINT(ra, dec), POLYGON(9, -31, 11, -31, 11, -29, 9, -29)) = 1",
            2,
        ),
        (
            "CONTAINS",
            "SELECT starId FROM sky.Star WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE(POINT(0, 90), 1))",
            1,
        ),
        (
            "INTERSECTS",
            "SELECT starId FROM sky.Star WHERE INTERSECTS(POINT(ra, dec), CIRCLE(10, -30, 1)) = 1",
            2,
        ),
        ("DISTANCE", "SELECT DISTANCE(POINT(ra, dec), POINT(0, 90)) AS d FROM sky.Star", 3),
        ("COORD1", "SELECT COORD1(POINT(ra, dec)) AS x FROM sky.Star", 3),
        ("COORD2", "SELECT COORD2(POINT(ra, dec)) AS y FROM sky.Star", 3),
        ("scisql_angSep", "SELECT scisql_angSep(ra, dec, 0, 90) AS d FROM sky.Star", 3),
        ("scisql_nanojanskyToAbMag", "SELECT scisql_nanojanskyToAbMag(mag) AS m FROM sky.Epoch", 4),
        (
            "scisql_nanojanskyToAbMagSigma",
            "SELECT scisql_nanojanskyToAbMagSigma(mag, 0.1) AS m FROM sky.Epoch",
            4,
        ),
        ("LOWER", "SELECT starId FROM sky.Star WHERE LOWER(name) = 'polaris'", 1),
        ("UPPER", "SELECT starId FROM sky.Star WHERE UPPER(name) = 'POLARIS'", 1),
        ("ILIKE", "SELECT starId FROM sky.Star WHERE name ILIKE 'pol%'", 1),
        ("COALESCE", "SELECT COALESCE(size, 0.0) AS s FROM sky.Star", 3),
        ("UNION", "SELECT starId FROM sky.Star UNION SELECT starId FROM sky.Epoch", 3),
        ("EXCEPT", "SELECT starId FROM sky.Star EXCEPT SELECT starId FROM sky.Epoch", 1),
        ("INTERSECT", "SELECT starId FROM sky.Star INTERSECT SELECT starId FROM sky.Epoch", 2),
        ("WITH", "WITH north AS (SELECT * FROM sky.Star WHERE dec > 0) SELECT name FROM north", 1),
        ("CAST", "SELECT CAST(ra AS INTEGER) AS n FROM sky.Star", 3),
        ("TIMESTAMP", "SELECT TIMESTAMP('2026-01-01T00:00:00') AS t FROM sky.Star", 3),
        ("OFFSET", "SELECT starId FROM sky.Star ORDER BY starId OFFSET 2", 1),
    ] {
        assert_eq!(service.rows(query).await.len(), rows, "{query}");
        announced.retain(|announced| name(announced) != form);
    }
    assert!(announced.is_empty(), "announced, and not tried here: {announced:?}");
}
