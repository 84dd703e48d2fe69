//! The state folder of a service: one service at a time, and a place that can be written to.

use crate::almagest::{Catalog, run};
use crate::service::Service;

#[test]
fn is_used_by_one_service() {
    let catalog = Catalog::create();
    let root = catalog.root();
    let first = Service::start(&root, &[]);
    let serve = |state: &str| {
        let outcome = run(&["serve", &root, "--listen", "127.0.0.1:0", "--state", state]);
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        assert!(!outcome.stderr.contains("answering"), "{outcome:?}");
        outcome.stderr
    };
    let state = format!("{root}.state");
    let said = serve(&state);
    assert!(said.contains("another service uses the state folder") && said.contains(&state));
    let said = serve("/dev/null/state");
    assert!(said.contains("/dev/null/state cannot be written to"), "{said}");
    assert!(said.contains("--state"), "{said}");

    // Once the first has ended the folder is free.
    first.kill();
    Service::start(&root, &[]);
}
