//! Tables as wide as Rubin's Object, in joins, groups and chains of common tables: each translates,
//! or is refused because the engine could not bear it. How long that takes is for the benchmark.

#![allow(clippy::unwrap_used, clippy::panic)]

use almagest_adql::{ColumnKind, ColumnName, Names, SchemaNames, TableNames, translate};

/// As many columns as Rubin's Object has.
const N_COLUMNS: usize = 1248;

fn column(index: usize) -> String {
    format!("g_someLongColumnName_{index}")
}

fn names() -> Names {
    let columns = (0..N_COLUMNS).map(|index| ColumnName {
        name: column(index),
        kind: ColumnKind::Double,
        unit: Some("nJy".to_owned()),
        ucd: Some("phot.flux;em.opt.g".to_owned()),
        time_scale: None,
    });
    let object = TableNames {
        name: "Object".to_owned(),
        columns: columns.collect(),
        key: vec![column(0)],
        ..TableNames::default()
    };
    let other = TableNames { name: "Other".to_owned(), ..object.clone() };
    let schema = SchemaNames { name: "survey".to_owned(), tables: vec![object, other] };
    Names { schemas: vec![schema], default_schema: "survey".to_owned() }
}

/// Translate `query`; tells how many output columns it has.
fn check(what: &str, query: &str) -> usize {
    let names = names();
    let translated = translate(query, &names).unwrap_or_else(|error| panic!("{what}: {error}"));
    translated.columns.len()
}

fn all_columns(qualifier: &str) -> String {
    (0..N_COLUMNS)
        .map(|index| format!("{qualifier}{}", column(index)))
        .collect::<Vec<_>>()
        .join(", ")
}

#[test]
fn wide_tables() {
    assert_eq!(check("*", "SELECT * FROM Object"), N_COLUMNS);
    let listed = format!("SELECT {} FROM Object", all_columns("").to_uppercase());
    assert_eq!(check("each column", &listed), N_COLUMNS);
    let listed = format!("SELECT {} FROM Object AS o, Other AS p", all_columns("o."));
    assert_eq!(check("each column of a join", &listed), N_COLUMNS);
    let natural = "SELECT * FROM Object NATURAL JOIN Other";
    assert_eq!(check("natural join", natural), N_COLUMNS);
    let key = column(0);
    let joins: String =
        (1..4).map(|i| format!(" JOIN Object AS o{i} ON o0.{key} = o{i}.{key}")).collect();
    let joined = format!("SELECT o0.* FROM Object AS o0{joins} WHERE o2.{} > 1", column(7));
    assert_eq!(check("joins", &joined), N_COLUMNS);
    let nested = "SELECT * FROM (SELECT * FROM (SELECT * FROM Object) AS a) AS b";
    assert_eq!(check("nested", nested), N_COLUMNS);
}

#[test]
fn many_groups_and_orders() {
    let key = column(0);
    let grouped = format!("SELECT *, COUNT(*) FROM Object GROUP BY {key}");
    assert_eq!(check("grouped by the key", &grouped), N_COLUMNS + 1);
    let all = all_columns("");
    let grouped = format!("SELECT {all} FROM Object GROUP BY {all}");
    assert_eq!(check("grouped by each column", &grouped), N_COLUMNS);
    let ordered = format!("SELECT {all} FROM Object ORDER BY {all}");
    assert_eq!(check("ordered by each column", &ordered), N_COLUMNS);
}

#[test]
fn chains_of_common_tables() {
    let chain = |n: usize, step: &str| {
        let steps: String = (1..=n)
            .map(|i| format!(", t{i} AS ({})", step.replace("{}", &(i - 1).to_string())))
            .collect();
        format!("WITH t0 AS (SELECT * FROM Object){steps} SELECT * FROM t{n}")
    };
    assert_eq!(check("chain", &chain(6, "SELECT * FROM t{}")), N_COLUMNS);
    // Each step doubles what the engine has to plan.
    let doubled = format!("SELECT a.* FROM t{{}} AS a JOIN t{{}} AS b ON a.{0} = b.{0}", column(0));
    assert_eq!(check("doubling chain", &chain(3, &doubled)), N_COLUMNS);
    let error = translate(&chain(40, &doubled), &names()).unwrap_err();
    assert!(error.diagnostics().iter().all(|fault| fault.code() == "too-large"), "{error}");
    let error = translate(&chain(60, "SELECT * FROM t{} AS a, t{} AS b"), &names()).unwrap_err();
    assert!(error.diagnostics().iter().all(|fault| fault.code() == "too-large"), "{error}");
}
