//! How many of a thing, for people.

use std::fmt::Display;

/// Return a number with what it counts: "1 row", "2 rows". The plural of `thing` is that with an s.
pub fn counted<N: Display + PartialEq + From<u8>>(n: N, thing: &str) -> String {
    let end = if n == N::from(1) { "" } else { "s" };
    format!("{n} {thing}{end}")
}
