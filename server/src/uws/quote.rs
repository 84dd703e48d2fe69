//! When a job at work will be done, as far as its scans tell.

use std::time::Duration;

use almagest_engine::Scanned;

use super::{Job, Moment, Phase};

/// Before a job has run this long, or has read this share of its chunks, its pace is not known.
const KNOWN_AFTER: Duration = Duration::from_secs(1);
const KNOWN_SHARE: f64 = 0.02;

/// Return when `job` will be done if it goes on as it has until `now`, and no later than it may run.
///
/// # Returns
/// `None` where that cannot be told: for a job that does not run or has just begun, and for one that
/// has read all its chunks, since nothing tells how long a sort or a join of them will take.
///
/// Reference: UWS 1.1, section 2.1.5.
pub fn quote(job: &Job, scanned: Option<Scanned>, now: Moment) -> Option<Moment> {
    let scanned = scanned.filter(|_| job.phase == Phase::Executing)?;
    let started = job.started?;
    let elapsed = now.since(started);
    let share = scanned.chunks_done as f64 / scanned.chunks_planned.max(1) as f64;
    if elapsed < KNOWN_AFTER || !(KNOWN_SHARE..1.0).contains(&share) {
        return None;
    }
    Some(started.after(elapsed.div_f64(share).min(job.execution_duration)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::dali::Parameters;
    use crate::uws::{JobId, Owner};

    fn check(phase: Phase, seconds: u64, chunks: (u64, u64), expected: Option<u64>) {
        let begin: Moment = "2026-01-31T00:00:00".parse().unwrap();
        let job = Job {
            id: JobId::draw(),
            owner: Owner::default(),
            run_id: None,
            phase,
            created: begin,
            started: Some(begin),
            ended: None,
            execution_duration: Duration::from_secs(600),
            destruction: begin,
            parameters: Parameters::default(),
            result: None,
            failure: None,
            tries: 1,
        };
        let (chunks_done, chunks_planned) = chunks;
        let scanned = Scanned { chunks_done, chunks_planned, ..Scanned::default() };
        let quoted = quote(&job, Some(scanned), begin.after(Duration::from_secs(seconds)));
        let expected = expected.map(|seconds| begin.after(Duration::from_secs(seconds)));
        assert_eq!(quoted, expected, "{phase} {seconds} {chunks:?}");
        assert_eq!(quote(&job, None, begin.after(Duration::from_secs(seconds))), None);
    }

    #[test]
    fn the_pace_so_far_goes_on() {
        check(Phase::Executing, 10, (25, 100), Some(40));
        check(Phase::Executing, 10, (50, 100), Some(20));
        // A job is ended when its time is over.
        check(Phase::Executing, 100, (5, 100), Some(600));
    }

    #[test]
    fn what_cannot_be_told_is_not() {
        check(Phase::Queued, 10, (25, 100), None);
        check(Phase::Completed, 10, (25, 100), None);
        check(Phase::Executing, 0, (25, 100), None);
        check(Phase::Executing, 10, (1, 100), None);
        check(Phase::Executing, 10, (100, 100), None);
        check(Phase::Executing, 10, (0, 0), None);
    }
}
