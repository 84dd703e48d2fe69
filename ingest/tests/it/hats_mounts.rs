//! Catalogs that hats-import wrote, imported and mounted: the same rows, and nothing of them changes.
//!
//! `tests/data/hats/make.py` made them: `stars`, a collection with `_healpix_29`, NaN and row groups of 16
//! rows; `leaves`, whose tiles are folders, with positions of 32 bits.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use almagest_ingest::conform::{ConformOptions, ExtraColumns};
use almagest_ingest::hats::HatsCatalog;
use almagest_ingest::hats::mount::MountReport;
use almagest_ingest::{CompactConfig, Transaction, TransactionConfig, compact};
use almagest_storage::backup::{BackupConfig, restore::restore};
use almagest_storage::check::MountedRows;
use almagest_storage::schema::Alteration;
use almagest_storage::sphgeom::{Cone, Region};
use almagest_storage::vacuum::VacuumConfig;
use almagest_storage::{CatalogStore, Removal, Snapshot};
use arrow::util::display::array_value_to_string;

use crate::sky_tables::{catalog, sources};

const N_ROWS: u64 = 160;

/// A copy of one of the catalogs.
fn copy_of(name: &str, to: &Path) -> PathBuf {
    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
            let to = to.join(entry.file_name());
            match entry.path().is_dir() {
                true => copy(&entry.path(), &to),
                false => drop(fs::copy(entry.path(), to).unwrap()),
            }
        }
    }
    let to = to.join(name);
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/hats").join(name), &to);
    to
}

fn import(store: &CatalogStore, hats: &HatsCatalog, name: &str) {
    let conform =
        ConformOptions { extra_columns: ExtraColumns::Ignore, ..ConformOptions::default() };
    let config = TransactionConfig { conform, ..TransactionConfig::default() };
    let mut transaction = Transaction::begin_with(store, config).unwrap();
    transaction.add_tables(vec![hats.table_def(name).unwrap()]).unwrap();
    transaction.append_hats(name, hats, &|_| {}).unwrap();
    transaction.commit().unwrap();
}

fn mount(store: &CatalogStore, from: &Path, name: &str) -> MountReport {
    HatsCatalog::open(from).unwrap().mount(store, name, "ada", &|_| {}).unwrap()
}

/// The rows of a table as text, in some order that two tables share.
fn rows(snapshot: &Snapshot, table: &str, region: Option<&Region>) -> Vec<String> {
    let mut rows = vec![];
    for batch in snapshot.read_region(table, region, None, None).unwrap() {
        for row in 0..batch.num_rows() {
            let cells = batch.columns().iter().map(|c| array_value_to_string(c, row).unwrap());
            rows.push(cells.collect::<Vec<_>>().join("|"));
        }
    }
    rows.sort();
    rows
}

fn cones() -> Vec<Region> {
    let centers = [(45.0, 0.0), (44.3, 0.4), (45.9, -0.7), (20.0, 30.0), (200.0, -10.0)];
    let cone = |(ra, dec)| [0.05, 0.3, 1.0, 40.0].map(|radius| Cone::closed_deg(ra, dec, radius));
    centers.into_iter().flat_map(cone).map(Region::Cone).collect()
}

/// Compare a mounted table with a copied one, whole and in cones.
fn check_equal(snapshot: &Snapshot, mounted: &str, copied: &str) {
    let expected = rows(snapshot, copied, None);
    assert_eq!(expected.len() as u64, N_ROWS);
    assert_eq!(rows(snapshot, mounted, None), expected);
    assert_eq!(snapshot.n_rows(mounted), N_ROWS);
    let mut n_found = 0;
    for cone in cones() {
        let expected = rows(snapshot, copied, Some(&cone));
        assert_eq!(rows(snapshot, mounted, Some(&cone)), expected, "{cone:?}");
        n_found += expected.len();
    }
    assert!(n_found > 100);
}

fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut contents = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.path().is_dir() {
            true => contents.extend(self::contents(&entry.path())),
            false => drop(contents.insert(entry.path(), fs::read(entry.path()).unwrap())),
        }
    }
    contents
}

#[test]
fn mounted_rows_are_those_of_a_copy() {
    let (folder, store) = catalog();
    for (name, table, has_keys) in [("stars", "stars_main", true), ("leaves", "leaves", false)] {
        let from = copy_of(name, folder.path());
        let hats = HatsCatalog::open(&from).unwrap();
        assert_eq!((hats.table_name().as_str(), hats.n_rows()), (table, Some(N_ROWS)));
        import(&store, &hats, &format!("{name}_copied"));
        let report = mount(&store, &from, name);
        assert_eq!((report.n_rows, report.n_files, report.has_keys), (N_ROWS, 4, has_keys));
        assert_eq!((report.n_outside, report.left_out.len()), (0, 0));
        check_equal(&store.snapshot().unwrap(), name, &format!("{name}_copied"));
    }
    // NaN is NULL in both.
    let stars = rows(&store.snapshot().unwrap(), "stars", None);
    assert!(stars[0].starts_with("1000|") && stars[0].contains("||"), "{}", stars[0]);
    assert!(!stars.iter().any(|row| row.contains("NaN")));
    // Small cones read few of the row groups.
    let snapshot = store.snapshot().unwrap();
    let footprints = || snapshot.data_files("stars").iter().flat_map(|file| &file.footprints);
    let met = footprints().filter(|footprint| footprint.may_meet(&cones()[8])).count();
    assert!(footprints().count() > 10 && 3 * met < 2 * footprints().count(), "{met}");
    let margin = folder.path().join("stars/stars_margin");
    let error = HatsCatalog::open(&margin).unwrap_err().to_string();
    assert!(error.ends_with("it is no catalog of its own: margin"), "{error}");
}

#[test]
fn nothing_of_a_mounted_catalog_changes() {
    const NOW: VacuumConfig =
        VacuumConfig { grace: Duration::ZERO, lease_timeout: Duration::from_secs(60) };
    let (folder, store) = catalog();
    let from = copy_of("stars", folder.path());
    let before = contents(&from);
    mount(&store, &from, "stars");
    let refused = format!(
        "table stars is mounted from {}: rows can be neither added to it nor removed",
        from.join("stars_main").display()
    );
    let mut transaction = Transaction::begin(&store).unwrap();
    let error = transaction.append("stars", &sources(&[(1, 2.0, 3.0)])).unwrap_err();
    assert_eq!(error.to_string(), refused);
    assert_eq!(
        transaction.remove("stars", Removal::data_id("id", 1001)).unwrap_err().to_string(),
        refused
    );
    drop(transaction);

    let small = CompactConfig { min_files: 2, ..CompactConfig::default() };
    assert!(compact(&store, &small).unwrap().tables.is_empty());
    for mounted in [MountedRows::Trusted, MountedRows::Read] {
        let report = store.check_with(mounted).unwrap();
        assert!(report.is_clean() && report.n_rows == N_ROWS, "{report}");
    }
    let backup = store.root().with_file_name("backup");
    let report = store.back_up(&backup, BackupConfig::default()).unwrap();
    assert_eq!((report.n_files, report.n_mounted), (0, 4));
    assert!(report.to_string().ends_with("4 are mounted from elsewhere and not copied"));
    let restored = store.root().with_file_name("restored");
    restore(&backup, &restored, None).unwrap();
    let restored = CatalogStore::open(&restored).unwrap();
    let expected = rows(&store.snapshot().unwrap(), "stars", None);
    assert_eq!(rows(&restored.snapshot().unwrap(), "stars", None), expected);

    let mut transaction = Transaction::begin(&store).unwrap();
    transaction.drop_table("stars").unwrap();
    transaction.commit().unwrap();
    // The same files again, while the older version still has them.
    mount(&store, &from, "stars");
    assert_eq!(store.snapshot().unwrap().n_rows("stars"), N_ROWS);
    let report = store.vacuum(NOW).unwrap();
    assert_eq!((report.n_data_files, report.size_bytes), (0, 0));
    assert_eq!(rows(&store.snapshot().unwrap(), "stars", None), expected);
    assert!(contents(&from) == before, "the mounted folder is as it was");
}

#[test]
fn columns_of_a_mounted_table_are_altered_as_those_of_others() {
    let (folder, store) = catalog();
    let from = copy_of("stars", folder.path());
    let mounted = mount(&store, &from, "stars").version;
    import(&store, &HatsCatalog::open(&from).unwrap(), "copied");
    for table in ["stars", "copied"] {
        for alteration in [
            Alteration::RenameColumn { column: "mag_g".into(), to: "g".into() },
            Alteration::DropColumn("n_obs".into()),
            Alteration::RenameColumn { column: "ra".into(), to: "lon".into() },
        ] {
            let mut transaction = Transaction::begin(&store).unwrap();
            transaction.alter_table(table, alteration).unwrap();
            transaction.commit().unwrap();
        }
    }
    let snapshot = store.snapshot().unwrap();
    assert!(snapshot.table("stars").unwrap().column("g").is_some());
    check_equal(&snapshot, "stars", "copied");
    let before = store.snapshot_at(mounted).unwrap();
    assert_eq!(rows(&before, "stars", None).len() as u64, N_ROWS);
    assert!(before.table("stars").unwrap().column("mag_g").is_some());
}

#[test]
fn files_that_changed_are_told() {
    let (folder, store) = catalog();
    let from = copy_of("stars", folder.path());
    mount(&store, &from, "stars");
    let tile = from.join("stars_main/dataset/Norder=0/Dir=0/Npix=4.parquet");
    let whole = fs::read(&tile).unwrap();
    let check = |expected: &str| {
        let report = store.check().unwrap();
        assert_eq!(report.problems, [format!("{}: {expected}", tile.display())]);
    };
    fs::write(&tile, &whole[..whole.len() - 1]).unwrap();
    check(&format!("{} bytes, {} when it was mounted", whole.len() - 1, whole.len()));
    let mut other = whole.clone();
    let in_footer = other.len() - 20;
    other[in_footer] ^= 1;
    fs::write(&tile, &other).unwrap();
    check("its footer is not the one that was mounted");
    fs::remove_file(&tile).unwrap();
    check("file is missing");
    assert!(store.snapshot().unwrap().read_region("stars", None, None, None).is_err());
}

/// What HATS promises does not hold of a file that lies under another tile's name.
#[test]
fn rows_outside_their_tile_are_found_all_the_same() {
    let (folder, store) = catalog();
    let from = copy_of("stars", folder.path());
    import(&store, &HatsCatalog::open(&from).unwrap(), "copied");
    let dataset = from.join("stars_main/dataset/Norder=0/Dir=0");
    fs::rename(dataset.join("Npix=4.parquet"), dataset.join("Npix=11.parquet")).unwrap();
    let report = mount(&store, &from, "stars");
    assert_eq!((report.n_outside, report.has_keys), (1, false));
    check_equal(&store.snapshot().unwrap(), "stars", "copied");
    assert!(store.check_with(MountedRows::Read).unwrap().is_clean());
}

#[test]
fn a_catalog_that_is_not_whole_is_not_mounted() {
    let (folder, store) = catalog();
    let from = copy_of("leaves", folder.path());
    let tile = from.join("dataset/Norder=0/Dir=0/Npix=8");
    let expected = |reason: &str| format!("{}: header: {reason}", from.display());
    let error = || {
        let hats = HatsCatalog::open(&from).unwrap();
        hats.mount(&store, "leaves", "", &|_| {}).unwrap_err().to_string()
    };
    // Another table's file among them.
    let other = copy_of("stars", folder.path());
    let other = other.join("stars_main/dataset/Norder=0/Dir=0/Npix=8.parquet");
    fs::copy(other, tile.join("b.parquet")).unwrap();
    assert!(error().contains("b.parquet: its columns are not those of dataset/Norder=0"));
    fs::remove_dir_all(&tile).unwrap();
    let found = error();
    assert!(found.ends_with("rows in its tiles, 160 in its properties"), "{found}");
    assert!(found.starts_with(&expected("")), "{found}");
    assert_eq!(store.newest_version().unwrap(), 0);
}
