//! Columns come, go, and change name or type, while the files of older rows stay as they are.

use std::sync::Arc;

use almagest_ingest::{CompactConfig, Error, ErrorKind, Transaction, compact};
use almagest_storage::schema::{Alteration, ColumnDef, Datatype, DefaultValue, dp1_names, felis};
use almagest_storage::version::DefinitionChange;
use almagest_storage::{CatalogStore, Error as StorageError, Removal, Snapshot};
use arrow::array::{Array, Int32Array, RecordBatch, StringArray};
use arrow::util::display::array_value_to_string;

use crate::sky_tables::{Null, batch, catalog, column, forced_sources, objects, sources, visits};

fn alter(store: &CatalogStore, table: &str, alteration: Alteration) -> Result<u64, Error> {
    let mut transaction = Transaction::begin(store)?;
    transaction.alter_table(table, alteration)?;
    Ok(transaction.commit()?.version)
}

fn append(store: &CatalogStore, table: &str, rows: &RecordBatch) -> u64 {
    let mut transaction = Transaction::begin(store).unwrap();
    transaction.append(table, rows).unwrap();
    transaction.commit().unwrap().version
}

fn added(name: &str, datatype: Datatype, default: Option<DefaultValue>) -> Alteration {
    Alteration::AddColumn(ColumnDef { default, ..column(name, datatype, Null::Allowed) })
}

fn rename(column: &str, to: &str) -> Alteration {
    Alteration::RenameColumn { column: column.to_owned(), to: to.to_owned() }
}

/// The rows of a table as text, sorted; one line each.
fn rows(snapshot: &Snapshot, table: &str) -> Vec<String> {
    let mut lines = vec![];
    for batch in snapshot.read_region(table, None, None, None).unwrap() {
        for row in 0..batch.num_rows() {
            let value = |values: &Arc<dyn Array>| array_value_to_string(values, row).unwrap();
            lines.push(batch.columns().iter().map(value).collect::<Vec<_>>().join(" "));
        }
    }
    lines.sort();
    lines
}

#[test]
fn rows_of_before_have_the_columns_of_now_and_those_of_then() {
    let (_folder, store) = catalog();
    let bands = |visits: &[i64]| {
        let ids = arrow::array::Int64Array::from(visits.to_vec());
        let bands = StringArray::from_iter_values(visits.iter().map(|_| "r"));
        batch(vec![("visit", Arc::new(ids)), ("band", Arc::new(bands))])
    };
    append(&store, "Visit", &bands(&[1]));
    let seven = Some(DefaultValue::Integer(7));
    assert_eq!(alter(&store, "visit", added("exposures", Datatype::Int, seven)).unwrap(), 2);
    assert_eq!(rows(&store.snapshot().unwrap(), "Visit"), ["1 r 7"]);
    append(&store, "Visit", &bands(&[2]));
    alter(&store, "Visit", rename("BAND", "filter")).unwrap();
    let widened = Alteration::WidenColumn {
        column: "exposures".to_owned(),
        datatype: Datatype::Long,
        length: None,
    };
    alter(&store, "Visit", widened).unwrap();
    let three = batch(vec![
        ("visit", Arc::new(Int32Array::from(vec![3]))),
        ("filter", Arc::new(StringArray::from(vec!["z"]))),
        ("exposures", Arc::new(arrow::array::Int64Array::from(vec![1_i64 << 40]))),
    ]);
    append(&store, "Visit", &three);
    alter(&store, "Visit", Alteration::DropColumn("filter".to_owned())).unwrap();
    // A column of the name of one that went is another one.
    alter(&store, "Visit", added("filter", Datatype::String, None)).unwrap();
    let newest = store.snapshot().unwrap();
    assert_eq!(newest.version(), 8);
    let now = ["1 7 ", "2 7 ", "3 1099511627776 "];
    assert_eq!(rows(&newest, "Visit"), now);
    let as_of = |version| rows(&store.snapshot_at(version).unwrap(), "Visit");
    assert_eq!(as_of(1), ["1 r"]);
    assert_eq!(as_of(3), ["1 r 7", "2 r 7"]);
    assert_eq!(as_of(6), ["1 r 7", "2 r 7", "3 z 1099511627776"]);
    assert_eq!(as_of(7), ["1 7", "2 7", "3 1099511627776"]);
    let report = store.check().unwrap();
    assert!(report.is_clean(), "{report}");

    // Another process sees the same, and compaction writes what it sees.
    let other = CatalogStore::open(store.root()).unwrap();
    assert_eq!(rows(&other.snapshot().unwrap(), "Visit"), now);
    let config = CompactConfig { min_files: 2, ..CompactConfig::default() };
    assert_eq!(compact(&other, &config).unwrap().tables.len(), 1);
    let compacted = store.snapshot().unwrap();
    assert_eq!(rows(&compacted, "Visit"), now);
    assert!(compacted.data_files("Visit").iter().all(|file| file.older_form.is_none()));
    assert_eq!(as_of(6), ["1 r 7", "2 r 7", "3 z 1099511627776"]);
    assert!(store.check().unwrap().is_clean());
    let changes = store.versions().unwrap().swap_remove(4).changes;
    assert_eq!(changes[0].definition, Some(DefinitionChange::Altered));
    let diff = store.diff(1, 8).unwrap();
    assert_eq!(diff[0].definition, Some(DefinitionChange::Altered));
}

#[test]
fn an_id_a_key_and_a_position_are_renamed_with_all_that_they_mean() {
    let (_folder, store) = catalog();
    append(&store, "Object", &objects(&[(1, 10.0, 20.0), (2, 30.0, 40.0)]));
    append(&store, "ForcedSource", &forced_sources(&[(Some(1), 5), (Some(2), 5)]));
    for (table, from, to) in
        [("Object", "objectId", "id"), ("Object", "ra", "lon"), ("ForcedSource", "objectId", "of")]
    {
        alter(&store, table, rename(from, to)).unwrap();
    }
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.look_up_ids("Object", &[1, 2, 3]).unwrap().len(), 2);
    // The id is still one: a row of before and one of now cannot share it.
    let again = batch(vec![
        ("id", Arc::new(arrow::array::Int64Array::from(vec![2_i64]))),
        ("lon", Arc::new(arrow::array::Float64Array::from(vec![30.0]))),
        ("dec", Arc::new(arrow::array::Float64Array::from(vec![40.0]))),
    ]);
    let mut transaction = Transaction::begin(&store).unwrap();
    transaction.append("Object", &again).unwrap();
    assert!(matches!(transaction.commit(), Err(Error::KnownId { id: 2, .. })));
    // Rows of before go by the new names, and what is left of their ids is known.
    let mut transaction = Transaction::begin(&store).unwrap();
    transaction.remove("ForcedSource", Removal::data_id("of", 2)).unwrap();
    transaction.remove("Object", Removal::Ids(vec![2])).unwrap();
    transaction.commit().unwrap();
    let mut transaction = Transaction::begin(&store).unwrap();
    transaction.append("Object", &again).unwrap();
    transaction.commit().unwrap();
    let snapshot = store.snapshot().unwrap();
    assert_eq!(rows(&snapshot, "ForcedSource").len(), 1);
    let file = &snapshot.data_files("ForcedSource")[0];
    assert!(file.column_ranges.iter().all(|range| range.column != "objectId"));
    let cone = almagest_storage::sphgeom::Region::Cone(
        almagest_storage::sphgeom::Cone::closed_deg(10.0, 20.0, 1.0),
    );
    assert_eq!(
        snapshot.read_region("Object", Some(&cone), Some(&["id"]), None).unwrap()[0].num_rows(),
        1
    );
    assert!(store.check().unwrap().is_clean());
}

#[test]
fn refusals_say_what_needs_a_column() {
    let (_folder, store) = catalog();
    let check = |table: &str, alteration: Alteration, expected: &str| {
        let error = alter(&store, table, alteration).unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert_eq!(error.kind(), ErrorKind::Input);
        assert_eq!(store.newest_version().unwrap(), 0);
    };
    let drop_column = |column: &str| Alteration::DropColumn(column.to_owned());
    let widen = |column: &str, datatype, length| Alteration::WidenColumn {
        column: column.to_owned(),
        datatype,
        length,
    };
    check(
        "Object",
        drop_column("objectid"),
        "column objectId of table Object cannot be dropped: the table as its id, the primary key \
         need it",
    );
    check(
        "ForcedSource",
        drop_column("objectId"),
        "column objectId of table ForcedSource cannot be dropped: the table as the key of its \
         director needs it",
    );
    check("Object", drop_column("flx"), "table Object has no column flx");
    check(
        "Objects",
        drop_column("flux"),
        "no table Objects in schema survey; did you mean Object?",
    );
    check("Object", added("FLUX", Datatype::Int, None), "table Object has a column flux already");
    check("Object", rename("flux", "Ra"), "table Object has a column ra already");
    let not_null = Alteration::AddColumn(column("x", Datatype::Int, Null::Forbidden));
    check(
        "Object",
        not_null,
        "column x of table Object may not be NULL, so that it needs a default",
    );
    check(
        "Object",
        rename("flux", "a.b"),
        "table Object, column name \"a.b\": the name of a column has no `.` and no `#`",
    );
    check(
        "Object",
        widen("flux", Datatype::Int, None),
        "column flux of table Object is float, which int is not wider than",
    );
    check(
        "Object",
        widen("objectId", Datatype::Double, None),
        "column objectId of table Object is long, which double is not wider than",
    );
    alter(&store, "Object", widen("flux", Datatype::Double, None)).unwrap();
}

#[test]
fn views_follow_what_they_show() {
    let survey = almagest_storage::schema::survey::survey_schema().unwrap();
    let schema = dp1_names::with_views(survey);
    let folder = tempfile::tempdir().unwrap();
    let chunking = almagest_storage::chunking::Chunking::try_new(0).unwrap();
    let store = CatalogStore::create(&folder.path().join("c"), &schema, chunking).unwrap();
    let error = alter(&store, "VisitDetector", Alteration::DropColumn("skyBg".to_owned()));
    let error = error.unwrap_err().to_string();
    assert!(error.ends_with("cannot be dropped: view CcdVisit needs it"), "{error}");
    alter(&store, "VisitDetector", rename("skyBg", "sky")).unwrap();
    let widened = Alteration::WidenColumn {
        column: "sky".to_owned(),
        datatype: Datatype::Double,
        length: None,
    };
    alter(&store, "VisitDetector", widened).unwrap();
    let snapshot = CatalogStore::open(store.root()).unwrap().snapshot().unwrap();
    felis::validate(snapshot.schema()).unwrap();
    let view = snapshot.table("CcdVisit").unwrap();
    assert_eq!(view.column("skyBg").unwrap().datatype, Datatype::Double);
    let error = alter(&store, "CcdVisit", rename("skyBg", "sky")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "CcdVisit is a view: its columns are those of the table that it is of"
    );
}

#[test]
fn an_alteration_and_rows_of_the_old_form_cannot_both_stand() {
    let (_folder, store) = catalog();
    let mut filling = Transaction::begin(&store).unwrap();
    filling.append("Source", &sources(&[(1, 1.0, 1.0)])).unwrap();
    let error = filling.alter_table("Source", added("x", Datatype::Int, None)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "table Source must be altered before rows of it are appended, and none be removed"
    );
    alter(&store, "Source", added("x", Datatype::Int, None)).unwrap();
    let refusal = filling.commit().unwrap_err();
    assert_eq!(refusal.to_string(), "conflict: table Source was altered by another commit");
    assert_eq!(refusal.kind(), ErrorKind::Conflict);

    // Two alterations of one table stand beside each other; rows of others are not concerned.
    let (mut first, mut second) =
        (Transaction::begin(&store).unwrap(), Transaction::begin(&store).unwrap());
    first.alter_table("Source", added("y", Datatype::Int, None)).unwrap();
    second.alter_table("Source", added("z", Datatype::Int, None)).unwrap();
    second.append("Visit", &visits(&[1])).unwrap();
    first.commit().unwrap();
    second.commit().unwrap();
    let snapshot = store.snapshot().unwrap();
    let names: Vec<_> =
        snapshot.table("Source").unwrap().columns.iter().rev().map(|c| c.name.as_str()).collect();
    assert_eq!(&names[..3], ["z", "y", "x"]);

    // A table is altered and filled in one version.
    let mut both = Transaction::begin(&store).unwrap();
    let nine = Some(DefaultValue::Integer(9));
    both.alter_table("Source", added("w", Datatype::Short, nine)).unwrap();
    both.append("Source", &sources(&[(5, 1.0, 1.0)])).unwrap();
    both.commit().unwrap();
    assert!(rows(&store.snapshot().unwrap(), "Source")[0].ends_with(" 9"));
    let dropped = Removal::Ids(vec![5]);
    let mut removing = Transaction::begin(&store).unwrap();
    removing.remove("Source", dropped).unwrap();
    alter(&store, "Source", rename("w", "v")).unwrap();
    let refusal = removing.commit().unwrap_err();
    assert!(matches!(refusal, Error::Storage(StorageError::Conflict { .. })), "{refusal}");
    assert!(store.check().unwrap().is_clean());
}
