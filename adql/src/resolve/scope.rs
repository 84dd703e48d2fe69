//! What a name may mean at one place of a query.
//!
//! ```text
//! Scope ── frame: the tables of this FROM ── columns: what unqualified names and * see
//!   │                                     └─ relations: what qualified names see
//!   ├──── ctes: the common tables in sight
//!   └──── outer: the scope of the query around a subquery
//! ```
//!
//! Tables may have thousands of columns, so that names are looked up in an index, made when a
//! relation or frame is first asked.

use std::cell::OnceCell;
use std::sync::Arc;

use sqlparser::ast::{Expr, Ident};
use sqlparser::tokenizer::{Location, Span};

use crate::names::{NameIndex, PositionNames, means};
use crate::tree;
use crate::typing::Typed;

/// A column of a relation or of a query's result.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub name: Arc<str>,
    /// The name that it would have if no other column of its query had the same.
    pub wanted: Arc<str>,
    pub typed: Typed,
}

impl AsRef<Column> for Column {
    fn as_ref(&self) -> &Column {
        self
    }
}

/// The places of the columns that a name means: of all that were meant to have it, else of the one
/// that was given it.
fn places_named<C: AsRef<Column>>(
    columns: &[C],
    index: &OnceCell<NameIndex>,
    name: &Ident,
) -> Vec<usize> {
    let index = index.get_or_init(|| NameIndex::of(columns.iter().map(|c| &*c.as_ref().wanted)));
    let meant = index.matches(name, |at| columns.get(at).map_or("", |c| &c.as_ref().wanted));
    if !meant.is_empty() {
        return meant;
    }
    let is_given = |column: &Column| column.name != column.wanted && means(name, &column.name);
    let given = columns.iter().enumerate().filter(|(_, column)| is_given(column.as_ref()));
    given.map(|(at, _)| at).collect()
}

/// One table, derived table or common table of a FROM.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    /// The alias under which the engine sees it.
    pub alias: Arc<str>,
    /// The name under which the query sees it: its alias, else the table's name.
    pub name: String,
    /// Whether that name is delimited, so that its case tells it apart.
    pub is_delimited: bool,
    /// Its schema, if the query gave it no alias.
    pub schema: Option<String>,
    /// The table's own name, if an alias hides it.
    pub hidden: Option<String>,
    pub columns: Vec<Column>,
    /// False if the table is unknown, which makes every name in it acceptable.
    pub known: bool,
    /// The place of the catalog's table in the names, if it is one.
    pub table: Option<(usize, usize)>,
    /// The columns of its primary key; empty where none is known.
    pub key: Vec<String>,
    /// The columns of its rows' positions.
    pub position: Option<PositionNames>,
    /// Where it stands in the query.
    pub at: Location,
    pub index: OnceCell<NameIndex>,
}

impl Relation {
    /// A relation at this place of the query, of which nothing else is known yet.
    pub fn at(at: Location) -> Self {
        Relation {
            alias: "".into(),
            name: String::new(),
            is_delimited: false,
            schema: None,
            hidden: None,
            columns: vec![],
            known: false,
            table: None,
            key: vec![],
            position: None,
            at,
            index: OnceCell::new(),
        }
    }

    /// How it is called in a message.
    pub fn label(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{schema}.{}", self.name),
            None => self.name.clone(),
        }
    }

    /// The name under which the query sees it.
    pub fn ident(&self) -> Ident {
        let quote_style = self.is_delimited.then_some('"');
        Ident { value: self.name.clone(), quote_style, span: Span::new(self.at, self.at) }
    }

    /// The columns that a name means.
    pub fn columns_named(&self, name: &Ident) -> Vec<&Column> {
        let places = places_named(&self.columns, &self.index, name);
        places.into_iter().filter_map(|at| self.columns.get(at)).collect()
    }
}

/// A common table (WITH).
#[derive(Debug, Clone)]
pub(super) struct CommonTable {
    /// The name under which the query sees it.
    pub name: Ident,
    /// The name under which the engine sees it, which no other one has.
    pub unique: String,
    /// How many WITH are around its own.
    pub depth: usize,
    pub columns: Vec<Column>,
    /// False if its list of names does not fit, which makes every name in it acceptable.
    pub known: bool,
    /// How many tables it reads, once those that it refers to are written out.
    pub reads: u64,
}

/// A column that an unqualified name may mean.
#[derive(Debug, Clone)]
pub(super) struct VisibleColumn {
    pub column: Column,
    /// The table that it comes from, as a message calls it.
    pub table: Arc<str>,
    pub source: Source,
}

/// What a visible column is to the engine.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// The column of its name in the relation with this alias.
    Relation(Arc<str>),
    /// What USING made of two.
    Merged(Box<Expr>),
}

impl AsRef<Column> for VisibleColumn {
    fn as_ref(&self) -> &Column {
        &self.column
    }
}

impl VisibleColumn {
    /// The column, placed at `span`.
    pub fn expr(&self, span: Span) -> Expr {
        match &self.source {
            Source::Relation(alias) => tree::column(alias, &self.column.name, span),
            Source::Merged(expr) => {
                let mut expr = expr.as_ref().clone();
                if let Expr::CompoundIdentifier(parts) = &mut expr {
                    for part in parts {
                        part.span = span;
                    }
                }
                expr
            }
        }
    }

    /// The column that it and another become in a join, with this value.
    pub fn merged(self, value: Expr, typed: Typed) -> Self {
        let column = Column { typed, ..self.column };
        VisibleColumn { column, source: Source::Merged(Box::new(value)), ..self }
    }

    /// How to tell it from others in a message.
    pub fn label(&self) -> String {
        format!("{}.{}", self.table, self.column.name)
    }
}

/// The tables of one FROM, or of a part of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Frame {
    pub relations: Vec<Relation>,
    pub columns: Vec<VisibleColumn>,
    /// Pairs of columns, by relation and name, that are equal in every row.
    pub equal: Vec<[(Arc<str>, String); 2]>,
    pub index: OnceCell<NameIndex>,
}

impl Frame {
    pub fn of(relation: Relation) -> Self {
        let columns = visible(&relation).collect();
        Frame { relations: vec![relation], columns, ..Frame::default() }
    }

    pub fn append(&mut self, other: Frame) {
        self.relations.extend(other.relations);
        self.columns.extend(other.columns);
        self.equal.extend(other.equal);
        self.index.take();
    }

    /// Whether a table of this frame is unknown, so that any column may exist.
    pub fn incomplete(&self) -> bool {
        self.relations.iter().any(|r| !r.known)
    }

    /// The relations that `name` or `schema.name` means.
    pub fn relations_named(&self, schema: Option<&Ident>, name: &Ident) -> Vec<&Relation> {
        let is_in_schema = |r: &&Relation| match (schema, &r.schema) {
            (None, _) => true,
            (Some(wanted), Some(schema)) => means(wanted, schema),
            (Some(_), None) => false,
        };
        self.relations.iter().filter(is_in_schema).filter(|r| means(name, &r.name)).collect()
    }

    /// The places of the columns that an unqualified name means.
    pub fn places_named(&self, name: &Ident) -> Vec<usize> {
        places_named(&self.columns, &self.index, name)
    }

    /// The columns that an unqualified name means.
    pub fn columns_named(&self, name: &Ident) -> Vec<&VisibleColumn> {
        self.places_named(name).into_iter().filter_map(|at| self.columns.get(at)).collect()
    }
}

/// The columns of a relation as the engine sees them.
pub(super) fn visible(relation: &Relation) -> impl Iterator<Item = VisibleColumn> {
    let table: Arc<str> = relation.label().into();
    relation.columns.iter().map(move |column| VisibleColumn {
        column: column.clone(),
        table: table.clone(),
        source: Source::Relation(relation.alias.clone()),
    })
}

/// What can be seen from an expression.
#[derive(Clone, Copy)]
pub(super) struct Scope<'s> {
    pub frame: &'s Frame,
    pub ctes: &'s [CommonTable],
    pub outer: Option<&'s Scope<'s>>,
}

impl<'s> Scope<'s> {
    /// This scope and those around it, from the inside out.
    pub fn chain(&'s self) -> impl Iterator<Item = &'s Scope<'s>> {
        std::iter::successors(Some(self), |scope| scope.outer)
    }
}

/// `name`, or `name_2` and so on if it is taken.
pub(super) fn free_name(name: &str, taken: &[String]) -> String {
    let is_free = |name: &str| !taken.iter().any(|t| t.eq_ignore_ascii_case(name));
    let mut free = name.to_owned();
    let mut n = 1;
    while !is_free(&free) {
        n += 1;
        free = format!("{name}_{n}");
    }
    free
}
