//! What can go wrong with a query, grouped by who must act.

use crate::functions::only_row;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failed open, plan or execution.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is not a query that can be answered; the message says where and why.
    #[error("{error}")]
    Adql {
        /// The query as it was sent.
        text: String,
        /// What is wrong with it, and where.
        error: almagest_adql::Error,
    },
    /// The catalog could not be read.
    #[error(transparent)]
    Storage(#[from] almagest_storage::Error),
    /// Two catalogs that should be queried side by side have one name.
    #[error("two catalogs have the schema {name:?}; only one of them can be served")]
    SchemaTwice {
        /// The name.
        name: String,
    },
    /// A number of a version, in a query of several catalogs.
    #[error(
        "AS OF VERSION counts the versions of one catalog, and the query reads {}; use AS OF TIMESTAMP",
        schemas.join(" and ")
    )]
    VersionOfSeveral {
        /// Their schemas.
        schemas: Vec<String>,
    },
    /// What should be a condition on the rows of one table is none, or more.
    #[error("a condition on the rows of one table is wanted, as in WHERE, and nothing after it")]
    NoCondition,
    /// A table of which no rows are stored, as a view.
    #[error("{table} has no rows of its own: it is a view, or made from other tables")]
    NoRowsOfItsOwn {
        /// Its name.
        table: String,
    },
    /// Planning or execution failed. What the engine was doing then is no news to the caller.
    #[error("{}", said(.0))]
    DataFusion(#[from] datafusion::error::DataFusionError),
}

/// Who must act on an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The caller: the query is wrong.
    Query,
    /// Nobody can, with the memory or time there is: ask for less.
    ResourcesExhausted,
    /// The operator: the catalog's files are damaged or absent.
    Catalog,
    /// The authors: this is a bug.
    Bug,
}

impl Error {
    /// Say who must act.
    pub fn kind(&self) -> ErrorKind {
        use almagest_storage::Error as StorageError;
        use datafusion::error::DataFusionError;
        match self {
            Self::Adql { .. }
            | Self::VersionOfSeveral { .. }
            | Self::NoCondition
            | Self::NoRowsOfItsOwn { .. } => ErrorKind::Query,
            Self::SchemaTwice { .. } => ErrorKind::Catalog,
            Self::Storage(
                StorageError::NoSuchVersion { .. }
                | StorageError::NoVersionAt { .. }
                | StorageError::NotATime { .. },
            ) => ErrorKind::Query,
            Self::Storage(_) => ErrorKind::Catalog,
            Self::DataFusion(error) if shows_plan(&error.find_root().message()) => ErrorKind::Bug,
            Self::DataFusion(error) => match error.find_root() {
                DataFusionError::ResourcesExhausted(_) => ErrorKind::ResourcesExhausted,
                DataFusionError::Plan(_)
                | DataFusionError::SchemaError(..)
                | DataFusionError::NotImplemented(_) => ErrorKind::Query,
                DataFusionError::ArrowError(..) | DataFusionError::Execution(_) => ErrorKind::Query,
                DataFusionError::ParquetError(_)
                | DataFusionError::ObjectStore(_)
                | DataFusionError::IoError(_) => ErrorKind::Catalog,
                // A reader of files wraps what fails in a condition on their rows.
                failure if cast_failure(&failure.message()).is_some() => ErrorKind::Query,
                DataFusionError::External(error) => match error.downcast_ref::<Self>() {
                    Some(own) => own.kind(),
                    None if error.is::<StorageError>() => ErrorKind::Catalog,
                    None => ErrorKind::Bug,
                },
                _ => ErrorKind::Bug,
            },
        }
    }
}

/// Is it the engine's check of its own plan that failed? Its message holds the plan, with the names of files.
fn shows_plan(message: &str) -> bool {
    message.starts_with("Plan: [")
}

/// What is said of a failure to the caller.
fn said(error: &datafusion::error::DataFusionError) -> String {
    let root = error.find_root();
    let message = root.message();
    match cast_failure(&message) {
        Some(failure) => failure,
        None if message == "Scalar subquery returned more than one row" => {
            only_row::TOO_MANY.to_owned()
        }
        None => message.into_owned(),
    }
}

/// The failure of a CAST, in ADQL's words.
fn cast_failure(message: &str) -> Option<String> {
    let message = match message.split_once("ArrowError(CastError(\"") {
        Some((_, inner)) => inner.split_once("\")").map_or(inner, |(inner, _)| inner),
        None => message.strip_prefix("Cast error: ").unwrap_or(message),
    };
    let (value, to) = if let Some(rest) = message.strip_prefix("Can't cast value ") {
        rest.rsplit_once(" to type ")?
    } else if let Some((_, rest)) = message.split_once("Error parsing timestamp from ") {
        (rest.split_once("': ").map_or(rest, |(value, _)| value), "TIMESTAMP")
    } else {
        let rest = message.strip_prefix("Cannot cast string ")?;
        rest.strip_suffix(" type")?.rsplit_once(" to value of ")?
    };
    let value = value.trim_matches('\'');
    let to = match to {
        "Int16" => "SMALLINT",
        "Int32" => "INTEGER",
        "Int64" => "BIGINT",
        "Float32" => "REAL",
        "Float64" => "DOUBLE PRECISION",
        other => other,
    };
    Some(format!("CAST: '{value}' is no {to}; leave such rows out in WHERE"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_not_shown_to_the_caller() {
        let message = r#"Plan: ["SortExec"] does not satisfy order requirements"#.to_owned();
        let failure = datafusion::error::DataFusionError::Plan(message);
        assert_eq!(Error::DataFusion(failure).kind(), ErrorKind::Bug);
        let wrong = datafusion::error::DataFusionError::Plan("no such column".to_owned());
        assert_eq!(Error::DataFusion(wrong).kind(), ErrorKind::Query);
    }

    #[test]
    fn a_failed_cast_is_told_in_the_words_of_the_query() {
        let check = |message: &str, expected: Option<&str>| {
            assert_eq!(cast_failure(message).as_deref(), expected, "{message}");
        };
        check(
            "Cast error: Can't cast value 1e300 to type Int32",
            Some("CAST: '1e300' is no INTEGER; leave such rows out in WHERE"),
        );
        check(
            "Cast error: Cannot cast string 'Zeta to type' to value of Int64 type",
            Some("CAST: 'Zeta to type' is no BIGINT; leave such rows out in WHERE"),
        );
        check(
            "Compute error: Error evaluating filter predicate: ArrowError(CastError(\"Cannot cast string 'Alpha' to value of Float64 type\"), Some(\"\"))",
            Some("CAST: 'Alpha' is no DOUBLE PRECISION; leave such rows out in WHERE"),
        );
        check(
            "Parser error: Error parsing timestamp from 'Zeta': timestamp must contain at least 10 characters",
            Some("CAST: 'Zeta' is no TIMESTAMP; leave such rows out in WHERE"),
        );
        check("a box of no size", None);
    }
}
