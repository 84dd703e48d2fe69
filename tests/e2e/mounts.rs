//! HATS catalogs mounted in place answer as their imported copies do: one that hats-import wrote, one
//! whose tiles are folders and whose positions have 32 bits, and one of ours of many tiles.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use almagest_engine::arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch};
use almagest_engine::arrow::util::display::array_value_to_string;
use almagest_engine::{Database, EngineConfig, Pruning, QueryOptions, Session};
use almagest_ingest::conform::{ConformOptions, ExtraColumns};
use almagest_ingest::hats::HatsCatalog;
use almagest_ingest::{Transaction, TransactionConfig};
use almagest_storage::CatalogStore;
use almagest_storage::chunking::Chunking;
use almagest_storage::hats::HatsConfig;
use almagest_storage::schema::felis;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;

const SCHEMA: &str = r##"
name: survey
tables:
- name: Place
  "almagest:kind": positional
  "almagest:ra": ra
  "almagest:dec": dec
  "almagest:id": id
  primaryKey: "#Place.id"
  columns:
  - {name: id, datatype: long, nullable: false}
  - {name: ra, datatype: double, nullable: false}
  - {name: dec, datatype: double, nullable: false}
  - {name: mag_g, datatype: double}
"##;

/// What is asked of both; `@` is the table.
const QUERIES: [&str; 22] = [
    "SELECT * FROM @",
    "SELECT COUNT(*) FROM @",
    "SELECT COUNT(*), COUNT(mag_g), MIN(mag_g), MAX(mag_g), ROUND(AVG(dec), 9) FROM @",
    "SELECT id FROM @ WHERE mag_g > 19.5",
    "SELECT id FROM @ WHERE NOT mag_g <= 19.5",
    "SELECT id FROM @ WHERE mag_g IS NULL",
    "SELECT TOP 7 id, mag_g FROM @ ORDER BY mag_g DESC, id",
    "SELECT id, ra, dec FROM @ WHERE id BETWEEN 1040 AND 1060 OR id = 1077",
    "SELECT * FROM @ WHERE DISTANCE(ra, dec, 45, 0.1) < 0.4",
    "SELECT id FROM @ WHERE CONTAINS(POINT(ra, dec), CIRCLE(44.8, -0.2, 0.05)) = 1",
    "SELECT COUNT(*) FROM @ WHERE DISTANCE(ra, dec, 44, 1) < 30 AND mag_g < 20",
    "SELECT id FROM @ WHERE CONTAINS(POINT(ra, dec), POLYGON(44, -1, 46, -1, 45, 1)) = 1",
    "SELECT id FROM @ WHERE ra BETWEEN 44.5 AND 45.5 AND dec > -0.3 AND dec < 0.5",
    "SELECT id FROM @ WHERE DISTANCE(ra, dec, 225, 10) < 0.5",
    "SELECT ivo_healpix_index(4, ra, dec) AS cell, COUNT(*) FROM @ GROUP BY cell",
    "SELECT FLOOR(dec) AS band, COUNT(*), ROUND(SUM(mag_g), 6) FROM @ GROUP BY FLOOR(dec)",
    "SELECT a.id, b.id FROM @ AS a JOIN Place AS b ON DISTANCE(a.ra, a.dec, b.ra, b.dec) < 0.1",
    "SELECT p.id, m.id FROM Place AS p LEFT JOIN @ AS m
       ON DISTANCE(p.ra, p.dec, m.ra, m.dec) < 0.02 WHERE DISTANCE(p.ra, p.dec, 45, 0) < 1",
    "SELECT a.id, b.id FROM @ AS a JOIN @ AS b ON DISTANCE(a.ra, a.dec, b.ra, b.dec) < 0.05
       AND a.id < b.id",
    "SELECT p.id, p.mag_g, m.mag_g FROM Place AS p JOIN @ AS m ON m.id = p.id",
    "SELECT id FROM @ WHERE id IN (SELECT id FROM Place WHERE mag_g < 20)",
    "SELECT id, ra FROM @ ORDER BY DISTANCE(ra, dec, 45, 0) LIMIT 5",
];

/// A catalog with a table of its own, and tables that are taken in both ways.
struct Mounted {
    folder: TempDir,
    store: CatalogStore,
}

impl Mounted {
    fn create() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let schema = felis::parse(SCHEMA, &|_| None).unwrap().schema;
        let root = folder.path().join("catalog");
        let store = CatalogStore::create(&root, &schema, Chunking::try_new(0).unwrap()).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let n_rows = 2000;
        let mut normal = || (0..6).map(|_| rng.random_range(-0.5..0.5)).sum::<f64>();
        let column = |of: &mut dyn FnMut(usize) -> Option<f64>| -> ArrayRef {
            Arc::new((0..n_rows).map(of).collect::<Float64Array>())
        };
        // A crowd at the corner of four tiles, and some all over the sky.
        let ra = column(&mut |row| match row % 10 {
            0 => Some(row as f64 * 0.18),
            _ => Some(45.0 + normal()),
        });
        let dec = column(&mut |row| match row % 10 {
            0 => Some((row % 178) as f64 - 89.0),
            _ => Some(normal()),
        });
        let mag = column(&mut |row| (row % 7 != 0).then(|| 20.0 + normal()));
        let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(1000..1000 + n_rows as i64));
        let rows = [("id", ids), ("ra", ra), ("dec", dec), ("mag_g", mag)];
        let mut transaction = Transaction::begin(&store).unwrap();
        transaction.append("Place", &RecordBatch::try_from_iter(rows).unwrap()).unwrap();
        transaction.commit().unwrap();
        Self { folder, store }
    }

    /// Import a HATS catalog as `NAME_copied`, and mount it as `NAME`.
    fn take(&self, from: &Path, name: &str) {
        let hats = HatsCatalog::open(from).unwrap();
        let conform =
            ConformOptions { extra_columns: ExtraColumns::Ignore, ..ConformOptions::default() };
        let config = TransactionConfig { conform, ..TransactionConfig::default() };
        let mut transaction = Transaction::begin_with(&self.store, config).unwrap();
        let copied = format!("{name}_copied");
        transaction.add_tables(vec![hats.table_def(&copied).unwrap()]).unwrap();
        transaction.append_hats(&copied, &hats, &|_| {}).unwrap();
        transaction.commit().unwrap();
        hats.mount(&self.store, name, "", &|_| {}).unwrap();
    }

    async fn check(&self, name: &str) {
        let open = |pruning| {
            let config = EngineConfig { pruning, ..EngineConfig::default() };
            Database::with_config(self.store.clone(), config).unwrap()
        };
        let databases = [open(Pruning::On), open(Pruning::Off)];
        let sessions = databases.iter().map(|database| database.session().unwrap());
        let mut n_rows = 0;
        for session in sessions {
            for query in QUERIES {
                let mounted = answer(&session, &query.replace('@', name)).await;
                let copied = answer(&session, &query.replace('@', &format!("{name}_copied"))).await;
                assert_eq!(mounted, copied, "{name}: {query}");
                n_rows += copied.len();
            }
        }
        assert!(n_rows > 400, "{n_rows}");
    }
}

/// The rows of an answer as text, ascending.
async fn answer(session: &Session, adql: &str) -> Vec<String> {
    let query = session.query(adql, QueryOptions::default()).await;
    let query = query.unwrap_or_else(|error| panic!("{adql}\n{error}"));
    let batches = query.collect().await.unwrap_or_else(|error| panic!("{adql}\n{error}"));
    let mut rows = vec![];
    for batch in &batches {
        for row in 0..batch.num_rows() {
            let cells = batch.columns().iter().map(|c| array_value_to_string(c, row).unwrap());
            rows.push(cells.collect::<Vec<_>>().join("|"));
        }
    }
    rows.sort();
    rows
}

fn written_by_hats_import(name: &str) -> PathBuf {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ingest/tests/data/hats");
    data.join(name)
}

#[tokio::test]
async fn catalogs_of_hats_import_answer_as_their_copies() {
    let mounted = Mounted::create();
    for name in ["stars", "leaves"] {
        mounted.take(&written_by_hats_import(name), name);
        mounted.check(name).await;
    }
}

#[tokio::test]
async fn a_catalog_of_many_tiles_answers_as_its_copy() {
    let mounted = Mounted::create();
    let to = mounted.folder.path().join("hats");
    let config = HatsConfig {
        max_rows: 50,
        region: None,
        margin: None,
        created_at: "2026-11-23T04:00UTC".to_owned(),
    };
    let snapshot = mounted.store.snapshot().unwrap();
    let report = snapshot.export_hats("Place", &to, &config, &|_, _, _| {}).unwrap();
    assert!(report.n_tiles > 60);
    mounted.take(&to, "tiles");
    mounted.check("tiles").await;
    // A cone reads few of the tiles.
    let database = Database::open(mounted.store.root()).unwrap();
    let session = database.session().unwrap();
    let cone = "SELECT id FROM tiles WHERE DISTANCE(ra, dec, 45, 0.1) < 0.02";
    let plan = session.query(cone, QueryOptions::default()).await.unwrap().estimate().unwrap();
    let files = plan.total(|files| files.files);
    assert!(files.read < 12 && files.all as usize == report.n_tiles, "{files:?}");
}

#[tokio::test]
async fn a_file_that_changed_its_size_is_not_read() {
    let mounted = Mounted::create();
    let to = mounted.folder.path().join("leaves");
    copy(&written_by_hats_import("leaves"), &to);
    mounted.take(&to, "leaves");
    let tile = to.join("dataset/Norder=0/Dir=0/Npix=8/Npix=8.parquet");
    let mut bytes = std::fs::read(&tile).unwrap();
    bytes.push(0);
    std::fs::write(&tile, bytes).unwrap();
    let database = Database::open(mounted.store.root()).unwrap();
    let session = database.session().unwrap();
    let query = session.query("SELECT id FROM leaves", QueryOptions::default()).await.unwrap();
    let error = query.collect().await.unwrap_err().to_string();
    assert!(error.contains("its size is not what it was"), "{error}");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(std::fs::copy(entry.path(), to).unwrap()),
        }
    }
}
