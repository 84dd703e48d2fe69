//! The verdicts of the grammar, production by production, in `tests/golden/grammar/`.
//!
//! Each query says in its first line what it is: `-- valid` ADQL 2.1, an `-- extension` that only
//! the default dialect takes, or `-- invalid` everywhere. Beside the queries of `NAME.adql` stands
//! in `NAME.out` what each dialect says of them. Run with `ALMAGEST_REFRESH=1` to write that anew,
//! and read the difference before you commit it.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use almagest_adql::grammar::{Parsed, parse, print};
use almagest_adql::{Dialect, Error, Grammar};

const DIALECTS: [(&str, Dialect); 3] =
    [("adql", Dialect::Adql), ("2.1 ", Dialect::Strict), ("2.0 ", Dialect::Strict20)];

fn read(text: &str, dialect: Dialect) -> Result<Parsed, Error> {
    parse(text, &Grammar { dialect, ..Grammar::default() })
}

/// What the dialects say of a query, a line each.
fn said(query: &str) -> String {
    let verdict = |(name, dialect)| match read(query, dialect) {
        Ok(parsed) => {
            let warnings = parsed.warnings.iter().map(|w| format!("\n     warning: {w}"));
            format!("{name} valid{}", warnings.collect::<String>())
        }
        Err(error) => format!("{name} {}", error.to_string().replace('\n', "\n     ")),
    };
    DIALECTS.map(verdict).join("\n")
}

/// What is wrong with the verdicts on a query.
fn faults(query: &str) -> Vec<String> {
    let marked = query.lines().next().unwrap_or_default();
    let (adql, strict) = (read(query, Dialect::Adql), read(query, Dialect::Strict));
    let verdict = match (&adql, &strict) {
        (Ok(_), Ok(_)) => "-- valid",
        (Ok(_), Err(_)) => "-- extension",
        (Err(_), Err(_)) => "-- invalid",
        (Err(_), Ok(_)) => "taken strictly, refused by default",
    };
    let mut faults = Vec::new();
    let mut expect = |holds: bool, what: &str| {
        if !holds {
            faults.push(format!("{what}: {query}\n{}", said(query)));
        }
    };
    expect(verdict == marked, verdict);
    for parsed in [&adql, &strict].into_iter().flatten() {
        expect(is_same_again(parsed), "printed and parsed again it is another tree");
    }
    if let Ok(parsed) = &adql {
        expect(strict.is_ok() || !parsed.warnings.is_empty(), "an extension without a warning");
    }
    match &strict {
        Ok(parsed) => expect(parsed.warnings.is_empty(), "a warning about the standard"),
        Err(_) => expect(read(query, Dialect::Strict20).is_err(), "valid in 2.0, but not in 2.1"),
    }
    faults
}

/// Whether a tree, printed and parsed again, is the same.
fn is_same_again(parsed: &Parsed) -> bool {
    read(&print(&parsed.query), Dialect::Adql).is_ok_and(|again| again.query == parsed.query)
}

#[test]
fn verdicts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/grammar");
    let refresh = std::env::var_os("ALMAGEST_REFRESH").is_some();
    let mut count = 0;
    let mut different = Vec::new();
    for entry in fs::read_dir(&folder).expect("the folder of golden files") {
        let path = entry.expect("a folder entry").path();
        if path.extension().is_none_or(|extension| extension != "adql") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("golden queries");
        let queries: Vec<&str> = text.trim_end().split("\n\n").collect();
        different.extend(queries.iter().flat_map(|query| faults(query)));
        count += queries.len();
        let found: Vec<String> =
            queries.iter().map(|query| format!("{query}\n{}", said(query))).collect();
        let found = found.join("\n\n") + "\n";
        let beside = path.with_extension("out");
        if refresh {
            fs::write(&beside, found).expect("a writable golden file");
        } else if fs::read_to_string(&beside).unwrap_or_default() != found {
            different.push(format!("{}\n{found}", beside.display()));
        }
    }
    assert!(different.is_empty(), "these differ:\n{}", different.join("\n"));
    assert!(count > 400, "only {count} queries");
}
