//! The phases of a job.

use std::fmt;
use std::str::FromStr;

/// The phase of a job. HELD, SUSPENDED, UNKNOWN and ARCHIVED are known to callers who filter by
/// them; no job of this service is ever in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Made, and may still be changed.
    Pending,
    /// Told to run, and waiting for its turn.
    Queued,
    /// At work.
    Executing,
    /// Done; the result is there.
    Completed,
    /// Failed; the error says why.
    Error,
    /// Ended at the caller's wish.
    Aborted,
    /// In a state that the service cannot tell.
    Unknown,
    /// Accepted, but waiting for the caller to release it.
    Held,
    /// Stopped for a while by the service.
    Suspended,
    /// Destroyed, but for its description.
    Archived,
}

impl Phase {
    /// All phases.
    pub const ALL: [Self; 10] = [
        Self::Pending,
        Self::Queued,
        Self::Executing,
        Self::Completed,
        Self::Error,
        Self::Aborted,
        Self::Unknown,
        Self::Held,
        Self::Suspended,
        Self::Archived,
    ];

    /// The phase as UWS writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Queued => "QUEUED",
            Self::Executing => "EXECUTING",
            Self::Completed => "COMPLETED",
            Self::Error => "ERROR",
            Self::Aborted => "ABORTED",
            Self::Unknown => "UNKNOWN",
            Self::Held => "HELD",
            Self::Suspended => "SUSPENDED",
            Self::Archived => "ARCHIVED",
        }
    }

    /// May a job in this phase still come into another one?
    pub fn is_active(self) -> bool {
        matches!(self, Self::Pending | Self::Queued | Self::Executing)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is no phase.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a phase")]
pub struct NotAPhase(String);

impl FromStr for Phase {
    type Err = NotAPhase;

    fn from_str(text: &str) -> Result<Self, NotAPhase> {
        let is_named = |phase: &Self| phase.as_str().eq_ignore_ascii_case(text.trim());
        Self::ALL.into_iter().find(is_named).ok_or_else(|| NotAPhase(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_is_read_as_it_is_written() {
        for phase in Phase::ALL {
            assert_eq!(phase.to_string().parse(), Ok(phase));
        }
        assert_eq!(" executing".parse(), Ok(Phase::Executing));
        assert!("RUN".parse::<Phase>().is_err());
    }
}
