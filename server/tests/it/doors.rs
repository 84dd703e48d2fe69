//! What surrounds the routes: other spellings of addresses, pages of other places, compressed bodies, and
//! words for what is not there.

use std::io::Write;

use axum::body::Body;
use axum::http::header::{self, HeaderMap, HeaderName};
use axum::http::{Method, Request, StatusCode};

use crate::catalog::{Answer, Service};

const ORIGIN: &str = "https://aladin.example.org";

async fn ask(
    service: &Service,
    method: Method,
    path: &str,
    headers: &[(HeaderName, &str)],
) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    service.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn slashes_more_or_less_are_the_same_address() {
    let service = Service::new();
    let query = "QUERY=SELECT+COUNT(*)+AS+n+FROM+sky.Star&FORMAT=csv";
    for path in ["/tap/sync", "/tap/sync/", "/tap//sync", "//tap/sync", "/tap//sync//"] {
        let answer = service.get(&format!("{path}?{query}")).await;
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (StatusCode::OK, "n\r\n3\r\n"),
            "{path}"
        );
    }
    for path in ["/tap", "/tap/", "/tap//capabilities", "/tap/async/", "//"] {
        assert_eq!(service.get(path).await.status, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn what_is_not_there_and_what_is_asked_otherwise_is_said() {
    let service = Service::new();
    let absent = service.get("/tap/snyc").await;
    assert_eq!(absent.status, StatusCode::NOT_FOUND);
    assert!(absent.text().starts_with("there is nothing at /tap/snyc; TAP is at /tap"));
    let put = ask(&service, Method::PUT, "/tap/sync", &[]).await;
    assert_eq!(put.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(put.text().starts_with("/tap/sync does not answer PUT"), "{}", put.text());
    assert!(put.header(header::ALLOW).contains("POST"), "{:?}", put.headers);
}

#[tokio::test]
async fn pages_of_other_places_may_ask() {
    let service = Service::new();
    let origin = (header::ORIGIN, ORIGIN);
    let list = |headers: &HeaderMap, name: HeaderName| {
        headers.get(name).map_or("", |value| value.to_str().unwrap()).to_ascii_lowercase()
    };
    for path in ["/tap/availability", "/tap/async/17", "/no/such/place"] {
        let answer = ask(&service, Method::GET, path, std::slice::from_ref(&origin)).await;
        assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), "*", "{path}");
        let exposed = list(&answer.headers, header::ACCESS_CONTROL_EXPOSE_HEADERS);
        for name in ["location", "etag", "content-disposition", "x-request-id"] {
            assert!(exposed.contains(name), "{path}: {exposed}");
        }
    }
    let wanted = [
        origin,
        (header::ACCESS_CONTROL_REQUEST_METHOD, "PUT"),
        (header::ACCESS_CONTROL_REQUEST_HEADERS, "authorization,content-type"),
    ];
    let preflight = ask(&service, Method::OPTIONS, "/tap/tables/user_ada.mine", &wanted).await;
    assert_eq!(preflight.status, StatusCode::OK);
    assert_eq!(preflight.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), "*");
    assert!(list(&preflight.headers, header::ACCESS_CONTROL_ALLOW_METHODS).contains("put"));
    let headers = list(&preflight.headers, header::ACCESS_CONTROL_ALLOW_HEADERS);
    assert!(headers.contains("authorization"), "{headers}");
    assert!(!preflight.headers.contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS));
}

#[tokio::test]
async fn a_compressed_body_is_read_as_what_it_holds() {
    let service = Service::new();
    let form = "QUERY=SELECT+COUNT(*)+AS+n+FROM+sky.Star&FORMAT=csv";
    let send = async |encoding: &str, body: Vec<u8>| {
        let request = Request::post("/tap/sync")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::CONTENT_ENCODING, encoding);
        service.send(request.body(Body::from(body)).unwrap()).await
    };
    let gzip = |text: &[u8]| {
        let mut packed = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
        packed.write_all(text).unwrap();
        packed.finish().unwrap()
    };
    let answer = send("gzip", gzip(form.as_bytes())).await;
    assert_eq!(answer.text(), "n\r\n3\r\n");
    let unknown = send("br", form.into()).await;
    assert_eq!(unknown.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert!(unknown.text().contains("Content-Encoding"), "{}", unknown.text());
    // Limits are of what it holds.
    let bomb = send("gzip", gzip(&vec![b'a'; 20 << 20])).await;
    assert!(bomb.status.is_client_error() && !bomb.text().is_empty(), "{}", bomb.status);
}

#[tokio::test]
async fn services_of_images_are_announced_where_there_are_images() {
    let service = Service::new();
    let announced = async |path: &str| {
        let text = service.get(path).await.text();
        let names = ["DataLink#links-1.1", "SODA#sync-1.0"];
        names.map(|name| text.contains(&format!("standardID=\"ivo://ivoa.net/std/{name}\"")))
    };
    for path in ["/tap/capabilities", "/record"] {
        assert_eq!(announced(path).await, [false; 2], "{path}");
    }
    almagest_pipeline::butler::Butler::open(&service.store()).unwrap();
    for path in ["/tap/capabilities", "/soda/capabilities", "/datalink/capabilities", "/record"] {
        assert_eq!(announced(path).await, [true; 2], "{path}");
    }
}

#[tokio::test]
async fn services_of_images_speak_as_their_standards_want() {
    let service = Service::new();
    let links = service.get("/datalink/links").await;
    assert_eq!(links.status, StatusCode::OK, "{}", links.text());
    assert!(
        links.text().contains("access_url") && !links.text().contains("<TR>"),
        "{}",
        links.text()
    );
    for (query, expected) in [
        ("CIRCLE=1+2+3", "UsageError: parameter ID is missing"),
        ("ID=a&ID=b&CIRCLE=1+2+3", "MultiValuedParamNotSupported: parameter ID"),
        ("ID=a&CIRCLE=1+2+3", "UsageError: there is no image a"),
        ("ID=a&POS=range+1+2+3+4&UNKNOWN=1", "UsageError: there is no image a"),
        ("ID=a&POS=RANGE+2+1+3+4", "UsageError: parameter POS"),
        ("ID=a&POS=BOX+2+1+3+4", "UsageError: parameter POS"),
    ] {
        let refused = service.get(&format!("/soda/sync?{query}")).await;
        assert!(refused.status.is_client_error(), "{query}: {}", refused.status);
        assert!(refused.text().starts_with(expected), "{query}: {}", refused.text());
    }
}
