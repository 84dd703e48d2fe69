//! Tables come and go with versions.

use almagest_ingest::{Error, ErrorKind, Transaction};
use almagest_storage::schema::{Datatype, SchemaDef, TableDef, TableKind, felis};
use almagest_storage::{CatalogStore, Error as StorageError};

use crate::sky_tables::{Null, catalog, column, forced_sources, objects, table, visible, visits};

/// A replicated table of visits' notes.
fn notes() -> TableDef {
    let columns = vec![
        column("visit", Datatype::Long, Null::Forbidden),
        column("band", Datatype::String, Null::Allowed),
    ];
    table("Note", TableKind::Replicated, Some("visit"), columns)
}

fn director(name: &str) -> TableDef {
    let columns = vec![
        column("objectId", Datatype::Long, Null::Forbidden),
        column("ra", Datatype::Double, Null::Forbidden),
        column("dec", Datatype::Double, Null::Forbidden),
    ];
    table(name, TableKind::Director, Some("objectId"), columns)
}

fn child(name: &str, director: &str) -> TableDef {
    let kind = TableKind::Child { director: director.to_owned(), key: "objectId".to_owned() };
    let columns = vec![
        column("objectId", Datatype::Long, Null::Forbidden),
        column("visit", Datatype::Long, Null::Forbidden),
    ];
    table(name, kind, None, columns)
}

fn add(store: &CatalogStore, tables: Vec<TableDef>) -> Result<u64, Error> {
    let mut transaction = Transaction::begin(store)?;
    transaction.add_tables(tables)?;
    Ok(transaction.commit()?.version)
}

fn drop_table(store: &CatalogStore, table: &str) -> Result<u64, Error> {
    let mut transaction = Transaction::begin(store)?;
    transaction.drop_table(table)?;
    Ok(transaction.commit()?.version)
}

#[test]
fn a_table_is_added_filled_dropped_and_still_there_before() {
    let (_folder, store) = catalog();
    let other = CatalogStore::open(store.root()).unwrap();
    let before = store.snapshot().unwrap();

    let mut transaction = Transaction::begin(&store).unwrap();
    transaction.add_tables(vec![notes()]).unwrap();
    transaction.append("note", &visits(&[1, 2])).unwrap();
    assert_eq!(transaction.commit().unwrap().version, 1, "one version for the table and its rows");

    let filled = other.snapshot().unwrap();
    assert_eq!(filled.table("NOTE").unwrap(), &notes(), "another process sees it");
    assert_eq!(visible(&filled, "Note", "visit"), [Some(1), Some(2)]);
    assert!(before.table("Note").is_err(), "an older snapshot does not");

    assert_eq!(drop_table(&other, "note").unwrap(), 2);
    let dropped = store.snapshot().unwrap();
    assert_eq!(dropped.table("Note").unwrap_err().to_string(), "no table Note in schema survey");
    assert_eq!(dropped.n_rows("Note"), 0);
    assert_eq!(visible(&filled, "Note", "visit"), [Some(1), Some(2)]);
    let as_of = CatalogStore::open(store.root()).unwrap().snapshot_at(1).unwrap();
    assert_eq!(visible(&as_of, "Note", "visit"), [Some(1), Some(2)]);
    assert!(Transaction::begin(&store).unwrap().append("Note", &visits(&[1])).is_err());

    // The name and the ids are free again, also in the case of another.
    let renamed = TableDef { name: "NOTE".to_owned(), ..notes() };
    let mut transaction = Transaction::begin(&store).unwrap();
    transaction.add_tables(vec![renamed]).unwrap();
    transaction.append("Note", &visits(&[2, 3])).unwrap();
    transaction.commit().unwrap();
    let again = store.snapshot().unwrap();
    assert_eq!(visible(&again, "note", "visit"), [Some(2), Some(3)]);
    assert_eq!(again.table_since("NOTE"), Some(3));
    assert!(again.schema().table("Note").is_none());
    let report = store.check().unwrap();
    assert!(report.is_clean() && report.orphans.is_empty(), "{report}");
    assert_eq!(report.n_rows, 2);
}

#[test]
fn a_table_is_replaced_by_another_of_its_name() {
    let (_folder, store) = catalog();
    add(&store, vec![director("Star"), child("Epoch", "Star")]).unwrap();
    let mut transaction = Transaction::begin(&store).unwrap();
    transaction.append("Star", &objects(&[(1, 10.0, 20.0)])).unwrap();
    transaction.append("Epoch", &forced_sources(&[(Some(1), 5)])).unwrap();
    transaction.commit().unwrap();

    let mut transaction = Transaction::begin(&store).unwrap();
    transaction.append("Epoch", &forced_sources(&[(Some(1), 6)])).unwrap();
    transaction.drop_table("Epoch").unwrap();
    transaction.drop_table("Star").unwrap();
    transaction.add_tables(vec![child("Epoch", "Star"), director("Star")]).unwrap();
    transaction.append("Epoch", &forced_sources(&[(Some(1), 7)])).unwrap();
    let refusal = transaction.commit().unwrap_err();
    assert!(
        matches!(refusal, Error::UnknownDirector { .. }),
        "the directors of before are no directors of now: {refusal}"
    );
    assert_eq!(visible(&store.snapshot().unwrap(), "Epoch", "visit"), [Some(5)]);

    let mut transaction = Transaction::begin(&store).unwrap();
    transaction.drop_table("Epoch").unwrap();
    transaction.drop_table("Star").unwrap();
    transaction.add_tables(vec![child("Epoch", "Star"), director("Star")]).unwrap();
    transaction.append("Epoch", &forced_sources(&[(Some(1), 8)])).unwrap();
    transaction.append("Star", &objects(&[(1, 11.0, 21.0)])).unwrap();
    transaction.commit().unwrap();
    let snapshot = store.snapshot().unwrap();
    assert_eq!(visible(&snapshot, "Epoch", "visit"), [Some(8)]);
    assert_eq!(visible(&snapshot, "Star", "objectId"), [Some(1)]);
    assert_eq!(visible(&store.snapshot_at(2).unwrap(), "Epoch", "visit"), [Some(5)]);
    assert!(store.check().unwrap().is_clean());
}

#[test]
fn refusals_say_what_is_wrong_and_change_nothing() {
    let (_folder, store) = catalog();
    let mut transaction = Transaction::begin(&store).unwrap();
    let mut check = |tables: Vec<TableDef>, expected: &str| {
        let error = transaction.add_tables(tables).unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert_eq!(error.kind(), ErrorKind::Input);
    };
    check(vec![TableDef { name: "OBJECT".into(), ..notes() }], "table Object exists already");
    check(vec![notes(), notes()], "table Note exists already");
    check(
        vec![child("Epoch", "Star")],
        "schema `survey` has 1 problem(s):\n  table Epoch: almagest:director names `Star`, which \
         is no table of the schema",
    );
    check(
        vec![child("Epoch", "Visit")],
        "schema `survey` has 1 problem(s):\n  table Epoch: its director Visit is replicated, not \
         a director",
    );
    check(
        vec![TableDef { name: String::new(), ..notes() }],
        "table name \"\": a table needs a name",
    );
    let mut check = |table: &str, expected: &str| {
        let error = transaction.drop_table(table).unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert_eq!(error.kind(), ErrorKind::Input);
    };
    check("Object", "table Object cannot be dropped: ForcedSource needs it");
    check("Vist", "no table Vist in schema survey; did you mean Visit?");
    assert_eq!(transaction.commit().unwrap().version, 0, "nothing has changed");
}

#[test]
fn of_two_commits_that_cannot_both_stand_the_second_is_refused() {
    let (_folder, store) = catalog();
    let begin = || Transaction::begin(&store).unwrap();
    add(&store, vec![notes(), director("Star")]).unwrap();

    let (mut filling, mut child_adding, mut dropping) = (begin(), begin(), begin());
    filling.append("Note", &visits(&[1])).unwrap();
    child_adding.add_tables(vec![child("Epoch", "Star")]).unwrap();
    dropping.drop_table("Note").unwrap();
    dropping.drop_table("Star").unwrap();
    dropping.add_tables(vec![notes()]).unwrap();
    dropping.commit().unwrap();
    let refusal = filling.commit().unwrap_err();
    assert_eq!(refusal.to_string(), "conflict: table Note was dropped by another commit");
    assert_eq!(refusal.kind(), ErrorKind::Conflict);
    let refusal = child_adding.commit().unwrap_err();
    assert!(matches!(refusal, Error::Storage(StorageError::Definition(_))), "{refusal}");

    let (mut first, mut second) = (begin(), begin());
    first.add_tables(vec![director("Star")]).unwrap();
    second.add_tables(vec![director("star")]).unwrap();
    first.commit().unwrap();
    assert_eq!(second.commit().unwrap_err().to_string(), "table Star exists already");
    let report = store.check().unwrap();
    assert!(report.is_clean() && report.orphans.is_empty(), "{report}");
}

#[test]
fn names_lead_nowhere_outside_the_catalog() {
    let (folder, store) = catalog();
    let refusal = add(&store, vec![TableDef { name: "../x".to_owned(), ..notes() }]).unwrap_err();
    let expected = "table name \"../x\": the name of a table has no `.` and no `#`";
    assert_eq!(refusal.to_string(), expected);
    let name = "/etc/x y";
    let table = TableDef { name: name.to_owned(), ..notes() };
    add(&store, vec![table]).unwrap();
    let mut transaction = Transaction::begin(&store).unwrap();
    transaction.append(name, &visits(&[1])).unwrap();
    transaction.commit().unwrap();
    assert_eq!(visible(&store.snapshot().unwrap(), name, "visit"), [Some(1)]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    assert!(store.check().unwrap().is_clean());
}

#[test]
fn a_catalog_may_begin_without_tables() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("users");
    let schema = SchemaDef { tables: vec![], ..crate::sky_tables::schema() };
    let chunking = almagest_storage::chunking::Chunking::try_new(0).unwrap();
    let store = CatalogStore::create(&root, &schema, chunking).unwrap();
    assert!(store.snapshot().unwrap().schema().tables.is_empty());
    add(&store, vec![notes()]).unwrap();
    let store = CatalogStore::open(&root).unwrap();
    assert_eq!(store.schema().tables, [notes()]);
    assert_eq!(store.name(), "survey");
}

#[test]
fn a_felis_document_adds_tables_that_refer_to_those_there_are() {
    let (_folder, store) = catalog();
    let text = r##"
name: more
tables:
  - name: Epoch
    "@id": "#Epoch"
    "almagest:director": Object
    columns:
      - {name: objectId, "@id": "#Epoch.objectId", datatype: long, nullable: false}
      - {name: visit, "@id": "#Epoch.visit", datatype: long}
    constraints:
      - {name: of_visit, "@type": ForeignKey, columns: ["#Epoch.visit"],
         referencedColumns: ["#Visit.visit"]}
"##;
    let reading =
        felis::parse_addition(text, store.snapshot().unwrap().schema(), &|_| None).unwrap();
    let names: Vec<_> = reading.schema.tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["Epoch"]);
    let key = "objectId".to_owned();
    let director = "Object".to_owned();
    assert_eq!(reading.schema.tables[0].kind, TableKind::Child { director, key });
    add(&store, reading.schema.tables).unwrap();
    let refusal = drop_table(&store, "Visit").unwrap_err();
    assert_eq!(refusal.to_string(), "table Visit cannot be dropped: Epoch needs it");
}
