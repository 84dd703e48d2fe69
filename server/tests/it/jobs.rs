//! `/tap/async`: jobs and their phases, alone and over restarts of the service.

use std::time::{Duration, Instant};

use almagest_server::ServerConfig;
use almagest_server::config::{AnonymousJobs, Limit};
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};

use crate::catalog::{Answer, Service};
use crate::vosi::texts;

const STARS: &str = "SELECT starId, ra FROM sky.Star ORDER BY starId";

/// A query that computes for minutes, and gives no row before its end.
const ENDLESS: &str = "SELECT COUNT(*) AS n FROM TAP_SCHEMA.columns AS a \
     JOIN TAP_SCHEMA.columns AS b ON a.\"size\" < b.\"size\" OR a.principal = b.std \
     JOIN TAP_SCHEMA.columns AS c ON b.\"size\" < c.\"size\" OR b.principal = c.std \
     JOIN TAP_SCHEMA.columns AS d ON c.\"size\" < d.\"size\" OR c.principal = d.std \
     JOIN TAP_SCHEMA.columns AS e ON d.\"size\" < e.\"size\" OR d.principal = e.std \
     JOIN TAP_SCHEMA.columns AS f ON e.\"size\" < f.\"size\" OR e.principal = f.std";

/// Asks a service about its jobs.
struct Client(Service);

impl Client {
    fn new() -> Self {
        Self(Service::new())
    }

    async fn send(&self, method: Method, path: &str, parameters: &[(&str, &str)]) -> Answer {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(parameters);
        let request = Request::builder().method(method).uri(format!("/tap/async{path}"));
        let request = request
            .header(header::HOST, "sky.example.org:8080")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.0.send(request.body(Body::from(body.finish())).unwrap()).await
    }

    async fn post(&self, path: &str, parameters: &[(&str, &str)]) -> Answer {
        self.send(Method::POST, path, parameters).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[]).await
    }

    /// POST, which must be answered by a redirect; return where it leads, below `/tap/async`.
    async fn posted(&self, path: &str, parameters: &[(&str, &str)]) -> String {
        let answer = self.post(path, parameters).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
        let location = answer.header(header::LOCATION);
        location.strip_prefix("http://sky.example.org:8080/tap/async").unwrap().to_owned()
    }

    /// Make a job; return its path.
    async fn create(&self, query: &str, more: &[(&str, &str)]) -> String {
        let mut parameters = vec![("QUERY", query), ("LANG", "ADQL")];
        parameters.extend(more);
        self.posted("", &parameters).await
    }

    /// Make a job, run it, and wait for its end; return its path and its document.
    async fn ended(&self, query: &str, more: &[(&str, &str)]) -> (String, String) {
        let job = self.create(query, &[&[("PHASE", "RUN")], more].concat()).await;
        let document = self.wait(&job, 20).await;
        (job, document)
    }

    /// Wait until a job is at its end.
    async fn wait(&self, job: &str, seconds: u64) -> String {
        let begin = Instant::now();
        loop {
            let document = self.get(&format!("{job}?WAIT=5")).await.text();
            let phase = phase_of(&document);
            if !["PENDING", "QUEUED", "EXECUTING"].contains(&phase.as_str()) {
                return document;
            }
            assert!(begin.elapsed() < Duration::from_secs(seconds), "{document}");
        }
    }

    async fn until(&self, job: &str, phase: &str) {
        let begin = Instant::now();
        while self.get(&format!("{job}/phase")).await.text() != phase {
            assert!(begin.elapsed() < Duration::from_secs(20), "{job} does not become {phase}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn phase_of(document: &str) -> String {
    texts(document, "uws:phase").concat()
}

#[tokio::test]
async fn a_job_goes_from_pending_to_its_result() {
    let client = Client::new();
    let job = client.create(STARS, &[("RESPONSEFORMAT", "csv"), ("RUNID", "my <run>")]).await;
    let document = client.get(&job).await.text();
    assert_eq!(phase_of(&document), "PENDING");
    assert_eq!(texts(&document, "uws:jobId"), [job.trim_start_matches('/')]);
    assert_eq!(texts(&document, "uws:runId"), ["my <run>"]);
    assert_eq!(texts(&document, "uws:parameter"), [STARS, "ADQL", "csv", "my <run>"]);
    assert!(document.contains("<uws:startTime xsi:nil=\"true\"/>"), "{document}");

    assert_eq!(client.posted(&format!("{job}/phase"), &[("PHASE", "RUN")]).await, job);
    let phase = client.get(&format!("{job}/phase")).await.text();
    assert_ne!(phase, "PENDING", "RUN is answered when the job has left PENDING");
    let document = client.wait(&job, 20).await;
    assert_eq!(phase_of(&document), "COMPLETED");
    let rows = "starId,ra\r\n1,10.0\r\n2,10.01\r\n3,200.5\r\n";
    assert!(document.contains(&format!(
        "xlink:href=\"http://sky.example.org:8080/tap/async{job}/results/result\" size=\"{}\" \
         mime-type=\"text/csv;header=present;charset=utf-8\"",
        rows.len()
    )));
    assert_eq!(texts(&document, "almagest:rows"), ["3"]);
    let result = client.get(&format!("{job}/results/result")).await;
    assert_eq!(result.text(), rows);
    assert_eq!(result.header(header::CONTENT_TYPE), "text/csv;header=present;charset=utf-8");
    assert_eq!(result.header(header::CONTENT_LENGTH), rows.len().to_string());
    assert_eq!(texts(&client.get(&format!("{job}/results")).await.text(), "uws:results").len(), 1);
    // Asked to run again, it is what it is.
    let again = client.post(&format!("{job}/phase"), &[("PHASE", "RUN")]).await;
    assert_eq!(again.status, StatusCode::FORBIDDEN);
    assert_eq!(client.posted(&format!("{job}/phase"), &[("PHASE", "ABORT")]).await, job);
    assert_eq!(client.get(&format!("{job}/phase")).await.text(), "COMPLETED");
}

#[tokio::test]
async fn sync_and_async_answer_alike() {
    let client = Client::new();
    for format in ["votable", "votable/td", "csv", "tsv"] {
        let parameters = [("RESPONSEFORMAT", format), ("MAXREC", "2")];
        let (job, document) = client.ended(STARS, &parameters).await;
        assert_eq!(texts(&document, "almagest:overflow"), ["true"]);
        let result = client.get(&format!("{job}/results/result")).await;
        let sync = client.0.sync(&[&[("QUERY", STARS)], &parameters[..]].concat()).await;
        assert_eq!(result.text(), sync.text());
        assert_eq!(result.header(header::CONTENT_TYPE), sync.header(header::CONTENT_TYPE));
    }
}

#[tokio::test]
async fn whatever_is_wrong_with_a_query_is_the_error_of_its_job() {
    let client = Client::new();
    for (parameters, text) in [
        (vec![("QUERY", "SELECT naem FROM sky.Star")], "naem"),
        (vec![("QUERY", "SELEKT 1")], "SELEKT"),
        (vec![("QUERY", STARS), ("LANG", "SQL")], "parameter LANG"),
        (vec![("QUERY", STARS), ("MAXREC", "-1")], "parameter MAXREC"),
        (vec![("QUERY", STARS), ("RESPONSEFORMAT", "docx")], "parameter RESPONSEFORMAT"),
        (vec![], "parameter QUERY is missing"),
    ] {
        let job = client.posted("", &[&parameters[..], &[("PHASE", "RUN")]].concat()).await;
        let document = client.wait(&job, 20).await;
        assert_eq!(phase_of(&document), "ERROR");
        assert!(texts(&document, "uws:message").concat().contains(text), "{document}");
        assert!(document.contains("<uws:errorSummary type=\"fatal\" hasDetail=\"true\">"));
        client.get(&format!("{job}/error")).await.assert_error(StatusCode::OK, text);
        let result = client.get(&format!("{job}/results/result")).await;
        assert_eq!(result.status, StatusCode::SEE_OTHER);
        assert!(result.header(header::LOCATION).ends_with(&format!("{job}/error")));
    }
}

#[tokio::test]
async fn abort_and_both_deletions_stop_the_work() {
    let client = Client::new();
    for ending in ["ABORT", "DELETE", "ACTION"] {
        let job = client.create(ENDLESS, &[("PHASE", "RUN")]).await;
        client.until(&job, "EXECUTING").await;
        let begin = Instant::now();
        match ending {
            "ABORT" => {
                client.posted(&format!("{job}/phase"), &[("PHASE", "ABORT")]).await;
                assert_eq!(phase_of(&client.get(&job).await.text()), "ABORTED");
                let result = client.get(&format!("{job}/results/result")).await;
                assert_eq!(result.status, StatusCode::NOT_FOUND);
                assert_eq!(result.text(), "the job has no result: its phase is ABORTED\n");
            }
            "DELETE" => {
                let answer = client.send(Method::DELETE, &job, &[]).await;
                assert_eq!(answer.status, StatusCode::SEE_OTHER);
            }
            _ => assert_eq!(client.posted(&job, &[("ACTION", "DELETE")]).await, ""),
        }
        if ending != "ABORT" {
            let gone = client.get(&job).await;
            assert_eq!(gone.status, StatusCode::NOT_FOUND);
            assert!(gone.text().starts_with("there is no job "), "{}", gone.text());
        }
        // The threads are free again: a query on all of them is answered.
        client.0.rows("SELECT COUNT(*) FROM sky.Star").await;
        assert!(begin.elapsed() < Duration::from_secs(1), "{ending} took {:?}", begin.elapsed());
    }
}

#[tokio::test]
async fn a_job_at_work_tells_how_far_it_is() {
    let client = Client::new();
    let query = ENDLESS
        .replace(
            " JOIN TAP_SCHEMA.columns AS b",
            " CROSS JOIN sky.Star AS s JOIN TAP_SCHEMA.columns AS b",
        )
        .replacen("a.principal = b.std", "s.ra > b.std", 1);
    let job = client.create(&query, &[("PHASE", "RUN")]).await;
    client.until(&job, "EXECUTING").await;
    let number = |document: &str, name: &str| -> u64 {
        texts(document, name).concat().parse().unwrap_or_default()
    };
    let begin = Instant::now();
    loop {
        let document = client.get(&job).await.text();
        let planned = number(&document, "almagest:chunksPlanned");
        // The three stars lie in two chunks; all are read before the join has begun.
        if planned == 2 && number(&document, "almagest:chunksDone") == 2 {
            assert_eq!(number(&document, "almagest:rowsRead"), 3);
            assert!(number(&document, "almagest:bytesRead") > 0);
            break;
        }
        assert!(planned == 0 || planned == 2, "{document}");
        assert!(begin.elapsed() < Duration::from_secs(10), "{document}");
    }
    client.send(Method::DELETE, &job, &[]).await;
}

#[tokio::test]
async fn jobs_beyond_the_number_wait_for_their_turn() {
    let config = ServerConfig { concurrent_jobs: 1, ..ServerConfig::default() };
    let client = Client(Service::with_config(config));
    let first = client.create(ENDLESS, &[("PHASE", "RUN")]).await;
    client.until(&first, "EXECUTING").await;
    let second = client.create(ENDLESS, &[("PHASE", "RUN")]).await;
    let third = client.create(STARS, &[("PHASE", "RUN")]).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    for waiting in [&second, &third] {
        assert_eq!(client.get(&format!("{waiting}/phase")).await.text(), "QUEUED");
    }
    client.posted(&format!("{first}/phase"), &[("PHASE", "ABORT")]).await;
    client.until(&second, "EXECUTING").await;
    assert_eq!(client.get(&format!("{third}/phase")).await.text(), "QUEUED");
    client.posted(&format!("{second}/phase"), &[("PHASE", "ABORT")]).await;
    assert_eq!(phase_of(&client.wait(&third, 20).await), "COMPLETED");
}

#[tokio::test]
async fn time_limits_are_told_as_such() {
    let config = ServerConfig {
        sync_duration: Duration::from_millis(300),
        execution_duration: Limit {
            default: Duration::from_secs(1),
            hard: Duration::from_secs(100),
        },
        ..ServerConfig::default()
    };
    let client = Client(Service::with_config(config));
    let (job, document) = client.ended(ENDLESS, &[]).await;
    assert_eq!(phase_of(&document), "ERROR");
    let message = texts(&document, "uws:message").concat();
    assert!(message.starts_with("time limit: the job was stopped after 1 s"), "{message}");
    assert_eq!(client.get(&format!("{job}/executionduration")).await.text(), "1");
    let begin = Instant::now();
    let answer = client.0.sync(&[("QUERY", ENDLESS)]).await;
    answer.assert_error(StatusCode::REQUEST_TIMEOUT, "time limit: the query was stopped");
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn limits_are_changed_within_bounds_and_while_they_matter() {
    let client = Client::new();
    let job = client.create(STARS, &[("EXECUTIONDURATION", "60")]).await;
    let duration = format!("{job}/executionduration");
    assert_eq!(client.get(&duration).await.text(), "60");
    for (value, expected) in [("10", "10"), ("999999999", "86400"), ("0", "86400")] {
        assert_eq!(client.posted(&duration, &[("EXECUTIONDURATION", value)]).await, job);
        assert_eq!(client.get(&duration).await.text(), expected);
    }
    let wrong = client.post(&duration, &[("EXECUTIONDURATION", "soon")]).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert!(wrong.text().contains("EXECUTIONDURATION"), "{}", wrong.text());

    let destruction = format!("{job}/destruction");
    let first = client.get(&destruction).await.text();
    assert_eq!(
        texts(&client.get(&job).await.text(), "uws:destruction"),
        std::slice::from_ref(&first)
    );
    client.posted(&destruction, &[("DESTRUCTION", "9999-01-01T00:00:00Z")]).await;
    let bounded = client.get(&destruction).await.text();
    assert!(bounded > first && bounded.as_str() < "2100", "{first} {bounded}");

    client
        .posted(&format!("{job}/parameters"), &[("query", "SELECT 7 AS n"), ("FORMAT", "csv")])
        .await;
    assert_eq!(
        texts(&client.get(&format!("{job}/parameters")).await.text(), "uws:parameter"),
        ["ADQL", "SELECT 7 AS n", "csv"]
    );
    client.posted(&format!("{job}/phase"), &[("PHASE", "RUN")]).await;
    client.wait(&job, 20).await;
    assert_eq!(client.get(&format!("{job}/results/result")).await.text(), "n\r\n7\r\n");
    for (part, name) in [("parameters", "QUERY"), ("executionduration", "EXECUTIONDURATION")] {
        let late = client.post(&format!("{job}/{part}"), &[(name, "1")]).await;
        assert_eq!(late.status, StatusCode::FORBIDDEN);
        assert!(late.text().contains("the phase of the job is COMPLETED"), "{}", late.text());
    }
    assert_eq!(client.get(&format!("{job}/quote")).await.text(), "");
    assert_eq!(client.get(&format!("{job}/owner")).await.text(), "");

    // A destruction in the past is a slip, and loses nothing.
    let past = client.post(&destruction, &[("DESTRUCTION", "2001-01-01T00:00:00Z")]).await;
    assert_eq!(past.status, StatusCode::BAD_REQUEST);
    assert!(past.text().contains("is not in the future"), "{}", past.text());
    assert_eq!(client.get(&destruction).await.text(), bounded);
    assert_eq!(client.get(&format!("{job}/results/result")).await.text(), "n\r\n7\r\n");
    let born_dead = [("QUERY", "SELECT 1 AS n"), ("DESTRUCTION", "2001-01-01")];
    let refused = client.post("", &born_dead).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn wait_holds_the_answer_until_the_phase_changes() {
    let client = Client::new();
    let job = client.create(STARS, &[]).await;
    let begin = Instant::now();
    assert_eq!(phase_of(&client.get(&format!("{job}?WAIT=1")).await.text()), "PENDING");
    assert!(begin.elapsed() >= Duration::from_secs(1));

    // In another phase than the one named there is nothing to wait for.
    let begin = Instant::now();
    client.get(&format!("{job}?WAIT=30&PHASE=QUEUED")).await;
    let waiting = async {
        let answer = client.get(&format!("{job}?WAIT=-1&PHASE=PENDING")).await;
        assert_ne!(phase_of(&answer.text()), "PENDING");
        assert_eq!(phase_of(&client.wait(&job, 20).await), "COMPLETED");
        client.get(&format!("{job}?WAIT=30")).await;
    };
    let running = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        client.posted(&format!("{job}/phase"), &[("PHASE", "RUN")]).await;
    };
    tokio::join!(waiting, running);
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    assert_eq!(client.get(&format!("{job}?WAIT=long")).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_list_is_filtered() {
    let client = Client::new();
    let mut jobs = vec![];
    for run_id in ["a", "b", "c"] {
        jobs.push(client.create(STARS, &[("RUNID", run_id)]).await);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    client.posted(&format!("{}/phase", jobs[1]), &[("PHASE", "ABORT")]).await;
    let list = async |filter: &str| {
        let document = client.get(filter).await.text();
        texts(&document, "uws:runId").concat()
    };
    let created = texts(&client.get(&jobs[0]).await.text(), "uws:creationTime").concat();
    for (filter, expected) in [
        ("", "abc"),
        ("?LAST=2", "cb"),
        ("?PHASE=ABORTED", "b"),
        ("?PHASE=PENDING&phase=ABORTED", "abc"),
        ("?PHASE=PENDING&LAST=1", "c"),
        ("?PHASE=ARCHIVED", ""),
        (&format!("?AFTER={created}"), "bc"),
    ] {
        assert_eq!(list(filter).await, expected, "{filter}");
    }
    let document = client.get("").await.text();
    assert!(document.contains(&format!(
        "<uws:jobref id=\"{}\" xlink:type=\"simple\" xlink:href=\"http://sky.example.org:8080/tap/async{}\">\
         <uws:phase>PENDING</uws:phase>",
        &jobs[0][1..],
        jobs[0]
    )));
    assert_eq!(client.get("?PHASE=RUNNING").await.status, StatusCode::BAD_REQUEST);

    let config =
        ServerConfig { anonymous_jobs: AnonymousJobs::Unlisted, ..ServerConfig::default() };
    let client = Client(Service::with_config(config));
    let job = client.create(STARS, &[]).await;
    assert!(!client.get("").await.text().contains("jobref"));
    assert_eq!(client.get(&job).await.status, StatusCode::OK);
}

/// As on a full disk: the job fails, and so does the note that it has.
#[tokio::test]
async fn a_failure_that_cannot_be_noted_is_noted_later() {
    let client = Client::new();
    let store = rusqlite::Connection::open(client.0.jobs_file()).unwrap();
    store.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
    let refuse = "CREATE TRIGGER refuse BEFORE UPDATE OF phase ON job WHEN NEW.phase = 'ERROR'
                  BEGIN SELECT RAISE(ABORT, 'no room'); END";
    store.execute_batch(refuse).unwrap();
    let job = client.create("SELECT nothing", &[("PHASE", "RUN")]).await;
    client.until(&job, "EXECUTING").await;
    while client.0.state().jobs.n_executing() > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(client.get(&format!("{job}/phase")).await.text(), "EXECUTING");
    store.execute_batch("DROP TRIGGER refuse").unwrap();
    client.until(&job, "ERROR").await;
    assert!(client.get(&job).await.text().contains("nothing"));
}

#[tokio::test]
async fn what_is_not_there_is_said_in_words() {
    let client = Client::new();
    let job = client.create(STARS, &[]).await;
    let unknown = "/0123456789abcdef0123456789abcdef";
    for (path, text) in [
        (unknown.to_owned(), "there is no job"),
        ("/17/phase".to_owned(), "there is no job"),
        ("/..%2f..%2fserver.db".to_owned(), "there is no job"),
        (format!("{job}/banana"), "a job has no part \"banana\""),
        (format!("{job}/results/2"), "a job has no part \"results/2\""),
        (format!("{job}/error"), "the job has no error: its phase is PENDING"),
        (format!("{job}/results/result"), "the job has no result: its phase is PENDING"),
    ] {
        let answer = client.get(&path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(answer.header(header::CONTENT_TYPE), "text/plain; charset=utf-8");
        assert!(answer.text().starts_with(text), "{path}: {}", answer.text());
    }
    for (path, parameters) in [
        (format!("{job}/phase"), vec![("PHASE", "PAUSE")]),
        (format!("{job}/phase"), vec![]),
        (job.clone(), vec![("ACTION", "ARCHIVE")]),
        (String::new(), vec![("PHASE", "ABORT")]),
    ] {
        assert_eq!(client.post(&path, &parameters).await.status, StatusCode::BAD_REQUEST, "{path}");
    }
}

#[tokio::test]
async fn results_are_served_in_parts() {
    let client = Client::new();
    let (job, _) = client.ended("SELECT column_name FROM TAP_SCHEMA.columns", &[]).await;
    let path = format!("/tap/async{job}/results/result");
    let ask = async |method: Method, headers: &[(header::HeaderName, &str)]| {
        let mut request = Request::builder().method(method).uri(&path);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        client.0.send(request.body(Body::empty()).unwrap()).await
    };
    let whole = ask(Method::GET, &[]).await;
    let length = whole.body.len();
    let tag = whole.header(header::ETAG).to_owned();
    let head = ask(Method::HEAD, &[]).await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    assert_eq!(head.header(header::CONTENT_LENGTH), length.to_string());
    assert_eq!(head.header(header::ACCEPT_RANGES), "bytes");

    let first = ask(Method::GET, &[(header::RANGE, "bytes=0-99")]).await;
    assert_eq!(first.status, StatusCode::PARTIAL_CONTENT);
    assert_eq!(first.header(header::CONTENT_RANGE), format!("bytes 0-99/{length}"));
    let rest = ask(Method::GET, &[(header::RANGE, "bytes=100-"), (header::IF_RANGE, &tag)]).await;
    assert_eq!([first.body, rest.body].concat(), whole.body);
    let beyond = ask(Method::GET, &[(header::RANGE, &format!("bytes={length}-"))]).await;
    assert_eq!(beyond.status, StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(beyond.header(header::CONTENT_RANGE), format!("bytes */{length}"));
    assert!(beyond.text().starts_with("the range lies outside"), "{}", beyond.text());
    let known = ask(Method::GET, &[(header::IF_NONE_MATCH, &tag)]).await;
    assert_eq!((known.status, known.body.len()), (StatusCode::NOT_MODIFIED, 0));
    for (wanted, status) in [
        (tag.as_str(), StatusCode::OK),
        ("\"other\", *", StatusCode::OK),
        ("\"other\"", StatusCode::PRECONDITION_FAILED),
        (&format!("W/{tag}"), StatusCode::PRECONDITION_FAILED),
    ] {
        let answer = ask(Method::GET, &[(header::IF_MATCH, wanted)]).await;
        assert_eq!(answer.status, status, "{wanted}");
        assert_eq!(answer.body == whole.body, status == StatusCode::OK, "{wanted}");
    }
}

#[tokio::test]
async fn jobs_outlive_the_service() {
    let client = Client::new();
    let pending = client.create(STARS, &[]).await;
    let (done, _) = client.ended(STARS, &[("FORMAT", "csv")]).await;
    let (failed, _) = client.ended("SELECT nothing", &[]).await;
    let working = client.create(ENDLESS, &[("PHASE", "RUN")]).await;
    client.until(&working, "EXECUTING").await;

    let client = Client(client.0.restarted().await);
    assert_eq!(client.get(&format!("{pending}/phase")).await.text(), "PENDING");
    assert!(client.get(&format!("{done}/results/result")).await.text().ends_with("200.5\r\n"));
    assert!(client.get(&failed).await.text().contains("nothing"));
    // Stopped in good order, it is begun again, and that does not count against it.
    client.until(&working, "EXECUTING").await;
    assert!(!client.get(&working).await.text().contains("almagest:tries"));
    client.posted(&format!("{working}/phase"), &[("PHASE", "ABORT")]).await;
}
