//! World coordinates from header cards, and back.

use super::distortion::{Sip, SipTerm, TPV_TERMS, Tpv};
use super::{Distortion, Tangent, Wcs, WcsError};
use crate::fits::{Card, Header};

/// The highest order of a SIP polynomial, by its definition.
const MAX_SIP_ORDER: i64 = 9;

impl Wcs {
    /// The world coordinates of a header: CD, PC with CDELT, or CDELT with CROTA2; SIP where its
    /// coefficients are given; TPV also where a TAN header carries the PV terms that SCAMP writes.
    ///
    /// # Errors
    /// Names the first keyword that is missing, unsupported or out of range.
    pub fn from_header(header: &Header) -> Result<Wcs, WcsError> {
        let axes = Axes::of(header)?;
        let crval = [axes.number(header, "CRVAL", 0)?, axes.number(header, "CRVAL", 1)?];
        let crpix = [required(header, "CRPIX1")? - 1.0, required(header, "CRPIX2")? - 1.0];
        // By the standard the pole's native longitude is 180° unless the tangent point is that pole.
        let lonpole = header.f64("LONPOLE").unwrap_or(if crval[1] >= 90.0 { 0.0 } else { 180.0 });
        Wcs::new(
            Tangent::new(crval, lonpole)?,
            crpix,
            axes.matrix(header)?,
            axes.distortion(header)?,
        )
    }

    /// The cards that describe this map to any reader of FITS.
    pub fn to_cards(&self) -> Vec<Card> {
        let suffix = match self.distortion {
            Distortion::None => ["RA---TAN", "DEC--TAN"],
            Distortion::Sip(_) => ["RA---TAN-SIP", "DEC--TAN-SIP"],
            Distortion::Tpv(_) => ["RA---TPV", "DEC--TPV"],
        };
        let mut cards = vec![Card::new("WCSAXES", 2_i64, "")];
        for (i, ctype) in suffix.into_iter().enumerate() {
            let axis = i + 1;
            cards.push(Card::new(&format!("CTYPE{axis}"), ctype, ""));
            cards.push(Card::new(&format!("CUNIT{axis}"), "deg", ""));
            cards.push(Card::new(
                &format!("CRVAL{axis}"),
                self.tangent.crval_deg[i],
                "tangent point",
            ));
            cards.push(Card::new(
                &format!("CRPIX{axis}"),
                self.crpix[i] + 1.0,
                "its pixel, from 1",
            ));
            for j in 0..2 {
                cards.push(Card::new(&format!("CD{axis}_{}", j + 1), self.cd[i][j], ""));
            }
        }
        cards.push(Card::new("LONPOLE", self.tangent.lonpole_deg, ""));
        cards.push(Card::new("RADESYS", "ICRS", ""));
        match &self.distortion {
            Distortion::None => {}
            Distortion::Sip(sip) => sip_cards(sip, &mut cards),
            Distortion::Tpv(tpv) => {
                for (axis, j, value) in tpv.coefficients() {
                    cards.push(Card::new(&format!("PV{axis}_{j}"), value, ""));
                }
            }
        }
        cards
    }
}

fn sip_cards(sip: &Sip, cards: &mut Vec<Card>) {
    for (name, order, terms) in [("A", sip.order[0], &sip.a), ("B", sip.order[1], &sip.b)] {
        cards.push(Card::new(&format!("{name}_ORDER"), i64::from(order), ""));
        for term in terms {
            cards.push(Card::new(&format!("{name}_{}_{}", term.p, term.q), term.coefficient, ""));
        }
    }
}

/// Which axis of the header is which on the sky: `longitude` is the FITS axis of RA, 1 or 2.
struct Axes {
    longitude: usize,
}

impl Axes {
    fn of(header: &Header) -> Result<Axes, WcsError> {
        let ctype = |axis: usize| {
            let keyword = format!("CTYPE{axis}");
            match header.text(&keyword) {
                Some(value) => Ok(value.to_uppercase()),
                None => Err(WcsError::MissingKeyword { keyword }),
            }
        };
        let (first, second) = (ctype(1)?, ctype(2)?);
        for (axis, value) in [(1, &first), (2, &second)] {
            let projection =
                value.split_once("--").map_or("", |(_, rest)| rest.trim_start_matches('-'));
            if !matches!(projection, "TAN" | "TAN-SIP" | "TPV") {
                return Err(WcsError::Unsupported {
                    keyword: format!("CTYPE{axis}"),
                    value: value.clone(),
                });
            }
            let unit = format!("CUNIT{axis}");
            if let Some(value) = header.text(&unit)
                && !value.to_lowercase().starts_with("deg")
            {
                return Err(WcsError::Unsupported { keyword: unit, value: value.to_owned() });
            }
        }
        if first.starts_with("RA--") && second.starts_with("DEC-") {
            Ok(Axes { longitude: 1 })
        } else if first.starts_with("DEC-") && second.starts_with("RA--") {
            Ok(Axes { longitude: 2 })
        } else {
            Err(WcsError::Unsupported { keyword: "CTYPE1".to_owned(), value: first })
        }
    }

    /// The FITS axis of ξ (`row` 0) or η (`row` 1).
    fn axis(&self, row: usize) -> usize {
        if row == 0 { self.longitude } else { 3 - self.longitude }
    }

    fn number(&self, header: &Header, stem: &str, row: usize) -> Result<f64, WcsError> {
        required(header, &format!("{stem}{}", self.axis(row)))
    }

    /// Degrees per pixel; rows ξ, η.
    fn matrix(&self, header: &Header) -> Result<[[f64; 2]; 2], WcsError> {
        let element = |stem: &str, row: usize, column: usize| {
            header.f64(&format!("{stem}{}_{}", self.axis(row), column + 1))
        };
        let has = |stem: &str| (0..2).any(|i| (0..2).any(|j| element(stem, i, j).is_some()));
        if has("CD") {
            let cd = |i, j| element("CD", i, j).unwrap_or(0.0);
            return Ok([[cd(0, 0), cd(0, 1)], [cd(1, 0), cd(1, 1)]]);
        }
        if !header.has("CDELT1") && !header.has("PC1_1") {
            return Err(WcsError::MissingKeyword { keyword: "CD1_1".to_owned() });
        }
        let cdelt =
            [0, 1].map(|row| header.f64(&format!("CDELT{}", self.axis(row))).unwrap_or(1.0));
        if has("PC") {
            let pc = |i: usize, j: usize| {
                // Absent elements are those of the unit matrix of the header's own axes.
                let unit = if self.axis(i) == j + 1 { 1.0 } else { 0.0 };
                element("PC", i, j).unwrap_or(unit) * cdelt[i]
            };
            return Ok([[pc(0, 0), pc(0, 1)], [pc(1, 0), pc(1, 1)]]);
        }
        Ok(self.rotated(header, cdelt))
    }

    /// CDELT with the older CROTA2, which turns the axes of the header.
    fn rotated(&self, header: &Header, cdelt: [f64; 2]) -> [[f64; 2]; 2] {
        let angle = header.f64(&format!("CROTA{}", self.axis(1))).unwrap_or(0.0);
        let (sin, cos) = angle.to_radians().sin_cos();
        let [longitude, latitude] = cdelt;
        if self.longitude == 1 {
            [[longitude * cos, -latitude * sin], [longitude * sin, latitude * cos]]
        } else {
            [[-latitude * sin, longitude * cos], [latitude * cos, longitude * sin]]
        }
    }

    fn distortion(&self, header: &Header) -> Result<Distortion, WcsError> {
        let tpv = header.text("CTYPE1").is_some_and(|ctype| ctype.to_uppercase().ends_with("TPV"));
        if header.has("A_ORDER") && !tpv {
            return Ok(Distortion::Sip(Box::new(sip(header)?)));
        }
        let coefficients = |row: usize| {
            let mut values = [None; TPV_TERMS];
            for (j, value) in values.iter_mut().enumerate() {
                *value = header.f64(&format!("PV{}_{j}", self.axis(row)));
            }
            values
        };
        let (pv1, pv2) = (coefficients(0), coefficients(1));
        // On a plain TAN header, PV terms of the latitude axis can only be SCAMP's.
        if tpv || pv2.iter().any(Option::is_some) {
            return Ok(Distortion::Tpv(Box::new(Tpv::new(pv1, pv2))));
        }
        Ok(Distortion::None)
    }
}

fn sip(header: &Header) -> Result<Sip, WcsError> {
    let polynomial = |name: &str| -> Result<(u32, Vec<SipTerm>), WcsError> {
        let keyword = format!("{name}_ORDER");
        let Some(order) = header.i64(&keyword) else {
            return Err(WcsError::MissingKeyword { keyword });
        };
        if !(0..=MAX_SIP_ORDER).contains(&order) {
            return Err(WcsError::BadKeyword {
                keyword,
                value: order.to_string(),
                expected: "an order from 0 to 9",
            });
        }
        let order = order as i32;
        let mut terms = Vec::new();
        for p in 0..=order {
            for q in 0..=order - p {
                let coefficient = header.f64(&format!("{name}_{p}_{q}")).unwrap_or(0.0);
                if coefficient != 0.0 {
                    terms.push(SipTerm { p, q, coefficient });
                }
            }
        }
        Ok((order as u32, terms))
    };
    let (a_order, a) = polynomial("A")?;
    let (b_order, b) = polynomial("B")?;
    Ok(Sip { a, b, order: [a_order, b_order] })
}

fn required(header: &Header, keyword: &str) -> Result<f64, WcsError> {
    let keyword = keyword.to_owned();
    match header.value(&keyword) {
        None => Err(WcsError::MissingKeyword { keyword }),
        Some(value) => header.f64(&keyword).ok_or_else(|| WcsError::BadKeyword {
            value: format!("{value:?}"),
            keyword,
            expected: "a finite number",
        }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const BASE: &str = "CTYPE1  = 'RA---TAN'\nCTYPE2  = 'DEC--TAN'\nCRVAL1  = 12.0\nCRVAL2  = -30.0\n\
                        CRPIX1  = 5.0\nCRPIX2  = 6.0\n";

    fn parse(rest: &str) -> Result<Wcs, WcsError> {
        Wcs::from_header(&Header::from_lines(&format!("{rest}{BASE}")))
    }

    #[test]
    fn three_ways_to_write_one_matrix() {
        let (sin, cos) = 30f64.to_radians().sin_cos();
        let (w, h) = (-1e-4, 2e-4);
        let cd = parse(&format!(
            "CD1_1   = {:E}\nCD1_2   = {:E}\nCD2_1   = {:E}\nCD2_2   = {:E}\n",
            w * cos,
            -h * sin,
            w * sin,
            h * cos
        ));
        let crota = parse(&format!("CDELT1  = {w:E}\nCDELT2  = {h:E}\nCROTA2  = 30.0\n"));
        let pc = parse(&format!(
            "CDELT1  = {w:E}\nCDELT2  = {h:E}\nPC1_1   = {:E}\nPC1_2   = {:E}\nPC2_1   = {:E}\nPC2_2   = {:E}\n",
            cos,
            -sin * h / w,
            sin * w / h,
            cos
        ));
        for wcs in [crota.unwrap(), pc.unwrap()] {
            let (ra, dec) = wcs.pixel_to_sky(1000.0, 500.0);
            let (ra_cd, dec_cd) = cd.as_ref().unwrap().pixel_to_sky(1000.0, 500.0);
            assert!((ra - ra_cd).abs() < 1e-12 && (dec - dec_cd).abs() < 1e-12);
        }
    }

    #[test]
    fn exchanged_axes_give_the_same_sky() {
        let usual =
            parse("CD1_1   = -1e-4\nCD1_2   = 2e-5\nCD2_1   = 3e-5\nCD2_2   = 1e-4\n").unwrap();
        let exchanged = Wcs::from_header(&Header::from_lines(
            "CTYPE1  = 'DEC--TAN'\nCTYPE2  = 'RA---TAN'\nCRVAL2  = 12.0\nCRVAL1  = -30.0\n\
             CRPIX1  = 5.0\nCRPIX2  = 6.0\nCD2_1   = -1e-4\nCD2_2   = 2e-5\nCD1_1   = 3e-5\nCD1_2   = 1e-4",
        ))
        .unwrap();
        assert_eq!(usual.pixel_to_sky(70.0, 900.0), exchanged.pixel_to_sky(70.0, 900.0));
    }

    #[test]
    fn errors_name_the_keyword() {
        let missing =
            |text: &str| Wcs::from_header(&Header::from_lines(text)).unwrap_err().to_string();
        assert_eq!(missing("NAXIS   = 2"), "no world coordinates: keyword CTYPE1 is missing");
        assert_eq!(parse("").unwrap_err(), WcsError::MissingKeyword { keyword: "CD1_1".into() });
        assert_eq!(
            missing("CTYPE1  = 'RA---ZPN'\nCTYPE2  = 'DEC--ZPN'"),
            "world coordinates CTYPE1 = 'RA---ZPN' are not supported (TAN, TAN-SIP and TPV are)"
        );
        assert!(
            missing(&BASE.replace("-30.0", "-130.0\nCD1_1   = 1.0\nCD2_2   = 1.0"))
                .contains("CRVAL2 = -130")
        );
    }
}
