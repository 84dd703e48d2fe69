//! A dry run says what an ingest would do, and does nothing.

use std::fs;
use std::path::Path;

use almagest_ingest::{ReadOptions, Rehearsal, Transaction, TransactionConfig};
use almagest_storage::CatalogStore;

use crate::sky_tables::{catalog, files, forced_sources, objects, sources};

/// Every file of a folder with its bytes, but for who is reading just now.
fn contents(root: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut paths = files(root);
    paths.push(root.join(["catalog", ".db"].concat()));
    paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

fn filled() -> (tempfile::TempDir, CatalogStore) {
    let (folder, store) = catalog();
    let mut transaction = Transaction::begin(&store).unwrap();
    transaction.append("Source", &sources(&[(1, 1.0, 1.0)])).unwrap();
    transaction.append("Object", &objects(&[(7, 1.0, 1.0)])).unwrap();
    transaction.append("ForcedSource", &forced_sources(&[(Some(7), 1)])).unwrap();
    transaction.commit().unwrap();
    (folder, store)
}

#[test]
fn the_forecast_is_what_comes_true() {
    let (folder, store) = filled();
    let mut text = "sourceId,ra,dec,flux\n".to_owned();
    for id in 0..20_000 {
        let (ra, dec) = ((id * 37 % 3600) as f64 / 10.0, (id * 11 % 1700) as f64 / 10.0 - 85.0);
        text += &format!("{id},{ra},{dec},{}\n", id as f64 * 0.37);
    }
    text += "20000,1,95,1\n20001,1,1\n5,1,1,1\n";
    let path = folder.path().join("s.csv");
    fs::write(&path, text).unwrap();
    let other = folder.path().join("other.csv");
    fs::write(&other, "sourceId,ra,decl\n1,1,1\n").unwrap();
    let before = contents(store.root());

    // A small buffer, so that rows would be written to several files.
    let config = TransactionConfig { buffer_bytes: 256 << 10, ..TransactionConfig::default() };
    let options = ReadOptions { batch_rows: 1000, ..ReadOptions::default() };
    let mut rehearsal = Rehearsal::begin(&store, config.clone()).unwrap();
    rehearsal.try_file("source", &path, &options).unwrap();
    rehearsal.try_file("Source", &other, &options).unwrap();
    let forecast = rehearsal.finish().unwrap();
    assert_eq!(contents(store.root()), before);

    let rejected = [("bad position", 1), ("duplicate id", 2), ("unreadable", 1)];
    let rejected = rejected.map(|(kind, n)| (kind.to_owned(), n));
    assert_eq!(forecast.rejected.by_kind, rejected.clone().into());
    let refused: Vec<String> = forecast.refused.iter().map(ToString::to_string).collect();
    assert_eq!(
        refused,
        [format!(
            "{}: does not fit table Source: column dec is missing; column decl is not in the table",
            other.display()
        )]
    );
    let tally = &forecast.tallies["Source"];
    assert_eq!(tally.n_rows(), 19_999);
    assert_eq!(forecast.tables["Source"].n_rows, 19_999);

    let text = forecast.to_string();
    let lines: Vec<&str> = text.lines().skip(1).collect();
    assert!(lines[0].starts_with("Source: 19999 rows, "), "{text}");
    assert!(lines[0].contains(&format!(" MB, in {} chunks of ", tally.chunks.len())), "{text}");
    let expected = [
        "1 row does not fit: bad position",
        "2 rows do not fit: duplicate id",
        "1 row does not fit: unreadable",
    ];
    assert_eq!(lines[1..], expected);

    let on_error = almagest_ingest::OnError::Reject { file: None };
    let config = TransactionConfig { on_error, ..config };
    let mut transaction = Transaction::begin_with(&store, config).unwrap();
    transaction.append_file("Source", &path, &options).unwrap();
    let report = transaction.commit().unwrap();
    assert_eq!(report.rejected.by_kind, rejected.into());
    let snapshot = store.snapshot().unwrap();
    let new = snapshot.data_files("Source").iter().filter(|file| file.added_in == 2);
    let (mut chunks, mut n_bytes) = (std::collections::BTreeMap::new(), 0);
    for file in new {
        n_bytes += file.size_bytes;
        for footprint in &file.footprints {
            *chunks.entry(footprint.chunk).or_insert(0) += footprint.n_rows;
        }
    }
    assert_eq!(tally.chunks, chunks);
    assert!(chunks.len() > 100, "{} chunks", chunks.len());
    assert_eq!(tally.n_bytes, n_bytes, "all rows are in the sample");
}

#[test]
fn children_are_placed_by_directors_of_the_catalog_and_of_the_rehearsal() {
    let (folder, store) = filled();
    let objects = folder.path().join("o.csv");
    fs::write(&objects, "objectId,ra,dec\n8,100,10\n").unwrap();
    let forced = folder.path().join("f.csv");
    fs::write(&forced, "objectId,visit\n7,2\n8,2\n8,3\n9,2\n").unwrap();
    let mut rehearsal = Rehearsal::begin(&store, TransactionConfig::default()).unwrap();
    let options = ReadOptions::default();
    rehearsal.try_file("ForcedSource", &forced, &options).unwrap();
    rehearsal.try_file("Object", &objects, &options).unwrap();
    assert!(rehearsal.try_file("Objct", &objects, &options).is_err(), "no such table");
    let forecast = rehearsal.finish().unwrap();
    assert!(forecast.refused.is_empty());
    assert_eq!(forecast.rejected.by_kind, [("unknown director".to_owned(), 1)].into());
    assert_eq!(forecast.tallies["ForcedSource"].chunks.len(), 2);
    assert_eq!(forecast.tallies["ForcedSource"].n_rows(), 3);
    assert_eq!(forecast.tallies["Object"].n_rows(), 1);
    assert_eq!(store.snapshot().unwrap().version(), 1);
}
