//! Queries timed inside the engine, for `tests/bench/run`.
//!
//! ```text
//!   cargo bench --bench survey -- CATALOG… [--partitions N] [--memory-bytes N] [--shared-scan-bytes N]
//! ```
//!
//! One request a line on standard input, one answer a line on standard output, both JSON:
//!
//! ```json
//! {"adql": "SELECT …", "runs": 5, "uploads": {"mine": "mine.parquet"}, "save": "rows.parquet"}
//! {"milliseconds": [1.2], "first_milliseconds": 3.4, "told_milliseconds": 2.1, "telling_milliseconds": 0.9,
//!  "rows": 5, "peak_bytes": 123, "error": null}
//! ```
//!
//! `adqls` in the place of `adql` are several texts of which each run takes the next, so that no
//! answer is asked for twice; with `at_once` each run asks all of them at the same time. A time runs from the text to all rows in memory; what was brought
//! along is there before. How long the first text would
//! take is told too, and how long it takes to tell it. `{"open": true}` measures how long it takes to open the catalogs, and
//! `{"explain": "SELECT …"}` shows the plan.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use almagest_engine::arrow::array::RecordBatch;
use almagest_engine::{Database, EngineConfig, QueryOptions, Session, Upload};
use almagest_storage::CatalogStore;
use almagest_storage::schema::PositionColumns;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

/// What is asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    adql: Option<String>,
    #[serde(default)]
    adqls: Vec<String>,
    #[serde(default = "five")]
    runs: usize,
    /// Are all texts asked at the same time, rather than one after another?
    #[serde(default)]
    at_once: bool,
    #[serde(default)]
    uploads: HashMap<String, PathBuf>,
    save: Option<PathBuf>,
    #[serde(default)]
    open: bool,
    explain: Option<String>,
}

fn five() -> usize {
    5
}

/// What is answered.
#[derive(Default, Serialize)]
struct Answer {
    milliseconds: Vec<f64>,
    first_milliseconds: f64,
    /// How long the first text was said to take.
    told_milliseconds: Option<f64>,
    /// How long it took to plan it and to say so.
    telling_milliseconds: f64,
    rows: usize,
    /// The most memory that the process held meanwhile.
    peak_bytes: u64,
    error: Option<String>,
    explained: Option<String>,
}

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() {
    let mut catalogs = vec![];
    let mut config = EngineConfig::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().and_then(|text| text.parse().ok()).expect("a number");
        match argument.as_str() {
            // Cargo passes this one.
            "--bench" => {}
            "--partitions" => config.target_partitions = number(),
            "--memory-bytes" => config.memory_limit_bytes = number(),
            "--shared-scan-bytes" => config.shared_scan_bytes = number() as u64,
            _ => catalogs.push(PathBuf::from(argument)),
        }
    }
    if catalogs.is_empty() {
        println!("survey: name the folder of a catalog");
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let mut database = open(&catalogs, &config).expect("a catalog");
    for line in io::stdin().lock().lines() {
        let line = line.expect("a line of text");
        let answer =
            serde_json::from_str(&line).map_err(Into::into).and_then(|request: Request| {
                match request.open {
                    true => time_opening(&catalogs, &config, &request, &mut database),
                    false => runtime.block_on(time_queries(&database, &request)),
                }
            });
        let answer = answer
            .unwrap_or_else(|error| Answer { error: Some(error.to_string()), ..Answer::default() });
        println!("{}", serde_json::to_string(&answer).unwrap());
        io::stdout().flush().unwrap();
    }
}

fn open(catalogs: &[PathBuf], config: &EngineConfig) -> Result<Database> {
    let stores = catalogs.iter().map(|path| CatalogStore::open(path));
    Ok(Database::mount(stores.collect::<std::result::Result<_, _>>()?, config.clone())?)
}

fn time_opening(
    catalogs: &[PathBuf],
    config: &EngineConfig,
    request: &Request,
    database: &mut Database,
) -> Result<Answer> {
    let mut answer = Answer::default();
    for _ in 0..request.runs {
        let begin = Instant::now();
        *database = open(catalogs, config)?;
        answer.milliseconds.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    Ok(answer)
}

async fn time_queries(database: &Database, request: &Request) -> Result<Answer> {
    let uploads = request.uploads.iter().map(|(name, path)| read_upload(name, path));
    let uploads = uploads.collect::<Result<Vec<_>>>()?;
    if let Some(adql) = &request.explain {
        let session = database.session_with(uploads)?;
        let explained = session.query(adql, QueryOptions::default()).await?.explain();
        return Ok(Answer { explained: Some(explained), ..Answer::default() });
    }
    let texts: Vec<&String> = request.adql.iter().chain(&request.adqls).collect();
    let mut texts_in_turn = texts.iter().cycle();
    let mut answer = Answer::default();
    forget_peak();
    for run in 0..=request.runs {
        let begin = Instant::now();
        let session = database.session_with(uploads.clone())?;
        let batches = match request.at_once {
            true => rows_of_all(session, &texts).await?,
            false => rows_of(&session, texts_in_turn.next().ok_or("no query")?).await?,
        };
        let milliseconds = begin.elapsed().as_secs_f64() * 1e3;
        answer.rows = batches.iter().map(RecordBatch::num_rows).sum();
        match run {
            0 => answer.first_milliseconds = milliseconds,
            _ => answer.milliseconds.push(milliseconds),
        }
    }
    answer.peak_bytes = peak_bytes();
    if let [adql, ..] = texts[..]
        && !request.at_once
    {
        let begin = Instant::now();
        let session = database.session_with(uploads.clone())?;
        let query = session.query(adql, QueryOptions::default()).await?;
        answer.told_milliseconds = Some(query.estimate()?.seconds * 1e3);
        answer.telling_milliseconds = begin.elapsed().as_secs_f64() * 1e3;
    }
    if let Some(path) = &request.save {
        let session = database.session_with(uploads)?;
        let mut writer = None;
        for adql in texts {
            let query = session.query(adql, QueryOptions::default()).await?;
            let schema = query.schema().clone();
            if writer.is_none() {
                writer = Some(ArrowWriter::try_new(File::create(path)?, schema, None)?);
            }
            for batch in query.collect().await? {
                writer.as_mut().expect("just made").write(&batch)?;
            }
        }
        writer.ok_or("no query")?.close()?;
    }
    Ok(answer)
}

async fn rows_of(session: &Session, adql: &str) -> Result<Vec<RecordBatch>> {
    Ok(session.query(adql, QueryOptions::default()).await?.collect().await?)
}

/// The rows of all queries, which run at the same time.
async fn rows_of_all(session: Session, texts: &[&String]) -> Result<Vec<RecordBatch>> {
    let session = Arc::new(session);
    let mut running = JoinSet::new();
    for adql in texts {
        let (session, adql) = (session.clone(), (*adql).clone());
        running.spawn(async move { rows_of(&session, &adql).await.map_err(|e| e.to_string()) });
    }
    let mut batches = vec![];
    while let Some(rows) = running.join_next().await {
        batches.extend(rows??);
    }
    Ok(batches)
}

/// A Parquet file as a table; columns `ra` and `dec` are the position.
fn read_upload(name: &str, path: &Path) -> Result<Upload> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?.build()?;
    let batches = reader.collect::<std::result::Result<Vec<_>, _>>()?;
    let schema = batches.first().ok_or("an upload has no rows")?.schema();
    let has = |name: &str| schema.column_with_name(name).is_some();
    let position = (has("ra") && has("dec")).then(|| PositionColumns {
        ra: "ra".to_owned(),
        dec: "dec".to_owned(),
        epoch: None,
    });
    Ok(Upload::try_new(name, &schema, &batches, position)?)
}

/// Begin anew to watch the most memory of this process.
fn forget_peak() {
    // Where the kernel has no such file, the peak is that of the whole run.
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// The most memory that this process held, bytes; 0 where that is not told.
fn peak_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
