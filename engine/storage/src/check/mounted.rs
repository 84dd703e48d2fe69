//! Mounted files: are they there, as they were, and their rows where the metadata say?

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;

use super::MountedRows;
use crate::chunk_file::read::Opened;
use crate::data_file::{DataFile, Footprint};
use crate::mount::{check_footer, positions};
use crate::schema::SchemaDef;
use crate::snapshot::Snapshot;

/// Check a file.
///
/// # Arguments
/// * `schema` - the tables of the version that mounted it
pub(super) fn check(
    snapshot: &Snapshot,
    schema: &SchemaDef,
    file: &DataFile,
    rows: MountedRows,
    faults: &mut Vec<String>,
) {
    let path = snapshot.path(file);
    if let Err(fault) = check_footer(&path, file.size_bytes, &file.checksum) {
        return faults.push(fault);
    }
    let (MountedRows::Read, Some(mount)) = (rows, &file.mount) else { return };
    let table = match schema.find(&file.table) {
        Ok(table) => table,
        Err(error) => return faults.push(error.to_string()),
    };
    let Some(position) = &table.position else { return };
    let mut columns = vec![position.ra.as_str(), position.dec.as_str()];
    columns.extend(mount.key.as_deref());
    let opened = match Opened::open(&path) {
        Ok(opened) => opened,
        Err(error) => return faults.push(error.to_string()),
    };
    let (mut n_rows, mut n_outside, mut n_outside_range, mut n_far) = (0, 0, 0, 0);
    for (row_group, footprint) in file.footprints.iter().enumerate() {
        let is_it = |_: &_, index: usize| index == row_group;
        let batches = match opened.read(Some(&columns), is_it) {
            Ok(batches) => batches,
            Err(error) => return faults.push(error.to_string()),
        };
        for batch in batches {
            n_rows += batch.num_rows() as u64;
            let Some(positions) = positions(&batch, position) else {
                return faults.push("it has no positions".to_owned());
            };
            let is_outside = |p: &&_| footprint.cap.is_none_or(|cap| !cap.contains(p));
            n_outside += positions.iter().flatten().filter(is_outside).count();
            let keys = mount.key.as_deref().and_then(|key| batch.column_by_name(key));
            let Some(keys) = keys.and_then(|keys| keys.as_primitive_opt::<Int64Type>()) else {
                continue;
            };
            for (key, position) in keys.iter().zip(&positions) {
                let key = key.unwrap_or(-1);
                n_outside_range += usize::from(key < footprint.key_min || key > footprint.key_max);
                n_far += usize::from(position.is_some_and(|p| is_far(footprint, key, &p)));
            }
        }
    }
    if n_rows != file.n_rows {
        faults.push(format!("{n_rows} rows, {} in the metadata", file.n_rows));
    }
    for (count, fault) in [
        (n_outside, "rows outside their tile"),
        (n_outside_range, "rows outside the key range"),
        (n_far, "rows that are not where their keys say"),
    ] {
        if count > 0 {
            faults.push(format!("{count} {fault}"));
        }
    }
}

fn is_far(footprint: &Footprint, key: i64, position: &crate::sphgeom::UnitVector) -> bool {
    let center = crate::chunking::healpix29_center(key);
    let reach = footprint.max_offset.unwrap_or(crate::sphgeom::Angle::HALF_TURN);
    center.is_none_or(|center| center.angle_to(position) > reach)
}
