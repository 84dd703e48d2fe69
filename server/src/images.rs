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

use std::sync::{Arc, OnceLock};

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
    catalogs: Arc<Vec<Catalog>>,
    publication: Arc<Publication>,
    /// An image is read whole for a cut-out: not many at a time.
    cutters: Arc<Semaphore>,
}

/// A catalog, and its butler from the moment in which it is first seen. It is opened once: that
/// takes the lock for which a running pipeline waits too.
#[derive(Debug)]
struct Catalog {
    store: CatalogStore,
    butler: OnceLock<Arc<Butler>>,
}

impl Catalog {
    fn butler(&self) -> Result<Option<&Arc<Butler>>> {
        if self.butler.get().is_none() && self.store.butler_path().exists() {
            let opened = Arc::new(Butler::open(&self.store)?);
            return Ok(Some(self.butler.get_or_init(|| opened)));
        }
        Ok(self.butler.get())
    }
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
        let catalog = |store| Catalog { store, butler: OnceLock::new() };
        Self {
            catalogs: Arc::new(database.stores().into_iter().map(catalog).collect()),
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
        let mut registries = vec![];
        for (place, (catalog, butler)) in self.with_butlers()?.into_iter().enumerate() {
            let name = registry_name(catalog.store.name(), place == 0);
            registries.push(live::Registry::of(&catalog.store, butler.clone(), name)?);
        }
        let mut schemas: Vec<Arc<dyn LiveSchema>> = vec![];
        if !registries.is_empty() {
            let publication = self.publication.clone();
            schemas.push(Arc::new(live::ObsCore::of(registries.clone(), publication)?));
        }
        schemas.extend(registries.into_iter().map(|registry| Arc::new(registry) as _));
        // A catalog may have taken the name.
        let is_free = |name: &str| {
            !database.schemas().iter().any(|schema| schema.name.eq_ignore_ascii_case(name))
        };
        schemas.retain(|schema| is_free(&schema.definition().name));
        Ok(schemas)
    }

    /// The catalogs that have images, and the schemas in which these are shown.
    pub fn names(&self) -> Result<(Vec<String>, Vec<String>)> {
        let with_butlers = self.with_butlers()?;
        let catalogs: Vec<String> =
            with_butlers.iter().map(|(catalog, _)| catalog.store.name().to_owned()).collect();
        let registries = catalogs.iter().enumerate();
        let registries = registries.map(|(place, name)| registry_name(name, place == 0));
        let shown = std::iter::once(OBSCORE.0.to_owned()).chain(registries).collect();
        Ok((catalogs, shown))
    }

    /// The catalogs that have a butler by now.
    fn with_butlers(&self) -> Result<Vec<(&Catalog, &Arc<Butler>)>> {
        let mut found = vec![];
        for catalog in self.catalogs.iter() {
            found.extend(catalog.butler()?.map(|butler| (catalog, butler)));
        }
        Ok(found)
    }

    /// The butlers that there are now.
    fn butlers(&self) -> Result<Vec<&Arc<Butler>>> {
        Ok(self.with_butlers()?.into_iter().map(|(_, butler)| butler).collect())
    }

    /// The dataset of a UUID, and the butler that has it.
    ///
    /// # Errors
    /// [`Error::NoSuchImage`].
    fn dataset(&self, uuid: &str) -> Result<(&Butler, DatasetRef)> {
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

/// The schema of the registry of a catalog: that of the first is called `butler`, others have the
/// catalog's name behind it.
fn registry_name(catalog: &str, is_first: bool) -> String {
    match is_first {
        true => "butler".to_owned(),
        false => format!("butler_{catalog}"),
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
