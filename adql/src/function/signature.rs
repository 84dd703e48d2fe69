//! What a function takes and gives, in the notation of TAPRegExt.
//!
//! ```text
//! ivo_healpix_index(order INTEGER, lon REAL, lat REAL) -> BIGINT
//! ROUND(x DOUBLE [, places INTEGER]) -> DOUBLE              brackets: may be left out
//! COALESCE(a ANY, ...) -> ANY                               dots: the last may be repeated
//! ivo_histogram(val REAL, lower REAL, upper REAL, nbins INTEGER) -> INTEGER[]
//! ```
//!
//! Lengths (`VARCHAR(16)`, `NUMERIC(8, 2)`) are read over; a parameter may go without a name.
//!
//! Reference: TAPRegExt 1.0, section 2.3 (language features, user-defined functions).

use std::fmt;
use std::str::FromStr;

use super::ValueType;
use crate::names::did_you_mean;

/// The parameters of a function and the type of its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Name of the function, as written.
    pub name: String,
    /// Parameters in their order.
    pub parameters: Vec<Parameter>,
    /// Whether the last parameter may be repeated.
    pub is_variadic: bool,
    /// Type of the result.
    pub returns: ValueType,
}

/// One parameter of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Name; empty if it has none.
    pub name: String,
    /// Type of the argument.
    pub value_type: ValueType,
    /// Whether it may be left out.
    pub is_optional: bool,
}

/// Why a text is not a signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column} of the signature: {message}")]
pub struct SignatureError {
    /// Character in the text, from 1.
    pub column: usize,
    /// What is wrong there.
    pub message: String,
}

impl Signature {
    /// Whether the function may be called with `count` arguments.
    pub fn takes(&self, count: usize) -> bool {
        self.fewest() <= count && (self.is_variadic || count <= self.parameters.len())
    }

    /// The smallest number of arguments.
    pub fn fewest(&self) -> usize {
        self.parameters.iter().filter(|parameter| !parameter.is_optional).count()
    }

    /// The types of the parameters in a call of `count` arguments, if there is such a call.
    ///
    /// Parameters that may be left out are filled from the left.
    pub fn types(&self, count: usize) -> Option<Vec<ValueType>> {
        if !self.takes(count) {
            return None;
        }
        let mut spare = count - self.fewest();
        let mut types: Vec<ValueType> = vec![];
        for parameter in &self.parameters {
            if !parameter.is_optional {
                types.push(parameter.value_type);
            } else if spare > 0 {
                spare -= 1;
                types.push(parameter.value_type);
            }
        }
        let last = self.parameters.last().map(|parameter| parameter.value_type);
        types.extend(std::iter::repeat_n(last, count - types.len()).flatten());
        Some(types)
    }

    /// Whether values of these types are a call.
    pub fn accepts(&self, given: &[ValueType]) -> bool {
        self.types(given.len()).is_some_and(|types| {
            types.iter().zip(given).all(|(expected, given)| expected.takes(*given))
        })
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.name)?;
        let last = self.parameters.len().saturating_sub(1);
        for (index, parameter) in self.parameters.iter().enumerate() {
            let Parameter { name, value_type, is_optional } = parameter;
            let space = if name.is_empty() { "" } else { " " };
            match (is_optional, index) {
                (true, 0) if last > 0 => write!(f, "[{name}{space}{value_type},]")?,
                (true, 0) => write!(f, "[{name}{space}{value_type}]")?,
                (true, _) => write!(f, " [, {name}{space}{value_type}]")?,
                (false, 0) => write!(f, "{name}{space}{value_type}")?,
                // A comma stands in the brackets of the parameter before, if that begins the list.
                (false, 1) if self.parameters[0].is_optional => {
                    write!(f, " {name}{space}{value_type}")?;
                }
                (false, _) => write!(f, ", {name}{space}{value_type}")?,
            }
        }
        let dots = if self.is_variadic { ", ..." } else { "" };
        write!(f, "{dots}) -> {}", self.returns)
    }
}

impl FromStr for Signature {
    type Err = SignatureError;

    fn from_str(text: &str) -> Result<Self, SignatureError> {
        let mut reader = Reader { text, at: 0 };
        let name = reader.name("the name of a function")?.to_owned();
        reader.expect("(")?;
        let (parameters, is_variadic) = reader.parameters()?;
        reader.expect(")")?;
        let returns = if reader.take("->") { reader.value_type()? } else { ValueType::Any };
        match reader.rest() {
            "" => Ok(Self { name, parameters, is_variadic, returns }),
            rest => Err(reader.fault(format!("{rest} is too much"))),
        }
    }
}

/// A place in the text of a signature.
struct Reader<'t> {
    text: &'t str,
    /// Byte offset, always at a character.
    at: usize,
}

impl<'t> Reader<'t> {
    /// What is left, without leading blanks.
    fn rest(&mut self) -> &'t str {
        let rest = self.text[self.at..].trim_start();
        self.at = self.text.len() - rest.len();
        rest.trim_end()
    }

    fn fault(&self, message: impl Into<String>) -> SignatureError {
        let column = self.text[..self.at].chars().count() + 1;
        SignatureError { column, message: message.into() }
    }

    fn take(&mut self, mark: &str) -> bool {
        let found = self.rest().starts_with(mark);
        if found {
            self.at += mark.len();
        }
        found
    }

    fn expect(&mut self, mark: &str) -> Result<(), SignatureError> {
        if self.take(mark) {
            return Ok(());
        }
        let found = self.found();
        Err(self.fault(format!("{mark} is expected, not {found}")))
    }

    /// The next character, in words.
    fn found(&mut self) -> String {
        match self.rest().chars().next() {
            Some(c) if c.is_control() => "a control character".to_owned(),
            Some(c) => c.to_string(),
            None => "the end".to_owned(),
        }
    }

    fn word(&mut self) -> Option<&'t str> {
        let rest = self.rest();
        let end =
            rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let word = &rest[..end];
        self.at += end;
        (!word.is_empty()).then_some(word)
    }

    fn name(&mut self, what: &str) -> Result<&'t str, SignatureError> {
        self.rest();
        let begin = self.at;
        match self.word() {
            Some(word) if word.starts_with(|c: char| c.is_ascii_digit()) => {
                self.at = begin;
                Err(self.fault(format!("{what} begins with a letter, not with a digit")))
            }
            Some(word) => Ok(word),
            None => {
                let found = self.found();
                Err(self.fault(format!("{what} is expected, not {found}")))
            }
        }
    }

    fn parameters(&mut self) -> Result<(Vec<Parameter>, bool), SignatureError> {
        let mut parameters = vec![];
        if self.rest().starts_with(')') {
            return Ok((parameters, false));
        }
        loop {
            if !parameters.is_empty() && self.take("...") {
                return Ok((parameters, true));
            }
            let bracket = self.take("[");
            let comma = self.take(",");
            if comma && (parameters.is_empty() || !bracket) {
                self.at -= 1;
                return Err(self.fault("a parameter is expected, not ,"));
            }
            let parameter = self.parameter(bracket)?;
            parameters.push(parameter);
            let inner_comma = bracket && self.take(",");
            if bracket {
                self.expect("]")?;
            }
            let more = inner_comma || self.take(",") || self.rest().starts_with('[');
            if self.take("...") {
                return Ok((parameters, true));
            }
            if !more {
                return Ok((parameters, false));
            }
        }
    }

    fn parameter(&mut self, is_optional: bool) -> Result<Parameter, SignatureError> {
        self.rest();
        let begin = self.at;
        let name = self.name("a parameter")?;
        let follows = self.rest();
        let is_type = |word: &str| ValueType::of_word(word).is_some();
        let next = follows.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).next();
        let name = match next {
            // `DOUBLE PRECISION` is a type without a name.
            Some(next) if !next.is_empty() && (is_type(next) || !is_type(name)) => name,
            _ if is_type(name) => {
                self.at = begin;
                ""
            }
            _ => return Err(self.fault(format!("the type of the parameter {name} is missing"))),
        };
        Ok(Parameter { name: name.to_owned(), value_type: self.value_type()?, is_optional })
    }

    fn value_type(&mut self) -> Result<ValueType, SignatureError> {
        self.rest();
        let begin = self.at;
        let word = self.name("a type")?;
        let Some(mut found) = ValueType::of_word(word) else {
            self.at = begin;
            let hint = did_you_mean(word, ValueType::words()).unwrap_or_else(|| {
                "the types are those of ADQL, such as INTEGER, BIGINT, DOUBLE, VARCHAR, POINT"
                    .to_owned()
            });
            return Err(self.fault(format!("{word} is no type; {hint}")));
        };
        let qualifier = match found {
            ValueType::Double => Some("PRECISION"),
            ValueType::Char => Some("VARYING"),
            _ => None,
        };
        let before = self.at;
        match (qualifier, self.word()) {
            (Some(qualifier), Some(next)) if next.eq_ignore_ascii_case(qualifier) => {
                if found == ValueType::Char {
                    found = ValueType::Varchar;
                }
            }
            _ => self.at = before,
        }
        if self.take("(") {
            let length = |c: char| c.is_ascii_digit() || ",* ".contains(c);
            self.at += self.rest().chars().take_while(|c| length(*c)).count();
            self.expect(")")?;
        }
        while let Some(length) = self.array_length() {
            self.at += length;
            let Some(array) = found.array() else {
                return Err(self.fault("a list of lists is not possible"));
            };
            found = array;
        }
        Ok(found)
    }

    /// The bytes of `[]`, `[3]` or `[*]`, where that follows, and not a bracket of something else.
    fn array_length(&mut self) -> Option<usize> {
        let inside = self.rest().strip_prefix('[')?;
        let n = inside.find(|c: char| !(c.is_ascii_digit() || c == '*'))?;
        inside[n..].starts_with(']').then_some(n + 2)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(text: &str, printed: &str) {
        let signature: Signature = text.parse().unwrap();
        assert_eq!(signature.to_string(), printed);
        assert_eq!(printed.parse::<Signature>().unwrap(), signature, "{printed}");
    }

    fn check_fault(text: &str, column: usize, message: &str) {
        let fault = text.parse::<Signature>().unwrap_err();
        assert_eq!((fault.column, fault.message.as_str()), (column, message), "{text}");
    }

    #[test]
    fn signatures_as_services_write_them() {
        check("f(a DOUBLE, b TEXT) -> BIGINT", "f(a DOUBLE, b TEXT) -> BIGINT");
        check(" f ( a double precision,b varchar(16) )->clob ", "f(a DOUBLE, b VARCHAR) -> TEXT");
        check("f()->INTEGER", "f() -> INTEGER");
        check("f(DOUBLE PRECISION, INTEGER[]) -> REAL[3]", "f(DOUBLE, INTEGER[]) -> REAL[]");
        check("f(point POINT, region REGION) -> int", "f(point POINT, region REGION) -> INTEGER");
        check("f(a NUMERIC(8, 2), b STRING)", "f(a NUMERIC, b VARCHAR) -> ANY");
        check("f(a CHARACTER VARYING(3)) -> BLOB", "f(a VARCHAR) -> BLOB");
        check("f(x DOUBLE [, n INTEGER]) -> DOUBLE", "f(x DOUBLE [, n INTEGER]) -> DOUBLE");
        check("f([c CHAR,] x DOUBLE, ...) -> POINT", "f([c CHAR,] x DOUBLE, ...) -> POINT");
        check("f([seed INTEGER]) -> DOUBLE", "f([seed INTEGER]) -> DOUBLE");
    }

    #[test]
    fn faults_have_a_place() {
        check_fault("", 1, "the name of a function is expected, not the end");
        check_fault(
            "2mass(a REAL)",
            1,
            "the name of a function begins with a letter, not with a digit",
        );
        check_fault("f", 2, "( is expected, not the end");
        check_fault("f(a)", 4, "the type of the parameter a is missing");
        check_fault("f(a DUBLE)", 5, "DUBLE is no type; did you mean DOUBLE?");
        check_fault("f(a DOUBLE", 11, ") is expected, not the end");
        check_fault("f(a DOUBLE,) -> REAL", 12, "a parameter is expected, not )");
        check_fault("f(, a DOUBLE) -> REAL", 3, "a parameter is expected, not ,");
        check_fault("f(a DOUBLE) -> ", 16, "a type is expected, not the end");
        check_fault("f(a DOUBLE) -> REAL;", 20, "; is too much");
        check_fault("f(a REAL[][])", 13, "a list of lists is not possible");
    }

    #[test]
    fn arguments_are_counted_and_typed() {
        let types = |text: &str, n| text.parse::<Signature>().unwrap().types(n);
        use ValueType::{Any, Double, Varchar};
        assert_eq!(types("f([c VARCHAR,] x DOUBLE) -> REAL", 1), Some(vec![Double]));
        assert_eq!(types("f([c VARCHAR,] x DOUBLE) -> REAL", 2), Some(vec![Varchar, Double]));
        assert_eq!(types("f([c VARCHAR,] x DOUBLE) -> REAL", 3), None);
        assert_eq!(types("f(a ANY, ...) -> ANY", 3), Some(vec![Any, Any, Any]));
        assert_eq!(types("f(a ANY, ...) -> ANY", 0), None);
        assert_eq!(types("f() -> ANY", 0), Some(vec![]));
    }

    #[test]
    fn fractions_do_not_pass_for_whole_numbers() {
        let accepts = |given: &[ValueType]| {
            let signature: Signature =
                "f(n INTEGER, x DOUBLE, t TIMESTAMP) -> REAL".parse().unwrap();
            signature.accepts(given)
        };
        use ValueType::{Any, BigInt, Double, Timestamp, Varchar};
        assert!(accepts(&[BigInt, BigInt, Varchar]));
        assert!(accepts(&[Any, Any, Timestamp]));
        assert!(!accepts(&[Double, Double, Timestamp]));
        assert!(!accepts(&[BigInt, Varchar, Timestamp]));
    }
}
