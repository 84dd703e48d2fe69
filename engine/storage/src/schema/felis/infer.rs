//! What a table is on the sky, where no annotation says it.
//!
//! First each table by itself: position, id and time. Then the tables together: a *root* has a
//! position and an id and refers to no other such table. A table that refers to one root is its
//! child, and the root is a director; one that refers to two and has no position of its own
//! matches them; what refers to none is positional if it can be placed, and replicated otherwise.

use super::error::Problem;
use super::reader::{Annotations, Header, Said, WrittenTable};
use crate::schema::{ColumnDef, Datatype, PositionColumns, SchemaDef, TableDef, TableKind};

/// Return the schema and a line for each thing that was inferred.
pub(super) fn infer(
    header: Header,
    written: Vec<WrittenTable>,
    problems: &mut Vec<Problem>,
) -> (SchemaDef, Vec<String>) {
    let mut notes: Vec<Vec<String>> = Vec::new();
    let mut tables: Vec<TableDef> = Vec::new();
    for WrittenTable { def, annotations, unique } in &written {
        let mut found = Findings { table: def, notes: Vec::new() };
        let position = found.position(annotations, problems);
        // A view has no index of ids, and is nobody's director.
        let is_view = annotations.kind.as_deref() == Some("view");
        let id = if is_view { None } else { found.id(&annotations.id, unique) };
        let time = found.time(&annotations.time);
        notes.push(found.notes);
        tables.push(TableDef { position, id, time, ..def.clone() });
    }
    let links: Vec<Vec<Link>> = written
        .iter()
        .enumerate()
        .map(|(at, written)| links_of(at, &tables, &written.annotations))
        .collect();
    let roots = Roots::of(&tables, &written, &links);
    let mut kinds = Vec::new();
    for (at, written) in written.iter().enumerate() {
        let (kind, why) = match written.annotations.kind.as_deref() {
            Some(word) => {
                (roots.annotated(at, word, &links[at], &written.annotations, problems), None)
            }
            None => roots.inferred(at, &links),
        };
        if let Some(why) = why {
            notes[at].insert(0, format!("table {}: {} ({why})", tables[at].name, phrase(&kind)));
        }
        kinds.push(kind);
    }
    for (table, kind) in tables.iter_mut().zip(kinds) {
        table.kind = kind;
    }
    let schema = SchemaDef {
        name: header.name,
        description: header.description,
        version: header.version,
        tables,
    };
    (schema, notes.into_iter().flatten().collect())
}

fn phrase(kind: &TableKind) -> String {
    match kind {
        TableKind::Child { director, key } => format!("child of {director} by {key}"),
        TableKind::RefMatch { first, second } => {
            format!("ref-match of {} by {} and {} by {}", first.0, first.1, second.0, second.1)
        }
        other => other.to_string(),
    }
}

/// What is found out about one table by itself.
struct Findings<'a> {
    table: &'a TableDef,
    notes: Vec<String>,
}

impl Findings<'_> {
    fn note(&mut self, what: &str, why: &str) {
        self.notes.push(format!("table {}: {what} ({why})", self.table.name));
    }

    fn position(
        &mut self,
        annotations: &Annotations,
        problems: &mut Vec<Problem>,
    ) -> Option<PositionColumns> {
        let (ra, dec, why) = match (&annotations.ra, &annotations.dec) {
            (Said::Column(ra), Said::Column(dec)) => {
                let epoch = annotations.epoch.clone();
                return Some(PositionColumns { ra: ra.clone(), dec: dec.clone(), epoch });
            }
            (Said::Nothing, Said::Nothing) => self.position_by_ucd()?,
            (Said::Column(_), _) => {
                problems.push(self.lacks("almagest:dec"));
                return None;
            }
            (_, Said::Column(_)) => {
                problems.push(self.lacks("almagest:ra"));
                return None;
            }
            _ => return None,
        };
        self.note(&format!("position {ra}, {dec}"), why);
        Some(PositionColumns { ra, dec, epoch: annotations.epoch.clone() })
    }

    fn lacks(&self, key: &'static str) -> Problem {
        Problem::Missing { place: format!("table {}", self.table.name), key }
    }

    fn position_by_ucd(&self) -> Option<(String, String, &'static str)> {
        let with = |primary: &str, main: bool| {
            let doubles = self.table.columns.iter().filter(|c| c.datatype == Datatype::Double);
            let fitting = doubles.filter(|c| match c.ucd.as_deref() {
                Some(ucd) if main => has_words(ucd, primary, "meta.main"),
                Some(ucd) => ucd.eq_ignore_ascii_case(primary),
                None => false,
            });
            fitting.map(|c| c.name.clone()).collect::<Vec<_>>()
        };
        if let ([ra], [dec]) =
            (with("pos.eq.ra", true).as_slice(), with("pos.eq.dec", true).as_slice())
        {
            return Some((ra.clone(), dec.clone(), "the main position by UCD"));
        }
        let (ras, decs) = (with("pos.eq.ra", false), with("pos.eq.dec", false));
        if let ([ra], [dec]) = (ras.as_slice(), decs.as_slice()) {
            return Some((ra.clone(), dec.clone(), "the only position by UCD"));
        }
        [("coord_ra", "coord_dec"), ("ra", "dec"), ("s_ra", "s_dec")]
            .into_iter()
            .find(|(ra, dec)| ras.iter().any(|c| c == ra) && decs.iter().any(|c| c == dec))
            .map(|(ra, dec)| (ra.to_owned(), dec.to_owned(), "by UCD and name"))
    }

    fn id(&mut self, said: &Said, unique: &[String]) -> Option<String> {
        match said {
            Said::Column(id) => return Some(id.clone()),
            Said::None => return None,
            Said::Nothing => {}
        }
        let integers = |names: &[String]| -> Vec<String> {
            let columns = names.iter().filter_map(|name| self.table.column(name));
            columns.filter(|c| c.datatype.is_integer()).map(|c| c.name.clone()).collect()
        };
        let by_ucd = |column: &&ColumnDef| {
            column.datatype.is_integer()
                && column.ucd.as_deref().is_some_and(|ucd| has_words(ucd, "meta.id", "meta.main"))
        };
        // A key of an id and a time is that of a versioned director.
        let of_key = integers(&self.table.primary_key);
        let of_unique = integers(unique);
        let by_name = integers(&[id_name_of(&self.table.name)]);
        let (id, why) = if let [id] = of_key.as_slice() {
            (id.clone(), "primary key")
        } else if !self.table.primary_key.is_empty() {
            return None;
        } else if let Some(column) = self.table.columns.iter().find(by_ucd) {
            (column.name.clone(), "the main id by UCD")
        } else if let [id] = of_unique.as_slice() {
            (id.clone(), "unique constraint")
        } else if let [id] = by_name.as_slice() {
            (id.clone(), "named after the table")
        } else {
            return None;
        };
        self.note(&format!("id {id}"), why);
        Some(id)
    }

    fn time(&mut self, said: &Said) -> Option<String> {
        match said {
            Said::Column(time) => return Some(time.clone()),
            Said::None => return None,
            Said::Nothing => {}
        }
        let epochs: Vec<&ColumnDef> = self
            .table
            .columns
            .iter()
            .filter(|c| matches!(c.datatype, Datatype::Double | Datatype::Timestamp))
            .filter(|c| c.ucd.as_deref().is_some_and(|ucd| primary_word(ucd) == "time.epoch"))
            .collect();
        let preferred = ["midpointMjdTai", "expMidptMJD", "validityStartMjdTai"];
        let (time, why) = match epochs.as_slice() {
            [only] => (only.name.clone(), "the only epoch by UCD"),
            many => {
                let named = preferred.iter().find(|name| many.iter().any(|c| c.name == **name))?;
                ((*named).to_owned(), "epoch by UCD and name")
            }
        };
        self.note(&format!("time {time}"), why);
        Some(time)
    }
}

fn primary_word(ucd: &str) -> String {
    ucd.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn has_words(ucd: &str, primary: &str, secondary: &str) -> bool {
    primary_word(ucd) == primary
        && ucd.split(';').skip(1).any(|word| word.trim().eq_ignore_ascii_case(secondary))
}

/// `DiaObject` has the id `diaObjectId`.
fn id_name_of(table: &str) -> String {
    let mut letters = table.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    first.into_iter().chain(letters).chain("Id".chars()).collect()
}

/// A column that holds ids of another table.
struct Link {
    target: usize,
    key: String,
    why: String,
}

/// Find the tables that a table refers to: annotated, by foreign key, by the name of their id.
fn links_of(at: usize, tables: &[TableDef], annotations: &Annotations) -> Vec<Link> {
    let own = &tables[at];
    let mut links: Vec<Link> = Vec::new();
    let mut add = |target: usize, key: &str, why: String| {
        if target != at && links.iter().all(|link| link.target != target) {
            links.push(Link { target, key: key.to_owned(), why });
        }
    };
    for (i, director) in annotations.directors.iter().enumerate() {
        let Some(target) = tables.iter().position(|table| &table.name == director) else {
            continue;
        };
        if let Some(key) = annotations.keys.get(i) {
            add(target, key, "annotated".to_owned());
        }
    }
    let placed = |table: &TableDef| table.position.is_some() && table.id.is_some();
    for (target, table) in tables.iter().enumerate().filter(|(_, table)| placed(table)) {
        for foreign in own.foreign_keys.iter().filter(|key| key.target_table == table.name) {
            if let ([key], [column]) = (&foreign.columns[..], &foreign.target_columns[..])
                && Some(column) == table.id.as_ref()
            {
                add(target, key, format!("foreign key {}", foreign.name));
            }
        }
    }
    for (target, table) in tables.iter().enumerate().filter(|(_, table)| placed(table)) {
        let Some(id) = table.id.as_ref().filter(|id| own.column(id).is_some()) else { continue };
        // Of tables that share an id, the first owns it.
        if own.id.as_ref() != Some(id) || target < at {
            add(target, id, format!("it has {}'s id {id}", table.name));
        }
    }
    links
}

/// Tables with a position and an id that refer to no other such table.
struct Roots<'a> {
    tables: &'a [TableDef],
    is_root: Vec<bool>,
}

impl<'a> Roots<'a> {
    fn of(tables: &'a [TableDef], written: &[WrittenTable], links: &[Vec<Link>]) -> Self {
        let is_root = (0..tables.len())
            .map(|at| match written[at].annotations.kind.as_deref() {
                Some(kind) => kind == "director",
                None => {
                    let placed = tables[at].position.is_some() && tables[at].id.is_some();
                    placed && links[at].is_empty()
                }
            })
            .collect();
        Self { tables, is_root }
    }

    fn annotated(
        &self,
        at: usize,
        word: &str,
        links: &[Link],
        annotations: &Annotations,
        problems: &mut Vec<Problem>,
    ) -> TableKind {
        let table = &self.tables[at].name;
        let needs = |kind, needs| Problem::Needs { table: table.clone(), kind, needs };
        let directors = self.directors(links, annotations);
        match (word, directors.as_slice()) {
            ("director", _) => TableKind::Director,
            ("positional", _) => TableKind::Positional,
            ("replicated", _) => TableKind::Replicated,
            ("view", _) => {
                let of = annotations.of.clone().unwrap_or_else(|| {
                    problems.push(needs("view", "a table that it is of (almagest:of)"));
                    String::new()
                });
                let own = self.tables[at].columns.iter().map(|column| column.name.clone());
                let columns = match annotations.columns.is_empty() {
                    true => own.collect(),
                    false => annotations.columns.clone(),
                };
                TableKind::View { of, columns }
            }
            ("child", [(director, key), ..]) => {
                TableKind::Child { director: director.clone(), key: key.clone() }
            }
            ("ref-match", [first, second, ..]) => {
                TableKind::RefMatch { first: first.clone(), second: second.clone() }
            }
            ("child", []) => {
                problems.push(needs("child", "a director (almagest:director and almagest:key)"));
                TableKind::Replicated
            }
            ("ref-match", _) => {
                problems
                    .push(needs("ref-match", "two directors (almagest:director, almagest:key)"));
                TableKind::Replicated
            }
            _ => {
                problems.push(Problem::Kind { table: table.clone(), kind: word.to_owned() });
                TableKind::Replicated
            }
        }
    }

    /// The directors as annotated, and where annotations are silent, as linked.
    fn directors(&self, links: &[Link], annotations: &Annotations) -> Vec<(String, String)> {
        let name = |link: &Link| self.tables[link.target].name.clone();
        if annotations.directors.is_empty() {
            let roots = links.iter().filter(|link| self.is_root[link.target]);
            return roots.map(|link| (name(link), link.key.clone())).collect();
        }
        let pairs = annotations.directors.iter().enumerate().map(|(i, director)| {
            let linked = links.iter().find(|link| &name(link) == director);
            let id = || {
                let target = self.tables.iter().find(|table| &table.name == director)?;
                target.id.clone()
            };
            let key = annotations.keys.get(i).cloned();
            // A director that does not exist is kept, so that the check can name it.
            let key = key.or_else(|| linked.map(|link| link.key.clone())).or_else(id);
            (director.clone(), key.unwrap_or_else(|| id_name_of(director)))
        });
        pairs.collect()
    }

    fn inferred(&self, at: usize, links: &[Vec<Link>]) -> (TableKind, Option<String>) {
        let table = &self.tables[at];
        let to_roots: Vec<&Link> =
            links[at].iter().filter(|link| self.is_root[link.target]).collect();
        let end = |link: &Link| (self.tables[link.target].name.clone(), link.key.clone());
        match to_roots.as_slice() {
            [first, second] if table.position.is_none() => (
                TableKind::RefMatch { first: end(first), second: end(second) },
                Some(format!("{}, {}", first.why, second.why)),
            ),
            [link, ..] => {
                let (director, key) = end(link);
                (TableKind::Child { director, key }, Some(link.why.clone()))
            }
            [] if self.is_root[at] => {
                let referring =
                    |(_, links): &(usize, &Vec<Link>)| links.iter().any(|link| link.target == at);
                let names: Vec<&str> = links
                    .iter()
                    .enumerate()
                    .filter(referring)
                    .map(|(from, _)| self.tables[from].name.as_str())
                    .collect();
                if names.is_empty() {
                    (TableKind::Positional, Some("no table refers to it".to_owned()))
                } else {
                    (TableKind::Director, Some(format!("referred to by {}", names.join(", "))))
                }
            }
            [] if table.position.is_some() && table.id.is_some() => {
                (TableKind::Positional, Some("it has a position and an id".to_owned()))
            }
            [] => (TableKind::Replicated, Some("no position with an id, no director".to_owned())),
        }
    }
}
