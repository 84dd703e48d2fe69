//! Configuration of tasks: typed, complete, and known by where each value comes from.
//!
//! ```text
//!   defaults of the task ◀ pipeline file ◀ -C FILE ◀ -c characterize.detection.threshold=6
//! ```
//!
//! A configuration is a tree that always holds every key; an override replaces a node of it. A key
//! that the tree does not have is refused with the nearest that it has, a value of the wrong type
//! with its key, both before anything runs. What is saved with a run is the whole tree, headed by
//! the overrides that made it.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_yaml_ng::{Mapping, Value};

use crate::butler::nearest;

/// What is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// There is no such key.
    #[error("{origin}: {label} has no setting {key}{}", near.as_ref().map_or(String::new(), |near| format!("; did you mean {near}?")))]
    UnknownKey {
        /// Who asked for it.
        origin: String,
        /// Label of the task.
        label: String,
        /// The key, dots between its parts.
        key: String,
        /// The nearest that there is.
        near: Option<String>,
    },
    /// A value that the key cannot have.
    #[error("{origin}: {label}.{key} = {value}: {reason}")]
    Value {
        /// Who asked for it.
        origin: String,
        /// Label of the task.
        label: String,
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// Why not.
        reason: String,
    },
    /// Values that are right alone and wrong together, or out of their range.
    #[error("{label}: {fault}")]
    Invalid {
        /// Label of the task.
        label: String,
        /// What is wrong.
        fault: String,
    },
    /// An override that is not of the form `task.key=value`.
    #[error("{text}: an override is TASK.KEY=VALUE")]
    Form {
        /// The override.
        text: String,
    },
}

impl ConfigError {
    /// What is wrong, without who asked for it: for where that is said of several at once.
    pub fn fault(&self) -> String {
        let text = self.to_string();
        let origin = match self {
            Self::UnknownKey { origin, .. } | Self::Value { origin, .. } => format!("{origin}: "),
            Self::Invalid { .. } | Self::Form { .. } => String::new(),
        };
        text.strip_prefix(&origin).unwrap_or(&text).to_owned()
    }
}

/// A task's configuration: plain data that knows its limits.
pub trait TaskConfig: Clone + Default + Serialize + DeserializeOwned + Send + Sync {
    /// What is wrong with the values, a line each; nothing for a valid one.
    fn faults(&self) -> Vec<String>;
}

/// One override and its origin.
#[derive(Debug, Clone, PartialEq)]
pub struct Override {
    /// The key.
    pub key: String,
    /// The value.
    pub value: Value,
    /// Who asked for it.
    pub origin: String,
}

/// The configuration of one task of a pipeline.
#[derive(Debug, Clone)]
pub struct Configuration {
    label: String,
    tree: Value,
    history: Vec<Override>,
    check: Check,
}

/// Reads a tree as the task's type, and names what is wrong with its values.
type Check = fn(&Value) -> Result<Vec<String>, String>;

fn check_as<C: TaskConfig>(tree: &Value) -> Result<Vec<String>, String> {
    let config: C = serde_yaml_ng::from_value(tree.clone()).map_err(|error| error.to_string())?;
    Ok(config.faults())
}

impl Configuration {
    /// The defaults of a task that has the label in its pipeline.
    pub fn defaults<C: TaskConfig>(label: &str) -> Self {
        let tree = serde_yaml_ng::to_value(C::default()).unwrap_or_default();
        let tree = if tree.is_null() { Value::Mapping(Mapping::new()) } else { tree };
        Self { label: label.to_owned(), tree, history: vec![], check: check_as::<C> }
    }

    /// Replace a node of the tree.
    ///
    /// # Errors
    /// A key that there is not; a value that it cannot have.
    pub fn set(&mut self, key: &str, value: Value, origin: &str) -> Result<(), ConfigError> {
        let mut tree = self.tree.clone();
        let mut node = &mut tree;
        let mut done: Vec<&str> = vec![];
        for part in key.split('.') {
            let known = keys(node);
            let Some(next) = node.as_mapping_mut().and_then(|map| map.get_mut(part)) else {
                return Err(self.unknown(key, &done, part, &known, origin));
            };
            node = next;
            done.push(part);
        }
        if let (Value::Mapping(_), Value::Mapping(parts)) = (&*node, &value) {
            // A part of the tree: its keys one by one, so that each is looked at.
            for (part, value) in parts {
                let part = part.as_str().unwrap_or_default();
                self.set(&format!("{key}.{part}"), value.clone(), origin)?;
            }
            return Ok(());
        }
        *node = value.clone();
        if let Err(reason) = (self.check)(&tree) {
            return Err(ConfigError::Value {
                origin: origin.to_owned(),
                label: self.label.clone(),
                key: key.to_owned(),
                value: inline(&value),
                reason,
            });
        }
        self.tree = tree;
        self.history.push(Override { key: key.to_owned(), value, origin: origin.to_owned() });
        Ok(())
    }

    /// Replace what a tree of overrides holds; return all that is wrong with it.
    pub fn merge(&mut self, overrides: &Mapping, origin: &str) -> Vec<ConfigError> {
        let mut faults = vec![];
        for (key, value) in overrides {
            let key = key.as_str().map_or_else(|| inline(key), str::to_owned);
            if let Err(fault) = self.set(&key, value.clone(), origin) {
                faults.push(fault);
            }
        }
        faults
    }

    /// What is wrong with the values together.
    pub fn faults(&self) -> Vec<ConfigError> {
        let fault = |fault| ConfigError::Invalid { label: self.label.clone(), fault };
        (self.check)(&self.tree)
            .unwrap_or_else(|reason| vec![reason])
            .into_iter()
            .map(fault)
            .collect()
    }

    /// The configuration as the task takes it.
    pub fn read<C: TaskConfig>(&self) -> Result<C, ConfigError> {
        serde_yaml_ng::from_value(self.tree.clone()).map_err(|error| ConfigError::Invalid {
            label: self.label.clone(),
            fault: error.to_string(),
        })
    }

    /// Value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        key.split('.').try_fold(&self.tree, |node, part| node.as_mapping()?.get(part))
    }

    /// The values alone, as YAML: equal configurations give equal texts.
    pub fn values(&self) -> String {
        serde_yaml_ng::to_string(&self.tree).unwrap_or_default()
    }

    /// The configuration as it is saved: the overrides, then every key with its value.
    pub fn to_yaml(&self) -> String {
        let line = |o: &Override| format!("# {} = {}   ({})\n", o.key, inline(&o.value), o.origin);
        let history: String = self.history.iter().map(line).collect();
        format!("# {}\n{history}{}", self.label, self.values())
    }

    fn unknown(
        &self,
        key: &str,
        done: &[&str],
        part: &str,
        siblings: &[String],
        origin: &str,
    ) -> ConfigError {
        let prefix = |name: &str| {
            let mut path = done.to_vec();
            path.push(name);
            path.join(".")
        };
        let near = nearest(part, siblings.iter().map(String::as_str)).map(|name| prefix(&name));
        // The right key at the wrong place is a likely slip too.
        let near = near.or_else(|| {
            let mut all = vec![];
            leaves(&self.tree, "", &mut all);
            let last = key.rsplit('.').next().unwrap_or(key);
            all.into_iter().find(|full| full.rsplit('.').next() == Some(last))
        });
        // So is a word in another form: max_iter for iterations.
        let near = near.or_else(|| {
            siblings.iter().find(|name| shares_word(part, name)).map(|name| prefix(name))
        });
        ConfigError::UnknownKey {
            origin: origin.to_owned(),
            label: self.label.clone(),
            key: key.to_owned(),
            near: near.map(|near| format!("{}.{near}", self.label)),
        }
    }
}

/// Split `task.key=value` into its parts; the value is YAML.
///
/// # Errors
/// [`ConfigError::Form`].
pub fn parse_override(text: &str) -> Result<(String, String, Value), ConfigError> {
    let form = || ConfigError::Form { text: text.to_owned() };
    let (path, value) = text.split_once('=').ok_or_else(form)?;
    let (label, key) = path.trim().split_once('.').ok_or_else(form)?;
    let value = serde_yaml_ng::from_str(value.trim()).map_err(|_| form())?;
    match label.is_empty() || key.is_empty() {
        true => Err(form()),
        false => Ok((label.to_owned(), key.to_owned(), value)),
    }
}

/// Whether a word of one key begins as a word of the other does.
fn shares_word(one: &str, other: &str) -> bool {
    let begins = |a: &str, b: &str| a.len() >= 4 && b.starts_with(a);
    one.split('_').any(|a| other.split('_').any(|b| begins(a, b) || begins(b, a)))
}

fn keys(node: &Value) -> Vec<String> {
    let keys = node.as_mapping().map(|map| map.keys().filter_map(Value::as_str));
    keys.into_iter().flatten().map(str::to_owned).collect()
}

fn leaves(node: &Value, path: &str, all: &mut Vec<String>) {
    for key in keys(node) {
        let full = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        if let Some(child) = node.as_mapping().and_then(|map| map.get(key.as_str())) {
            leaves(child, &full, all);
        }
        all.push(full);
    }
}

/// A value on one line.
pub(crate) fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => serde_json::to_string(value).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::characterize::CharacterizeConfig;

    fn configuration() -> Configuration {
        Configuration::defaults::<CharacterizeConfig>("characterize")
    }

    #[test]
    fn an_override_replaces_one_value_and_is_remembered() {
        let mut configuration = configuration();
        let (label, key, value) = parse_override("characterize.background.cell_px=64").unwrap();
        assert_eq!(label, "characterize");
        configuration.set(&key, value, "-c").unwrap();
        let config: CharacterizeConfig = configuration.read().unwrap();
        assert_eq!(config.background.cell_px, 64);
        assert_eq!(config.detection, CharacterizeConfig::default().detection);
        assert!(configuration.to_yaml().contains("# background.cell_px = 64   (-c)"));
        let overrides: Mapping =
            serde_yaml_ng::from_str("background: {clip_sigma: 4.0, clip_rounds: 2}").unwrap();
        assert_eq!(configuration.merge(&overrides, "file"), []);
        let config: CharacterizeConfig = configuration.read().unwrap();
        assert_eq!((config.background.clip_sigma, config.background.cell_px), (4.0, 64));
    }

    #[test]
    fn what_is_misspelt_is_refused_with_the_nearest() {
        let mut configuration = configuration();
        let before = configuration.clone();
        let error = configuration.set("background.cel_px", 64.into(), "-c").unwrap_err();
        assert_eq!(
            error.to_string(),
            "-c: characterize has no setting background.cel_px; \
             did you mean characterize.background.cell_px?"
        );
        let error = configuration.set("cell_px", 64.into(), "-c").unwrap_err().to_string();
        assert!(error.ends_with("did you mean characterize.background.cell_px?"), "{error}");
        let error = configuration.set("background.cell_px", "many".into(), "-c").unwrap_err();
        assert!(error.to_string().contains("characterize.background.cell_px = many"), "{error}");
        assert_eq!(configuration.to_yaml(), before.to_yaml());
        configuration.set("background.cell_px", 0.into(), "-c").unwrap();
        let faults: Vec<String> = configuration.faults().iter().map(ToString::to_string).collect();
        assert_eq!(faults, ["characterize: background.cell_px = 0 is not positive"]);
        for text in ["cell_px=3", "characterize.background", ".a=1"] {
            assert!(matches!(parse_override(text), Err(ConfigError::Form { .. })), "{text}");
        }
        let mut isr = Configuration::defaults::<crate::isr::IsrConfig>("isr");
        let error = isr.set("brighter_fatter.max_iter", 5.into(), "-c").unwrap_err().to_string();
        assert!(error.ends_with("did you mean isr.brighter_fatter.iterations?"), "{error}");
    }
}
