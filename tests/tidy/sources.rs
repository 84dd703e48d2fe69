//! Sources: how they open, how long they get, what they are called, what they may not say.

use std::path::Path;

use crate::tree::{CRATES, Source, assert_none, files, root, sources};

/// A file longer than this holds a second concept.
const MOST_LINES: usize = 800;

/// Names that say nothing of what is inside.
const EMPTY_NAMES: [&str; 9] =
    ["utils", "util", "common", "helpers", "helper", "misc", "core", "manager", "types"];

/// Gather the faults that `find` sees in each source.
fn check(what: &str, find: impl Fn(&Source) -> Vec<String>) {
    let faults: Vec<String> = sources().iter().flat_map(find).collect();
    assert_none(what, &faults);
}

/// Report the lines that hold one of `words`.
fn lines_with<'a>(
    source: &Source,
    lines: impl Iterator<Item = (usize, &'a str)>,
    words: &[&str],
) -> Vec<String> {
    lines
        .filter(|(_, line)| words.iter().any(|word| line.contains(word)))
        .map(|(number, line)| format!("{}:{number}: {}", source.path, line.trim()))
        .collect()
}

#[test]
fn each_file_opens_with_its_concept() {
    check("files that do not open with //!", |source| {
        let opens = source.text.starts_with("//! ");
        if opens { vec![] } else { vec![source.path.clone()] }
    });
}

#[test]
fn files_hold_one_concept() {
    check("files that have grown too long", |source| {
        let n_lines = source.lines().count();
        if n_lines <= MOST_LINES { vec![] } else { vec![format!("{}: {n_lines}", source.path)] }
    });
}

#[test]
fn names_say_what_is_inside() {
    let mut faults = vec![];
    for (folder, _) in CRATES {
        for path in files(&root().join(folder)) {
            let inside = path.strip_prefix(root()).unwrap();
            let is_empty_name = |name: &Path| {
                EMPTY_NAMES.contains(&name.file_stem().unwrap_or_default().to_str().unwrap())
            };
            if inside.ancestors().any(is_empty_name) || inside.ends_with("mod.rs") {
                faults.push(inside.display().to_string());
            }
        }
    }
    assert_none("files whose names say nothing", &faults);
}

#[test]
fn only_storage_knows_names_inside_a_catalog() {
    let own = ["catalog", ".db"].concat();
    check("names of files inside a catalog, outside storage", |source| match source.of_crate {
        "storage" => vec![],
        _ => lines_with(source, source.product_lines(), &[&own]),
    });
}

#[test]
fn only_ingest_commits() {
    check("CommitPlan outside storage and ingest", |source| match source.of_crate {
        "storage" | "ingest" => vec![],
        _ => lines_with(source, source.product_lines(), &["CommitPlan"]),
    });
}

#[test]
fn nothing_is_left_undone() {
    let words = [
        ["#[ig", "nore"].concat(),
        ["todo", "!("].concat(),
        ["dbg", "!("].concat(),
        ["unimple", "mented!("].concat(),
        ["TO", "DO"].concat(),
        ["XX", "X"].concat(),
    ];
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    check("work left undone", |source| lines_with(source, source.lines(), &words));
}

#[test]
fn no_path_of_one_machine() {
    let words = [["/ro", "ot/"].concat(), ["/ho", "me/"].concat(), ["/wo", "rk/"].concat()];
    let mut faults = vec![];
    for folder in ["adql", "engine", "ingest", "pipeline", "server", "tests", ".ci"] {
        for path in files(&root().join(folder)) {
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            for (index, line) in text.lines().enumerate() {
                if words.iter().any(|word| line.contains(word)) {
                    faults.push(format!("{}:{}: {}", path.display(), index + 1, line.trim()));
                }
            }
        }
    }
    assert_none("paths of one machine", &faults);
}

#[test]
fn lints_are_lifted_in_tests_only() {
    let lifted = ["unwrap_used", "expect_used", "clippy::panic"];
    check("lints lifted in the product", |source| {
        lines_with(source, source.product_lines(), &lifted)
    });
}
