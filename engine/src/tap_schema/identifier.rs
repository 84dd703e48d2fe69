//! Names as a query must write them: quoted where ADQL would not take them bare.

use std::borrow::Cow;

/// Words that ADQL 2.1 reserves: those of SQL-92 and its own (Recommendation, section 2.1.2).
#[rustfmt::skip]
const RESERVED: &[&str] = &[
    "ABS", "ABSOLUTE", "ACOS", "ACTION", "ADD", "ALL", "ALLOCATE", "ALTER", "AND", "ANY", "ARE",
    "AREA", "AS", "ASC", "ASIN", "ASSERTION", "AT", "ATAN", "ATAN2", "AUTHORIZATION", "AVG",
    "BEGIN", "BETWEEN", "BIGINT", "BIT", "BIT_LENGTH", "BOTH", "BOX", "BY", "CASCADE", "CASCADED",
    "CASE", "CAST", "CATALOG", "CEILING", "CENTROID", "CHAR", "CHARACTER", "CHARACTER_LENGTH",
    "CHAR_LENGTH", "CHECK", "CIRCLE", "CLOSE", "COALESCE", "COLLATE", "COLLATION", "COLUMN",
    "COMMIT", "CONNECT", "CONNECTION", "CONSTRAINT", "CONSTRAINTS", "CONTAINS", "CONTINUE",
    "CONVERT", "COORD1", "COORD2", "COORDSYS", "CORRESPONDING", "COS", "COT", "COUNT", "CREATE",
    "CROSS", "CURRENT", "CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "CURRENT_USER",
    "CURSOR", "DATE", "DAY", "DEALLOCATE", "DECIMAL", "DECLARE", "DEFAULT", "DEFERRABLE",
    "DEFERRED", "DEGREES", "DELETE", "DESC", "DESCRIBE", "DESCRIPTOR", "DIAGNOSTICS",
    "DISCONNECT", "DISTANCE", "DISTINCT", "DOMAIN", "DOUBLE", "DROP", "ELSE", "END", "END-EXEC",
    "ESCAPE", "EXCEPT", "EXCEPTION", "EXEC", "EXECUTE", "EXISTS", "EXP", "EXTERNAL", "EXTRACT",
    "FALSE", "FETCH", "FIRST", "FLOAT", "FLOOR", "FOR", "FOREIGN", "FOUND", "FROM", "FULL", "GET",
    "GLOBAL", "GO", "GOTO", "GRANT", "GROUP", "HAVING", "HOUR", "IDENTITY", "ILIKE", "IMMEDIATE",
    "IN", "INDICATOR", "INITIALLY", "INNER", "INPUT", "INSENSITIVE", "INSERT", "INT", "INTEGER",
    "INTERSECT", "INTERSECTS", "INTERVAL", "INTO", "IN_UNIT", "IS", "ISOLATION", "JOIN", "KEY",
    "LANGUAGE", "LAST", "LEADING", "LEFT", "LEVEL", "LIKE", "LOCAL", "LOG", "LOG10", "LOWER",
    "MATCH", "MAX", "MIN", "MINUTE", "MOD", "MODULE", "MONTH", "NAMES", "NATIONAL", "NATURAL",
    "NCHAR", "NEXT", "NO", "NOT", "NULL", "NULLIF", "NUMERIC", "OCTET_LENGTH", "OF", "OFFSET",
    "ON", "ONLY", "OPEN", "OPTION", "OR", "ORDER", "OUTER", "OUTPUT", "OVERLAPS", "PAD",
    "PARTIAL", "PI", "POINT", "POLYGON", "POSITION", "POWER", "PRECISION", "PREPARE", "PRESERVE",
    "PRIMARY", "PRIOR", "PRIVILEGES", "PROCEDURE", "PUBLIC", "RADIANS", "RAND", "READ", "REAL",
    "REFERENCES", "REGION", "RELATIVE", "RESTRICT", "REVOKE", "RIGHT", "ROLLBACK", "ROUND",
    "ROWS", "SCHEMA", "SCROLL", "SECOND", "SECTION", "SELECT", "SESSION", "SESSION_USER", "SET",
    "SIGN", "SIN", "SIZE", "SMALLINT", "SOME", "SPACE", "SQL", "SQLCODE", "SQLERROR", "SQLSTATE",
    "SQRT", "SUBSTRING", "SUM", "SYSTEM_USER", "TABLE", "TAN", "TEMPORARY", "THEN", "TIME",
    "TIMESTAMP", "TIMEZONE_HOUR", "TIMEZONE_MINUTE", "TO", "TOP", "TRAILING", "TRANSACTION",
    "TRANSLATE", "TRANSLATION", "TRIM", "TRUE", "TRUNCATE", "UNION", "UNIQUE", "UNKNOWN",
    "UPDATE", "UPPER", "USAGE", "USER", "USING", "VALUE", "VALUES", "VARCHAR", "VARYING", "VIEW",
    "WHEN", "WHENEVER", "WHERE", "WITH", "WORK", "WRITE", "YEAR", "ZONE",
];

/// Write `name` as a query must: bare where that is allowed, otherwise in double quotes.
pub fn in_query(name: &str) -> Cow<'_, str> {
    if is_regular(name) && !is_reserved(name) {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(format!("\"{}\"", name.replace('"', "\"\"")))
    }
}

/// Write the full name of a table as a query must.
pub fn qualified(schema: &str, table: &str) -> String {
    format!("{}.{}", in_query(schema), in_query(table))
}

/// A regular identifier is a letter and then letters, digits and underscores, all ASCII.
fn is_regular(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn is_reserved(name: &str) -> bool {
    RESERVED.binary_search(&name.to_ascii_uppercase().as_str()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_words_and_irregular_names_are_quoted() {
        for (name, expected) in [
            ("ra", "ra"),
            ("size", "\"size\""),
            ("Time", "\"Time\""),
            ("_healpix_29", "\"_healpix_29\""),
            ("2mass", "\"2mass\""),
            ("a\"b", "\"a\"\"b\""),
            ("columns", "columns"),
        ] {
            assert_eq!(in_query(name), expected);
        }
    }

    #[test]
    fn reserved_words_are_sorted() {
        assert!(RESERVED.is_sorted());
    }
}
