//! Many callers at once against a running service: pollers, slow readers, queries.
//!
//! ```text
//!   cargo bench --bench load -- http://127.0.0.1:8080/tap [SECONDS]
//! ```
//!
//! 200 callers ask four times a second how far a job is, 50 read an answer of many rows at 256 kB a
//! second, 50 ask for cones one after the other. What is printed are the errors, the times of polls and
//! queries, and the most memory that the service held, which it tells itself at `/metrics`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "load/http.rs"]
mod http;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http::{Connection, Service, encoded};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until};

const N_POLLERS: u64 = 200;
const N_SLOW_READERS: u64 = 50;
const N_QUERIES: u64 = 50;
/// Time between two questions of a poller.
const POLL_EVERY: Duration = Duration::from_millis(250);
/// What a slow reader takes, and how often.
const SIP_BYTES: usize = 64 << 10;
const SIP_EVERY: Duration = Duration::from_millis(250);
/// A table with position columns: name, right ascension, declination.
type Sky = (String, String, String);

/// What the callers saw.
#[derive(Default)]
struct Seen {
    polls: Mutex<Vec<Duration>>,
    queries: Mutex<Vec<Duration>>,
    slow_bytes: Mutex<u64>,
    errors: Mutex<Vec<String>>,
}

impl Seen {
    fn note(&self, what: &str, error: String) {
        self.errors.lock().unwrap().push(format!("{what}: {error}"));
    }
}

#[tokio::main]
async fn main() {
    // Cargo passes options of its own.
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let Some(url) = arguments.next() else {
        println!("load: name the address of a service, such as http://127.0.0.1:8080/tap");
        return;
    };
    let seconds = arguments.next().map_or(60, |text| text.parse().expect("a number of seconds"));
    let service = Arc::new(Service::at(&url));
    let sky = Arc::new(table_with_positions(&service).await);
    let job = a_job(&service).await;
    println!(
        "{N_POLLERS} pollers, {N_SLOW_READERS} slow readers, {N_QUERIES} queries of {} for {seconds} s",
        sky.0
    );

    let (seen, begin) = (Arc::new(Seen::default()), Instant::now());
    let end = begin + Duration::from_secs(seconds);
    let mut callers = JoinSet::new();
    for number in 0..N_POLLERS {
        let (service, seen, job) = (service.clone(), seen.clone(), job.clone());
        callers.spawn(async move {
            sleep(POLL_EVERY * number as u32 / N_POLLERS as u32).await;
            poll(&service, &seen, &job, end).await;
        });
    }
    for _ in 0..N_SLOW_READERS {
        let (service, seen, sky) = (service.clone(), seen.clone(), sky.clone());
        callers.spawn(async move { read_slowly(&service, &seen, &sky, end).await });
    }
    for seed in 0..N_QUERIES {
        let (service, seen, sky) = (service.clone(), seen.clone(), sky.clone());
        callers.spawn(async move { ask(&service, &seen, &sky, seed, end).await });
    }
    let before = service.resident_bytes().await;
    let mut most: f64 = before;
    while Instant::now() < end {
        sleep(Duration::from_secs(1)).await;
        most = most.max(service.resident_bytes().await);
    }
    while callers.join_next().await.is_some() {}
    report(&seen, seconds, before, most);
}

fn report(seen: &Seen, seconds: u64, before: f64, most: f64) {
    for (what, times) in [("polls", &seen.polls), ("queries", &seen.queries)] {
        let mut times = times.lock().unwrap();
        times.sort_unstable();
        let at = |share: f64| times.get((times.len() as f64 * share) as usize).or(times.last());
        let ms = |time: Option<&Duration>| time.map_or(f64::NAN, |time| time.as_secs_f64() * 1e3);
        println!(
            "{what:<8}{:>8}  {:>6.1} a second  p50 {:.1} ms  p99 {:.1} ms  longest {:.1} ms",
            times.len(),
            times.len() as f64 / seconds as f64,
            ms(at(0.5)),
            ms(at(0.99)),
            ms(times.last())
        );
    }
    let slow = *seen.slow_bytes.lock().unwrap() as f64 / 1e6;
    println!("slow readers took {slow:.1} MB");
    println!("memory  {:.0} MB at the beginning, {:.0} MB at most", before / 1e6, most / 1e6);
    let errors = seen.errors.lock().unwrap();
    println!("errors  {}", errors.len());
    errors.iter().take(5).for_each(|error| println!("  {error}"));
    if !errors.is_empty() {
        std::process::exit(1);
    }
}

/// The largest table that has positions.
async fn table_with_positions(service: &Service) -> Sky {
    let query = "SELECT table_name, column_name FROM TAP_SCHEMA.columns WHERE indexed = 1 \
                 AND (ucd LIKE 'pos.eq.ra%' OR ucd LIKE 'pos.eq.dec%') ORDER BY table_name, ucd DESC";
    let path = format!("/sync?QUERY={}&FORMAT=csv", encoded(query));
    let answer = service.get(&path).await.expect("the service tells its columns");
    let rows: Vec<(&str, &str)> =
        answer.lines().skip(1).filter_map(|row| row.split_once(',')).collect();
    let mut largest: Option<(u64, Sky)> = None;
    for pair in rows.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
        let table = pair[0].0;
        let count = encoded(&format!("SELECT COUNT(*) FROM {table}"));
        let count = service.get(&format!("/sync?QUERY={count}&FORMAT=csv")).await;
        let count = count.expect("the service counts rows").lines().nth(1).map(str::to_owned);
        let n_rows = count.and_then(|count| count.parse().ok()).unwrap_or(0);
        if largest.as_ref().is_none_or(|(most, _)| n_rows > *most) {
            let columns = (pair[0].1.to_owned(), pair[1].1.to_owned());
            largest = Some((n_rows, (table.to_owned(), columns.0, columns.1)));
        }
    }
    largest.expect("a table with positions").1
}

/// Make a job that stays PENDING; return its path.
async fn a_job(service: &Service) -> String {
    let made = service.post("/async", "QUERY=SELECT+1").await.expect("a job is made");
    let place = made.lines().find_map(|line| line.strip_prefix("location: "));
    let place = place.expect("the job has an address");
    place[place.find("/async/").expect("it is a job's")..].to_owned()
}

async fn poll(service: &Service, seen: &Seen, job: &str, end: Instant) {
    let path = format!("{job}/phase");
    let mut connection: Option<Connection> = None;
    while Instant::now() < end {
        let begin = Instant::now();
        let asked = async {
            let mut open = match connection.take() {
                Some(open) => open,
                None => service.connect().await?,
            };
            let phase = open.get(service, &path).await?;
            Ok::<_, std::io::Error>((open, phase))
        };
        match asked.await {
            Ok((open, phase)) if phase == "PENDING" => {
                connection = Some(open);
                seen.polls.lock().unwrap().push(begin.elapsed());
            }
            Ok((_, other)) => seen.note("poll", format!("the phase is {other:?}")),
            Err(error) => seen.note("poll", error.to_string()),
        }
        sleep_until((begin + POLL_EVERY).into()).await;
    }
}

async fn read_slowly(service: &Service, seen: &Seen, (table, ra, dec): &Sky, end: Instant) {
    let query = format!("SELECT a.{ra}, a.{dec} FROM {table} AS a");
    let path = format!("/sync?QUERY={}&FORMAT=csv", encoded(&query));
    while Instant::now() < end {
        let taken = service.sip(&path, SIP_BYTES, SIP_EVERY, end).await;
        match taken {
            Ok(n_bytes) => *seen.slow_bytes.lock().unwrap() += n_bytes,
            Err(error) => seen.note("slow reader", error.to_string()),
        }
    }
}

async fn ask(service: &Service, seen: &Seen, (table, ra, dec): &Sky, seed: u64, end: Instant) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    while Instant::now() < end {
        let (lon, lat) = (rng.random_range(0.0..360.0), rng.random_range(-89.0..89.0));
        let query = format!(
            "SELECT TOP 100 {ra}, {dec} FROM {table} WHERE DISTANCE({ra}, {dec}, {lon:.4}, {lat:.4}) < 1"
        );
        let begin = Instant::now();
        match service.get(&format!("/sync?QUERY={}&FORMAT=csv", encoded(&query))).await {
            Ok(_) => seen.queries.lock().unwrap().push(begin.elapsed()),
            Err(error) => seen.note("query", error.to_string()),
        }
        sleep(Duration::from_millis(100)).await;
    }
}
