//! The names that the tests query: a small survey, a second schema, and TAP_SCHEMA.

use almagest_adql::{
    ColumnKind, ColumnName, Names, PositionNames, SchemaNames, TableNames, TimeScale,
};

/// `name` and, after a colon, its kind: `b` (boolean), `t` (text), `ts` (timestamp in TAI), `tu`
/// (timestamp in UTC), `i` (integer), `l` (long), `f` (float), `d` (double), `p` (point); a number
/// otherwise. After another colon its unit, after a third its UCD.
fn table(name: &str, columns: &str) -> TableNames {
    let columns = columns
        .split_whitespace()
        .map(|column| {
            let mut facts = column.split(':');
            let name = facts.next().unwrap_or_default().to_owned();
            let word = facts.next().unwrap_or_default();
            let kind = match word {
                "b" => ColumnKind::Boolean,
                "t" => ColumnKind::Text,
                "ts" | "tu" => ColumnKind::Timestamp,
                "i" => ColumnKind::Integer,
                "l" => ColumnKind::BigInt,
                "f" => ColumnKind::Real,
                "d" => ColumnKind::Double,
                "p" => ColumnKind::Point,
                _ => ColumnKind::Numeric,
            };
            let time_scale = match word {
                "ts" => Some(TimeScale::Tai),
                "tu" => Some(TimeScale::Utc),
                _ => None,
            };
            let unit = facts.next().filter(|unit| !unit.is_empty()).map(str::to_owned);
            let ucd = facts.next().map(|ucd| ucd.replace('+', ";"));
            ColumnName { name, kind, unit, ucd, time_scale }
        })
        .collect();
    TableNames { name: name.to_owned(), columns, ..TableNames::default() }
}

/// A table with an id and a position.
fn placed(mut table: TableNames, id: &str, lon: &str, lat: &str) -> TableNames {
    table.key = vec![id.to_owned()];
    table.position = Some(PositionNames { lon: lon.to_owned(), lat: lat.to_owned() });
    table
}

fn schema(name: &str, tables: Vec<TableNames>) -> SchemaNames {
    SchemaNames { name: name.to_owned(), tables }
}

/// What the golden queries may name.
pub fn names() -> Names {
    let survey = vec![
        table(
            "Object",
            "objectId coord_ra coord_dec g_psfFlux g_psfFluxErr r_psfFlux \
             r_psfFluxErr detect_isPrimary:b refBand:t",
        ),
        table("Source", "sourceId visit ra dec band:t psfFlux psfFluxErr psfFlux_flag:b"),
        table("ForcedSource", "objectId visit band:t psfFlux psfFluxErr"),
        table("Visit", "visit band:t expMidptMJD obsStart:ts size"),
        table("Odd", "lower LOWER \"quoted top _healpix_29"),
    ];
    let gaia = vec![
        table("Source", "source_id ra dec phot_g_mean_mag"),
        table("astrometry", "source_id pmra pmdec"),
    ];
    let typed = vec![
        placed(
            table(
                "Star",
                "id:l::meta.id+meta.main ra:d:deg:pos.eq.ra+meta.main dec:d:deg:pos.eq.dec+meta.main \
                 flux:f:nJy:phot.flux fluxErr:f:nJy:stat.error+phot.flux mag:f:mag:phot.mag n:i \
                 name:t flag:b::meta.code seen:ts begun:tu place:p",
            ),
            "id",
            "ra",
            "dec",
        ),
        placed(
            table("Epoch", "epochId:l id:l visit:l ra:d:deg dec:d:deg flux:f:nJy"),
            "epochId",
            "ra",
            "dec",
        ),
        TableNames {
            key: vec!["visit".to_owned()],
            ..table("Night", "visit:l band:t mjd:d:d:time.epoch seen:ts")
        },
    ];
    let tap_schema = vec![
        table("tables", "schema_name:t table_name:t description:t"),
        table("columns", "table_name:t column_name:t \"size\" size"),
    ];
    Names {
        schemas: vec![
            schema("survey", survey),
            schema("gaia", gaia),
            schema("typed", typed),
            schema("TAP_SCHEMA", tap_schema),
        ],
        default_schema: "survey".to_owned(),
    }
}
