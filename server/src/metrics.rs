//! `/metrics`: what the service does, counted for Prometheus.
//!
//! Nothing here names a caller, a query or a table.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};

use crate::state::AppState;
use crate::{Error, Result};

/// Upper bounds of the classes of durations, seconds.
const CLASSES_S: [f64; 12] =
    [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 600.0, 3600.0];

/// The counts of one service; cheap to clone.
#[derive(Debug, Clone)]
pub struct Metrics(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    registry: Registry,
    connections: IntGauge,
    requests: IntCounterVec,
    request_seconds: HistogramVec,
    running: IntGaugeVec,
    waiting: IntGauge,
    queries: IntCounterVec,
    query_seconds: HistogramVec,
    rows: IntCounter,
    bytes: IntCounter,
    kept_answers: IntCounterVec,
    jobs: IntGaugeVec,
    engine_bytes: IntGaugeVec,
    engine_limit_bytes: IntGaugeVec,
    scanned_columns: IntGaugeVec,
    resident_bytes: IntGauge,
    is_cutting_off: AtomicBool,
}

/// Where a query was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// `/tap/sync`.
    Sync,
    /// `/tap/async`.
    Async,
    /// `/scs`.
    Cone,
}

impl Endpoint {
    /// Its name in the counts and in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Async => "async",
            Self::Cone => "cone",
        }
    }
}

/// What a query came to.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'a> {
    /// Where it was asked.
    pub endpoint: Endpoint,
    /// How it ended: one of a few texts.
    pub outcome: &'a str,
    /// How long it took.
    pub duration: Duration,
    /// Rows of the answer.
    pub n_rows: u64,
    /// Bytes of the answer.
    pub n_bytes: u64,
}

/// Counted down when dropped.
#[derive(Debug)]
pub struct UnderWay(IntGauge);

impl UnderWay {
    fn one_more(gauge: IntGauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// Begin to count.
    ///
    /// # Errors
    /// Two counts have one name: a bug.
    pub fn new() -> Result<Self> {
        let registry = Registry::new();
        let counts = Counts {
            connections: gauge(&registry, "connections", "Open connections")?,
            requests: counters(
                &registry,
                "requests_total",
                "Requests answered",
                &["route", "method", "status"],
            )?,
            request_seconds: durations(
                &registry,
                "request_seconds",
                "Time to the head of the answer",
                &["route"],
            )?,
            running: gauges(
                &registry,
                "queries_running",
                "Queries at work or being read",
                &["endpoint"],
            )?,
            waiting: gauge(
                &registry,
                "queries_waiting",
                "Synchronous queries that wait for their turn",
            )?,
            queries: counters(
                &registry,
                "queries_total",
                "Queries ended",
                &["endpoint", "outcome"],
            )?,
            query_seconds: durations(
                &registry,
                "query_seconds",
                "Time of a query, up to the last byte taken",
                &["endpoint"],
            )?,
            rows: counter(&registry, "rows_total", "Rows sent")?,
            bytes: counter(
                &registry,
                "result_bytes_total",
                "Bytes of results, before compression",
            )?,
            kept_answers: counters(
                &registry,
                "kept_answers_total",
                "Queries looked up among the answers kept",
                &["found"],
            )?,
            jobs: gauges(&registry, "jobs", "Jobs in each phase", &["phase"])?,
            engine_bytes: gauges(&registry, "engine_bytes", "Bytes that queries hold", &["where"])?,
            engine_limit_bytes: gauges(
                &registry,
                "engine_limit_bytes",
                "Bytes that queries may hold",
                &["where"],
            )?,
            scanned_columns: gauges(
                &registry,
                "scanned_columns",
                "Columns of row groups that scans beside others wanted, since the start: decoded for them, or there",
                &["how"],
            )?,
            resident_bytes: gauge(&registry, "resident_bytes", "Memory that the service holds")?,
            is_cutting_off: AtomicBool::new(false),
            registry,
        };
        Ok(Self(Arc::new(counts)))
    }

    /// Count a connection for as long as what is returned lives.
    pub fn connection(&self) -> UnderWay {
        UnderWay::one_more(self.0.connections.clone())
    }

    /// Count a query as running for as long as what is returned lives.
    pub fn query(&self, endpoint: Endpoint) -> UnderWay {
        UnderWay::one_more(self.0.running.with_label_values(&[endpoint.as_str()]))
    }

    /// Count a query that has ended.
    pub fn ended(&self, query: Ended<'_>) {
        let endpoint = query.endpoint.as_str();
        self.0.queries.with_label_values(&[endpoint, query.outcome]).inc();
        let seconds = query.duration.as_secs_f64();
        self.0.query_seconds.with_label_values(&[endpoint]).observe(seconds);
        self.0.rows.inc_by(query.n_rows);
        self.0.bytes.inc_by(query.n_bytes);
    }

    /// From now on who is left without an answer was cut off by the end of the service.
    pub fn cut_off(&self) {
        self.0.is_cutting_off.store(true, Ordering::Relaxed);
    }

    /// Does the service end, and cut off those that it answers?
    pub fn is_cutting_off(&self) -> bool {
        self.0.is_cutting_off.load(Ordering::Relaxed)
    }

    /// Count a query that was looked up among the answers kept.
    pub fn looked_up(&self, is_found: bool) {
        self.0.kept_answers.with_label_values(&[if is_found { "yes" } else { "no" }]).inc();
    }

    fn answered(&self, route: &str, method: &str, status: u16, duration: Duration) {
        self.0.requests.with_label_values(&[route, method, &status.to_string()]).inc();
        self.0.request_seconds.with_label_values(&[route]).observe(duration.as_secs_f64());
    }

    /// Write all counts in the text format of Prometheus.
    async fn write(&self, state: &AppState) -> Result<String> {
        for (phase, n) in state.jobs.count_by_phase().await? {
            self.0.jobs.with_label_values(&[phase.as_str()]).set(signed(n));
        }
        self.0.waiting.set(signed(state.turns.n_queued() as u64));
        let usage = state.views.whole().usage();
        for (place, bytes, limit) in [
            ("memory", usage.memory_bytes, usage.memory_limit_bytes),
            ("spill", usage.spilled_bytes, usage.spill_limit_bytes),
        ] {
            self.0.engine_bytes.with_label_values(&[place]).set(signed(bytes));
            self.0.engine_limit_bytes.with_label_values(&[place]).set(signed(limit));
        }
        let shared = usage.shared_columns_asked.saturating_sub(usage.shared_columns_decoded);
        for (from, n) in [("decoded", usage.shared_columns_decoded), ("shared", shared)] {
            self.0.scanned_columns.with_label_values(&[from]).set(signed(n));
        }
        self.0.resident_bytes.set(signed(resident_bytes().unwrap_or(0)));
        let mut out = vec![];
        TextEncoder::new().encode(&self.0.registry.gather(), &mut out)?;
        String::from_utf8(out)
            .map_err(|error| Error::from(prometheus::Error::Msg(error.to_string())))
    }
}

/// Answer with the counts.
pub async fn metrics(State(state): State<AppState>) -> Result<Response, Response> {
    let text = state.metrics.write(&state).await.map_err(Error::into_text)?;
    Ok(([(header::CONTENT_TYPE, TextEncoder::new().format_type().to_owned())], text)
        .into_response())
}

/// Count a request by its route, which is none for what does not exist: names that callers make up
/// would otherwise each become a count.
pub async fn count(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let begin = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let method = match request.method().as_str() {
        known @ ("GET" | "POST" | "HEAD" | "PUT" | "DELETE" | "OPTIONS") => known.to_owned(),
        _ => "other".to_owned(),
    };
    let response = next.run(request).await;
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    state.metrics.answered(route, &method, response.status().as_u16(), begin.elapsed());
    response
}

/// Memory of the process in bytes, where the system tells as Linux does.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn named(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace("almagest")
}

fn gauge(registry: &Registry, name: &str, help: &str) -> Result<IntGauge> {
    let gauge = IntGauge::with_opts(named(name, help))?;
    registry.register(Box::new(gauge.clone()))?;
    Ok(gauge)
}

fn gauges(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec> {
    let gauges = IntGaugeVec::new(named(name, help), labels)?;
    registry.register(Box::new(gauges.clone()))?;
    Ok(gauges)
}

fn counter(registry: &Registry, name: &str, help: &str) -> Result<IntCounter> {
    let counter = IntCounter::with_opts(named(name, help))?;
    registry.register(Box::new(counter.clone()))?;
    Ok(counter)
}

fn counters(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec> {
    let counters = IntCounterVec::new(named(name, help), labels)?;
    registry.register(Box::new(counters.clone()))?;
    Ok(counters)
}

fn durations(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<HistogramVec> {
    let options = HistogramOpts::from(named(name, help)).buckets(CLASSES_S.to_vec());
    let durations = HistogramVec::new(options, labels)?;
    registry.register(Box::new(durations.clone()))?;
    Ok(durations)
}
