//! From the numbers in a camera's mask to mask planes.

use ndarray::Array2;

use crate::image::mask_plane as plane;

/// What the numbers of a mask file mean.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MaskMeaning {
    /// 0 is good, anything else bad.
    #[default]
    ZeroIsGood,
    /// Bits of [`mask_plane`](crate::image::mask_plane).
    Planes,
    /// One code per pixel: the Community Pipeline from V3.5 on.
    DecamCodes,
    /// Bits of the Community Pipeline before V3.5.
    DecamBits,
}

/// Codes of the Community Pipeline from V3.5 on. The trails of saturated stars (4) count as saturated,
/// and as interpolated: the pipeline has put values of the sky there. Transients and streaks (7, 8) are
/// guesses from other exposures, hence suspect, not bad.
const DECAM_CODES: [u32; 9] = [
    0,
    plane::BAD,
    plane::NO_DATA,
    plane::SAT,
    plane::SAT | plane::INTRP,
    plane::CR,
    plane::BAD,
    plane::SUSPECT,
    plane::SUSPECT,
];

/// Bits of the Community Pipeline before V3.5, with the planes they stand for.
const DECAM_BITS: [(u32, u32); 9] = [
    (1, plane::BAD),
    (2, plane::SAT),
    (4, plane::INTRP),
    (16, plane::CR),
    (64, plane::SAT | plane::INTRP),
    (128, plane::SUSPECT),
    (256, plane::EDGE),
    (512, plane::EDGE),
    (1024, plane::SUSPECT),
];

impl MaskMeaning {
    /// A few words for a report.
    pub fn describe(self) -> &'static str {
        match self {
            MaskMeaning::ZeroIsGood => "0 good, other values bad",
            MaskMeaning::Planes => "bits of Almagest's mask planes",
            MaskMeaning::DecamCodes => "integer codes of the Community Pipeline",
            MaskMeaning::DecamBits => "bits of the Community Pipeline before V3.5",
        }
    }

    /// The mask planes of one number. What the meaning does not know is bad.
    pub fn planes(self, value: i32) -> u32 {
        let bits = value.cast_unsigned();
        match self {
            MaskMeaning::ZeroIsGood => {
                if value == 0 {
                    0
                } else {
                    plane::BAD
                }
            }
            MaskMeaning::Planes => bits,
            MaskMeaning::DecamCodes => usize::try_from(value)
                .ok()
                .and_then(|code| DECAM_CODES.get(code))
                .copied()
                .unwrap_or(plane::BAD),
            MaskMeaning::DecamBits => {
                let known = DECAM_BITS.iter().filter(|(bit, _)| bits & bit != 0);
                let planes = known.fold(0, |planes, (_, plane)| planes | plane);
                let unknown = bits & !DECAM_BITS.iter().fold(0, |all, (bit, _)| all | bit);
                if unknown == 0 { planes } else { planes | plane::BAD }
            }
        }
    }

    /// The mask planes of a whole mask.
    pub fn translate(self, mask: &Array2<i32>) -> Array2<u32> {
        mask.mapv(|value| self.planes(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_not_bits() {
        // As bits, 5 would be BAD and INTRP, 3 BAD and SAT.
        assert_eq!(MaskMeaning::DecamCodes.planes(5), plane::CR);
        assert_eq!(MaskMeaning::DecamCodes.planes(3), plane::SAT);
        assert_eq!(MaskMeaning::DecamBits.planes(5), plane::BAD | plane::INTRP);
        assert_eq!(MaskMeaning::DecamBits.planes(2 | 16), plane::SAT | plane::CR);
    }

    #[test]
    fn what_is_not_known_is_bad() {
        for meaning in [MaskMeaning::DecamCodes, MaskMeaning::DecamBits, MaskMeaning::ZeroIsGood] {
            assert_eq!(meaning.planes(0), 0);
            assert_eq!(meaning.planes(4096) & plane::BAD, plane::BAD, "{meaning:?}");
        }
        assert_eq!(MaskMeaning::DecamCodes.planes(-1), plane::BAD);
    }
}
