//! Names found without regard to case in time that does not grow with their number.

use std::collections::HashMap;

use sqlparser::ast::Ident;

use super::means;

/// The positions of names in a list, by their lower-case form.
#[derive(Debug, Clone, Default)]
pub(crate) struct NameIndex {
    by_lower: HashMap<String, Vec<usize>>,
}

impl NameIndex {
    pub fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut by_lower: HashMap<String, Vec<usize>> = HashMap::with_capacity(names.size_hint().0);
        for (position, name) in names.enumerate() {
            by_lower.entry(name.to_lowercase()).or_default().push(position);
        }
        NameIndex { by_lower }
    }

    /// The positions of the names that an identifier means, as [`super::best_matches`] has them.
    pub fn matches<'a>(&self, ident: &Ident, name: impl Fn(usize) -> &'a str) -> Vec<usize> {
        let Some(positions) = self.by_lower.get(&ident.value.to_lowercase()) else {
            return vec![];
        };
        let positions = positions.iter().copied();
        let mut matches: Vec<usize> = positions.filter(|at| means(ident, name(*at))).collect();
        if matches.len() > 1 && matches.iter().any(|at| name(*at) == ident.value) {
            matches.retain(|at| name(*at) == ident.value);
        }
        matches
    }
}
