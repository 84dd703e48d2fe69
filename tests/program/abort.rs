//! ABORT ends the work of a query and not only its job, in the midst of a join that gives no row.

use std::thread;
use std::time::{Duration, Instant};

use crate::almagest::{Catalog, run_well, sources_csv};
use crate::service::{Service, ask, form};

/// It pairs each row with each row, twice, and none passes.
const ENDLESS: &str = "SELECT COUNT(*) AS n FROM Source AS a JOIN Source AS b ON a.detector = b.detector \
     JOIN Source AS c ON b.detector = c.detector WHERE a.coord_ra + b.coord_ra < c.coord_dec - 100";

/// The time of all threads together over `span`.
fn work_during(service: &Service, span: Duration) -> Duration {
    let before = service.cpu_time();
    thread::sleep(span);
    service.cpu_time() - before
}

#[test]
fn ends_the_work() {
    let catalog = Catalog::create();
    let path = catalog.write("visit.csv", sources_csv(1, 1, 3_000));
    run_well(&["ingest", &catalog.root(), "Source", &path]);
    let service = Service::start(&catalog.root(), &[]);

    let body = form(&[("QUERY", ENDLESS), ("PHASE", "RUN")]);
    let (_, head, _) = ask(&service.url, "POST", "/async", &body).unwrap();
    let location = head.lines().find_map(|line| line.strip_prefix("location: ")).unwrap();
    let job = location.strip_prefix(&service.url).unwrap();
    thread::sleep(Duration::from_secs(1));
    let span = Duration::from_millis(500);
    assert!(work_during(&service, span) > span / 10, "the query computes");

    let begin = Instant::now();
    let phase = format!("{job}/phase");
    let (status, _, _) = ask(&service.url, "POST", &phase, "PHASE=ABORT").unwrap();
    assert_eq!(status, 303);
    assert_eq!(ask(&service.url, "GET", &phase, "").unwrap().2, "ABORTED");
    thread::sleep(Duration::from_secs(1).saturating_sub(begin.elapsed()));
    let work = work_during(&service, span);
    assert!(work <= span / 20, "{work:?} of work a second after ABORT");
}
