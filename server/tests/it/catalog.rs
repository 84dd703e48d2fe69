//! A small catalog behind the service, made for each test in a temporary folder.

use std::sync::Arc;

use almagest_engine::Database;
use almagest_engine::arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray,
};
use almagest_engine::arrow::record_batch::RecordBatch;
use almagest_ingest::Transaction;
use almagest_server::people::PeopleStore;
use almagest_server::{AppState, ServerConfig, app};
use almagest_storage::CatalogStore;
use almagest_storage::chunking::Chunking;
use almagest_storage::schema::felis;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use tempfile::TempDir;
use tower::ServiceExt;

const SCHEMA: &str = r##"
name: sky
description: Stars & their <light curves>.
tables:
- name: Star
  description: One row for each star.
  "almagest:kind": director
  "almagest:ra": ra
  "almagest:dec": dec
  "almagest:id": starId
  primaryKey: "#Star.starId"
  columns:
  - {name: starId, datatype: long, nullable: false, "ivoa:ucd": "meta.id;meta.main", "tap:principal": 1, description: "Number of the star."}
  - {name: ra, datatype: double, nullable: false, "ivoa:unit": deg, "ivoa:ucd": "pos.eq.ra;meta.main", "tap:principal": 1, description: "Right ascension, ICRS."}
  - {name: dec, datatype: double, nullable: false, "ivoa:unit": deg, "ivoa:ucd": "pos.eq.dec;meta.main", "tap:principal": 1, description: "Declination, ICRS."}
  - {name: name, datatype: unicode, length: 16, "ivoa:ucd": meta.id, description: "Proper name."}
  - {name: size, datatype: double, "ivoa:unit": mas, "ivoa:ucd": phys.angSize, description: "Angular diameter."}
  - {name: variable, datatype: boolean, "ivoa:ucd": src.var, description: "Does its light vary?"}
- name: Epoch
  description: One row for each measurement of a star.
  "almagest:kind": child
  "almagest:director": Star
  "almagest:ra": null
  "almagest:dec": null
  "almagest:id": null
  "almagest:time": mjd
  constraints:
  - {name: star, "@id": "#Epoch.star", "@type": ForeignKey, columns: ["#Epoch.starId"], referencedColumns: ["#Star.starId"], description: "The star measured."}
  columns:
  - {name: starId, datatype: long, nullable: false, "ivoa:ucd": meta.id, description: "Number of the star."}
  - {name: mjd, datatype: double, nullable: false, "ivoa:unit": d, "ivoa:ucd": time.epoch, description: "MJD, TAI."}
  - {name: mag, datatype: float, "ivoa:unit": mag, "ivoa:ucd": phot.mag, description: "Magnitude."}
"##;

/// The service over a catalog of three stars and four measurements.
pub struct Service {
    router: Router,
    state: AppState,
    config: ServerConfig,
    folder: TempDir,
}

/// An answer, read to its end.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Service {
    pub fn new() -> Self {
        Self::with_config(ServerConfig::default())
    }

    pub fn with_config(config: ServerConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("catalog");
        let schema = felis::parse(SCHEMA, &|_| None).unwrap().schema;
        let store = CatalogStore::create(&root, &schema, Chunking::try_new(0).unwrap()).unwrap();
        let mut transaction = Transaction::begin(&store).unwrap();
        transaction.append("Star", &stars()).unwrap();
        transaction.append("Epoch", &epochs()).unwrap();
        transaction.commit().unwrap();
        Self::over(folder, config)
    }

    fn over(folder: TempDir, config: ServerConfig) -> Self {
        let database = Database::open(&folder.path().join("catalog")).unwrap();
        let config = ServerConfig { state: Some(folder.path().join("state")), ..config };
        let state = AppState::new(database, config.clone()).unwrap();
        Self { router: app(state.clone()), state, config, folder }
    }

    /// Stop the service, and start another on what it left.
    pub async fn restarted(self) -> Self {
        self.state.jobs.close(std::time::Duration::ZERO).await;
        let Self { router, state, config, folder } = self;
        drop((router, state));
        Self::over(folder, config)
    }

    /// What the service is made of.
    pub fn state(&self) -> AppState {
        self.state.clone()
    }

    /// Remove the rows behind the service's back.
    pub fn lose_rows(&self) {
        std::fs::remove_dir_all(self.folder.path().join("catalog/data")).unwrap();
    }

    /// The catalog as another process opens it.
    pub fn store(&self) -> CatalogStore {
        CatalogStore::open(&self.folder.path().join("catalog")).unwrap()
    }

    /// Change the catalog as another process does.
    pub fn change(&self, change: impl FnOnce(&mut Transaction)) {
        let mut transaction = Transaction::begin(&self.store()).unwrap();
        change(&mut transaction);
        transaction.commit().unwrap();
    }

    /// The users of the service.
    pub fn people(&self) -> &PeopleStore {
        self.state.views.people()
    }

    /// The file of the jobs.
    pub fn jobs_file(&self) -> std::path::PathBuf {
        self.folder.path().join("state/server.db")
    }

    /// How many tables that came with requests are kept.
    pub fn uploads(&self) -> usize {
        std::fs::read_dir(self.folder.path().join("state/uploads")).unwrap().count()
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub async fn get(&self, path: &str) -> Answer {
        let request = Request::get(path).header(header::HOST, "sky.example.org:8080");
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// POST urlencoded parameters to `/tap/sync`.
    pub async fn sync(&self, parameters: &[(&str, &str)]) -> Answer {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(parameters);
        let request = Request::post("/tap/sync")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request.body(Body::from(body.finish())).unwrap()).await
    }

    /// The rows of a query as CSV, without the header.
    pub async fn rows(&self, query: &str) -> Vec<String> {
        let answer = self.sync(&[("QUERY", query), ("RESPONSEFORMAT", "csv")]).await;
        assert_eq!(answer.status, StatusCode::OK, "{query}: {}", answer.text());
        answer.text().lines().skip(1).map(str::to_owned).collect()
    }
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Assert that the answer is a DALI error document with this status that says `text`.
    pub fn assert_error(&self, status: StatusCode, text: &str) {
        let body = self.text();
        assert_eq!(self.status, status, "{body}");
        assert_eq!(self.header(header::CONTENT_TYPE), "application/x-votable+xml");
        assert!(body.contains("<INFO name=\"QUERY_STATUS\" value=\"ERROR\">"), "{body}");
        assert!(body.contains(text), "{text:?} is not in {body}");
    }
}

fn stars() -> RecordBatch {
    let columns: [(&str, ArrayRef); 6] = [
        ("starId", Arc::new(Int64Array::from(vec![1, 2, 3]))),
        ("ra", Arc::new(Float64Array::from(vec![10.0, 10.01, 200.5]))),
        ("dec", Arc::new(Float64Array::from(vec![-30.0, -30.01, 89.5]))),
        ("name", Arc::new(StringArray::from(vec![Some("α <Scl>"), None, Some("Polaris")]))),
        ("size", Arc::new(Float64Array::from(vec![None, Some(0.25), Some(3.2)]))),
        ("variable", Arc::new(BooleanArray::from(vec![Some(true), Some(false), None]))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(n, c)| (n, c, true))).unwrap()
}

fn epochs() -> RecordBatch {
    let columns: [(&str, ArrayRef); 3] = [
        ("starId", Arc::new(Int64Array::from(vec![1, 1, 3, 1]))),
        ("mjd", Arc::new(Float64Array::from(vec![60000.0, 60001.5, 60000.0, 60003.0]))),
        ("mag", Arc::new(Float64Array::from(vec![Some(4.3), Some(4.4), Some(2.0), None]))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(n, c)| (n, c, true))).unwrap()
}

/// The parameters of a count of rows paired by a condition, which no statistics answer, and which would
/// take days.
pub fn endless() -> String {
    let mut query = "QUERY=SELECT+COUNT(*)+AS+n+FROM+TAP_SCHEMA.columns+AS+t0".to_owned();
    for (nth, before) in (1..8).zip(0..) {
        let condition = format!("t{before}.principal>=t{nth}.std");
        query += &format!("+JOIN+TAP_SCHEMA.columns+AS+t{nth}+ON+{condition}");
    }
    query
}
