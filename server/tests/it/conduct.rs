//! Costs before running, answers that are kept, addresses behind a proxy, counts, and the guard on the
//! disk.

use almagest_server::ServerConfig;
use almagest_server::people::store::Restriction;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::Value;

use crate::catalog::Service;

const CONE: &str = "SELECT name FROM sky.Star WHERE DISTANCE(ra, dec, 10, -30) < 0.1";

#[tokio::test]
async fn the_cost_of_a_query_is_told_without_running_it() {
    let service = Service::new();
    let text = service.sync(&[("QUERY", CONE), ("PLAN", "1")]).await;
    assert!(text.header(header::CONTENT_TYPE).starts_with("text/plain"));
    assert!(
        text.text().contains("sky.Star: ") && text.text().contains("Not run."),
        "{}",
        text.text()
    );
    let json = async |query: &str| -> Value {
        let parameters = [("QUERY", query), ("PLAN", "1"), ("RESPONSEFORMAT", "json")];
        serde_json::from_slice(&service.sync(&parameters).await.body).unwrap()
    };
    let cone = json(CONE).await;
    let all = json("SELECT name, ra, dec FROM sky.Star").await;
    // The stars lie in two chunks, one of which the cone meets.
    let files = |plan: &Value, what: &str| plan["scans"][0]["files"][what].clone();
    assert_eq!(files(&all, "rows"), serde_json::json!({ "read": 3, "of": 3 }));
    assert_eq!(files(&cone, "rows"), serde_json::json!({ "read": 2, "of": 3 }), "{cone}");
    assert!(files(&cone, "chunks")["read"].as_u64() < files(&all, "chunks")["read"].as_u64());
    let bytes = |plan: &Value| plan["bytes"].as_u64().unwrap();
    assert!(0 < bytes(&cone) && bytes(&cone) < bytes(&all), "{cone} {all}");
    let described = json("SELECT table_name FROM TAP_SCHEMA.tables").await;
    assert_eq!(described["scans"][0]["inMemory"], true);
    service
        .sync(&[("QUERY", "SELECT nome FROM sky.Star"), ("PLAN", "1")])
        .await
        .assert_error(StatusCode::BAD_REQUEST, "unknown column nome");
}

#[tokio::test]
async fn the_cost_of_a_job_is_told_before_it_runs() {
    let service = Service::new();
    let body: String =
        form_urlencoded::Serializer::new(String::new()).append_pair("QUERY", CONE).finish();
    let request = Request::post("/tap/async")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(body));
    let created = service.send(request.unwrap()).await;
    let (_, job) = created.header(header::LOCATION).split_once("/tap/").unwrap();
    let plan = service.get(&format!("/tap/{job}/plan")).await;
    assert!(plan.text().contains("sky.Star: "), "{}", plan.text());
    let plan = service.get(&format!("/tap/{job}/plan?RESPONSEFORMAT=json")).await;
    assert!(serde_json::from_slice::<Value>(&plan.body).unwrap()["seconds"].is_number());
    assert_eq!(service.get(&format!("/tap/{job}/phase")).await.text(), "PENDING");
}

#[tokio::test]
async fn the_same_query_again_is_answered_from_what_was_kept() {
    let service = Service::new();
    let ask = async |query: &str| service.sync(&[("QUERY", query), ("FORMAT", "csv")]).await;
    let hit = |answer: &crate::catalog::Answer| answer.headers.contains_key("cache-status");
    let first = ask(CONE).await;
    assert!(!hit(&first) && first.header(header::ETAG).starts_with("W/\""));
    let second = ask(CONE).await;
    assert!(hit(&second));
    assert_eq!(second.body, first.body);
    assert!(!hit(&ask("SELECT name FROM sky.Star").await));

    let tag = first.header(header::ETAG).to_owned();
    let query: String = form_urlencoded::byte_serialize(CONE.as_bytes()).collect();
    let path = format!("/tap/sync?QUERY={query}&FORMAT=csv");
    let conditional = async |name, value: &str| {
        let request = Request::get(&path).header(name, value);
        service.send(request.body(Body::empty()).unwrap()).await
    };
    let unchanged = conditional(header::IF_NONE_MATCH, &tag).await;
    assert_eq!((unchanged.status, unchanged.body.len()), (StatusCode::NOT_MODIFIED, 0));
    let changed = conditional(header::IF_NONE_MATCH, "W/\"other\"").await;
    let vary = |answer: &crate::catalog::Answer| {
        let values = answer.headers.get_all(header::VARY).iter();
        values.map(|value| value.to_str().unwrap().to_owned()).collect::<Vec<_>>().join(", ")
    };
    assert!(vary(&changed).contains("accept, accept-encoding"), "{}", vary(&changed));
    assert_eq!(vary(&unchanged), vary(&changed));
    for name in [header::CACHE_CONTROL, header::ETAG] {
        assert_eq!(unchanged.header(name.clone()), changed.header(name));
    }
    let posted = Request::post("/tap/sync")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::IF_NONE_MATCH, &tag);
    let posted = posted.body(Body::from(format!("QUERY={query}&FORMAT=csv"))).unwrap();
    assert_eq!(service.send(posted).await.status, StatusCode::OK);
    assert!(!hit(&conditional(header::CACHE_CONTROL, "no-cache").await));

    let drawn = ask("SELECT RAND() AS r FROM sky.Star").await;
    assert!(drawn.status == StatusCode::OK && !drawn.headers.contains_key(header::ETAG));
    assert!(!hit(&ask("SELECT RAND() AS r FROM sky.Star").await));
}

#[tokio::test]
async fn what_was_kept_is_no_way_around_rights() {
    let service = Service::new();
    assert_eq!(service.rows(CONE).await.len(), 2);
    let (schema, table, group) = ("sky".to_owned(), "Star".to_owned(), "team".to_owned());
    service.people().restrict(&Restriction { schema, table, group }).unwrap();
    let refused = service.sync(&[("QUERY", CONE), ("RESPONSEFORMAT", "csv")]).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_public_address_is_not_for_callers_to_change() {
    let public_url = Some("https://data.example.org/sky/".to_owned());
    let service = Service::with_config(ServerConfig { public_url, ..ServerConfig::default() });
    let request = Request::get("/tap/capabilities")
        .header(header::HOST, "evil.example.org")
        .header("X-Forwarded-Host", "evil.example.org");
    let document = service.send(request.body(Body::empty()).unwrap()).await.text();
    assert!(document.contains("https://data.example.org/sky/tap/capabilities"), "{document}");
    assert!(!document.contains("evil"), "{document}");
}

#[tokio::test]
async fn requests_and_queries_are_counted() {
    let service = Service::new();
    service.rows(CONE).await;
    service.sync(&[("QUERY", "nonsense")]).await;
    service.get("/tap/tables/a").await;
    service.get("/no/such/place").await;
    let counts = service.get("/metrics").await.text();
    for expected in [
        "almagest_requests_total{method=\"POST\",route=\"/tap/sync\",status=\"200\"} 1",
        "almagest_requests_total{method=\"POST\",route=\"/tap/sync\",status=\"400\"} 1",
        "almagest_requests_total{method=\"GET\",route=\"/tap/tables/{name}\",status=\"404\"} 1",
        "almagest_requests_total{method=\"GET\",route=\"none\",status=\"404\"} 1",
        "almagest_queries_total{endpoint=\"sync\",outcome=\"complete\"} 1",
        "almagest_queries_total{endpoint=\"sync\",outcome=\"failed, status 400\"} 1",
        "almagest_queries_running{endpoint=\"sync\"} 0",
        "almagest_rows_total 2",
        "almagest_jobs{phase=\"PENDING\"} 0",
    ] {
        assert!(counts.contains(expected), "{expected} is not in {counts}");
    }
    assert!(!counts.contains("Star"), "{counts}");
}

#[tokio::test]
async fn a_failure_of_the_service_is_told_by_the_id_of_the_request() {
    let service = Service::new();
    service.lose_rows();
    let request = Request::post("/tap/sync")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header("X-Request-Id", "proxy-17");
    let answer =
        service.send(request.body(Body::from("QUERY=SELECT+*+FROM+sky.Star")).unwrap()).await;
    assert_eq!(answer.headers["x-request-id"], "proxy-17");
    answer.assert_error(StatusCode::INTERNAL_SERVER_ERROR, "in the log under proxy-17");
    assert!(!answer.text().contains(".parquet"), "{}", answer.text());
}

#[tokio::test]
async fn a_full_disk_refuses_jobs_and_uploads_and_answers_queries() {
    let service =
        Service::with_config(ServerConfig { min_free_disk: u64::MAX, ..ServerConfig::default() });
    assert_eq!(service.rows(CONE).await.len(), 2);
    let post = async |path: &str, content_type: &str, body: &str| {
        let request = Request::post(path).header(header::CONTENT_TYPE, content_type);
        service.send(request.body(Body::from(body.to_owned())).unwrap()).await
    };
    let job = post("/tap/async", "application/x-www-form-urlencoded", "QUERY=SELECT+1").await;
    assert_eq!(job.status, StatusCode::INSUFFICIENT_STORAGE);
    assert!(job.text().contains("nearly full"), "{}", job.text());
    let body = "--B\r\nContent-Disposition: form-data; name=\"UPLOAD\"\r\n\r\nt,param:t\r\n\
                --B\r\nContent-Disposition: form-data; name=\"t\"; filename=\"t.csv\"\r\n\r\nx\n1\n\r\n--B--\r\n";
    let upload = post("/tap/sync", "multipart/form-data; boundary=B", body).await;
    assert_eq!(upload.status, StatusCode::INSUFFICIENT_STORAGE);
    assert_eq!(service.uploads(), 0);
    assert_eq!(service.get("/health").await.status, StatusCode::OK);
    assert_eq!(service.get("/ready").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(Service::new().get("/ready").await.status, StatusCode::OK);
}
