//! Images behind the rows, out of the butlers of the catalogs.
//!
//! ```text
//!   butler.*, ivoa.ObsCore ◀── live ──┐
//!   /datalink/links ◀── datalink ─────┤ butlers of the catalogs
//!   /datalink/files/{uuid} ◀── file ──┤
//!   /soda/sync ◀── soda ──────────────┘
//! ```
//!
//! Who may see `ivoa.ObsCore` may have the images.

pub mod datalink;
pub mod file;
mod live;
pub mod soda;

use std::sync::Arc;

use almagest_engine::{Database, LiveSchema};
use almagest_pipeline::butler::tables::Published;
use almagest_pipeline::butler::{Butler, DatasetRef};
use almagest_storage::CatalogStore;
use tokio::sync::Semaphore;

use crate::config::ServerConfig;
use crate::{Error, Result};

/// The schema and the table of images.
const OBSCORE: (&str, &str) = ("ivoa", "ObsCore");

/// The butlers of all catalogs; cheap to clone.
#[derive(Debug, Clone)]
pub struct Images {
    stores: Arc<Vec<CatalogStore>>,
    publication: Arc<Publication>,
    /// An image is read whole for a cut-out: not many at a time.
    cutters: Arc<Semaphore>,
}

/// How images are found by others.
#[derive(Debug)]
struct Publication {
    /// The IVOA identifier of the service.
    identifier: String,
    /// Where it answers.
    address: String,
}

impl Images {
    /// Those of the catalogs of a database.
    pub fn of(database: &Database, config: &ServerConfig) -> Self {
        let address = config.public_url.as_ref().or(config.address.as_ref());
        let publication = Publication {
            identifier: config.curation.identifier.clone(),
            address: address.map_or("http://localhost", String::as_str).to_owned(),
        };
        Self {
            stores: Arc::new(database.stores()),
            publication: Arc::new(publication),
            cutters: Arc::new(Semaphore::new(database.n_cores().max(1))),
        }
    }

    /// Where the images of a row are found.
    pub fn links(&self) -> String {
        format!("{}/datalink/links", self.publication.address)
    }

    /// The schemas to be shown beside those of `database`; none as long as no catalog has a butler.
    pub fn schemas(&self, database: &Database) -> Result<Vec<Arc<dyn LiveSchema>>> {
        let stores: Vec<&CatalogStore> = self.with_butler().collect();
        let mut schemas: Vec<Arc<dyn LiveSchema>> = vec![];
        if !stores.is_empty() {
            schemas.push(Arc::new(live::ObsCore::of(&stores, self.publication.clone())?));
        }
        for (place, store) in stores.into_iter().enumerate() {
            schemas.push(Arc::new(live::Registry::of(store, place == 0)?));
        }
        // A catalog may have taken the name.
        let is_free = |name: &str| {
            !database.schemas().iter().any(|schema| schema.name.eq_ignore_ascii_case(name))
        };
        schemas.retain(|schema| is_free(&schema.definition().name));
        Ok(schemas)
    }

    /// The catalogs that have images, and the schemas in which these are shown.
    pub fn names(&self) -> (Vec<String>, Vec<String>) {
        let catalogs: Vec<String> =
            self.with_butler().map(|store| store.name().to_owned()).collect();
        let registries = catalogs.iter().enumerate();
        let registries = registries.map(|(place, name)| live::registry_name(name, place == 0));
        let shown = std::iter::once(OBSCORE.0.to_owned()).chain(registries).collect();
        (catalogs, shown)
    }

    fn with_butler(&self) -> impl Iterator<Item = &CatalogStore> {
        self.stores.iter().filter(|store| store.butler_path().exists())
    }

    /// The butlers that there are now.
    fn butlers(&self) -> Result<Vec<Butler>> {
        self.with_butler().map(|store| Ok(Butler::open(store)?)).collect()
    }

    /// The dataset of a UUID, and the butler that has it.
    ///
    /// # Errors
    /// [`Error::NoSuchImage`].
    fn dataset(&self, uuid: &str) -> Result<(Butler, DatasetRef)> {
        for butler in self.butlers()? {
            if let Some(dataset) = butler.registry().by_uuid(uuid)? {
                return Ok((butler, dataset));
            }
        }
        Err(Error::NoSuchImage { id: uuid.to_owned() })
    }

    /// The identifier that the service gives to a dataset.
    fn did(&self, uuid: &str) -> String {
        self.publication.did(uuid)
    }

    /// What an identifier of the service's names; another's names nothing here.
    fn local<'i>(&self, did: &'i str) -> Option<&'i str> {
        did.strip_prefix(self.publication.identifier.as_str())?.strip_prefix('?')
    }
}

/// Refuse whoever may not see the table of images.
///
/// # Errors
/// [`Error::NoSuchImage`], as if there were none.
fn only_who_may_see(database: &Database, id: &str) -> Result<()> {
    let (schema, table) = OBSCORE;
    let schema = database.schemas().iter().find(|known| known.name == schema);
    match schema.and_then(|schema| schema.table(table)) {
        Some(_) => Ok(()),
        None => Err(Error::NoSuchImage { id: id.to_owned() }),
    }
}

impl Published for Publication {
    fn did(&self, uuid: &str) -> String {
        format!("{}?{uuid}", self.identifier)
    }

    fn access_url(&self, uuid: &str) -> String {
        datalink::address(&self.address, &self.did(uuid))
    }

    fn access_format(&self) -> &str {
        datalink::MEDIA_TYPE
    }
}
