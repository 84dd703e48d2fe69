//! What a query would cost, told without running it: `PLAN=1` at `/tap/sync`, and
//! `/tap/async/{id}/plan` for a job.
//!
//! Plain text for people; JSON where the caller asks for it.

use std::fmt;

use almagest_engine::estimate::FilesEstimate;
use almagest_engine::{Estimate, QueryOptions, ScanEstimate, Share};
use almagest_storage::counted;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::TapRequest;
use super::time_limit::TimeLimit;
use crate::dali::Parameters;
use crate::state::AppState;
use crate::uploads::UploadReader;
use crate::uws::Owner;
use crate::{Error, Result};

/// What a query would cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The rewritten query.
    pub sql: String,
    /// Version of the catalog that it would be asked of.
    pub catalog_version: String,
    /// What was read leniently or renamed.
    pub warnings: Vec<String>,
    /// What it would read.
    pub estimate: Estimate,
    /// Cores that would work on it.
    pub n_cores: usize,
}

/// Does a request ask for the plan in the place of rows?
///
/// # Errors
/// The value of PLAN cannot be understood.
pub fn is_wanted(parameters: &Parameters) -> Result<bool> {
    match parameters.get("PLAN")?.map(str::to_ascii_lowercase).as_deref() {
        None | Some("" | "0" | "false") => Ok(false),
        Some("1" | "true") => Ok(true),
        Some(other) => Err(Error::BadParameter {
            name: "PLAN",
            value: other.to_owned(),
            expected: "1 (tell what the query would read) or 0".to_owned(),
        }),
    }
}

/// Answer with the plan of a query.
///
/// # Errors
/// The query is wrong, or cannot be planned in the time of a synchronous query.
pub async fn respond(
    state: &AppState,
    owner: &Owner,
    request: TapRequest,
    as_json: bool,
) -> Result<Response> {
    let limit = TimeLimit::of(&state.config, &state.allowance(owner)?);
    let database = state.views.of(owner)?;
    let uploads = UploadReader::new(state.jobs.uploads().clone(), &state.config);
    let work = state.queries.run(async move {
        let row_limit = Some(request.limit.rows().saturating_add(1));
        let options = QueryOptions { dialect: request.dialect, row_limit };
        let uploads = uploads.read(request.uploads).await?;
        let query = database.session_with(uploads)?.query(&request.query, options).await?;
        Ok::<_, Error>(Plan {
            sql: query.sql().to_owned(),
            catalog_version: query.cited_version(),
            warnings: query.warnings().to_vec(),
            estimate: query.estimate()?,
            n_cores: database.n_cores(),
        })
    });
    let plan = timeout(limit.sync, work).await.map_err(|_| limit.passed())???;
    let no_store = (header::CACHE_CONTROL, "no-store");
    Ok(match as_json {
        true => {
            let headers = [(header::CONTENT_TYPE, "application/json"), no_store];
            (headers, format!("{:#}\n", plan.to_json())).into_response()
        }
        false => {
            let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), no_store];
            (headers, plan.to_string()).into_response()
        }
    })
}

impl Plan {
    fn to_json(&self) -> Value {
        let share = |share: Share| json!({ "read": share.read, "of": share.all });
        let files = |files: &FilesEstimate| {
            json!({
                "chunks": share(files.chunks),
                "files": share(files.files),
                "rowGroups": share(files.row_groups),
                "rows": share(files.rows),
                "bytes": share(files.bytes),
            })
        };
        let scan = |scan: &ScanEstimate| {
            json!({
                "table": scan.table,
                "columns": share(scan.columns),
                "inMemory": scan.files.is_none(),
                "files": scan.files.as_ref().map(files),
            })
        };
        json!({
            "catalogVersion": self.catalog_version,
            "sql": self.sql,
            "warnings": self.warnings,
            "scans": self.estimate.scans.iter().map(scan).collect::<Vec<_>>(),
            "rows": self.estimate.total(|files| files.rows).read,
            "bytes": self.estimate.total(|files| files.bytes).read,
            "seconds": self.estimate.seconds,
        })
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Not run. It would be asked of version {} as\n", self.catalog_version)?;
        writeln!(f, "  {}\n", self.sql)?;
        for warning in &self.warnings {
            writeln!(f, "Warning: {warning}")?;
        }
        for ScanEstimate { table, columns, files } in &self.estimate.scans {
            writeln!(f, "{table}: {} of {} columns", columns.read, columns.all)?;
            let Some(files) = files else {
                writeln!(f, "  in memory")?;
                continue;
            };
            for (name, Share { read, all }) in [
                ("chunks", files.chunks),
                ("files", files.files),
                ("row groups", files.row_groups),
                ("rows", files.rows),
            ] {
                writeln!(f, "  {name:<11}{} of {}", grouped(read), grouped(all))?;
            }
            let Share { read, all } = files.bytes;
            writeln!(f, "  {:<11}{} of {}", "size", size(read), size(all))?;
        }
        let total = self.estimate.total(|files| files.bytes).read;
        writeln!(
            f,
            "\nAt most {} to read. About {} on {} that do nothing else; the way to you comes on top.",
            size(total),
            seconds(self.estimate.seconds),
            counted(self.n_cores as u64, "core"),
        )
    }
}

/// A number with its thousands apart.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// Bytes in the unit that suits.
fn size(bytes: u64) -> String {
    let units = [("GB", 1e9), ("MB", 1e6), ("kB", 1e3)];
    match units.into_iter().find(|(_, unit)| bytes as f64 >= *unit) {
        Some((name, unit)) => format!("{:.1} {name}", bytes as f64 / unit),
        None => format!("{bytes} bytes"),
    }
}

/// A time in the unit that suits, with as many digits as are known.
fn seconds(time: f64) -> String {
    match time {
        ..0.0995 => format!("{:.0} ms", time * 1e3),
        ..0.995 => format!("{:.1} s", time),
        ..120.0 => format!("{time:.0} s"),
        _ => format!("{:.0} min", time / 60.0),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        for (n, expected) in [(0, "0"), (999, "999"), (1_000, "1 000"), (1_234_567, "1 234 567")] {
            assert_eq!(grouped(n), expected);
        }
        for (n, expected) in [(12, "12 bytes"), (12_300, "12.3 kB"), (4_000_000_000, "4.0 GB")] {
            assert_eq!(size(n), expected);
        }
        for (time, expected) in
            [(0.0012, "1 ms"), (0.25, "0.2 s"), (3.4, "3 s"), (3600.0, "60 min")]
        {
            assert_eq!(seconds(time), expected);
        }
    }

    #[test]
    fn the_parameter_is_read() {
        let check = |query: &str, expected: Option<bool>| {
            assert_eq!(is_wanted(&Parameters::from_query(query)).ok(), expected, "{query}");
        };
        check("", Some(false));
        check("PLAN=0", Some(false));
        check("plan=1", Some(true));
        check("PLAN=True", Some(true));
        check("PLAN=maybe", None);
    }
}
