//! Boxes in longitude and latitude, and Qserv's area specifications, on the positions of a table.
//!
//! ```text
//! FROM Object AS o WHERE qserv_areaspec_circle(1, 2, 3)
//!   ↓                    scisql_s2PtInCircle(o.ra, o.dec, 1, 2, 3)
//! WHERE o.ra BETWEEN 10 AND 20 AND o.dec >= -5 AND o.dec <= 5 AND o.flux > 9
//!   ↓   o.flux > 9 AND scisql_s2PtInBox(o.ra, o.dec, 10, -5, 20, 5)
//! WHERE (o.ra >= 350 OR o.ra <= 10) AND o.dec BETWEEN -5 AND 5
//!   ↓   scisql_s2PtInBox(o.ra, o.dec, 350, -5, 10, 5)
//! ```
//!
//! Ranges become a box where they bound both columns of a table's position from both sides, limits
//! included, by numbers within one turn of longitude. Then they say the same of every position
//! whose longitude is kept in [0°, 360°), as longitudes are; one that is kept a turn off lies in
//! the box where it lies on the sky. All other ranges stay as they are, and prune as well.

use sqlparser::ast::{BinaryOperator, Expr, Function};
use sqlparser::tokenizer::Span;

use super::Resolver;
use super::scope::{Frame, Relation};
use crate::error::Diagnostic;
use crate::names::ColumnKind;
use crate::tree::{arguments, bare, binary, call_at, column, constant_value, function_name};
use crate::typing::Typed;

/// Area specifications, and the tests that they are.
const AREAS: &[(&str, &str)] = &[
    ("qserv_areaspec_box", "scisql_s2PtInBox"),
    ("qserv_areaspec_circle", "scisql_s2PtInCircle"),
    ("qserv_areaspec_ellipse", "scisql_s2PtInEllipse"),
    ("qserv_areaspec_poly", "scisql_s2PtInCPoly"),
];

impl Resolver<'_> {
    /// Make an area specification the test that it is; returns the type of the test, or `None` if
    /// the expression is no area specification.
    pub(super) fn settle_area(&mut self, expr: &mut Expr, frame: &Frame) -> Option<Typed> {
        let Expr::Function(call) = expr else { return None };
        let name = &function_name(call)?.value;
        AREAS.iter().find(|(area, _)| area.eq_ignore_ascii_case(name))?;
        let test = self.area(call, frame);
        let kind = test.as_ref().map_or(ColumnKind::Other, |_| ColumnKind::Integer);
        if let Some(test) = test {
            *expr = test;
        }
        Some(Typed::of(kind))
    }

    /// The test that an area specification is, unless it has no meaning here.
    fn area(&mut self, area: &Function, frame: &Frame) -> Option<Expr> {
        let ident = function_name(area)?;
        let (_, test) = AREAS.iter().find(|(name, _)| name.eq_ignore_ascii_case(&ident.value))?;
        let mut placed = frame.relations.iter().filter(|relation| relation.position.is_some());
        let Some(relation) = placed.next() else {
            if !frame.incomplete() {
                let message = format!("{} finds no table with positions in FROM", ident.value);
                let fault = Diagnostic::invalid(ident.span.start, message);
                self.report(fault.suggest(format!("write {test}(lon, lat, …)")));
            }
            return None;
        };
        let others: Vec<&Relation> = placed.collect();
        if let Some(twin) = others.iter().find(|other| other.table == relation.table) {
            let message = format!(
                "{} may mean the positions of {} or of {}",
                ident.value, relation.name, twin.name
            );
            let fault = Diagnostic::invalid(ident.span.start, message);
            self.report(fault.suggest(format!("write {test}({}.…, …)", relation.name)));
            return None;
        }
        if !others.is_empty() {
            let (name, table) = (&ident.value, &relation.name);
            self.warn(format!("{name} is taken to mean the positions of {table}"));
        }
        let [lon, lat] = position(relation, ident.span)?;
        let args = [lon, lat].into_iter().chain(arguments(area).into_iter().cloned());
        Some(call_at(test, args.collect(), ident.span))
    }
}

/// The columns of a relation's position.
fn position(relation: &Relation, span: Span) -> Option<[Expr; 2]> {
    let position = relation.position.as_ref()?;
    Some([&position.lon, &position.lat].map(|name| column(&relation.alias, name, span)))
}

/// Join the ranges of a condition that make a box.
pub(super) fn join_ranges(condition: &mut Expr, frame: &Frame) {
    let relations = frame.relations.iter().filter(|relation| relation.position.is_some());
    for relation in relations {
        let Some([lon, lat]) = position(relation, Span::empty()) else { continue };
        let mut terms: Vec<&Expr> = vec![];
        conjuncts(condition, &mut terms);
        let mut bounds = Bounds::default();
        for (place, term) in terms.iter().enumerate() {
            bounds.take(term, place, &lon, &lat);
        }
        let Some(limits) = bounds.limits() else { continue };
        let mut rest: Vec<Expr> = terms
            .iter()
            .enumerate()
            .filter(|(place, _)| !bounds.places.contains(place))
            .map(|(_, term)| (*term).clone())
            .collect();
        let args = [lon, lat].into_iter().chain(limits).collect();
        rest.push(call_at("scisql_s2PtInBox", args, Span::empty()));
        if let Some(joined) = all(rest) {
            *condition = joined;
        }
    }
}

/// The conditions that must all hold.
fn conjuncts<'e>(condition: &'e Expr, terms: &mut Vec<&'e Expr>) {
    let mut rest = vec![condition];
    while let Some(condition) = rest.pop() {
        match bare(condition) {
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                rest.extend([right.as_ref(), left]);
            }
            _ => terms.push(condition),
        }
    }
}

/// Conditions joined by AND in a tree that is not deep.
pub(super) fn all(mut conditions: Vec<Expr>) -> Option<Expr> {
    if conditions.len() > 2 {
        let rest = conditions.split_off(conditions.len() / 2);
        conditions = all(conditions).into_iter().chain(all(rest)).collect();
    }
    conditions.into_iter().reduce(|a, b| binary(a, BinaryOperator::And, b))
}

/// The limits that ranges give, each with its value.
#[derive(Default)]
struct Bounds {
    lon_min: Option<(Expr, f64)>,
    lon_max: Option<(Expr, f64)>,
    lat_min: Option<(Expr, f64)>,
    lat_max: Option<(Expr, f64)>,
    /// Whether the longitudes were said to pass through 0: `lon >= 350 OR lon <= 10`.
    wraps: bool,
    /// Whether a limit was given twice.
    twice: bool,
    /// The places of the conditions that give them.
    places: Vec<usize>,
}

impl Bounds {
    fn take(&mut self, term: &Expr, place: usize, lon: &Expr, lat: &Expr) {
        let before = self.places.len();
        if let Some(range) = Range::of(term, lon) {
            self.twice |= range.set(&mut self.lon_min, &mut self.lon_max);
            self.places.push(place);
        } else if let Some(range) = Range::of(term, lat) {
            self.twice |= range.set(&mut self.lat_min, &mut self.lat_max);
            self.places.push(place);
        } else if let Expr::BinaryOp { left, op: BinaryOperator::Or, right } = bare(term)
            && let (Some(a), Some(b)) = (Range::of(left, lon), Range::of(right, lon))
        {
            // One side has a lower limit only, the other an upper one only.
            let one_each = matches!(
                (&a.low, &a.high, &b.low, &b.high),
                (Some(_), None, None, Some(_)) | (None, Some(_), Some(_), None)
            );
            if one_each {
                for range in [a, b] {
                    self.twice |= range.set(&mut self.lon_min, &mut self.lon_max);
                }
                self.wraps = true;
                self.places.push(place);
            }
        }
        debug_assert!(self.places.len() <= before + 1);
    }

    /// Longitude and latitude of the two corners, if they make a box.
    fn limits(&self) -> Option<[Expr; 4]> {
        let limits = [&self.lon_min, &self.lat_min, &self.lon_max, &self.lat_max];
        let [lon_min, lat_min, lon_max, lat_max] =
            limits.map(|limit| limit.as_ref().map_or(f64::NAN, |(_, value)| *value));
        let in_turn = |lon: f64| (0.0..360.0).contains(&lon);
        let is_box = !self.twice
            && in_turn(lon_min)
            && in_turn(lon_max)
            && (lon_min > lon_max) == self.wraps
            && (-90.0..=90.0).contains(&lat_min)
            && (-90.0..=90.0).contains(&lat_max)
            && lat_min <= lat_max;
        let [Some(a), Some(b), Some(c), Some(d)] = limits.map(|limit| limit.clone()) else {
            return None;
        };
        is_box.then_some([a.0, b.0, c.0, d.0])
    }
}

/// What one condition says of one coordinate: limits that are included.
struct Range {
    low: Option<(Expr, f64)>,
    high: Option<(Expr, f64)>,
}

impl Range {
    fn of(term: &Expr, coordinate: &Expr) -> Option<Self> {
        let limit = |expr: &Expr| Some((bare(expr).clone(), constant_value(expr)?));
        match bare(term) {
            Expr::Between { expr, negated: false, low, high } if bare(expr) == coordinate => {
                Some(Range { low: Some(limit(low)?), high: Some(limit(high)?) })
            }
            Expr::BinaryOp { left, op, right } => {
                let (is_left, is_right) = (bare(left) == coordinate, bare(right) == coordinate);
                match (op, is_left, is_right) {
                    (BinaryOperator::GtEq, true, false) => {
                        Some(Range { low: Some(limit(right)?), high: None })
                    }
                    (BinaryOperator::LtEq, true, false) => {
                        Some(Range { low: None, high: Some(limit(right)?) })
                    }
                    (BinaryOperator::GtEq, false, true) => {
                        Some(Range { low: None, high: Some(limit(left)?) })
                    }
                    (BinaryOperator::LtEq, false, true) => {
                        Some(Range { low: Some(limit(left)?), high: None })
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// Put the limits where they belong; tells whether one is there already.
    fn set(self, low: &mut Option<(Expr, f64)>, high: &mut Option<(Expr, f64)>) -> bool {
        let mut twice = false;
        for (limit, place) in [(self.low, low), (self.high, high)] {
            if let Some(limit) = limit {
                twice |= place.replace(limit).is_some();
            }
        }
        twice
    }
}
