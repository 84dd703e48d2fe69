//! The polynomials that bend a gnomonic projection: SIP in pixels, TPV in degrees.

use super::Mapped;

/// A SIP polynomial: what is added to a pixel offset (u, v) before the CD matrix.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sip {
    /// Terms of u, in the order of the header.
    pub a: Vec<SipTerm>,
    /// Terms of v.
    pub b: Vec<SipTerm>,
    /// `A_ORDER` and `B_ORDER`.
    pub order: [u32; 2],
}

/// `coefficient` · u^`p` · v^`q`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct SipTerm {
    pub p: i32,
    pub q: i32,
    pub coefficient: f64,
}

impl Sip {
    /// The straightened offset and its derivatives by (u, v).
    pub fn apply(&self, offset: [f64; 2]) -> Mapped {
        let (a, da) = evaluate(&self.a, offset);
        let (b, db) = evaluate(&self.b, offset);
        Mapped {
            at: [offset[0] + a, offset[1] + b],
            jacobian: [[1.0 + da[0], da[1]], [db[0], 1.0 + db[1]]],
        }
    }
}

fn evaluate(terms: &[SipTerm], [u, v]: [f64; 2]) -> (f64, [f64; 2]) {
    let (mut sum, mut gradient) = (0.0, [0.0; 2]);
    for &SipTerm { p, q, coefficient } in terms {
        sum += coefficient * u.powi(p) * v.powi(q);
        if p > 0 {
            gradient[0] += coefficient * f64::from(p) * u.powi(p - 1) * v.powi(q);
        }
        if q > 0 {
            gradient[1] += coefficient * f64::from(q) * u.powi(p) * v.powi(q - 1);
        }
    }
    (sum, gradient)
}

/// Number of coefficients of one TPV axis, radial ones included.
pub(super) const TPV_TERMS: usize = 40;

/// What multiplies one coefficient of TPV.
#[derive(Debug, Clone, Copy, PartialEq)]
enum TpvTerm {
    /// x^p y^q.
    Power(i32, i32),
    /// r^n, r² = x² + y².
    Radial(i32),
}

/// The term of coefficient `PV1_j`. `PV2_j` has x and y exchanged.
///
/// Degrees follow each other, each from x^n to y^n; every odd degree closes with its radial term.
fn tpv_term(j: usize) -> TpvTerm {
    let mut first = 0;
    for degree in 0..=7 {
        let powers = degree as usize + 1;
        if j < first + powers {
            let q = (j - first) as i32;
            return TpvTerm::Power(degree - q, q);
        }
        first += powers;
        if degree % 2 == 1 {
            if j == first {
                return TpvTerm::Radial(degree);
            }
            first += 1;
        }
    }
    TpvTerm::Radial(7)
}

/// A TPV polynomial: plane coordinates in, bent plane coordinates out, degrees.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tpv {
    /// Coefficients of ξ and η that differ from zero.
    terms: [Vec<TpvCoefficient>; 2],
}

/// The coefficient `PVi_j`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct TpvCoefficient {
    j: usize,
    term: TpvTerm,
    value: f64,
}

impl Tpv {
    /// The polynomial with the given coefficients; those absent are 0, except PV1_1 and PV2_1 = 1.
    pub fn new(pv1: [Option<f64>; TPV_TERMS], pv2: [Option<f64>; TPV_TERMS]) -> Tpv {
        let present = |pv: [Option<f64>; TPV_TERMS]| {
            let coefficient = |(j, value): (usize, Option<f64>)| {
                let value = value.unwrap_or(if j == 1 { 1.0 } else { 0.0 });
                TpvCoefficient { j, term: tpv_term(j), value }
            };
            let all = pv.into_iter().enumerate().map(coefficient);
            all.filter(|coefficient| coefficient.value != 0.0).collect()
        };
        Tpv { terms: [present(pv1), present(pv2)] }
    }

    /// The coefficients that differ from zero, with (axis, j): axis 1 is ξ, axis 2 η.
    pub fn coefficients(&self) -> impl Iterator<Item = (usize, usize, f64)> + '_ {
        (0..2).flat_map(move |axis| self.terms[axis].iter().map(move |c| (axis + 1, c.j, c.value)))
    }

    /// The bent point and its derivatives by (x, y).
    pub fn apply(&self, [x, y]: [f64; 2]) -> Mapped {
        let (xi, dxi) = sum(&self.terms[0], x, y);
        // η is the same polynomial with the coordinates exchanged.
        let (eta, deta) = sum(&self.terms[1], y, x);
        Mapped { at: [xi, eta], jacobian: [dxi, [deta[1], deta[0]]] }
    }
}

/// A polynomial map of the plane, without radial terms, of degree 7 at most: Σ c x^p y^q for each axis.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PlanePolynomial {
    pv: [[Option<f64>; TPV_TERMS]; 2],
}

impl PlanePolynomial {
    /// The map that changes nothing.
    pub fn identity() -> PlanePolynomial {
        let mut pv = [[None; TPV_TERMS]; 2];
        pv[0][1] = Some(1.0);
        pv[1][1] = Some(1.0);
        PlanePolynomial { pv }
    }

    /// Adds `value` · x^`p` y^`q` to an axis: 0 is ξ, 1 is η. Degrees beyond 7 are beyond TPV and left out.
    pub fn add(&mut self, axis: usize, p: i32, q: i32, value: f64) {
        // TPV exchanges x and y for the second axis.
        let wanted = if axis == 0 { TpvTerm::Power(p, q) } else { TpvTerm::Power(q, p) };
        if let Some(j) = (0..TPV_TERMS).find(|&j| tpv_term(j) == wanted) {
            *self.pv[axis][j].get_or_insert(0.0) += value;
        }
    }

    /// As a TPV polynomial.
    pub(super) fn to_tpv(&self) -> Tpv {
        Tpv::new(self.pv[0], self.pv[1])
    }
}

fn sum(terms: &[TpvCoefficient], x: f64, y: f64) -> (f64, [f64; 2]) {
    let r = x.hypot(y);
    let (mut sum, mut gradient) = (0.0, [0.0; 2]);
    for &TpvCoefficient { term, value: c, .. } in terms {
        match term {
            TpvTerm::Power(p, q) => {
                sum += c * x.powi(p) * y.powi(q);
                if p > 0 {
                    gradient[0] += c * f64::from(p) * x.powi(p - 1) * y.powi(q);
                }
                if q > 0 {
                    gradient[1] += c * f64::from(q) * x.powi(p) * y.powi(q - 1);
                }
            }
            TpvTerm::Radial(n) => {
                sum += c * r.powi(n);
                // At r = 0 the linear term has no derivative; 0 is what lets Newton go on.
                if r > 0.0 {
                    gradient[0] += c * f64::from(n) * r.powi(n - 2) * x;
                    gradient[1] += c * f64::from(n) * r.powi(n - 2) * y;
                }
            }
        }
    }
    (sum, gradient)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tpv_terms_stand_where_the_registration_puts_them() {
        let name = |j| match tpv_term(j) {
            TpvTerm::Power(p, q) => format!("x{p}y{q}"),
            TpvTerm::Radial(n) => format!("r{n}"),
        };
        let expected = [
            (0, "x0y0"),
            (1, "x1y0"),
            (2, "x0y1"),
            (3, "r1"),
            (4, "x2y0"),
            (6, "x0y2"),
            (7, "x3y0"),
            (9, "x1y2"),
            (10, "x0y3"),
            (11, "r3"),
            (12, "x4y0"),
            (16, "x0y4"),
            (17, "x5y0"),
            (22, "x0y5"),
            (23, "r5"),
            (24, "x6y0"),
            (30, "x0y6"),
            (31, "x7y0"),
            (38, "x0y7"),
            (39, "r7"),
        ];
        for (j, term) in expected {
            assert_eq!(name(j), term, "PV1_{j}");
        }
    }

    #[test]
    fn derivatives_are_finite_differences() {
        let mut pv = [[None; TPV_TERMS]; 2];
        for (axis, terms) in pv.iter_mut().enumerate() {
            for (j, term) in terms.iter_mut().enumerate() {
                *term = Some(0.01 * (1.0 + j as f64 + 2.0 * axis as f64).sin());
            }
        }
        let tpv = Tpv::new(pv[0], pv[1]);
        let sip = Sip {
            a: vec![
                SipTerm { p: 2, q: 1, coefficient: 0.3 },
                SipTerm { p: 0, q: 3, coefficient: 0.2 },
            ],
            b: vec![SipTerm { p: 1, q: 1, coefficient: -0.4 }],
            order: [3, 2],
        };
        let maps: [&dyn Fn([f64; 2]) -> Mapped; 2] = [&|p| tpv.apply(p), &|p| sip.apply(p)];
        let (point, h) = ([0.61, -0.37], 1e-6);
        for map in maps {
            let jacobian = map(point).jacobian;
            for j in 0..2 {
                let (mut low, mut high) = (point, point);
                low[j] -= h;
                high[j] += h;
                for (i, row) in jacobian.iter().enumerate() {
                    let slope = (map(high).at[i] - map(low).at[i]) / (2.0 * h);
                    assert!((row[j] - slope).abs() < 1e-8);
                }
            }
        }
    }

    #[test]
    fn absent_coefficients_leave_the_plane_alone() {
        let tpv = Tpv::new([None; TPV_TERMS], [None; TPV_TERMS]);
        assert_eq!(tpv.apply([0.3, -0.4]).at, [0.3, -0.4]);
    }
}
