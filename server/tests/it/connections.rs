//! The service behind a socket: limits of connections, HTTPS, and how it stops.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use almagest_server::config::{ConnectionLimits, TlsFiles};
use almagest_server::{ServerConfig, serve};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::catalog::Service;

const SOON: Duration = Duration::from_secs(10);

/// A service that listens.
struct Listening {
    port: u16,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
    _service: Service,
}

impl Listening {
    async fn with(config: ServerConfig) -> Self {
        let service = Service::with_config(config);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (stop, stopped) = oneshot::channel();
        let state = service.state();
        let ended = tokio::spawn(async move {
            serve(state, listener, async { stopped.await.unwrap_or(()) }).await.unwrap();
        });
        Self { port, stop, ended, _service: service }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).await.unwrap()
    }
}

/// Send what is given, and read until the other end closes.
async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, sent: &str) -> String {
    stream.write_all(sent.as_bytes()).await.unwrap();
    let mut received = vec![];
    // A connection that is closed while something is on the way is reset.
    let _ = timeout(SOON, stream.read_to_end(&mut received)).await.expect("it is closed");
    String::from_utf8_lossy(&received).into_owned()
}

const HEALTH: &str = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

fn limits(at_once: usize) -> ServerConfig {
    let head = Duration::from_millis(300);
    let connections = ConnectionLimits { at_once, head, ..ConnectionLimits::default() };
    ServerConfig { connections, ..ServerConfig::default() }
}

#[tokio::test]
async fn a_head_that_does_not_come_and_a_flood_of_headers_are_refused() {
    let service = Listening::with(limits(10)).await;
    let slow = exchange(service.connect().await, "GET /health HTTP/1.1\r\nHost:").await;
    assert!(!slow.contains("200 OK"), "{slow}");
    let flood: String = (0..200).map(|n| format!("X-{n}: y\r\n")).collect();
    let head = format!("GET /health HTTP/1.1\r\nHost: localhost\r\n{flood}\r\n");
    let refused = exchange(service.connect().await, &head).await;
    assert!(refused.starts_with("HTTP/1.1 431"), "{refused}");
    let long = format!("GET /health?{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(1 << 20));
    let refused = exchange(service.connect().await, &long).await;
    assert!(refused.is_empty() || refused.starts_with("HTTP/1.1 4"), "{refused}");
    assert!(exchange(service.connect().await, HEALTH).await.ends_with("alive\n"));
}

#[tokio::test]
async fn one_connection_too_many_waits_until_another_is_closed() {
    let service = Listening::with(limits(1)).await;
    let first = service.connect().await;
    // Its head does not come: after a while it gives way to the second.
    let second = exchange(service.connect().await, HEALTH).await;
    assert!(second.ends_with("alive\n"), "{second}");
    drop(first);
}

#[tokio::test]
async fn an_answer_under_way_is_finished_when_the_service_stops() {
    let service = Listening::with(ServerConfig::default()).await;
    let mut idle = service.connect().await;
    let mut asking = service.connect().await;
    let query =
        "GET /tap/sync?QUERY=SELECT+name+FROM+sky.Star&FORMAT=csv HTTP/1.1\r\nHost: h\r\n\r\n";
    asking.write_all(query.as_bytes()).await.unwrap();
    let mut first = [0; 12];
    asking.read_exact(&mut first).await.unwrap();
    service.stop.send(()).unwrap();
    let mut rest = vec![];
    asking.read_to_end(&mut rest).await.unwrap();
    let rest = String::from_utf8(rest).unwrap();
    assert!(first.starts_with(b"HTTP/1.1 200") && rest.contains("Polaris"), "{rest}");
    timeout(SOON, service.ended).await.expect("the service ends").unwrap();
    assert_eq!(idle.read(&mut first).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn a_query_that_has_no_row_when_the_service_ends_is_told_so() {
    let grace = Duration::from_secs(1);
    let connections = ConnectionLimits { grace, ..ConnectionLimits::default() };
    let service = Listening::with(ServerConfig { connections, ..ServerConfig::default() }).await;
    let mut asking = service.connect().await;
    // Rows that make pairs of pairs, for hours.
    let tables: String = (0..24).map(|n| format!(",sky.Star+AS+s{n}")).collect();
    let query =
        format!("SELECT+COUNT(*)+AS+n+FROM+{}+WHERE+s0.ra%3Es1.ra+OR+s2.ra%3Cs3.dec", &tables[1..]);
    let head = format!("GET /tap/sync?QUERY={query} HTTP/1.1\r\nHost: h\r\n\r\n");
    asking.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    service.stop.send(()).unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    // Who comes meanwhile is told so at once, and does not wait.
    for path in ["/ready", "/tap/sync?QUERY=SELECT+1"] {
        let head = format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n");
        let coming = TcpStream::connect(("127.0.0.1", service.port)).await.unwrap();
        let away = exchange(coming, &head).await;
        assert!(away.starts_with("HTTP/1.1 503") && away.contains("is being stopped"), "{away}");
        assert!(away.contains("retry-after: ") && away.contains("connection: close"), "{away}");
    }
    let mut answer = vec![];
    timeout(SOON, asking.read_to_end(&mut answer)).await.expect("it is closed").unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("retry-after") && answer.contains("is being stopped"), "{answer}");
    timeout(SOON, service.ended).await.expect("the service ends").unwrap();
}

#[tokio::test]
async fn https_is_spoken_with_the_certificate_given() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/tls");
    let tls =
        TlsFiles { certificates: folder.join("certificate.pem"), key: folder.join("key.pem") };
    let service = Listening::with(ServerConfig { tls: Some(tls), ..ServerConfig::default() }).await;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(folder.join("authority.pem")).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let name = "localhost".try_into().unwrap();
    let stream = connector.connect(name, service.connect().await).await.unwrap();
    let request = "GET /tap/capabilities HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let answer = exchange(stream, request).await;
    assert!(answer.contains("https://localhost/tap/capabilities"), "{answer}");
    let plain = exchange(service.connect().await, HEALTH).await;
    assert!(!plain.contains("200 OK"), "{plain}");
}

/// Jobs have the grace that answers have, though nobody is connected.
#[tokio::test]
async fn jobs_may_end_when_no_connection_is_open() {
    let grace = Duration::from_secs(2);
    let connections = ConnectionLimits { grace, ..ConnectionLimits::default() };
    let listening = Listening::with(ServerConfig { connections, ..ServerConfig::default() }).await;
    let body = format!("{}&PHASE=RUN", crate::catalog::endless());
    let request = axum::http::Request::post("/tap/async")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(axum::body::Body::from(body));
    listening._service.send(request.unwrap()).await;
    let jobs = listening._service.state().jobs;
    timeout(SOON, async {
        while jobs.n_executing() == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .expect("it executes");
    let begin = std::time::Instant::now();
    listening.stop.send(()).unwrap();
    timeout(SOON, listening.ended).await.expect("it stops").unwrap();
    assert!(begin.elapsed() >= grace, "{:?}", begin.elapsed());
}
