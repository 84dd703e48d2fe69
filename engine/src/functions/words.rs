//! `ivo_hasword` (haystack, needle) and `ivo_hashlist_has` (list, item): is a word among others?

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int32Array};
use datafusion::error::Result;

use super::row_function::{Argument::Text, Call, Returns, RowFunction};

pub(super) const FUNCTIONS: [RowFunction; 2] = [
    RowFunction {
        name: "ivo_hasword",
        overloads: &[&[Text, Text]],
        returns: Returns::Flag,
        body: |call| test(call, has_all_words),
    },
    RowFunction {
        name: "ivo_hashlist_has",
        overloads: &[&[Text, Text]],
        returns: Returns::Flag,
        body: |call| test(call, hash_list_has),
    },
];

fn test(call: &Call<'_>, holds: fn(&str, &str) -> bool) -> Result<ArrayRef> {
    let (texts, wanted) = (call.text(0)?, call.text(1)?);
    let flags: Int32Array = texts
        .iter()
        .zip(wanted.iter())
        .map(|(text, wanted)| Some(i32::from(holds(text?, wanted?))))
        .collect();
    Ok(Arc::new(flags))
}

/// Whether each word of `needle` is one of `haystack`'s; no words are not there.
fn has_all_words(haystack: &str, needle: &str) -> bool {
    let (haystack, needle) = (haystack.to_lowercase(), needle.to_lowercase());
    let present: HashSet<&str> = words(&haystack).collect();
    let mut wanted = words(&needle).peekable();
    wanted.peek().is_some() && wanted.all(|word| present.contains(word))
}

/// Runs of letters and digits, of any script.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

fn hash_list_has(list: &str, item: &str) -> bool {
    let item = item.to_lowercase();
    !item.contains('#') && list.split('#').any(|member| member.to_lowercase() == item)
}
