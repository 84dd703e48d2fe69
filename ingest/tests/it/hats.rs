//! Tables out as HATS catalogs, and HATS catalogs in.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use almagest_ingest::conform::{ConformOptions, ExtraColumns};
use almagest_ingest::hats::HatsCatalog;
use almagest_ingest::{Transaction, TransactionConfig};
use almagest_storage::chunking::healpix29;
use almagest_storage::hats::HatsConfig;
use almagest_storage::sphgeom::{Cone, Region};
use almagest_storage::{CatalogStore, Error, Removal};
use arrow::array::AsArray;
use arrow::datatypes::{Float64Type, Int64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::sky_tables::{catalog, sources, visible};

fn config(max_rows: u64) -> HatsConfig {
    HatsConfig {
        max_rows,
        region: None,
        margin: None,
        created_at: "2026-11-22T04:00UTC".to_owned(),
    }
}

/// Two thousand sources, most of them in one corner of the sky; one is deleted.
fn filled(store: &CatalogStore) {
    let rows: Vec<(i64, f64, f64)> = (1..=2000)
        .map(|id| match id % 10 {
            0 => (id, id as f64 * 0.18, (id % 1780) as f64 * 0.1 - 89.0),
            _ => (id, 45.0 + id as f64 * 0.001, 10.0 - id as f64 * 0.002),
        })
        .collect();
    for rows in rows.chunks(700) {
        let mut transaction = Transaction::begin(store).unwrap();
        transaction.append("Source", &sources(rows)).unwrap();
        transaction.commit().unwrap();
    }
    let mut transaction = Transaction::begin(store).unwrap();
    transaction.remove("Source", Removal::Ids(vec![77])).unwrap();
    transaction.commit().unwrap();
}

/// The ids in the files of tiles, by tile; rows lie in their tile, in order.
fn tiles(folder: &Path) -> BTreeMap<(u32, u64), Vec<i64>> {
    let mut found = BTreeMap::new();
    let info = std::fs::read_to_string(folder.join("partition_info.csv")).unwrap();
    for line in info.lines().skip(1) {
        let (order, pixel) = line.split_once(',').unwrap();
        let (order, pixel): (u32, u64) = (order.parse().unwrap(), pixel.parse().unwrap());
        let directory = pixel / 10_000 * 10_000;
        let name = format!("dataset/Norder={order}/Dir={directory}/Npix={pixel}.parquet");
        let file = File::open(folder.join(name)).unwrap();
        let (mut ids, mut last) = (vec![], i64::MIN);
        for batch in ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap() {
            let batch = batch.unwrap();
            let double = |name| batch.column_by_name(name).unwrap().as_primitive::<Float64Type>();
            let keys = batch.column(0).as_primitive::<Int64Type>();
            let (ra, dec) = (double("ra"), double("dec"));
            for row in 0..batch.num_rows() {
                let key = keys.value(row);
                assert_eq!(healpix29(ra.value(row), dec.value(row)), Ok(key));
                assert_eq!(key.cast_unsigned() >> (2 * (29 - order)), pixel);
                assert!(key >= std::mem::replace(&mut last, key));
            }
            let column = batch.column_by_name("sourceId").unwrap().as_primitive::<Int64Type>();
            ids.extend(column.values());
        }
        found.insert((order, pixel), ids);
    }
    found
}

#[test]
fn a_table_becomes_tiles_and_comes_back() {
    let (folder, store) = catalog();
    filled(&store);
    let to = folder.path().join("hats");
    let snapshot = store.snapshot().unwrap();
    let report = snapshot.export_hats("source", &to, &config(100), &|_, _, _| {}).unwrap();
    assert_eq!((report.n_rows, report.n_without_position), (1999, 0));
    let tiles = tiles(&to);
    assert_eq!(tiles.len(), report.n_tiles);
    assert!(tiles.values().all(|ids| (1..=100).contains(&ids.len())));
    assert!(tiles.keys().any(|(order, _)| *order > 4) && tiles.keys().any(|(order, _)| *order < 3));
    let mut ids: Vec<i64> = tiles.into_values().flatten().collect();
    ids.sort_unstable();
    let expected: Vec<i64> = (1..=2000).filter(|id| *id != 77).collect();
    assert_eq!(ids, expected);
    assert!(!to.join(".waiting").exists());
    let error = snapshot.export_hats("Source", &to, &config(100), &|_, _, _| {}).unwrap_err();
    assert!(matches!(error, Error::AlreadyExists { .. }));
    let other = folder.path().join("other");
    let error = snapshot.export_hats("Visit", &other, &config(100), &|_, _, _| {}).unwrap_err();
    assert_eq!(error.to_string(), "table Visit has no positions of its own");

    let hats = HatsCatalog::open(&to).unwrap();
    assert_eq!((hats.table_name().as_str(), hats.n_rows()), ("Source", Some(1999)));
    let table = hats.table_def("Imported").unwrap();
    assert!(table.column("_healpix_29").is_none());
    let take = |name: &str| {
        let conform =
            ConformOptions { extra_columns: ExtraColumns::Ignore, ..ConformOptions::default() };
        let config = TransactionConfig { conform, ..TransactionConfig::default() };
        let mut transaction = Transaction::begin_with(&store, config).unwrap();
        transaction.add_tables(vec![hats.table_def(name).unwrap()]).unwrap();
        transaction.append_hats(name, &hats, &|_| {})?;
        transaction.commit()
    };
    take("Imported").unwrap();
    let found: Vec<i64> =
        visible(&store.snapshot().unwrap(), "Imported", "sourceId").into_iter().flatten().collect();
    assert_eq!(found, expected);
    // A catalog that has lost a tile is refused.
    let info = std::fs::read_to_string(to.join("partition_info.csv")).unwrap();
    let (order, pixel) = info.lines().nth(1).unwrap().split_once(',').unwrap();
    let name = format!("dataset/Norder={order}/Dir=0/Npix={pixel}.parquet");
    std::fs::remove_file(to.join(name)).unwrap();
    let hats = HatsCatalog::open(&to).unwrap();
    let mut transaction = Transaction::begin(&store).unwrap();
    transaction.add_tables(vec![hats.table_def("Lost").unwrap()]).unwrap();
    assert!(transaction.append_hats("Lost", &hats, &|_| {}).is_err());
}

#[test]
fn a_region_is_exported_alone() {
    let (folder, store) = catalog();
    filled(&store);
    let to = folder.path().join("hats");
    let region = Region::Cone(Cone::closed_deg(45.5, 9.0, 0.3));
    let config = HatsConfig { region: Some(region.clone()), ..config(1000) };
    let snapshot = store.snapshot().unwrap();
    let report = snapshot.export_hats("Source", &to, &config, &|_, _, _| {}).unwrap();
    let expected: usize = snapshot
        .read_region("Source", Some(&region), Some(&["sourceId"]), None)
        .unwrap()
        .iter()
        .map(|batch| batch.num_rows())
        .sum();
    assert!(expected > 10 && expected < 1000);
    assert_eq!(report.n_rows, expected as u64);
    assert_eq!(tiles(&to).into_values().flatten().count(), expected);
}
