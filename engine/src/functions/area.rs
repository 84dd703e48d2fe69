//! `sky_lonlat_box` (lon, lat, first lon, lower lat, last lon, upper lat) and `sky_ellipse` (lon,
//! lat, centre's lon, centre's lat, semi-major and semi-minor axis in arcseconds, position angle):
//! does an area hold a position, its edge included?
//!
//! A box goes eastwards from its first longitude to its last, through 0 if the first is the larger;
//! its membership is decided on the numbers themselves. An area whose numbers make none is empty.

use std::sync::Arc;

use almagest_storage::sphgeom::{Angle, Boundary, Cone, Ellipse, LonLatBox, Region, UnitVector};
use datafusion::arrow::array::BooleanArray;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use super::degrees::{self, Degrees};

/// Name of the test against a box in longitude and latitude.
pub const LONLAT_BOX: &str = "sky_lonlat_box";
/// Name of the test against an ellipse.
pub const ELLIPSE: &str = "sky_ellipse";

/// How an area's numbers are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Outline {
    LonLatBox,
    Ellipse,
}

/// An area made of numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Area {
    LonLatBox(LonLatBox),
    Ellipse(Ellipse),
    /// An ellipse whose axes are equal, of any size.
    Cone(Cone),
    Empty,
}

impl Outline {
    /// How many numbers make an area.
    const fn n_numbers(self) -> usize {
        match self {
            Self::LonLatBox => 4,
            Self::Ellipse => 5,
        }
    }

    /// Make the area of `numbers`.
    pub fn area(self, numbers: &[f64]) -> Area {
        match (self, numbers) {
            (Self::LonLatBox, &[lon_min, lat_min, lon_max, lat_max]) => {
                LonLatBox::try_new(lon_min, lon_max, lat_min, lat_max)
                    .map_or(Area::Empty, Area::LonLatBox)
            }
            (Self::Ellipse, &[lon, lat, semi_major, semi_minor, position_angle]) => {
                let center = UnitVector::from_lonlat_deg(lon, lat);
                let [a, b] = [semi_major, semi_minor].map(Angle::from_arcsec);
                if a == b {
                    return Area::Cone(Cone::new(center, a, Boundary::Closed));
                }
                Ellipse::try_new(center, a, b, Angle::from_degrees(position_angle))
                    .map_or(Area::Empty, Area::Ellipse)
            }
            _ => Area::Empty,
        }
    }
}

impl Area {
    /// Does the position, in degrees, lie in the area?
    fn contains(&self, lon: f64, lat: f64) -> bool {
        match self {
            Self::LonLatBox(sky_box) => sky_box.contains_lonlat_deg(lon, lat),
            Self::Ellipse(ellipse) => ellipse.contains(&UnitVector::from_lonlat_deg(lon, lat)),
            Self::Cone(cone) => cone.contains(&UnitVector::from_lonlat_deg(lon, lat)),
            Self::Empty => false,
        }
    }

    /// A region that holds the area; `None` where there is nothing to hold.
    pub fn region(&self) -> Option<Region> {
        match self {
            Self::LonLatBox(sky_box) => Some(Region::LonLatBox(*sky_box)),
            Self::Ellipse(ellipse) => {
                let cap = ellipse.bounding_cap();
                Some(Cone::new(cap.center, cap.radius, Boundary::Closed).into())
            }
            Self::Cone(cone) => Some(Region::Cone(*cone)),
            Self::Empty => None,
        }
    }
}

/// Does an area hold a position?
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct SkyArea {
    outline: Outline,
    signature: Signature,
}

impl SkyArea {
    /// Make the test against a box between two meridians and two parallels.
    pub fn lonlat_box() -> Self {
        Self::of(Outline::LonLatBox)
    }

    /// Make the test against an ellipse.
    pub fn ellipse() -> Self {
        Self::of(Outline::Ellipse)
    }

    fn of(outline: Outline) -> Self {
        Self { outline, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for SkyArea {
    fn name(&self) -> &str {
        match self.outline {
            Outline::LonLatBox => LONLAT_BOX,
            Outline::Ellipse => ELLIPSE,
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let n_numbers = 2 + self.outline.n_numbers();
        if degrees::count(types) != n_numbers {
            return plan_err!("{} takes {n_numbers} numbers", self.name());
        }
        degrees::coerce(self.name(), types)
    }

    fn simplify(&self, args: Vec<Expr>, _: &SimplifyContext) -> Result<ExprSimplifyResult> {
        Ok(degrees::write_out(&Self::of(self.outline).into(), args))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let degrees = degrees::arguments(self.name(), &args)?;
        let (position, outline) = degrees.split_at(degrees.len().min(2));
        let [lon, lat] = position else {
            return datafusion::common::exec_err!("{} takes a position", self.name());
        };
        let constants: Option<Vec<Option<f64>>> = outline.iter().map(Degrees::constant).collect();
        let inside: BooleanArray = match constants {
            Some(numbers) => {
                let numbers: Option<Vec<f64>> = numbers.into_iter().collect();
                let area = numbers.map(|numbers| self.outline.area(&numbers));
                (0..args.number_rows)
                    .map(|row| Some(area?.contains(lon.value(row)?, lat.value(row)?)))
                    .collect()
            }
            None => (0..args.number_rows)
                .map(|row| {
                    let numbers: Option<Vec<f64>> =
                        outline.iter().map(|number| number.value(row)).collect();
                    let area = self.outline.area(&numbers?);
                    Some(area.contains(lon.value(row)?, lat.value(row)?))
                })
                .collect(),
        };
        Ok(ColumnarValue::Array(Arc::new(inside)))
    }
}
