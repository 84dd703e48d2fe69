//! Jobs as the XML documents of UWS 1.1.
//!
//! What UWS has no element for (how far a job is, how large its result) stands in `jobInfo`, in a
//! namespace of our own.

use std::fmt::Write as _;
use std::time::Duration;

use super::job::Failure;
use super::job_list::JobReference;
use super::quote::quote;
use super::{Job, Moment, Phase};
use crate::dali::Parameters;
use crate::tap::Tally;
use crate::xml::{Attribute, Element, Escaped};

/// Attributes of each root element.
const NAMESPACES: &str = "xmlns:uws=\"http://www.ivoa.net/xml/UWS/v1.0\" \
     xmlns:xlink=\"http://www.w3.org/1999/xlink\" \
     xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"";

/// The XML declaration.
const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// Namespace of what `jobInfo` says.
const JOB_INFO: &str = "urn:almagest:job";

/// Return the document of a job, which is at the address `url`.
pub fn job(job: &Job, url: &str, tally: Option<&Tally>, place: Option<u64>) -> String {
    let Job { id, owner, run_id, phase, created, .. } = job;
    let mut out = format!("{HEAD}<uws:job version=\"1.1\" {NAMESPACES}>\n");
    out += &format!("<uws:jobId>{id}</uws:jobId>\n");
    out += &line(Element("uws:runId", run_id.as_deref()));
    out += &nillable("uws:ownerId", owner.0.as_deref());
    out += &format!("<uws:phase>{phase}</uws:phase>\n");
    let scanned = tally.and_then(Tally::scanned);
    out += &moment("uws:quote", quote(job, scanned, Moment::now()));
    out += &format!("<uws:creationTime>{created}</uws:creationTime>\n");
    out += &moment("uws:startTime", job.started);
    out += &moment("uws:endTime", job.ended);
    out += &format!(
        "<uws:executionDuration>{}</uws:executionDuration>\n",
        seconds(job.execution_duration)
    );
    out += &moment("uws:destruction", Some(job.destruction));
    out += &parameter_list(&job.parameters, "");
    out += &result_list(job, url, "");
    if let Some(Failure { message, is_transient }) = &job.failure {
        let kind = if *is_transient { "transient" } else { "fatal" };
        let message = Element("uws:message", Some(message));
        out += &format!(
            "<uws:errorSummary type=\"{kind}\" hasDetail=\"true\">{message}</uws:errorSummary>\n"
        );
    }
    out += &job_info(job, tally, place);
    out + "</uws:job>\n"
}

/// Return the document of a list of jobs, whose addresses begin with `url`.
pub fn jobs(jobs: &[JobReference], url: &str) -> String {
    let mut out = format!("{HEAD}<uws:jobs version=\"1.1\" {NAMESPACES}>\n");
    for JobReference { id, phase, run_id, owner, created } in jobs {
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "<uws:jobref id=\"{id}\" xlink:type=\"simple\" xlink:href=\"{}/{id}\">\
             <uws:phase>{phase}</uws:phase>{}{}<uws:creationTime>{created}</uws:creationTime>\
             </uws:jobref>",
            Escaped(url),
            Element("uws:runId", run_id.as_deref()),
            nillable("uws:ownerId", owner.0.as_deref()).trim_end(),
        );
    }
    out + "</uws:jobs>\n"
}

/// Return the document of the parameters of a job.
pub fn parameters(job: &Job) -> String {
    format!("{HEAD}{}", parameter_list(&job.parameters, &format!(" {NAMESPACES}")))
}

/// Return the document of the results of a job, which is at the address `url`.
pub fn results(job: &Job, url: &str) -> String {
    format!("{HEAD}{}", result_list(job, url, &format!(" {NAMESPACES}")))
}

/// Seconds as UWS counts them: an XML `int`.
pub fn seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_secs()).unwrap_or(i32::MAX)
}

fn parameter_list(parameters: &Parameters, attributes: &str) -> String {
    let mut out = format!("<uws:parameters{attributes}>\n");
    for (name, value) in parameters.iter() {
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "<uws:parameter id=\"{}\">{}</uws:parameter>",
            Escaped(name),
            Escaped(value)
        );
    }
    out + "</uws:parameters>\n"
}

fn result_list(job: &Job, url: &str, attributes: &str) -> String {
    let result = match &job.result {
        Some(result) => format!(
            "<uws:result id=\"result\" xlink:type=\"simple\" xlink:href=\"{}/results/result\" \
             size=\"{}\" mime-type=\"{}\"/>\n",
            Escaped(url),
            result.n_bytes,
            Escaped(&result.content_type),
        ),
        None => String::new(),
    };
    format!("<uws:results{attributes}>\n{result}</uws:results>\n")
}

/// How far the job is, or how large its result is.
fn job_info(job: &Job, tally: Option<&Tally>, place: Option<u64>) -> String {
    let mut facts: Vec<(&str, String)> = vec![];
    match (&job.result, tally.filter(|_| job.phase == Phase::Executing)) {
        (Some(result), _) => facts.extend([
            ("rows", result.n_rows.to_string()),
            ("bytes", result.n_bytes.to_string()),
            ("overflow", result.overflows.to_string()),
            ("catalogVersion", result.catalog_version.clone()),
        ]),
        (None, Some(tally)) => {
            if let Some(scanned) = tally.scanned() {
                facts.extend([
                    ("chunksDone", scanned.chunks_done.to_string()),
                    ("chunksPlanned", scanned.chunks_planned.to_string()),
                    ("rowsRead", scanned.n_rows.to_string()),
                    ("bytesRead", scanned.n_bytes.to_string()),
                ]);
            }
            facts.extend([
                ("rows", tally.n_rows().to_string()),
                ("bytes", tally.n_bytes().to_string()),
            ]);
        }
        (None, None) => {}
    }
    facts.extend(place.map(|place| ("placeInQueue", place.to_string())));
    if job.tries > 1 {
        facts.push(("tries", job.tries.to_string()));
    }
    if facts.is_empty() {
        return String::new();
    }
    let elements: String = facts
        .iter()
        .map(|(name, value)| Element(&format!("almagest:{name}"), Some(value)).to_string())
        .collect();
    format!(
        "<uws:jobInfo><almagest:progress xmlns:almagest=\"{JOB_INFO}\">{elements}\
         </almagest:progress></uws:jobInfo>\n"
    )
}

fn line(element: Element<'_>) -> String {
    match element.to_string() {
        text if text.is_empty() => text,
        text => text + "\n",
    }
}

fn moment(name: &str, moment: Option<Moment>) -> String {
    nillable(name, moment.map(|moment| moment.to_string()).as_deref())
}

/// Write an element that says of an absent value that it is absent.
fn nillable(name: &str, value: Option<&str>) -> String {
    match value {
        Some(value) => format!("<{name}>{}</{name}>\n", Escaped(value)),
        None => format!("<{name}{}/>\n", Attribute("xsi:nil", Some("true"))),
    }
}
