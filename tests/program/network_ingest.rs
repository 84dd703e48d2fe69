//! Rows sent to a running service by its client, also when the service dies in between.

use std::io::{Read, repeat};

use almagest_server::ingest_service::client::{ClientError, IngestClient};

use crate::almagest::{Catalog, run_well, values};
use crate::service::Service;

const VISITS: &str = "visit,band\n1,r\n2,g\n";

#[test]
fn a_sender_who_begins_anew_loses_nothing_and_counts_nothing_twice() {
    let catalog = Catalog::create();
    let root = catalog.root();
    run_well(&["user", &root, "add", "ada"]);
    let token = run_well(&["user", &root, "token", "ada", "--writes", "survey.Visit"]);
    let service = Service::start(&root, &[]);
    let client = |service: &Service| {
        IngestClient::new(service.url.strip_suffix("/tap").unwrap(), &token).unwrap()
    };
    let send = |client: &IngestClient, key: &str, rows: &str| {
        let transaction = client.begin(Some("survey")).unwrap();
        let sent = transaction.contribute(key, "Visit", "text/csv", rows.as_bytes()).unwrap();
        let version = transaction.commit("visits over the network").unwrap();
        (sent["state"].as_str().unwrap().to_owned(), version)
    };
    assert_eq!(send(&client(&service), "night 1/a", VISITS), ("taken".to_owned(), 1));

    // A transaction dies with its service, and nothing of it is seen.
    let first = client(&service);
    let cut = first.begin(None).unwrap();
    let rows = "visit,band\n3,r\n".as_bytes();
    cut.contribute("night 2", "Visit", "text/csv", rows).unwrap();
    service.kill();
    assert!(matches!(cut.commit(""), Err(ClientError::Unreachable { .. })));
    let service = Service::start(&root, &[]);
    let client = client(&service);
    assert_eq!(values(&root, "SELECT COUNT(*) FROM Visit"), [["2"]]);
    // That it is over is known at once, and not when its process has not been heard of for long.
    let standing = client.transaction(cut.id()).state().unwrap();
    assert_eq!(standing["state"], "aborted");
    assert_eq!(standing["error"], "its process ended");
    let over = client.transaction(cut.id()).commit("").unwrap_err();
    assert!(matches!(over, ClientError::Refused { status: 409, .. }), "{over}");
    // All of it is sent again: what is in is known, what was lost is taken.
    assert_eq!(send(&client, "night 1/a", VISITS), ("known".to_owned(), 1));
    assert_eq!(send(&client, "night 2", "visit,band\n3,r\n"), ("taken".to_owned(), 2));
    assert_eq!(values(&root, "SELECT COUNT(*) FROM Visit"), [["3"]]);

    let transaction = client.begin(None).unwrap();
    let refused = transaction.contribute("x", "Object", "text/csv", rows).unwrap_err();
    assert!(matches!(refused, ClientError::Refused { status: 403, .. }), "{refused}");
    // The refusal is read also by who sends on, and the connection serves for what comes next.
    for n_bytes in [1 << 10, 1 << 18, 1 << 24] {
        let refused = transaction.contribute("x", "Object", "text/csv", repeat(b'1').take(n_bytes));
        let refused = refused.unwrap_err();
        assert!(matches!(refused, ClientError::Refused { status: 403, .. }), "{refused}");
        assert_eq!(transaction.state().unwrap()["state"], "open");
    }
    let rows = "visit,band\nnone,r\n".as_bytes();
    let refused = transaction.contribute("x", "Visit", "text/csv", rows).unwrap_err();
    assert!(refused.to_string().contains("row 1"), "{refused}");
    assert_eq!(transaction.state().unwrap()["contributions"][0]["state"], "failed");
    transaction.abort().unwrap();
    assert_eq!(transaction.state().unwrap()["state"], "aborted");
    assert!(IngestClient::new("sky.example.org", &token).is_err());
}
