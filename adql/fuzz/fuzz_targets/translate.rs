//! Any text: parse, print, parse again, translate. Nothing may panic, and a tree that is printed
//! and parsed again is the same.
//!
//!     cargo +nightly fuzz run translate -- -max_total_time=3600 -dict=adql.dict

#![no_main]

use std::sync::LazyLock;

use almagest_adql::grammar::{parse, print};
use almagest_adql::{
    ColumnKind, ColumnName, Dialect, Grammar, Names, SchemaNames, TableNames, translate_dialect,
};
use libfuzzer_sys::fuzz_target;

static NAMES: LazyLock<Names> = LazyLock::new(|| {
    let column = |name: &str, kind| ColumnName {
        name: name.to_owned(),
        kind,
        unit: Some("deg".to_owned()),
        ..ColumnName::default()
    };
    let table = |name: &str| TableNames {
        name: name.to_owned(),
        columns: vec![
            column("x", ColumnKind::Double),
            column("ra", ColumnKind::Double),
            column("dec", ColumnKind::Double),
            column("id", ColumnKind::BigInt),
            column("name", ColumnKind::Text),
            column("flag", ColumnKind::Boolean),
        ],
        ..TableNames::default()
    };
    let tables = ["t", "u", "stars", "a", "b"].map(table).to_vec();
    let schemas = vec![SchemaNames { name: "survey".to_owned(), tables }];
    Names { schemas, default_schema: "survey".to_owned() }
});

fuzz_target!(|text: &str| {
    for dialect in [Dialect::Adql, Dialect::Strict, Dialect::Strict20] {
        match parse(text, &Grammar { dialect, ..Grammar::default() }) {
            Ok(parsed) => {
                let printed = print(&parsed.query);
                let again = parse(&printed, &Grammar::default());
                let again = again.unwrap_or_else(|e| panic!("{printed}\n{e}"));
                assert_eq!(again.query, parsed.query, "{printed}");
            }
            Err(error) => assert!(!error.render(text).is_empty()),
        }
        if let Err(error) = translate_dialect(text, dialect, &NAMES) {
            assert!(!error.render(text).is_empty());
        }
    }
});
