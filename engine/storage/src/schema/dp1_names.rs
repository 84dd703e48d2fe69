//! Tables under the names that they had in Rubin's Data Preview 1, as views.
//!
//! Queries that were written for DP1 ask CcdVisit and MPCORB; later releases call them VisitDetector
//! and mpc_orbits, and some of their columns otherwise.

use super::{SchemaDef, TableDef, TableKind};

/// A table of DP1.
struct Former {
    name: &'static str,
    /// What it is called now.
    of: &'static str,
    /// Its columns that are called otherwise now: then, now.
    renamed: &'static [(&'static str, &'static str)],
    /// Are all other columns in it too? Where not, those of one name then and now.
    others: Others,
}

enum Others {
    All,
    These(&'static [&'static str]),
}

const FORMER: [Former; 2] = [
    Former { name: "CcdVisit", of: "VisitDetector", renamed: &[], others: Others::All },
    Former {
        name: "MPCORB",
        of: "mpc_orbits",
        renamed: &[
            ("mpcDesignation", "designation"),
            ("incl", "i"),
            ("peri", "argperi"),
            ("t_p", "peri_time"),
            ("epoch", "epoch_mjd"),
            ("mpcH", "h"),
        ],
        others: Others::These(&["q", "e", "node"]),
    },
];

/// Add the views that the tables of `schema` make possible.
pub fn with_views(mut schema: SchemaDef) -> SchemaDef {
    for former in FORMER {
        let is_free = schema.table(former.name).is_none();
        if let (true, Some(table)) = (is_free, schema.table(former.of)) {
            let view = former.view(table);
            schema.tables.push(view);
        }
    }
    schema
}

impl Former {
    fn view(&self, table: &TableDef) -> TableDef {
        let (mut columns, mut sources) = (vec![], vec![]);
        for column in &table.columns {
            let renamed = self.renamed.iter().find(|(_, now)| *now == column.name);
            let is_kept = match self.others {
                Others::All => true,
                Others::These(names) => names.contains(&column.name.as_str()),
            };
            let name = match renamed {
                Some((then, _)) => (*then).to_owned(),
                None if is_kept => column.name.clone(),
                None => continue,
            };
            sources.push(column.name.clone());
            columns.push(super::ColumnDef { name, default: None, number: None, ..column.clone() });
        }
        let description = format!("{} under the name of DP1. {}", self.of, table.description);
        let position = table.position.clone().filter(|at| {
            [&at.ra, &at.dec].into_iter().all(|name| columns.iter().any(|c| c.name == *name))
        });
        TableDef {
            name: self.name.to_owned(),
            description: description.trim().to_owned(),
            tap_index: None,
            utype: table.utype.clone(),
            columns,
            primary_key: vec![],
            foreign_keys: vec![],
            kind: TableKind::View { of: table.name.clone(), columns: sources },
            position,
            id: None,
            time: table.time.clone().filter(|_| matches!(self.others, Others::All)),
            n_columns_ever: None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::schema::{felis, survey};

    #[test]
    fn a_schema_with_views_is_valid_and_read_back() {
        let schema = with_views(survey::survey_schema().unwrap());
        felis::validate(&schema).unwrap();
        let view = schema.table("CcdVisit").unwrap();
        assert_eq!(view.columns, schema.table("VisitDetector").unwrap().columns);
        assert!(schema.table("MPCORB").is_none());
        let read = felis::parse(&felis::to_yaml(&schema).unwrap(), &|_| None).unwrap().schema;
        assert_eq!(read.table("CcdVisit"), Some(view));
        assert_eq!(with_views(schema.clone()), schema);
    }

    #[test]
    fn columns_are_called_as_they_were() {
        let text = "
name: s
tables:
- name: mpc_orbits
  columns:
  - {name: id, datatype: int}
  - {name: designation, datatype: string, length: 10}
  - {name: q, datatype: double, ivoa:unit: AU}
  - {name: i, datatype: double, ivoa:unit: deg}
";
        let schema = with_views(felis::parse(text, &|_| None).unwrap().schema);
        let view = schema.table("MPCORB").unwrap();
        let names: Vec<_> = view.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["mpcDesignation", "q", "incl"]);
        assert_eq!(view.columns[2].unit.as_deref(), Some("deg"));
        let TableKind::View { of, columns } = &view.kind else { return };
        assert_eq!(
            (of.as_str(), columns.as_slice()),
            ("mpc_orbits", ["designation", "q", "i"].map(String::from).as_slice())
        );
        felis::validate(&schema).unwrap();
    }

    #[test]
    fn a_view_of_what_is_not_there_is_refused() {
        let check = |view: &str, expected: &str| {
            let text = format!(
                "
name: s
tables:
- name: T
  columns:
  - {{name: a, datatype: int}}
- name: V
  almagest:kind: view
{view}
"
            );
            let error = felis::parse(&text, &|_| None).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        let columns = "  columns:\n  - {name: b, datatype: int}";
        check(columns, "almagest:of");
        check(&format!("  almagest:of: U\n{columns}"), "U");
        check(&format!("  almagest:of: T\n{columns}"), "which is no column of T");
        check(&format!("  almagest:of: T\n  almagest:columns: [a, a]\n{columns}"), "1 columns");
        let wrong = "  columns:\n  - {name: a, datatype: double}";
        check(&format!("  almagest:of: T\n{wrong}"), "a is double, and T.a is int");
    }
}
