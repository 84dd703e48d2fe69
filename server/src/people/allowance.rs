//! What a caller may have: of each resource so much.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// What is shared among callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// Synchronous queries that compute at the same time.
    Queries,
    /// Jobs that execute at the same time.
    Jobs,
    /// Queries that wait for their turn, and as many jobs.
    Waiting,
    /// Rows of a result.
    Rows,
    /// Seconds that a query computes.
    Seconds,
    /// Bytes of the results of jobs that are kept.
    StoredBytes,
    /// Bytes of tables of one's own.
    TableBytes,
}

impl Resource {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Queries,
        Self::Jobs,
        Self::Waiting,
        Self::Rows,
        Self::Seconds,
        Self::StoredBytes,
        Self::TableBytes,
    ];

    /// The name by which the operator speaks of it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queries => "queries",
            Self::Jobs => "jobs",
            Self::Waiting => "waiting",
            Self::Rows => "rows",
            Self::Seconds => "seconds",
            Self::StoredBytes => "stored-bytes",
            Self::TableBytes => "table-bytes",
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Queries => "queries at the same time",
            Self::Jobs => "jobs at the same time",
            Self::Waiting => "queries that wait",
            Self::Rows => "rows of a result",
            Self::Seconds => "seconds of a query",
            Self::StoredBytes => "bytes of results that are kept",
            Self::TableBytes => "bytes of tables of your own",
        })
    }
}

impl FromStr for Resource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = Self::ALL.map(Self::as_str);
        let found = Self::ALL.into_iter().find(|resource| resource.as_str() == text);
        found.ok_or_else(|| format!("{text:?} is none of {}", names.join(", ")))
    }
}

/// What a caller may have; of what is not named, as much as there is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allowance(BTreeMap<Resource, u64>);

impl Allowance {
    /// Allow so much of each.
    pub fn of_all(amounts: impl IntoIterator<Item = (Resource, u64)>) -> Self {
        Self(amounts.into_iter().collect())
    }

    /// How much of `resource`.
    pub fn of(&self, resource: Resource) -> u64 {
        self.0.get(&resource).copied().unwrap_or(u64::MAX)
    }

    /// Take from `other` what is not said here.
    #[must_use]
    pub fn or(mut self, other: &Self) -> Self {
        for (resource, amount) in &other.0 {
            self.0.entry(*resource).or_insert(*amount);
        }
        self
    }

    /// Of what both name, the larger amount.
    #[must_use]
    pub fn most(mut self, other: Self) -> Self {
        for (resource, amount) in other.0 {
            let known = self.0.entry(resource).or_insert(amount);
            *known = amount.max(*known);
        }
        self
    }

    /// What is named, in order.
    pub fn named(&self) -> impl Iterator<Item = (Resource, u64)> + '_ {
        self.0.iter().map(|(resource, amount)| (*resource, *amount))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_a_user_goes_before_groups_and_those_before_the_rest() {
        use Resource::{Jobs, Queries, Rows, Seconds};
        let usual = Allowance::of_all([(Queries, 4), (Rows, 1000)]);
        let groups = Allowance::of_all([(Rows, 10), (Jobs, 3)])
            .most(Allowance::of_all([(Rows, 20), (Jobs, 2)]));
        let found = Allowance::of_all([(Jobs, 1)]).or(&groups).or(&usual);
        let check = |resource, expected| assert_eq!(found.of(resource), expected, "{resource:?}");
        check(Jobs, 1);
        check(Rows, 20);
        check(Queries, 4);
        check(Seconds, u64::MAX);
    }

    #[test]
    fn resources_are_read_by_their_names() {
        for resource in Resource::ALL {
            assert_eq!(resource.as_str().parse(), Ok(resource));
        }
        let wrong = "row".parse::<Resource>();
        assert!(wrong.is_err_and(|message| message.contains("rows")));
    }
}
