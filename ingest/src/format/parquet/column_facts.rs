//! What a Parquet file says of its columns beside their types: units, UCDs, descriptions.
//!
//! | written by               | where                                                       |
//! |--------------------------|-------------------------------------------------------------|
//! | Almagest, Rubin's butler | metadata of the Arrow fields                                |
//! | VOParquet                | a VOTable without data, `IVOA.VOTable-Parquet.content`       |
//! | astropy                  | the header of an ECSV table, `table_meta_yaml`              |
//!
//! What the fields say themselves counts first. Text that cannot be understood says nothing.
//!
//! Reference: VOParquet convention (IVOA Note 2024).

use std::io::Cursor;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use parquet::file::metadata::KeyValue;

use crate::error::Result;
use crate::format::TableChoice;
use crate::format::input::Input;
use crate::format::notes::FileNotes;
use crate::format::{ecsv, votable};

const VOTABLE: &str = "IVOA.VOTable-Parquet.content";
const ASTROPY: &str = "table_meta_yaml";

/// The schema with everything that the file's metadata say of its columns.
pub(super) fn described(schema: SchemaRef, metadata: Option<&Vec<KeyValue>>) -> SchemaRef {
    let text = |key: &str| {
        let entry = metadata?.iter().find(|entry| entry.key == key)?;
        entry.value.as_deref()
    };
    let described = text(VOTABLE)
        .and_then(|text| fields_of_votable(text).ok())
        .or_else(|| ecsv::fields_of_header(text(ASTROPY)?));
    let Some(described) = described else { return schema };
    let fields = schema.fields().iter().map(|field| {
        let Some(said) = described.iter().find(|said| said.name() == field.name()) else {
            return Arc::clone(field);
        };
        let mut metadata = said.metadata().clone();
        metadata.extend(field.metadata().clone());
        Arc::new(field.as_ref().clone().with_metadata(metadata))
    });
    Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone()))
}

fn fields_of_votable(text: &str) -> Result<Vec<Field>> {
    let bytes = Box::new(Cursor::new(text.as_bytes().to_vec()));
    let input = Input::nested(VOTABLE.into(), bytes, FileNotes::default());
    votable::fields(input, &TableChoice::First)
}
