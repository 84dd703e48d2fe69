//! Queries: WITH, set operations, SELECT and its clauses, ORDER BY and OFFSET.

use std::ops::ControlFlow;

use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{
    Cte, Distinct, Expr, GroupByExpr, ObjectName, Query, Select, SelectFlavor, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, SetOperator, SetQuantifier, TableAlias,
    TableAliasColumnDef, Top, TopQuantity, WildcardAdditionalOptions, With, visit_expressions,
};
use sqlparser::tokenizer::{Span, Token as SqlToken, TokenWithSpan};

use super::AsOf;
use super::expression::Sort;
use super::lexer::Kind;
use super::parser::{Parse, Parser};
use crate::error::{Diagnostic, printable};
use crate::tree::limited;

/// How many set operators a query may have: the tree is as deep as their chain is long.
const MOST_SET_OPERATORS: usize = 100;

impl Parser<'_> {
    /// `<query_specification>`: the whole text.
    pub fn whole_query(&mut self) -> Parse<Query> {
        if self.next().kind == Kind::End {
            return Err(Diagnostic::syntax(self.here(), "the query is empty"));
        }
        if !self.is_one_of(&["SELECT", "WITH"]) && !self.is_symbol("(") {
            let verb = printable(&self.next().text.to_uppercase());
            let fault = match self.next().kind {
                Kind::Word => Diagnostic::not_adql(self.here(), verb),
                _ => self.expected("SELECT"),
            };
            return Err(fault.suggest("a query is a SELECT"));
        }
        let query = self.query()?;
        self.version()?;
        let semicolon = self.here();
        if self.take_symbol(";") {
            while self.take_symbol(";") {}
            if self.next().kind != Kind::End {
                return Err(Diagnostic::not_adql(self.here(), "a second statement"));
            }
            self.extension(semicolon, "a closing semicolon")?;
        }
        match self.next().kind {
            Kind::End => Ok(query),
            _ => Err(self.after_query()),
        }
    }

    /// The complaint about what follows a query that could have ended.
    fn after_query(&self) -> Diagnostic {
        if self.is_symbol(")") {
            return Diagnostic::syntax(self.here(), "this parenthesis was never opened");
        }
        let fault = self.expected("the end of the query");
        match self.is_one_of(&["WHERE", "FROM", "GROUP", "HAVING", "ORDER"]) {
            true => {
                fault.suggest("the order is SELECT … FROM … WHERE … GROUP BY … HAVING … ORDER BY …")
            }
            false => fault,
        }
    }

    /// `AS OF VERSION n` or `AS OF TIMESTAMP 't'` at the end of the query.
    fn version(&mut self) -> Parse<()> {
        if !(self.is_word("AS") && self.is_word_ahead(1, "OF")) {
            return Ok(());
        }
        self.extension(self.here(), "AS OF")?;
        self.advance();
        self.advance();
        let as_of = if self.take_word("VERSION") {
            AsOf::Version(self.count("the number of a version")?)
        } else if self.take_word("TIMESTAMP") {
            match self.next().kind {
                Kind::String => AsOf::Timestamp(self.advance().text),
                _ => return Err(self.expected("a time as a string, 'YYYY-MM-DDThh:mm:ss'")),
            }
        } else {
            return Err(self.expected("VERSION n or TIMESTAMP 't'"));
        };
        self.as_of = Some(as_of);
        Ok(())
    }

    /// `[ <with_clause> ] <select_expression>`.
    pub fn query(&mut self) -> Parse<Query> {
        let with = match self.is_word("WITH") {
            true => Some(self.with()?),
            false => None,
        };
        let mut query = self.select_expression()?;
        query.with = with;
        Ok(query)
    }

    /// A query in parentheses, of which the next token is the first.
    pub fn parenthesised_query(&mut self) -> Parse<Query> {
        self.expect_symbol("(")?;
        let query = self.subquery(|parser| {
            if parser.is_word("WITH") {
                parser.extension(parser.here(), "WITH inside a query")?;
            }
            parser.query()
        })?;
        self.expect_symbol(")")?;
        Ok(query)
    }

    fn with(&mut self) -> Parse<With> {
        let at = self.here();
        self.since_2_1(at, "WITH")?;
        let with_token = attached(self.advance().span);
        if self.is_word("RECURSIVE") && !self.is_word_ahead(1, "AS") {
            return Err(Diagnostic::not_adql(self.here(), "WITH RECURSIVE"));
        }
        let cte_tables = self.comma_separated(Self::common_table)?;
        Ok(With { with_token, recursive: false, cte_tables })
    }

    fn common_table(&mut self) -> Parse<Cte> {
        let name = self.name("the name of a query")?;
        if self.is_symbol("(") && self.holds_query(0) {
            return Err(self.expected("AS"));
        }
        let columns = self.column_aliases()?;
        self.expect_word("AS")?;
        if !self.is_symbol("(") {
            return Err(self.expected("( and the query"));
        }
        self.advance();
        if self.is_word("WITH") {
            let fault = Diagnostic::not_adql(self.here(), "WITH inside WITH");
            return Err(fault.suggest("list all named queries after one WITH, with commas between"));
        }
        let query = self.subquery(Self::select_expression)?;
        let closing_paren_token = attached(self.expect_symbol(")")?.span);
        let alias = TableAlias { explicit: false, name, columns, at: None };
        Ok(Cte {
            alias,
            query: Box::new(query),
            from: None,
            materialized: None,
            closing_paren_token,
        })
    }

    /// `(a, b)` after the alias of a table, an extension.
    pub fn column_aliases(&mut self) -> Parse<Vec<TableAliasColumnDef>> {
        if !self.is_symbol("(") {
            return Ok(vec![]);
        }
        self.extension(self.here(), "a list of column names after a table's alias")?;
        self.advance();
        let columns = self.comma_separated(|parser| {
            let name = parser.name("the name of a column")?;
            Ok(TableAliasColumnDef { name, data_type: None })
        })?;
        self.expect_symbol(")")?;
        Ok(columns)
    }

    /// `<query_set_expression> [ <order_by_clause> ] [ <offset_clause> ]`.
    fn select_expression(&mut self) -> Parse<Query> {
        let body = self.set_expression()?;
        let order_by = match self.is_word("ORDER") {
            true => Some(self.order_by()?),
            false => None,
        };
        let limit_clause = self.limit()?;
        let mut query = limited(body, limit_clause);
        query.order_by = order_by;
        Ok(query)
    }

    /// UNION and EXCEPT from left to right; INTERSECT binds tighter.
    fn set_expression(&mut self) -> Parse<SetExpr> {
        let mut left = self.set_term()?;
        let mut count = 0;
        while let Some(op) = self.set_operator(&["UNION", "EXCEPT"]) {
            left = self.set_operation(left, op, Self::set_term, &mut count)?;
        }
        Ok(left)
    }

    fn set_term(&mut self) -> Parse<SetExpr> {
        let mut left = self.set_primary()?;
        let mut count = 0;
        while let Some(op) = self.set_operator(&["INTERSECT"]) {
            left = self.set_operation(left, op, Self::set_primary, &mut count)?;
        }
        Ok(left)
    }

    fn set_operator(&self, words: &[&str]) -> Option<SetOperator> {
        let word = words.iter().find(|word| self.is_word(word))?;
        Some(match *word {
            "UNION" => SetOperator::Union,
            "EXCEPT" => SetOperator::Except,
            _ => SetOperator::Intersect,
        })
    }

    fn set_operation(
        &mut self,
        left: SetExpr,
        op: SetOperator,
        operand: fn(&mut Self) -> Parse<SetExpr>,
        count: &mut usize,
    ) -> Parse<SetExpr> {
        *count += 1;
        if *count > MOST_SET_OPERATORS {
            let message = format!("the query has more than {MOST_SET_OPERATORS} set operators");
            return Err(Diagnostic::invalid(self.here(), message));
        }
        self.since_2_1(self.here(), &op.to_string())?;
        self.advance();
        let set_quantifier = match self.take_word("ALL") {
            true => SetQuantifier::All,
            false => SetQuantifier::None,
        };
        if set_quantifier == SetQuantifier::None && self.is_word("DISTINCT") {
            self.extension(self.here(), &format!("{op} DISTINCT"))?;
            self.advance();
        }
        let right = operand(self)?;
        Ok(SetExpr::SetOperation {
            op,
            set_quantifier,
            left: Box::new(left),
            right: Box::new(right),
        })
    }

    fn set_primary(&mut self) -> Parse<SetExpr> {
        if self.is_symbol("(") {
            if let (false, "WITH") = (self.is_lenient(), self.ahead(1).text.to_uppercase().as_str())
            {
                return Err(Diagnostic::not_adql(self.ahead(1).span.start, "WITH inside a query"));
            }
            return Ok(SetExpr::Query(Box::new(self.parenthesised_query()?)));
        }
        match self.is_word("SELECT") {
            true => Ok(SetExpr::Select(Box::new(self.select()?))),
            false => Err(self.expected("SELECT")),
        }
    }

    /// `<select_query>`.
    fn select(&mut self) -> Parse<Select> {
        let select_token = attached(self.advance().span);
        let distinct = match () {
            () if self.take_word("DISTINCT") => Some(Distinct::Distinct),
            () if self.take_word("ALL") => Some(Distinct::All),
            () => None,
        };
        if distinct == Some(Distinct::Distinct) && self.is_word("ON") {
            return Err(Diagnostic::not_adql(self.here(), "DISTINCT ON"));
        }
        let top = self.top(distinct.is_some())?;
        if self.is_one_of(&["FROM", "WHERE"]) {
            return Err(self.expected("what to select"));
        }
        let projection = self.comma_separated(Self::select_item)?;
        if self.is_word("INTO") {
            return Err(Diagnostic::not_adql(self.here(), "INTO"));
        }
        let from = if self.take_word("FROM") {
            self.comma_separated(Self::table_reference)?
        } else if projection.iter().all(needs_no_table) && self.ends_query() {
            self.extension(self.here(), "a SELECT without FROM")?;
            vec![]
        } else {
            return Err(self.expected("FROM"));
        };
        let selection = match self.take_word("WHERE") {
            true => Some(self.search_condition()?),
            false => None,
        };
        let group_by = match self.take_word("GROUP") {
            true => {
                self.expect_word("BY")?;
                self.comma_separated(Self::group_by_term)?
            }
            false => vec![],
        };
        let having = match self.take_word("HAVING") {
            true => Some(self.search_condition()?),
            false => None,
        };
        Ok(Select {
            select_token,
            distinct,
            top,
            projection,
            from,
            selection,
            group_by: GroupByExpr::Expressions(group_by, vec![]),
            having,
            optimizer_hints: vec![],
            select_modifiers: None,
            top_before_distinct: false,
            exclude: None,
            into: None,
            lateral_views: vec![],
            prewhere: None,
            connect_by: vec![],
            cluster_by: vec![],
            distribute_by: vec![],
            sort_by: vec![],
            named_window: vec![],
            qualify: None,
            window_before_qualify: false,
            value_table_mode: None,
            flavor: SelectFlavor::Standard,
        })
    }

    /// Whether nothing more of a query follows.
    fn ends_query(&self) -> bool {
        let ends = ["WHERE", "ORDER", "OFFSET", "LIMIT", "UNION", "EXCEPT", "INTERSECT", "AS"];
        self.next().kind == Kind::End
            || self.is_symbol(")")
            || self.is_symbol(";")
            || self.is_one_of(&ends)
    }

    /// `TOP n`, after DISTINCT or ALL.
    fn top(&mut self, has_quantifier: bool) -> Parse<Option<Top>> {
        let at = self.here();
        if !self.take_word("TOP") {
            return Ok(None);
        }
        if self.next().kind != Kind::Number {
            let fault = self.expected("the number of rows after TOP");
            return Err(fault.suggest(
                "TOP takes an unsigned integer; a column called top must be written \"top\"",
            ));
        }
        let count = self.count("the number of rows after TOP")?;
        if self.is_word("PERCENT")
            && !self.is_symbol_ahead(1, ",")
            && !self.is_word_ahead(1, "FROM")
        {
            return Err(Diagnostic::not_adql(self.here(), "TOP n PERCENT"));
        }
        if self.is_one_of(&["DISTINCT", "ALL"]) && !has_quantifier {
            let set = self.next().text.to_uppercase();
            let fault = Diagnostic::syntax(at, format!("TOP stands before {set}"));
            return Err(fault.suggest(format!("write SELECT {set} TOP {count}")));
        }
        let quantity = Some(TopQuantity::Constant(count));
        Ok(Some(Top { with_ties: false, percent: false, quantity }))
    }

    fn select_item(&mut self) -> Parse<SelectItem> {
        if self.is_symbol("*") {
            let wildcard_token =
                AttachedToken(TokenWithSpan { token: SqlToken::Mul, span: self.advance().span });
            self.no_wildcard_options()?;
            return Ok(SelectItem::Wildcard(WildcardAdditionalOptions {
                wildcard_token,
                ..WildcardAdditionalOptions::default()
            }));
        }
        if let Some(parts) = self.qualified_wildcard() {
            let mut names = Vec::with_capacity(parts);
            for _ in 0..parts {
                names.push(self.name("the name of a table")?);
                self.expect_symbol(".")?;
            }
            self.expect_symbol("*")?;
            self.no_wildcard_options()?;
            let kind = SelectItemQualifiedWildcardKind::ObjectName(ObjectName::from(names));
            return Ok(SelectItem::QualifiedWildcard(kind, WildcardAdditionalOptions::default()));
        }
        let item = self.expression()?;
        if item.sort == Sort::Condition {
            self.extension(item.at, "a condition as a value")?;
        }
        if self.is_word("AS") && !self.is_word_ahead(1, "OF") {
            self.advance();
            let alias = self.name("the name of an output column")?;
            return Ok(SelectItem::ExprWithAlias { expr: item.expr, alias });
        }
        if self.is_name() {
            let alias = self.name("the name of an output column")?;
            return Ok(SelectItem::ExprWithAlias { expr: item.expr, alias });
        }
        Ok(SelectItem::UnnamedExpr(item.expr))
    }

    fn no_wildcard_options(&self) -> Parse<()> {
        let goes_on =
            self.is_word("EXCEPT") && self.is_symbol_ahead(1, "(") && !self.holds_query(1);
        if goes_on || self.is_one_of(&["EXCLUDE", "REPLACE", "RENAME"]) {
            return Err(Diagnostic::not_adql(self.here(), "* with exceptions"));
        }
        Ok(())
    }

    /// The number of names before `.*`, if that is next.
    fn qualified_wildcard(&self) -> Option<usize> {
        (1..=3).find(|parts| {
            let names = (0..*parts).all(|i| {
                matches!(self.ahead(2 * i).kind, Kind::Word | Kind::Delimited)
                    && self.is_symbol_ahead(2 * i + 1, ".")
            });
            names && self.is_symbol_ahead(2 * parts, "*")
        })
    }

    fn group_by_term(&mut self) -> Parse<Expr> {
        if self.is_one_of(&["ROLLUP", "CUBE", "GROUPING"]) && !self.is_symbol_ahead(1, ".") {
            let what = self.next().text.to_uppercase();
            return Err(Diagnostic::not_adql(self.here(), what));
        }
        if self.is_symbol("(") && self.is_symbol_ahead(1, ")") {
            return Err(self.expected("what to group by"));
        }
        self.value_expression()
    }
}

/// Whether a select item names no column.
fn needs_no_table(item: &SelectItem) -> bool {
    match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
            visit_expressions(expr, |e| match e {
                Expr::Identifier(_) | Expr::CompoundIdentifier(_) => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            })
            .is_continue()
        }
        _ => false,
    }
}

fn attached(span: Span) -> AttachedToken {
    AttachedToken(TokenWithSpan { token: SqlToken::EOF, span })
}
