//! `kill -9` of a service amid the creation, the run and the result of jobs: no job is lost, none is
//! stuck, and no result that is served is cut off.
//!
//! ALMAGEST_LONG=1 kills two hundred services instead of ten.

use std::env;
use std::thread;
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::almagest::{Catalog, run_well, sources_csv};
use crate::service::{Service, ask, form};

/// Rows of the catalog: a result of them takes long enough to be caught while it is written.
const N_ROWS: i64 = 5_000;
/// Clients that create jobs until the service dies.
const N_CLIENTS: u64 = 3;
/// How long it may take until the next job comes to its end.
const PATIENCE: Duration = Duration::from_secs(60);

/// Jobs that are asked for in turn: all rows, an error, a few rows.
const QUERIES: [&str; 3] = [
    "SELECT sourceId, coord_ra, coord_dec, psfFlux FROM Source",
    "SELECT nothing FROM Source",
    "SELECT TOP 10 sourceId FROM Source",
];

/// The error of a job that was executing when the service died, and died again.
const GIVEN_UP: &str = "the service was stopped 2 times";

/// A job whose creation was answered.
#[derive(Debug, Clone)]
struct Job {
    path: String,
    query: usize,
    /// Services that died since it was told to run.
    deaths: u32,
}

/// Create jobs until the service dies; some are told to run with their creation, some after it.
fn create_until_dead(url: &str, seed: u64) -> Vec<Job> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut jobs = vec![];
    loop {
        let query = rng.random_range(0..QUERIES.len());
        let runs_at_once = rng.random_bool(0.5);
        let mut body = form(&[("QUERY", QUERIES[query]), ("RESPONSEFORMAT", "csv")]);
        if runs_at_once {
            body += "&PHASE=RUN";
        }
        let Some((status, head, _)) = ask(url, "POST", "/async", &body) else { return jobs };
        // The list of jobs that wait is full, where the machine is slow: this one is none.
        if status == 429 {
            thread::sleep(Duration::from_millis(100));
            continue;
        }
        assert_eq!(status, 303, "{head}");
        let location = head.lines().find_map(|line| line.strip_prefix("location: ")).unwrap();
        let path = location.split_once("/tap").unwrap().1.to_owned();
        jobs.push(Job { path: path.clone(), query, deaths: 0 });
        if !runs_at_once {
            let run = ask(url, "POST", &format!("{path}/phase"), "PHASE=RUN");
            if run.is_none() {
                return jobs;
            }
        }
        thread::sleep(Duration::from_millis(rng.random_range(0..40)));
    }
}

/// Count the jobs in some phases.
fn count(url: &str, phases: &str) -> usize {
    let (_, _, list) = ask(url, "GET", &format!("/async?{phases}"), "").expect("the service lives");
    list.matches("<uws:jobref ").count()
}

/// Tell the jobs to run to which nobody could say so any more, and wait until all are at their end.
fn drain(url: &str, jobs: &[Job]) {
    for job in jobs {
        let (status, _, phase) = ask(url, "GET", &format!("{}/phase", job.path), "").unwrap();
        assert_eq!(status, 200, "{job:?} is lost: {phase}");
        if phase == "PENDING" {
            ask(url, "POST", &format!("{}/phase", job.path), "PHASE=RUN").unwrap();
        }
    }
    let (mut fewest, mut since) = (usize::MAX, Instant::now());
    while fewest > 0 {
        let left = count(url, "PHASE=QUEUED&PHASE=EXECUTING");
        if left < fewest {
            (fewest, since) = (left, Instant::now());
        }
        assert!(since.elapsed() < PATIENCE, "{left} jobs are stuck");
        thread::sleep(Duration::from_millis(200));
    }
}

/// Fail unless a job is at an end that it may have; return its phase, or that it was given up.
fn check(url: &str, job: &Job) -> String {
    let (_, _, phase) = ask(url, "GET", &format!("{}/phase", job.path), "").unwrap();
    let (_, _, document) = ask(url, "GET", &job.path, "").unwrap();
    let (status, _, result) = ask(url, "GET", &format!("{}/results/result", job.path), "").unwrap();
    match phase.as_str() {
        "COMPLETED" => {
            assert_eq!(status, 200);
            let n_rows = if job.query == 0 { N_ROWS } else { 10 };
            assert_ne!(job.query, 1, "{document}");
            assert_eq!(result.lines().count() as i64, n_rows + 1, "{document}");
            assert!(document.contains(&format!(" size=\"{}\"", result.len())), "{document}");
        }
        "ERROR" => {
            let is_wrong = job.query == 1 && document.contains("unknown column nothing");
            let is_given_up = job.deaths >= 2 && document.contains(GIVEN_UP);
            assert!(is_wrong || is_given_up, "{job:?}: {document}");
            assert_eq!(status, 303);
            if is_given_up {
                return GIVEN_UP.to_owned();
            }
        }
        _ => panic!("{job:?} became {phase}"),
    }
    phase
}

#[test]
fn loses_no_job() {
    let n_kills = if env::var_os("ALMAGEST_LONG").is_some() { 200 } else { 10 };
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let catalog = Catalog::create();
    let path = catalog.write("visit.csv", sources_csv(1, 1, N_ROWS));
    run_well(&["ingest", &catalog.root(), "Source", &path]);

    let mut jobs: Vec<Job> = vec![];
    for round in 0..n_kills {
        let service = Service::start(&catalog.root(), &[]);
        let clients: Vec<_> = (0..N_CLIENTS)
            .map(|client| {
                let url = service.url.clone();
                thread::spawn(move || create_until_dead(&url, round * N_CLIENTS + client))
            })
            .collect();
        thread::sleep(Duration::from_millis(rng.random_range(0..600)));
        service.kill();
        jobs.iter_mut().for_each(|job| job.deaths += 1);
        for client in clients {
            let created = client.join().unwrap().into_iter();
            jobs.extend(created.map(|job| Job { deaths: 1, ..job }));
        }
    }

    let service = Service::start(&catalog.root(), &[]);
    drain(&service.url, &jobs);
    let phases: Vec<String> = jobs.iter().map(|job| check(&service.url, job)).collect();
    let ended = |phase: &str| phases.iter().filter(|p| *p == phase).count();
    println!(
        "{} jobs of {n_kills} killed services: {} completed, {} failed as they must, {} given up \
         after two deaths",
        jobs.len(),
        ended("COMPLETED"),
        ended("ERROR"),
        ended(GIVEN_UP),
    );
    // There are jobs, too, whose creation could not be answered any more. None is at work, and the
    // folder holds the results of completed jobs and nothing else.
    assert!(count(&service.url, "") >= jobs.len());
    let results = std::fs::read_dir(catalog.file("catalog.state").join("results")).unwrap();
    assert_eq!(results.count(), count(&service.url, "PHASE=COMPLETED"));
}
