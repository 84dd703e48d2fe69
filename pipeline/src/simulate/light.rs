//! The light that falls on a detector in a visit: sky, objects, streaks, in electrons expected of a
//! detector without flaws.

use ndarray::Array2;

use super::config::Effects;
use super::galaxy::GalaxyShape;
use super::refraction::sub_bands;
use super::sensor::Sensor;
use super::sky::{Moment, ObjectKind, SkyObject};
use super::survey::Survey;
use super::visit::Visit;
use crate::camera::model::DetectorModel;
use crate::error::Result;
use crate::photo_calib::AB_ZERO_POINT_NJY;
use crate::psf::{PsfModel, Stamp, StarProfile};
use crate::wcs::Wcs;

/// Light is drawn as far as it exceeds this fraction of the sky's noise in a pixel.
const FAINTEST_NOISE_FRACTION: f64 = 0.01;
/// An object whose whole flux is below this fraction of the sky's noise in a pixel is not drawn.
const LEAST_FLUX_FRACTION: f64 = 0.1;
/// Limits of the radius to which a star is drawn, pixels.
const RADIUS_RANGE_PX: (f64, f64) = (5.0, 250.0);
/// Margin around a detector in which objects still send light into it, pixels.
const MARGIN_PX: f64 = 260.0;
/// A spectrum shorter than this is drawn as a point, pixels.
const POINT_SPECTRUM_PX: f64 = 0.05;
/// A trail is drawn as points that are no farther apart than this, in widths of the PSF.
const TRAIL_STEP_FWHM: f64 = 0.2;
/// Radius of a circle around a detector, over half its diagonal: room for distortion.
const CIRCLE_MARGIN: f64 = 1.05;
/// Effective wavelengths of u, g, r, i, z, y, for spectra of objects.
const WAVELENGTHS_NM: [f64; 6] = [368.0, 480.0, 622.0, 754.0, 869.0, 971.0];

/// The light on one detector.
#[derive(Debug, Clone)]
pub(super) struct Light {
    /// Electrons expected in each pixel, if the detector were perfect.
    pub electrons: Array2<f32>,
    /// Pixels to sky, as it was.
    pub wcs: Wcs,
    /// The objects whose centres lie on the detector.
    pub sources: Vec<TruthSource>,
}

/// One object on one detector in one visit.
#[derive(Debug, Clone, PartialEq)]
pub struct TruthSource {
    /// The object.
    pub id: i64,
    /// Column of its centre of light, pixels.
    pub x: f64,
    /// Row of its centre of light, pixels.
    pub y: f64,
    /// Where it was, ICRS degrees, without refraction.
    pub ra: f64,
    /// Where it was.
    pub dec: f64,
    /// Its flux at that time outside the atmosphere, nJy.
    pub flux_njy: f64,
    /// The electrons that it gives a detector without flaws.
    pub electrons: f64,
    /// Displacement by chromatic refraction, arcsec towards the zenith.
    pub refraction_arcsec: f64,
    /// Length of its trail, pixels.
    pub trail_px: f64,
}

/// Draw the light on a detector.
pub(super) fn draw(survey: &Survey, visit: &Visit, sensor: &Sensor) -> Result<Light> {
    let detector = &sensor.model;
    let wcs = survey.camera().bent_wcs(detector, &visit.pointing, &visit.polynomial)?;
    let easel = Easel { survey, visit, sensor, detector, wcs: &wcs, moment: visit.moment() };
    let mut electrons = easel.sky();
    let mut sources = Vec::new();
    let circle = easel.circle();
    for object in &survey.sky().objects {
        // Stars move by less than the margin; asteroids are wherever their orbits lead them.
        let moves = matches!(object.kind, ObjectKind::Asteroid(_));
        if !moves && !circle.holds(object.ra, object.dec) {
            continue;
        }
        if let Some(source) = easel.paint(object, &mut electrons)? {
            sources.push(source);
        }
    }
    for streak in &visit.streaks {
        streak.paint(survey.camera(), detector, &mut electrons);
    }
    Ok(Light { electrons, wcs, sources })
}

/// A circle on the sky.
struct Circle {
    centre: [f64; 3],
    cos_radius: f64,
}

impl Circle {
    fn holds(&self, ra: f64, dec: f64) -> bool {
        let v = unit(ra, dec);
        let c = self.centre;
        v[0] * c[0] + v[1] * c[1] + v[2] * c[2] >= self.cos_radius
    }
}

fn unit(ra: f64, dec: f64) -> [f64; 3] {
    let (sin_ra, cos_ra) = ra.to_radians().sin_cos();
    let (sin_dec, cos_dec) = dec.to_radians().sin_cos();
    [cos_dec * cos_ra, cos_dec * sin_ra, sin_dec]
}

/// All that drawing needs.
struct Easel<'a> {
    survey: &'a Survey,
    visit: &'a Visit,
    sensor: &'a Sensor,
    detector: &'a DetectorModel,
    wcs: &'a Wcs,
    moment: Moment,
}

impl Easel<'_> {
    /// The place of a pixel in the focal plane in units of its radius.
    fn place(&self, x: f64, y: f64) -> (f64, f64) {
        let (u, v) = self.survey.camera().pixel_to_focal(self.detector, x, y);
        let radius = self.survey.focal_radius_mm();
        (u / radius, v / radius)
    }

    fn circle(&self) -> Circle {
        let (nx, ny) = self.detector.size_px;
        let (ra, dec) = self.wcs.pixel_to_sky(nx as f64 / 2.0, ny as f64 / 2.0);
        let radius_px = ((nx as f64).hypot(ny as f64) / 2.0 + MARGIN_PX) * CIRCLE_MARGIN;
        let radius_deg = radius_px * self.survey.camera().pixel_scale_arcsec() / 3600.0;
        Circle { centre: unit(ra, dec), cos_radius: radius_deg.to_radians().cos() }
    }

    /// The sky with its gradient and fringes.
    fn sky(&self) -> Array2<f32> {
        let (nx, ny) = self.detector.size_px;
        let [gu, gv] = self.visit.sky_gradient;
        // The focal plane is linear in the pixels: the gradient is, too.
        let (u0, v0) = self.place(0.0, 0.0);
        let (ux, vx) = self.place(1.0, 0.0);
        let (uy, vy) = self.place(0.0, 1.0);
        let along_x = gu * (ux - u0) + gv * (vx - v0);
        let along_y = gu * (uy - u0) + gv * (vy - v0);
        let start = 1.0 + gu * u0 + gv * v0;
        let sky = self.visit.sky_e;
        let mut electrons = Array2::from_shape_fn((ny, nx), |(y, x)| {
            (sky * (start + along_x * x as f64 + along_y * y as f64)) as f32
        });
        if self.survey.config().effects.fringes && self.visit.band_name() == "y" {
            self.sensor.fringe(&mut electrons);
        }
        electrons
    }

    /// Paint one object; its truth where its centre lies on the detector.
    fn paint(
        &self,
        object: &SkyObject,
        electrons: &mut Array2<f32>,
    ) -> Result<Option<TruthSource>> {
        let effects = &self.survey.config().effects;
        let epoch = self.survey.sky().epoch_mjd_tai;
        let (ra, dec) = object.position(&self.moment, epoch, effects);
        let Some((x, y)) = self.wcs.sky_to_pixel(ra, dec) else { return Ok(None) };
        let (nx, ny) = self.detector.size_px;
        let near = |v: f64, n: usize| (-MARGIN_PX..n as f64 + MARGIN_PX).contains(&v);
        if !near(x, nx) || !near(y, ny) {
            return Ok(None);
        }
        let (u, v) = self.place(x, y);
        let [cu, cv] = self.visit.cloud_gradient;
        let flux_njy = object.flux(self.visit.band, &self.moment, effects);
        let flux_e = 10f64.powf(-0.4 * (AB_ZERO_POINT_NJY - self.visit.zero_point_mag))
            * flux_njy
            * (1.0 + cu * u + cv * v);
        let brush = Brush {
            psf: self.visit.psf.at(u, v),
            flux_e,
            noise_e: (self.visit.sky_e + 25.0).sqrt(),
        };
        let shifts = self.spectrum(object, effects);
        let trail = self.trail(object, (ra, dec))?;
        let mut centre = (0.0, 0.0);
        let mut lifted = 0.0;
        for (weight, arcsec) in shifts {
            let (dx, dy) = self.towards_zenith((x, y), arcsec);
            let at = (x + dx, y + dy);
            centre = (centre.0 + weight * at.0, centre.1 + weight * at.1);
            lifted += weight * arcsec;
            brush.paint(self, object, at, weight, trail, electrons);
        }
        let inside = |v: f64, n: usize| v >= -0.5 && v < n as f64 - 0.5;
        let on_detector = inside(centre.0, nx) && inside(centre.1, ny) && flux_njy > 0.0;
        Ok(on_detector.then_some(TruthSource {
            id: object.id,
            x: centre.0,
            y: centre.1,
            ra,
            dec,
            flux_njy,
            electrons: flux_e,
            refraction_arcsec: lifted,
            trail_px: trail.0.hypot(trail.1),
        }))
    }

    /// The parts of a band with the displacement of each against the middle of the band, arcsec towards
    /// the zenith: one part where they lie within a small fraction of a pixel.
    fn spectrum(&self, object: &SkyObject, effects: &Effects) -> Vec<(f64, f64)> {
        if !effects.chromatic_refraction {
            return vec![(1.0, 0.0)];
        }
        let filter = &self.visit.filter;
        let (a, b) = (self.visit.band.saturating_sub(1), (self.visit.band + 1).min(5));
        let flux = object.flux_njy;
        let slope = if flux[a] > 0.0 && flux[b] > 0.0 {
            (flux[b] / flux[a]).ln() / (WAVELENGTHS_NM[b] / WAVELENGTHS_NM[a]).ln()
        } else {
            1.0
        };
        let air = &self.visit.air;
        let reference = air.refraction_arcsec(filter.wavelength_nm);
        let parts = sub_bands(filter.wavelength_nm, filter.width_nm, slope)
            .map(|part| (part.weight, air.refraction_arcsec(part.wavelength_nm) - reference));
        let length_px = (parts[0].1 - parts[2].1).abs() / self.survey.camera().pixel_scale_arcsec();
        if length_px > POINT_SPECTRUM_PX {
            return parts.to_vec();
        }
        vec![(1.0, parts.iter().map(|(weight, shift)| weight * shift).sum())]
    }

    /// The shift in pixels of a displacement towards the zenith.
    fn towards_zenith(&self, (x, y): (f64, f64), arcsec: f64) -> (f64, f64) {
        let (sin, cos) = self.visit.parallactic_deg.to_radians().sin_cos();
        self.pixels((x, y), arcsec / 3600.0 * sin, arcsec / 3600.0 * cos)
    }

    /// The shift in pixels of a step on the sky, degrees to the east and to the north.
    fn pixels(&self, (x, y): (f64, f64), east: f64, north: f64) -> (f64, f64) {
        let [[a, b], [c, d]] = self.wcs.local_affine(x, y);
        let determinant = a * d - b * c;
        ((d * east - b * north) / determinant, (a * north - c * east) / determinant)
    }

    /// How far an object moves during the exposure, pixels.
    fn trail(&self, object: &SkyObject, (ra, dec): (f64, f64)) -> Result<(f64, f64)> {
        let ObjectKind::Asteroid(asteroid) = &object.kind else { return Ok((0.0, 0.0)) };
        let (east, north) = asteroid.rate_deg_day(&self.moment);
        let days = self.visit.exposure_time_s / 86_400.0;
        let Some(at) = self.wcs.sky_to_pixel(ra, dec) else { return Ok((0.0, 0.0)) };
        Ok(self.pixels(at, east * days, north * days))
    }
}

/// Paints one object.
struct Brush {
    psf: StarProfile,
    flux_e: f64,
    noise_e: f64,
}

impl Brush {
    fn paint(
        &self,
        easel: &Easel,
        object: &SkyObject,
        (x, y): (f64, f64),
        weight: f64,
        trail: (f64, f64),
        electrons: &mut Array2<f32>,
    ) {
        let flux = self.flux_e * weight;
        if flux < LEAST_FLUX_FRACTION * self.noise_e {
            return;
        }
        let faintest = FAINTEST_NOISE_FRACTION * self.noise_e / flux;
        if let ObjectKind::Galaxy(shape, _) = &object.kind {
            let shape = shape_in_pixels(shape, easel.wcs.local_affine(x, y));
            if let Some(stamp) = easel.survey.painter().draw(&shape, &self.psf, (x, y), faintest) {
                add(electrons, &stamp, flux);
            }
            return;
        }
        let radius = self.psf.radius_of_density(faintest).ceil();
        let radius = radius.clamp(RADIUS_RANGE_PX.0, RADIUS_RANGE_PX.1) as usize;
        let star = PsfModel::Analytic(self.psf).at(x, y);
        let length = trail.0.hypot(trail.1);
        let n = (length / (TRAIL_STEP_FWHM * self.psf.fwhm_px)).ceil().max(1.0) as usize;
        for k in 0..n {
            let along = (k as f64 + 0.5) / n as f64 - 0.5;
            let stamp = star.stamp(x + along * trail.0, y + along * trail.1, radius);
            add(electrons, &stamp, flux / n as f64);
        }
    }
}

fn add(electrons: &mut Array2<f32>, stamp: &Stamp, flux: f64) {
    for (row, column, value) in stamp.inside(electrons.dim()) {
        electrons[[row, column]] += (flux * value) as f32;
    }
}

/// A shape that is given in arcseconds, ξ to the left and η up as the sky is drawn with north up, as it
/// lies in the pixels of a detector: turned and scaled as the local map turns and scales.
fn shape_in_pixels(shape: &GalaxyShape, affine: [[f64; 2]; 2]) -> GalaxyShape {
    let [[a, b], [c, d]] = affine;
    let scale_arcsec = (a * d - b * c).abs().sqrt() * 3600.0;
    // Direction of the y axis on the sky, from north through west (the handedness of pixels), so that an
    // image with north up has none.
    let turn = (-b).atan2(d);
    let (sin, cos) = (2.0 * turn).sin_cos();
    GalaxyShape {
        half_light_px: shape.half_light_px / scale_arcsec,
        g1: cos * shape.g1 - sin * shape.g2,
        g2: sin * shape.g1 + cos * shape.g2,
        ..*shape
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_turn_with_the_camera() {
        let shape = GalaxyShape { sersic_n: 1.0, half_light_px: 1.0, g1: 0.2, g2: 0.0 };
        let scale = 0.2 / 3600.0;
        // North up, east to the left: as given, five pixels to an arcsecond.
        let up = shape_in_pixels(&shape, [[-scale, 0.0], [0.0, scale]]);
        assert!((up.half_light_px - 5.0).abs() < 1e-9 && (up.g1 - 0.2).abs() < 1e-12);
        // y to the east (a rotation of 90 degrees): east–west elongation becomes that along y.
        let turned = shape_in_pixels(&shape, [[0.0, scale], [scale, 0.0]]);
        assert!((turned.g1 + 0.2).abs() < 1e-12 && turned.g2.abs() < 1e-12);
        // y half-way between north and east: elongated from east to west, which lies on the diagonal
        // from the lower left... x to the north-west, y to the north-east.
        let (s, c) = (scale * 0.5f64.sqrt(), scale * 0.5f64.sqrt());
        let diagonal = shape_in_pixels(&shape, [[-c, s], [s, c]]);
        // East is where −x and y are equal: the line from upper left to lower right.
        assert!(diagonal.g1.abs() < 1e-12 && (diagonal.g2 + 0.2).abs() < 1e-12, "{diagonal:?}");
    }
}
