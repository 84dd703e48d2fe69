//! ADQL text to the tree that is planned, its string literals judged as well.

use almagest_adql::{Dialect, Names, Translated, translate_dialect};

use crate::error::{Error, Result};
use crate::functions::region;

/// Check and resolve the ADQL text `adql`.
///
/// # Errors
/// [`Error::Adql`] says where in the text, what is wrong and what to write instead.
pub(crate) fn translated(adql: &str, dialect: Dialect, names: &Names) -> Result<Translated> {
    translate_dialect(adql, dialect, names)
        .and_then(|translated| {
            translated.refuse_shapes(|shape| region::fault(&shape.text, shape.kind))?;
            Ok(translated)
        })
        .map_err(|error| Error::Adql { text: adql.to_owned(), error })
}
