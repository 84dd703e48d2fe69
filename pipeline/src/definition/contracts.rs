//! Contracts: conditions between the settings of a pipeline's tasks, kept before anything runs.

use serde_yaml_ng::Value;

use super::Pipeline;
use crate::config::inline;
use crate::expression::{Comparison, Expression, ExpressionError, Item, Literal, Operand};
use crate::tasks::yaml_number;

/// A condition and what it is for.
#[derive(Debug, Clone)]
pub(super) struct Contract {
    text: String,
    message: String,
    condition: Expression,
}

/// A setting that a contract names and a task of the pipeline does not have.
struct Unknown {
    label: String,
    key: String,
}

impl Contract {
    pub fn parse(text: &str, message: &str) -> Result<Self, ExpressionError> {
        let condition = Expression::parse(text)?;
        Ok(Self { text: text.to_owned(), message: message.to_owned(), condition })
    }

    /// The tasks of whose settings it speaks.
    pub fn labels(&self) -> Vec<String> {
        let mut labels = vec![];
        gather_labels(&self.condition, &mut labels);
        labels
    }

    /// What is wrong; nothing where it holds, or speaks of tasks that the pipeline does not have.
    pub fn fault(&self, pipeline: &Pipeline) -> Option<String> {
        let mut values = vec![];
        match self.holds(&self.condition, pipeline, &mut values) {
            Ok(None | Some(true)) => None,
            Ok(Some(false)) => {
                let message =
                    if self.message.is_empty() { "it does not hold" } else { &self.message };
                Some(format!("contract {} ({}): {message}", self.text, values.join(" and ")))
            }
            Err(Unknown { label, key }) => {
                Some(format!("contract {}: {label} has no setting {key}", self.text))
            }
        }
    }

    /// Does a condition hold? `None` where it speaks of tasks that are not there.
    fn holds(
        &self,
        condition: &Expression,
        pipeline: &Pipeline,
        values: &mut Vec<String>,
    ) -> Result<Option<bool>, Unknown> {
        let mut all = |parts: &[Expression]| -> Result<Option<Vec<bool>>, Unknown> {
            parts.iter().map(|part| self.holds(part, pipeline, values)).collect()
        };
        Ok(match condition {
            Expression::And(parts) => all(parts)?.map(|parts| parts.into_iter().all(|held| held)),
            Expression::Or(parts) => all(parts)?.map(|parts| parts.into_iter().any(|held| held)),
            Expression::Not(inner) => self.holds(inner, pipeline, values)?.map(|held| !held),
            Expression::Compare { left, comparison, right } => {
                let sides = [operand(left, pipeline)?, operand(right, pipeline)?];
                let [Some(left), Some(right)] = sides else { return Ok(None) };
                values.extend([inline(&left), inline(&right)]);
                Some(compare(&left, *comparison, &right))
            }
            Expression::In { name, items } => {
                let Some(value) = setting(name, pipeline)? else { return Ok(None) };
                values.push(inline(&value));
                Some(items.iter().any(|item| is_item(&value, item)))
            }
            Expression::IsNull { name } => setting(name, pipeline)?.map(|value| value.is_null()),
            // Of the sky and of time no setting speaks.
            Expression::Glob { name, .. }
            | Expression::OverlapsRegion { name, .. }
            | Expression::OverlapsTime { name, .. } => {
                return Err(Unknown { label: "a contract".to_owned(), key: name.clone() });
            }
        })
    }
}

fn gather_labels(condition: &Expression, labels: &mut Vec<String>) {
    let mut add = |name: &str| labels.extend(name.split('.').next().map(str::to_owned));
    match condition {
        Expression::And(parts) | Expression::Or(parts) => {
            parts.iter().for_each(|part| gather_labels(part, labels));
        }
        Expression::Not(inner) => gather_labels(inner, labels),
        Expression::Compare { left, right, .. } => {
            for side in [left, right] {
                if let Operand::Name(name) = side {
                    add(name);
                }
            }
        }
        Expression::In { name, .. }
        | Expression::IsNull { name }
        | Expression::Glob { name, .. }
        | Expression::OverlapsRegion { name, .. }
        | Expression::OverlapsTime { name, .. } => add(name),
    }
}

fn operand(operand: &Operand, pipeline: &Pipeline) -> Result<Option<Value>, Unknown> {
    match operand {
        Operand::Name(name) => setting(name, pipeline),
        Operand::Value(literal) => Ok(Some(to_yaml(literal))),
    }
}

/// A setting; none where its task is not there.
fn setting(name: &str, pipeline: &Pipeline) -> Result<Option<Value>, Unknown> {
    let (label, key) = name.split_once('.').unwrap_or((name, ""));
    let Some(task) = pipeline.task(label) else { return Ok(None) };
    match task.configuration.get(key) {
        Some(value) => Ok(Some(value.clone())),
        None => Err(Unknown { label: label.to_owned(), key: key.to_owned() }),
    }
}

fn to_yaml(literal: &Literal) -> Value {
    match literal {
        Literal::Integer(value) => (*value).into(),
        Literal::Real(value) => (*value).into(),
        Literal::Text(text) => text.as_str().into(),
        Literal::Boolean(value) => (*value).into(),
    }
}

fn compare(left: &Value, comparison: Comparison, right: &Value) -> bool {
    if let (Some(left), Some(right)) = (yaml_number(left), yaml_number(right)) {
        return left.partial_cmp(&right).is_some_and(|order| comparison.holds(order));
    }
    match comparison {
        Comparison::Equal => left == right,
        Comparison::Different => left != right,
        _ => match (left.as_str(), right.as_str()) {
            (Some(left), Some(right)) => comparison.holds(left.cmp(right)),
            _ => false,
        },
    }
}

fn is_item(value: &Value, item: &Item) -> bool {
    match item {
        Item::One(literal) => compare(value, Comparison::Equal, &to_yaml(literal)),
        Item::Range { first, last, step } => {
            value.as_i64().is_some_and(|v| (*first..=*last).contains(&v) && (v - first) % step == 0)
        }
    }
}
