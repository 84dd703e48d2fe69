//! What callers may have of the service's time and room, and whose turn it is.

use std::sync::Arc;
use std::time::Duration;

use almagest_server::ServerConfig;
use almagest_server::config::QueryLimits;
use almagest_server::people::store::{ANONYMOUS, Whom};
use almagest_server::people::{Allowance, Resource};
use almagest_server::turns::Lane;
use almagest_server::uws::Owner;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};

use crate::catalog::{Answer, Service, endless};

const STARS: [(&str, &str); 2] =
    [("QUERY", "SELECT name FROM sky.Star"), ("RESPONSEFORMAT", "csv")];

fn anonymous() -> Whom {
    Whom::User(ANONYMOUS.to_owned())
}

/// A service on which one query computes at a time.
fn narrow() -> Service {
    let longest_queue = Duration::from_millis(300);
    let queries = QueryLimits { quick: 1, long: 1, longest_queue, ..QueryLimits::default() };
    // A kept answer needs no turn.
    Service::with_config(ServerConfig { queries, cache_bytes: 0, ..ServerConfig::default() })
}

async fn create_job(service: &Service, body: &str) -> Answer {
    let request = Request::post("/tap/async")
        .header(header::HOST, "sky.example.org")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    service.send(request.body(Body::from(body.to_owned())).unwrap()).await
}

fn path(created: &Answer) -> String {
    assert_eq!(created.status, StatusCode::SEE_OTHER, "{}", created.text());
    created.header(header::LOCATION).strip_prefix("http://sky.example.org").unwrap().to_owned()
}

#[tokio::test]
async fn a_query_waits_for_its_turn_and_is_then_answered() {
    let service = narrow();
    let turns = service.state().turns;
    let held = turns
        .take(&Owner::default(), &Allowance::default(), Lane::Quick, Arc::default())
        .await
        .unwrap();
    let (answer, ()) = tokio::join!(service.sync(&STARS), async {
        while turns.n_queued() == 0 {
            tokio::task::yield_now().await;
        }
        let counts = service.get("/metrics").await.text();
        assert!(counts.contains("almagest_queries_waiting 1"), "{counts}");
        drop(held);
    });
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(answer.text().lines().count(), 4);
    // The turn ended with the answer.
    assert_eq!(service.sync(&STARS).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_query_whose_turn_does_not_come_is_told_when_to_try_again() {
    let service = narrow();
    let turns = service.state().turns;
    let held = turns
        .take(&Owner::default(), &Allowance::default(), Lane::Quick, Arc::default())
        .await
        .unwrap();
    let busy = service.sync(&STARS).await;
    busy.assert_error(StatusCode::TOO_MANY_REQUESTS, "the service is busy");
    assert_eq!(busy.header(header::RETRY_AFTER), "10");

    service.people().allow(&anonymous(), Resource::Waiting, Some(0)).unwrap();
    let crowded = service.sync(&STARS).await;
    crowded.assert_error(StatusCode::TOO_MANY_REQUESTS, "you may have 0 queries that wait");
    assert_eq!(crowded.header(header::RETRY_AFTER), "10");

    drop(held);

    // What takes longer goes by the other lane.
    service.people().allow(&anonymous(), Resource::Waiting, None).unwrap();
    let held = turns
        .take(&Owner::default(), &Allowance::default(), Lane::Long, Arc::default())
        .await
        .unwrap();
    let long = ["a", "b", "c", "d", "e"].map(|name| format!("TAP_SCHEMA.columns AS {name}"));
    let long =
        format!("SELECT a.datatype, COUNT(*) AS n FROM {} GROUP BY a.datatype", long.join(", "));
    let busy = service.sync(&[("QUERY", &long)]).await;
    busy.assert_error(StatusCode::TOO_MANY_REQUESTS, "the service is busy");
    assert_eq!(service.sync(&STARS).await.status, StatusCode::OK);
    drop(held);
}

#[tokio::test]
async fn a_caller_has_no_more_than_is_allowed() {
    let service = Service::new();
    let people = service.people();
    people.allow(&anonymous(), Resource::Rows, Some(2)).unwrap();
    let answer = service.sync(&[STARS[0], ("RESPONSEFORMAT", "votable"), ("MAXREC", "100")]).await;
    assert_eq!(answer.text().matches("OVERFLOW").count(), 1, "{}", answer.text());
    people.allow(&anonymous(), Resource::Rows, None).unwrap();
    assert_eq!(service.sync(&STARS).await.text().lines().count(), 4);

    people.allow(&anonymous(), Resource::Queries, Some(0)).unwrap();
    let refused = service.sync(&[("QUERY", "SELECT ra FROM sky.Star")]).await;
    refused.assert_error(StatusCode::FORBIDDEN, "you may not have any queries at the same time");

    people.allow(&anonymous(), Resource::Jobs, Some(0)).unwrap();
    let refused = create_job(&service, "QUERY=SELECT+ra+FROM+sky.Star").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);

    people.allow(&anonymous(), Resource::Jobs, None).unwrap();
    people.allow(&anonymous(), Resource::Seconds, Some(7)).unwrap();
    let job = path(&create_job(&service, "QUERY=SELECT+ra+FROM+sky.Star").await);
    assert_eq!(service.get(&format!("{job}/executionduration")).await.text().trim(), "7");
}

#[tokio::test]
async fn results_take_no_more_room_than_is_allowed() {
    let service = Service::new();
    let people = service.people();
    people.allow(&anonymous(), Resource::StoredBytes, Some(60)).unwrap();
    // Three rows of some 6 bytes fit, and then no others.
    let ask = "QUERY=SELECT+name+FROM+sky.Star&RESPONSEFORMAT=csv&PHASE=RUN";
    let first = path(&create_job(&service, ask).await);
    let phase = async |job: &str| {
        service.get(&format!("{job}?WAIT=20&PHASE=QUEUED")).await;
        service.get(&format!("{job}?WAIT=20&PHASE=EXECUTING")).await;
        service.get(&format!("{job}/phase")).await.text().trim().to_owned()
    };
    assert_eq!(phase(&first).await, "COMPLETED");
    let large = "QUERY=SELECT+a.name,+b.name+AS+c+FROM+sky.Star+AS+a,+sky.Star+AS+b&RESPONSEFORMAT=csv&PHASE=RUN";
    let second = path(&create_job(&service, large).await);
    assert_eq!(phase(&second).await, "ERROR");
    let message = service.get(&format!("{second}/error")).await.text();
    assert!(message.contains("may take 60 bytes here"), "{message}");
    // What failed takes no room.
    let third = path(&create_job(&service, ask).await);
    assert_eq!(phase(&third).await, "COMPLETED");
}

#[tokio::test]
async fn a_job_tells_its_place_in_the_queue_and_owners_take_turns() {
    let config = ServerConfig { concurrent_jobs: 1, ..ServerConfig::default() };
    let service = Service::with_config(config);
    let people = service.people();
    people.add_user("ada").unwrap();
    let token = people.add_token("ada", "default", None).unwrap();
    people.allow(&anonymous(), Resource::Jobs, Some(1)).unwrap();
    people.allow(&Whom::User("ada".to_owned()), Resource::Jobs, Some(1)).unwrap();
    let store = &service.state().jobs;
    let blocker = endless() + "&PHASE=RUN";
    let blocker = path(&create_job(&service, &blocker).await);
    service.get(&format!("{blocker}?WAIT=20&PHASE=QUEUED")).await;
    let ask = "QUERY=SELECT+name+FROM+sky.Star&PHASE=RUN";
    let strangers = [
        path(&create_job(&service, ask).await),
        path(&create_job(&service, ask).await),
        path(&create_job(&service, ask).await),
    ];
    let request = Request::post("/tap/async")
        .header(header::HOST, "sky.example.org")
        .header(header::AUTHORIZATION, format!("Bearer {}", token.reveal()))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let adas = path(&service.send(request.body(Body::from(ask)).unwrap()).await);
    let place = async |job: &str, owner: Option<&str>| {
        let id = job.rsplit('/').next().unwrap();
        let job = store.job(id, &Owner(owner.map(str::to_owned))).await.unwrap();
        store.place(&job).await.unwrap()
    };
    // A stranger's job is at work: ada's is the next, though it came last.
    assert_eq!(place(&adas, Some("ada")).await, Some(1));
    for (nth, job) in strangers.iter().enumerate() {
        assert_eq!(place(job, None).await, Some(nth as u64 + 2));
        let document = service.get(job).await.text();
        assert!(document.contains(&format!(":placeInQueue>{}<", nth + 2)), "{document}");
    }
    let request = Request::delete(&blocker).header(header::HOST, "sky.example.org");
    service.send(request.body(Body::empty()).unwrap()).await;
    for job in &strangers {
        service.get(&format!("{job}?WAIT=20&PHASE=QUEUED")).await;
        service.get(&format!("{job}?WAIT=20&PHASE=EXECUTING")).await;
        assert_eq!(service.get(&format!("{job}/phase")).await.text().trim(), "COMPLETED");
    }
    let id = adas.rsplit('/').next().unwrap();
    let done = store.job(id, &Owner(Some("ada".to_owned()))).await.unwrap();
    let last = strangers[2].rsplit('/').next().unwrap();
    let last = store.job(last, &Owner::default()).await.unwrap();
    assert!(done.ended < last.started, "{:?} {:?}", done.ended, last.started);
}

#[tokio::test]
async fn a_job_that_proves_slow_makes_room_for_another() {
    let queries = QueryLimits { slow_after: Duration::from_millis(50), ..QueryLimits::default() };
    let config = ServerConfig { queries, concurrent_jobs: 1, ..ServerConfig::default() };
    let service = Service::with_config(config);
    let endless = endless() + "&PHASE=RUN";
    let slow = path(&create_job(&service, &endless).await);
    service.get(&format!("{slow}?WAIT=20&PHASE=QUEUED")).await;
    tokio::time::sleep(Duration::from_millis(60)).await;
    let ask = "QUERY=SELECT+name+FROM+sky.Star&PHASE=RUN";
    let other = path(&create_job(&service, ask).await);
    for phase in ["QUEUED", "EXECUTING"] {
        service.get(&format!("{other}?WAIT=20&PHASE={phase}")).await;
    }
    assert_eq!(service.get(&format!("{other}/phase")).await.text().trim(), "COMPLETED");
    assert_eq!(service.get(&format!("{slow}/phase")).await.text().trim(), "EXECUTING");
    // There is room for one slow one and one other.
    let second = path(&create_job(&service, &endless).await);
    service.get(&format!("{second}?WAIT=20&PHASE=QUEUED")).await;
    tokio::time::sleep(Duration::from_millis(60)).await;
    let third = path(&create_job(&service, ask).await);
    assert_eq!(service.get(&format!("{third}?WAIT=1&PHASE=QUEUED")).await.status, StatusCode::OK);
    assert_eq!(service.get(&format!("{third}/phase")).await.text().trim(), "QUEUED");
    for job in [slow, second] {
        let request = Request::delete(&job).header(header::HOST, "sky.example.org");
        service.send(request.body(Body::empty()).unwrap()).await;
    }
}

#[tokio::test]
async fn a_query_that_is_not_as_quick_as_it_looks_begins_anew() {
    let queries = QueryLimits { quick_time: Duration::ZERO, ..QueryLimits::default() };
    let service = Service::with_config(ServerConfig { queries, ..ServerConfig::default() });
    for format in ["votable", "csv", "fits", "parquet"] {
        let ask = [STARS[0], ("RESPONSEFORMAT", format)];
        let answer = service.sync(&ask).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        assert_eq!(answer.body, Service::new().sync(&ask).await.body, "{format}");
    }
    assert_eq!(service.rows("SELECT COUNT(*) AS n FROM sky.Star").await, ["3"]);
}
