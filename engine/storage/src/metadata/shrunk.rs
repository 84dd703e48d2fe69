//! Which tables have lost rows.
//!
//! Of a table that never has, an id stands for one place for good: who knows where a director is
//! knows where its children are.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::Result;

/// Present in catalogs that have noted this from their beginning.
pub(super) const NOTED: &str = "shrunk tables are noted";

/// Note that `version` removes rows of tables.
pub(super) fn note(transaction: &Transaction<'_>, tables: &[&str], version: u64) -> Result<()> {
    for table in tables {
        transaction.execute(
            "INSERT OR IGNORE INTO catalog VALUES (?1, ?2)",
            params![key(table), version.to_string()],
        )?;
        transaction.execute(
            "INSERT OR REPLACE INTO catalog VALUES (?1, ?2)",
            params![last_key(table), version.to_string()],
        )?;
    }
    Ok(())
}

/// Had a table lost rows by `version`?
pub(super) fn has_shrunk(connection: &Connection, table: &str, version: u64) -> Result<bool> {
    let mut find = connection.prepare_cached("SELECT value FROM catalog WHERE key = ?1")?;
    let mut value = |key: &str| find.query_row([key], |row| row.get::<_, String>(0)).optional();
    if let Some(since) = value(&key(table))? {
        return Ok(since.parse().is_ok_and(|since: u64| since <= version));
    }
    if value(NOTED)?.is_some() {
        return Ok(false);
    }
    // What removed rows of an older catalog may have been a compaction too.
    let mut removed = connection.prepare_cached(
        "SELECT EXISTS (SELECT * FROM change
                        WHERE table_name = ?1 AND version <= ?2 AND rows_removed > 0)",
    )?;
    Ok(removed.query_row(params![table, version], |row| row.get(0))?)
}

/// Has a table lost rows after `version`?
pub(super) fn has_shrunk_since(connection: &Connection, table: &str, version: u64) -> Result<bool> {
    let mut find = connection.prepare_cached("SELECT value FROM catalog WHERE key = ?1")?;
    let last: Option<String> = find.query_row([last_key(table)], |row| row.get(0)).optional()?;
    Ok(last.and_then(|last| last.parse().ok()).is_some_and(|last: u64| last > version))
}

fn last_key(table: &str) -> String {
    format!("last shrunk: {table}")
}

fn key(table: &str) -> String {
    format!("shrunk: {table}")
}
