//! What is to be said of the columns of an input: where they went, and what was done to them.

use std::collections::BTreeMap;

/// How columns were found where their names did not say, and what is done to them; by the exact
/// name of the table's column.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ColumnNotes {
    /// The input's name, which differs in case.
    pub other_case: BTreeMap<String, String>,
    /// The input's name, of a column found by its UCD.
    pub by_ucd: BTreeMap<String, String>,
    /// What the mapping says.
    pub mapped: BTreeMap<String, String>,
    /// The units of input and table, where values are converted: `mJy to nJy`.
    pub units: BTreeMap<String, String>,
    /// The types of input and table, where not every value of the first is one of the second.
    pub narrowed: BTreeMap<String, String>,
}

impl ColumnNotes {
    /// Add the notes on another input.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in [
            (&mut self.other_case, &other.other_case),
            (&mut self.by_ucd, &other.by_ucd),
            (&mut self.mapped, &other.mapped),
            (&mut self.units, &other.units),
            (&mut self.narrowed, &other.narrowed),
        ] {
            for (column, note) in theirs {
                mine.entry(column.clone()).or_insert_with(|| note.clone());
            }
        }
    }

    /// One line for each thing that a reader should know, columns of a kind together.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![];
        for (what, is, notes) in [
            ("mapped", "from", &self.mapped),
            ("found by a name in another case", "is", &self.other_case),
            ("found by UCD", "is", &self.by_ucd),
        ] {
            let pairs = notes.iter().map(|(column, note)| format!("{column} {is} {note}"));
            let pairs: Vec<String> = pairs.collect();
            if !pairs.is_empty() {
                lines.push(format!("{what}: {}", listed(&pairs)));
            }
        }
        for (what, notes) in [("units", &self.units), ("types narrowed", &self.narrowed)] {
            let mut columns: BTreeMap<&str, Vec<String>> = BTreeMap::new();
            for (column, note) in notes {
                columns.entry(note).or_default().push(column.clone());
            }
            let of_note = |(note, columns): (&str, Vec<String>)| {
                format!("{what}, {note}: {}", listed(&columns))
            };
            lines.extend(columns.into_iter().map(of_note));
        }
        lines
    }
}

/// Most names in a line; a wide table would fill the screen.
const NAMED: usize = 8;

/// Name columns, as many as can be read.
pub(crate) fn listed(names: &[String]) -> String {
    let named = names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => named,
        n_more => format!("{named} and {n_more} more"),
    }
}
