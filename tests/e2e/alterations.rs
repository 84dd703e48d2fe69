//! Queries of tables whose columns came, went and changed while their files stayed.

use std::sync::Arc;

use almagest_engine::arrow::array::RecordBatch;
use almagest_engine::arrow::array::{ArrayRef, Float32Array, Float64Array, Int32Array, Int64Array};
use almagest_engine::{Database, EngineConfig, Pruning};
use almagest_ingest::Transaction;
use almagest_storage::CatalogStore;
use almagest_storage::chunking::Chunking;
use almagest_storage::schema::{Alteration, ColumnDef, Datatype, DefaultValue, felis};
use tempfile::TempDir;

use crate::answers::ids;

pub const SCHEMA: &str = r##"
name: survey
tables:
- name: Star
  "almagest:kind": director
  "almagest:ra": ra
  "almagest:dec": dec
  "almagest:id": starId
  primaryKey: "#Star.starId"
  columns:
  - {name: starId, datatype: long, nullable: false}
  - {name: ra, datatype: double, nullable: false, "ivoa:unit": deg}
  - {name: dec, datatype: double, nullable: false, "ivoa:unit": deg}
  - {name: flux, datatype: float}
  - {name: n, datatype: int}
"##;

/// Stars of these ids, named columns besides: flux is the id, n ten times that.
pub fn stars(ids: std::ops::Range<i64>, names: [&str; 5]) -> RecordBatch {
    let all: Vec<i64> = ids.collect();
    let at = |scale: f64| all.iter().map(|id| *id as f64 * scale).collect::<Vec<f64>>();
    let columns: [(&str, ArrayRef); 5] = [
        (names[0], Arc::new(Int64Array::from(all.clone()))),
        (names[1], Arc::new(Float64Array::from(at(0.01)))),
        (names[2], Arc::new(Float64Array::from(at(-0.01)))),
        (names[3], Arc::new(Float32Array::from_iter_values(all.iter().map(|id| *id as f32)))),
        (names[4], Arc::new(Int32Array::from_iter_values(all.iter().map(|id| *id as i32 * 10)))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(n, c)| (n, c, true))).unwrap()
}

fn change(store: &CatalogStore, change: impl FnOnce(&mut Transaction)) {
    let mut transaction = Transaction::begin(store).unwrap();
    change(&mut transaction);
    transaction.commit().unwrap();
}

fn alter(store: &CatalogStore, alteration: Alteration) {
    change(store, |transaction| transaction.alter_table("Star", alteration).unwrap());
}

fn rename(column: &str, to: &str) -> Alteration {
    Alteration::RenameColumn { column: column.to_owned(), to: to.to_owned() }
}

fn added(name: &str, datatype: Datatype, default: Option<DefaultValue>) -> Alteration {
    let felis = SCHEMA.replace("name: n,", &format!("name: {name},"));
    let schema = felis::parse(&felis, &|_| None).unwrap().schema;
    let column = schema.tables[0].columns[4].clone();
    Alteration::AddColumn(ColumnDef { datatype, default, ..column })
}

/// A catalog of 300 stars in version 1; 100 more of each form since.
fn catalog() -> (TempDir, CatalogStore) {
    let folder = tempfile::tempdir().unwrap();
    let schema = felis::parse(SCHEMA, &|_| None).unwrap().schema;
    let root = folder.path().join("catalog");
    let store = CatalogStore::create(&root, &schema, Chunking::try_new(0).unwrap()).unwrap();
    let names = ["starId", "ra", "dec", "flux", "n"];
    change(&store, |it| drop(it.append("Star", &stars(1..301, names)).unwrap()));
    // 2 to 4: names change, also of what says where and which a row is.
    alter(&store, rename("flux", "brightness"));
    alter(&store, rename("ra", "lon"));
    alter(&store, rename("starId", "id"));
    // 5, 6: types and new columns.
    let datatype = Datatype::Long;
    alter(&store, Alteration::WidenColumn { column: "n".to_owned(), datatype, length: None });
    alter(&store, added("kind", Datatype::Int, Some(DefaultValue::Integer(7))));
    let names = ["id", "lon", "dec", "brightness", "n"];
    // 7: rows of the new form, which lack the new column.
    change(&store, |it| drop(it.append("Star", &stars(301..401, names)).unwrap()));
    // 8, 9: a column goes, and another of its name comes.
    alter(&store, Alteration::DropColumn("brightness".to_owned()));
    alter(&store, added("brightness", Datatype::Double, None));
    (folder, store)
}

#[tokio::test]
async fn rows_of_all_forms_answer_alike() {
    let (_folder, store) = catalog();
    for pruning in [Pruning::On, Pruning::Off] {
        let config = EngineConfig { pruning, ..EngineConfig::default() };
        let database = Database::with_config(store.clone(), config).unwrap();
        let check = async |adql: &str, expected: Vec<i64>| {
            assert_eq!(ids(&database, adql).await, expected, "{adql}, {pruning:?}");
        };
        check("SELECT COUNT(*) FROM Star", vec![400]).await;
        check("SELECT id FROM Star WHERE n = 3000 OR n = 3010", vec![300, 301]).await;
        check("SELECT id FROM Star WHERE n BETWEEN 50 AND 70", vec![5, 6, 7]).await;
        check("SELECT COUNT(*) FROM Star WHERE kind = 7", vec![400]).await;
        check("SELECT COUNT(*) FROM Star WHERE kind < 7", vec![0]).await;
        check("SELECT SUM(kind) FROM Star WHERE id < 10", vec![63]).await;
        check("SELECT COUNT(*) FROM Star WHERE brightness IS NULL", vec![400]).await;
        check("SELECT COUNT(brightness) FROM Star", vec![0]).await;
        check("SELECT id FROM Star WHERE DISTANCE(lon, dec, 1.0, -1.0) < 0.001", vec![100]).await;
        check("SELECT n FROM Star WHERE id IN (3, 301)", vec![30, 3010]).await;
        check("SELECT id FROM Star WHERE lon > 3.985", vec![399, 400]).await;
        check("SELECT MAX(n) FROM Star GROUP BY kind", vec![4000]).await;
        check("SELECT TOP 2 id FROM Star ORDER BY n DESC", vec![399, 400]).await;
        check("SELECT a.id FROM Star AS a JOIN Star AS b ON a.n = b.id WHERE a.kind = 7 AND b.id = 310", vec![31]).await;
        // Older versions have the columns of their time.
        check("SELECT starId FROM Star WHERE flux = 5 AS OF VERSION 1", vec![5]).await;
        check("SELECT starId FROM Star WHERE brightness > 298 AS OF VERSION 2", vec![299, 300])
            .await;
        check("SELECT id FROM Star WHERE brightness > 398 AS OF VERSION 7", vec![399, 400]).await;
        check("SELECT COUNT(kind) FROM Star AS OF VERSION 6", vec![300]).await;
    }
    let database = Database::with_config(store.clone(), EngineConfig::default()).unwrap();
    let session = database.session().unwrap();
    let options = almagest_engine::QueryOptions::default;
    let gone = session.query("SELECT flux FROM Star", options()).await.err().unwrap().to_string();
    assert!(gone.contains("unknown column flux"), "{gone}");
    let new = session.query("SELECT kind FROM Star AS OF VERSION 5", options()).await;
    assert!(new.err().unwrap().to_string().contains("unknown column kind"));

    // All columns at once, of rows of both forms.
    let query = session.query("SELECT * FROM Star WHERE id IN (1, 399)", options()).await.unwrap();
    let batches = query.collect().await.unwrap();
    let schema = batches[0].schema();
    let names: Vec<_> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["id", "lon", "dec", "n", "kind", "brightness"]);
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 2);
    assert_eq!(schema.field(1).metadata().get("unit").map(String::as_str), Some("deg"));
}

#[tokio::test]
async fn an_open_database_sees_alterations_of_others() {
    let (_folder, store) = catalog();
    let database = Database::open(store.root()).unwrap();
    let tap = "SELECT COUNT(*) FROM TAP_SCHEMA.columns WHERE table_name = 'survey.Star'";
    assert_eq!(ids(&database, tap).await, [6]);
    let before = database.session().unwrap();
    alter(&store, rename("n", "number"));
    alter(&store, added("more", Datatype::Int, Some(DefaultValue::Integer(1))));
    assert_eq!(ids(&database, tap).await, [7]);
    assert_eq!(ids(&database, "SELECT SUM(more) FROM Star WHERE number >= 3900").await, [11]);
    // A session that has begun goes on with what it sees.
    let old = crate::answers::ids_of(&before, "SELECT id FROM Star WHERE n = 3990").await;
    assert_eq!(old, [399]);
}
