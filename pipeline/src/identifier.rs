//! Ids of rows that name the image they come from.
//!
//! ```text
//!   bit 63       25 24      17 16        0
//!   ┌ 0 ┬── visit ──┬ detector ┬ counter ┐      sourceId, and the objectId of an object is the
//!   └───┴── 38 bits ┴── 8 bits ┴ 17 bits ┘      sourceId of the first source that was put into it
//! ```

use crate::error::{Error, Result};
use crate::visit_info::VISIT_LIMIT;

const DETECTOR_BITS: u32 = 8;
const COUNTER_BITS: u32 = 17;

/// What a source id says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceIdentity {
    /// The visit, at least 0 and below 2³⁸.
    pub visit: i64,
    /// The detector, 0 to 255.
    pub detector: i32,
    /// Number of the source on its image, from 0.
    pub counter: usize,
}

impl SourceIdentity {
    /// Pack the identity into an id.
    ///
    /// # Errors
    /// [`Error::IdentityRange`] where a part does not fit its bits.
    pub fn to_id(self) -> Result<i64> {
        let fits = (0..VISIT_LIMIT).contains(&self.visit)
            && (0..1 << DETECTOR_BITS).contains(&self.detector)
            && self.counter < 1 << COUNTER_BITS;
        if !fits {
            return Err(Error::IdentityRange { identity: self });
        }
        let image = (self.visit << DETECTOR_BITS) | i64::from(self.detector);
        Ok((image << COUNTER_BITS) | self.counter as i64)
    }

    /// Read an id.
    pub fn from_id(id: i64) -> Self {
        let image = id >> COUNTER_BITS;
        Self {
            visit: image >> DETECTOR_BITS,
            detector: (image & ((1 << DETECTOR_BITS) - 1)) as i32,
            counter: (id & ((1 << COUNTER_BITS) - 1)) as usize,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn an_id_names_its_image() {
        for (visit, detector, counter) in [
            (0, 0, 0),
            (630_780, 33, 12),
            (180_804_092_331, 62, 131_071),
            (VISIT_LIMIT - 1, 255, 7),
        ] {
            let identity = SourceIdentity { visit, detector, counter };
            let id = identity.to_id().unwrap();
            assert!(id >= 0);
            assert_eq!(SourceIdentity::from_id(id), identity);
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (visit, detector, counter) in
            [(VISIT_LIMIT, 0, 0), (-1, 0, 0), (1, 256, 0), (1, -1, 0), (1, 0, 131_072)]
        {
            assert!(SourceIdentity { visit, detector, counter }.to_id().is_err());
        }
    }
}
