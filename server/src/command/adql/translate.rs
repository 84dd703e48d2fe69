//! `almagest adql translate`: what becomes of a query.
