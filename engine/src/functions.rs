//! SQL functions on the sky, and the one that keeps numbers finite.
//!
//! All angles are degrees; a NULL argument gives NULL. `almagest-adql` rewrites ADQL's geometry to
//! calls of these.

use datafusion::logical_expr::{AggregateUDF, ScalarUDF};

use row_function::RowFunction;

pub mod area;
pub mod checked;
pub mod cone;
pub mod construct;
pub mod coordinate;
pub mod distance;
pub mod finite;
pub mod histogram;
pub mod math;
pub mod measure;
pub mod meets;
pub mod numerals;
pub mod only_row;
pub mod opaque;
pub mod polygon;
pub mod region;
pub mod relation;
pub mod same_columns;
pub mod to_icrs;

mod absolute;
mod epoch;
pub(crate) mod among;
mod frame_change;
mod healpix;
mod julian_date;
mod magnitude;
mod moving;
pub(crate) mod nearest;
mod radius;
mod range;
mod rounding;
mod row_function;
pub(crate) mod row_place;
mod seeded_random;
mod sexagesimal;
mod words;
pub(crate) mod degrees;
pub(crate) mod shapes;

/// Return all functions, to be registered in a session.
pub(crate) fn all() -> Vec<ScalarUDF> {
    let on_the_sky = [
        ScalarUDF::from(cone::SkyCone::closed()),
        ScalarUDF::from(cone::SkyCone::open()),
        ScalarUDF::from(area::SkyArea::lonlat_box()),
        ScalarUDF::from(area::SkyArea::ellipse()),
        ScalarUDF::from(distance::SkyDistance::new()),
        ScalarUDF::from(polygon::SkyPolygon::vertices()),
        ScalarUDF::from(polygon::SkyPolygon::center_box()),
        ScalarUDF::from(meets::PolygonMeetsCone::vertices()),
        ScalarUDF::from(meets::PolygonMeetsCone::center_box()),
        ScalarUDF::from(to_icrs::ToIcrs::new()),
        ScalarUDF::from(finite::Finite::new()),
        ScalarUDF::from(absolute::Absolute::new()),
        ScalarUDF::from(same_columns::SameColumns::new()),
        ScalarUDF::from(opaque::Opaque::new()),
    ];
    on_the_sky
        .into_iter()
        .chain(construct::Construct::all().map(ScalarUDF::from))
        .chain(coordinate::Coordinate::all().map(ScalarUDF::from))
        .chain(numerals::AsGeometry::all().map(ScalarUDF::from))
        .chain(region::Region::all().map(ScalarUDF::from))
        .chain(relation::Relation::all().map(ScalarUDF::from))
        .chain(measure::Measure::all().map(ScalarUDF::from))
        .chain(math::all())
        .chain(row_functions().map(RowFunction::into_udf))
        .collect()
}

/// Return the aggregates, to be registered in a session.
pub(crate) fn aggregates() -> Vec<AggregateUDF> {
    moving::all().chain([histogram::Histogram::udaf()]).collect()
}

fn row_functions() -> impl Iterator<Item = RowFunction> {
    (healpix::FUNCTIONS.into_iter())
        .chain(epoch::FUNCTIONS)
        .chain(frame_change::FUNCTIONS)
        .chain(julian_date::FUNCTIONS)
        .chain(words::FUNCTIONS)
        .chain(sexagesimal::FUNCTIONS)
        .chain([radius::FUNCTION])
        .chain(rounding::FUNCTIONS)
        .chain(seeded_random::FUNCTIONS)
}
