//! What a writer probably meant where the grammar expected something else.

use super::lexer::{Kind, Token};
use super::parser::Parser;
use super::reserved;
use crate::error::{Diagnostic, printable};
use crate::names::edits;

/// Words that go on with a query after a name or a value, and are often misspelt.
const CLAUSES: &[&str] = &[
    "FROM",
    "WHERE",
    "GROUP",
    "HAVING",
    "ORDER",
    "OFFSET",
    "BETWEEN",
    "JOIN",
    "INNER",
    "LEFT",
    "NATURAL",
    "USING",
    "UNION",
    "EXCEPT",
    "INTERSECT",
    "DESC",
    "LIKE",
    "AND",
];

/// Words of the frame that people take for names.
const NOUNS: &[&str] = &[
    "ALL", "BY", "CASE", "DESC", "END", "FULL", "GROUP", "LEFT", "OFFSET", "ORDER", "RIGHT", "TOP",
    "UNION",
];

impl Parser<'_> {
    /// What people who write this where `what` was expected usually need.
    pub(super) fn hint(&self, what: &str, token: &Token) -> Option<String> {
        let usual = match token.kind {
            Kind::End => self.open_parenthesis().map(|open| {
                let place = open.span.start;
                let (line, column) = (place.line, place.column);
                format!("the parenthesis at line {line}, column {column} is not closed")
            }),
            Kind::Symbol => self.meant_by_symbol(&token.text).map(str::to_owned),
            Kind::Word => self.meant_by_place(what, token).or_else(|| meant_by_word(&token.text)),
            _ => None,
        };
        usual.or_else(|| self.misspelt(what, token)).or_else(|| self.comma(what, token))
    }

    fn meant_by_symbol(&self, symbol: &str) -> Option<&'static str> {
        let before = self.last().map_or("", |last| &last.text);
        Some(match symbol {
            "*" if before == "*" => "a power is written POWER(x, n)",
            "<" | ">" if before == symbol => "ADQL has no shift: use POWER(2, n)",
            "<" if before == "=" => "write <=",
            ">" if before == "=" => "write >=",
            "," if self.is_second_after("LIMIT") => "write OFFSET after the number of rows",
            ":" if self.begins_value() => "a query has no parameters: write the value",
            "==" => "equality is written =",
            ":" => "types are converted with CAST(x AS type)",
            "`" | "[" => "names are quoted with \"",
            "&" | "|" if self.last().is_some_and(|last| last.text == symbol) => {
                "conditions are joined with AND and OR"
            }
            _ => return None,
        })
    }

    fn is_second_after(&self, word: &str) -> bool {
        self.before(2).is_some_and(|token| token.text.eq_ignore_ascii_case(word))
    }

    /// Is what comes next not preceded by a value?
    fn begins_value(&self) -> bool {
        self.last().is_none_or(|last| match last.kind {
            Kind::Word => reserved::is_reserved(&last.text),
            Kind::Symbol => last.text != ")",
            _ => false,
        })
    }

    /// What a word means where it stands.
    fn meant_by_place(&self, what: &str, token: &Token) -> Option<String> {
        let upper = token.text.to_ascii_uppercase();
        let is_after = |word: &str| self.last().is_some_and(|l| l.text.eq_ignore_ascii_case(word));
        let hint = match upper.as_str() {
            "CONTAINS" if what.starts_with("a comparison") => "text is searched with LIKE '%…%'",
            "ORDER" | "PARTITION" if is_after("OVER") => "write OVER (PARTITION BY … ORDER BY …)",
            "UNION" | "EXCEPT" | "INTERSECT" if what == "the end of the query" => {
                "ORDER BY stands after the last of the queries, or within brackets around one"
            }
            "OUTER" => "write LEFT, RIGHT or FULL before OUTER JOIN",
            "DESCENDING" => "write DESC",
            "ASCENDING" => "write ASC",
            _ => return None,
        };
        Some(hint.to_owned())
    }

    /// The word before, read as an alias, or this one may be a clause with a letter wrong.
    fn misspelt(&self, what: &str, token: &Token) -> Option<String> {
        let goes_on = what == "the end of the query" || CLAUSES.contains(&what);
        let written = [Some(token), self.last()].into_iter().flatten();
        let mut words = written.filter(|token| {
            token.kind == Kind::Word && !reserved::is_reserved(&token.text) && goes_on
        });
        words.find_map(|word| {
            let meant = clause(&word.text)?;
            let at = word.span.start;
            let shown = printable(&word.text);
            if at == token.span.start {
                return Some(format!("did you mean {meant}?"));
            }
            Some(format!(
                "did you mean {meant} instead of {shown} at line {}, column {}?",
                at.line, at.column
            ))
        })
    }

    /// A comma too many, or one too few.
    fn comma(&self, what: &str, token: &Token) -> Option<String> {
        let last = self.last()?;
        let is_name = |token: &Token| matches!(token.kind, Kind::Word | Kind::Delimited);
        if last.kind == Kind::Symbol && last.text == "," {
            let is_second = token.kind == Kind::Symbol && token.text == ",";
            let ends = token.kind == Kind::Word && reserved::is_structure(&token.text);
            return (is_second || ends).then(|| "there is a comma too many before it".to_owned());
        }
        let items = what == "FROM" && (is_name(last) || last.text == ")");
        let missing = items && (is_name(token) || token.kind == Kind::Number);
        missing.then(|| "is a comma missing before it?".to_owned())
    }

    /// The complaint about a word of the frame where a name is expected.
    pub(super) fn structure_as_name(&self, what: &str, token: &Token) -> Diagnostic {
        let fault = self.expected(what);
        let is_meant = NOUNS.contains(&token.text.to_ascii_uppercase().as_str());
        let goes_on = self.is_word_ahead(1, "BY") || self.is_word_ahead(1, "JOIN");
        match is_meant && !goes_on && fault.suggestion.is_none() {
            false => fault,
            true => fault.suggest(format!(
                "{word} is a reserved word: as a name it must be quoted, \"{word}\"",
                word = printable(&token.text)
            )),
        }
    }
}

/// The clause that a word is with a letter wrong, two exchanged, or its BY attached.
fn clause(word: &str) -> Option<&'static str> {
    let word = word.to_ascii_uppercase();
    match word.as_str() {
        "GROUPBY" => return Some("GROUP BY"),
        "ORDERBY" | "SORTBY" | "SORT" => return Some("ORDER BY"),
        _ => {}
    }
    let near = |clause: &&&str| {
        let distance = edits(&word, clause);
        let is_exchanged = word.len() == 3 && clause.bytes().all(|b| word.as_bytes().contains(&b));
        distance == 1 && (word.len() >= 4 || is_exchanged) || distance == 2 && word.len() >= 7
    };
    CLAUSES.iter().find(near).copied()
}

fn meant_by_word(word: &str) -> Option<String> {
    let upper = word.to_ascii_uppercase();
    let hint = match upper.as_str() {
        "LIMIT" | "FETCH" => "the number of rows is limited with SELECT TOP n",
        "TOP" => {
            "TOP n stands after SELECT [DISTINCT]; a column called top must be written \"top\""
        }
        "DISTINCT" => "DISTINCT stands directly after SELECT",
        "FOR" | "SYSTEM_TIME" => "a version is asked for with AS OF at the end of the query",
        "TABLESAMPLE" | "SAMPLE" => "ADQL has no sampling",
        "FILTER" => "aggregate a CASE instead of a FILTER",
        "MINUS" => "the difference of two queries is written EXCEPT",
        "ROW" | "ROWS" => "the number of rows after OFFSET is a number alone",
        "QUALIFY" => "filter in a query around this one",
        _ if reserved::is_reserved(&upper) && !reserved::is_structure(&upper) => {
            return Some(format!(
                "{} is a reserved word: as a name it must be quoted",
                printable(word)
            ));
        }
        _ => return None,
    };
    Some(hint.to_owned())
}
