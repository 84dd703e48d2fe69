//! Texts that are shapes, and texts that are not.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;

fn parse(text: &str) -> Shape {
    Shape::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn forms_of_one_circle() {
    let circle = Shape::circle_deg(10.3, -20.7, 0.5).unwrap();
    for text in [
        "CIRCLE ICRS 10.3 -20.7 0.5",
        "circle 10.3 -20.7 0.5",
        "Circle icrs GEOCENTER 10.3, -20.7, 5e-1",
        " Circle ICRS TOPOCENTER SPHERICAL2 +10.3 -20.7 0.5 unit deg",
        "CIRCLE UNKNOWNFrame UNKNOWNREFPOS 10.3 -20.7 .5 unit deg deg",
        "CIRCLE FILLFACTOR 0.9 J2000 BARYCENTER 10.3 -20.7 0.5",
        "CIRCLE\tSPHERICAL2\n10.3,-20.7,0.5",
    ] {
        assert_eq!(parse(text), circle, "{text}");
    }
}

#[test]
fn every_figure_and_what_it_prints() {
    for (text, stcs, dali) in [
        ("position 1 2", "POSITION ICRS 1 2", Some("point 1 2")),
        ("box 10 0 2 2", "POLYGON ICRS", Some("polygon")),
        ("range 350 10 -5 5", "POSITIONINTERVAL ICRS 350 -5 10 5", Some("range 350 10 -5 5")),
        ("range -Inf +Inf -Inf 5", "POSITIONINTERVAL ICRS 0 -90 360 5", Some("range 0 360 -90 5")),
        ("AllSky ICRS", "CIRCLE ICRS 0 90 180", Some("circle 0 90 180")),
        (
            "polygon 0 0 1 0 1 1 0 1",
            "POLYGON ICRS 0 1 1 1 1 0 0 0",
            Some("polygon 0 1 1 1 1 0 0 0"),
        ),
        (
            "POLYGON ICRS 0 1 1 1 1 0 0 0 0 1",
            "POLYGON ICRS 0 1 1 1 1 0 0 0",
            Some("polygon 0 1 1 1 1 0 0 0"),
        ),
        (
            "circle 1 2 3 point 4 5",
            "UNION ICRS (CIRCLE 1 2 3 POSITION 4 5)",
            Some("circle 1 2 3 point 4 5"),
        ),
        (
            "Intersection ICRS (Circle 1 2 3 Not (Union (Circle 1 2 1 Position 4 5)))",
            "INTERSECTION ICRS (CIRCLE 1 2 3 NOT (UNION (CIRCLE 1 2 1 POSITION 4 5)))",
            None,
        ),
        ("moc 5/1-3 6/", "MOC (5/1-3 6/)", None),
        ("Union (MOC (5/1-3 8) Circle 1 2 3)", "UNION ICRS (MOC (5/1-3 8) CIRCLE 1 2 3)", None),
    ] {
        let shape = parse(text);
        assert!(shape.to_string().starts_with(stcs), "{shape}");
        assert!(shape.to_dali().is_some() == dali.is_some(), "{text}");
        assert!(
            shape.to_dali().unwrap_or_default().starts_with(dali.unwrap_or_default()),
            "{text}"
        );
        let printed = shape.to_string();
        assert_eq!(parse(&printed).to_string(), printed);
        if let Some(dali) = shape.to_dali() {
            assert_eq!(parse(&dali).to_string(), printed);
        }
    }
}

#[test]
fn frames_are_converted() {
    let close = |text: &str, lon: f64, lat: f64| match parse(text).leaves()[..] {
        [Shape::Circle(cone)] => {
            let expected = crate::sphgeom::UnitVector::from_lonlat_deg(lon, lat);
            assert!(cone.center().angle_to(&expected).degrees() < 1e-8, "{text}");
            assert_eq!(cone.radius().degrees(), 3.0);
        }
        _ => panic!("{text}"),
    };
    close("CIRCLE GALACTIC 241.121831182 3.62785788087 3", 120.0, -23.0);
    close("UNION GALACTIC (CIRCLE 241.121831182 3.62785788087 3)", 120.0, -23.0);
    close("UNION GALACTIC (CIRCLE ICRS 120 -23 3)", 120.0, -23.0);
    assert!(Shape::parse("RANGE GALACTIC 1 2 3 4").is_err());
}

#[test]
fn errors_say_where_and_what() {
    for (text, message) in [
        (
            "",
            "expected a shape (POSITION, CIRCLE, POLYGON, BOX, RANGE, UNION, INTERSECTION, NOT, MOC) at character 0, found the end",
        ),
        (
            "CIRCLE ICRS 1 2",
            "CIRCLE at character 0 takes 3 numbers (longitude, latitude, radius), not 2 numbers",
        ),
        ("CIRCLE ICRS 1 2 x3", "expected a number at character 16, found `x3`"),
        ("POSITION 1 95", "POSITION at character 0: declination 95 lies outside [-90, 90]"),
        ("CIRCLE 1 2 -3", "CIRCLE at character 0: radius -3 is not a number of degrees from 0 on"),
        ("NOT (CIRCLE 1 2 3", "expected `)` at character 17, found the end"),
        ("NOT (CIRCLE 1 2 3 CIRCLE 1 2 3)", "expected `)` at character 18, found `CIRCLE`"),
        ("CIRCLE 1 2 3)", "expected a shape or the end at character 12, found `)`"),
        ("CIRCLE 1 2 3 unit rad", "expected `deg`, the only unit at character 18, found `rad`"),
        (
            "UNION (MOC (5/x))",
            "in the MOC that begins at character 12: MOC: expected a number below 2^64 at character 2, found `x`",
        ),
    ] {
        assert_eq!(Shape::parse(text).unwrap_err().to_string(), message, "{text}");
    }
    let error = Shape::parse("CIRCLE MARS 1 2 3").unwrap_err().to_string();
    assert!(error.contains("found `MARS`") && error.contains("GALACTIC"), "{error}");
    let error = Shape::parse("SQUARE 1 2 3").unwrap_err().to_string();
    assert!(error.contains("found `SQUARE`"), "{error}");
    let deep = format!("{}CIRCLE 1 2 3{}", "NOT (".repeat(100_000), ")".repeat(100_000));
    assert!(matches!(Shape::parse(&deep), Err(ShapeParseError::TooDeep { .. })));
}

#[test]
fn no_text_makes_it_panic() {
    const PIECES: [&str; 36] = [
        "CIRCLE",
        "polygon",
        "BOX",
        "POSITION",
        "RANGE",
        "POSITIONINTERVAL",
        "UNION",
        "NOT",
        "(",
        ")",
        "INTERSECTION",
        "MOC",
        "5/1-3",
        "s3/7",
        "unit",
        "deg",
        "ICRS",
        "GALACTIC",
        "FK4",
        "SPHERICAL2",
        "TOPOCENTER",
        ",",
        "1",
        "-90",
        "90",
        "1e400",
        "NaN",
        "-inf",
        "é",
        "\u{2003}",
        "0",
        "180",
        "ALLSKY",
        "1e-320",
        "359.99999",
        "FILLFACTOR",
    ];
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut parsed = 0;
    for trial in 0..20_000 {
        let text = if trial % 4 == 0 {
            let bytes: Vec<u8> = (0..rng.random_range(0..40)).map(|_| rng.random()).collect();
            String::from_utf8_lossy(&bytes).into_owned()
        } else {
            let words = (0..rng.random_range(1..12)).map(|_| PIECES[rng.random_range(0..36)]);
            words.collect::<Vec<_>>().join(" ")
        };
        if let Ok(shape) = Shape::parse(&text) {
            parsed += 1;
            let printed = shape.to_string();
            assert!(Shape::parse(&printed).is_ok(), "{text}: {printed}");
            let _ = (shape.area_sq_deg(), shape.centroid(), shape.bounding_cap());
        }
    }
    assert!(parsed > 100, "{parsed}");
}
