//! The pages for people.

use almagest_server::ServerConfig;
use almagest_server::config::Curation;
use almagest_server::people::store::Restriction;
use axum::http::{StatusCode, header};

use crate::catalog::Service;

#[tokio::test]
async fn the_front_page_asks_and_explains() {
    let curation = Curation { title: "Sky & Co".to_owned(), ..Curation::default() };
    let service = Service::with_config(ServerConfig { curation, ..ServerConfig::default() });
    let page = service.get("/").await.text();
    for expected in [
        "<title>Sky &amp; Co</title>",
        "action=\"http://sky.example.org:8080/tap/sync\"",
        "pyvo.dal.TAPService(\"http://sky.example.org:8080/tap\")",
        "href=\"http://sky.example.org:8080/tables/sky.Star\"",
        "Stars &amp; their &lt;light curves&gt;.",
        "/scs/sky.Star?RA=",
    ] {
        assert!(page.contains(expected), "{expected} is not in {page}");
    }
    assert!(!page.contains("<script"), "{page}");
    let asked = service.get("/?QUERY=SELECT+%3C%2Ftextarea%3E").await.text();
    assert!(asked.contains("SELECT &lt;/textarea&gt;"), "{asked}");
}

#[tokio::test]
async fn a_page_of_columns_can_be_narrowed() {
    let service = Service::new();
    let page = service.get("/tables/sky.star").await.text();
    for expected in ["Right ascension, ICRS.", "pos.eq.ra;meta.main", "mas", "3 rows"] {
        assert!(page.contains(expected), "{expected} is not in {page}");
    }
    let columns = |page: &str| page.matches("<tr id=").count();
    assert_eq!(columns(&page), 6);
    assert_eq!(columns(&service.get("/tables/sky.Star?FIND=ANGULAR").await.text()), 1);
    let none = service.get("/tables/sky.Star?FIND=%3Cb%3E").await.text();
    assert!(none.contains("No column matches.") && none.contains("value=\"&lt;b&gt;\""), "{none}");
    assert!(service.get("/tables/sky.Epoch").await.text().contains("/tables/sky.Star\""));
    let absent = service.get("/tables/sky.Planet").await;
    assert_eq!(absent.status, StatusCode::NOT_FOUND);
    assert!(absent.text().contains("there is no table"), "{}", absent.text());
}

#[tokio::test]
async fn a_browser_reads_what_is_wrong_on_a_page() {
    let service = Service::new();
    let query = "SELECT nome FROM sky.Star";
    let answer = service.sync(&[("QUERY", query), ("RESPONSEFORMAT", "html")]).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.header(header::CONTENT_TYPE).starts_with("text/html"));
    let page = answer.text();
    assert!(page.contains("unknown column nome") && page.contains("?QUERY=SELECT+nome"), "{page}");
    let rows =
        service.sync(&[("QUERY", "SELECT name FROM sky.Star"), ("RESPONSEFORMAT", "html")]).await;
    assert_eq!(rows.status, StatusCode::OK);
    assert!(rows.text().contains("Polaris"));
}

#[tokio::test]
async fn a_page_of_rows_leads_back_to_the_form() {
    let service = Service::new();
    let query = "SELECT+starId+FROM+sky.Star+WHERE+starId+%3C+2";
    let page = service.get(&format!("/tap/sync?QUERY={query}&FORMAT=html")).await.text();
    assert!(
        page.contains(&format!("<a href=\"../?QUERY={query}#ask\">Change the query</a>")),
        "{page}"
    );
    let form = service.get(&format!("/?QUERY={query}")).await.text();
    assert!(form.contains("FROM sky.Star WHERE starId &lt; 2</textarea>"), "{form}");
    assert!(form.contains("CSV, TSV and Arrow have no place for it"), "{form}");
}

#[tokio::test]
async fn what_one_may_not_see_is_on_no_page() {
    let service = Service::new();
    let (schema, table, group) = ("sky".to_owned(), "Star".to_owned(), "team".to_owned());
    service.people().restrict(&Restriction { schema, table, group }).unwrap();
    for path in ["/", "/record", "/tables/sky.Epoch"] {
        let page = service.get(path).await.text();
        assert!(!page.contains("sky.Star") && !page.contains("starId, ra"), "{path}: {page}");
    }
    for path in
        ["/tables/sky.Star", "/scs/sky.Star?RA=10&DEC=-30&SR=1", "/scs/sky.Star/capabilities"]
    {
        assert_eq!(service.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}
