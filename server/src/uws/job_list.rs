//! Which jobs a list shows, and what it shows of each.

use super::{JobId, Moment, Owner, Phase};
use crate::dali::Parameters;
use crate::{Error, Result};

/// What a caller wants of the list of jobs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Jobs in one of these phases; in any where there is none.
    pub phases: Vec<Phase>,
    /// Jobs made after this.
    pub after: Option<Moment>,
    /// As many of the newest, newest first; all, oldest first, where it is absent.
    pub last: Option<u64>,
}

/// A job in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobReference {
    /// Its name.
    pub id: JobId,
    /// Where it is in its life.
    pub phase: Phase,
    /// The caller's name for it.
    pub run_id: Option<String>,
    /// Who made it.
    pub owner: Owner,
    /// When it was made.
    pub created: Moment,
}

impl Filter {
    /// Read PHASE (which may be given many times), AFTER and LAST.
    ///
    /// # Errors
    /// One of them cannot be understood.
    pub fn from_parameters(parameters: &Parameters) -> Result<Self> {
        let wrong = |name, value: &str, expected: &str| Error::BadParameter {
            name,
            value: value.to_owned(),
            expected: expected.to_owned(),
        };
        let phases = parameters.all("PHASE").filter(|value| !value.is_empty());
        let phases = phases.map(|value| {
            value.parse().map_err(|_| wrong("PHASE", value, "a phase of UWS, such as EXECUTING"))
        });
        let after = parameters.get("AFTER")?.filter(|value| !value.is_empty()).map(|value| {
            value.parse().map_err(|_| wrong("AFTER", value, "a time in ISO 8601, in UTC"))
        });
        let last = parameters.get("LAST")?.filter(|value| !value.is_empty()).map(|value| {
            value
                .trim()
                .parse()
                .ok()
                .filter(|last| *last > 0)
                .ok_or_else(|| wrong("LAST", value, "a number of jobs, one or more"))
        });
        Ok(Self {
            phases: phases.collect::<Result<_>>()?,
            after: after.transpose()?,
            last: last.transpose()?,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn filters_are_read_and_nonsense_is_refused() {
        let read = |query| Filter::from_parameters(&Parameters::from_query(query));
        assert_eq!(read("").unwrap(), Filter::default());
        let found = read("PHASE=executing&phase=QUEUED&LAST=3&AFTER=2026-01-01T00:00:00Z").unwrap();
        assert_eq!(found.phases, [Phase::Executing, Phase::Queued]);
        assert_eq!(found.last, Some(3));
        assert_eq!(found.after.unwrap().to_string(), "2026-01-01T00:00:00.000Z");
        for query in ["PHASE=RUN", "LAST=0", "LAST=-1", "AFTER=yesterday"] {
            assert!(read(query).is_err(), "{query}");
        }
    }
}
