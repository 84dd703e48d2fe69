//! Celestial reference frames, as pure rotations of the sphere.
//!
//! Every frame is known by one rotation to ICRS, so all conversions are consistent: there and back
//! is the identity, and a detour changes nothing. Rotations know neither E-terms of aberration nor
//! the slow spin of FK4, as the IVOA's catalogue of ADQL functions wants it for
//! `ivo_geom_transform`.
//!
//! | frame | where its rotation comes from | agrees with astropy |
//! |---|---|---|
//! | GALACTIC | pole and node in FK5 of Reid and Brunthaler 2004 (ApJ 616, 872), carried to ICRS by the FK5 orientation of Mignard and Frœschlé 2000 (A&A 354, 732) | `Galactic` |
//! | FK4 | B1950, the frame in which Blaauw et al. 1960 (MNRAS 121, 123) define the galactic pole as (192.25°, 27.4°) and the node as 123° | `FK4NoETerms` |
//! | ECLIPTIC | mean ecliptic and equinox of J2000: IAU 2006 obliquity of 84381.406″ with the frame bias (Capitaine et al. 2003, A&A 412, 567; SOFA's `iauEcm06`) | `BarycentricMeanEcliptic` |
//! | FK5 | taken as ICRS, as in the IVOA catalogue's own vector | within 23 mas of `FK5` |
//!
//! FK5's axes are known to no better than 80 mas; the 23 mas by which they are tilted against ICRS
//! would only pretend to a precision that FK5 positions lack.

use super::unit_vector::UnitVector;

/// A celestial reference frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Frame {
    /// The International Celestial Reference System.
    #[default]
    Icrs,
    /// Mean equator and equinox of J2000.
    Fk5,
    /// Mean equator and equinox of B1950.
    Fk4,
    /// Galactic longitude and latitude.
    Galactic,
    /// Mean ecliptic and equinox of J2000.
    Ecliptic,
}

/// Rows of a rotation matrix.
type Rotation = [[f64; 3]; 3];

const IDENTITY: Rotation = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];

const FK4_TO_ICRS: Rotation = [
    [0.9999256809514503, -0.011181372203849814, -0.00485895970528516],
    [0.011181371753884724, 0.9999374861373456, -2.7258532095574604e-05],
    [0.004858960740738591, -2.7073328534670666e-05, 0.9999881948140963],
];

const GALACTIC_TO_ICRS: Rotation = [
    [-0.05487565771259173, 0.4941094371927271, -0.8676661375596586],
    [-0.8734370519556162, -0.4448297212232952, -0.19807633727300028],
    [-0.4838350736167155, 0.7469821839866676, 0.45598381368730123],
];

const ECLIPTIC_TO_ICRS: Rotation = [
    [0.9999999999999942, 3.2897004077419594e-08, -1.0207044725484358e-07],
    [-7.078368960971559e-08, 0.9174821299149584, -0.3977769994440434],
    [8.056213977613187e-08, 0.39777699944404826, 0.9174821299149554],
];

impl Frame {
    /// All frames, for messages that list them.
    pub const ALL: [Self; 5] = [Self::Icrs, Self::Fk5, Self::Fk4, Self::Galactic, Self::Ecliptic];

    /// The frame's name in the IVOA's vocabulary of reference frames.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Icrs => "ICRS",
            Self::Fk5 => "FK5",
            Self::Fk4 => "FK4",
            Self::Galactic => "GALACTIC",
            Self::Ecliptic => "ECLIPTIC",
        }
    }

    /// The frame of this very name, in capitals.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|frame| frame.name() == name)
    }

    /// The frame of a name in any case, also by the names that STC-S and users give it.
    pub fn from_alias(name: &str) -> Option<Self> {
        let name = name.to_ascii_uppercase();
        Self::from_name(&name).or(match name.as_str() {
            "J2000" => Some(Self::Fk5),
            "B1950" => Some(Self::Fk4),
            "GALACTIC_II" => Some(Self::Galactic),
            _ => None,
        })
    }

    const fn to_icrs(self) -> &'static Rotation {
        match self {
            Self::Icrs | Self::Fk5 => &IDENTITY,
            Self::Fk4 => &FK4_TO_ICRS,
            Self::Galactic => &GALACTIC_TO_ICRS,
            Self::Ecliptic => &ECLIPTIC_TO_ICRS,
        }
    }

    const fn is_icrs(self) -> bool {
        matches!(self, Self::Icrs | Self::Fk5)
    }
}

/// Convert a direction given in one frame to another.
pub fn transform(from: Frame, to: Frame, v: &UnitVector) -> UnitVector {
    if from == to || (from.is_icrs() && to.is_icrs()) {
        return *v;
    }
    let m = from.to_icrs();
    let icrs = [v.x, v.y, v.z];
    let icrs: [f64; 3] = [0, 1, 2].map(|i| (0..3).map(|j| m[i][j] * icrs[j]).sum());
    // The inverse of a rotation is its transpose.
    let m = to.to_icrs();
    let [x, y, z] = [0, 1, 2].map(|i| (0..3).map(|j| m[j][i] * icrs[j]).sum::<f64>());
    UnitVector::normalize(x, y, z).unwrap_or(*v)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn check(from: &str, to: &str, lonlat: (f64, f64), expected: (f64, f64), tolerance: f64) {
        let (from, to) = (Frame::from_name(from).unwrap(), Frame::from_name(to).unwrap());
        let v = UnitVector::from_lonlat_deg(lonlat.0, lonlat.1);
        let (lon, lat) = transform(from, to, &v).to_lonlat_deg();
        let close = (lon - expected.0).abs() <= tolerance && (lat - expected.1).abs() <= tolerance;
        assert!(close, "{from:?} {to:?} {lonlat:?}: ({lon}, {lat})");
    }

    /// The vectors of the IVOA's catalogue of user-defined functions, to half their last digit.
    #[test]
    fn vectors_of_ivo_geom_transform() {
        check("ICRS", "GALACTIC", (120.0, -23.0), (241.121831182, 3.62785788087), 7e-10);
        check("FK4", "GALACTIC", (189.70303055, 22.96240006), (275.00025405, 84.99996154), 5e-9);
        check("GALACTIC", "FK5", (5.0, 3.0), (266.44721, -23.107310), 5e-6);
        check("GALACTIC", "FK5", (4.0, 4.0), (264.95088, -23.434037), 5e-6);
        check("GALACTIC", "FK5", (4.5, 2.0), (267.09936, -24.051919), 5e-6);
        for (lonlat, lat) in
            [((5.0, 3.0), -23.107310), ((4.0, 4.0), -23.434037), ((4.5, 2.0), -24.051919)]
        {
            let v = UnitVector::from_lonlat_deg(lonlat.0, lonlat.1);
            let ours = transform(Frame::Galactic, Frame::Fk5, &v).to_lonlat_deg().1;
            assert!((ours - lat).abs() <= 6e-7, "{lonlat:?}: {ours}");
        }
    }

    #[test]
    fn matrices_are_rotations_and_detours_change_nothing() {
        let v = UnitVector::from_lonlat_deg(123.4, -56.7);
        for from in Frame::ALL {
            let there = transform(Frame::Icrs, from, &v);
            assert!((there.dot(&there) - 1.0).abs() < 1e-15);
            assert!(transform(from, Frame::Icrs, &there).angle_to(&v).degrees() < 1e-13);
            for to in Frame::ALL {
                let direct = transform(from, to, &there);
                let detour =
                    transform(Frame::Galactic, to, &transform(from, Frame::Galactic, &there));
                assert!(direct.angle_to(&detour).degrees() < 1e-13, "{from:?} {to:?}");
            }
        }
    }

    #[test]
    fn names() {
        assert_eq!(Frame::from_name("icrs"), None);
        assert_eq!(Frame::from_alias("icrs"), Some(Frame::Icrs));
        assert_eq!(Frame::from_alias("b1950"), Some(Frame::Fk4));
    }
}
