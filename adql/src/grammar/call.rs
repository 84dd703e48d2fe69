//! Calls of functions: what each takes between its parentheses.

use sqlparser::ast::{
    CastKind, CharacterLength, DataType, DuplicateTreatment, Expr, Function, FunctionArg,
    FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident, ObjectName, TimezoneInfo,
    UnaryOperator, Value, WindowType,
};
use sqlparser::tokenizer::Location;

use super::Service;
use super::expression::{Form, Sort, Typed, noun};
use super::lexer::Kind;
use super::parser::{Parse, Parser};
use crate::error::{Diagnostic, Problem, printable};
use crate::function::{self, Group};
use crate::names::did_you_mean;
use crate::tree::{bare, digits};

/// What stood between the parentheses of a call.
#[derive(Debug, Default)]
struct Arguments {
    duplicates: Option<DuplicateTreatment>,
    is_star: bool,
    values: Vec<Typed>,
}

impl Parser<'_> {
    /// Whether a function may be called: the standard's always, the service's own mostly.
    fn has(&self, function: &function::Function) -> bool {
        let is_own = function.is_user_defined() || function.group == Group::Window;
        !is_own || self.grammar.service == Service::Known
    }

    /// The call of a function.
    pub fn call(&mut self) -> Parse<Typed> {
        if self.is_word("CAST") {
            return self.cast();
        }
        let name = self.function_name();
        let at = name.span.start;
        let known = function::find(&name.value).filter(|function| self.has(function));
        let declared = self.grammar.functions.iter();
        let declared =
            declared.filter(|f| f.name.eq_ignore_ascii_case(&name.value)).collect::<Vec<_>>();
        let is_unknown = known.is_none() && declared.is_empty();
        let arguments = match self.arguments() {
            Err(_) if is_unknown && !is_of_the_ivoa(&name.value) => {
                return Err(unknown_function(&name));
            }
            arguments => arguments?,
        };
        let count = arguments.values.len();
        if let Some(function) = known {
            if let Err(fault) = self.check_call(&name, function, &arguments) {
                self.faults.push(fault);
            }
        } else if arguments.is_star || arguments.duplicates.is_some() {
            self.faults.push(of_a_set_function(&name, &arguments));
        } else if is_unknown {
            match is_of_the_ivoa(&name.value) {
                true => self.undeclared.push(unknown_function(&name)),
                false => self.faults.push(unknown_function(&name)),
            }
        } else if !declared.iter().any(|signature| signature.takes(count)) {
            let signatures: Vec<String> = declared.iter().map(ToString::to_string).collect();
            let problem = Problem::Arguments {
                function: name.value.clone(),
                expected: signatures.join(" or "),
                found: count,
            };
            self.faults.push(Diagnostic::new(at, problem));
        }
        let over = self.over()?;
        self.faults.extend(known.and_then(|function| misplaced_over(&name, function, &over)));
        let sort = match known {
            Some(function) => result_sort(function),
            None => Sort::Any,
        };
        let depth = arguments.values.iter().map(|value| value.depth).max().unwrap_or(0) + 1;
        self.not_too_deep(at, depth)?;
        let expr = Expr::Function(function_call(name, arguments, over));
        Ok(Typed::new(expr, sort, at).form(Form::Call).deep(depth))
    }

    fn arguments(&mut self) -> Parse<Arguments> {
        self.expect_symbol("(")?;
        let mut arguments = Arguments::default();
        if self.is_symbol("*") {
            self.advance();
            arguments.is_star = true;
            if self.is_symbol(",") {
                return Err(self.expected(")").suggest("COUNT takes * or one value"));
            }
        } else if !self.is_symbol(")") {
            arguments.duplicates = match () {
                () if self.take_word("DISTINCT") => Some(DuplicateTreatment::Distinct),
                () if self.take_word("ALL") => Some(DuplicateTreatment::All),
                () => None,
            };
            arguments.values = self.comma_separated(|parser| {
                let value = parser.expression()?;
                parser.value(&value)?;
                Ok(value)
            })?;
        }
        if !self.is_symbol(")") {
            return Err(self.expected(", or )"));
        }
        self.advance();
        Ok(arguments)
    }

    /// Check a call of a function that the service has.
    fn check_call(
        &mut self,
        name: &Ident,
        function: &'static function::Function,
        arguments: &Arguments,
    ) -> Parse<()> {
        let at = name.span.start;
        let upper = function.name.to_ascii_uppercase();
        let is_aggregate = function.is_aggregate();
        if matches!(function.group, Group::String | Group::Conditional | Group::Unit) {
            self.since_2_1(at, &upper)?;
        }
        if upper == "TIMESTAMP" {
            self.extension(at, "TIMESTAMP('…')")?;
        }
        if arguments.is_star && upper != "COUNT" || arguments.duplicates.is_some() && !is_aggregate
        {
            let name = Ident { value: function.name.to_owned(), ..name.clone() };
            return Err(of_a_set_function(&name, arguments));
        }
        if arguments.duplicates == Some(DuplicateTreatment::Distinct) && upper == "CORR" {
            let message = format!("{} takes all pairs, and no DISTINCT", function.name);
            let usual = "take the pairs from a SELECT DISTINCT in FROM";
            return Err(Diagnostic::invalid(at, message).suggest(usual));
        }
        if arguments.duplicates.is_some() && function.is_user_defined() {
            self.extension(at, &format!("DISTINCT or ALL in {}", function.name))?;
        }
        let count = arguments.values.len();
        if !arguments.is_star && !function.takes(count) {
            let problem = Problem::Arguments {
                function: function.name.to_owned(),
                expected: function.expects(),
                found: count,
            };
            self.faults.push(Diagnostic::new(at, problem));
            return Ok(());
        }
        match function.group {
            Group::Geometry => self.geometry(&upper, at, &arguments.values),
            Group::Math => self.numbers(&upper, &arguments.values),
            Group::String => self.all_of(&upper, "character strings", &arguments.values, |sort| {
                matches!(sort, Sort::Any | Sort::Null | Sort::Text)
            }),
            Group::Unit => self.in_unit(&arguments.values),
            Group::Conditional => coalesce(at, &arguments.values),
            _ => Ok(()),
        }
    }

    fn numbers(&mut self, function: &str, values: &[Typed]) -> Parse<()> {
        self.all_of(function, "numbers", values, is_number)?;
        let literal = match (function, values) {
            ("RAND", [seed]) if !is_integer(&seed.expr, false) => {
                Some((seed, "an unsigned integer"))
            }
            ("ROUND" | "TRUNCATE", [_, places]) if !is_integer(&places.expr, true) => {
                Some((places, "an integer"))
            }
            _ => None,
        };
        match literal {
            Some((value, wanted)) => {
                let what = format!("{function} with anything but {wanted} as its last argument");
                self.extension(value.at, &what)
            }
            None => Ok(()),
        }
    }

    /// `IN_UNIT(<numeric_value_expression>, '<unit>')`.
    fn in_unit(&mut self, values: &[Typed]) -> Parse<()> {
        let [value, unit] = values else { return Ok(()) };
        self.all_of("IN_UNIT", "a number and a unit", std::slice::from_ref(value), is_number)?;
        match is_string(&unit.expr) {
            true => Ok(()),
            false => {
                let fault = Diagnostic::invalid(unit.at, "the unit of IN_UNIT must be a string");
                Err(fault.suggest("write IN_UNIT(ra, 'rad')"))
            }
        }
    }

    /// Check that each argument is of a sort that the function takes.
    pub fn all_of(
        &self,
        function: &str,
        wanted: &str,
        values: &[Typed],
        fits: impl Fn(Sort) -> bool,
    ) -> Parse<()> {
        match values.iter().find(|value| !fits(value.sort) && value.sort != Sort::Condition) {
            Some(value) => {
                let is = noun(value.sort);
                let message = format!("{function} takes {wanted}, and this is {is}");
                Err(Diagnostic::invalid(value.at, message))
            }
            None => Ok(()),
        }
    }

    /// `CAST(<value_expression> AS <cast_target>)`.
    fn cast(&mut self) -> Parse<Typed> {
        let at = self.advance().span.start;
        self.since_2_1(at, "CAST")?;
        self.expect_symbol("(")?;
        let value = self.expression()?;
        self.value(&value)?;
        self.expect_word("AS")?;
        let data_type = self.cast_target()?;
        self.expect_symbol(")")?;
        let expr = Expr::Cast {
            kind: CastKind::Cast,
            expr: Box::new(value.expr),
            data_type,
            array: false,
            format: None,
        };
        let depth = value.depth + 1;
        self.not_too_deep(at, depth)?;
        Ok(Typed::new(expr, Sort::Any, at).form(Form::Call).deep(depth))
    }

    fn cast_target(&mut self) -> Parse<DataType> {
        let at = self.here();
        let word = self.next().text.to_uppercase();
        let target = match (self.next().kind, word.as_str()) {
            (Kind::Word, "SMALLINT") => DataType::SmallInt(None),
            (Kind::Word, "INTEGER") => DataType::Integer(None),
            (Kind::Word, "BIGINT") => DataType::BigInt(None),
            (Kind::Word, "REAL") => DataType::Real,
            (Kind::Word, "DOUBLE") => {
                self.advance();
                if !self.is_word("PRECISION") {
                    let fault = self.expected("PRECISION after DOUBLE");
                    self.extension(at, "DOUBLE without PRECISION").map_err(|_| fault)?;
                    return Ok(DataType::DoublePrecision);
                }
                DataType::DoublePrecision
            }
            (Kind::Word, "CHAR") => return Ok(DataType::Char(self.length()?)),
            (Kind::Word, "VARCHAR") => return Ok(DataType::Varchar(self.length()?)),
            (Kind::Word, "TIMESTAMP") => DataType::Timestamp(None, TimezoneInfo::None),
            (Kind::Word, "POINT" | "CIRCLE" | "POLYGON") => {
                DataType::Custom(ObjectName::from(vec![Ident::new(word)]), vec![])
            }
            (Kind::Word, "REGION") => self
                .foreign_type(DataType::Custom(ObjectName::from(vec![Ident::new(word)]), vec![]))?,
            (Kind::Word, "INT") => self.foreign_type(DataType::Integer(None))?,
            (Kind::Word, "FLOAT") => self.foreign_type(DataType::DoublePrecision)?,
            (Kind::Word, "TEXT" | "STRING") => self.foreign_type(DataType::Varchar(None))?,
            _ => return Err(self.no_cast_target(&word)),
        };
        self.advance();
        Ok(target)
    }

    /// A type that other languages have, an extension.
    fn foreign_type(&mut self, meant: DataType) -> Parse<DataType> {
        let word = self.next().text.to_uppercase();
        match self.is_lenient() {
            true => self.extension(self.here(), &format!("CAST(… AS {word})")).map(|()| meant),
            false => Err(self.no_cast_target(&word)),
        }
    }

    fn no_cast_target(&self, word: &str) -> Diagnostic {
        let instead = match word {
            "INT" => "write INTEGER",
            "FLOAT" | "NUMERIC" | "DECIMAL" => "write REAL or DOUBLE PRECISION",
            "TEXT" | "STRING" | "CHARACTER" => "write VARCHAR",
            "DATE" | "DATETIME" => "write TIMESTAMP",
            "BOOLEAN" | "BOOL" => "ADQL has no booleans: use INTEGER",
            _ => {
                "the types are SMALLINT, INTEGER, BIGINT, REAL, DOUBLE PRECISION, CHAR, VARCHAR, \
                 TIMESTAMP, POINT, CIRCLE and POLYGON"
            }
        };
        self.expected("a type that CAST knows").suggest(instead)
    }

    /// `[ (n) ]` after CHAR or VARCHAR.
    fn length(&mut self) -> Parse<Option<CharacterLength>> {
        self.advance();
        if !self.take_symbol("(") {
            return Ok(None);
        }
        let length = self.next().text.parse().ok().filter(|_| self.next().kind == Kind::Number);
        let Some(length) = length else { return Err(self.expected("a number of characters")) };
        self.advance();
        self.expect_symbol(")")?;
        Ok(Some(CharacterLength::IntegerLength { length, unit: None }))
    }
}

/// What is said of `*`, DISTINCT or ALL in a function that is none of the standard's aggregates.
fn of_a_set_function(name: &Ident, arguments: &Arguments) -> Diagnostic {
    let (at, name) = (name.span.start, printable(&name.value));
    match arguments.is_star {
        true => Diagnostic::not_adql(at, format!("{name}(*)")).suggest("only COUNT takes *"),
        false => Diagnostic::not_adql(at, format!("DISTINCT or ALL in {name}")),
    }
}

/// Some functions need OVER, and others have no use for it.
fn misplaced_over(
    name: &Ident,
    function: &function::Function,
    over: &Option<WindowType>,
) -> Option<Diagnostic> {
    let at = name.span.start;
    match (function.group == Group::Window, over) {
        (true, None) => {
            let fault = Diagnostic::invalid(at, format!("{} needs a window", function.name));
            Some(fault.suggest(format!("write {}(…) OVER (ORDER BY …)", function.name)))
        }
        (false, Some(_)) if !function.is_aggregate() => {
            let message = format!("{} has no use for a window", function.name);
            Some(Diagnostic::invalid(at, message))
        }
        _ => None,
    }
}

/// Whether a name is one that only the IVOA may give.
fn is_of_the_ivoa(name: &str) -> bool {
    name.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("ivo_"))
}

fn unknown_function(name: &Ident) -> Diagnostic {
    let candidates = function::FUNCTIONS.iter().map(|f| f.name);
    let problem = Problem::UnknownFunction { name: printable(&name.value) };
    let meant = match name.value.to_uppercase().as_str() {
        "LN" => Some("the natural logarithm is LOG"),
        "CEIL" => Some("write CEILING"),
        "POW" => Some("write POWER"),
        "TRUNC" => Some("write TRUNCATE"),
        "CONCAT" => Some("strings are joined with ||"),
        "IFNULL" | "NVL" | "ISNULL" => Some("write COALESCE"),
        "CONVERT" | "TRY_CAST" | "SAFE_CAST" => Some("write CAST(x AS type)"),
        "GREATEST" | "LEAST" => Some("write CASE WHEN a > b THEN a ELSE b END"),
        "STRING_AGG" | "LISTAGG" | "GROUP_CONCAT" => Some("write ivo_string_agg(x, ',')"),
        "IF" | "IIF" | "NULLIF" | "DECODE" => Some("write CASE WHEN … THEN … ELSE … END"),
        "NOW" | "CURRENT_TIMESTAMP" | "GETDATE" => Some("write the time as a string"),
        "SUBSTRING" | "SUBSTR" | "LENGTH" | "LEN" | "TRIM" | "REPLACE" => {
            Some("ADQL's functions of strings are LOWER and UPPER, and there is LIKE")
        }
        _ if function::find(&name.value).is_some() => {
            Some("it is no function of the standard: declare it, or take the default dialect")
        }
        _ => None,
    };
    let suggestion = meant.map(str::to_owned).or_else(|| did_you_mean(&name.value, candidates));
    Diagnostic::new(name.span.start, problem).suggest_maybe(suggestion)
}

/// `COALESCE` of nothing but NULL has no type.
fn coalesce(at: Location, values: &[Typed]) -> Parse<()> {
    match values.iter().all(|value| value.sort == Sort::Null) {
        true => Err(Diagnostic::invalid(at, "COALESCE needs an argument that is not NULL")),
        false => Ok(()),
    }
}

fn result_sort(function: &function::Function) -> Sort {
    match function.group {
        Group::Math | Group::Unit => Sort::Number,
        Group::String => Sort::Text,
        Group::Geometry => match function.name {
            "POINT" | "CENTROID" => Sort::Point,
            "CIRCLE" | "BOX" | "POLYGON" | "REGION" => Sort::Shape,
            "COORDSYS" => Sort::Text,
            _ => Sort::Number,
        },
        _ => Sort::Any,
    }
}

pub(super) fn is_number(sort: Sort) -> bool {
    matches!(sort, Sort::Any | Sort::Null | Sort::Number)
}

/// Whether an expression is a string as written.
pub(super) fn is_string(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if matches!(value.value, Value::SingleQuotedString(_)))
}

/// Whether an expression is an integer as written.
fn is_integer(expr: &Expr, may_be_signed: bool) -> bool {
    match expr {
        Expr::Value(_) => digits(expr).is_some_and(|d| d.bytes().all(|b| b.is_ascii_digit())),
        Expr::UnaryOp { op: UnaryOperator::Plus | UnaryOperator::Minus, expr } => {
            may_be_signed && is_integer(bare(expr), false)
        }
        _ => false,
    }
}

fn function_call(name: Ident, arguments: Arguments, over: Option<WindowType>) -> Function {
    let Arguments { duplicates, is_star, values } = arguments;
    let mut args: Vec<FunctionArg> = values
        .into_iter()
        .map(|value| FunctionArg::Unnamed(FunctionArgExpr::Expr(value.expr)))
        .collect();
    if is_star {
        args.push(FunctionArg::Unnamed(FunctionArgExpr::Wildcard));
    }
    Function {
        name: ObjectName::from(vec![name]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: duplicates,
            args,
            clauses: vec![],
        }),
        filter: None,
        null_treatment: None,
        over,
        within_group: vec![],
    }
}
