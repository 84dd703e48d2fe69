//! `almagest provenance`: which images, calibrations, settings and code made a row.

use std::io::{self, Write};
use std::path::PathBuf;

use almagest_pipeline::butler::Butler;
use almagest_pipeline::provenance::{RowKind, provenance};
use almagest_storage::CatalogStore;

use super::Result;

/// Follow a row back to its images.
///
/// The id of a source names its visit and detector; from there the records of the run lead to every
/// file, setting and version of the program behind it.
#[derive(Debug, clap::Args)]
pub struct Provenance {
    /// Folder of the catalog.
    catalog: PathBuf,
    /// A sourceId; with --object, or --visit and --detector, an objectId.
    #[arg(value_name = "ID")]
    id: i64,
    /// The id is that of an object: it rests on all images of its run.
    #[arg(long)]
    object: bool,
    /// With --detector, and an objectId: the row of ForcedSource on an image of this visit.
    #[arg(long, value_name = "N", requires = "detector", conflicts_with = "object")]
    visit: Option<i64>,
    /// The detector of the image.
    #[arg(long, value_name = "N", requires = "visit")]
    detector: Option<i32>,
    /// Show every setting, not only those that were overridden.
    #[arg(long)]
    config: bool,
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

impl Provenance {
    /// Follow the row and say where it comes from.
    pub fn run(self) -> Result<()> {
        let store = CatalogStore::open(&self.catalog)?;
        let butler = Butler::open(&store)?;
        let kind = match (self.visit, self.detector) {
            (Some(visit), Some(detector)) => RowKind::ForcedSource { visit, detector },
            _ if self.object => RowKind::Object,
            _ => RowKind::Source,
        };
        let found = provenance(&store, &butler, self.id, kind)?;
        let text = match self.json {
            true => format!("{:#}\n", found.to_json()),
            false => found.to_text(self.config),
        };
        Ok(io::stdout().lock().write_all(text.as_bytes())?)
    }
}
