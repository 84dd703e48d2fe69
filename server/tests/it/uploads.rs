//! Tables that come with a query.

use std::io::{Read, Write};
use std::net::TcpListener;

use almagest_server::ServerConfig;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use futures::StreamExt;

use crate::catalog::{Answer, Service};

const CSV: &str = "id,ra,dec,name\n7,10.0,-30.0,α\n8,200.5,89.5,\n";

const VOTABLE: &str = r#"<?xml version="1.0"?>
<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE><TABLE>
<FIELD name="n" datatype="int"/><FIELD name="b" datatype="unsignedByte"/>
<FIELD name="flux" datatype="float" unit="nJy" ucd="phot.flux"/>
<DATA><TABLEDATA><TR><TD>1</TD><TD>200</TD><TD>2.5</TD></TR><TR><TD>2</TD><TD/><TD>NaN</TD></TR></TABLEDATA></DATA>
</TABLE></RESOURCE></VOTABLE>"#;

/// Send a multipart request; a part with a file name is a file. The boundary is one that STILTS
/// might draw.
async fn send(service: &Service, path: &str, parts: &[(&str, Option<&str>, &str)]) -> Answer {
    let mut body = String::new();
    for (name, file, content) in parts {
        let file = file.map(|file| format!("; filename=\"{file}\"")).unwrap_or_default();
        body += &format!(
            "--<a>b\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{content}\r\n"
        );
    }
    body += "--<a>b--\r\n";
    let request = Request::post(path)
        .header(header::HOST, "sky.example.org")
        .header(header::CONTENT_TYPE, "multipart/form-data; boundary=\"<a>b\"");
    service.send(request.body(Body::from(body)).unwrap()).await
}

async fn rows(
    service: &Service,
    query: &str,
    upload: &str,
    file: (&str, Option<&str>, &str),
) -> String {
    let parts =
        [("QUERY", None, query), ("RESPONSEFORMAT", None, "csv"), ("UPLOAD", None, upload), file];
    let answer = send(service, "/tap/sync", &parts).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.text().replace("\r\n", "\n")
}

#[tokio::test]
async fn an_upload_joins_with_the_catalog() {
    let service = Service::new();
    let query = "SELECT t.id, s.starId, t.name FROM TAP_UPLOAD.mine AS t JOIN sky.Star AS s \
                 ON DISTANCE(t.ra, t.dec, s.ra, s.dec) < 0.001 ORDER BY t.id";
    let found = rows(&service, query, "mine,param:file1", ("file1", Some("x.csv"), CSV)).await;
    assert_eq!(found, "id,starId,name\n7,1,α\n8,3,\n");
    // The same without a schema, as a table of text.
    let query = query.replace("TAP_UPLOAD.", "");
    let text = CSV.replace("α", "a");
    let ecsv = format!(
        "# %ECSV 1.0\n# ---\n# datatype:\n# - {{name: id, datatype: int64}}\n# - {{name: ra, datatype: float64}}\n# - {{name: dec, datatype: float64}}\n# - {{name: name, datatype: string}}\n# schema: astropy-2.0\n{}",
        text.replace(',', " ").replace("89.5 ", "89.5 \"\"")
    );
    let found = rows(&service, &query, "mine,param:t", ("t", None, &ecsv)).await;
    assert!(found.starts_with("id,starId,name\n7,1,a\n8,3,"), "{found}");
}

#[tokio::test]
async fn types_and_units_come_back_as_they_came() {
    let service = Service::new();
    let parts = [
        ("QUERY", None, "SELECT * FROM TAP_UPLOAD.t ORDER BY n"),
        ("RESPONSEFORMAT", None, "votable/td"),
        ("UPLOAD", None, "t,param:t"),
        ("t", Some("t.vot"), VOTABLE),
    ];
    let answer = send(&service, "/tap/sync", &parts).await.text();
    for expected in [
        "name=\"n\" datatype=\"int\"",
        "name=\"flux\" datatype=\"float\" unit=\"nJy\" ucd=\"phot.flux\"",
        "<TR><TD>1</TD><TD>200</TD><TD>2.5</TD></TR>",
    ] {
        assert!(answer.contains(expected), "{expected} is not in {answer}");
    }
}

/// The answer to a query of all of a VOTable of one column and a second one of numbers, if any.
async fn of_votable(service: &Service, fields: &str, rows: &str, format: &str) -> Answer {
    let votable = format!(
        "<VOTABLE version=\"1.4\" xmlns=\"http://www.ivoa.net/xml/VOTable/v1.3\"><RESOURCE><TABLE>\
         {fields}<DATA><TABLEDATA>{rows}</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"
    );
    let parts = [
        ("QUERY", None, "SELECT * FROM TAP_UPLOAD.t"),
        ("RESPONSEFORMAT", None, format),
        ("UPLOAD", None, "t,param:t"),
        ("t", Some("t.vot"), votable.as_str()),
    ];
    send(service, "/tap/sync", &parts).await
}

#[tokio::test]
async fn text_beyond_ascii_is_of_unicode_characters() {
    let service = Service::new();
    let field = "<FIELD name=\"s\" datatype=\"char\" arraysize=\"*\"/>";
    let check = async |text: &str, expected: &str| {
        let rows = format!("<TR><TD>a</TD></TR><TR><TD>{text}</TD></TR>");
        let answer = of_votable(&service, field, &rows, "votable/td").await.text();
        assert!(answer.contains(&format!("name=\"s\" datatype=\"{expected}\"")), "{answer}");
    };
    check("b", "char").await;
    check("é", "unicodeChar").await;
}

#[tokio::test]
async fn columns_that_no_result_holds_are_left_out_with_a_warning() {
    let service = Service::new();
    let text = "<FIELD name=\"names\" datatype=\"char\" arraysize=\"2x2\"/>";
    let both = format!("<FIELD name=\"id\" datatype=\"int\"/>{text}");
    let answer =
        of_votable(&service, &both, "<TR><TD>7</TD><TD>abcd</TD></TR>", "votable/td").await;
    let answer = answer.text();
    assert!(answer.contains("<TR><TD>7</TD></TR>"), "{answer}");
    assert!(answer.contains("TAP_UPLOAD.t is without names"), "{answer}");
    // An array of numbers needs no other column beside it.
    let numbers = "<FIELD name=\"a\" datatype=\"double\" arraysize=\"2\"/>";
    let answer = of_votable(&service, numbers, "<TR><TD>1.5 2</TD></TR>", "votable/td").await;
    assert!(answer.text().contains("<TD>1.5 2"), "{}", answer.text());
}

#[tokio::test]
async fn in_binary_no_value_becomes_none() {
    let service = Service::new();
    let field = |kind: &str| format!("<FIELD name=\"n\" datatype=\"{kind}\"/>");
    let rows = "<TR><TD>255</TD></TR><TR><TD/></TR>";
    let answer = of_votable(&service, &field("unsignedByte"), rows, "votable/b").await.text();
    assert!(answer.contains("name=\"n\" datatype=\"short\"><VALUES null=\"-32768\"/>"), "{answer}");
    // 255 and -32768, of two bytes each.
    assert!(answer.contains("AP+A\nAA=="), "{answer}");
    let rows = "<TR><TD>-32768</TD></TR>";
    let answer = of_votable(&service, &field("short"), rows, "votable/b").await.text();
    assert!(answer.contains("the value -32768 stands for none"), "{answer}");
    let answer = of_votable(&service, &field("short"), rows, "votable").await.text();
    assert!(!answer.contains("ERROR"), "{answer}");
}

#[tokio::test]
async fn whole_numbers_of_text_are_never_rounded() {
    let service = Service::new();
    let ids = "id\n9223372036854775807\n18446744073709551615\n";
    let query = "SELECT id FROM TAP_UPLOAD.t";
    let found = rows(&service, query, "t,param:t", ("t", Some("t.csv"), ids)).await;
    assert_eq!(found, "id\n9223372036854775807\n\"\"\n");
    let ids = ids.replace("18446", "18446000");
    let found = rows(&service, query, "t,param:t", ("t", Some("t.csv"), &ids)).await;
    assert_eq!(found, "id\n9223372036854775807\n18446000744073709551615\n");
}

#[tokio::test]
async fn this_machine_is_asked_for_uploads_of_its_own_users_only() {
    let config = ServerConfig { uploads_from_loopback: false, ..ServerConfig::default() };
    let service = Service::with_config(config);
    let upload = ("UPLOAD", "t,http://127.0.0.1:1/t.vot");
    let answer = service.sync(&[("QUERY", "SELECT 1 AS n FROM TAP_UPLOAD.t"), upload]).await;
    answer.assert_error(StatusCode::BAD_REQUEST, "uploads are not fetched from");
}

#[tokio::test]
async fn what_a_query_finds_wrong_in_an_upload_is_said() {
    let service = Service::new();
    let check = async |upload: &str, content: &str, status, text: &str| {
        let query = "SELECT flx FROM TAP_UPLOAD.mine";
        let parts = [("QUERY", None, query), ("UPLOAD", None, upload), ("f", Some("f"), content)];
        send(&service, "/tap/sync", &parts).await.assert_error(status, text);
    };
    let bad = StatusCode::BAD_REQUEST;
    check("mine,param:f", CSV.trim_end(), bad, "upload mine").await;
    check("mine,param:g", CSV, bad, "no part of it is called so").await;
    check("mine,file:///etc/passwd", CSV, bad, "parameter UPLOAD").await;
    check("mine,kept-upload:0123456789abcdef0123456789abcdef", CSV, bad, "NAME,param:PART").await;
    check("mine,http://example.org/t.vot", CSV, bad, "uploads are not fetched from").await;
    check("mine,param:f", VOTABLE, bad, "did you mean").await;
    check("other,param:f", VOTABLE, bad, "mine").await;
}

#[tokio::test]
async fn an_upload_beyond_the_limits_is_refused() {
    let config = ServerConfig { upload_rows: 1, ..ServerConfig::default() };
    let service = Service::with_config(config);
    let parts = [
        ("QUERY", None, "SELECT * FROM TAP_UPLOAD.t"),
        ("UPLOAD", None, "t,param:t"),
        ("t", Some("t.csv"), CSV),
    ];
    send(&service, "/tap/sync", &parts).await.assert_error(StatusCode::BAD_REQUEST, "1 row");
    let config = ServerConfig { upload_bytes: 20, ..ServerConfig::default() };
    let service = Service::with_config(config);
    let answer = send(&service, "/tap/sync", &parts).await;
    answer.assert_error(StatusCode::PAYLOAD_TOO_LARGE, "20 bytes at most");
}

/// The upload must be there when the job runs, in another life of the service.
#[tokio::test]
async fn a_job_keeps_its_upload_until_it_has_run() {
    let service = Service::new();
    let parts = [
        ("QUERY", None, "SELECT SUM(id) AS s FROM TAP_UPLOAD.t"),
        ("RESPONSEFORMAT", None, "csv"),
        ("UPLOAD", None, "t,param:t"),
        ("t", Some("t.csv"), CSV),
    ];
    let created = send(&service, "/tap/async", &parts).await;
    let job = created.header(header::LOCATION).strip_prefix("http://sky.example.org").unwrap();
    let job = job.to_owned();
    let service = service.restarted().await;
    assert_eq!(service.uploads(), 1);
    send(&service, &format!("{job}/phase"), &[("PHASE", None, "RUN")]).await;
    while service.get(&format!("{job}/phase")).await.text().trim() != "COMPLETED" {
        let seen = service.get(&format!("{job}?WAIT=20")).await.text();
        assert!(!seen.contains("ERROR"), "{seen}");
    }
    let result = service.get(&format!("{job}/results/result")).await;
    assert_eq!(result.text(), "s\r\n15\r\n");
    for _ in 0..100 {
        if service.uploads() == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the upload is still there");
}

#[tokio::test]
async fn files_of_answered_requests_are_gone() {
    let service = Service::new();
    let file = ("t", Some("t.csv"), CSV);
    rows(&service, "SELECT id FROM TAP_UPLOAD.t", "t,param:t", file).await;
    let parts = [("QUERY", None, "SELECT"), ("UPLOAD", None, "t,param:t"), file];
    send(&service, "/tap/sync", &parts).await;
    assert_eq!(service.uploads(), 0);
}

/// Nothing is left of a request that was refused, however it was, or of one that the caller left.
#[tokio::test]
async fn files_of_refused_requests_are_gone() {
    let service = Service::new();
    let check = async |path: &str, more: &[(&str, &str)], upload: &str, expected: &str| {
        let mut parts = vec![("LANG", None, "ADQL"), ("QUERY", None, "SELECT 1 AS n")];
        parts.extend(more.iter().map(|(name, value)| (*name, None, *value)));
        parts.extend([("UPLOAD", None, upload), ("f", Some("t.csv"), CSV)]);
        let answer = send(&service, path, &parts).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path} {upload} {}", answer.text());
        assert!(answer.text().contains(expected), "{expected:?} is not in {}", answer.text());
        assert_eq!(service.uploads(), 0, "{path} {upload}");
    };
    for path in ["/tap/sync", "/tap/async"] {
        check(path, &[], "t,param:f;u,param:none", "the part none").await;
        check(path, &[], "t,param:f;t,param:f", "UPLOAD").await;
        check(path, &[("g", "id\n1\n")], "t,param:f;u,param:g;v,x", "UPLOAD").await;
    }
    check("/tap/async", &[("PHASE", "FOO")], "t,param:f", "PHASE").await;
    check("/tap/async", &[("DESTRUCTION", "soon")], "t,param:f", "DESTRUCTION").await;
    check("/tap/sync", &[("MAXREC", "abc")], "t,param:f", "MAXREC").await;

    let begun = Body::from_stream(
        futures::stream::iter([Ok::<_, std::io::Error>(
            "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\nra",
        )])
        .chain(futures::stream::pending()),
    );
    let request = Request::post("/tap/sync")
        .header(header::CONTENT_TYPE, "multipart/form-data; boundary=b")
        .body(begun)
        .unwrap();
    let left = std::time::Duration::from_millis(300);
    assert!(tokio::time::timeout(left, service.send(request)).await.is_err());
    assert_eq!(service.uploads(), 0);
}

#[tokio::test]
async fn two_tables_may_come_of_one_part() {
    let service = Service::new();
    let query = "SELECT a.id FROM TAP_UPLOAD.a AS a JOIN TAP_UPLOAD.b AS b ON a.id = b.id + 1";
    let file = ("Mine", Some("t.csv"), CSV);
    let found = rows(&service, query, "a,param:mine;b,param:Mine", file).await;
    assert_eq!(found, "id\n8\n");
    assert_eq!(service.uploads(), 0);
}

#[tokio::test]
async fn files_of_jobs_that_do_not_run_are_gone() {
    let service = Service::new();
    let parts = [
        ("QUERY", None, "SELECT id FROM TAP_UPLOAD.t"),
        ("UPLOAD", None, "t,param:t"),
        ("t", Some("t.csv"), CSV),
    ];
    let create = async || {
        let created = send(&service, "/tap/async", &parts).await;
        let location = created.header(header::LOCATION);
        location.strip_prefix("http://sky.example.org").unwrap().to_owned()
    };
    let job = create().await;
    send(&service, &format!("{job}/parameters"), &parts[1..]).await;
    assert_eq!(service.uploads(), 1);
    send(&service, &job, &[("ACTION", None, "DELETE")]).await;
    assert_eq!(service.uploads(), 0);
    let job = create().await;
    send(&service, &format!("{job}/phase"), &[("PHASE", None, "ABORT")]).await;
    assert_eq!(service.uploads(), 0);
    let refused = send(&service, &format!("{job}/parameters"), &parts[1..]).await;
    assert_eq!((refused.status, service.uploads()), (StatusCode::FORBIDDEN, 0));
}

#[tokio::test]
async fn a_quote_left_open_is_no_shorter_table() {
    let service = Service::new();
    let parts = [
        ("QUERY", None, "SELECT * FROM TAP_UPLOAD.t"),
        ("UPLOAD", None, "t,param:t"),
        ("t", Some("t.csv"), "id,name\n0,x\n1,\"abc\n2,def\n"),
    ];
    let answer = send(&service, "/tap/sync", &parts).await;
    answer.assert_error(StatusCode::BAD_REQUEST, "upload t: row 2: a quote is opened here");
}

#[tokio::test]
async fn an_upload_is_fetched_from_this_machine() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        let n = stream.read(&mut request).unwrap();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", VOTABLE.len());
        stream.write_all((head + VOTABLE).as_bytes()).unwrap();
        String::from_utf8_lossy(&request[..n]).into_owned()
    });
    let service = Service::new();
    let upload = format!("t,http://{address}/a;b,c/t.vot");
    let answer = service
        .sync(&[
            ("QUERY", "SELECT SUM(n) AS s FROM TAP_UPLOAD.t"),
            ("UPLOAD", &upload),
            ("RESPONSEFORMAT", "csv"),
        ])
        .await;
    assert_eq!(answer.text(), "s\r\n3\r\n");
    assert!(server.join().unwrap().starts_with("GET /a;b,c/t.vot "));
}
