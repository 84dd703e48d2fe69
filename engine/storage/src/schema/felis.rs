//! Felis YAML to table definitions.
