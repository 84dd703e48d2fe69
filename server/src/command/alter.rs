//! `almagest alter`: columns of a table come, go, and change name or type.

use std::io::{self, Write};
use std::path::PathBuf;

use almagest_ingest::{Transaction, TransactionConfig};
use almagest_storage::CatalogStore;
use almagest_storage::schema::{Alteration, ColumnDef, Datatype, DefaultValue};

use super::{CommandError, Result};

/// Change the columns of a table, in a new version.
///
/// No data file is rewritten: rows that are there are read with the columns that the table has in the
/// version that is asked, so that AS OF an older one finds them as they were. `compact` writes the
/// new form when it merges files.
#[derive(Debug, clap::Args)]
pub struct Alter {
    /// Folder of the catalog.
    catalog: PathBuf,
    /// The table.
    table: String,
    #[command(subcommand)]
    change: Change,
    /// Who changes it, as `versions` lists it.
    #[arg(long, global = true, default_value = "")]
    author: String,
}

#[derive(Debug, clap::Subcommand)]
enum Change {
    /// Add a column after the others; rows that are there have its default, or NULL.
    AddColumn(AddColumn),
    /// Drop a column that no key, view or place on the sky needs.
    DropColumn {
        /// The column.
        column: String,
    },
    /// Give a column another name; views, keys and references to it follow.
    RenameColumn {
        /// The column.
        column: String,
        /// Its name from now on.
        to: String,
    },
    /// Give a column a type that holds all values of its own: byte, short, int, long; float, double;
    /// longer strings.
    Widen {
        /// The column.
        column: String,
        /// The type.
        #[arg(value_parser = datatype)]
        datatype: Datatype,
        /// Greatest length of a string; without it, there is none.
        #[arg(long)]
        length: Option<u32>,
    },
}

#[derive(Debug, clap::Args)]
struct AddColumn {
    /// Name of the column.
    column: String,
    /// Its type, in the words of Felis: boolean, byte, short, int, long, float, double, char,
    /// string, unicode, text, timestamp.
    #[arg(value_parser = datatype)]
    datatype: Datatype,
    /// The value of rows that are there, and of those that come without the column.
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    default: Option<String>,
    /// May no row be NULL? Needs a default.
    #[arg(long)]
    not_null: bool,
    /// Greatest length of a string.
    #[arg(long)]
    length: Option<u32>,
    /// Unit, in the syntax of VOUnits.
    #[arg(long)]
    unit: Option<String>,
    /// Unified content descriptor.
    #[arg(long)]
    ucd: Option<String>,
    /// What the value means.
    #[arg(long, default_value = "")]
    description: String,
}

fn datatype(text: &str) -> Result<Datatype, String> {
    let all = || Datatype::ALL.map(Datatype::felis_name).join(", ");
    Datatype::from_felis(text).ok_or_else(|| format!("the types are {}", all()))
}

impl AddColumn {
    fn definition(self) -> Result<ColumnDef> {
        let length = self.length.filter(|_| self.datatype.is_textual());
        let default = match &self.default {
            None => None,
            Some(text) => {
                Some(DefaultValue::parse(text, self.datatype, length).ok_or_else(|| {
                    let bound = length.map(|length| format!(" of {length} characters at most"));
                    let datatype =
                        format!("{}{}", self.datatype.felis_name(), bound.unwrap_or_default());
                    CommandError::Refused(format!(
                        "default {text:?} is no value of type {datatype}"
                    ))
                })?)
            }
        };
        Ok(ColumnDef {
            name: self.column,
            datatype: self.datatype,
            length,
            nullable: !self.not_null,
            unit: self.unit,
            ucd: self.ucd,
            utype: None,
            xtype: (self.datatype == Datatype::Timestamp).then(|| "timestamp".to_owned()),
            description: self.description,
            principal: false,
            standard: false,
            column_index: None,
            default,
            number: None,
        })
    }
}

impl Alter {
    /// Change the table and say in which version.
    pub fn run(self) -> Result<()> {
        let store = CatalogStore::open(&self.catalog)?;
        let (alteration, what) = match self.change {
            Change::AddColumn(column) => {
                let what = format!("column {} added", column.column);
                (Alteration::AddColumn(column.definition()?), what)
            }
            Change::DropColumn { column } => {
                let what = format!("column {column} dropped");
                (Alteration::DropColumn(column), what)
            }
            Change::RenameColumn { column, to } => {
                let what = format!("column {column} renamed to {to}");
                (Alteration::RenameColumn { column, to }, what)
            }
            Change::Widen { column, datatype, length } => {
                let what = format!("column {column} widened to {}", datatype.felis_name());
                (Alteration::WidenColumn { column, datatype, length }, what)
            }
        };
        let config = TransactionConfig { author: self.author, ..TransactionConfig::default() };
        let mut transaction = Transaction::begin_with(&store, config)?;
        transaction.alter_table(&self.table, alteration)?;
        let report = transaction.commit_as(&format!("{}: {what}", self.table))?;
        writeln!(io::stdout(), "{}: {what} in version {}", self.table, report.version)?;
        Ok(())
    }
}
