//! What other packages say: the tables and conditions that `tests/oracle/make_queries.py` wrote.

/// What is known of a row and a condition, as in SQL: a condition on what is NULL is not true, and
/// neither is its opposite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Yes,
    No,
    Null,
    /// The row lies too near to an edge for the package that was asked.
    Unjudged,
}

impl Verdict {
    pub fn of(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }

    pub fn and(self, other: Self) -> Self {
        use Verdict::{No, Null, Unjudged, Yes};
        match (self, other) {
            (No, _) | (_, No) => No,
            (Unjudged, _) | (_, Unjudged) => Unjudged,
            (Null, _) | (_, Null) => Null,
            (Yes, Yes) => Yes,
        }
    }

    pub fn or(self, other: Self) -> Self {
        self.not().and(other.not()).not()
    }

    pub fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            other => other,
        }
    }

    /// What WHERE makes of it: rows of which the condition is not known are left out.
    pub fn selected(self) -> Self {
        if self == Self::Null { Self::No } else { self }
    }
}

/// A row of a table, numbers as text.
pub struct Row {
    pub ra: f64,
    pub dec: f64,
    pub reach: f64,
    pub disc: String,
    pub outline: String,
}

/// A condition, and what it says of each row.
pub struct Condition {
    pub kind: String,
    /// Numbers, separated by blanks, or the text of a region.
    pub text: String,
    pub verdicts: Vec<Verdict>,
}

impl Condition {
    pub fn numbers(&self) -> Vec<&str> {
        self.text.split(' ').collect()
    }

    /// Does the answer hang on the row's own position?
    pub fn is_of_position(&self) -> bool {
        !self.kind.starts_with("disc") && !self.kind.starts_with("outline")
    }
}

/// A table, and the conditions about its rows.
#[derive(Default)]
pub struct Part {
    pub rows: Vec<Row>,
    pub conditions: Vec<Condition>,
}

/// Read all tables of a file.
pub fn read(text: &str) -> Vec<Part> {
    let mut parts: Vec<Part> = vec![];
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('|').collect();
        let number = |index: usize| -> f64 { fields[index].parse().unwrap() };
        match fields.as_slice() {
            ["table", _] => parts.push(Part::default()),
            ["row", _, _, _, disc, outline] => parts.last_mut().unwrap().rows.push(Row {
                ra: number(1),
                dec: number(2),
                reach: number(3),
                disc: disc.to_string(),
                outline: outline.to_string(),
            }),
            [kind, text, holds, unjudged] => {
                let part = parts.last_mut().unwrap();
                let verdicts = (0..part.rows.len()).map(|row| match bit(unjudged, row) {
                    true => Verdict::Unjudged,
                    false => Verdict::of(bit(holds, row)),
                });
                let (kind, text) = (kind.to_string(), text.to_string());
                let condition = Condition { kind, text, verdicts: verdicts.collect() };
                part.conditions.push(condition);
            }
            _ => panic!("not a line of queries: {line}"),
        }
    }
    parts
}

/// Return a bit of hexadecimal bytes, the first bit the lowest; no text is no bit.
fn bit(bytes: &str, index: usize) -> bool {
    let at = index / 8 * 2;
    !bytes.is_empty() && u8::from_str_radix(&bytes[at..at + 2], 16).unwrap() >> (index % 8) & 1 == 1
}
