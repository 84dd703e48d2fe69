//! Does a survey look like one? Ratios, bands, noise, light curves.

use std::collections::{HashMap, HashSet};

use almagest_generate::{Depth, SurveyConfig, Width};

use super::columns::{Tables, count, longs, make, numbers, texts};

fn survey(depth: Depth) -> Tables {
    let config = SurveyConfig { depth, width: Width::Medium, ..SurveyConfig::new(6000, 12) };
    make(&config)
}

fn ratio(tables: &Tables, rows: &str, each: &str) -> f64 {
    count(&tables[rows]) as f64 / count(&tables[each]) as f64
}

#[test]
fn ratios_are_those_of_the_release() {
    let tables = survey(Depth::DP1);
    for (rows, each, expected, tolerance) in [
        // The coverage of a place, and with it the ratio, varies with the fields.
        ("ForcedSource", "Object", 100.0, 0.05),
        ("Source", "Object", 20.0, 0.1),
        // DP1: 1,089,818 of 2,299,757, and 3,086,404 of them.
        ("DiaObject", "Object", 0.474, 0.1),
        ("DiaSource", "DiaObject", 2.83, 0.2),
        ("Visit", "Object", 0.6, 0.15),
    ] {
        let ratio = ratio(&tables, rows, each);
        assert!((ratio / expected - 1.0).abs() < tolerance, "{rows}/{each}: {ratio}");
    }
}

#[test]
fn deeper_surveys_have_more_points() {
    let config = SurveyConfig { depth: Depth::FINAL, ..SurveyConfig::new(800, 12) };
    let tables = make(&config);
    let forced = ratio(&tables, "ForcedSource", "Object");
    let sources = ratio(&tables, "Source", "Object");
    assert!((forced / 810.0 - 1.0).abs() < 0.05, "{forced}");
    // Of 800 objects, the bright ones are few: 190 within a fifth.
    assert!((sources / 190.0 - 1.0).abs() < 0.2, "{sources}");
}

#[test]
fn deep_fields_have_objects_of_ten_thousand_points() {
    let depth = "10".parse().unwrap();
    let config = SurveyConfig { depth, n_deep_fields: 1, ..SurveyConfig::new(2000, 3) };
    let tables = make(&config);
    let mut points: HashMap<i64, usize> = HashMap::new();
    for id in longs(&tables["ForcedSource"], "objectId") {
        *points.entry(id).or_default() += 1;
    }
    let n_deep = points.values().filter(|n| **n >= 10_000).count();
    assert!((1..50).contains(&n_deep), "{n_deep}");
}

#[test]
fn rows_refer_to_rows() {
    let tables = survey("30".parse().unwrap());
    let ids = |table: &str, column: &str| -> HashSet<i64> {
        let all = longs(&tables[table], column);
        let set: HashSet<i64> = all.iter().copied().collect();
        assert_eq!(set.len(), all.len(), "{table}.{column} is not unique");
        set
    };
    let visits = ids("Visit", "visit");
    let objects = ids("Object", "objectId");
    let dia_objects = ids("DiaObject", "diaObjectId");
    ids("Source", "sourceId");
    ids("DiaSource", "diaSourceId");
    assert!(longs(&tables["ForcedSource"], "objectId").iter().all(|id| objects.contains(id)));
    for table in ["ForcedSource", "Source", "DiaSource"] {
        assert!(longs(&tables[table], "visit").iter().all(|id| visits.contains(id)), "{table}");
    }
    let owners = longs(&tables["DiaSource"], "diaObjectId");
    let bodies = longs(&tables["DiaSource"], "ssObjectId");
    let mut n_sources: HashMap<i64, i64> = HashMap::new();
    for (owner, body) in owners.iter().zip(&bodies) {
        assert!(dia_objects.contains(owner) != (*body != 0), "{owner} {body}");
        *n_sources.entry(*owner).or_default() += 1;
    }
    assert!(n_sources.get(&0).is_some_and(|n| *n > 0), "no asteroid was seen");
    let counts = longs(&tables["DiaObject"], "nDiaSources");
    for (id, n) in longs(&tables["DiaObject"], "diaObjectId").iter().zip(counts) {
        assert_eq!(n_sources.get(id), Some(&n));
    }
}

#[test]
fn visits_see_the_objects_of_their_rows() {
    let tables = survey("10".parse().unwrap());
    let position = |table: &str, ra: &str, dec: &str| {
        let (ra, dec) = (numbers(&tables[table], ra), numbers(&tables[table], dec));
        ra.into_iter().zip(dec).collect::<Vec<_>>()
    };
    let pointings: HashMap<i64, (f64, f64)> =
        longs(&tables["Visit"], "visit").into_iter().zip(position("Visit", "ra", "dec")).collect();
    // 6,000 objects, a thousand in a field of view: 1,200 square degrees at most, so that the
    // farthest corner is 22.5° away.
    for (visit, (ra, dec)) in longs(&tables["ForcedSource"], "visit").iter().zip(position(
        "ForcedSource",
        "coord_ra",
        "coord_dec",
    )) {
        let (ra0, dec0) = pointings[visit];
        let distance = almagest_storage::sphgeom::distance_deg(ra0, dec0, ra, dec);
        assert!(distance < 23.0, "{visit}: {distance}");
    }
}

#[test]
fn faint_fluxes_are_noise_about_the_truth() {
    let tables = survey(Depth::DP1);
    let forced = &tables["ForcedSource"];
    let (flux, error) = (numbers(forced, "psfFlux"), numbers(forced, "psfFluxErr"));
    let band = texts(forced, "band");
    let object = longs(forced, "objectId");
    // The faint half: mean signal to noise below one.
    let mut of_object: HashMap<(i64, &str), (f64, f64, u32)> = HashMap::new();
    for index in (0..flux.len()).filter(|&index| flux[index].is_finite()) {
        let sum = of_object.entry((object[index], &band[index])).or_default();
        let weight = 1.0 / (error[index] * error[index]);
        *sum = (sum.0 + weight * flux[index], sum.1 + weight, sum.2 + 1);
    }
    let (mut n_faint, mut n_negative, mut n_constant, mut chi2) = (0.0, 0.0, 0.0, 0.0);
    for index in (0..flux.len()).filter(|&index| flux[index].is_finite()) {
        let (sum, weight, n) = of_object[&(object[index], band[index].as_str())];
        let (mean, snr) = (sum / weight, sum / weight.sqrt());
        let single = mean / error[index];
        if n >= 10 && single < 0.5 {
            n_faint += 1.0;
            n_negative += f64::from(u8::from(flux[index] < 0.0));
            let pull = (flux[index] - mean) / error[index];
            chi2 += pull * pull * f64::from(n) / f64::from(n - 1);
            n_constant += 1.0;
        }
        assert!(snr > -7.0, "{snr}");
    }
    assert!(n_faint > 0.05 * flux.len() as f64, "{n_faint}");
    // Between half (no light) and 31 % (signal to noise 0.5).
    let share = n_negative / n_faint;
    assert!((0.31..0.5).contains(&share), "{share}");
    let chi2 = chi2 / n_constant;
    assert!((chi2 - 1.0).abs() < 0.03, "{chi2}");
    // Bright ones are never negative.
    let bright = |index: &usize| flux[*index].abs() > 7.0 * error[*index];
    assert!((0..flux.len()).filter(bright).all(|index| flux[index] > 0.0));
}

#[test]
fn sources_are_above_the_threshold() {
    let tables = survey("30".parse().unwrap());
    let sources = &tables["Source"];
    let (flux, error) = (numbers(sources, "psfFlux"), numbers(sources, "psfFluxErr"));
    let measured = || flux.iter().zip(&error).filter(|(flux, _)| flux.is_finite());
    assert!(measured().all(|(flux, error)| flux / error >= 5.0));
    let failed = 1.0 - measured().count() as f64 / flux.len() as f64;
    // One in 256, within four standard errors.
    let tolerance = 4.0 * (failed / flux.len() as f64).sqrt();
    assert!((failed - 1.0 / 256.0).abs() < tolerance, "{failed} ± {tolerance}");
    let differences = &tables["DiaSource"];
    let (flux, error) = (numbers(differences, "psfFlux"), numbers(differences, "psfFluxErr"));
    assert!(flux.iter().zip(&error).all(|(flux, error)| flux.abs() / error >= 4.999));
    assert!(flux.iter().any(|flux| *flux < 0.0));
}

#[test]
fn a_source_is_beside_its_object_within_its_error() {
    let tables = survey("30".parse().unwrap());
    let objects = &tables["Object"];
    let positions: HashMap<i64, (f64, f64)> = longs(objects, "objectId")
        .into_iter()
        .zip(numbers(objects, "coord_ra").into_iter().zip(numbers(objects, "coord_dec")))
        .collect();
    let forced = &tables["ForcedSource"];
    let (ra, dec) = (numbers(forced, "coord_ra"), numbers(forced, "coord_dec"));
    for (index, id) in longs(forced, "objectId").iter().enumerate() {
        assert_eq!(positions[id], (ra[index], dec[index]));
    }
    // Sources know no object: their nearest one is within some errors.
    let sources = &tables["Source"];
    let (ra, dec) = (numbers(sources, "coord_ra"), numbers(sources, "coord_dec"));
    let error = numbers(sources, "raErr");
    let mut by_dec: Vec<(f64, f64)> = positions.values().map(|(ra, dec)| (*dec, *ra)).collect();
    by_dec.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut n_far = 0;
    for index in (0..ra.len()).step_by(17) {
        let low = by_dec.partition_point(|(other, _)| *other < dec[index] - 0.001);
        let near = by_dec[low..].iter().take_while(|(other, _)| *other < dec[index] + 0.001);
        let nearest = near
            .map(|(dec0, ra0)| {
                almagest_storage::sphgeom::distance_deg(*ra0, *dec0, ra[index], dec[index])
            })
            .fold(f64::INFINITY, f64::min);
        n_far += usize::from(nearest > 4.0 * error[index]);
        assert!(nearest < 6.0 * error[index], "{nearest} {}", error[index]);
    }
    // Rayleigh: one in three thousand is beyond four errors.
    assert!(n_far < 20, "{n_far}");
}

#[test]
fn nulls_are_where_surveys_have_them() {
    let tables = survey(Depth::DP1);
    let null_share = |table: &str, column: &str| {
        let values = numbers(&tables[table], column);
        values.iter().filter(|value| value.is_nan()).count() as f64 / values.len() as f64
    };
    for (table, column, range) in [
        // No visits in u, or no measurement.
        ("Object", "u_psfFlux", 0.02..0.35),
        ("Object", "r_psfFlux", 0.005..0.02),
        ("Object", "coord_ra", 0.0..1e-9),
        ("ForcedSource", "psfFlux", 0.003..0.005),
        ("ForcedSource", "psfDiffFlux", 0.008..0.015),
        ("DiaObject", "r_psfFluxMean", 0.3..0.9),
        ("DiaObject", "r_psfFluxSigma", 0.5..0.99),
    ] {
        let share = null_share(table, column);
        assert!(range.contains(&share), "{table}.{column}: {share}");
    }
}

#[test]
fn variable_stars_vary() {
    let tables = survey(Depth::DP1);
    let counts = longs(&tables["DiaObject"], "nDiaSources");
    let n_often = counts.iter().filter(|n| **n >= 10).count() as f64 / counts.len() as f64;
    let n_once = counts.iter().filter(|n| **n == 1).count() as f64 / counts.len() as f64;
    assert!((0.005..0.15).contains(&n_often), "{n_often}");
    assert!((0.3..0.7).contains(&n_once), "{n_once}");
}
