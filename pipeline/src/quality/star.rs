//! Stars, each with its measurements in the visits of one band: what repeatability is judged by.
//!
//! A source belongs to the object that is nearest to it, within half an arcsecond. A star is isolated
//! where no other object is within three, and none of its sources was taken out of a blend.

use std::collections::BTreeMap;

use super::observations::{Observations, SourceKind};
use super::sky_index::{SkyIndex, direction};
use crate::statistics::median;

/// A source belongs to an object that is so near.
const MATCH_ARCSEC: f64 = 0.5;
/// No other object is within this distance of an isolated one.
const ISOLATION_ARCSEC: f64 = 3.0;
/// Sources of less are no measure of repeatability.
const MIN_SNR: f64 = 5.0;
/// Signal to noise above which photon statistics do not dominate: "the photon statistics limits on
/// photometric and astrometric accuracy (SNR∼200) are 5 millimag and 4 milliarcsec" (LPM-17,
/// "Single Image Specifications").
pub const BRIGHT_SNR: f64 = 200.0;

/// An isolated star in one band.
#[derive(Debug, Clone, PartialEq)]
pub struct Star {
    /// Id of its object.
    pub object: i64,
    /// The band.
    pub band: String,
    /// Indices of its clean sources in [`Observations::sources`], one a visit, by time.
    pub sources: Vec<usize>,
    /// Median signal to noise.
    pub snr: f64,
}

impl Star {
    /// Is it so bright that photon statistics do not dominate?
    pub fn is_bright(&self) -> bool {
        self.snr >= BRIGHT_SNR
    }
}

/// The nearest source of each visit, and its distance from the object, arcsec.
type Epochs = BTreeMap<usize, (usize, f64)>;

/// Find the isolated stars.
pub fn stars(observations: &Observations) -> Vec<Star> {
    let directions: Vec<[f64; 3]> = observations.objects.iter().map(|o| o.direction).collect();
    let index = SkyIndex::new(&directions);
    // By object and band: the nearest source of each visit.
    let mut series: BTreeMap<(usize, &str), Epochs> = BTreeMap::new();
    for (number, source) in observations.sources.iter().enumerate() {
        if source.kind != SourceKind::Primary || !source.ra.is_finite() || !source.dec.is_finite() {
            continue;
        }
        let near = index.within(direction(source.ra, source.dec), MATCH_ARCSEC);
        let Some(&(object, arcsec)) = near.first() else { continue };
        let visit = observations.images[source.image].visit;
        let epochs = series.entry((object, observations.band_of(source))).or_default();
        let is_nearer = epochs.get(&visit).is_none_or(|(_, other)| arcsec < *other);
        if is_nearer {
            epochs.insert(visit, (number, arcsec));
        }
    }
    let star = |((object, band), epochs): ((usize, &str), Epochs)| {
        let all = || epochs.values().map(|(number, _)| &observations.sources[*number]);
        let mut extendedness: Vec<f64> =
            all().map(|s| s.extendedness).filter(|e| e.is_finite()).collect();
        let is_alone = index.within(directions[object], ISOLATION_ARCSEC).len() == 1;
        if !is_alone || all().any(|s| s.is_deblended) || median(&mut extendedness).is_nan() {
            return None;
        }
        if median(&mut extendedness) > 0.5 {
            return None;
        }
        let sources: Vec<usize> = epochs
            .into_values()
            .map(|(number, _)| number)
            .filter(|number| {
                let source = &observations.sources[*number];
                source.is_clean && source.snr >= MIN_SNR
            })
            .collect();
        let mut snr: Vec<f64> = sources.iter().map(|k| observations.sources[*k].snr).collect();
        let object = observations.objects[object].id;
        (!sources.is_empty()).then(|| Star {
            object,
            band: band.to_owned(),
            snr: median(&mut snr),
            sources,
        })
    };
    series.into_iter().filter_map(star).collect()
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::focal_plane::FocalPlacement;
    use super::super::observations::{ImageRow, Moments, ObjectRow, SourceRow, VisitRow};
    use super::*;

    /// Visits of one detector about (150, 2), all in one band, without sources.
    pub fn visits(n: usize, band: &str) -> Observations {
        let visit = |k: usize| VisitRow {
            visit: k as i64 + 1,
            band: band.to_owned(),
            pointing: (150.0, 2.0),
            rotation_deg: 0.0,
            mid_mjd_tai: 60_000.0 + k as f64,
            airmass: 1.0,
            exposure_s: 30.0,
        };
        let visits: Vec<VisitRow> = (0..n).map(visit).collect();
        let d = 1.0 / 18.0;
        let corners = [
            (150.0 + d, 2.0 - d),
            (150.0 - d, 2.0 - d),
            (150.0 - d, 2.0 + d),
            (150.0 + d, 2.0 + d),
        ];
        let images = visits.iter().enumerate().map(|(visit, row)| ImageRow {
            visit,
            detector: 0,
            instrument: "TestCam".to_owned(),
            size_px: (2000.0, 2000.0),
            pixel_arcsec: 0.2,
            zero_point_mag: 31.0,
            sky_adu: 400.0,
            sky_noise_adu: 20.0,
            seeing_arcsec: 0.8,
            mag_lim: 24.0,
            n_psf_stars: 50.0,
            placement: FocalPlacement::new(row, (2000.0, 2000.0), corners),
        });
        let images = images.collect();
        Observations { version: 1, visits, images, sources: vec![], objects: vec![] }
    }

    /// A clean star of S/N 500 in an image.
    pub fn source(id: i64, image: usize, ra: f64, dec: f64, mag: f64) -> SourceRow {
        let flux = 10f64.powf(0.4 * (31.4 - mag));
        SourceRow {
            id,
            image,
            ra,
            dec,
            ra_err: 1e-6,
            dec_err: 1e-6,
            x: 1000.0,
            y: 1000.0,
            flux,
            flux_err: flux / 500.0,
            snr: 500.0,
            shape: Moments { xx: 4.0, yy: 4.0, xy: 0.0 },
            psf: Moments { xx: 4.0, yy: 4.0, xy: 0.0 },
            extendedness: 0.0,
            kind: SourceKind::Primary,
            is_clean: true,
            is_at_edge: false,
            is_deblended: false,
            has_shape: true,
            psf_used: false,
            psf_reserved: false,
        }
    }

    /// Stars at these places, seen in all visits where and as bright as `at` says (visit, star).
    pub fn observed(
        n_visits: usize,
        band: &str,
        places: &[(f64, f64)],
        at: impl Fn(usize, usize) -> (f64, f64, f64),
    ) -> Observations {
        let mut observations = visits(n_visits, band);
        for (star, &(ra, dec)) in places.iter().enumerate() {
            let object = ObjectRow { id: star as i64 + 1, direction: direction(ra, dec) };
            observations.objects.push(object);
            for visit in 0..n_visits {
                let (ra, dec, mag) = at(visit, star);
                let id = observations.sources.len() as i64 + 1;
                observations.sources.push(source(id, visit, ra, dec, mag));
            }
        }
        observations
    }

    #[test]
    fn a_star_has_one_clean_source_a_visit() {
        let places = [(150.0, 2.0), (150.01, 2.0), (150.01, 2.0 + 2.0 / 3600.0), (150.02, 2.0)];
        let mut observations =
            observed(3, "r", &places, |_, star| (places[star].0, places[star].1, 18.0));
        // A second, farther source of the first star in the first visit, and a bad one in the third.
        observations.sources.push(source(100, 0, 150.0, 2.0 + 0.3 / 3600.0, 20.0));
        observations.sources[2].is_clean = false;
        // The fourth is a galaxy.
        observations.sources[9..12].iter_mut().for_each(|s| s.extendedness = 1.0);
        let found = stars(&observations);
        assert_eq!(found.len(), 1, "the second and the third are not isolated: {found:?}");
        assert_eq!((found[0].object, found[0].sources.as_slice()), (1, [0, 1].as_slice()));
        assert!(found[0].is_bright());
    }
}
