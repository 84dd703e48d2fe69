//! A scalar function that is a name, the kinds of its arguments, a result and a plain Rust function.
//!
//! Arguments are coerced to one Arrow type for each kind, so that the Rust function meets no other:
//! a number comes as Float64, a whole number as Int64, text as Utf8, an instant as a timestamp of
//! microseconds.

use datafusion::arrow::array::{ArrayRef, AsArray, PrimitiveArray, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, DataType, Field, FieldRef, Float64Type, Int64Type, TimeUnit,
    TimestampMicrosecondType,
};
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use super::range;
use crate::geometry::{self, Geometries, GeometryType};

/// What an argument is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Argument {
    Number,
    Integer,
    Text,
    Instant,
    Geometry,
    /// A geometry made of numbers.
    Shape,
}

/// What the values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Returns {
    Number,
    Flag,
    Integer,
    Point,
    /// A list of numbers.
    Numbers,
    /// What the argument with this index is.
    TypeOf(usize),
}

/// A function, as a table of functions lists it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowFunction {
    pub name: &'static str,
    /// The arguments of each overload; no two overloads have as many.
    pub overloads: &'static [&'static [Argument]],
    pub returns: Returns,
    pub body: fn(&Call<'_>) -> Result<ArrayRef>,
}

impl RowFunction {
    /// Make the function that a session registers.
    pub fn into_udf(self) -> ScalarUDF {
        let signature = Signature::user_defined(Volatility::Immutable);
        ScalarUDF::from(Registered { function: self, signature })
    }
}

/// A call with coerced arguments.
pub(crate) struct Call<'a> {
    pub name: &'static str,
    args: &'a ScalarFunctionArgs,
}

impl Call<'_> {
    pub fn rows(&self) -> usize {
        self.args.number_rows
    }

    /// How many arguments there are, which tells overloads apart.
    pub fn count(&self) -> usize {
        self.args.args.len()
    }

    /// Whether an argument is the same for all rows.
    pub fn is_constant(&self, index: usize) -> bool {
        matches!(self.args.args.get(index), Some(ColumnarValue::Scalar(_)))
    }

    pub fn numbers(&self, index: usize) -> Result<PrimitiveArray<Float64Type>> {
        self.primitive(index)
    }

    pub fn integers(&self, index: usize) -> Result<PrimitiveArray<Int64Type>> {
        self.primitive(index)
    }

    pub fn instants(&self, index: usize) -> Result<PrimitiveArray<TimestampMicrosecondType>> {
        self.primitive(index)
    }

    fn primitive<T: ArrowPrimitiveType>(&self, index: usize) -> Result<PrimitiveArray<T>> {
        let array = self.argument(index)?.to_array(self.rows())?;
        match array.as_primitive_opt::<T>() {
            Some(array) => Ok(array.clone()),
            None => exec_err!("{}: an argument of type {}", self.name, array.data_type()),
        }
    }

    pub fn text(&self, index: usize) -> Result<StringArray> {
        let array = self.argument(index)?.to_array(self.rows())?;
        match array.as_string_opt::<i32>() {
            Some(array) => Ok(array.clone()),
            None => exec_err!("{}: an argument of type {}", self.name, array.data_type()),
        }
    }

    pub fn geometries(&self, index: usize) -> Result<Geometries> {
        Geometries::of_argument(self.argument(index)?)
    }

    fn argument(&self, index: usize) -> Result<&ColumnarValue> {
        match self.args.args.get(index) {
            Some(argument) => Ok(argument),
            None => exec_err!("{} has no argument {}", self.name, index + 1),
        }
    }
}

/// The function in the form in which DataFusion knows it.
#[derive(Debug)]
struct Registered {
    function: RowFunction,
    signature: Signature,
}

// The name tells the function, and function pointers do not compare.
impl PartialEq for Registered {
    fn eq(&self, other: &Self) -> bool {
        self.function.name == other.function.name
    }
}
impl Eq for Registered {}
impl std::hash::Hash for Registered {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.function.name.hash(state);
    }
}

impl Registered {
    fn field(&self, types: &[DataType]) -> Field {
        let name = self.function.name;
        let number = || Field::new("item", DataType::Float64, true).into();
        let plain = |data_type| Field::new(name, data_type, true);
        match self.function.returns {
            Returns::Number => plain(DataType::Float64),
            Returns::Flag => plain(DataType::Int32),
            Returns::Integer => plain(DataType::Int64),
            Returns::Numbers => plain(DataType::List(number())),
            Returns::Point => GeometryType::Point.field(name),
            Returns::TypeOf(index) => {
                let given = types.get(index).unwrap_or(&DataType::Null);
                match GeometryType::tagged(given).or_else(|| GeometryType::of_data_type(given)) {
                    Some(geometry) => geometry.field(name),
                    None => plain(given.clone()),
                }
            }
        }
    }
}

impl ScalarUDFImpl for Registered {
    fn name(&self) -> &str {
        self.function.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(self.field(types).data_type().clone())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let types: Vec<DataType> =
            args.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        Ok(self.field(&types).into())
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let name = self.function.name;
        let overload = self.function.overloads.iter().find(|args| args.len() == types.len());
        let Some(overload) = overload else {
            return plan_err!("{name} does not take {} arguments", types.len());
        };
        let given = overload.iter().zip(types).enumerate();
        given.map(|(index, (argument, given))| argument.coerce(name, index, given)).collect()
    }

    fn evaluate_bounds(&self, inputs: &[&Interval]) -> Result<Interval> {
        match self.function.returns {
            Returns::Flag => Interval::make_unbounded(&DataType::Int32),
            Returns::Integer => Interval::make_unbounded(&DataType::Int64),
            Returns::TypeOf(index) => range::any_like(inputs.get(index)),
            _ => range::any_double(),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let call = Call { name: self.function.name, args: &args };
        let array = (self.function.body)(&call)?;
        let wanted = args.return_field.data_type();
        match array.data_type() == wanted {
            true => Ok(ColumnarValue::Array(array)),
            false => Ok(ColumnarValue::Array(cast(&array, wanted)?)),
        }
    }
}

impl Argument {
    fn coerce(self, function: &str, index: usize, given: &DataType) -> Result<DataType> {
        let is_text = matches!(given, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
            || matches!(given, DataType::Dictionary(_, value) if **value == DataType::Utf8);
        let wanted = match self {
            Self::Number if given.is_numeric() || given.is_null() => return Ok(DataType::Float64),
            Self::Number => "a number",
            Self::Integer if given.is_integer() || given.is_null() => return Ok(DataType::Int64),
            Self::Integer => "a whole number",
            Self::Text if is_text || given.is_null() => return Ok(DataType::Utf8),
            Self::Text => "text",
            Self::Instant if is_text || given.is_null() || given.is_temporal() => {
                return Ok(DataType::Timestamp(TimeUnit::Microsecond, None));
            }
            Self::Instant => "a point in time",
            Self::Shape => {
                let datatype = geometry::coerce(function, given)?;
                if GeometryType::tagged(&datatype).is_some() {
                    return Ok(datatype);
                }
                "a POINT, CIRCLE, BOX or POLYGON"
            }
            Self::Geometry => return crate::geometry::coerce(function, given),
        };
        plan_err!("argument {} of {function} must be {wanted}, not {given}", index + 1)
    }
}
