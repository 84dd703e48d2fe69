//! The truth of a simulated survey against what was found: who is who.
//!
//! In each image, true sources are taken from the brightest to the faintest; each gets the nearest primary
//! source within half an arcsecond that no brighter one has.

use std::collections::HashMap;
use std::path::Path;

use arrow::array::RecordBatch;

use super::observations::{Observations, SourceKind};
use super::sky_index::{SkyIndex, direction};
use crate::butler::{StorageClass, Value};
use crate::error::Result;
use crate::photo_calib::magnitude_to_njy;
use crate::tasks::columns::{integers, number, numbers, texts};

/// A source is that of a true one which is so near.
const MATCH_ARCSEC: f64 = 0.5;
/// A detection is real where something is so near: light of galaxies has no sharp place.
const REAL_ARCSEC: f64 = 0.8;
/// True sources below this signal to noise explain no detection.
const REAL_SNR: f64 = 1.0;
/// What is so near disturbs a star, unless it is faint.
const NEIGHBOUR_ARCSEC: f64 = 3.0;
/// So far reach the wings of what is much brighter.
const WINGS_ARCSEC: f64 = 8.0;
/// Stars so near to the edge do not count for completeness.
const EDGE_PX: f64 = 10.0;

/// A true source on an image.
#[derive(Debug, Clone, PartialEq)]
pub struct TrueSource {
    /// Index of the image in [`Observations::images`].
    pub image: usize,
    /// Right ascension, ICRS degrees.
    pub ra: f64,
    /// Declination, ICRS degrees.
    pub dec: f64,
    /// Flux, nJy.
    pub flux: f64,
    /// Signal to noise that its PSF flux should have where the noise is that of the sky.
    pub snr: f64,
    /// Is it a star?
    pub is_star: bool,
    /// Nothing disturbs it, and it is not at the edge.
    pub is_isolated: bool,
    /// Index of the source that was found there.
    pub found: Option<usize>,
}

/// The truth of some images.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Truth {
    /// True sources.
    pub sources: Vec<TrueSource>,
    /// For each source of the observations: is there something in truth?
    pub is_real: Vec<bool>,
}

impl Truth {
    /// Read the tables `truth_object` and `truth_source` of a folder, or of its folder `truth`.
    ///
    /// # Errors
    /// Tables that are not there, or lack columns.
    pub fn read(folder: &Path, observations: &Observations) -> Result<Self> {
        let inner = folder.join("truth");
        let folder = if inner.is_dir() { inner.as_path() } else { folder };
        let table = |name: &str| -> Result<RecordBatch> {
            let path = folder.join(format!("{name}.parquet"));
            match Value::read(&path, StorageClass::Table, None)? {
                Value::Table(rows) => Ok(rows),
                _ => Ok(RecordBatch::new_empty(std::sync::Arc::new(
                    arrow::datatypes::Schema::empty(),
                ))),
            }
        };
        Self::of_rows(&table("truth_object")?, &table("truth_source")?, observations)
    }

    /// Compare observations with the rows of `truth_object` and `truth_source`.
    ///
    /// # Errors
    /// Columns that are lacking.
    pub fn of_rows(
        objects: &RecordBatch,
        sources: &RecordBatch,
        observations: &Observations,
    ) -> Result<Self> {
        let kinds: HashMap<i64, String> = integers(objects, "id")?
            .values()
            .iter()
            .copied()
            .zip(texts(objects, "kind")?)
            .collect();
        let images: HashMap<(i64, i64), usize> = observations
            .images
            .iter()
            .enumerate()
            .map(|(index, image)| ((observations.visits[image.visit].visit, image.detector), index))
            .collect();
        let [ids, visits, detectors] =
            ["id", "visit", "detector"].map(|name| integers(sources, name));
        let (ids, visits, detectors) = (ids?, visits?, detectors?);
        let column = |name| numbers(sources, name);
        let (ra, dec, flux) = (column("ra")?, column("dec")?, column("flux")?);
        let (x, y) = (column("x")?, column("y")?);
        let mut by_image: Vec<Vec<TrueSource>> = vec![vec![]; observations.images.len()];
        for row in 0..sources.num_rows() {
            let Some(&image) = images.get(&(visits.value(row), detectors.value(row))) else {
                continue;
            };
            let seen = &observations.images[image];
            let limit_flux = magnitude_to_njy(seen.mag_lim);
            let flux = number(&flux, row);
            let inside = |at: f64, n: f64| (EDGE_PX..n - 1.0 - EDGE_PX).contains(&at);
            let kind = kinds.get(&ids.value(row)).map_or("", String::as_str);
            by_image[image].push(TrueSource {
                image,
                ra: number(&ra, row),
                dec: number(&dec, row),
                flux,
                snr: 5.0 * flux / limit_flux,
                is_star: matches!(kind, "star" | "variable"),
                is_isolated: inside(number(&x, row), seen.size_px.0)
                    && inside(number(&y, row), seen.size_px.1),
                found: None,
            });
        }
        let mut truth = Self { sources: vec![], is_real: vec![false; observations.sources.len()] };
        let mut found: Vec<Vec<usize>> = vec![vec![]; observations.images.len()];
        for (number, source) in observations.sources.iter().enumerate() {
            if source.kind == SourceKind::Primary && source.ra.is_finite() && source.dec.is_finite()
            {
                found[source.image].push(number);
            }
        }
        for (mut true_sources, found) in by_image.into_iter().zip(found) {
            true_sources.sort_by(|a, b| b.flux.total_cmp(&a.flux));
            truth.compare(observations, true_sources, &found);
        }
        Ok(truth)
    }

    /// Compare one image: its true sources, the brightest first, and its primary sources.
    fn compare(
        &mut self,
        observations: &Observations,
        mut true_sources: Vec<TrueSource>,
        found: &[usize],
    ) {
        let place = |number: usize| {
            let source = &observations.sources[number];
            direction(source.ra, source.dec)
        };
        let found_places: Vec<[f64; 3]> = found.iter().map(|&number| place(number)).collect();
        let index = SkyIndex::new(&found_places);
        let mut is_taken = vec![false; found.len()];
        let true_places: Vec<[f64; 3]> =
            true_sources.iter().map(|source| direction(source.ra, source.dec)).collect();
        for (source, &place) in true_sources.iter_mut().zip(&true_places) {
            let near = index.within(place, MATCH_ARCSEC);
            if let Some((nearest, _)) = near.into_iter().find(|(k, _)| !is_taken[*k]) {
                is_taken[nearest] = true;
                source.found = Some(found[nearest]);
            }
        }
        let true_index = SkyIndex::new(&true_places);
        let disturbs = |own: usize, other: usize, arcsec: f64| {
            let (own, other) = (&true_sources[own], &true_sources[other]);
            let is_near =
                arcsec < NEIGHBOUR_ARCSEC && other.snr > 2.0 && other.flux > 0.05 * own.flux;
            is_near || other.flux > 100.0 * own.flux
        };
        let is_alone: Vec<bool> = true_places
            .iter()
            .enumerate()
            .map(|(own, &place)| {
                let near = true_index.within(place, WINGS_ARCSEC);
                !near
                    .into_iter()
                    .any(|(other, arcsec)| other != own && disturbs(own, other, arcsec))
            })
            .collect();
        for (source, is_alone) in true_sources.iter_mut().zip(is_alone) {
            source.is_isolated &= is_alone;
        }
        for (&number, &place) in found.iter().zip(&found_places) {
            let near = true_index.within(place, REAL_ARCSEC);
            self.is_real[number] = near.into_iter().any(|(k, _)| true_sources[k].snr >= REAL_SNR);
        }
        self.sources.append(&mut true_sources);
    }
}
