//! `almagest adql check`: is a text ADQL?

use std::io::{self, Write};
use std::path::PathBuf;

use almagest_adql::function::Signature;
use almagest_adql::grammar::{self, Service};
use almagest_adql::{Dialect, Grammar};

use super::{CommandError, Result};

/// Say whether queries are valid ADQL, as the standard's grammar judges them.
///
/// Prints `valid` or the error with its place marked; the exit code is 1 if a query is not valid.
/// Names are not looked up: that needs a catalog.
#[derive(Debug, clap::Args)]
pub struct Check {
    /// File that holds the query; - for standard input.
    file: PathBuf,
    /// Take exactly ADQL 2.1, without the extensions that queries may otherwise use and without
    /// this service's own functions.
    #[arg(long)]
    strict: bool,
    /// Read several queries, with a line that holds only ; between two, and print a line for each.
    #[arg(long)]
    batch: bool,
    /// A function that queries may call, as "f(a DOUBLE, b TEXT) -> BIGINT"; may be repeated.
    #[arg(long = "function", value_name = "SIGNATURE")]
    functions: Vec<Signature>,
}

impl Check {
    /// Judge the queries.
    pub fn run(self) -> Result<()> {
        let dialect = if self.strict { Dialect::Strict } else { Dialect::Adql };
        let service = if self.strict { Service::Unknown } else { Service::Known };
        let grammar = Grammar { dialect, functions: self.functions, service };
        let text = super::read(&self.file)?;
        let queries = if self.batch { separated(&text) } else { vec![text] };
        let mut invalid = 0;
        let mut output = io::stdout().lock();
        for query in &queries {
            match grammar::parse(query, &grammar) {
                Ok(parsed) => {
                    writeln!(output, "valid")?;
                    if !self.batch {
                        parsed.warnings.iter().for_each(|w| eprintln!("warning: {w}"));
                    }
                }
                Err(error) => {
                    invalid += 1;
                    let shown = if self.batch {
                        error.to_string().replace('\n', "; ")
                    } else {
                        error.render(query)
                    };
                    writeln!(output, "error: {shown}")?;
                }
            }
        }
        output.flush()?;
        match (invalid, queries.len()) {
            (0, _) => Ok(()),
            (_, 1) => Err(CommandError::Refused("the query is not valid ADQL".to_owned())),
            (n, all) => {
                Err(CommandError::Refused(format!("{n} of {all} queries are not valid ADQL")))
            }
        }
    }
}

/// The queries of a text, which are separated by lines that hold only `;`.
///
/// What follows the last such line is a query unless it is blank.
fn separated(text: &str) -> Vec<String> {
    let mut queries = vec![String::new()];
    for line in text.lines() {
        match (line.trim() == ";", queries.last_mut()) {
            (false, Some(query)) => {
                query.push_str(line);
                query.push('\n');
            }
            _ => queries.push(String::new()),
        }
    }
    if queries.last().is_some_and(|last| last.trim().is_empty()) {
        queries.pop();
    }
    queries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_separated_by_lines_of_a_semicolon() {
        assert_eq!(separated("SELECT 1\n;\nSELECT 2;\n ; \n"), ["SELECT 1\n", "SELECT 2;\n"]);
        assert_eq!(separated("a\r\n;\r\n\r\n;\r\nb"), ["a\n", "\n", "b\n"]);
        assert_eq!(separated("\n"), Vec::<String>::new());
    }
}
