//! What a name may mean at one place of a query.
//!
//! ```text
//! Scope ── frame: the tables of this FROM ── columns: what unqualified names and * see
//!   │                                     └─ relations: what qualified names see
//!   ├──── ctes: the common tables in sight
//!   └──── outer: the scope of the query around a subquery
//! ```

use sqlparser::ast::{Expr, Ident};
use sqlparser::tokenizer::{Location, Span};

use crate::names::{ColumnKind, best_matches, means};
use crate::tree;

/// A column of a relation or of a query's result.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub name: String,
    pub kind: ColumnKind,
}

/// One table, derived table or common table of a FROM.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    /// The alias under which the engine sees it.
    pub alias: String,
    /// The name under which the query sees it: its alias, else the table's name.
    pub name: String,
    /// Its schema, if the query gave it no alias.
    pub schema: Option<String>,
    /// The table's own name, if an alias hides it.
    pub hidden: Option<String>,
    pub columns: Vec<Column>,
    /// False if the table is unknown, which makes every name in it acceptable.
    pub known: bool,
    /// Where it stands in the query.
    pub at: Location,
}

/// A common table (WITH).
#[derive(Debug, Clone)]
pub(super) struct CommonTable {
    pub name: String,
    pub columns: Vec<Column>,
}

/// A column that an unqualified name may mean.
#[derive(Debug, Clone)]
pub(super) struct VisibleColumn {
    pub name: String,
    pub kind: ColumnKind,
    /// What it is to the engine: a qualified column, or what USING made of two.
    pub expr: Expr,
    /// How to tell it from others in a message.
    pub label: String,
}

/// The tables of one FROM, or of a part of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Frame {
    pub relations: Vec<Relation>,
    pub columns: Vec<VisibleColumn>,
}

impl Frame {
    pub fn of(relation: Relation) -> Self {
        let columns = visible(&relation).collect();
        Frame { relations: vec![relation], columns }
    }

    pub fn append(&mut self, other: Frame) {
        self.relations.extend(other.relations);
        self.columns.extend(other.columns);
    }

    /// Whether a table of this frame is unknown, so that any column may exist.
    pub fn incomplete(&self) -> bool {
        self.relations.iter().any(|r| !r.known)
    }

    /// The relations that `name` or `schema.name` means.
    pub fn relations_named(&self, schema: Option<&Ident>, name: &Ident) -> Vec<&Relation> {
        let candidates = self.relations.iter().filter(|r| match (schema, &r.schema) {
            (None, _) => true,
            (Some(wanted), Some(schema)) => means(wanted, schema),
            (Some(_), None) => false,
        });
        best_matches(name, candidates, |r| &r.name)
    }

    /// The columns that an unqualified name means.
    pub fn columns_named(&self, name: &Ident) -> Vec<&VisibleColumn> {
        best_matches(name, self.columns.iter(), |c| &c.name)
    }
}

/// The columns of a relation as the engine sees them.
pub(super) fn visible(relation: &Relation) -> impl Iterator<Item = VisibleColumn> {
    relation.columns.iter().map(|column| VisibleColumn {
        name: column.name.clone(),
        kind: column.kind,
        expr: tree::column(&relation.alias, &column.name, Span::empty()),
        label: match &relation.schema {
            Some(schema) => format!("{schema}.{}.{}", relation.name, column.name),
            None => format!("{}.{}", relation.name, column.name),
        },
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
