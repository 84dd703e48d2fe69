//! A community against a running service: people who look things up, and scans beside them.
//!
//! ```text
//!   cargo bench --bench many_users -- http://127.0.0.1:8080/tap PEOPLE SCANS SECONDS
//! ```
//!
//! Each of the people asks for a row by its id, a cone of an arcminute or a light curve, looks at the answer
//! for a tenth of a second on average and asks again. Each scan goes through all of ForcedSource, with a limit of its
//! own, one after the other. No two ask the same, so no answer was kept; every answer is checked.
//! What is printed is one line of JSON: times in ms, errors, the most memory that the service held.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

// What the load asks for besides is not asked here.
#[allow(dead_code)]
#[path = "load/http.rs"]
mod http;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http::{Service, encoded};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// How long an answer is looked at, on average, seconds.
const LOOK_S: f64 = 0.1;
/// Objects that people ask for.
const N_PLACES: usize = 5000;
/// Radius of a cone, degrees.
const ARCMINUTE: f64 = 1.0 / 60.0;

/// An Object: id, right ascension, declination.
type Place = (String, f64, f64);

#[derive(Default)]
struct Seen {
    /// Times by what was asked.
    times: Mutex<BTreeMap<&'static str, Vec<f64>>>,
    /// What each scan found: its limit, in thousandths, and the rows above it.
    found: Mutex<Vec<(u64, u64)>>,
    errors: Mutex<Vec<String>>,
}

impl Seen {
    fn note(&self, what: &'static str, begin: Instant, error: Option<String>) {
        match error {
            None => {
                let milliseconds = begin.elapsed().as_secs_f64() * 1e3;
                self.times.lock().unwrap().entry(what).or_default().push(milliseconds);
            }
            Some(error) => self.errors.lock().unwrap().push(format!("{what}: {error}")),
        }
    }
}

#[tokio::main]
async fn main() {
    // Cargo passes options of its own.
    let arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let arguments: Vec<String> = arguments.collect();
    let [url, n_people, n_scans, seconds] = &arguments[..] else {
        println!("many_users: name the address of a service, the people, the scans, the seconds");
        return;
    };
    let number = |text: &String| text.parse::<u64>().expect("a number");
    let (n_people, n_scans, seconds) = (number(n_people), number(n_scans), number(seconds));
    let service = Arc::new(Service::at(url));
    let places = Arc::new(places(&service).await);
    let (seen, limits) = (Arc::new(Seen::default()), Arc::new(AtomicU64::new(0)));
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut callers = JoinSet::new();
    for person in 0..n_people {
        let (service, seen, places) = (service.clone(), seen.clone(), places.clone());
        callers.spawn(async move { look_up(&service, &seen, &places, person, end).await });
    }
    for _ in 0..n_scans {
        let (service, seen, limits) = (service.clone(), seen.clone(), limits.clone());
        callers.spawn(async move { scan(&service, &seen, &limits, end).await });
    }
    let mut most: f64 = 0.0;
    while Instant::now() < end {
        most = most.max(service.resident_bytes().await);
        sleep(Duration::from_secs(1)).await;
    }
    while callers.join_next().await.is_some() {}
    report(&seen, most);
}

fn report(seen: &Seen, most_bytes: f64) {
    // The higher the limit, the fewer rows are above it.
    let mut found = seen.found.lock().unwrap().clone();
    found.sort_unstable();
    for pair in found.windows(2).filter(|pair| pair[0].1 < pair[1].1) {
        seen.errors.lock().unwrap().push(format!("scans contradict each other: {pair:?}"));
    }
    let told = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        let at = |share: f64| times[((times.len() - 1) as f64 * share).round() as usize];
        json!({"n": times.len(), "median": at(0.5), "p99": at(0.99), "longest": at(1.0)})
    };
    let mut times = seen.times.lock().unwrap();
    let mut all: Vec<f64> =
        times.iter().filter(|(what, _)| **what != "scan").flat_map(|(_, t)| t.clone()).collect();
    let mut of_each: BTreeMap<&str, _> =
        times.iter_mut().map(|(what, times)| (*what, told(times))).collect();
    if !all.is_empty() {
        of_each.insert("people", told(&mut all));
    }
    let errors = seen.errors.lock().unwrap();
    let told = json!({"times": of_each, "n_errors": errors.len(), "errors": errors.iter().take(5).collect::<Vec<_>>(),
               "most_bytes": most_bytes});
    println!("{told}");
}

async fn query(service: &Service, adql: &str) -> Result<Vec<String>, String> {
    let path = format!("/sync?FORMAT=csv&QUERY={}", encoded(adql));
    let answer = service.get(&path).await.map_err(|error| error.to_string())?;
    Ok(answer.lines().skip(1).map(str::to_owned).collect())
}

/// Some Objects all over the survey.
async fn places(service: &Service) -> Vec<Place> {
    let adql = format!(
        "SELECT TOP {N_PLACES} objectId, coord_ra, coord_dec FROM Object \
                        WHERE MOD(objectId, 7) = 3"
    );
    let rows = query(service, &adql).await.expect("Objects");
    let place = |row: &String| {
        let mut values = row.split(',');
        let mut next = || values.next().expect("a value").to_owned();
        (next(), next().parse().expect("a number"), next().parse().expect("a number"))
    };
    rows.iter().map(place).collect()
}

/// Look up one thing after another.
async fn look_up(service: &Service, seen: &Seen, places: &[Place], person: u64, end: Instant) {
    let mut rng = ChaCha8Rng::seed_from_u64(person);
    while Instant::now() < end {
        let (id, ra, dec) = &places[rng.random_range(0..places.len())];
        // A number that nobody else asks with, so that the answer is computed.
        let own: f64 = rng.random_range(0.5..1.5);
        sleep(Duration::from_secs_f64(2.0 * LOOK_S * rng.random_range(0.0..1.0))).await;
        let (what, adql) = match rng.random_range(0..3) {
            0 => (
                "row",
                format!(
                    "SELECT objectId, coord_ra, coord_dec, {own} AS own FROM Object WHERE objectId = {id}"
                ),
            ),
            1 => (
                "cone",
                format!(
                    "SELECT objectId, coord_ra, coord_dec FROM Object \
                     WHERE DISTANCE(coord_ra, coord_dec, {ra}, {dec}) < {}",
                    own * ARCMINUTE
                ),
            ),
            _ => (
                "light curve",
                format!(
                    "SELECT objectId, visit, psfFlux, {own} AS own FROM ForcedSource WHERE objectId = {id}"
                ),
            ),
        };
        let begin = Instant::now();
        let error = match query(service, &adql).await {
            Ok(rows) => {
                let n_own = rows.iter().filter(|row| row.split(',').next() == Some(id)).count();
                let is_right = match what {
                    "row" => n_own == 1 && rows.len() == 1,
                    "cone" => n_own == 1,
                    _ => n_own > 0 && n_own == rows.len(),
                };
                (!is_right).then(|| format!("{} rows, {n_own} of {id}", rows.len()))
            }
            Err(error) => Some(error),
        };
        seen.note(what, begin, error);
    }
}

/// Scan one time after another.
async fn scan(service: &Service, seen: &Seen, limits: &AtomicU64, end: Instant) {
    while Instant::now() < end {
        let limit = 100_000 + 370 * limits.fetch_add(1, Ordering::Relaxed);
        let adql = format!(
            "SELECT COUNT(*) AS n, MAX(psfFluxErr) AS most FROM ForcedSource WHERE psfFlux > {}",
            limit as f64 / 1e3
        );
        let begin = Instant::now();
        let error = match query(service, &adql).await {
            Ok(rows) => match rows.first().and_then(|row| row.split(',').next()?.parse().ok()) {
                Some(n_rows) => {
                    seen.found.lock().unwrap().push((limit, n_rows));
                    None
                }
                None => Some(format!("{rows:?}")),
            },
            Err(error) => Some(error),
        };
        seen.note("scan", begin, error);
    }
}
