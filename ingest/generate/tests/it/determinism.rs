//! The same seed gives the same rows, however they are made.

use almagest_generate::schema::TABLES;
use almagest_generate::{Survey, SurveyConfig, Width, WriteConfig, generate};
use almagest_storage::CatalogStore;
use arrow::compute::concat_batches;

use super::columns::{checksum, count, make, read};

/// Generate into a catalog and sum up each table.
fn sums(config: &SurveyConfig, write: &WriteConfig) -> Vec<(usize, u64)> {
    let folder = tempfile::tempdir().unwrap();
    generate(folder.path(), config, write, &|_| {}).unwrap();
    let snapshot = CatalogStore::open(folder.path()).unwrap().snapshot().unwrap();
    TABLES.iter().map(|table| checksum(&read(&snapshot, table))).collect()
}

#[test]
fn rows_do_not_depend_on_threads_batches_buffers_commits_and_chunks() {
    let config = SurveyConfig {
        depth: "20".parse().unwrap(),
        width: Width::Narrow,
        ..SurveyConfig::new(1000, 4)
    };
    let one = WriteConfig { n_threads: 1, ..WriteConfig::default() };
    let expected = sums(&config, &one);
    assert!(expected.iter().all(|(n_rows, _)| *n_rows > 0), "{expected:?}");
    let small = WriteConfig {
        n_threads: 2,
        batch_rows: 1700,
        buffer_bytes: 1 << 20,
        commit_objects: 600,
        resolution: 1,
        name: Some("other".to_owned()),
        author: "somebody".to_owned(),
    };
    assert_eq!(sums(&config, &small), expected);
    let other = SurveyConfig { seed: 5, ..config };
    for (other, expected) in sums(&other, &one).iter().zip(&expected) {
        assert_ne!(other.1, expected.1);
    }
}

#[test]
fn an_object_has_its_rows_without_the_others() {
    let survey = Survey::new(&SurveyConfig::new(3000, 8)).unwrap();
    let cell = (0..12_288).max_by_key(|cell| survey.sky().objects_of(*cell).count()).unwrap();
    let objects = survey.sky().objects_of(cell);
    let together = survey.rows(&[(cell, objects.clone())]).unwrap();
    let alone: Vec<_> =
        objects.map(|index| survey.rows(&[(cell, index..index + 1)]).unwrap()).collect();
    for (number, (table, batch)) in together.iter().enumerate() {
        let parts: Vec<_> = alone.iter().map(|rows| &rows[number].1).collect();
        assert_eq!(concat_batches(&batch.schema(), parts).unwrap(), *batch, "{table}");
    }
}

#[test]
fn narrow_tables_have_the_values_of_wide_ones() {
    let of_width = |width| make(&SurveyConfig { width, ..SurveyConfig::new(60, 2) });
    let whole = of_width(Width::Whole);
    for width in [Width::Narrow, Width::Medium, Width::Ordinary] {
        for (table, batches) in of_width(width) {
            assert_eq!(count(&batches), count(&whole[&table]));
            for (narrow, wide) in batches.iter().zip(&whole[&table]) {
                for field in narrow.schema().fields() {
                    let name = field.name();
                    assert_eq!(
                        narrow.column_by_name(name),
                        wide.column_by_name(name),
                        "{table}.{name}"
                    );
                }
            }
        }
    }
}
