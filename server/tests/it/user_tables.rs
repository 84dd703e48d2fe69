//! Tables of users, over HTTP as clients make, fill, share and drop them.

use almagest_server::ServerConfig;
use almagest_server::people::store::Whom;
use almagest_server::people::{Resource, Token};
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};

use crate::catalog::{Answer, Service};

const DEFINITION: &str = r#"<vosi:table xmlns:vosi="http://www.ivoa.net/xml/VOSITables/v1.0" xmlns:vs="http://www.ivoa.net/xml/VODataService/v1.1"
  xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" type="output"><name>user_ada.mine</name>
  <description>Stars that I like.</description>
  <column><name>star</name><dataType xsi:type="vs:VOTableType">int</dataType></column>
  <column><name>ra</name><unit>deg</unit><ucd>pos.eq.ra</ucd><dataType xsi:type="vs:VOTableType">double</dataType></column>
  <column><name>dec</name><unit>deg</unit><ucd>pos.eq.dec</ucd><dataType xsi:type="vs:VOTableType">double</dataType></column>
  <column><name>note</name><dataType xsi:type="vs:VOTableType" arraysize="*">char</dataType></column>
</vosi:table>"#;
/// Near the first two stars of the catalog, and near none.
const ROWS: &str = "star,ra,dec,note\n1,10.0001,-30.0001,one\n2,10.01,-30.01,\n3,200,80,far\n";

/// A service that knows ada and bob.
struct Known {
    service: Service,
    ada: Token,
    bob: Token,
}

impl Known {
    fn new() -> Self {
        Self::on(Service::new())
    }

    fn on(service: Service) -> Self {
        let people = service.people();
        let token = |name: &str| {
            people.add_user(name).unwrap();
            people.add_token(name, "default", None).unwrap()
        };
        let (ada, bob) = (token("ada"), token("bob"));
        Self { service, ada, bob }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        token: Option<&Token>,
        media_type: &str,
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "sky.example.org")
            .header(header::CONTENT_TYPE, media_type);
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", token.reveal()));
        }
        self.service.send(request.body(body.into()).unwrap()).await
    }

    async fn put(&self, name: &str, token: Option<&Token>) -> Answer {
        self.send(Method::PUT, &format!("/tap/tables/{name}"), token, "text/xml", DEFINITION).await
    }

    async fn load(&self, name: &str, token: &Token, rows: &'static str) -> Answer {
        self.send(Method::POST, &format!("/tap/load/{name}"), Some(token), "text/csv", rows).await
    }

    async fn form(&self, path: &str, token: Option<&Token>, body: &str) -> Answer {
        let media_type = "application/x-www-form-urlencoded";
        self.send(Method::POST, path, token, media_type, body.to_owned()).await
    }

    /// The rows of a query as CSV without the header, or the error.
    async fn rows(&self, token: Option<&Token>, query: &str) -> Result<Vec<String>, String> {
        let encoded: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let body = format!("QUERY={encoded}&RESPONSEFORMAT=csv");
        let answer = self.form("/tap/sync", token, &body).await;
        match answer.status {
            StatusCode::OK => Ok(answer.text().lines().skip(1).map(str::to_owned).collect()),
            _ => Err(answer.text()),
        }
    }
}

fn assert_status(answer: &Answer, expected: StatusCode) {
    assert_eq!(answer.status, expected, "{}", answer.text());
}

#[tokio::test]
async fn a_table_is_made_filled_joined_and_dropped() {
    let known = Known::new();
    let ada = Some(&known.ada);
    let made = known.put("user_ada.mine", ada).await;
    assert_status(&made, StatusCode::CREATED);
    assert_eq!(made.header(header::LOCATION), "http://sky.example.org/tap/tables/user_ada.mine");
    assert_status(&known.put("user_ada.MINE", ada).await, StatusCode::CONFLICT);
    assert_eq!(known.rows(ada, "SELECT * FROM user_ada.mine").await, Ok(vec![]));

    let loaded = known.load("user_ada.mine", &known.ada, ROWS).await;
    assert_status(&loaded, StatusCode::OK);
    assert_eq!(loaded.text(), "3 rows\n");
    let query = "SELECT s.name, m.star FROM sky.Star AS s JOIN mine AS m
        ON DISTANCE(s.ra, s.dec, m.ra, m.dec) < 0.001 ORDER BY m.star";
    let joined = known.rows(ada, query).await.unwrap();
    assert_eq!(joined.len(), 2, "{joined:?}");
    let cone =
        "SELECT note FROM user_ada.mine WHERE CONTAINS(POINT(ra, dec), CIRCLE(200, 80, 1)) = 1";
    assert_eq!(known.rows(ada, cone).await, Ok(vec!["far".to_owned()]));

    let described = known.send(Method::GET, "/tap/tables/user_ada.mine", ada, "", "").await;
    assert!(described.text().contains("Stars that I like."), "{}", described.text());
    let listed = "SELECT table_name FROM TAP_SCHEMA.tables WHERE schema_name = 'user_ada'";
    assert_eq!(known.rows(ada, listed).await, Ok(vec!["user_ada.mine".to_owned()]));

    let dropped = known.send(Method::DELETE, "/tap/tables/user_ada.mine", ada, "", "").await;
    assert_status(&dropped, StatusCode::NO_CONTENT);
    assert!(known.rows(ada, "SELECT * FROM user_ada.mine").await.is_err());
    // The name is free for another table, which has none of the rows.
    assert_status(&known.put("user_ada.mine", ada).await, StatusCode::CREATED);
    assert_eq!(known.rows(ada, "SELECT COUNT(*) FROM user_ada.mine").await, Ok(vec!["0".into()]));
}

#[tokio::test]
async fn tables_are_their_owner_s_until_they_are_shared() {
    let known = Known::new();
    known.service.people().join("bob", "team").unwrap();
    let (ada, bob) = (Some(&known.ada), Some(&known.bob));
    assert_status(&known.put("user_ada.mine", ada).await, StatusCode::CREATED);
    assert_status(&known.load("user_ada.mine", &known.ada, ROWS).await, StatusCode::OK);

    let refused = known.put("user_ada.other", bob).await;
    assert_status(&refused, StatusCode::FORBIDDEN);
    assert!(refused.text().contains("yours are in the schema user_bob"), "{}", refused.text());
    let nobody = known.put("user_ada.other", None).await;
    assert_status(&nobody, StatusCode::UNAUTHORIZED);
    assert!(nobody.header(header::WWW_AUTHENTICATE).starts_with("Basic"));

    let count = "SELECT COUNT(*) FROM user_ada.mine";
    let permissions = "/tap/permissions/user_ada.mine";
    for who in [bob, None] {
        let unseen = known.rows(who, count).await.unwrap_err();
        assert!(!unseen.contains("star") && unseen.contains("unknown table"), "{unseen}");
        let listed = "SELECT COUNT(*) FROM TAP_SCHEMA.tables WHERE schema_name LIKE 'user%'";
        assert_eq!(known.rows(who, listed).await, Ok(vec!["0".to_owned()]));
        let hidden = known.send(Method::GET, permissions, who, "", "").await;
        assert_status(&hidden, StatusCode::NOT_FOUND);
    }
    assert_status(&known.load("user_ada.mine", &known.bob, ROWS).await, StatusCode::NOT_FOUND);

    assert_status(&known.form(permissions, ada, "r-group=team").await, StatusCode::NO_CONTENT);
    assert_eq!(known.rows(bob, count).await, Ok(vec!["3".to_owned()]));
    assert!(known.rows(None, count).await.is_err());
    assert_status(&known.load("user_ada.mine", &known.bob, ROWS).await, StatusCode::FORBIDDEN);
    assert_status(&known.form(permissions, bob, "public=true").await, StatusCode::FORBIDDEN);

    assert_status(&known.form(permissions, ada, "rw-group=team").await, StatusCode::NO_CONTENT);
    assert_status(&known.load("user_ada.mine", &known.bob, ROWS).await, StatusCode::OK);
    assert_eq!(known.rows(bob, count).await, Ok(vec!["6".to_owned()]));
    let dropped = known.send(Method::DELETE, "/tap/tables/user_ada.mine", bob, "", "").await;
    assert_status(&dropped, StatusCode::FORBIDDEN);

    let body = "public=true&r-group=&rw-group=";
    assert_status(&known.form(permissions, ada, body).await, StatusCode::NO_CONTENT);
    assert_eq!(known.rows(None, count).await, Ok(vec!["6".to_owned()]));
    let told = known.send(Method::GET, permissions, None, "", "").await.text();
    assert!(told.starts_with("public=true\nr-group=\nrw-group=\ncreated="), "{told}");
}

#[tokio::test]
async fn a_table_is_made_of_a_job_s_result_and_of_a_file() {
    let known = Known::new();
    let ada = Some(&known.ada);
    let query = "QUERY=SELECT+starId,+ra,+dec+FROM+sky.Star+WHERE+dec+<+0&PHASE=RUN";
    let created = known.form("/tap/async", ada, query).await;
    let job = created.header(header::LOCATION).rsplit('/').next().unwrap().to_owned();
    for phase in ["QUEUED", "EXECUTING"] {
        let path = format!("/tap/async/{job}?WAIT=20&PHASE={phase}");
        known.send(Method::GET, &path, ada, "", "").await;
    }
    let path = format!("/tap/tables/user_ada.south?JOB={job}");
    let theirs = known.send(Method::PUT, &path, Some(&known.bob), "", "").await;
    assert_status(&theirs, StatusCode::NOT_FOUND);
    assert_status(&known.send(Method::PUT, &path, ada, "", "").await, StatusCode::CREATED);
    let same = "SELECT COUNT(*) FROM user_ada.south AS a JOIN sky.Star AS b ON a.starId = b.starId";
    let south = "SELECT COUNT(*) FROM sky.Star WHERE dec < 0";
    assert_eq!(known.rows(ada, same).await, known.rows(ada, south).await);
    let told = known.send(Method::GET, "/tap/permissions/user_ada.south", ada, "", "").await.text();
    assert!(told.contains("query=SELECT starId, ra, dec FROM sky.Star"), "{told}");

    let path = "/tap/tables/user_ada.file";
    let made = known.send(Method::PUT, path, ada, "text/csv", ROWS).await;
    assert_status(&made, StatusCode::CREATED);
    assert_eq!(made.text(), "3 rows\n");
    let sum = "SELECT SUM(star) FROM user_ada.file";
    assert_eq!(known.rows(ada, sum).await, Ok(vec!["6".to_owned()]));
}

#[tokio::test]
async fn an_index_is_made_by_a_job() {
    let known = Known::new();
    let ada = Some(&known.ada);
    assert_status(&known.put("user_ada.mine", ada).await, StatusCode::CREATED);
    assert_status(&known.load("user_ada.mine", &known.ada, ROWS).await, StatusCode::OK);
    let update = async |body: &str| {
        let created = known.form("/tap/table-update", ada, body).await;
        assert_status(&created, StatusCode::SEE_OTHER);
        let job = created.header(header::LOCATION).rsplit('/').next().unwrap().to_owned();
        known.form(&format!("/tap/async/{job}/phase"), ada, "PHASE=RUN").await;
        for phase in ["QUEUED", "EXECUTING"] {
            let path = format!("/tap/async/{job}?WAIT=20&PHASE={phase}");
            known.send(Method::GET, &path, ada, "", "").await;
        }
        known.send(Method::GET, &format!("/tap/async/{job}"), ada, "", "").await.text()
    };
    let done = update("table=user_ada.mine&index=STAR&unique=true").await;
    assert!(done.contains("<uws:phase>COMPLETED<"), "{done}");
    let indexed = "SELECT column_name FROM TAP_SCHEMA.columns WHERE table_name = 'user_ada.mine' AND indexed = 1";
    let columns = known.rows(ada, indexed).await.unwrap();
    assert!(columns.contains(&"star".to_owned()), "{columns:?}");
    let sum = "SELECT SUM(star) FROM user_ada.mine";
    assert_eq!(known.rows(ada, sum).await, Ok(vec!["6".to_owned()]));
    // What is unique stays so.
    let again = known.load("user_ada.mine", &known.ada, ROWS).await;
    assert_status(&again, StatusCode::BAD_REQUEST);
    let failed = update("table=user_ada.mine&index=none&unique=true").await;
    assert!(failed.contains("user_ada.mine has no column none"), "{failed}");
    let failed = update("table=user_ada.mine&index=note&unique=true").await;
    assert!(failed.contains("a unique index is of whole numbers"), "{failed}");
}

#[tokio::test]
async fn wrong_rows_and_names_change_nothing() {
    let known = Known::new();
    let ada = Some(&known.ada);
    assert_status(&known.put("user_ada.mine", ada).await, StatusCode::CREATED);
    for rows in [
        "star,ra,dec,note\n1,10,20,a\nx,10,20,b\n",
        "star,ra,dec,note\n1,10,95,a\n",
        "star,ra,dec,magnitude\n1,10,20,3\n",
        "",
    ] {
        let refused = known.load("user_ada.mine", &known.ada, rows).await;
        assert_status(&refused, StatusCode::BAD_REQUEST);
    }
    assert_eq!(known.rows(ada, "SELECT COUNT(*) FROM user_ada.mine").await, Ok(vec!["0".into()]));
    for (name, status) in [
        ("mine", StatusCode::BAD_REQUEST),
        ("sky.Star", StatusCode::BAD_REQUEST),
        ("user_ada.a%20b", StatusCode::BAD_REQUEST),
        ("user_ada..%2f..%2fx", StatusCode::BAD_REQUEST),
        ("user_eve.mine", StatusCode::FORBIDDEN),
    ] {
        assert_status(&known.put(name, ada).await, status);
    }
    let path = "/tap/tables/user_ada.other";
    let refused = known.send(Method::PUT, path, ada, "text/xml", "<table><column>").await;
    assert_status(&refused, StatusCode::BAD_REQUEST);
    assert!(refused.text().contains("breaks off"), "{}", refused.text());
}

#[tokio::test]
async fn tables_have_limits_and_an_end() {
    let table_life = std::time::Duration::ZERO;
    let brief = ServerConfig { table_life, ..ServerConfig::default() };
    let known = Known::on(Service::with_config(brief));
    assert_status(&known.put("user_ada.mine", Some(&known.ada)).await, StatusCode::CREATED);
    assert!(known.rows(Some(&known.ada), "SELECT * FROM user_ada.mine").await.is_err());

    let shared = ServerConfig { anonymous_tables: true, ..ServerConfig::default() };
    let known = Known::on(Service::with_config(shared));
    assert_status(&known.put("user_anonymous.mine", None).await, StatusCode::CREATED);
    let count = "SELECT COUNT(*) FROM user_anonymous.mine";
    assert_eq!(known.rows(None, count).await, Ok(vec!["0".to_owned()]));

    let ada = Whom::User("ada".to_owned());
    let allow = |bytes| {
        known.service.people().allow(&ada, Resource::TableBytes, Some(bytes)).unwrap();
    };
    allow(10);
    assert_status(&known.put("user_ada.mine", Some(&known.ada)).await, StatusCode::CREATED);
    // What would go over the limit is not kept, neither beside a table nor as one.
    let file = "/tap/tables/user_ada.file";
    for refused in [
        known.load("user_ada.mine", &known.ada, ROWS).await,
        known.send(Method::PUT, file, Some(&known.ada), "text/csv", ROWS).await,
    ] {
        assert_status(&refused, StatusCode::FORBIDDEN);
        let told = refused.text();
        assert!(told.starts_with("your tables may take 10 bytes here, and would take "), "{told}");
    }
    let count = "SELECT COUNT(*) FROM user_ada.mine";
    assert_eq!(known.rows(Some(&known.ada), count).await, Ok(vec!["0".to_owned()]));
    assert!(known.rows(Some(&known.ada), "SELECT * FROM user_ada.file").await.is_err());
    allow(1_000_000);
    assert_status(&known.load("user_ada.mine", &known.ada, ROWS).await, StatusCode::OK);
    allow(10);
    let full = known.load("user_ada.mine", &known.ada, ROWS).await;
    assert_status(&full, StatusCode::FORBIDDEN);
    assert!(full.text().contains("of the 10 that they may"), "{}", full.text());
}

#[tokio::test]
async fn tables_are_there_after_a_restart() {
    let known = Known::new();
    assert_status(&known.put("user_ada.mine", Some(&known.ada)).await, StatusCode::CREATED);
    assert_status(&known.load("user_ada.mine", &known.ada, ROWS).await, StatusCode::OK);
    let Known { service, ada, bob } = known;
    let known = Known { service: service.restarted().await, ada, bob };
    let count = "SELECT COUNT(*) FROM mine";
    assert_eq!(known.rows(Some(&known.ada), count).await, Ok(vec!["3".to_owned()]));
}

/// Where the service keeps what it was sent is nobody's business.
#[tokio::test]
async fn faults_of_a_body_are_told_without_a_path() {
    let known = Known::new();
    let junk = "junk";
    let put = "/tap/tables/user_ada.junk";
    let refused = known.send(Method::PUT, put, Some(&known.ada), "application/octet-stream", junk);
    let refused = refused.await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(
        refused.text().starts_with("the body of the request: unknown format"),
        "{}",
        refused.text()
    );
    known.put("user_ada.mine", Some(&known.ada)).await;
    let refused = known.load("user_ada.mine", &known.ada, "star,ra,dec,note\n1,x,1,one\n").await;
    assert!(refused.text().starts_with("the body of the request: row 1"), "{}", refused.text());
    assert!(!refused.text().contains("uploads"), "{}", refused.text());
}

/// A column that goes missing without a word is missed when the file that had it is gone.
#[tokio::test]
async fn columns_that_a_table_cannot_keep_are_refused_by_name() {
    let known = Known::new();
    let ada = Some(&known.ada);
    let path = "/tap/tables/user_ada.arrays";
    let refused = |answer: Answer| {
        assert_status(&answer, StatusCode::BAD_REQUEST);
        let expected = "a table cannot keep column a (arrays), column c (arrays); leave them out";
        assert!(answer.text().starts_with(expected), "{}", answer.text());
    };
    let votable = r#"<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE><TABLE>
        <FIELD name="a" datatype="double" arraysize="3"/><FIELD name="b" datatype="int"/>
        <FIELD name="c" datatype="doubleComplex"/>
        <DATA><TABLEDATA><TR><TD>1 2 3</TD><TD>4</TD><TD>5 6</TD></TR></TABLEDATA></DATA>
        </TABLE></RESOURCE></VOTABLE>"#;
    for media_type in ["application/octet-stream", "application/x-votable+xml"] {
        refused(known.send(Method::PUT, path, ada, media_type, votable).await);
    }
    // Where there are no others, too.
    let only =
        votable.replace("<FIELD name=\"b\" datatype=\"int\"/>", "").replace("<TD>4</TD>", "");
    refused(known.send(Method::PUT, path, ada, "application/octet-stream", only).await);
    let vosi = r#"<table><column><name>a</name><dataType arraysize="3">double</dataType></column>
        <column><name>b</name><dataType>int</dataType></column>
        <column><name>c</name><dataType arraysize="*">short</dataType></column></table>"#;
    refused(known.send(Method::PUT, path, ada, "text/xml", vosi).await);

    let ask = "QUERY=SELECT+ivo_histogram(ra,0,360,3)+AS+a,COUNT(*)+AS+b,ivo_histogram(dec,-90,90,3)+AS+c+FROM+sky.Star&PHASE=RUN";
    let created = known.form("/tap/async", ada, ask).await;
    let job = created.header(header::LOCATION).rsplit('/').next().unwrap().to_owned();
    for phase in ["QUEUED", "EXECUTING"] {
        known
            .send(Method::GET, &format!("/tap/async/{job}?WAIT=20&PHASE={phase}"), ada, "", "")
            .await;
    }
    refused(known.send(Method::PUT, &format!("{path}?JOB={job}"), ada, "", "").await);

    assert!(known.rows(ada, "SELECT * FROM user_ada.arrays").await.is_err());
    assert_status(&known.put("user_ada.arrays", ada).await, StatusCode::CREATED);
}

/// The type application/x-votable+xml is pyvo's for a definition, whose rows are sent once more.
#[tokio::test]
async fn a_votable_is_a_definition_or_a_table_and_says_which() {
    let known = Known::new();
    let ada = Some(&known.ada);
    let votable = r#"<?xml version="1.0"?>
        <VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE><TABLE>
        <FIELD name="n" datatype="int"/><DATA><TABLEDATA><TR><TD>4</TD></TR><TR><TD>5</TD></TR></TABLEDATA></DATA>
        </TABLE></RESOURCE></VOTABLE>"#;
    let definition = "application/x-votable+xml";
    let put = async |name: &str, media_type: &str, body: &str| {
        let path = format!("/tap/tables/user_ada.{name}");
        let made = known.send(Method::PUT, &path, ada, media_type, body.to_owned()).await;
        assert_status(&made, StatusCode::CREATED);
        let sum = format!("SELECT SUM(n) FROM user_ada.{name}");
        (made.text(), known.rows(ada, &sum).await.unwrap().concat())
    };
    let (told, sum) = put("a", definition, votable).await;
    assert!(
        told.contains("the rows in it were not read; POST it to /tap/load/user_ada.a"),
        "{told}"
    );
    assert_eq!(sum, "\"\"");
    let load = "/tap/load/user_ada.a";
    assert_eq!(known.send(Method::POST, load, ada, definition, votable).await.text(), "2 rows\n");
    let empty = votable.replace("<TR><TD>4</TD></TR><TR><TD>5</TD></TR>", "");
    assert_eq!(put("b", definition, &empty).await, ("0 rows\n".to_owned(), "\"\"".to_owned()));
    for (name, media_type) in [
        ("c", "text/xml; charset=utf-8"),
        ("d", "application/xml"),
        ("e", "application/octet-stream"),
    ] {
        assert_eq!(put(name, media_type, votable).await, ("2 rows\n".to_owned(), "9".to_owned()));
    }
    assert_status(&known.put("user_ada.f", ada).await, StatusCode::CREATED);
}
