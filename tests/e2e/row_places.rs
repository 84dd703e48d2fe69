//! Where rows are that fulfil a condition, against storage's own search for the ids that a query finds.

use almagest_engine::{Database, EngineConfig, Error};
use almagest_ingest::{CompactConfig, Transaction, compact};
use almagest_storage::chunking::Chunking;
use almagest_storage::schema::{Alteration, felis};
use almagest_storage::{CatalogStore, Removal};

use crate::alterations::{SCHEMA, stars};
use crate::answers::ids;
use crate::scattered::scattered;

/// Compare the places of the rows of a condition with those of the ids that a query finds.
async fn check(database: &Database, store: &CatalogStore, table: &str, id: &str, condition: &str) {
    let found = database.session().unwrap().rows_where(table, condition).await;
    let found = found.unwrap_or_else(|error| panic!("{table} WHERE {condition}\n{error}"));
    let ids = ids(database, &format!("SELECT {id} FROM {table} WHERE {condition}")).await;
    assert_eq!(found.n_rows(), ids.len() as u64, "{table} WHERE {condition}");
    let among = Removal::Among { data_id: vec![], column: id.to_owned(), values: ids };
    let expected = store.snapshot().unwrap().find_rows(table, &among).unwrap();
    assert_eq!(found.rows, expected, "{table} WHERE {condition}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_any_condition() {
    let scattered = scattered();
    let conditions = [
        "1 = CONTAINS(POINT(ra, dec), CIRCLE(0, 10, 1))",
        "DISTANCE(ra, dec, 12, -89) < 30",
        "1 = INTERSECTS(POINT(ra, dec), POLYGON(350, 5, 10, 5, 10, 15, 350, 15))",
        "ra BETWEEN 359 AND 360 AND dec > 9.5",
        "ra IS NULL OR NOT dec < 89.5",
        "1 = 0",
        "1 = 1 -- all",
    ];
    for table in &scattered.tables {
        let (name, id) = (table.name, table.id);
        let of_ids = format!("{id} IN (3, 5, 900, 10000000) OR MOD({id}, 4096) = 7");
        let of_others = format!(
            "{id} IN (SELECT objectId FROM Object WHERE dec > 80) AND NOT EXISTS \
             (SELECT 1 FROM Source AS s WHERE s.sourceId = {name}.{id} AND s.dec < 10)"
        );
        for condition in conditions.into_iter().chain([&of_ids[..], &of_others[..]]) {
            for database in [&scattered.pruning, &scattered.reading_all] {
                check(database, &scattered.store, name, id, condition).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_tables_that_were_altered_and_thinned() {
    let folder = tempfile::tempdir().unwrap();
    let schema = felis::parse(SCHEMA, &|_| None).unwrap().schema;
    let root = folder.path().join("catalog");
    let store = CatalogStore::create(&root, &schema, Chunking::try_new(0).unwrap()).unwrap();
    let change = |change: &dyn Fn(&mut Transaction)| {
        let mut transaction = Transaction::begin(&store).unwrap();
        change(&mut transaction);
        transaction.commit().unwrap();
    };
    let names = ["starId", "ra", "dec", "flux", "n"];
    change(&|t| drop(t.append("Star", &stars(1..3_000, names)).unwrap()));
    let to = "light".to_owned();
    let rename = Alteration::RenameColumn { column: "flux".to_owned(), to };
    change(&|t| t.alter_table("Star", rename.clone()).unwrap());
    let names = ["starId", "ra", "dec", "light", "n"];
    change(&|t| drop(t.append("Star", &stars(3_000..7_000, names)).unwrap()));

    let database = || Database::with_config(store.clone(), EngineConfig::default()).unwrap();
    for first in [7_000, 8_000] {
        for condition in ["light > 2990 AND light < 3010", "MOD(n, 70) = 0", "dec < -60"] {
            check(&database(), &store, "Star", "starId", condition).await;
        }
        let found = database().session().unwrap().rows_where("star", "MOD(n, 3) = 0").await;
        let found = found.unwrap();
        assert_eq!((found.table.as_str(), found.n_rows() > 100), ("Star", true));
        change(&|t| t.remove("Star", Removal::Rows(found.rows.clone())).unwrap());
        let left = ids(&database(), "SELECT starId FROM Star WHERE MOD(n, 3) = 0").await;
        assert!(left.is_empty(), "{left:?}");
        // The second time rows are in one new file.
        compact(&store, &CompactConfig { min_files: 2, ..Default::default() }).unwrap();
        change(&|t| drop(t.append("Star", &stars(first..first + 900, names)).unwrap()));
        change(&|t| t.remove("Star", Removal::Ids((first + 500..first + 900).collect())).unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_condition_is_refused() {
    let session = scattered().pruning.session().unwrap();
    for more in ["ra > 1 ORDER BY ra", "ra > 1 GROUP BY ra", "ra > 1 AS OF VERSION 1"] {
        let refused = session.rows_where("Source", more).await.unwrap_err();
        assert!(matches!(refused, Error::NoCondition | Error::Adql { .. }), "{more}: {refused}");
    }
    let refused = session.rows_where("Source", "ra > 1 UNION SELECT 1 FROM Object").await;
    assert_eq!(
        refused.unwrap_err().to_string(),
        "a condition on the rows of one table is wanted, as in WHERE, and nothing after it"
    );
    let refused = session.rows_where("TAP_SCHEMA.tables", "1 = 1").await.unwrap_err();
    assert!(refused.to_string().contains("tables has no rows of its own"), "{refused}");
    let refused = session.rows_where("Source, Object", "1 = 1").await.unwrap_err();
    assert!(matches!(refused, Error::NoCondition), "{refused}");
}
