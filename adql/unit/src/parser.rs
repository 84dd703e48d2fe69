//! The grammar of unit strings.
//!
//! ```text
//! unit    = [ scale ] [ term { separator term } ]     separator: . * blank, or / for a quotient
//! scale   = number | 10 ** power
//! term    = ( symbol | function ( unit ) | ( unit ) ) [ power ]
//! power   = ** number | ^ number | number right behind,   number: 2, -1, 1.5, (3/2)
//! ```
//!
//! Quotients are read from the left: `erg/s/cm2` and `erg/s.cm2` as `(erg/s)/cm2`, `(erg/s).cm2`.

use std::str::FromStr;

use super::{Unit, UnitError, printable, symbol};

/// Parentheses inside parentheses; more is no unit that anybody writes.
const DEEPEST: usize = 16;

impl FromStr for Unit {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let mut reader = Reader { text, rest: text.trim(), depth: 0 };
        let unit = reader.unit()?;
        match reader.rest.chars().next() {
            None => Ok(unit),
            Some(')') => Err(reader.fault("there is no ( before )")),
            Some(c) => {
                Err(reader.fault(format!("{} cannot stand there", printable(&c.to_string()))))
            }
        }
    }
}

struct Reader<'t> {
    text: &'t str,
    rest: &'t str,
    depth: usize,
}

impl<'t> Reader<'t> {
    fn fault(&self, reason: impl Into<String>) -> UnitError {
        UnitError::Syntax { unit: printable(self.text.trim()), reason: reason.into() }
    }

    fn take(&mut self, mark: &str) -> bool {
        match self.rest.strip_prefix(mark) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Skip blanks; says whether there were any.
    fn blanks(&mut self) -> bool {
        let rest = self.rest.trim_start();
        let found = rest.len() < self.rest.len();
        self.rest = rest;
        found
    }

    fn unit(&mut self) -> Result<Unit, UnitError> {
        self.blanks();
        let scale = self.scale()?;
        let has_scale = scale.is_some();
        let mut unit = scale.unwrap_or(Unit::ONE);
        let mut is_first = true;
        loop {
            let is_separated = self.blanks();
            if self.rest.is_empty() || self.rest.starts_with(')') {
                return Ok(unit);
            }
            let is_quotient = self.take("/");
            let is_product = !is_quotient && (self.take(".") || self.take("*"));
            if !is_first && !is_quotient && !is_product && !is_separated && !has_scale {
                // Two terms that touch: a parenthesis begins the second.
                if !self.rest.starts_with('(') {
                    let shown = printable(&self.rest.chars().take(8).collect::<String>());
                    return Err(self.fault(format!("{shown} cannot stand there")));
                }
            }
            self.blanks();
            let term = self.term()?;
            let power = if is_quotient { -1 } else { 1 };
            let term =
                term.to_power(power, 1).ok_or_else(|| self.fault("it is out of all measure"))?;
            unit = unit.times(&term);
            is_first = false;
        }
    }

    /// A number in front of the unit: `10**3`, `10+3`, `0.001`, `1e-3`.
    fn scale(&mut self) -> Result<Option<Unit>, UnitError> {
        let before = self.rest;
        if self.take("10") {
            let is_power = self.take("**") || self.take("^") || self.rest.starts_with(['+', '-']);
            if is_power {
                let (numerator, denominator) = self.number()?;
                let ten = Unit { power_of_ten: 1, ..Unit::ONE };
                let scale = ten.to_power(numerator, denominator);
                return scale.map(Some).ok_or_else(|| self.fault("it is out of all measure"));
            }
            self.rest = before;
        }
        let mut length =
            before.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(before.len());
        if length == 0 || !before.starts_with(|c: char| c.is_ascii_digit()) {
            return Ok(None);
        }
        // An exponent, unless the e begins a symbol (1eV).
        if let Some(exponent) = before[length..].strip_prefix(['e', 'E']) {
            let digits = exponent.trim_start_matches(['+', '-']);
            let n = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
            if n > 0 {
                length = before.len() - digits.len() + n;
            }
        }
        // The dot may be the product of number and symbol: 1000.m
        let number = before[..length].trim_end_matches('.');
        self.rest = &before[number.len()..];
        match number.parse::<f64>() {
            Ok(number) if number > 0.0 && number.is_finite() => {
                Ok(Some(Unit { number, ..Unit::ONE }))
            }
            _ => Err(self.fault(format!("{} is no scale", printable(number)))),
        }
    }

    fn term(&mut self) -> Result<Unit, UnitError> {
        let unit = if self.take("(") {
            self.inside()?
        } else {
            let is_symbol = |c: char| c.is_alphabetic() || c == '%' || c == '_';
            let length = self.rest.find(|c: char| !is_symbol(c)).unwrap_or(self.rest.len());
            let (word, rest) = self.rest.split_at(length);
            if word.is_empty() {
                let found = match self.rest.chars().next() {
                    Some(c) => format!("before {}", printable(&c.to_string())),
                    None => "at the end".to_owned(),
                };
                return Err(self.fault(format!("a unit is expected {found}")));
            }
            self.rest = rest;
            match word {
                "log" | "ln" | "exp" | "sqrt" if self.take("(") => self.function(word)?,
                word => symbol::unit(word)?,
            }
        };
        let is_marked = self.take("**") || self.take("^");
        let follows = self.rest.starts_with(|c: char| c.is_ascii_digit() || c == '+' || c == '-');
        if !is_marked && !follows {
            return Ok(unit);
        }
        let (numerator, denominator) = self.number()?;
        unit.to_power(numerator, denominator).ok_or_else(|| self.fault("it is out of all measure"))
    }

    /// What stands in parentheses, up to the closing one.
    fn inside(&mut self) -> Result<Unit, UnitError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.fault("its parentheses are too deep"));
        }
        let unit = self.unit()?;
        self.depth -= 1;
        if self.take(")") { Ok(unit) } else { Err(self.fault("a ) is missing")) }
    }

    fn function(&mut self, name: &str) -> Result<Unit, UnitError> {
        let begin = self.rest;
        let unit = self.inside()?;
        if name == "sqrt" {
            return unit.to_power(1, 2).ok_or_else(|| self.fault("it is out of all measure"));
        }
        let inside = &begin[..begin.len() - self.rest.len()];
        Ok(Unit { logarithm: Some(printable(&format!("{name}({inside}"))), ..unit })
    }

    /// A power: an integer, a decimal, or either or a fraction in parentheses.
    fn number(&mut self) -> Result<(i32, i32), UnitError> {
        let is_nested = self.take("(");
        let (mut numerator, mut denominator) = self.decimal()?;
        if is_nested {
            if self.take("/") {
                let (n, d) = self.decimal()?;
                (numerator, denominator) = (numerator * d, denominator * n);
            }
            if !self.take(")") {
                return Err(self.fault("a ) is missing"));
            }
        }
        match denominator {
            0 => Err(self.fault("a power must be a number")),
            d if d < 0 => Ok((-numerator, -d)),
            d => Ok((numerator, d)),
        }
    }

    /// Up to three digits before the point and two behind it.
    fn decimal(&mut self) -> Result<(i32, i32), UnitError> {
        let sign = if self.take("-") { -1 } else { 1 };
        self.take("+");
        let wrong = "a power must be a number";
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let n = digits(self.rest);
        let (whole, rest) = self.rest.split_at(n);
        let whole: i32 = match whole.parse() {
            Ok(whole) if n <= 3 => whole,
            _ => return Err(self.fault(wrong)),
        };
        self.rest = rest;
        // A dot that no digit follows is a product.
        let behind = rest.strip_prefix('.').map_or("", |behind| &behind[..digits(behind)]);
        if behind.is_empty() || behind.len() > 2 {
            return Ok((sign * whole, 1));
        }
        self.rest = &rest[1 + behind.len()..];
        let scale = 10_i32.pow(behind.len() as u32);
        let behind: i32 = behind.parse().map_err(|_| self.fault(wrong))?;
        Ok((sign * (whole * scale + behind), scale))
    }
}
