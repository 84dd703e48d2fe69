//! Scans of whole tables that decode together what they all want.
//!
//! ```text
//!   scan A ─┐                               ┌─ in memory, or being decoded for another
//!   scan B ─┼─▶ column of a row group ──────┤
//!   scan C ─┘   (the same one at a time)    └─ decoded, and kept for the others
//! ```
//!
//! A scan that runs alone, or of which statistics leave out most of the row groups, is DataFusion's own:
//! that is decided for each fragment anew. Regions and ids bound the rows of other queries, which never
//! come here. Filters are applied above the scan in either case.

mod convoy;
mod decoded;
mod row_groups;
mod source;

use std::fmt;
use std::sync::Arc;

use almagest_storage::footers::Footers;
use datafusion::datasource::physical_plan::FileSource;

use crate::fragments::Fragment;
use convoy::Convoys;
pub use decoded::Counts;
use decoded::DecodedColumns;
use source::SharedSource;

/// What the scans of a database share.
pub(crate) struct SharedScans {
    convoys: Arc<Convoys>,
    decoded: Arc<DecodedColumns>,
}

impl fmt::Debug for SharedScans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedScans").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

impl SharedScans {
    /// Keep at most so many bytes of decoded columns.
    pub fn new(most_bytes: u64) -> Self {
        let decoded = Arc::new(DecodedColumns::new(most_bytes));
        Self { convoys: Arc::new(Convoys::new(decoded.clone())), decoded }
    }

    /// Let a scan of a table share what `source` decodes.
    ///
    /// # Arguments
    /// `footers`: those of its files. `table`: names the table among those of all catalogs.
    pub fn source(
        self: &Arc<Self>,
        source: Arc<dyn FileSource>,
        footers: &Arc<Footers>,
        table: &str,
    ) -> Arc<dyn FileSource> {
        Arc::new(SharedSource {
            inner: source,
            shared: self.clone(),
            footers: footers.clone(),
            table: table.into(),
            scan: self.convoys.next_scan(),
            batch_rows: None,
        })
    }

    /// Order fragments so that a scan begins where others are, and comes round to those before.
    pub fn begin_with_others(&self, table: &str, fragments: &mut [Fragment<'_>]) {
        let at = self.convoys.at(table);
        if let Some(first) = fragments.iter().position(|fragment| at.contains(&fragment.place)) {
            fragments.rotate_left(first);
        }
    }

    /// How much has been shared.
    pub fn counts(&self) -> Counts {
        self.decoded.counts()
    }
}
