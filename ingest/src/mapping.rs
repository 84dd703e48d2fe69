//! A mapping: which column of a file fills which column of a table, where names do not say.
//!
//! ```yaml
//! columns:
//!   coord_ra: RA                                   # a column of the file
//!   psfFlux: {from: flux, unit: mJy}               # its unit, whatever the file says
//!   psfFluxErr: {from: e_mag, of: mag, transform: ab_mag_error_to_njy}
//!   parallax: {from: plx, nulls: [-999, -9999]}    # numbers that mean NULL
//!   band: {constant: r}                            # the same value in every row, one of the column
//!   parentObjectId: null                           # NULL, whatever the file has
//! ignore: [junk, e_junk]                           # columns of the file that are left out
//! ```
//!
//! What a mapping does not name is found as without one. What it ignores need not be there.

use std::fs;
use std::path::Path;
use std::str::FromStr;

use serde_yaml_ng::{Mapping as Yaml, Value};

use crate::error::{Error, Result};
use crate::transform::Transform;

/// Where the columns of one table come from.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Mapping {
    /// Names of the table's columns, in any case, with what fills them.
    pub columns: Vec<(String, Rule)>,
    /// Columns of the input that are left out.
    pub ignored: Vec<String>,
}

/// What fills a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// NULL.
    Null,
    /// One value in every row, as text; read as the column's type.
    Constant(String),
    /// A column of the input.
    Column(FromColumn),
}

/// A column of the input, and what is done to it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FromColumn {
    /// Its name in the input, in any case.
    pub from: String,
    /// Its unit; `None`: what the input says.
    pub unit: Option<String>,
    /// What is done to its numbers.
    pub transform: Option<Transform>,
    /// The second column of a transform.
    pub of: Option<String>,
    /// Numbers that mean NULL.
    pub nulls: Vec<f64>,
}

impl Mapping {
    /// Read a mapping file.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Mapping`] with everything that is wrong with it.
    pub fn load(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path)
            .map_err(|source| Error::Io { path: path.to_owned(), source })?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Read a mapping.
    ///
    /// # Arguments
    /// * `name` - what errors call it
    ///
    /// # Errors
    /// [`Error::Mapping`] with everything that is wrong with it.
    pub fn parse(text: &str, name: &str) -> Result<Self> {
        let refused = |reasons: Vec<String>| Error::Mapping { mapping: name.to_owned(), reasons };
        let root: Yaml =
            serde_yaml_ng::from_str(text).map_err(|error| refused(vec![error.to_string()]))?;
        let mut reader = Reader { reasons: vec![] };
        let mapping = reader.mapping(&root);
        match reader.reasons.is_empty() {
            true => Ok(mapping),
            false => Err(refused(reader.reasons)),
        }
    }

    /// Return what fills a column, if the mapping says it.
    pub fn rule(&self, column: &str) -> Option<&Rule> {
        let named = self.columns.iter().find(|(name, _)| name.eq_ignore_ascii_case(column));
        named.map(|(_, rule)| rule)
    }
}

/// Reads a mapping and keeps all that is wrong with it.
struct Reader {
    reasons: Vec<String>,
}

impl Reader {
    fn mapping(&mut self, root: &Yaml) -> Mapping {
        let mut mapping = Mapping::default();
        self.check_keys(root, "the mapping", &["columns", "ignore"]);
        match root.get("columns") {
            None => {}
            Some(Value::Mapping(columns)) => {
                for (name, value) in columns {
                    let Some(name) = scalar(name) else {
                        self.reasons.push("columns: a name must be text".to_owned());
                        continue;
                    };
                    if mapping.rule(&name).is_some() {
                        self.reasons.push(format!("column {name} is mapped twice"));
                    }
                    let rule = self.rule(&name, value);
                    mapping.columns.push((name, rule));
                }
            }
            Some(_) => self.reasons.push("columns: expected names with what fills them".to_owned()),
        }
        match root.get("ignore") {
            None => {}
            Some(Value::Sequence(names)) if names.iter().all(|name| scalar(name).is_some()) => {
                mapping.ignored = names.iter().filter_map(scalar).collect();
            }
            Some(_) => self.reasons.push("ignore: expected a list of names".to_owned()),
        }
        mapping
    }

    fn rule(&mut self, column: &str, value: &Value) -> Rule {
        match value {
            Value::Null => Rule::Null,
            Value::Mapping(map) => self.rule_of_keys(column, map),
            value => match scalar(value) {
                Some(from) => Rule::Column(FromColumn { from, ..FromColumn::default() }),
                None => self.wrong(column, "expected a column's name, null, or keys"),
            },
        }
    }

    fn rule_of_keys(&mut self, column: &str, map: &Yaml) -> Rule {
        let place = format!("column {column}");
        self.check_keys(map, &place, &["from", "unit", "transform", "of", "nulls", "constant"]);
        let text = |key: &str| map.get(key).map(|value| scalar(value).ok_or(key.to_owned()));
        if let Some(constant) = map.get("constant") {
            return match scalar(constant) {
                Some(constant) if map.len() == 1 => Rule::Constant(constant),
                Some(_) => self.wrong(column, "a constant stands alone"),
                None => self.wrong(column, "constant: expected a text, number or boolean"),
            };
        }
        let parts = (|| {
            let unit = text("unit").transpose()?;
            let transform = text("transform").transpose()?;
            Ok::<_, String>((text("from").transpose()?, unit, transform, text("of").transpose()?))
        })();
        let (from, unit, transform, of) = match parts {
            Ok(parts) => parts,
            Err(key) => return self.wrong(column, &format!("{key}: expected a text")),
        };
        let Some(from) = from else {
            return self.wrong(column, "without `from` or `constant`");
        };
        let transform = match transform.as_deref().map(Transform::from_str).transpose() {
            Ok(transform) => transform,
            Err(reason) => return self.wrong(column, &reason),
        };
        match (transform.filter(|transform| transform.needs_second()), &of) {
            (Some(transform), None) => {
                let reason = format!("{transform} needs `of`: the column that it is the error of");
                return self.wrong(column, &reason);
            }
            (None, Some(_)) => return self.wrong(column, "`of` is for transforms of errors"),
            _ => {}
        }
        let nulls = match map.get("nulls") {
            None => Some(vec![]),
            Some(Value::Sequence(values)) => values.iter().map(Value::as_f64).collect(),
            Some(value) => value.as_f64().map(|value| vec![value]),
        };
        let Some(nulls) = nulls else {
            return self.wrong(column, "nulls: expected a number or a list of numbers");
        };
        Rule::Column(FromColumn { from, unit, transform, of, nulls })
    }

    fn check_keys(&mut self, map: &Yaml, place: &str, known: &[&str]) {
        for key in map.keys() {
            let key = scalar(key).unwrap_or_default();
            if !known.contains(&key.as_str()) {
                let known = known.join(", ");
                self.reasons.push(format!("{place}: no key {key}, expected one of {known}"));
            }
        }
    }

    /// Note what is wrong with a column; the rule that comes back is never used.
    fn wrong(&mut self, column: &str, reason: &str) -> Rule {
        self.reasons.push(format!("column {column}: {reason}"));
        Rule::Null
    }
}

/// The text of a value that is not made of others.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(bit) => Some(bit.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn each_way_of_filling_a_column() {
        let text = "columns:\n  ra: RA\n  flux: {from: f, unit: mJy, nulls: -999}\n  band: \
                    {constant: r}\n  n: {constant: 3}\n  parent: null\n  err: {from: e, of: m, \
                    transform: ab_mag_error_to_njy}\nignore: [x]\n";
        let mapping = Mapping::parse(text, "m.yaml").unwrap();
        let column = |from: &str| FromColumn { from: from.to_owned(), ..FromColumn::default() };
        assert_eq!(mapping.rule("RA"), Some(&Rule::Column(column("RA"))));
        let flux = FromColumn { unit: Some("mJy".to_owned()), nulls: vec![-999.0], ..column("f") };
        assert_eq!(mapping.rule("flux"), Some(&Rule::Column(flux)));
        assert_eq!(mapping.rule("band"), Some(&Rule::Constant("r".to_owned())));
        assert_eq!(mapping.rule("n"), Some(&Rule::Constant("3".to_owned())));
        assert_eq!(mapping.rule("parent"), Some(&Rule::Null));
        assert_eq!(mapping.rule("other"), None);
        let err = FromColumn {
            of: Some("m".to_owned()),
            transform: Some(Transform::AbMagErrorToNjy),
            ..column("e")
        };
        assert_eq!(mapping.rule("err"), Some(&Rule::Column(err)));
        assert_eq!(mapping.ignored, ["x"]);
    }

    fn check_fault(text: &str, expected: &str) {
        assert_eq!(Mapping::parse(text, "m.yaml").unwrap_err().to_string(), expected);
    }

    #[test]
    fn all_faults_at_once() {
        check_fault(
            "columns:\n  a: {form: x}\n  b: [1]\n  c: {from: y, transform: to_njy}\ncolum: 1",
            "m.yaml: the mapping: no key colum, expected one of columns, ignore; column a: no key \
             form, expected one of from, unit, transform, of, nulls, constant; column a: without \
             `from` or `constant`; column b: expected a column's name, null, or keys; column c: no \
             transform to_njy, expected one of ab_mag_to_njy, ab_mag_error_to_njy, njy_to_ab_mag, \
             njy_error_to_ab_mag, jd_to_mjd",
        );
        check_fault(
            "columns: {a: {from: x, transform: ab_mag_error_to_njy}, A: y, c: {constant: 1, unit: d}}",
            "m.yaml: column a: ab_mag_error_to_njy needs `of`: the column that it is the error of; \
             column A is mapped twice; column c: a constant stands alone",
        );
        check_fault("columns: 3", "m.yaml: columns: expected names with what fills them");
        let error = Mapping::parse("[", "m.yaml").unwrap_err().to_string();
        assert!(error.starts_with("m.yaml: ") && !error.contains('\n'), "{error}");
    }
}
