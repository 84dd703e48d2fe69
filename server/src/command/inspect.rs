//! `almagest inspect`: what an image's headers are understood to mean.

use std::io::{self, Write};
use std::path::PathBuf;

use almagest_pipeline::inspect::inspect;
use almagest_storage::counted;

use super::{CommandError, Result};
use crate::command::frame_options::FrameArguments;

/// Say what is understood of images: camera, identity, time, band, sky, zero point, masks, and
/// what is missing.
#[derive(Debug, clap::Args)]
pub struct Inspect {
    /// FITS files.
    #[arg(required = true)]
    images: Vec<PathBuf>,
    #[command(flatten)]
    frame: FrameArguments,
}

impl Inspect {
    /// Print a report on each image.
    pub fn run(self) -> Result<()> {
        let options = self.frame.options();
        let mut n_unusable = 0;
        for image in &self.images {
            match inspect(image, &options) {
                Ok(inspection) => {
                    writeln!(io::stdout(), "{inspection}")?;
                    n_unusable += usize::from(!inspection.is_usable());
                }
                Err(error) if self.images.len() == 1 => return Err(error.into()),
                Err(error) => {
                    eprintln!("almagest: {error}");
                    n_unusable += 1;
                }
            }
        }
        match n_unusable {
            0 => Ok(()),
            n => Err(CommandError::Refused(format!(
                "{n} of {} cannot be processed as they are",
                counted(self.images.len(), "image")
            ))),
        }
    }
}
