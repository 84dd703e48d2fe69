//! The names that the tests query: a small survey, a second schema, and TAP_SCHEMA.

use almagest_adql::{ColumnKind, ColumnName, Names, SchemaNames, TableNames};

/// `name`, or `name:b` (boolean), `name:t` (text), `name:ts` (timestamp); numeric otherwise.
fn table(name: &str, columns: &str) -> TableNames {
    let columns = columns
        .split_whitespace()
        .map(|column| {
            let (name, kind) = column.split_once(':').unwrap_or((column, ""));
            let kind = match kind {
                "b" => ColumnKind::Boolean,
                "t" => ColumnKind::Text,
                "ts" => ColumnKind::Timestamp,
                _ => ColumnKind::Numeric,
            };
            ColumnName { name: name.to_owned(), kind, ..ColumnName::default() }
        })
        .collect();
    TableNames { name: name.to_owned(), columns, ..TableNames::default() }
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
    let tap_schema = vec![
        table("tables", "schema_name:t table_name:t description:t"),
        table("columns", "table_name:t column_name:t \"size\" size"),
    ];
    Names {
        schemas: vec![
            schema("survey", survey),
            schema("gaia", gaia),
            schema("TAP_SCHEMA", tap_schema),
        ],
        default_schema: "survey".to_owned(),
    }
}
