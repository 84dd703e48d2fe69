//! The six passbands of LSST.

/// A passband.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Band {
    /// Near ultraviolet, 0.32 to 0.40 µm.
    U,
    /// 0.40 to 0.55 µm.
    G,
    /// 0.55 to 0.69 µm.
    R,
    /// 0.69 to 0.82 µm.
    I,
    /// 0.82 to 0.92 µm.
    Z,
    /// Near infrared, 0.92 to 1.05 µm.
    Y,
}

impl Band {
    /// All bands, from blue to red.
    pub const ALL: [Self; 6] = [Self::U, Self::G, Self::R, Self::I, Self::Z, Self::Y];

    /// The name of the band.
    pub const fn letter(self) -> &'static str {
        ["u", "g", "r", "i", "z", "y"][self as usize]
    }

    /// The place of the band's name among the sorted names, which is how light curves are stored.
    pub const fn name_rank(self) -> u8 {
        [3, 0, 2, 1, 5, 4][self as usize]
    }

    /// The name of the glass.
    pub const fn physical_filter(self) -> &'static str {
        ["u_24", "g_6", "r_57", "i_39", "z_20", "y_10"][self as usize]
    }

    /// Share of the visits (Bianco et al. 2022, ApJS 258, 1).
    pub const fn visit_share(self) -> f64 {
        [0.07, 0.10, 0.22, 0.22, 0.20, 0.19][self as usize]
    }

    /// Magnitude of a point source of signal to noise 5 in one visit at the zenith, in typical
    /// seeing (Ivezić et al. 2019, ApJ 873, 111, table 2).
    pub const fn five_sigma_depth_mag(self) -> f64 {
        [23.78, 24.81, 24.35, 23.92, 23.34, 22.45][self as usize]
    }

    /// Extinction of the atmosphere, magnitudes an airmass (the same, table 2).
    pub const fn extinction_mag(self) -> f64 {
        [0.49, 0.21, 0.13, 0.10, 0.07, 0.17][self as usize]
    }

    /// Wavelength of the middle of the band, µm.
    pub const fn wavelength_um(self) -> f64 {
        [0.37, 0.48, 0.62, 0.75, 0.87, 0.97][self as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_those_of_the_names() {
        let mut names = Band::ALL.map(Band::letter);
        names.sort_unstable();
        for band in Band::ALL {
            assert_eq!(names[usize::from(band.name_rank())], band.letter());
        }
        let shares: f64 = Band::ALL.into_iter().map(Band::visit_share).sum();
        assert!((shares - 1.0).abs() < 1e-12);
    }
}
