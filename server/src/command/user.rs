//! `almagest user`: who may log in to a service, and what they may see.

use std::iter;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use almagest_server::ingest_log;
use almagest_server::people::store::{ALL_TABLES, Restriction, Whom};
use almagest_server::people::{PeopleStore, Resource};
use almagest_server::uws::state_folder::people_file;

use almagest_storage::CatalogStore;
use almagest_storage::schema::SchemaDef;

use super::serve::beside;
use super::{CommandError, Result};

/// Manage the users of a service, their tokens, what they may have of its time and room, and the
/// tables that only some of them may see.
///
/// The service may be running; its next request sees the change.
#[derive(Debug, clap::Args)]
pub struct User {
    /// Folder of a catalog that the service answers from.
    catalog: PathBuf,
    /// State folder of the service [default: CATALOG.state].
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Another catalog of the same service, whose tables are named too; may be given more than once.
    #[arg(long, value_name = "CATALOG")]
    with: Vec<PathBuf>,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Add a user.
    Add {
        /// Name: letters, digits and _, beginning with a letter.
        name: String,
        /// Groups to put the user into.
        #[arg(long, value_name = "GROUP")]
        group: Vec<String>,
    },
    /// Remove a user, with all tokens.
    Remove {
        /// Name of the user.
        name: String,
    },
    /// List users with their groups and tokens, and what is restricted.
    List,
    /// Make a token and print it, once: it is stored as a hash only.
    Token {
        /// Name of the user.
        name: String,
        /// What the token is for.
        #[arg(long, default_value = "default")]
        label: String,
        /// Days after which it is worthless [default: never].
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u64).range(1..))]
        days: Option<u64>,
        /// A table (SCHEMA.TABLE) or a schema (SCHEMA) to which its holder may send rows (see
        /// `/ingest/transactions`); may be given more than once. Without it, the token writes nothing.
        #[arg(long, value_name = "TABLE")]
        writes: Vec<String>,
    },
    /// Make a token worthless.
    Revoke {
        /// Name of the user.
        name: String,
        /// What the token was for.
        #[arg(long, default_value = "default")]
        label: String,
    },
    /// Put a user into a group.
    Join {
        /// Name of the user.
        name: String,
        /// Name of the group.
        group: String,
    },
    /// Take a user out of a group.
    Leave {
        /// Name of the user.
        name: String,
        /// Name of the group.
        group: String,
    },
    /// Allow a user, or each member of a group, more or less than is usual: `queries` and `jobs` at
    /// the same time, `waiting` ones, `rows` of a result, `seconds` of a query, `stored-bytes` of
    /// results that are kept, `table-bytes` of own tables. The user `anonymous` is all those without a token.
    Allow {
        /// Name of the user, or of the group.
        name: String,
        /// The name is that of a group.
        #[arg(long)]
        group: bool,
        /// What is allowed: queries, jobs, waiting, rows, seconds, stored-bytes or table-bytes.
        resource: Resource,
        /// How much; `usual` takes back what was said [default: usual].
        amount: Option<Amount>,
    },
    /// Let only members of a group see a table (SCHEMA.TABLE) or a schema (SCHEMA). Restricted to
    /// several groups, it is seen by all of them.
    Restrict {
        /// The table, or the schema.
        table: String,
        /// Name of the group.
        group: String,
    },
    /// Let everybody see a table, or a schema, again.
    Release {
        /// The table, or the schema.
        table: String,
    },
}

/// A number, or `usual`.
#[derive(Debug, Clone, Copy)]
struct Amount(Option<u64>);

impl FromStr for Amount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "usual" => Ok(Self(None)),
            _ => text
                .parse()
                .map(|amount| Self(Some(amount)))
                .map_err(|_| format!("{text:?} is neither a number, zero or more, nor `usual`")),
        }
    }
}

impl User {
    /// Do what is asked.
    pub fn run(self) -> Result<()> {
        let state = self.state.unwrap_or_else(|| beside(&self.catalog));
        let catalogs = iter::once(&self.catalog).chain(&self.with);
        let schema_of = |path: &PathBuf| Ok(CatalogStore::open(path)?.schema().clone());
        let schemas: Vec<SchemaDef> = catalogs.map(schema_of).collect::<Result<_>>()?;
        std::fs::create_dir_all(&state)
            .map_err(|source| CommandError::File { path: state.clone(), source })?;
        let people = PeopleStore::open(&people_file(&state))?;
        match self.action {
            Action::Add { name, group } => {
                people.add_user(&name)?;
                for group in group {
                    people.join(&name, &group)?;
                }
            }
            Action::Remove { name } => people.remove_user(&name)?,
            Action::List => list(&people)?,
            Action::Token { name, label, days, writes } => {
                let life = days.map(|days| Duration::from_secs(days.saturating_mul(86_400)));
                let writes = writes.iter().map(|table| parts(table, &schemas));
                let writes = writes.collect::<Result<Vec<_>>>()?;
                let token = people.add_token(&name, &label, life)?;
                for (schema, table) in writes {
                    people.allow_writing(&name, &label, &schema, &table)?;
                }
                println!("{}", token.reveal());
            }
            Action::Revoke { name, label } => people.revoke_token(&name, &label)?,
            Action::Join { name, group } => people.join(&name, &group)?,
            Action::Leave { name, group } => people.leave(&name, &group)?,
            Action::Allow { name, group, resource, amount } => {
                let whom = if group { Whom::Group(name) } else { Whom::User(name) };
                people.allow(&whom, resource, amount.and_then(|amount| amount.0))?;
            }
            Action::Restrict { table, group } => {
                let (schema, table) = parts(&table, &schemas)?;
                people.restrict(&Restriction { schema, table, group })?;
                // A service of several catalogs has the state folder of the first.
                eprintln!("restricted in services whose state folder is {}", state.display());
            }
            Action::Release { table } => {
                let (schema, table) = parts(&table, &schemas)?;
                people.release(&schema, &table)?;
            }
        }
        Ok(())
    }
}

/// The schema and the table that are meant: a name that is no table's would protect nothing.
fn parts(name: &str, known: &[SchemaDef]) -> Result<(String, String)> {
    let (schema, table) = name.split_once('.').unwrap_or((name, ALL_TABLES));
    // Images, the registry and the log of ingest are shown beside the catalog's own tables.
    let is_beside =
        ["ivoa", "butler", ingest_log::NAME].contains(&schema) || schema.starts_with("butler_");
    let has_it = |known: &SchemaDef| {
        schema == known.name && (table == ALL_TABLES || known.table(table).is_some())
    };
    if is_beside || known.iter().any(has_it) {
        return Ok((schema.to_owned(), table.to_owned()));
    }
    let listed = known.iter().map(|known| {
        let tables = known.tables.iter().map(|table| table.name.as_str());
        format!(
            "the schema {} with the tables {}",
            known.name,
            tables.collect::<Vec<_>>().join(", ")
        )
    });
    let listed = listed.collect::<Vec<_>>().join("; ");
    Err(CommandError::Refused(format!("there is no {name}: there is {listed}")))
}

fn list(people: &PeopleStore) -> Result<()> {
    for user in people.users()? {
        let groups: Vec<&str> = user.groups.iter().map(String::as_str).collect();
        println!("{}: groups {}", user.name, or_none(&groups.join(", ")));
        for (label, expires) in user.tokens {
            let until = expires.map_or("for ever".to_owned(), |moment| format!("until {moment}"));
            println!("  token {label:?}, good {until}");
        }
        for (label, table) in people.writings(&user.name)? {
            println!("  token {label:?} writes {table}");
        }
    }
    for (whom, allowance) in people.allowances()? {
        let whom = match whom {
            Whom::User(name) => name,
            Whom::Group(name) => format!("group {name}"),
        };
        for (resource, amount) in allowance.named() {
            println!("{whom}: {amount} {resource}");
        }
    }
    for Restriction { schema, table, group } in people.restrictions()? {
        println!("{schema}.{table}: group {group}");
    }
    Ok(())
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}
