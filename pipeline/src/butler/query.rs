//! Dataset queries: a condition becomes SQL over the registry.
//!
//! What can be named: each dimension; `dataset_type`, `run`, `size_bytes`, `added_at`; `timespan`
//! and `region` (also as `visit.timespan`, `visit_detector_region.region`, `patch.region`…); the
//! fields of `visit` and `exposure`, as `visit.exposure_time`.
//!
//! Footprints meet a shape in three steps: boxes in the R-tree, then caps, and only those that are
//! near by the polygons themselves. Times go through an R-tree too. Which index leads is said here,
//! as SQLite cannot know that a run may hold everything: place or time, else visit, exposure, night
//! or detector, else the run. What is asked of the fields of visits alone is asked of visits, of which there
//! are far fewer than datasets, and shapes are looked at after everything else.

use std::collections::HashMap;

use almagest_storage::sphgeom::Shape;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::Value as SqlValue;
use rusqlite::{Connection, params_from_iter};

use super::data_id::DataId;
use super::dataset::DatasetRef;
use super::dimension::{Dimension, ValueKind};
use super::registry::{COLUMNS, CollectionKind, Fault, Leaf, Registry, read_dataset};
use super::{ButlerError, nearest};
use crate::error::Result;
use crate::expression::{Expression, Item, Literal, Operand};

/// A question for datasets.
#[derive(Debug, Clone)]
pub struct DatasetQuery<'a> {
    /// Name or pattern of the dataset types.
    pub dataset_type: &'a str,
    /// Names or patterns of the collections, in the order of search.
    pub collections: &'a [&'a str],
    /// Which of them.
    pub condition: Option<&'a Expression>,
    /// Of several with one type and data id, only that of the first collection.
    pub find_first: bool,
    /// No more than so many.
    pub limit: Option<usize>,
}

/// Fields of an observation that a condition can name.
const OBSERVATION_FIELDS: [&str; 9] = [
    "observation_type",
    "exposure_time",
    "begin_mjd",
    "end_mjd",
    "ra",
    "dec",
    "airmass",
    "target",
    "physical_filter",
];
const DATASET_FIELDS: [&str; 3] = ["dataset_type", "size_bytes", "added_at"];
const FOOTPRINTS: [&str; 6] = [
    "region",
    "visit_detector_region.region",
    "visit.region",
    "patch.region",
    "tract.region",
    "exposure.region",
];
const TIMESPANS: [&str; 3] = ["timespan", "visit.timespan", "exposure.timespan"];

impl Registry {
    /// The datasets that answer a query, by type and data id.
    ///
    /// # Errors
    /// Unknown collections; a condition that names what there is not, or compares a number with a
    /// text.
    pub fn query(&self, query: &DatasetQuery<'_>) -> Result<Vec<DatasetRef>> {
        let path = self.search_path(query.collections)?;
        let condition = query.condition.map(Condition::of).transpose()?.unwrap_or_default();
        let ranks: HashMap<&str, usize> =
            path.iter().enumerate().map(|(rank, leaf)| (leaf.name.as_str(), rank)).collect();
        let mut found: Vec<(usize, DatasetRef)> = vec![];
        let (runs, groups): (Vec<&Leaf>, Vec<&Leaf>) =
            path.iter().partition(|leaf| leaf.kind == CollectionKind::Run);
        self.with(|connection| {
            condition.register(connection)?;
            if !runs.is_empty() {
                let ids: Vec<String> = runs.iter().map(|leaf| leaf.id.to_string()).collect();
                // A plus keeps SQLite from taking the index of the column.
                let plus = if condition.lead > Lead::Run { "+" } else { "" };
                let from = format!("dataset d WHERE {plus}d.run_id IN ({})", ids.join(", "));
                for dataset in condition.select(connection, &from, query)? {
                    found.push((ranks[dataset.run.as_str()], dataset));
                }
            }
            for leaf in groups {
                let table = match leaf.kind {
                    CollectionKind::Tagged => "tag",
                    _ => "calibration",
                };
                let from = format!(
                    "dataset d WHERE d.dataset_id IN
                     (SELECT dataset_id FROM {table} WHERE collection_id = {})",
                    leaf.id
                );
                let datasets = condition.select(connection, &from, query)?;
                found.extend(
                    datasets.into_iter().map(|dataset| (ranks[leaf.name.as_str()], dataset)),
                );
            }
            Ok(())
        })?;
        found.sort_by(|(a_rank, a), (b_rank, b)| {
            (&a.dataset_type.name, &a.data_id, a_rank).cmp(&(
                &b.dataset_type.name,
                &b.data_id,
                b_rank,
            ))
        });
        let mut datasets: Vec<DatasetRef> = found.into_iter().map(|(_, dataset)| dataset).collect();
        if query.find_first {
            datasets.dedup_by(|later, first| {
                later.dataset_type == first.dataset_type && later.data_id == first.data_id
            });
        } else {
            datasets.dedup_by(|later, first| later.number == first.number);
        }
        datasets.truncate(query.limit.unwrap_or(usize::MAX));
        Ok(datasets)
    }

    /// The first dataset of a type and data id in a search path; a data id may leave out what only
    /// one dataset has.
    pub fn find(
        &self,
        dataset_type: &str,
        data_id: &DataId,
        collections: &[&str],
    ) -> Result<Option<DatasetRef>> {
        let equal = |(dimension, value): (Dimension, &super::DataValue)| Expression::Compare {
            left: Operand::Name(dimension.name().to_owned()),
            comparison: crate::expression::Comparison::Equal,
            right: Operand::Value(match value {
                super::DataValue::Integer(value) => Literal::Integer(*value),
                super::DataValue::Text(text) => Literal::Text(text.clone()),
            }),
        };
        let condition = Expression::And(data_id.iter().map(equal).collect());
        let query = DatasetQuery {
            dataset_type,
            collections,
            condition: Some(&condition),
            find_first: true,
            limit: Some(1),
        };
        Ok(self.query(&query)?.pop())
    }
}

/// A condition as SQL.
#[derive(Default)]
struct Condition {
    sql: String,
    values: Vec<SqlValue>,
    /// Shapes of the functions `meets_0`, `meets_1`…
    shapes: Vec<Shape>,
    joins_visit: bool,
    joins_exposure: bool,
    lead: Lead,
}

/// Which index finds the fewest rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Lead {
    /// That of runs and types.
    #[default]
    Run,
    /// That of a dimension.
    Dimension,
    /// The trees of places and times.
    Tree,
}

/// What leads where all parts must hold.
fn lead(expression: &Expression) -> Lead {
    let of_name = |name: &str| match Dimension::named(name) {
        Some(Dimension::Visit | Dimension::Exposure | Dimension::DayObs | Dimension::Detector) => {
            Lead::Dimension
        }
        _ if name.starts_with("visit.") || name.starts_with("exposure.") => Lead::Dimension,
        _ => Lead::Run,
    };
    match expression {
        Expression::And(parts) => parts.iter().map(lead).max().unwrap_or_default(),
        Expression::OverlapsRegion { .. } | Expression::OverlapsTime { .. } => Lead::Tree,
        Expression::In { name, .. } => of_name(name),
        Expression::Compare { left, right, .. } => [left, right]
            .into_iter()
            .map(|side| match side {
                Operand::Name(name) => of_name(name),
                Operand::Value(_) => Lead::Run,
            })
            .max()
            .unwrap_or_default(),
        _ => Lead::Run,
    }
}

/// The parts of a condition that must all hold.
fn conjuncts(expression: &Expression) -> Vec<&Expression> {
    match expression {
        Expression::And(parts) => parts.iter().flat_map(conjuncts).collect(),
        other => vec![other],
    }
}

fn has_region(expression: &Expression) -> bool {
    match expression {
        Expression::Or(parts) | Expression::And(parts) => parts.iter().any(has_region),
        Expression::Not(inner) => has_region(inner),
        Expression::OverlapsRegion { .. } => true,
        _ => false,
    }
}

/// The table of observations that a condition asks for fields of, and for nothing else; a dataset
/// without such an observation never fulfils it. Where the lack of a value may do, there is none.
fn observation_of(expression: &Expression) -> Option<&'static str> {
    let of_name = |name: &str| match name.split_once('.') {
        Some(("visit", field)) if OBSERVATION_FIELDS.contains(&field) => Some("visit"),
        Some(("exposure", field)) if OBSERVATION_FIELDS.contains(&field) => Some("exposure"),
        _ => None,
    };
    match expression {
        Expression::Or(parts) | Expression::And(parts) => {
            let first = observation_of(parts.first()?)?;
            parts.iter().all(|part| observation_of(part) == Some(first)).then_some(first)
        }
        Expression::Not(inner) => observation_of(inner),
        Expression::In { name, .. } | Expression::Glob { name, .. } => of_name(name),
        Expression::Compare { left, right, .. } => match (left, right) {
            (Operand::Name(name), Operand::Value(_)) | (Operand::Value(_), Operand::Name(name)) => {
                of_name(name)
            }
            (Operand::Name(left), Operand::Name(right)) => {
                of_name(left).filter(|table| of_name(right) == Some(*table))
            }
            (Operand::Value(_), Operand::Value(_)) => None,
        },
        _ => None,
    }
}

impl Condition {
    fn of(expression: &Expression) -> Result<Self, ButlerError> {
        let mut condition = Self::default();
        condition.sql = condition.conjunction(expression)?;
        condition.lead = lead(expression);
        Ok(condition)
    }

    fn register(&self, connection: &Connection) -> Result<(), Fault> {
        for (index, shape) in self.shapes.iter().enumerate() {
            let (shape, cap) = (shape.clone(), shape.bounding_cap());
            let flags = FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_UTF8;
            connection.create_scalar_function(
                &*format!("meets_{index}"),
                5,
                flags,
                move |row| {
                    let Some(region) = row.get::<Option<String>>(0)? else { return Ok(false) };
                    let direction: [f64; 3] = [row.get(1)?, row.get(2)?, row.get(3)?];
                    let radius_deg: f64 = row.get(4)?;
                    let [x, y, z] = direction;
                    let near = almagest_storage::sphgeom::UnitVector::normalize(x, y, z)
                        .is_none_or(|center| {
                            let apart = center.angle_to(&cap.center).degrees();
                            apart <= cap.radius.degrees() + radius_deg + 1e-9
                        });
                    // A footprint that cannot be read is found rather than lost.
                    Ok(near
                        && Shape::parse(&region)
                            .map_or(true, |footprint| footprint.intersects(&shape)))
                },
            )?;
        }
        Ok(())
    }

    fn select(
        &self,
        connection: &Connection,
        from: &str,
        query: &DatasetQuery<'_>,
    ) -> Result<Vec<DatasetRef>, Fault> {
        let mut joins = String::new();
        for (is_joined, table) in [(self.joins_visit, "visit"), (self.joins_exposure, "exposure")] {
            if is_joined {
                joins += &format!(
                    " LEFT JOIN {table} ON {table}.instrument = d.instrument
                      AND {table}.{table} = d.{table}"
                );
            }
        }
        let (tables, first) = from.split_once(" WHERE ").unwrap_or((from, "TRUE"));
        // A pattern becomes a list of names: an index can be searched for these.
        let of_type = match query.dataset_type.contains(['*', '?']) {
            true => "IN (SELECT dataset_type FROM dataset_type WHERE dataset_type GLOB ?)",
            false => "= ?",
        };
        let condition = if self.sql.is_empty() { "TRUE" } else { &self.sql };
        let plus = if self.lead == Lead::Tree { "+" } else { "" };
        let sql = format!(
            "SELECT {COLUMNS} FROM {tables} JOIN dataset_type t USING (dataset_type)
             JOIN collection c ON c.collection_id = d.run_id{joins}
             WHERE {first} AND {plus}d.dataset_type {of_type} AND {condition}"
        );
        let values = std::iter::once(SqlValue::Text(query.dataset_type.to_owned()))
            .chain(self.values.iter().cloned());
        let mut statement = connection.prepare_cached(&sql)?;
        let rows = statement.query_map(params_from_iter(values), read_dataset)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The parts that must all hold: those on records alone by their tables, those on places last.
    fn conjunction(&mut self, expression: &Expression) -> Result<String, ButlerError> {
        let (of_records, mut others): (Vec<&Expression>, Vec<&Expression>) =
            conjuncts(expression).into_iter().partition(|part| observation_of(part).is_some());
        others.sort_by_key(|part| has_region(part));
        let mut texts = vec![];
        for table in ["visit", "exposure"] {
            let parts: Vec<Expression> = of_records
                .iter()
                .filter(|part| observation_of(part) == Some(table))
                .map(|part| (*part).clone())
                .collect();
            if parts.is_empty() {
                continue;
            }
            let joins = (self.joins_visit, self.joins_exposure);
            let inner = self.join(&parts, " AND ", "TRUE")?;
            (self.joins_visit, self.joins_exposure) = joins;
            texts.push(format!(
                "(d.instrument, d.{table}) IN
                 (SELECT instrument, {table} FROM {table} WHERE {inner})"
            ));
        }
        for part in others {
            texts.push(self.write(part)?);
        }
        Ok(if texts.is_empty() { "TRUE".to_owned() } else { texts.join(" AND ") })
    }

    fn write(&mut self, expression: &Expression) -> Result<String, ButlerError> {
        Ok(match expression {
            Expression::Or(parts) => self.join(parts, " OR ", "FALSE")?,
            Expression::And(parts) => self.join(parts, " AND ", "TRUE")?,
            Expression::Not(inner) => format!("NOT {}", self.write(inner)?),
            Expression::Compare { left, comparison, right } => {
                for (name, value) in [(left, right), (right, left)] {
                    if let (Operand::Name(name), Operand::Value(value)) = (name, value) {
                        check_kind(name, value)?;
                    }
                }
                let left = self.operand(left)?;
                let right = self.operand(right)?;
                format!("({left} {} {right})", comparison.symbol())
            }
            Expression::In { name, items } => {
                let column = self.column(name)?;
                let mut parts = vec![];
                for item in items {
                    parts.push(self.item(name, &column, item)?);
                }
                format!("({})", parts.join(" OR "))
            }
            Expression::IsNull { name } => format!("({} IS NULL)", self.column(name)?),
            Expression::Glob { name, pattern } => {
                let column = self.column(name)?;
                self.values.push(SqlValue::Text(pattern.clone()));
                format!("({column} GLOB ?)")
            }
            Expression::OverlapsTime { name, begin_mjd, end_mjd } => {
                if !TIMESPANS.contains(&name.as_str()) {
                    return Err(unknown(name, &TIMESPANS));
                }
                let span = [*end_mjd, *begin_mjd].map(SqlValue::Real);
                self.values.extend(span.iter().cloned().chain(span.clone()));
                "(d.dataset_id IN (SELECT dataset_id FROM dataset_time
                    WHERE begin_mjd <= ? AND end_mjd >= ?)
                  AND d.begin_mjd <= ? AND d.end_mjd >= ?)"
                    .to_owned()
            }
            Expression::OverlapsRegion { name, shape } => {
                if !FOOTPRINTS.contains(&name.as_str()) {
                    return Err(unknown(name, &FOOTPRINTS));
                }
                self.shapes.push((**shape).clone());
                let cap = shape.bounding_cap();
                let half = cap.radius.degrees().to_radians() + 1e-9;
                let (ra, dec) = cap.center.to_lonlat_deg();
                let (sin_ra, cos_ra) = ra.to_radians().sin_cos();
                let (sin_dec, cos_dec) = dec.to_radians().sin_cos();
                for center in [cos_dec * cos_ra, cos_dec * sin_ra, sin_dec] {
                    self.values.extend([center + half, center - half].map(SqlValue::Real));
                }
                format!(
                    "(d.dataset_id IN (SELECT dataset_id FROM dataset_place
                        WHERE min_x <= ? AND max_x >= ? AND min_y <= ? AND max_y >= ?
                        AND min_z <= ? AND max_z >= ?)
                      AND meets_{}(d.region, d.cap_x, d.cap_y, d.cap_z, d.cap_radius_deg))",
                    self.shapes.len() - 1
                )
            }
        })
    }

    fn join(
        &mut self,
        parts: &[Expression],
        word: &str,
        of_none: &str,
    ) -> Result<String, ButlerError> {
        let parts: Vec<String> =
            parts.iter().map(|part| self.write(part)).collect::<Result<_, _>>()?;
        Ok(if parts.is_empty() { of_none.to_owned() } else { format!("({})", parts.join(word)) })
    }

    fn item(&mut self, name: &str, column: &str, item: &Item) -> Result<String, ButlerError> {
        match item {
            Item::One(value) => {
                check_kind(name, value)?;
                let value = self.value(value);
                Ok(format!("{column} = {value}"))
            }
            Item::Range { first, last, step } => {
                check_kind(name, &Literal::Integer(*first))?;
                let between = format!("{column} BETWEEN {first} AND {last}");
                Ok(match step {
                    1 => between,
                    step => format!("({between} AND ({column} - ({first})) % {step} = 0)"),
                })
            }
        }
    }

    fn operand(&mut self, operand: &Operand) -> Result<String, ButlerError> {
        match operand {
            Operand::Name(name) => self.column(name),
            Operand::Value(value) => Ok(self.value(value)),
        }
    }

    fn value(&mut self, value: &Literal) -> String {
        self.values.push(match value {
            Literal::Integer(value) => SqlValue::Integer(*value),
            Literal::Real(value) => SqlValue::Real(*value),
            Literal::Text(text) => SqlValue::Text(text.clone()),
            Literal::Boolean(value) => SqlValue::Integer(i64::from(*value)),
        });
        "?".to_owned()
    }

    fn column(&mut self, name: &str) -> Result<String, ButlerError> {
        if let Some(dimension) = Dimension::named(name) {
            return Ok(format!("d.{dimension}"));
        }
        if DATASET_FIELDS.contains(&name) {
            return Ok(format!("d.{name}"));
        }
        if name == "run" {
            return Ok("c.name".to_owned());
        }
        if let Some((table, field)) = name.split_once('.')
            && OBSERVATION_FIELDS.contains(&field)
        {
            match table {
                "visit" => self.joins_visit = true,
                "exposure" => self.joins_exposure = true,
                _ => return Err(unknown(table, &["visit", "exposure"])),
            }
            return Ok(name.to_owned());
        }
        let known: Vec<String> = Dimension::ALL
            .iter()
            .map(|dimension| dimension.name().to_owned())
            .chain(DATASET_FIELDS.map(str::to_owned))
            .chain(OBSERVATION_FIELDS.map(|field| format!("visit.{field}")))
            .chain(OBSERVATION_FIELDS.map(|field| format!("exposure.{field}")))
            .collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        Err(unknown(name, &known))
    }
}

fn unknown(name: &str, known: &[&str]) -> ButlerError {
    ButlerError::UnknownName { name: name.to_owned(), near: nearest(name, known.iter().copied()) }
}

fn check_kind(name: &str, value: &Literal) -> Result<(), ButlerError> {
    let Some(dimension) = Dimension::named(name) else { return Ok(()) };
    let (fits, wanted) = match dimension.kind() {
        ValueKind::Integer => (matches!(value, Literal::Integer(_)), "a whole number"),
        ValueKind::Text => (matches!(value, Literal::Text(_)), "a text"),
    };
    let text = match value {
        Literal::Integer(value) => value.to_string(),
        Literal::Real(value) => value.to_string(),
        Literal::Text(text) => text.clone(),
        Literal::Boolean(value) => value.to_string(),
    };
    match fits {
        true => Ok(()),
        false => Err(ButlerError::ValueKind { name: name.to_owned(), wanted, value: text }),
    }
}
