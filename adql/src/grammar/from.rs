//! FROM: tables, derived tables and joins.

use sqlparser::ast::{
    Join, JoinConstraint, JoinOperator, ObjectName, TableAlias, TableFactor, TableWithJoins,
};

use super::lexer::Kind;
use super::parser::{Parse, Parser};
use crate::error::{Diagnostic, printable};

/// How two tables are joined, before it is known on what.
#[derive(Clone, Copy, PartialEq)]
enum JoinType {
    /// `JOIN`.
    Plain,
    /// `INNER JOIN`.
    Inner,
    /// `LEFT JOIN`.
    Left,
    /// `LEFT OUTER JOIN`.
    LeftOuter,
    /// `RIGHT JOIN`.
    Right,
    /// `RIGHT OUTER JOIN`.
    RightOuter,
    /// `FULL [OUTER] JOIN`.
    Full,
    /// `CROSS JOIN`.
    Cross,
}

impl JoinType {
    fn on(self, constraint: JoinConstraint) -> JoinOperator {
        match self {
            JoinType::Plain => JoinOperator::Join(constraint),
            JoinType::Inner => JoinOperator::Inner(constraint),
            JoinType::Left => JoinOperator::Left(constraint),
            JoinType::LeftOuter => JoinOperator::LeftOuter(constraint),
            JoinType::Right => JoinOperator::Right(constraint),
            JoinType::RightOuter => JoinOperator::RightOuter(constraint),
            JoinType::Full => JoinOperator::FullOuter(constraint),
            JoinType::Cross => JoinOperator::CrossJoin(constraint),
        }
    }
}

/// A join whose condition may still follow.
struct OpenJoin {
    kind: JoinType,
    relation: TableFactor,
    constraint: Option<JoinConstraint>,
}

impl OpenJoin {
    fn close(self) -> Join {
        let constraint = self.constraint.unwrap_or(JoinConstraint::None);
        Join { relation: self.relation, global: false, join_operator: self.kind.on(constraint) }
    }
}

impl Parser<'_> {
    /// `<table_reference>`: a table and what is joined to it.
    pub fn table_reference(&mut self) -> Parse<TableWithJoins> {
        let relation = self.table_primary()?;
        self.joins(relation)
    }

    /// The joins after a table.
    ///
    /// The condition of a join may stand after further joins (`a JOIN b JOIN c ON … ON …`): it
    /// belongs to the last join before it that has none, and what was joined since then is
    /// joined first.
    fn joins(&mut self, relation: TableFactor) -> Parse<TableWithJoins> {
        let mut joins: Vec<OpenJoin> = Vec::new();
        loop {
            if let Some((kind, is_natural)) = self.join_type()? {
                let join = self.joined(kind, is_natural)?;
                joins.push(join);
            } else if self.is_one_of(&["ON", "USING"]) {
                let open = joins.iter().rposition(|join| join.constraint.is_none());
                let Some(open) = open else {
                    let is_natural =
                        joins.iter().any(|join| join.constraint == Some(JoinConstraint::Natural));
                    return Err(self.misplaced_condition(is_natural));
                };
                let constraint = self.join_specification()?;
                let later: Vec<OpenJoin> = joins.drain(open + 1..).collect();
                let Some(join) = joins.last_mut() else { continue };
                join.constraint = Some(constraint);
                if !later.is_empty() {
                    let first = std::mem::replace(&mut join.relation, nothing());
                    let later = later.into_iter().map(OpenJoin::close).collect();
                    let table = TableWithJoins { relation: first, joins: later };
                    join.relation =
                        TableFactor::NestedJoin { table_with_joins: Box::new(table), alias: None };
                }
            } else {
                break;
            }
        }
        Ok(TableWithJoins { relation, joins: joins.into_iter().map(OpenJoin::close).collect() })
    }

    fn misplaced_condition(&self, is_natural: bool) -> Diagnostic {
        let word = self.next().text.to_uppercase();
        let message = format!("there is no JOIN that this {word} belongs to");
        let hint = is_natural.then(|| format!("a NATURAL JOIN takes no {word}"));
        Diagnostic::syntax(self.here(), message).suggest_maybe(hint)
    }

    /// `[NATURAL] [INNER | LEFT | RIGHT | FULL [OUTER]] JOIN`, if that is next.
    fn join_type(&mut self) -> Parse<Option<(JoinType, bool)>> {
        let at = self.here();
        let is_natural = self.take_word("NATURAL");
        let kind = if self.take_word("INNER") {
            JoinType::Inner
        } else if self.take_word("LEFT") {
            if self.take_word("OUTER") { JoinType::LeftOuter } else { JoinType::Left }
        } else if self.take_word("RIGHT") {
            if self.take_word("OUTER") { JoinType::RightOuter } else { JoinType::Right }
        } else if self.take_word("FULL") {
            self.take_word("OUTER");
            JoinType::Full
        } else if self.is_word("CROSS") && !is_natural {
            self.extension(at, "CROSS JOIN").map_err(|e| e.suggest("write a comma"))?;
            self.advance();
            JoinType::Cross
        } else {
            JoinType::Plain
        };
        if kind == JoinType::Plain && !is_natural && !self.is_word("JOIN") {
            return Ok(None);
        }
        self.expect_word("JOIN")?;
        Ok(Some((kind, is_natural)))
    }

    fn joined(&mut self, kind: JoinType, is_natural: bool) -> Parse<OpenJoin> {
        let at = self.here();
        let relation = self.table_primary()?;
        let constraint = match () {
            () if is_natural => Some(JoinConstraint::Natural),
            () if kind == JoinType::Cross => Some(JoinConstraint::None),
            () if self.is_one_of(&["ON", "USING"]) => Some(self.join_specification()?),
            () => None,
        };
        let is_table = matches!(relation, TableFactor::Table { .. });
        let goes_on = self.is_one_of(&["JOIN", "INNER", "LEFT", "RIGHT", "FULL", "NATURAL"]);
        if constraint.is_none() && kind == JoinType::Inner && is_table && !goes_on {
            let fault = Diagnostic::syntax(at, "this INNER JOIN has no condition");
            return Err(
                fault.suggest("add ON … or USING (…), or write a comma instead of the JOIN")
            );
        }
        Ok(OpenJoin { kind, relation, constraint })
    }

    /// `ON <search_condition>` or `USING (<column_name_list>)`.
    fn join_specification(&mut self) -> Parse<JoinConstraint> {
        if self.take_word("ON") {
            return Ok(JoinConstraint::On(self.search_condition()?));
        }
        self.expect_word("USING")?;
        self.expect_symbol("(")?;
        let columns = self.comma_separated(|parser| {
            Ok(ObjectName::from(vec![parser.name("the name of a column")?]))
        })?;
        self.expect_symbol(")")?;
        Ok(JoinConstraint::Using(columns))
    }

    /// A table, a query in parentheses with an alias, or joins in parentheses.
    fn table_primary(&mut self) -> Parse<TableFactor> {
        if self.is_symbol("(") {
            return match self.holds_query(0) {
                true => self.derived_table(),
                false => self.nested(Self::nested_join),
            };
        }
        if self.is_word("LATERAL") && (self.is_symbol_ahead(1, "(")) {
            return Err(Diagnostic::not_adql(self.here(), "LATERAL"));
        }
        let mut names = vec![self.name("the name of a table")?];
        while self.is_symbol(".") {
            let at = self.here();
            self.advance();
            names.push(self.name("the name of a table")?);
            if names.len() > 3 {
                let fault = Diagnostic::syntax(at, "the name of a table has at most three parts");
                return Err(fault.suggest("write schema.table"));
            }
        }
        if self.is_symbol("(") {
            let what = format!("the table function {}", printable(&names[0].value));
            return Err(Diagnostic::not_adql(names[0].span.start, what));
        }
        let mut factor = table(ObjectName::from(names));
        if let TableFactor::Table { alias, .. } = &mut factor {
            *alias = self.table_alias()?;
        }
        Ok(factor)
    }

    fn derived_table(&mut self) -> Parse<TableFactor> {
        let at = self.here();
        let subquery = Box::new(self.parenthesised_query()?);
        let alias = self.table_alias()?;
        if alias.is_none() && !self.is_lenient() {
            let fault = Diagnostic::syntax(at, "a query in FROM needs a name");
            return Err(fault.suggest("write (SELECT …) AS name"));
        }
        if alias.is_none() {
            self.extension(at, "a query in FROM without a name")?;
        }
        Ok(TableFactor::Derived { lateral: false, subquery, alias, sample: None })
    }

    fn nested_join(&mut self) -> Parse<TableFactor> {
        let open = self.advance().span.start;
        let table_with_joins = self.table_reference()?;
        self.expect_symbol(")")?;
        if table_with_joins.joins.is_empty()
            && !matches!(table_with_joins.relation, TableFactor::NestedJoin { .. })
        {
            self.extension(open, "parentheses around a single table")?;
        }
        let alias = self.table_alias()?;
        Ok(TableFactor::NestedJoin { table_with_joins: Box::new(table_with_joins), alias })
    }

    /// `[AS] name`, and as an extension a list of column names after it.
    fn table_alias(&mut self) -> Parse<Option<TableAlias>> {
        let of = self.is_word_ahead(1, "OF");
        let explicit = self.is_word("AS") && !of;
        if explicit {
            self.advance();
        } else if !self.is_name() || self.is_word("FOR") {
            self.no_table_version(of)?;
            return Ok(None);
        }
        let name = self.name("the alias of a table")?;
        let columns = self.column_aliases()?;
        Ok(Some(TableAlias { explicit, name, columns, at: None }))
    }

    /// A version belongs to the whole query: refuse it where more of the query follows.
    fn no_table_version(&self, of: bool) -> Parse<()> {
        let is_version = self.is_word("AS") && of;
        // AS OF VERSION n: what is no number is complained about at the end of the query.
        let is_count = matches!(self.ahead(3).kind, Kind::Number | Kind::String);
        let after = self.ahead(4);
        let goes_on = is_count && after.kind != Kind::End && after.text != ";";
        let is_for = self.is_word("FOR");
        if (is_version && goes_on) || is_for {
            let fault = Diagnostic::not_adql(self.here(), "the version of a single table");
            return Err(fault.suggest(
                "one version holds for the whole query: write AS OF VERSION n at its end",
            ));
        }
        Ok(())
    }
}

/// A table by its name.
fn table(name: ObjectName) -> TableFactor {
    TableFactor::Table {
        name,
        alias: None,
        args: None,
        with_hints: vec![],
        version: None,
        with_ordinality: false,
        partitions: vec![],
        json_path: None,
        sample: None,
        index_hints: vec![],
    }
}

/// What stands in the tree while a join is taken apart.
fn nothing() -> TableFactor {
    table(ObjectName(vec![]))
}
