//! `almagest export`: a table in the form of others.

use std::io::{self, Write};
use std::path::PathBuf;

use almagest_server::uws::Moment;
use almagest_storage::hats::{HatsConfig, HatsStep};
use almagest_storage::sphgeom::{Angle, Cone, Region, Shape};
use almagest_storage::{CatalogStore, counted};

use super::{CommandError, Result, progress};

/// Write a table in the form of others.
#[derive(Debug, clap::Args)]
pub struct Export {
    #[command(subcommand)]
    form: Form,
}

#[derive(Debug, clap::Subcommand)]
enum Form {
    /// As a HATS catalog, which LSDB and hats open: Parquet files of HEALPix tiles.
    Hats(Hats),
}

#[derive(Debug, clap::Args)]
struct Hats {
    /// Folder of the catalog.
    catalog: PathBuf,
    /// Folder of the HATS catalog; absent or empty.
    to: PathBuf,
    /// The table; its rows must have positions.
    #[arg(long)]
    table: String,
    /// A tile is split until it has at most so many rows.
    #[arg(long, value_name = "N", default_value_t = 1_000_000,
          value_parser = clap::value_parser!(u64).range(1..))]
    max_rows: u64,
    /// Only rows in a circle: RA, declination and radius in degrees, ICRS.
    #[arg(long, num_args = 3, value_names = ["RA", "DEC", "RADIUS"], allow_negative_numbers = true)]
    circle: Option<Vec<f64>>,
    /// Only rows in a shape, in the words of STC-S or DALI, degrees: 'POLYGON 10 -5 12 -5 11 -3',
    /// 'RANGE 350 10 -5 5', 'MOC 4/30-33', and unions of such.
    #[arg(long, value_name = "SHAPE", conflicts_with = "circle")]
    region: Option<String>,
    /// Write a margin too, of the rows so near to a tile: the folder is then a collection. LSDB needs it to
    /// match across tiles, up to this radius.
    #[arg(long, value_name = "ARCSEC", value_parser = margin)]
    margin: Option<Angle>,
    /// The version: its number, a tag, or a time (UTC); the newest where none is given.
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,
}

impl Export {
    /// Export, and say what was written.
    pub fn run(self) -> Result<()> {
        let Form::Hats(hats) = self.form;
        let store = CatalogStore::open(&hats.catalog)?;
        let snapshot = match &hats.version {
            Some(text) => store.snapshot_at(store.find_version(text)?)?,
            None => store.snapshot()?,
        };
        let region = match hats.circle.as_deref() {
            Some(&[ra, dec, radius]) => {
                let is_circle =
                    ra.is_finite() && dec.abs() <= 90.0 && (0.0..=180.0).contains(&radius);
                if !is_circle {
                    return Err(CommandError::Refused(
                        "a circle has a declination from -90 to 90 and a radius from 0 to 180"
                            .into(),
                    ));
                }
                Some(Region::Cone(Cone::closed_deg(ra, dec, radius)))
            }
            _ => match &hats.region {
                Some(text) => {
                    let shape = Shape::parse(text);
                    let refused = |error| CommandError::Refused(format!("--region: {error}"));
                    Some(shape.map_err(refused)?.into())
                }
                None => None,
            },
        };
        let created_at = Moment::now().to_string();
        let config =
            HatsConfig { max_rows: hats.max_rows, region, margin: hats.margin, created_at };
        let bar = progress::steps(0, "files");
        let show = |step: HatsStep, n_done, n_all| {
            bar.set_message(match step {
                HatsStep::Counting => "counting rows",
                HatsStep::Reading => "reading rows",
                HatsStep::Writing => "writing tiles",
            });
            bar.set_length(n_all);
            bar.set_position(n_done);
        };
        let report = snapshot.export_hats(&hats.table, &hats.to, &config, &show)?;
        bar.finish_and_clear();
        let mut out = io::stdout();
        writeln!(
            out,
            "{}: {} of version {} in {}, {}",
            hats.to.display(),
            counted(report.n_rows, "row"),
            snapshot.version(),
            counted(report.n_tiles, "tile"),
            counted(report.size_bytes, "byte")
        )?;
        if hats.margin.is_some() {
            writeln!(out, "{} in the margin", counted(report.n_margin_rows, "row"))?;
        }
        if report.n_without_position > 0 {
            let left_out = counted(report.n_without_position, "row");
            writeln!(out, "left out: {left_out} without a position")?;
        }
        Ok(())
    }
}

/// Read the width of a margin.
fn margin(text: &str) -> Result<Angle, String> {
    match text.parse() {
        Ok(arcsec) if arcsec > 0.0 && arcsec <= 36_000.0 => Ok(Angle::from_arcsec(arcsec)),
        _ => Err("a margin is wider than 0 and at most 36000 arcseconds".to_owned()),
    }
}
