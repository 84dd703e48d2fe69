//! `almagest demo`: from pixels to answers in one command.
//!
//! ```text
//!   simulated or given images ─▶ process ─▶ catalog ─▶ three queries, a plot ─▶ TAP service
//! ```

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use almagest_engine::Database;
use almagest_pipeline::process::ProcessConfig;
use almagest_server::telemetry::LogFormat;
use almagest_storage::CatalogStore;
use almagest_storage::chunking::Chunking;
use almagest_storage::schema::survey;

use super::frame_options::FrameArguments;
use super::process::{process_with_bars, say};
use super::serve::{Serve, answer, beside};
use super::serve_limits::Limits;
use super::{CommandError, Result, progress};

mod light_curve;
mod questions;
mod simulated;

/// Go the whole way: images, pipeline, catalog, queries, and a service to point clients at.
///
/// Without --images a small sky is simulated first: ten visits in g, r and i of some 370 stars
/// and galaxies, whose truth is written beside them. Running it again in the same folder goes on
/// from what is there.
#[derive(Debug, clap::Args)]
pub struct Demo {
    /// Images to use in place of a simulated sky: FITS files, or folders that hold them.
    #[arg(long, num_args = 1..)]
    images: Vec<PathBuf>,
    /// Folder for the demo's files.
    #[arg(long, default_value = "almagest-demo")]
    dir: PathBuf,
    /// Address and port of the service.
    #[arg(long, default_value = Serve::DEFAULT_ADDRESS)]
    listen: SocketAddr,
    /// End after the queries, do not serve.
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    frame: FrameArguments,
}

impl Demo {
    /// Run the demo.
    pub async fn run(self) -> Result<()> {
        let catalog = self.dir.join("catalog");
        self.fill(&catalog)?;
        let database = Database::open(&catalog)?;
        questions::ask(&database).await?;
        self.plot(&database).await?;
        let mut out = io::stdout();
        writeln!(out, "\nThe catalog is {}. Ask it more:", catalog.display())?;
        writeln!(out, "  almagest query {} \"SELECT TOP 5 * FROM Object\"", catalog.display())?;
        if self.once {
            return Ok(());
        }
        let config = Limits::default().config(self.listen, beside(&catalog));
        answer(database, self.listen, config, LogFormat::Text).await
    }

    /// Make sure that the catalog holds the images.
    fn fill(&self, catalog: &Path) -> Result<()> {
        let mut out = io::stdout();
        let images = match self.images.is_empty() {
            true => {
                let folder = self.dir.join("images");
                simulated::write_images(&self.dir, &folder)?;
                writeln!(out, "Simulated sky: images in {}", folder.display())?;
                vec![folder]
            }
            false => self.images.clone(),
        };
        let store = match CatalogStore::open(catalog) {
            Err(almagest_storage::Error::NotACatalog { .. }) => {
                CatalogStore::create(catalog, &survey::survey_schema()?, Chunking::try_new(0)?)?
            }
            opened => opened?,
        };
        let report =
            process_with_bars(&store, &images, &self.frame.options(), &ProcessConfig::default())?;
        Ok(say(&report, catalog, &mut out)?)
    }

    /// Save the light curve of the object that varies most.
    async fn plot(&self, database: &Database) -> Result<()> {
        let path = self.dir.join("light_curve.svg");
        let spinner = progress::spinner("drawing");
        let drawn = light_curve::draw(database, &path).await;
        spinner.finish_and_clear();
        let mut out = io::stdout();
        match drawn? {
            Some(object_id) => {
                writeln!(out, "Light curve of object {object_id}: {}", path.display())?;
            }
            None => writeln!(out, "No object was measured often enough for a light curve.")?,
        }
        Ok(())
    }
}

/// Name the file in an error of the operating system.
fn file_error(path: &Path) -> impl Fn(io::Error) -> CommandError + '_ {
    move |source| CommandError::File { path: path.to_owned(), source }
}
