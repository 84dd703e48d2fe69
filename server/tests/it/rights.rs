//! Who may see what: a table that is hidden from a caller is nowhere.

use almagest_pipeline::butler::{Butler, DataId, DatasetType, DimensionSet, StorageClass, Value};
use almagest_server::people::Token;
use almagest_server::people::store::Restriction;
use almagest_storage::CatalogStore;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};

use crate::catalog::{Answer, Service};

/// A service on which ada may see the table Epoch, and bob and strangers may not.
struct Guarded {
    service: Service,
    ada: Token,
    bob: Token,
}

impl Guarded {
    fn new() -> Self {
        let service = Service::new();
        let people = service.people();
        for name in ["ada", "bob"] {
            people.add_user(name).unwrap();
        }
        people.join("ada", "team").unwrap();
        let restriction = ("sky".to_owned(), "Epoch".to_owned(), "team".to_owned());
        let (schema, table, group) = restriction;
        people.restrict(&Restriction { schema, table, group }).unwrap();
        let [ada, bob] =
            ["ada", "bob"].map(|name| people.add_token(name, "default", None).unwrap());
        Self { service, ada, bob }
    }

    async fn send(&self, method: &str, path: &str, token: Option<&Token>, body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header(header::HOST, "sky.example.org");
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", token.reveal()));
        }
        self.service.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    /// The path of a job that the query makes, when it is at its end.
    async fn job(&self, token: Option<&Token>, query: &str) -> String {
        let body = format!("QUERY={}&PHASE=RUN&RESPONSEFORMAT=csv", query.replace(' ', "+"));
        let created = self.send("POST", "/tap/async", token, &body).await;
        assert_eq!(created.status, StatusCode::SEE_OTHER, "{}", created.text());
        let job = created.header(header::LOCATION).strip_prefix("http://sky.example.org").unwrap();
        loop {
            let phase = self.send("GET", &format!("{job}/phase"), token, "").await.text();
            if ["COMPLETED", "ERROR"].contains(&phase.trim()) {
                return job.to_owned();
            }
            // Each change of phase ends a wait.
            self.send("GET", &format!("{job}?WAIT=20"), token, "").await;
        }
    }
}

/// Everything that tells of tables, asked in ways that could give one away.
#[tokio::test]
async fn a_hidden_table_is_in_no_answer() {
    let guarded = Guarded::new();
    let ask =
        |query: &str| format!("/tap/sync?QUERY={}&RESPONSEFORMAT=csv", query.replace(' ', "+"));
    let paths = [
        "/".to_owned(),
        "/tap".to_owned(),
        "/tap/tables".to_owned(),
        "/tap/tables?detail=min".to_owned(),
        "/tap/tables/sky.Star".to_owned(),
        "/tap/examples".to_owned(),
        "/tap/capabilities".to_owned(),
        ask("SELECT * FROM TAP_SCHEMA.tables"),
        ask("SELECT * FROM TAP_SCHEMA.columns"),
        ask("SELECT * FROM TAP_SCHEMA.keys"),
        ask("SELECT * FROM TAP_SCHEMA.key_columns"),
        // Suggestions for what is nearly its name, and for its columns.
        ask("SELECT * FROM sky.Epok"),
        ask("SELECT * FROM Epoc"),
        ask("SELECT mjdd FROM sky.Star"),
        ask("SELECT * FROM nosuchtable"),
    ];
    let secrets = ["sky.epoch", "mjd, tai", "magnitude.", "measurement of a star", "mean mjd"];
    for (who, token) in [("a stranger", None), ("bob", Some(&guarded.bob))] {
        for path in &paths {
            let answer = guarded.send("GET", path, token, "").await;
            // What the caller wrote may come back.
            let asked = path.to_lowercase();
            let text = answer.text().to_lowercase();
            for secret in secrets.iter().filter(|secret| !asked.contains(**secret)) {
                assert!(!text.contains(secret), "{who} {path}: {secret} in {text}");
            }
        }
        // Asked for by name, it is as absent as one that never was.
        for query in ["SELECT * FROM sky.Epoch", "SELECT COUNT(*) FROM Epoch"] {
            let hidden = guarded.send("GET", &ask(query), token, "").await;
            let absent =
                guarded.send("GET", &ask(&query.replace("Epoch", "Epocx")), token, "").await;
            assert_eq!(hidden.status, absent.status);
            assert_eq!(hidden.text().replace("Epoch", "Epocx"), absent.text(), "{who}");
        }
        let table = guarded.send("GET", "/tap/tables/sky.Epoch", token, "").await;
        assert_eq!(table.status, StatusCode::NOT_FOUND);
        let job = guarded.job(token, "SELECT * FROM sky.Epoch").await;
        let job = guarded.send("GET", &job, token, "").await.text();
        assert!(job.contains("ERROR") && !job.contains("mjd"), "{job}");
    }
    let count = ask("SELECT COUNT(*) AS n FROM Epoch");
    let seen = guarded.send("GET", &count, Some(&guarded.ada), "").await;
    assert_eq!(seen.text(), "n\r\n4\r\n");
    let tables = guarded.send("GET", "/tap/tables", Some(&guarded.ada), "").await;
    assert!(tables.text().contains("sky.Epoch"));
}

#[tokio::test]
async fn a_hidden_table_stays_hidden_when_it_is_dropped() {
    let guarded = Guarded::new();
    guarded.service.change(|transaction| transaction.drop_table("Epoch").unwrap());
    let path = "/tap/sync?QUERY=SELECT+COUNT(*)+AS+n+FROM+Epoch+AS+OF+VERSION+1&RESPONSEFORMAT=csv";
    let seen = guarded.send("GET", path, Some(&guarded.ada), "").await;
    assert_eq!(seen.text(), "n\r\n4\r\n");
    for token in [None, Some(&guarded.bob)] {
        let hidden = guarded.send("GET", path, token, "").await;
        hidden.assert_error(StatusCode::BAD_REQUEST, "unknown table Epoch");
    }
}

/// Datasets hold the rows of all tables.
#[tokio::test]
async fn datasets_of_a_catalog_with_hidden_tables_are_hidden() {
    let guarded = Guarded::new();
    let run = |catalog: &CatalogStore| {
        let butler = Butler::open(catalog).unwrap();
        let kind = DatasetType::new("secrets", DimensionSet::EMPTY, StorageClass::Text);
        let rows = Value::Text("mean mjd".to_owned());
        butler.put("run", &kind, &DataId::empty(), &rows).unwrap().uuid
    };
    let uuid = run(&guarded.service.store());
    let file = format!("/datalink/files/{uuid}");
    let list = "/tap/sync?QUERY=SELECT+uuid+FROM+butler.dataset&RESPONSEFORMAT=csv";
    let seen = guarded.send("GET", list, Some(&guarded.ada), "").await;
    assert_eq!(seen.text(), format!("uuid\r\n{uuid}\r\n"));
    assert_eq!(guarded.send("GET", &file, Some(&guarded.ada), "").await.text(), "mean mjd");
    for token in [None, Some(&guarded.bob)] {
        let hidden = guarded.send("GET", list, token, "").await;
        hidden.assert_error(StatusCode::BAD_REQUEST, "unknown table butler.dataset");
        assert_eq!(guarded.send("GET", &file, token, "").await.status, StatusCode::NOT_FOUND);
        let soda = format!("/soda/sync?ID=ivo://unregistered/almagest?{uuid}&CIRCLE=1+2+3");
        assert_eq!(guarded.send("GET", &soda, token, "").await.status, StatusCode::NOT_FOUND);
        let tables = guarded.send("GET", "/tap/tables", token, "").await.text();
        assert!(!tables.contains("butler") && !tables.contains("ObsCore"), "{tables}");
    }
    // They may be opened all the same.
    for schema in ["ivoa", "butler"] {
        let (schema, table) = (schema.to_owned(), "*".to_owned());
        let people = guarded.service.people();
        people.join("bob", "astronomers").unwrap();
        people.restrict(&Restriction { schema, table, group: "astronomers".to_owned() }).unwrap();
    }
    let opened = guarded.send("GET", &file, Some(&guarded.bob), "").await;
    assert_eq!(opened.status, StatusCode::OK);
    assert_eq!(guarded.send("GET", &file, None, "").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_right_that_is_taken_is_gone_at_once() {
    let guarded = Guarded::new();
    let path = "/tap/sync?QUERY=SELECT+COUNT(*)+AS+n+FROM+Epoch&RESPONSEFORMAT=csv";
    let ask = async || guarded.send("GET", path, Some(&guarded.ada), "").await.status;
    assert_eq!(ask().await, StatusCode::OK);
    guarded.service.people().leave("ada", "team").unwrap();
    assert_eq!(ask().await, StatusCode::BAD_REQUEST);
    guarded.service.people().release("sky", "Epoch").unwrap();
    assert_eq!(ask().await, StatusCode::OK);
    guarded.service.people().revoke_token("ada", "default").unwrap();
    assert_eq!(ask().await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn jobs_and_results_are_their_owners_alone() {
    let guarded = Guarded::new();
    let job = guarded.job(Some(&guarded.ada), "SELECT COUNT(*) AS n FROM Epoch").await;
    for part in ["", "/phase", "/parameters", "/results", "/results/result", "/owner", "/error"] {
        for token in [None, Some(&guarded.bob)] {
            let answer = guarded.send("GET", &format!("{job}{part}"), token, "").await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{part}");
        }
    }
    let deleted = guarded.send("DELETE", &job, Some(&guarded.bob), "").await;
    assert_eq!(deleted.status, StatusCode::NOT_FOUND);
    let id = job.rsplit('/').next().unwrap();
    let list = async |token| guarded.send("GET", "/tap/async", token, "").await.text();
    assert!(list(Some(&guarded.ada)).await.contains(id));
    assert!(!list(Some(&guarded.bob)).await.contains(id));
    assert!(!list(None).await.contains(id));
    let result = format!("{job}/results/result");
    let result = guarded.send("GET", &result, Some(&guarded.ada), "").await;
    assert_eq!(result.text(), "n\r\n4\r\n");
    let owner = guarded.send("GET", &format!("{job}/owner"), Some(&guarded.ada), "").await;
    assert_eq!(owner.text().trim(), "ada");
}

#[tokio::test]
async fn a_wrong_token_is_refused_and_the_right_way_said() {
    let guarded = Guarded::new();
    for path in ["/tap/sync?QUERY=SELECT+1+AS+n+FROM+Star", "/tap/async", "/tap/tables"] {
        let answer = guarded.send("GET", path, Some(&Token::draw()), "").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        let challenges: Vec<_> = answer.headers.get_all(header::WWW_AUTHENTICATE).iter().collect();
        assert_eq!(challenges.len(), 2, "{challenges:?}");
        assert!(answer.text().starts_with("<?xml"), "{}", answer.text());
    }
    let begun = guarded.send("POST", "/ingest/transactions", Some(&Token::draw()), "").await;
    assert_eq!(begun.status, StatusCode::UNAUTHORIZED);
    assert!(!begun.text().contains('<'), "{}", begun.text());
    let known = guarded.send("GET", "/tap/capabilities", Some(&guarded.bob), "").await;
    assert_eq!(known.headers.get("x-vo-authenticated").unwrap(), "bob");
    let unknown = guarded.send("GET", "/tap/capabilities", None, "").await;
    assert_eq!(unknown.status, StatusCode::OK);
    assert!(unknown.headers.contains_key(header::WWW_AUTHENTICATE));
    assert!(unknown.text().contains("ivo://ivoa.net/sso#BasicAA"), "{}", unknown.text());
    // Where nobody is known, nobody is asked.
    let open = Service::new().get("/tap/capabilities").await;
    assert!(!open.headers.contains_key(header::WWW_AUTHENTICATE));
}
