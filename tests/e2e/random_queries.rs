//! Random queries over random small tables: with pruning on and off, the rows are those that other
//! packages find (`tests/oracle/queries.txt`, written by `make_queries.py`).
//!
//! `ALMAGEST_LONG=1` asks 100,000 queries, written anew with the Python of `ALMAGEST_PYTHON`, or
//! those of the file `ALMAGEST_QUERIES`.

mod catalog;
mod oracle;
mod spelling;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::{env, fs};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::answers::ids_of;
use catalog::{Catalog, Table, band, id, mag};
use oracle::{Condition, Part, Verdict};
use spelling::{Form, Spelling, cross_match};

/// Queries in flight.
const TASKS: usize = 4;

/// A query, and what it must select.
struct Case {
    adql: String,
    verdicts: Vec<Verdict>,
}

/// A condition as it is written, and its verdicts on the rows of a table.
struct Term {
    spelling: Spelling,
    verdicts: Vec<Verdict>,
}

impl Term {
    fn new(rng: &mut ChaCha8Rng, table: Table, condition: &Condition) -> Self {
        let nowhere = |row| condition.is_of_position() && table.is_nowhere(row);
        let verdicts = condition.verdicts.iter().enumerate();
        let verdicts =
            verdicts.map(|(row, verdict)| if nowhere(row) { Verdict::Null } else { *verdict });
        let term =
            Self { spelling: Spelling::choose(rng, condition), verdicts: verdicts.collect() };
        if rng.random_bool(0.25) { term.negated(rng) } else { term }
    }

    /// A condition on plain columns.
    fn plain(rng: &mut ChaCha8Rng, table: Table, n_rows: usize) -> Self {
        let limit = rng.random_range(1..24_i64);
        let compared = |row, holds: &dyn Fn(f64) -> bool| {
            mag(row).map_or(Verdict::Null, |mag| Verdict::of(holds(mag)))
        };
        let (text, holds): (String, Box<dyn Fn(usize) -> Verdict>) = match limit % 6 {
            0 => ("band = 2".into(), Box::new(|row| Verdict::of(band(row) == 2))),
            1 => {
                ("band IN (0, 3)".into(), Box::new(|row| Verdict::of([0, 3].contains(&band(row)))))
            }
            2 => (
                format!("mag < {limit}"),
                Box::new(move |row| compared(row, &|mag| mag < limit as f64)),
            ),
            3 => (
                format!("NOT mag BETWEEN 3 AND {}", 3 + limit),
                Box::new(move |row| {
                    compared(row, &|mag| !(3.0..=3.0 + limit as f64).contains(&mag))
                }),
            ),
            4 => ("mag IS NULL".into(), Box::new(|row| Verdict::of(mag(row).is_none()))),
            _ => {
                let first = limit * 12;
                let text = format!("{} >= {first}", table.id());
                (text, Box::new(move |row| Verdict::of(id(row) >= first)))
            }
        };
        let spelling = Spelling { text, is_of_first_table: false };
        Self { spelling, verdicts: (0..n_rows).map(holds).collect() }
    }

    fn negated(self, rng: &mut ChaCha8Rng) -> Self {
        let verdicts = self.verdicts.into_iter().map(Verdict::not).collect();
        Self { spelling: self.spelling.negated(rng), verdicts }
    }

    /// Join two conditions by AND or by OR.
    fn joined(self, rng: &mut ChaCha8Rng, other: Self) -> Self {
        let (word, join): (_, fn(Verdict, Verdict) -> Verdict) =
            if rng.random_bool(0.6) { ("AND", Verdict::and) } else { ("OR", Verdict::or) };
        let (a, b) = (self.spelling, other.spelling);
        let (first, second) = if rng.random() { (&a, &b) } else { (&b, &a) };
        let spelling = Spelling {
            text: format!("(({}) {word} ({}))", first.text, second.text),
            is_of_first_table: a.is_of_first_table || b.is_of_first_table,
        };
        Self { spelling, verdicts: combined(&self.verdicts, &other.verdicts, join) }
    }

    /// Ask for the rows.
    fn asked(self, rng: &mut ChaCha8Rng, table: Table) -> Case {
        let form = Form::choose(rng, &self.spelling);
        let adql = form.query(table, &self.spelling.text);
        Case { adql, verdicts: self.verdicts.into_iter().map(Verdict::selected).collect() }
    }
}

fn combined(
    a: &[Verdict],
    b: &[Verdict],
    join: impl Fn(Verdict, Verdict) -> Verdict,
) -> Vec<Verdict> {
    a.iter().zip(b).map(|(a, b)| join(*a, *b)).collect()
}

/// Write a query with a condition, which may be one of several in it.
fn case(part: &Part, index: usize, rng: &mut ChaCha8Rng) -> Case {
    let table = Table::ALL[rng.random_range(0..3)];
    let condition = &part.conditions[index];
    let other = |rng: &mut ChaCha8Rng| {
        let other = &part.conditions[rng.random_range(0..part.conditions.len())];
        Term::new(rng, table, other)
    };
    if condition.kind == "closed" && rng.random_bool(0.15) {
        let adql = cross_match(table, index, rng);
        let verdicts = condition
            .verdicts
            .iter()
            .enumerate()
            .map(|(row, verdict)| if table.is_nowhere(row) { Verdict::No } else { *verdict });
        return Case { adql, verdicts: verdicts.collect() };
    }
    let term = Term::new(rng, table, condition);
    match rng.random_range(0..100_u32) {
        0..55 => term.asked(rng, table),
        55..70 => {
            let plain = Term::plain(rng, table, part.rows.len());
            term.joined(rng, plain).asked(rng, table)
        }
        70..85 => {
            let other = other(rng);
            term.joined(rng, other).asked(rng, table)
        }
        kind => {
            let other = other(rng).asked(rng, table);
            let term = term.asked(rng, table);
            let (word, join): (_, fn(Verdict, Verdict) -> Verdict) = match kind % 3 {
                0 => ("UNION", Verdict::or),
                1 => ("INTERSECT", Verdict::and),
                _ => ("EXCEPT", |a, b| a.and(b.not())),
            };
            // WITH may only stand at the top of a query.
            if term.adql.starts_with("WITH") || other.adql.starts_with("WITH") {
                return term;
            }
            let verdicts = combined(&term.verdicts, &other.verdicts, join);
            Case { adql: format!("{} {word} {}", term.adql, other.adql), verdicts }
        }
    }
}

/// Say what is wrong with the rows that were found, if anything is.
fn fault(part: &Part, case: &Case, found: &[i64], how: &str) -> Option<String> {
    let mut wrong = vec![];
    for (row, verdict) in case.verdicts.iter().enumerate() {
        let times = found.iter().filter(|found| **found == id(row)).count();
        let agrees = match verdict {
            Verdict::Unjudged => times <= 1,
            verdict => times == usize::from(*verdict == Verdict::Yes),
        };
        if !agrees {
            let (ra, dec) = (part.rows[row].ra, part.rows[row].dec);
            wrong.push(format!("{} at {ra} {dec}, {verdict:?}, found {times}x", id(row)));
        }
    }
    let n_wrong = wrong.len();
    wrong.truncate(4);
    (n_wrong > 0).then(|| format!("{how}: {}\n  {n_wrong} rows: {}", case.adql, wrong.join("; ")))
}

/// Ask all queries about a table; return what is wrong.
async fn faults(part: Arc<Part>, number: usize) -> Vec<String> {
    let chunking = [0, 0, 0, 1][number % 4];
    let catalog = Arc::new(Catalog::create(&part, chunking).unwrap());
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (part, catalog) = (part.clone(), catalog.clone());
            tokio::spawn(async move {
                let mut faults = vec![];
                let pruning = catalog.pruning.session().unwrap();
                let reading_all = catalog.reading_all.session().unwrap();
                for index in (task..part.conditions.len()).step_by(TASKS) {
                    let seed = (number * 1_000_000 + index) as u64;
                    let case = case(&part, index, &mut ChaCha8Rng::seed_from_u64(seed));
                    let found = ids_of(&pruning, &case.adql).await;
                    faults.extend(fault(&part, &case, &found, "with pruning"));
                    let read = ids_of(&reading_all, &case.adql).await;
                    faults.extend(fault(&part, &case, &read, "without pruning"));
                    if read != found {
                        faults.push(format!("pruning changes the answer: {}", case.adql));
                    }
                }
                faults
            })
        })
        .collect();
    let mut faults = vec![];
    for task in tasks {
        faults.extend(task.await.unwrap());
    }
    faults
}

/// Return the text of the queries, and how many there are at least.
fn queries() -> (String, usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("oracle");
    if let Some(file) = env::var_os("ALMAGEST_QUERIES") {
        return (fs::read_to_string(file).unwrap(), 1);
    }
    if env::var_os("ALMAGEST_LONG").is_some() {
        let python = env::var_os("ALMAGEST_PYTHON").unwrap_or("python3".into());
        let script = folder.join("make_queries.py");
        let made = Command::new(python).arg(script).args(["100000", "1", "40"]).output();
        match made {
            Ok(made) if made.status.success() => {
                return (String::from_utf8(made.stdout).unwrap(), 100_000);
            }
            _ => println!("skipped: 100,000 random queries: make_queries.py does not run here"),
        }
    }
    (fs::read_to_string(folder.join("queries.txt")).unwrap(), 2_000)
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_those_of_other_packages() {
    let (text, at_least) = queries();
    let parts = oracle::read(&text);
    let n_cases: usize = parts.iter().map(|part| part.conditions.len()).sum();
    assert!(n_cases >= at_least, "only {n_cases} queries");
    let mut all = vec![];
    for (number, part) in parts.into_iter().enumerate() {
        all.extend(faults(Arc::new(part), number).await);
    }
    let n_faults = all.len();
    all.truncate(20);
    assert!(n_faults == 0, "{n_faults} wrong answers to {n_cases} queries:\n{}", all.join("\n"));
}
