//! `/tap/sync`: parameters in, rows or an explanation out.

use almagest_server::ServerConfig;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};

use crate::catalog::Service;

const STARS: &str = "SELECT starId, ra, name FROM sky.Star ORDER BY starId";

#[tokio::test]
async fn rows_come_with_units_and_ucds() {
    let answer = Service::new().sync(&[("QUERY", STARS), ("FORMAT", "votable/td")]).await;
    assert_eq!(answer.status, StatusCode::OK);
    let text = answer.text();
    for expected in [
        "<INFO name=\"QUERY_STATUS\" value=\"OK\"></INFO>",
        "name=\"ra\" datatype=\"double\" unit=\"deg\" ucd=\"pos.eq.ra;meta.main\" ref=\"icrs\"",
        "<DESCRIPTION>Right ascension, ICRS.</DESCRIPTION>",
        "name=\"name\" datatype=\"unicodeChar\" arraysize=\"*\"",
        "<TR><TD>1</TD><TD>10.0</TD><TD>α &lt;Scl&gt;</TD></TR>",
        "<TR><TD>2</TD><TD>10.01</TD><TD/></TR>",
    ] {
        assert!(text.contains(expected), "{expected} is not in {text}");
    }
}

#[tokio::test]
async fn get_post_and_multipart_are_the_same() {
    let service = Service::new();
    let posted = service.sync(&[("QUERY", STARS), ("LANG", "ADQL"), ("FORMAT", "csv")]).await;
    assert_eq!(posted.header(header::CONTENT_TYPE), "text/csv;header=present;charset=utf-8");
    assert_eq!(
        posted.text(),
        "starId,ra,name\r\n1,10.0,α <Scl>\r\n2,10.01,\r\n3,200.5,Polaris\r\n"
    );

    let query = STARS.replace(' ', "+");
    let got = service
        .get(&format!("/tap/sync?request=doQuery&Lang=ADQL-2.0&query={query}&format=csv&color=red"))
        .await;
    assert_eq!(got.text(), posted.text());

    let body = format!(
        "--B\r\nContent-Disposition: form-data; name=\"QUERY\"\r\n\r\n{STARS}\r\n\
         --B\r\nContent-Disposition: form-data; name=\"ResponseFormat\"\r\n\r\ntext/csv\r\n--B--\r\n"
    );
    let request = Request::post("/tap/sync")
        .header(header::CONTENT_TYPE, "multipart/form-data; boundary=B")
        .body(Body::from(body));
    let sent = service.send(request.unwrap()).await;
    assert_eq!(sent.text(), posted.text());
}

#[tokio::test]
async fn binary2_is_the_default() {
    let answer = Service::new().sync(&[("QUERY", STARS)]).await;
    assert_eq!(answer.header(header::CONTENT_TYPE), "application/x-votable+xml");
    assert!(answer.text().contains("<BINARY2><STREAM encoding=\"base64\">"));
}

#[tokio::test]
async fn no_rows_are_a_whole_result() {
    let service = Service::new();
    for query in
        ["SELECT starId FROM sky.Star WHERE starId > 9", "SELECT TOP 0 starId FROM sky.Star"]
    {
        let text = service.sync(&[("QUERY", query), ("FORMAT", "votable/td")]).await.text();
        assert!(
            text.contains("<TABLEDATA>\n</TABLEDATA>") && text.ends_with("</VOTABLE>\n"),
            "{text}"
        );
        assert!(service.rows(query).await.is_empty());
    }
}

#[tokio::test]
async fn maxrec_cuts_and_says_so() {
    let service = Service::new();
    for (maxrec, rows, overflows) in [("2", 2, true), ("3", 3, false), ("0", 0, true)] {
        let parameters = [("QUERY", STARS), ("FORMAT", "votable/td"), ("MAXREC", maxrec)];
        let text = service.sync(&parameters).await.text();
        assert_eq!(text.matches("<TR>").count(), rows, "MAXREC={maxrec}");
        assert_eq!(text.contains("value=\"OVERFLOW\""), overflows, "MAXREC={maxrec}");
    }
}

#[tokio::test]
async fn the_hard_limit_holds_whatever_maxrec_says() {
    let config = ServerConfig { hard_maxrec: 1, ..ServerConfig::default() };
    let parameters = [("QUERY", STARS), ("FORMAT", "votable/td"), ("MAXREC", "1000")];
    let text = Service::with_config(config).sync(&parameters).await.text();
    assert_eq!(text.matches("<TR>").count(), 1);
    assert!(text.contains("value=\"OVERFLOW\""), "{text}");
}

#[tokio::test]
async fn the_fault_of_a_query_is_named() {
    let service = Service::new();
    for (query, text) in [
        ("SELECT naem FROM sky.Star", "naem"),
        ("SELECT * FROM sky.Planet", "Planet"),
        ("SELEKT 1", "SELEKT"),
        ("SELECT NOSUCH(ra) FROM sky.Star", "NOSUCH"),
    ] {
        service.sync(&[("QUERY", query)]).await.assert_error(StatusCode::BAD_REQUEST, text);
    }
}

#[tokio::test]
async fn a_wrong_parameter_is_named() {
    let service = Service::new();
    for (name, value, text) in [
        ("LANG", "SQL", "parameter LANG"),
        ("RESPONSEFORMAT", "docx", "parameter RESPONSEFORMAT"),
        ("MAXREC", "-3", "parameter MAXREC"),
        ("REQUEST", "getCapabilities", "parameter REQUEST"),
        ("QUERY", "SELECT 2 AS n", "parameter QUERY is given more than once"),
    ] {
        let answer = service.sync(&[("QUERY", STARS), (name, value)]).await;
        answer.assert_error(StatusCode::BAD_REQUEST, text);
    }
    service.sync(&[]).await.assert_error(StatusCode::BAD_REQUEST, "parameter QUERY is missing");
    let long = format!("SELECT name FROM sky.Star -- {}", "x".repeat(1 << 20));
    let refused = service.sync(&[("QUERY", &long)]).await;
    refused.assert_error(StatusCode::PAYLOAD_TOO_LARGE, "and may have 1048576; upload a long list");
}

#[tokio::test]
async fn deep_queries_are_answered_not_fatal() {
    let service = Service::new();
    let nested = |levels: usize| {
        (0..levels).fold("SELECT starId FROM sky.Star".to_owned(), |query, _| {
            format!("SELECT starId FROM sky.Star WHERE starId IN ({query})")
        })
    };
    let calls = format!("SELECT {}ra{} AS a FROM sky.Star", "ABS(".repeat(150), ")".repeat(150));
    let sum = format!("SELECT {} AS a FROM sky.Star", vec!["ra"; 150].join(" + "));
    let name = format!("SELECT {} FROM sky.Star", "a".repeat(300_000));
    for (query, status) in [
        (nested(6), StatusCode::OK),
        (nested(11), StatusCode::BAD_REQUEST),
        (calls, StatusCode::OK),
        (sum, StatusCode::OK),
        (name, StatusCode::BAD_REQUEST),
    ] {
        let answer = service.sync(&[("QUERY", query.as_str()), ("FORMAT", "csv")]).await;
        assert_eq!(answer.status, status, "{}", &query[..80]);
    }
}

#[tokio::test]
async fn branches_of_several_types_lose_nothing() {
    let service = Service::new();
    for (query, rows) in [
        ("SELECT 1 AS a UNION ALL SELECT 2.5 ORDER BY 1", "a\r\n1.0\r\n2.5\r\n"),
        (
            "SELECT CASE WHEN starId = 1 THEN 2.5 ELSE starId END AS a FROM sky.Star ORDER BY starId",
            "a\r\n2.5\r\n2.0\r\n3.0\r\n",
        ),
        ("SELECT 9223372036854775807 + 1 AS a", "a\r\n\"\"\r\n"),
    ] {
        let answer = service.sync(&[("QUERY", query), ("FORMAT", "csv")]).await;
        assert_eq!(answer.text(), rows, "{query}");
    }
}
