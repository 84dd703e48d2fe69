//! No text, however odd, may end in anything but a query or an error with a position in it.

use almagest_adql::translate;

use crate::survey;

/// Pieces that, put together at random, come close enough to queries to get past the parser.
const PIECES: &[&str] = &[
    "SELECT ",
    "DISTINCT ",
    "TOP 3 ",
    "* ",
    "o.* ",
    "coord_ra ",
    "o.objectId ",
    "AS x ",
    ", ",
    "FROM ",
    "Object ",
    "o ",
    "Source s ",
    "gaia.Source ",
    "JOIN ",
    "LEFT JOIN ",
    "NATURAL ",
    "ON ",
    "USING (objectId) ",
    "WHERE ",
    "CONTAINS(POINT(ra, dec), CIRCLE(1, 2, 3)) ",
    "DISTANCE(1, 2, ra, dec) ",
    "POINT( ",
    "= 1 ",
    "< 0.1 ",
    "AND ",
    "OR NOT ",
    "( ",
    ") ",
    "GROUP BY ",
    "band ",
    "HAVING ",
    "COUNT(*) ",
    "ORDER BY ",
    "1 ",
    "x ",
    "UNION ",
    "EXCEPT ALL ",
    "WITH t AS (SELECT 1 AS x) ",
    "IN (SELECT ",
    "EXISTS ( ",
    "CASE WHEN ",
    "THEN ",
    "END ",
    "CAST( ",
    "AS CHAR(3)) ",
    "'a' ",
    "\"o\" ",
    "0xFF ",
    "~ ",
    "- ",
    "|| ",
    "\n",
    "-- c\n",
    "NULL ",
    "BETWEEN ",
    "LIKE '%' ",
    "OFFSET 2 ",
    "LIMIT ALL ",
    "\u{1b}",
    "‘",
    "é",
    ";",
    ".",
    "psfFlux_flag ",
];

/// The same sequence on every run (Numerical Recipes' constants).
fn next(state: &mut u64) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*state >> 33).unwrap_or_default()
}

#[test]
fn random_pieces_give_a_query_or_an_error_with_a_position() {
    let names = survey::names();
    let mut state = 29;
    let mut accepted = 0;
    for _ in 0..20_000 {
        let mut text = String::from("SELECT ");
        for _ in 0..next(&mut state) % 12 {
            text.push_str(PIECES[next(&mut state) % PIECES.len()]);
        }
        match translate(&text, &names) {
            Ok(translated) => {
                accepted += 1;
                assert!(!translated.query.to_string().is_empty());
            }
            Err(error) => {
                assert!(!error.diagnostics().is_empty(), "{text}");
                let lines = text.lines().count().max(1) as u64;
                for diagnostic in error.diagnostics() {
                    assert!((1..=lines + 1).contains(&diagnostic.line), "{diagnostic}: {text:?}");
                }
                let shown = error.render(&text);
                assert!(!shown.contains(|c: char| c.is_control() && c != '\n'), "{shown:?}");
            }
        }
    }
    assert!(accepted > 100, "only {accepted} accepted: the pieces no longer make queries");
}

#[test]
fn long_conditions_do_not_exhaust_the_stack() {
    let any_of = |n: usize| {
        let ors = "objectId = 1 OR ".repeat(n);
        format!("SELECT 1 FROM Object WHERE {ors} objectId = 2")
    };
    accept(&any_of(1900));
    refuse(&any_of(50_000));
    let sum = format!("1 {}", "+ 1 ".repeat(190));
    accept(&format!("SELECT {sum} AS n FROM Object GROUP BY n HAVING n = 191 ORDER BY n"));
    accept(&format!("SELECT {sum}, {sum} FROM Object WHERE POWER({sum}, 2) > 1 AND {sum} = 1"));
    let (open, close) = ("(1 + ".repeat(90), ")".repeat(90));
    accept(&format!("SELECT {open}1{close} FROM Object"));
    refuse(&format!("SELECT {open}{sum}{close} FROM Object"));
}

#[test]
fn long_lists_do_not_exhaust_the_stack() {
    let list = "1, ".repeat(20_000);
    accept(&format!("SELECT 1 FROM Object WHERE objectId IN ({list} 2)"));
}

#[test]
fn long_unions_do_not_exhaust_the_stack() {
    let union = |n: usize| {
        let operands = "SELECT objectId FROM Object UNION ".repeat(n);
        format!("{operands} SELECT objectId FROM Object")
    };
    accept(&union(100));
    refuse(&union(1000));
}

#[test]
fn deep_calls_do_not_exhaust_the_stack() {
    let deep = |n: usize| format!("SELECT {}1{} FROM Object", "abs(".repeat(n), ")".repeat(n));
    accept(&deep(30));
    refuse(&deep(10_000));
    let queries = |n: usize| format!("{}1{}", "SELECT (".repeat(n), ")".repeat(n));
    accept(&queries(10));
    refuse(&queries(1_000));
}

fn accept(text: &str) {
    let outcome = translate(text, &survey::names());
    assert!(outcome.is_ok(), "{outcome:?}");
}

fn refuse(text: &str) {
    assert!(translate(text, &survey::names()).is_err());
}
