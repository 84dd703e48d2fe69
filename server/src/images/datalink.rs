//! `/datalink/links`: what belongs to an image, or to a row that was measured on one.
//!
//! An ID is that of a dataset, `ivo://…?UUID`, or that of a row, `ivo://…?schema.table/N`; a plain
//! number is a row of the table that the parameter TABLE names. Rows without a number of their own are
//! named by object, visit and detector: `N/V/D`, or an ID with a VISIT and a DETECTOR.
//!
//! Reference: IVOA Recommendation *DataLink* 1.1 (2023).

use std::fmt::Write;

use almagest_engine::arrow::array::AsArray;
use almagest_engine::arrow::compute::cast;
use almagest_engine::arrow::datatypes::{DataType, Float64Type};
use almagest_engine::tap_schema::identifier;
use almagest_engine::{Database, QueryOptions};
use almagest_pipeline::butler::{Butler, DatasetQuery, DatasetRef, StorageClass};
use almagest_pipeline::expression::Expression;
use almagest_storage::schema::TableDef;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::file::media_type;
use super::{Images, only_who_may_see};
use crate::base_url::BaseUrl;
use crate::dali::Parameters;
use crate::people::Caller;
use crate::state::AppState;
use crate::vosi::tables::plain;
use crate::xml::Escaped;
use crate::{Error, Result};

/// The media type of the answer.
pub const MEDIA_TYPE: &str = "application/x-votable+xml;content=datalink";

/// IDs of one request at most.
const MOST_IDS: usize = 1_000;
/// Images of one row at most.
const MOST_IMAGES: usize = 200;
/// Radius of the cut-out about a row, degrees.
const CUTOUT_RADIUS_DEG: f64 = 10.0 / 3600.0;

/// The address of the links of a dataset.
pub fn address(base: &str, did: &str) -> String {
    let id: String = form_urlencoded::byte_serialize(did.as_bytes()).collect();
    format!("{base}/datalink/links?ID={id}")
}

/// Answer with the links; who names no ID learns what the table is like, as DataLink 1.1, section 2.1.1, has it.
pub async fn links(
    State(state): State<AppState>,
    caller: Caller,
    base: BaseUrl,
    parameters: Parameters,
) -> Result<Response> {
    let ids = row_names(&parameters);
    let n_ids = ids.len();
    let table = parameters.get("TABLE")?;
    let mut rows = String::new();
    for (id, row) in ids.iter().take(MOST_IDS) {
        let (images, database) = (state.views.images(), &caller.database);
        let linked = Linked { images, database, id, row };
        match linked.links(table, &base).await {
            Ok(links) => links.iter().for_each(|link| rows += &link.row(id)),
            Err(error) => rows += &Link::refused(&error).row(id),
        }
    }
    let status = match n_ids > MOST_IDS {
        true => format!(
            "<INFO name=\"QUERY_STATUS\" value=\"OVERFLOW\">one request is answered for {MOST_IDS} IDs</INFO>"
        ),
        false => "<INFO name=\"QUERY_STATUS\" value=\"OK\"/>".to_owned(),
    };
    let document = document(&status, &rows, &format!("{base}/soda/sync"));
    Ok(([(header::CONTENT_TYPE, MEDIA_TYPE)], document).into_response())
}

/// The IDs, each with all of what names its row: each has a VISIT and a DETECTOR, or none has.
fn row_names(parameters: &Parameters) -> Vec<(&str, String)> {
    let (mut visits, mut detectors) = (parameters.all("VISIT"), parameters.all("DETECTOR"));
    let named = |id| {
        let parts = [Some(id), visits.next(), detectors.next()];
        (id, parts.into_iter().flatten().collect::<Vec<_>>().join("/"))
    };
    parameters.all("ID").map(named).collect()
}

/// An ID, and where to look for it.
struct Linked<'a> {
    images: &'a Images,
    database: &'a Database,
    id: &'a str,
    /// The same, with the visit and the detector that were sent with it.
    row: &'a str,
}

/// A row of the answer.
#[derive(Debug, Default)]
struct Link {
    access_url: String,
    service: &'static str,
    error: String,
    semantics: &'static str,
    description: String,
    content_type: String,
    content_length: Option<u64>,
}

impl Linked<'_> {
    fn absent(&self) -> Error {
        Error::NoSuchImage { id: self.id.to_owned() }
    }

    async fn links(&self, table: Option<&str>, base: &BaseUrl) -> Result<Vec<Link>> {
        only_who_may_see(self.database, self.id)?;
        let local = match table {
            Some(table) => format!("{table}/{}", self.row),
            None => self.images.local(self.id).ok_or_else(|| self.absent())?.to_owned(),
        };
        match local.split_once('/') {
            Some((table, row)) => self.of_row(table, row, base).await,
            None => {
                let (butler, image) = self.images.dataset(&local)?;
                of_image(butler, &image, base)
            }
        }
    }

    /// The images of a row, with a cut-out about it from each.
    async fn of_row(&self, table: &str, row: &str, base: &BaseUrl) -> Result<Vec<Link>> {
        let (name, table) = self.table(table)?;
        let key = table.row_name();
        let values: Option<Vec<i64>> = row.split('/').map(|part| part.parse().ok()).collect();
        let values = values.filter(|values| !key.is_empty() && values.len() == key.len());
        let values = values.ok_or_else(|| match key.as_slice() {
            [] | [_] => self.absent(),
            _ => Error::BadParameter {
                name: "ID",
                value: row.to_owned(),
                expected: format!("{}, as rows of {name} are named", key.join("/")),
            },
        })?;
        let has = |name: &str| table.column(name).is_some();
        let position = table.position.as_ref().map(|at| [at.ra.as_str(), at.dec.as_str()]);
        let mut columns: Vec<&str> = position.into_iter().flatten().collect();
        let of_visit = has("visit") && has("detector");
        if of_visit {
            columns.extend(["visit", "detector"]);
        }
        if columns.is_empty() {
            return Err(self.absent());
        }
        let list: Vec<String> =
            columns.iter().map(|name| identifier::in_query(name).into_owned()).collect();
        let equal =
            |(column, value): (&&str, i64)| format!("{} = {value}", identifier::in_query(column));
        let condition: Vec<String> = key.iter().zip(values).map(equal).collect();
        let (list, condition) = (list.join(", "), condition.join(" AND "));
        let query = format!("SELECT {list} FROM {name} WHERE {condition}");
        let session = self.database.session()?;
        let rows = session.query(&query, QueryOptions::default()).await?.collect().await?;
        let rows = rows.iter().find(|batch| batch.num_rows() > 0).ok_or_else(|| self.absent())?;
        let value = |name: &str| -> Result<Option<f64>> {
            let place = columns.iter().position(|known| *known == name);
            let Some(column) = place.and_then(|place| rows.columns().get(place)) else {
                return Ok(None);
            };
            let numbers = cast(column, &DataType::Float64)?;
            Ok(numbers.as_primitive::<Float64Type>().iter().next().flatten())
        };
        let place = match position {
            Some([ra, dec]) => value(ra)?.zip(value(dec)?),
            None => None,
        };
        let condition = match (of_visit.then_some(()), value("visit")?, value("detector")?, place) {
            (Some(()), Some(visit), Some(detector), _) => {
                format!("visit = {visit} AND detector = {detector}")
            }
            (_, _, _, Some((ra, dec))) => format!("region OVERLAPS POINT({ra}, {dec})"),
            _ => return Err(self.absent()),
        };
        let mut links = vec![];
        for butler in self.images.butlers()? {
            for image in images(butler, &condition)? {
                let did = self.images.did(&image.uuid);
                let what = described(&image);
                links.push(Link {
                    semantics: "#progenitor",
                    description: format!("{what}, with all that belongs to it"),
                    access_url: address(&base.to_string(), &did),
                    content_type: MEDIA_TYPE.to_owned(),
                    ..Link::default()
                });
                if let Some((ra, dec)) = place {
                    let circle = format!("{ra} {dec} {CUTOUT_RADIUS_DEG:.6}");
                    let mut query = form_urlencoded::Serializer::new(String::new());
                    query.append_pair("ID", &did).append_pair("CIRCLE", &circle);
                    links.push(Link {
                        semantics: "#cutout",
                        description: format!("10 arcsec about the row in {what}"),
                        access_url: format!("{base}/soda/sync?{}", query.finish()),
                        content_type: super::file::FITS.to_owned(),
                        ..Link::default()
                    });
                }
            }
        }
        if links.is_empty() { Err(self.absent()) } else { Ok(links) }
    }

    /// A table by its name, letter case and quotes free.
    fn table(&self, name: &str) -> Result<(String, &TableDef)> {
        for schema in self.database.schemas() {
            for table in &schema.tables {
                if plain(name) == format!("{}.{}", plain(&schema.name), plain(&table.name)) {
                    return Ok((identifier::qualified(&schema.name, &table.name), table));
                }
            }
        }
        Err(Error::NoSuchTable { name: name.to_owned() })
    }
}

/// The images that answer a condition, those that came from outside before what was made of them.
fn images(butler: &Butler, condition: &str) -> Result<Vec<DatasetRef>> {
    let condition = Expression::parse(condition).map_err(|error| Error::BadParameter {
        name: "ID",
        value: condition.to_owned(),
        expected: error.to_string(),
    })?;
    let query = DatasetQuery {
        dataset_type: "*",
        collections: &["*"],
        condition: Some(&condition),
        find_first: true,
        limit: None,
    };
    let mut found = butler.registry().query(&query)?;
    found.retain(|dataset| dataset.dataset_type.storage_class == StorageClass::Exposure);
    found.sort_by_key(|dataset| dataset.number);
    found.truncate(MOST_IMAGES);
    Ok(found)
}

/// What belongs to an image: its file, cut-outs, what was measured on it.
fn of_image(butler: &Butler, image: &DatasetRef, base: &BaseUrl) -> Result<Vec<Link>> {
    let file = |dataset: &DatasetRef, semantics| Link {
        semantics,
        description: described(dataset),
        access_url: format!("{base}/datalink/files/{}", dataset.uuid),
        content_type: media_type(dataset.dataset_type.storage_class).to_owned(),
        content_length: Some(dataset.size_bytes),
        ..Link::default()
    };
    let mut links = vec![file(image, "#this")];
    links.push(Link {
        semantics: "#cutout",
        service: SODA,
        description: "a part of the image, with mask, variance and point-spread function"
            .to_owned(),
        content_type: super::file::FITS.to_owned(),
        ..Link::default()
    });
    let mut runs = vec![];
    for companion in butler.registry().of_data_id(&image.data_id)? {
        if companion.uuid == image.uuid {
            continue;
        }
        match companion.dataset_type.storage_class {
            StorageClass::Exposure => links.push(file(&companion, "#derivation")),
            // Its rows are in the catalog.
            StorageClass::Table => {}
            _ => links.push(file(&companion, "#auxiliary")),
        }
        if !runs.contains(&companion.run) {
            runs.push(companion.run);
        }
    }
    for run in runs {
        let query = DatasetQuery {
            dataset_type: "*_config",
            collections: &[run.as_str()],
            condition: None,
            find_first: false,
            limit: None,
        };
        let configurations = butler.registry().query(&query).unwrap_or_default();
        links.extend(configurations.iter().map(|config| file(config, "#auxiliary")));
    }
    Ok(links)
}

/// A dataset in words.
fn described(dataset: &DatasetRef) -> String {
    let DatasetRef { dataset_type, data_id, run, .. } = dataset;
    match data_id.dimensions().is_empty() {
        true => format!("{} (run {run})", dataset_type.name),
        false => format!("{} of {data_id} (run {run})", dataset_type.name),
    }
}

impl Link {
    fn refused(error: &Error) -> Self {
        let message = error.public_message();
        let error = match error {
            Error::NoSuchImage { .. } | Error::NoSuchTable { .. } => {
                format!("NotFoundFault: {message}")
            }
            _ => format!("Fault: {message}"),
        };
        Self { error, semantics: "#this", ..Self::default() }
    }

    fn row(&self, id: &str) -> String {
        let mut row = String::from("<TR>");
        let length = self.content_length.map(|bytes| bytes.to_string()).unwrap_or_default();
        let cells = [
            id,
            &self.access_url,
            self.service,
            &self.error,
            self.semantics,
            &self.description,
            &self.content_type,
            &length,
        ];
        for cell in cells {
            // Writing to a string does not fail.
            let _ = write!(row, "<TD>{}</TD>", Escaped(cell));
        }
        row + "</TR>\n"
    }
}

/// The ID of the descriptor of the cut-out service.
const SODA: &str = "soda";

fn document(status: &str, rows: &str, soda: &str) -> String {
    format!(
        r##"<?xml version="1.0" encoding="UTF-8"?>
<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<RESOURCE type="results">
<INFO name="standardID" value="ivo://ivoa.net/std/DataLink#links-1.1"/>
{status}
<TABLE>
<FIELD ID="ID" name="ID" datatype="char" arraysize="*" ucd="meta.id;meta.main"/>
<FIELD name="access_url" datatype="char" arraysize="*" ucd="meta.ref.url"/>
<FIELD name="service_def" datatype="char" arraysize="*" ucd="meta.ref"/>
<FIELD name="error_message" datatype="char" arraysize="*" ucd="meta.code.error"/>
<FIELD name="semantics" datatype="char" arraysize="*" ucd="meta.code"/>
<FIELD name="description" datatype="char" arraysize="*" ucd="meta.note"/>
<FIELD name="content_type" datatype="char" arraysize="*" ucd="meta.code.mime"/>
<FIELD name="content_length" datatype="long" unit="byte" ucd="phys.size;meta.file"><VALUES null="-1"/></FIELD>
<DATA><TABLEDATA>
{rows}</TABLEDATA></DATA>
</TABLE>
</RESOURCE>
<RESOURCE type="meta" ID="{SODA}" utype="adhoc:service">
<DESCRIPTION>A part of an image, with mask, variance and point-spread function, as FITS.</DESCRIPTION>
<PARAM name="standardID" datatype="char" arraysize="*" value="ivo://ivoa.net/std/SODA#sync-1.0"/>
<PARAM name="accessURL" datatype="char" arraysize="*" value="{soda}"/>
<GROUP name="inputParams">
<PARAM name="ID" datatype="char" arraysize="*" ucd="meta.id;meta.dataset" ref="ID" value=""/>
<PARAM name="CIRCLE" datatype="double" arraysize="3" unit="deg" ucd="pos.outline;obs" xtype="circle" value=""><DESCRIPTION>longitude, latitude and radius, ICRS</DESCRIPTION></PARAM>
<PARAM name="POLYGON" datatype="double" arraysize="*" unit="deg" ucd="pos.outline;obs" xtype="polygon" value=""><DESCRIPTION>longitude and latitude of each vertex, ICRS</DESCRIPTION></PARAM>
</GROUP>
</RESOURCE>
</VOTABLE>
"##,
        soda = Escaped(soda),
    )
}
