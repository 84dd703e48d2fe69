//! What a load adds to the catalog, and what it removes.

use std::collections::{HashMap, HashSet};

use almagest_ingest::Transaction;
use almagest_storage::data_file::RangeValue;
use almagest_storage::{CatalogStore, Removal, Snapshot};
use arrow::array::{Array, RecordBatch};

use super::Receipt;
use crate::butler::DatasetRef;
use crate::connections::Inputs;
use crate::error::Result;
use crate::identifier::SourceIdentity;
use crate::tasks::columns::{integers, texts};
use crate::tasks::image::rows_checksums;

/// An image of the visit.
pub(super) struct Image<'a> {
    pub visit: i64,
    pub detector: i64,
    /// Did the catalog have these very rows before the run?
    is_known: bool,
    /// Of its rows.
    checksum: String,
    /// Its row of VisitDetector.
    row: &'a RecordBatch,
    /// Its row of Visit.
    visit_row: Option<&'a RecordBatch>,
    sources: Option<&'a RecordBatch>,
}

impl<'a> Image<'a> {
    /// The images of a visit, from the inputs of its load.
    pub fn all(inputs: &'a Inputs) -> Result<Vec<Self>> {
        let before = rows_checksums(inputs.table("known_image")?.1)?;
        let by_image = |name| -> Result<HashMap<_, &'a RecordBatch>> {
            let tables = inputs.tables(name)?.into_iter();
            Ok(tables.map(|(dataset, rows)| (&dataset.data_id, rows)).collect())
        };
        let (visit_rows, sources) = (by_image("visit_row")?, by_image("source")?);
        let image = |(dataset, row): (&DatasetRef, &'a RecordBatch)| {
            let visit = integers(row, "visitId")?.value(0);
            let detector = integers(row, "detector")?.value(0);
            let checksum = texts(row, "rowsChecksum")?.remove(0);
            Ok(Image {
                visit,
                detector,
                is_known: before.get(&(visit, detector)) == Some(&checksum),
                checksum,
                row,
                visit_row: visit_rows.get(&dataset.data_id).copied(),
                sources: sources.get(&dataset.data_id).copied(),
            })
        };
        inputs.tables("visit_detector_row")?.into_iter().map(image).collect()
    }

    fn key(&self) -> (i64, i64) {
        (self.visit, self.detector)
    }

    /// Where it is named in a table whose column of visits is `visit`.
    fn data_id(&self, visit: &str) -> Vec<(String, RangeValue)> {
        let equal = |column: &str, value| (column.to_owned(), RangeValue::Integer(value));
        vec![equal(visit, self.visit), equal("detector", self.detector)]
    }
}

/// The rows that a load adds and removes, in one commit.
pub(super) struct Change<'a> {
    /// Images whose own rows are not in the catalog.
    new: Vec<&'a Image<'a>>,
    visit_row: Option<&'a RecordBatch>,
    objects: Vec<&'a RecordBatch>,
    forced: Vec<&'a RecordBatch>,
    removals: Vec<(&'static str, Removal)>,
}

impl<'a> Change<'a> {
    /// What brings `snapshot` to what the inputs say of the visit.
    pub fn new(inputs: &'a Inputs, images: &'a [Image<'a>], snapshot: &Snapshot) -> Result<Self> {
        let filled = |name| -> Result<Vec<&'a RecordBatch>> {
            let tables = inputs.tables(name)?.into_iter().map(|(_, rows)| rows);
            Ok(tables.filter(|rows| rows.num_rows() > 0).collect())
        };
        let held = match images.first() {
            Some(image) => held_images(snapshot, image.visit)?,
            None => HashMap::new(),
        };
        let is_held = |image: &&&Image<'_>| held.contains_key(&image.key());
        let new: Vec<&Image<'_>> =
            images.iter().filter(|image| held.get(&image.key()) != Some(&image.checksum)).collect();
        let replaced: Vec<&Image<'_>> = new.iter().filter(is_held).copied().collect();
        let mut visit_row = new.iter().find_map(|image| image.visit_row);
        if !held.is_empty() && replaced.is_empty() {
            // Another detector of a visit that the catalog has.
            visit_row = None;
        }
        let mut change = Self {
            new,
            visit_row,
            objects: filled("object")?,
            forced: filled("forced_source")?,
            removals: vec![],
        };
        change.remove_images(&replaced);
        let anew: Vec<&Image<'_>> = images.iter().filter(|image| !image.is_known).collect();
        let anew: Vec<&Image<'_>> = anew.iter().filter(is_held).copied().collect();
        if let Some((_, positions)) = inputs.tables("object_position")?.first()
            && !anew.is_empty()
        {
            let kept = kept_objects(positions)?;
            change.remove_objects(&anew, &kept, snapshot)?;
            change.remove_fluxes(&anew, &kept)?;
        }
        Ok(change)
    }

    /// Remove what was measured on images that come again.
    fn remove_images(&mut self, replaced: &[&Image<'_>]) {
        for image in replaced {
            self.removals.push(("VisitDetector", Removal::DataId(image.data_id("visitId"))));
            self.removals.push(("Source", Removal::DataId(image.data_id("visit"))));
        }
        if let Some(image) = replaced.first() {
            self.removals.push(("Visit", Removal::Ids(vec![image.visit])));
        }
    }

    /// Remove the objects that images made anew gave rise to, but for those that are kept.
    fn remove_objects(
        &mut self,
        anew: &[&Image<'_>],
        kept: &HashSet<i64>,
        snapshot: &Snapshot,
    ) -> Result<()> {
        let keys: HashSet<(i64, i64)> = anew.iter().map(|image| image.key()).collect();
        let is_forgotten = |id: &i64| {
            let first = SourceIdentity::from_id(*id);
            keys.contains(&(first.visit, i64::from(first.detector))) && !kept.contains(id)
        };
        let mut forgotten: Vec<i64> = vec![];
        for rows in snapshot.read_region("Object", None, Some(&["objectId"]), None)? {
            forgotten
                .extend(integers(&rows, "objectId")?.values().iter().copied().filter(is_forgotten));
        }
        if !forgotten.is_empty() {
            self.removals.push(("ForcedSource", of_objects(vec![], forgotten.clone())));
            self.removals.push(("Object", Removal::Ids(forgotten)));
        }
        Ok(())
    }

    /// Remove the fluxes on images made anew, of the objects that are kept and of those whose fluxes
    /// come. Those of objects that enter with later visits come, and go, with these.
    fn remove_fluxes(&mut self, anew: &[&Image<'_>], kept: &HashSet<i64>) -> Result<()> {
        for image in anew {
            let mut ids = kept.clone();
            for rows in &self.forced {
                let (visits, detectors) = (integers(rows, "visit")?, integers(rows, "detector")?);
                let keys = visits.values().iter().copied().zip(detectors.values().iter().copied());
                let of_rows = integers(rows, "objectId")?;
                let here = keys.zip(of_rows.values()).filter(|(key, _)| *key == image.key());
                ids.extend(here.map(|(_, id)| *id));
            }
            let removal = of_objects(image.data_id("visit"), ids.into_iter().collect());
            self.removals.push(("ForcedSource", removal));
        }
        Ok(())
    }

    /// Is there nothing to add or to remove?
    pub fn is_empty(&self) -> bool {
        let Self { new, objects, forced, removals, .. } = self;
        new.is_empty() && removals.is_empty() && objects.is_empty() && forced.is_empty()
    }

    /// Commit all of it under a key, and note what it was.
    pub fn commit(self, store: &CatalogStore, key: &str, receipt: &mut Receipt) -> Result<()> {
        let mut transaction = Transaction::begin(store)?;
        for (table, removal) in self.removals {
            transaction.remove(table, removal)?;
        }
        if let Some(row) = self.visit_row {
            transaction.append("Visit", row)?;
        }
        let rows: Vec<RecordBatch> = self.new.iter().map(|image| image.row.clone()).collect();
        transaction.contribute(key, "VisitDetector", key, &rows)?;
        for rows in self.new.iter().filter_map(|image| image.sources) {
            if rows.num_rows() > 0 {
                transaction.append("Source", rows)?;
            }
        }
        for (table, batches) in [("Object", self.objects), ("ForcedSource", self.forced)] {
            for rows in batches {
                transaction.append(table, rows)?;
            }
        }
        let report = transaction.commit_as(&format!("load visit {}", receipt.visit))?;
        receipt.version = Some(report.version);
        receipt.detectors = self.new.iter().map(|image| image.detector).collect();
        receipt.rows = report.tables.into_iter().map(|(name, rows)| (name, rows.n_rows)).collect();
        receipt.removed = report.removed;
        Ok(())
    }
}

/// Fluxes of objects, on an image or on all.
fn of_objects(data_id: Vec<(String, RangeValue)>, values: Vec<i64>) -> Removal {
    Removal::Among { data_id, column: "objectId".to_owned(), values }
}

/// The objects of the catalog that stay what they are.
fn kept_objects(positions: &RecordBatch) -> Result<HashSet<i64>> {
    let (ids, visits) = (integers(positions, "objectId")?, integers(positions, "entersWithVisit")?);
    Ok((0..ids.len()).filter(|row| visits.is_null(*row)).map(|row| ids.value(row)).collect())
}

/// The images of a visit that the catalog holds, with the checksums of their rows.
fn held_images(snapshot: &Snapshot, visit: i64) -> Result<HashMap<(i64, i64), String>> {
    if snapshot.look_up_ids("Visit", &[visit])?.is_empty() {
        return Ok(HashMap::new());
    }
    let mut held = HashMap::new();
    let columns = ["visitId", "detector", "rowsChecksum"];
    for rows in snapshot.read_region("VisitDetector", None, Some(&columns), None)? {
        held.extend(rows_checksums(&rows)?.into_iter().filter(|((of, _), _)| *of == visit));
    }
    Ok(held)
}
