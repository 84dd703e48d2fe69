//! `almagest create`: an empty catalog of a schema.

use std::io::{self, Write};
use std::path::PathBuf;

use almagest_ingest::format::{self, Format, OnBadRow, ReadOptions};
use almagest_ingest::infer::draft::{Draft, table_name};
use almagest_storage::CatalogStore;
use almagest_storage::chunking::Chunking;
use almagest_storage::schema::{TableKind, dp1_names, felis, survey};

use super::Result;

/// Create an empty catalog.
///
/// The schema is a Felis file; without one it is Almagest's own, `survey`: Visit, VisitDetector,
/// Source, Object, ForcedSource and the tables of difference imaging. What the file does not say
/// of a table's place on the sky is inferred, and printed.
///
/// With --from, no catalog is made yet: the tables that files would make are written as a Felis file
/// (CATALOG.yaml, or --schema), with the types, units, UCDs and descriptions of the files. Edit it,
/// and create the catalog of it.
#[derive(Debug, clap::Args)]
pub struct Create {
    /// Folder of the new catalog; absent or empty.
    catalog: PathBuf,
    /// Felis file that defines the tables.
    #[arg(long, value_name = "FELIS")]
    schema: Option<PathBuf>,
    /// Name of the schema, by which queries find the tables [default: that of the Felis file].
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Table file to draft a schema from; one table each, called like the file. May be given more
    /// than once.
    #[arg(long, value_name = "FILE")]
    from: Vec<PathBuf>,
    /// Format of the files to draft from, where neither their first bytes nor their names tell.
    #[arg(long, requires = "from")]
    format: Option<Format>,
    /// Add views under the names of Rubin's Data Preview 1, where the schema has what they are of:
    /// CcdVisit of VisitDetector, MPCORB of mpc_orbits.
    #[arg(long)]
    dp1_names: bool,
    /// H3 resolution of the chunks: 0 (122 chunks) for a laptop's catalog, 3 (41,162) for a
    /// survey's.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=6))]
    resolution: u8,
}

impl Create {
    /// Create the catalog and say what it holds.
    pub fn run(self) -> Result<()> {
        if !self.from.is_empty() {
            return self.draft();
        }
        let chunking = Chunking::try_new(self.resolution)?;
        let schema = match &self.schema {
            Some(path) => {
                let reading = felis::load(path)?;
                for line in reading.inferred {
                    writeln!(io::stdout(), "inferred: {line}")?;
                }
                for line in reading.warnings {
                    eprintln!("warning: {line}");
                }
                reading.schema
            }
            None => survey::survey_schema()?,
        };
        let mut schema = if self.dp1_names { dp1_names::with_views(schema) } else { schema };
        if let Some(name) = self.name {
            schema.name = name;
        }
        CatalogStore::create(&self.catalog, &schema, chunking)?;
        writeln!(io::stdout(), "{}: catalog of schema {}", self.catalog.display(), schema.name)?;
        for table in &schema.tables {
            let of = match &table.kind {
                TableKind::Child { director, key } => format!(" of {director} by {key}"),
                TableKind::RefMatch { first, second } => {
                    format!(" of {} and {}", first.0, second.0)
                }
                TableKind::View { of, .. } => format!(" of {of}"),
                _ => String::new(),
            };
            writeln!(
                io::stdout(),
                "  {:24} {:4} columns  {}{of}",
                table.name,
                table.columns.len(),
                table.kind
            )?;
        }
        Ok(())
    }

    /// Write the schema that files suggest.
    fn draft(&self) -> Result<()> {
        let mut path = self.catalog.clone();
        path.as_mut_os_string().push(".yaml");
        let path = self.schema.clone().unwrap_or(path);
        let name = self.name.clone();
        let name = name.unwrap_or_else(|| table_name(&self.catalog.display().to_string()));
        let mut draft = Draft::new(&name);
        // A few rows that cannot be read say nothing of the columns.
        let on_bad_row = OnBadRow::Report;
        let options = ReadOptions { format: self.format, on_bad_row, ..ReadOptions::default() };
        for file in &self.from {
            let input = file.display().to_string();
            // Files of one name lie in several folders, as those of nights.
            let name = free_name(&table_name(&input), &draft);
            draft.add_table(&name, format::read(file, &options)?, &input)?;
        }
        draft.write_new(&path)?;
        let mut out = io::stdout().lock();
        for note in &draft.notes {
            writeln!(out, "{note}")?;
        }
        writeln!(
            out,
            "{path}: look at it, then almagest create {} --schema {path}",
            self.catalog.display(),
            path = path.display()
        )?;
        Ok(())
    }
}

/// The name, or one like it that no table of the draft has.
fn free_name(name: &str, draft: &Draft) -> String {
    let is_free = |name: &String| draft.schema.find(name).is_err();
    let numbered = (2_u32..).map(|number| format!("{name}_{number}"));
    std::iter::once(name.to_owned()).chain(numbered).find(is_free).unwrap_or_default()
}
