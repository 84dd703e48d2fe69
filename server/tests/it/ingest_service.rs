//! Ingest transactions over HTTP, and their log over TAP.

use almagest_server::people::Token;
use axum::body::{Body, Bytes};
use axum::http::{Method, Request, StatusCode, header};
use futures::stream;
use serde_json::Value;

use crate::catalog::{Answer, Service};

/// A service, and tokens: of a loader of both tables, of one of stars, and of a reader.
struct Known {
    service: Service,
    all: Token,
    stars: Token,
    reader: Token,
}

impl Known {
    fn new() -> Self {
        let service = Service::new();
        let people = service.people();
        people.add_user("loader").unwrap();
        people.add_user("reader").unwrap();
        let all = people.add_token("loader", "all", None).unwrap();
        people.allow_writing("loader", "all", "sky", "*").unwrap();
        let stars = people.add_token("loader", "stars", None).unwrap();
        people.allow_writing("loader", "stars", "sky", "Star").unwrap();
        let reader = people.add_token("reader", "default", None).unwrap();
        assert!(people.allow_writing("reader", "loader", "sky", "Star").is_err());
        Self { service, all, stars, reader }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        token: Option<&Token>,
        body: impl Into<Body>,
    ) -> Answer {
        let media_type = match method {
            Method::PUT => "text/csv",
            _ => "application/x-www-form-urlencoded",
        };
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "sky.example.org")
            .header(header::CONTENT_TYPE, media_type);
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", token.reveal()));
        }
        self.service.send(request.body(body.into()).unwrap()).await
    }

    /// Begin; return the path of the transaction.
    async fn begin(&self, token: &Token) -> String {
        let begun =
            self.send(Method::POST, "/ingest/transactions", Some(token), Body::empty()).await;
        assert_eq!(begun.status, StatusCode::CREATED, "{}", begun.text());
        let location = begun.header(header::LOCATION).to_owned();
        assert_eq!(json(&begun)["state"], "open");
        location.strip_prefix("http://sky.example.org").unwrap().to_owned()
    }

    async fn put(&self, path: &str, token: &Token, key: &str, rows: &'static str) -> Answer {
        let path = format!("{path}/contributions/{key}");
        self.send(Method::PUT, &path, Some(token), rows).await
    }

    async fn end(&self, path: &str, how: &str) -> Answer {
        self.send(Method::POST, &format!("{path}/{how}"), Some(&self.all), Body::empty()).await
    }
}

fn json(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|_| panic!("{}", answer.text()))
}

fn assert_status(answer: &Answer, expected: StatusCode, text: &str) {
    assert_eq!(answer.status, expected, "{}", answer.text());
    assert!(answer.text().contains(text), "{text:?} is not in {}", answer.text());
}

const STARS: &str = "starId,ra,dec,name\n11,40,50,a\n12,41,51,b\n";
const EPOCHS: &str = "starId,mjd,mag\n11,60010,5\n12,60010,6\n1,60010,4\n";

#[tokio::test]
async fn rows_of_several_tables_are_visible_with_the_commit() {
    let known = Known::new();
    let path = known.begin(&known.all).await;
    let taken = known.put(&path, &known.all, "v1%2FEpoch?TABLE=epoch", EPOCHS).await;
    assert_status(&taken, StatusCode::OK, "taken");
    assert_eq!((&json(&taken)["key"], &json(&taken)["n_rows"]), (&"v1/Epoch".into(), &3.into()));
    let key = "v1%2FStar?TABLE=sky.Star";
    assert_status(&known.put(&path, &known.all, key, STARS).await, StatusCode::OK, "taken");
    // Sent again, it is known; with other rows, it is refused, and nothing is lost.
    assert_status(&known.put(&path, &known.all, key, STARS).await, StatusCode::OK, "known");
    let other = known.put(&path, &known.all, key, "starId,ra,dec\n13,1,1\n").await;
    assert_status(&other, StatusCode::BAD_REQUEST, "v1/Star");
    let broken = known.put(&path, &known.all, "bad?TABLE=Star", "starId,ra,dec\nx,1,1\n").await;
    assert_status(&broken, StatusCode::BAD_REQUEST, "row 1");
    assert_eq!(known.service.rows("SELECT COUNT(*) FROM Star").await, ["3"]);

    let standing = json(&known.send(Method::GET, &path, Some(&known.all), Body::empty()).await);
    let states: Vec<_> = standing["contributions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["key"].as_str().unwrap(), it["state"].as_str().unwrap()))
        .collect();
    assert_eq!(states, [("bad", "failed"), ("v1/Epoch", "taken"), ("v1/Star", "taken")]);
    let refused = known.end(&path, "commit").await;
    assert_status(&refused, StatusCode::CONFLICT, "refused, and not sent again: bad (");
    let committed = known.end(&path, "commit?WITHOUT_REFUSED=true").await;
    assert_status(&committed, StatusCode::OK, "committed");
    assert_eq!(json(&committed)["version"], 2);
    assert_eq!(json(&committed)["refused"], serde_json::json!(["bad", "v1/Star"]));
    assert_eq!(known.service.rows("SELECT COUNT(*) FROM Star").await, ["5"]);
    assert_eq!(known.service.rows("SELECT COUNT(*) FROM Epoch").await, ["7"]);
    assert_status(&known.end(&path, "commit").await, StatusCode::CONFLICT, "is over");
    let standing = json(&known.send(Method::GET, &path, Some(&known.all), Body::empty()).await);
    assert_eq!((&standing["state"], &standing["version"]), (&"committed".into(), &2.into()));

    // A sender who did not hear the answer sends all of it again.
    let again = known.begin(&known.all).await;
    let sent = json(&known.put(&again, &known.all, key, STARS).await);
    assert_eq!((&sent["state"], &sent["version"]), (&"known".into(), &2.into()));
    assert_status(&known.end(&again, "abort").await, StatusCode::OK, "aborted");
    assert_eq!(known.service.uploads(), 0, "no body is left");

    // The log, in ADQL.
    let log = "SELECT t.state, c.contribution_key, c.state, c.n_rows
        FROM ingest.transactions AS t JOIN ingest.contributions AS c
          ON c.transaction_id = t.transaction_id
        WHERE t.author = 'loader' AND t.version = 2 AND t.begun_at <= t.ended_at
          AND c.received_at IS NOT NULL ORDER BY c.contribution_key";
    assert_eq!(
        known.service.rows(log).await,
        ["committed,bad,failed,0", "committed,v1/Epoch,taken,3", "committed,v1/Star,taken,2"]
    );
    let errors = "SELECT error FROM ingest.contributions WHERE state = 'failed'";
    assert!(known.service.rows(errors).await[0].contains("row 1"));
    let tables = "SELECT COUNT(*) FROM TAP_SCHEMA.columns WHERE table_name LIKE 'ingest.%'";
    assert_eq!(known.service.rows(tables).await, ["18"]);
}

#[tokio::test]
async fn a_token_writes_only_its_tables_and_its_holders_transactions() {
    let known = Known::new();
    let begin = |token| known.send(Method::POST, "/ingest/transactions", token, Body::empty());
    assert_status(&begin(None).await, StatusCode::UNAUTHORIZED, "token");
    let refused = begin(Some(&known.reader)).await;
    assert_status(&refused, StatusCode::FORBIDDEN, "may not write sky");
    let path = known.begin(&known.stars).await;
    let epochs = known.put(&path, &known.stars, "e?TABLE=Epoch", EPOCHS).await;
    assert_status(&epochs, StatusCode::FORBIDDEN, "may not write Epoch");
    let stars = known.put(&path, &known.stars, "s?TABLE=Star", STARS).await;
    assert_status(&stars, StatusCode::OK, "taken");
    for (method, path) in [(Method::GET, path.clone()), (Method::POST, format!("{path}/commit"))] {
        let other = known.send(method, &path, Some(&known.reader), Body::empty()).await;
        assert_status(&other, StatusCode::NOT_FOUND, "no ingest transaction");
    }
    let unknown = known.put(&path, &known.all, "u?TABLE=Stars", STARS).await;
    assert_status(&unknown, StatusCode::BAD_REQUEST, "did you mean Star?");
    let missing = known.put(&path, &known.all, "u", STARS).await;
    assert_status(&missing, StatusCode::BAD_REQUEST, "TABLE");
    // What was refused before its rows came is missing all the same.
    let standing = json(&known.send(Method::GET, &path, Some(&known.all), Body::empty()).await);
    let refused = standing["refused"].as_object().unwrap();
    assert_eq!(refused.keys().collect::<Vec<_>>(), ["e", "u"]);
    assert!(refused["e"].as_str().unwrap().contains("may not write Epoch"));
    let commit = known.end(&path, "commit").await;
    assert_status(&commit, StatusCode::CONFLICT, "refused, and not sent again: e (");
    assert_status(&known.end(&path, "abort").await, StatusCode::OK, "aborted");
    assert_status(&known.end(&path, "commit").await, StatusCode::CONFLICT, "is over");
    assert_eq!(known.service.rows("SELECT COUNT(*) FROM Star").await, ["3"]);

    // A token that is revoked writes nothing, nor does a new one of its label.
    known.service.people().revoke_token("loader", "stars").unwrap();
    let again = known.service.people().add_token("loader", "stars", None).unwrap();
    assert_status(&begin(Some(&again)).await, StatusCode::FORBIDDEN, "may not write sky");
}

#[tokio::test]
async fn what_the_catalog_refuses_is_told_and_a_broken_body_leaves_nothing() {
    let known = Known::new();
    let path = known.begin(&known.all).await;
    let parts = [Ok(Bytes::from_static(b"starId,ra,dec\n7,1,2\n")), Err("cut off")];
    let body =
        Body::from_stream(stream::iter(parts.map(|part| part.map_err(std::io::Error::other))));
    let target = format!("{path}/contributions/cut?TABLE=Star");
    let cut = known.send(Method::PUT, &target, Some(&known.all), body).await;
    assert_status(&cut, StatusCode::BAD_REQUEST, "cut off");
    // The same key may be sent again.
    let taken = known.put(&path, &known.all, "cut?TABLE=Star", "starId,ra,dec\n7,1,2\n").await;
    assert_status(&taken, StatusCode::OK, "taken");
    // An id that the catalog has is told to who sends it, and the others' rows stay.
    let refused = known.put(&path, &known.all, "again?TABLE=Star", "starId,ra,dec\n1,1,2\n").await;
    assert_status(&refused, StatusCode::BAD_REQUEST, "starId 1 exists already");
    assert_status(&known.end(&path, "commit?WITHOUT_REFUSED=true").await, StatusCode::OK, "again");
    let standing = json(&known.send(Method::GET, &path, Some(&known.all), Body::empty()).await);
    assert_eq!(standing["state"], "committed");
    // There is an end to what one may leave open.
    for _ in 0..8 {
        known.begin(&known.all).await;
    }
    let ninth = known.send(Method::POST, "/ingest/transactions", Some(&known.all), Body::empty());
    assert_status(&ninth.await, StatusCode::TOO_MANY_REQUESTS, "8 open ingest transactions");
    assert_eq!(known.service.uploads(), 0);
}

#[tokio::test]
async fn a_commit_leaves_nothing_out_that_was_sent() {
    let known = Known::new();
    let path = known.begin(&known.all).await;
    // Rows without their stars may be given them.
    let taken = known.put(&path, &known.all, "epochs?TABLE=Epoch", EPOCHS).await;
    assert_status(&taken, StatusCode::OK, "taken");
    let refused = known.end(&path, "commit").await;
    assert_status(&refused, StatusCode::CONFLICT, "no Star has starId 11, 12");
    assert!(refused.text().trim_end().ends_with("is still open"), "{}", refused.text());
    let bad = known.put(&path, &known.all, "stars?TABLE=Star", "starId,ra,dec\n11,40,500\n").await;
    assert_status(&bad, StatusCode::BAD_REQUEST, "500");
    let refused = known.end(&path, "commit").await;
    assert_status(&refused, StatusCode::CONFLICT, "refused, and not sent again: stars (");
    assert!(refused.text().contains("WITHOUT_REFUSED=true"), "{}", refused.text());
    let taken = known.put(&path, &known.all, "stars?TABLE=Star", STARS).await;
    assert_status(&taken, StatusCode::OK, "taken");

    // One that is still being sent is waited for.
    let (rest, parts) = tokio::sync::mpsc::channel::<Result<Bytes, std::io::Error>>(1);
    let parts = stream::unfold(parts, async |mut parts| Some((parts.recv().await?, parts)));
    let target = format!("{path}/contributions/slow?TABLE=Star");
    let slow = known.send(Method::PUT, &target, Some(&known.all), Body::from_stream(parts));
    let commit_meanwhile = async {
        rest.send(Ok(Bytes::from_static(b"starId,ra,dec\n"))).await.unwrap();
        rest.send(Ok(Bytes::from_static(b"13,1,2\n"))).await.unwrap();
        let refused = known.end(&path, "commit").await;
        assert_status(&refused, StatusCode::CONFLICT, "slow is on the way");
        let standing = known.send(Method::GET, &path, Some(&known.all), Body::empty()).await;
        assert_eq!(json(&standing)["on_their_way"][0], "slow");
        drop(rest);
    };
    let (slow, ()) = futures::join!(slow, commit_meanwhile);
    assert_status(&slow, StatusCode::OK, "taken");

    // Of two commits at once, one is done and the other finds it over.
    let (one, other) = futures::join!(known.end(&path, "commit"), known.end(&path, "commit"));
    let mut statuses = [one.status, other.status];
    statuses.sort();
    assert_eq!(statuses, [StatusCode::OK, StatusCode::CONFLICT]);
    assert_eq!(known.service.rows("SELECT COUNT(*) FROM Star WHERE starId > 10").await, ["3"]);
}

#[tokio::test]
async fn of_the_same_rows_sent_twice_at_once_the_second_commit_is_a_conflict() {
    let known = Known::new();
    let one = known.begin(&known.all).await;
    let other = known.begin(&known.all).await;
    for path in [&one, &other] {
        let taken = known.put(path, &known.all, "stars?TABLE=Star", STARS).await;
        assert_status(&taken, StatusCode::OK, "taken");
    }
    assert_status(&known.end(&one, "commit").await, StatusCode::OK, "committed");
    let conflict = known.end(&other, "commit").await;
    assert_status(&conflict, StatusCode::CONFLICT, "contribution stars was committed in version");
    assert!(conflict.text().trim_end().ends_with("is aborted"), "{}", conflict.text());
    // So are the same ids under another key.
    let (one, other) = (known.begin(&known.all).await, known.begin(&known.all).await);
    for (path, key) in [(&one, "one"), (&other, "other")] {
        let key = format!("{key}?TABLE=Star");
        let taken = known.put(path, &known.all, &key, "starId,ra,dec\n21,1,2\n").await;
        assert_status(&taken, StatusCode::OK, "taken");
    }
    assert_status(&known.end(&one, "commit").await, StatusCode::OK, "committed");
    let conflict = known.end(&other, "commit").await;
    assert_status(&conflict, StatusCode::CONFLICT, "21");
    assert!(conflict.text().trim_end().ends_with("is aborted"), "{}", conflict.text());
    let again = known.begin(&known.all).await;
    let sent = known.put(&again, &known.all, "stars?TABLE=Star", STARS).await;
    assert_status(&sent, StatusCode::OK, "known");
}

#[tokio::test]
async fn the_log_is_closed_to_those_who_may_not_see_a_table() {
    let known = Known::new();
    let path = known.begin(&known.all).await;
    known.end(&path, "abort").await;
    assert_eq!(known.service.rows("SELECT COUNT(*) FROM ingest.transactions").await, ["2"]);
    let restriction = almagest_server::people::store::Restriction {
        schema: "sky".to_owned(),
        table: "Epoch".to_owned(),
        group: "team".to_owned(),
    };
    known.service.people().restrict(&restriction).unwrap();
    let query = [("QUERY", "SELECT COUNT(*) FROM ingest.transactions")];
    assert_eq!(known.service.sync(&query).await.status, StatusCode::BAD_REQUEST);
}
