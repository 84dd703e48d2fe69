//! The whitelist for queries, SELECTs and the items of FROM.

use sqlparser::ast::{
    Cte, Distinct, GroupByExpr, Join, JoinConstraint, JoinOperator, LimitClause, OrderBy,
    OrderByKind, Query, Select, SelectFlavor, SelectItem, SetExpr, SetOperator, SetQuantifier,
    TableAlias, TableFactor, Top, TopQuantity, WildcardAdditionalOptions,
};
use sqlparser::tokenizer::Location;

use super::Findings;
use crate::error::Diagnostic;
use crate::tree::{MOST_ROWS, count_value, factor_start, query_start, start};

/// Everything of a query but its body's expressions.
pub(super) fn check_query(query: &Query, findings: &mut Findings) {
    let at = query_start(query);
    if let Some(with) = &query.with {
        if with.recursive {
            findings.not_adql(with.with_token.0.span.start, "WITH RECURSIVE");
        }
        for cte in &with.cte_tables {
            check_cte(cte, findings);
        }
    }
    check_body(&query.body, at, findings);
    if let Some(order_by) = &query.order_by {
        check_order_by(order_by, at, findings);
    }
    if let Some(limit) = &query.limit_clause {
        check_limit(limit, findings);
    }
    let refused = [
        (query.fetch.is_some(), "FETCH"),
        (!query.locks.is_empty(), "FOR UPDATE"),
        (query.for_clause.is_some(), "FOR"),
        (query.settings.is_some(), "SETTINGS"),
        (query.format_clause.is_some(), "FORMAT"),
        (!query.pipe_operators.is_empty(), "|>"),
    ];
    refuse(&refused, at, findings);
}

fn refuse(refused: &[(bool, &str)], at: Location, findings: &mut Findings) {
    for (present, what) in refused {
        if *present {
            findings.not_adql(at, *what);
        }
    }
}

fn check_cte(cte: &Cte, findings: &mut Findings) {
    let at = cte.alias.name.span.start;
    check_table_alias(&cte.alias, findings);
    refuse(
        &[
            (cte.from.is_some(), "FROM after a common table"),
            (cte.materialized.is_some(), "MATERIALIZED"),
        ],
        at,
        findings,
    );
}

fn check_body(body: &SetExpr, at: Location, findings: &mut Findings) {
    match body {
        // Visited on their own.
        SetExpr::Select(_) | SetExpr::Query(_) => {}
        SetExpr::SetOperation { left, op, set_quantifier, right } => {
            if !matches!(op, SetOperator::Union | SetOperator::Except | SetOperator::Intersect) {
                let fault = Diagnostic::not_adql(at, op.to_string());
                findings.structure.push(fault.suggest("use EXCEPT"));
            }
            if !matches!(
                set_quantifier,
                SetQuantifier::All | SetQuantifier::Distinct | SetQuantifier::None
            ) {
                findings.not_adql(at, format!("{op} {set_quantifier}"));
            }
            check_body(left, at, findings);
            check_body(right, at, findings);
        }
        SetExpr::Values(_) => findings.not_adql(at, "VALUES"),
        SetExpr::Table(_) => findings.not_adql(at, "TABLE"),
        SetExpr::Insert(_) => findings.not_adql(at, "INSERT"),
        SetExpr::Update(_) => findings.not_adql(at, "UPDATE"),
        SetExpr::Delete(_) => findings.not_adql(at, "DELETE"),
        SetExpr::Merge(_) => findings.not_adql(at, "MERGE"),
    }
}

fn check_order_by(order_by: &OrderBy, at: Location, findings: &mut Findings) {
    if order_by.interpolate.is_some() {
        findings.not_adql(at, "INTERPOLATE");
    }
    match &order_by.kind {
        OrderByKind::All(_) => findings.not_adql(at, "ORDER BY ALL"),
        OrderByKind::Expressions(items) => {
            for item in items {
                if item.with_fill.is_some() {
                    findings.not_adql(start(&item.expr), "WITH FILL");
                }
                if item.options.nulls_first.is_some() {
                    findings.extension("NULLS FIRST or LAST");
                }
            }
        }
    }
}

fn check_limit(limit: &LimitClause, findings: &mut Findings) {
    match limit {
        LimitClause::LimitOffset { limit, offset, limit_by } => {
            if let Some(limit) = limit {
                findings.extension("LIMIT");
                if count_value(limit).is_none() {
                    let message = "LIMIT takes a non-negative integer";
                    findings.structure.push(Diagnostic::invalid(start(limit), message));
                }
            }
            if let Some(offset) = offset
                && count_value(&offset.value).is_none()
            {
                let message = "OFFSET takes a non-negative integer";
                findings.structure.push(Diagnostic::invalid(start(&offset.value), message));
            }
            if let Some(first) = limit_by.first() {
                findings.not_adql(start(first), "LIMIT … BY");
            }
        }
        LimitClause::OffsetCommaLimit { offset, .. } => {
            let fault = Diagnostic::not_adql(start(offset), "LIMIT with a comma");
            findings.structure.push(fault.suggest("write TOP n and OFFSET m"));
        }
    }
}

/// Every field of a SELECT.
pub(super) fn check_select(select: &Select, findings: &mut Findings) {
    let at = select.select_token.0.span.start;
    if let Some(top) = &select.top {
        check_top(top, at, findings);
    }
    if let Some(Distinct::On(_)) = select.distinct {
        findings.not_adql(at, "DISTINCT ON");
    }
    for item in &select.projection {
        check_select_item(item, at, findings);
    }
    for from in &select.from {
        check_joins(&from.joins, at, findings);
    }
    match &select.group_by {
        GroupByExpr::All(_) => findings.not_adql(at, "GROUP BY ALL"),
        GroupByExpr::Expressions(_, modifiers) if !modifiers.is_empty() => {
            findings.not_adql(at, "a modifier of GROUP BY");
        }
        GroupByExpr::Expressions(..) => {}
    }
    let refused = [
        (!select.optimizer_hints.is_empty(), "an optimizer hint"),
        (select.select_modifiers.is_some(), "a modifier of SELECT"),
        (select.top_before_distinct, "TOP before DISTINCT"),
        (select.exclude.is_some(), "EXCLUDE"),
        (select.into.is_some(), "INTO"),
        (!select.lateral_views.is_empty(), "LATERAL VIEW"),
        (select.prewhere.is_some(), "PREWHERE"),
        (!select.connect_by.is_empty(), "CONNECT BY"),
        (!select.cluster_by.is_empty(), "CLUSTER BY"),
        (!select.distribute_by.is_empty(), "DISTRIBUTE BY"),
        (!select.sort_by.is_empty(), "SORT BY"),
        (!select.named_window.is_empty(), "WINDOW"),
        (select.qualify.is_some(), "QUALIFY"),
        (select.value_table_mode.is_some(), "SELECT AS STRUCT or VALUE"),
        (select.flavor != SelectFlavor::Standard, "FROM before SELECT"),
    ];
    refuse(&refused, at, findings);
}

fn check_top(top: &Top, at: Location, findings: &mut Findings) {
    refuse(&[(top.percent, "TOP … PERCENT"), (top.with_ties, "WITH TIES")], at, findings);
    match &top.quantity {
        Some(TopQuantity::Constant(count)) if *count <= MOST_ROWS => {}
        Some(TopQuantity::Expr(expr)) if count_value(expr).is_some() => {}
        _ => findings.structure.push(Diagnostic::invalid(at, "TOP takes a non-negative integer")),
    }
}

fn check_select_item(item: &SelectItem, at: Location, findings: &mut Findings) {
    match item {
        SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. } => {}
        SelectItem::ExprWithAliases { expr, .. } => {
            findings.not_adql(start(expr), "several aliases of one expression");
        }
        SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options) => {
            let WildcardAdditionalOptions {
                wildcard_token: _,
                opt_ilike,
                opt_exclude,
                opt_except,
                opt_replace,
                opt_rename,
                opt_alias,
            } = options;
            let plain = opt_ilike.is_none()
                && opt_exclude.is_none()
                && opt_except.is_none()
                && opt_replace.is_none()
                && opt_rename.is_none()
                && opt_alias.is_none();
            if !plain {
                findings.not_adql(at, "a modifier of *");
            }
        }
    }
}

fn check_joins(joins: &[Join], at: Location, findings: &mut Findings) {
    for join in joins {
        if join.global {
            findings.not_adql(at, "GLOBAL JOIN");
        }
        let at = factor_start(&join.relation);
        match &join.join_operator {
            JoinOperator::Join(_) | JoinOperator::Inner(_) => {}
            JoinOperator::Left(on)
            | JoinOperator::LeftOuter(on)
            | JoinOperator::Right(on)
            | JoinOperator::RightOuter(on)
            | JoinOperator::FullOuter(on) => {
                if *on == JoinConstraint::None {
                    let message = "an outer join needs a condition";
                    let fault = Diagnostic::invalid(at, message);
                    findings.structure.push(fault.suggest("add ON, USING or NATURAL"));
                }
            }
            JoinOperator::CrossJoin(on) => {
                findings.extension("CROSS JOIN");
                if *on != JoinConstraint::None {
                    findings.not_adql(at, "CROSS JOIN with a condition");
                }
            }
            JoinOperator::Semi(_)
            | JoinOperator::LeftSemi(_)
            | JoinOperator::RightSemi(_)
            | JoinOperator::Anti(_)
            | JoinOperator::LeftAnti(_)
            | JoinOperator::RightAnti(_) => {
                let fault = Diagnostic::not_adql(at, "SEMI or ANTI JOIN");
                findings.structure.push(fault.suggest("use [NOT] EXISTS"));
            }
            JoinOperator::CrossApply | JoinOperator::OuterApply => {
                findings.not_adql(at, "APPLY");
            }
            JoinOperator::AsOf { .. } => findings.not_adql(at, "ASOF JOIN"),
            JoinOperator::StraightJoin(_) => findings.not_adql(at, "STRAIGHT_JOIN"),
            JoinOperator::ArrayJoin
            | JoinOperator::LeftArrayJoin
            | JoinOperator::InnerArrayJoin => findings.not_adql(at, "ARRAY JOIN"),
        }
    }
}

/// One item of FROM.
pub(super) fn check_table_factor(factor: &TableFactor, findings: &mut Findings) {
    let at = factor_start(factor);
    match factor {
        TableFactor::Table {
            name: _,
            alias,
            args,
            with_hints,
            version,
            with_ordinality,
            partitions,
            json_path,
            sample,
            index_hints,
        } => {
            if let Some(alias) = alias {
                check_table_alias(alias, findings);
                if !alias.columns.is_empty() {
                    findings.not_adql(alias.name.span.start, "a list of columns after a table");
                }
            }
            let refused = [
                (args.is_some(), "a table function"),
                (!with_hints.is_empty(), "a table hint"),
                (version.is_some(), "a table version (FOR … AS OF)"),
                (*with_ordinality, "WITH ORDINALITY"),
                (!partitions.is_empty(), "PARTITION"),
                (json_path.is_some(), "a JSON path"),
                (sample.is_some(), "TABLESAMPLE"),
                (!index_hints.is_empty(), "an index hint"),
            ];
            refuse(&refused, at, findings);
        }
        TableFactor::Derived { lateral, subquery: _, alias, sample } => {
            if let Some(alias) = alias {
                check_table_alias(alias, findings);
            }
            refuse(&[(*lateral, "LATERAL"), (sample.is_some(), "TABLESAMPLE")], at, findings);
        }
        TableFactor::NestedJoin { table_with_joins, alias } => {
            check_joins(&table_with_joins.joins, at, findings);
            if let Some(alias) = alias {
                findings.not_adql(alias.name.span.start, "an alias of a parenthesised join");
            }
        }
        TableFactor::Pivot { .. } | TableFactor::Unpivot { .. } => {
            findings.not_adql(at, "PIVOT");
        }
        TableFactor::UNNEST { .. } => findings.not_adql(at, "UNNEST"),
        TableFactor::MatchRecognize { .. } => findings.not_adql(at, "MATCH_RECOGNIZE"),
        TableFactor::TableFunction { .. }
        | TableFactor::Function { .. }
        | TableFactor::JsonTable { .. }
        | TableFactor::OpenJsonTable { .. }
        | TableFactor::XmlTable { .. }
        | TableFactor::SemanticView { .. } => findings.not_adql(at, "a table function"),
    }
}

fn check_table_alias(alias: &TableAlias, findings: &mut Findings) {
    let at = alias.name.span.start;
    if alias.at.is_some() {
        findings.not_adql(at, "AT after an alias");
    }
    for column in &alias.columns {
        if column.data_type.is_some() {
            findings.not_adql(column.name.span.start, "a type in a list of column names");
        }
    }
}
