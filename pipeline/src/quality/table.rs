//! The table of metrics: added to a catalog that has none, and filled, in one transaction.

use almagest_ingest::Transaction;
use almagest_storage::CatalogStore;
use almagest_storage::schema::SchemaDef;
use almagest_storage::schema::felis::{self, FelisError};

use super::metric::Metric;
use crate::catalog::metric::{MetricRun, metric_rows};
use crate::error::Result;

/// The Felis text of the table.
const METRICS_YAML: &str = include_str!("../../schemas/metrics.yaml");

/// Name of the table.
pub const TABLE: &str = "Metrics";

/// The definition of the table.
///
/// # Errors
/// None for the text as shipped; the tests read it.
pub fn schema() -> Result<SchemaDef, FelisError> {
    felis::parse(METRICS_YAML, &|_| None).map(|reading| reading.schema)
}

/// Add metrics to the catalog; return the version in which they are visible.
///
/// # Errors
/// A table of that name that is another; conflicts. The catalog is as it was then.
pub fn commit(store: &CatalogStore, metrics: &[Metric], run: &MetricRun) -> Result<u64> {
    let mut transaction = Transaction::begin(store)?;
    if store.snapshot()?.schema().table(TABLE).is_none() {
        transaction.add_tables(schema()?.tables)?;
    }
    transaction.append(TABLE, &metric_rows(metrics, run)?)?;
    Ok(transaction.commit_as(&format!("qa of version {}", run.version))?.version)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_definition_is_whole() {
        let reading = felis::parse(METRICS_YAML, &|_| None).unwrap();
        assert_eq!((reading.warnings, reading.inferred), (vec![], vec![]));
        assert_eq!(reading.schema.tables[0].name, TABLE);
    }
}
