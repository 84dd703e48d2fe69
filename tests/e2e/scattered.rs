//! A catalog of positions all over the sky, in several files, chunks (each a row group of its own)
//! and pages, and the same rows in memory.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use almagest_engine::arrow::array::{
    Array, ArrayRef, Float64Array, Int64Array, RecordBatch, UInt64Array,
};
use almagest_engine::arrow::compute::take;
use almagest_engine::{Database, EngineConfig, Pruning};
use almagest_ingest::Transaction;
use almagest_storage::CatalogStore;
use almagest_storage::chunking::Chunking;
use almagest_storage::schema::felis;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;

use crate::sphere::{Position, Vector};

/// A row as the reference scans it; without a position it is nowhere.
pub struct Row {
    pub id: i64,
    pub position: Option<Position>,
    pub vector: Vector,
}

/// The rows of a table, and the name of their identifier.
pub struct Table {
    pub name: &'static str,
    pub id: &'static str,
    pub rows: Vec<Row>,
    /// Other columns that its rows are placed by.
    others: Vec<(&'static str, ArrayRef)>,
}

/// The catalog, opened once with pruning and once without.
pub struct Scattered {
    pub tables: Vec<Table>,
    pub store: CatalogStore,
    pub pruning: Database,
    pub reading_all: Database,
    _folder: TempDir,
}

/// Return the catalog, made when first asked for.
pub fn scattered() -> &'static Scattered {
    static SCATTERED: OnceLock<Scattered> = OnceLock::new();
    SCATTERED.get_or_init(|| Scattered::create().unwrap())
}

impl Scattered {
    fn create() -> Result<Self, Box<dyn std::error::Error>> {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let objects = objects(&mut rng);
        let (forced, directors) = forced_sources(&mut rng, &objects);
        let sources = sources(&mut rng);
        let (moved, kept_by) = moved_sources(&mut rng, &sources);
        let tables = vec![
            Table::new("Object", "objectId", objects.into_iter().map(Some).collect()),
            Table::new("Source", "sourceId", sources.into_iter().map(Some).collect()),
            Table::new("ForcedSource", "forcedId", forced)
                .with_column("objectId", Int64Array::from(directors)),
            Table::new("MovedSource", "movedId", moved)
                .with_column(
                    "coord_ra",
                    Float64Array::from_iter(kept_by.iter().map(|p| Some(p.ra))),
                )
                .with_column(
                    "coord_dec",
                    Float64Array::from_iter(kept_by.iter().map(|p| Some(p.dec))),
                ),
        ];

        let folder = tempfile::tempdir()?;
        let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("e2e/scattered.yaml");
        let schema = felis::load(&schema)?.schema;
        let store =
            CatalogStore::create(&folder.path().join("catalog"), &schema, Chunking::try_new(0)?)?;
        // Three commits: each table has three files, each with rows all over the sky.
        for part in 0..3 {
            let mut transaction = Transaction::begin(&store)?;
            for table in &tables {
                transaction.append(table.name, &table.batch(part)?)?;
            }
            transaction.commit()?;
        }
        let open = |pruning| {
            Database::with_config(store.clone(), EngineConfig { pruning, ..Default::default() })
        };
        Ok(Self {
            tables,
            pruning: open(Pruning::On)?,
            reading_all: open(Pruning::Off)?,
            store,
            _folder: folder,
        })
    }
}

impl Table {
    fn new(name: &'static str, id: &'static str, positions: Vec<Option<Position>>) -> Self {
        let rows = positions
            .into_iter()
            .enumerate()
            .map(|(index, position)| Row {
                // 0 would mean no row.
                id: index as i64 + 1,
                position,
                vector: position.map_or([0.0; 3], Position::vector),
            })
            .collect();
        Self { name, id, rows, others: vec![] }
    }

    fn with_column(mut self, name: &'static str, values: impl Array + 'static) -> Self {
        self.others.push((name, Arc::new(values)));
        self
    }

    /// Return a third of the rows.
    fn batch(&self, part: usize) -> Result<RecordBatch, Box<dyn std::error::Error>> {
        let rows = || self.rows.iter().skip(part).step_by(3);
        let ids: Int64Array = rows().map(|row| row.id).collect();
        let ra: Float64Array = rows().map(|row| row.position.map(|p| p.ra)).collect();
        let dec: Float64Array = rows().map(|row| row.position.map(|p| p.dec)).collect();
        let mut columns: Vec<(&str, ArrayRef)> =
            vec![(self.id, Arc::new(ids)), ("ra", Arc::new(ra)), ("dec", Arc::new(dec))];
        let places =
            UInt64Array::from_iter_values((part as u64..self.rows.len() as u64).step_by(3));
        for (name, values) in &self.others {
            columns.push((name, take(values, &places, None)?));
        }
        Ok(RecordBatch::try_from_iter(columns)?)
    }
}

/// Everywhere, more near the poles, and where implementations trip.
fn objects(rng: &mut ChaCha8Rng) -> Vec<Position> {
    let mut objects: Vec<Position> = (0..6_000).map(|_| Position::anywhere(rng)).collect();
    for pole in [-90.0, 90.0] {
        let pole = Position { ra: 0.0, dec: pole };
        objects.extend(
            (0..500).map(|_| {
                pole.towards(rng.random_range(0.0..2.0_f64), rng.random_range(0.0..360.0))
            }),
        );
    }
    for ra in [0.0, 90.0, 180.0, 359.999_999_999_999, 360.0] {
        for dec in [-90.0, -45.0, -1e-13, 0.0, 45.0, 90.0] {
            objects.push(Position { ra, dec });
        }
    }
    objects
}

/// A dense field over RA 0, so that its chunks have several pages in each file, and a thin sky.
fn sources(rng: &mut ChaCha8Rng) -> Vec<Position> {
    let field = Position { ra: 0.0, dec: 10.0 };
    let dense = (0..40_000)
        .map(|_| field.towards(rng.random_range(0.0..3.0_f64), rng.random_range(0.0..360.0)))
        .collect::<Vec<_>>();
    let thin = (0..5_000).map(|_| Position::anywhere(rng)).collect::<Vec<_>>();
    [dense, thin].concat()
}

/// Rows off their directors, most by little, some by degrees, some nowhere; and the directors' ids.
fn forced_sources(rng: &mut ChaCha8Rng, objects: &[Position]) -> (Vec<Option<Position>>, Vec<i64>) {
    let mut positions = vec![];
    let mut directors = vec![];
    // Every third object: those of the first commit, so that directors are there in time.
    for (index, object) in objects.iter().enumerate().step_by(3) {
        for _ in 0..rng.random_range(1..6_usize) {
            let offset = match rng.random_range(0..100_u32) {
                0 => None,
                1..10 => Some(rng.random_range(0.0..5.0)),
                _ => Some(rng.random_range(0.0..0.01)),
            };
            let direction = rng.random_range(0.0..360.0);
            positions.push(offset.map(|offset: f64| object.towards(offset, direction)));
            directors.push(index as i64 + 1);
        }
    }
    (positions, directors)
}

/// Positions by which rows are not kept, most beside those by which they are, some degrees off or
/// nowhere; and those by which they are.
fn moved_sources(
    rng: &mut ChaCha8Rng,
    sources: &[Position],
) -> (Vec<Option<Position>>, Vec<Position>) {
    let kept_by: Vec<Position> = sources.iter().step_by(2).copied().collect();
    let moved = kept_by.iter().map(|kept_by| {
        let offset = match rng.random_range(0..100_u32) {
            0 => return None,
            1 => rng.random_range(0.0..90.0),
            _ => rng.random_range(0.0..1e-4_f64),
        };
        Some(kept_by.towards(offset, rng.random_range(0.0..360.0)))
    });
    (moved.collect(), kept_by)
}
