//! `/queries`: who sees which queries under way, and who may stop them.

use std::time::Duration;

use almagest_server::people::Token;
use almagest_server::queries::OPERATORS;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::Value;

use crate::catalog::{Answer, Service, endless};

async fn send(service: &Service, token: Option<&Token>, request: (&str, &str, &str)) -> Answer {
    let (method, path, body) = request;
    let mut head = Request::builder().method(method).uri(path);
    head = head.header(header::HOST, "sky.example.org").header(header::ACCEPT, "application/json");
    if !body.is_empty() {
        head = head.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    }
    if let Some(token) = token {
        head = head.header(header::AUTHORIZATION, format!("Bearer {}", token.reveal()));
    }
    service.send(head.body(Body::from(body.to_owned())).unwrap()).await
}

async fn listed(service: &Service, token: Option<&Token>) -> Vec<Value> {
    let answer = send(service, token, ("GET", "/queries", "")).await;
    serde_json::from_str(&answer.text()).unwrap()
}

/// The first query that is listed and computes.
async fn computing(service: &Service, token: Option<&Token>) -> Value {
    loop {
        let mut rows = listed(service, token).await;
        if let Some(row) = rows.pop().filter(|row| row["stage"] == "computing") {
            return row;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_query_is_seen_and_stopped_by_its_owner_and_by_operators() {
    let service = Service::new();
    let people = service.people();
    let [ada, bob, carol] = ["ada", "bob", "carol"].map(|name| {
        people.add_user(name).unwrap();
        people.add_token(name, "default", None).unwrap()
    });
    people.join("carol", OPERATORS).unwrap();
    let stopped_by = async |who: &Token| {
        let query = endless();
        let asking = send(&service, Some(&ada), ("POST", "/tap/sync", &query));
        let stopping = async {
            let row = computing(&service, Some(&ada)).await;
            assert_eq!((&row["user"], &row["lane"]), (&"ada".into(), &"long".into()), "{row}");
            assert_eq!(listed(&service, Some(&carol)).await.len(), 1);
            assert!(listed(&service, Some(&bob)).await.is_empty());
            assert!(listed(&service, None).await.is_empty());
            let path = format!("/queries/{}", row["id"].as_str().unwrap());
            for other in [Some(&bob), None] {
                let refused = send(&service, other, ("DELETE", &path, "")).await;
                assert_eq!(refused.status, StatusCode::NOT_FOUND);
            }
            let stopped = send(&service, Some(who), ("DELETE", &path, "")).await;
            assert_eq!(stopped.status, StatusCode::NO_CONTENT);
        };
        let (answer, ()) = tokio::join!(asking, stopping);
        assert!(listed(&service, Some(&carol)).await.is_empty());
        answer
    };
    let answer = stopped_by(&ada).await;
    answer.assert_error(StatusCode::CONFLICT, "the query was stopped by its owner");
    let answer = stopped_by(&carol).await;
    answer.assert_error(StatusCode::CONFLICT, "stopped by an operator of the service");
}

#[tokio::test]
async fn a_job_that_is_stopped_ends_in_error_and_says_why() {
    let service = Service::new();
    let body = endless() + "&PHASE=RUN";
    let created = send(&service, None, ("POST", "/tap/async", &body)).await;
    let job = created.header(header::LOCATION).strip_prefix("http://sky.example.org").unwrap();
    let row = computing(&service, None).await;
    assert_eq!(job.rsplit('/').next(), row["id"].as_str());
    let text = service.get("/queries").await.text();
    assert!(text.lines().count() == 2 && text.contains("computing"), "{text}");
    let path = format!("/queries/{}", row["id"].as_str().unwrap());
    let stopped = send(&service, None, ("DELETE", &path, "")).await;
    assert_eq!(stopped.status, StatusCode::NO_CONTENT);
    service.get(&format!("{job}?WAIT=20&PHASE=EXECUTING")).await;
    assert_eq!(service.get(&format!("{job}/phase")).await.text().trim(), "ERROR");
    let error = service.get(&format!("{job}/error")).await.text();
    assert!(error.contains("the query was stopped by its owner"), "{error}");
}
