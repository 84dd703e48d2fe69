//! `/scs`: cones of each table with positions, as the standard wants them.

use axum::http::{StatusCode, header};

use crate::catalog::Service;
use crate::vosi::texts;

/// Tags `FIELD` of a VOTable that hold `text`.
fn fields<'a>(document: &'a str, text: &str) -> Vec<&'a str> {
    document
        .split("<FIELD ")
        .skip(1)
        .map(|rest| rest.split('>').next().unwrap())
        .filter(|tag| tag.contains(text))
        .collect()
}

#[tokio::test]
async fn a_cone_gives_identifiers_positions_and_what_is_asked_for() {
    let service = Service::new();
    let answer = service.get("/scs/sky.Star?RA=10&DEC=-30&SR=0.02").await;
    assert_eq!(answer.status, StatusCode::OK);
    let text = answer.text();
    assert_eq!(text.matches("<TR>").count(), 2, "{text}");
    for (word, name) in
        [("ID_MAIN", "starId"), ("POS_EQ_RA_MAIN", "ra"), ("POS_EQ_DEC_MAIN", "dec")]
    {
        let found = fields(&text, &format!("ucd=\"{word}\""));
        assert_eq!(found.len(), 1, "{word}: {text}");
        assert!(found[0].contains(&format!("name=\"{name}\"")), "{found:?}");
    }
    assert!(fields(&text, "ID_MAIN")[0].contains("datatype=\"char\" arraysize=\"*\""), "{text}");
    assert!(text.contains("<TD>1</TD><TD>10.0</TD><TD>-30.0</TD>"), "{text}");
    assert!(text.contains("Number of the star."), "{text}");
    assert!(fields(&text, "POS_EQ_RA_MAIN")[0].contains(" ref="), "{text}");
    assert!(text.contains("<COOSYS "), "{text}");

    let columns = async |verb: &str| {
        let path = format!("/scs/sky.star?ra=10&dec=-30&sr=0.02&verb={verb}");
        fields(&service.get(&path).await.text(), "").len()
    };
    assert_eq!((columns("1").await, columns("2").await, columns("3").await), (3, 3, 6));
}

#[tokio::test]
async fn a_radius_of_zero_gives_columns_and_maxrec_cuts() {
    let service = Service::new();
    let text = service.get("/scs/sky.Star?RA=10&DEC=-30&SR=0&VERB=3").await.text();
    assert_eq!((text.matches("<TR>").count(), fields(&text, "").len()), (0, 6));
    assert!(!text.contains("OVERFLOW"), "{text}");
    let text = service.get("/scs/sky.Star?RA=10&DEC=-30&SR=1&MAXREC=1").await.text();
    assert_eq!(text.matches("<TR>").count(), 1);
    assert!(text.contains("OVERFLOW"), "{text}");
    let csv = service.get("/scs/sky.Star?RA=0&DEC=90&SR=1&RESPONSEFORMAT=csv&VERB=1").await;
    assert_eq!(csv.text(), "starId,ra,dec\r\n3,200.5,89.5\r\n");
}

#[tokio::test]
async fn faults_are_told_as_the_standard_wants() {
    let service = Service::new();
    let answer = service.get("/scs/sky.Star?RA=ten&DEC=-30&SR=0.02").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header(header::CONTENT_TYPE), "application/x-votable+xml");
    let text = answer.text();
    let (head, _) = text.split_once("<RESOURCE").unwrap();
    assert!(head.contains("<INFO name=\"Error\" value=\"parameter RA: "), "{text}");
    for table in ["sky.Epoch", "sky.Planet", "TAP_SCHEMA.tables"] {
        let answer = service.get(&format!("/scs/{table}?RA=1&DEC=2&SR=1")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{table}");
    }
}

#[tokio::test]
async fn cones_are_announced_in_capabilities_and_in_the_record() {
    let service = Service::new();
    let cones = service.get("/scs/sky.Star/capabilities").await.text();
    let record = service.get("/record").await.text();
    for document in [&cones, &record] {
        let urls = texts(document, "accessURL");
        assert!(urls.contains(&"http://sky.example.org:8080/scs/sky.Star?".to_owned()), "{urls:?}");
    }
    assert!(texts(&record, "accessURL").contains(&"http://sky.example.org:8080/tap".to_owned()));
    assert!(texts(&record, "name").contains(&"sky.Epoch".to_owned()), "{record}");
    // Of the catalog, not of the service's own start.
    let created = record.split("created=\"").nth(1).and_then(|rest| rest.split('"').next());
    assert!(created.is_some_and(|time| time.len() == 20 && time.ends_with('Z')), "{record}");
    assert!(texts(&record, "title").contains(&"Almagest".to_owned()), "{record}");
}
