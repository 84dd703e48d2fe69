//! FITS files byte by byte, for what no writer of Almagest writes.

/// An HDU: its cards (`END` is added) and its data.
pub struct RawHdu {
    pub cards: Vec<String>,
    pub data: Vec<u8>,
}

/// Cards of a gnomonic projection at RA 10, Dec -20 with pixels of 0.2 arcsec.
pub const TAN_CARDS: &[&str] = &[
    "CTYPE1  = 'RA---TAN'",
    "CTYPE2  = 'DEC--TAN'",
    "CRVAL1  = 10.0",
    "CRVAL2  = -20.0",
    "CRPIX1  = 2.0",
    "CRPIX2  = 1.0",
    "CD1_1   = -5.5555556E-05",
    "CD2_2   = 5.5555556E-05",
];

impl RawHdu {
    /// An empty primary HDU with more cards.
    pub fn empty_primary(more: &[&str]) -> RawHdu {
        let cards = [
            "SIMPLE  =                    T",
            "BITPIX  =                    8",
            "NAXIS   =                    0",
            "EXTEND  =                    T",
        ];
        RawHdu {
            cards: cards.iter().chain(more).map(|c| (*c).to_owned()).collect(),
            data: Vec::new(),
        }
    }

    /// An image HDU, primary or extension, of big-endian pixels.
    pub fn image(
        primary: bool,
        bitpix: i32,
        nx: usize,
        ny: usize,
        data: Vec<u8>,
        more: &[&str],
    ) -> RawHdu {
        let first = if primary { "SIMPLE  =                    T" } else { "XTENSION= 'IMAGE   '" };
        let mut cards = vec![
            first.to_owned(),
            format!("BITPIX  = {bitpix:>20}"),
            "NAXIS   =                    2".to_owned(),
            format!("NAXIS1  = {nx:>20}"),
            format!("NAXIS2  = {ny:>20}"),
        ];
        if !primary {
            cards.push("PCOUNT  =                    0".to_owned());
            cards.push("GCOUNT  =                    1".to_owned());
        }
        cards.extend(more.iter().map(|card| (*card).to_owned()));
        RawHdu { cards, data }
    }

    /// An image HDU of f32.
    pub fn real(primary: bool, nx: usize, ny: usize, pixels: &[f32], more: &[&str]) -> RawHdu {
        let data = pixels.iter().flat_map(|v| v.to_be_bytes()).collect();
        RawHdu::image(primary, -32, nx, ny, data, more)
    }
}

/// The bytes of a file.
pub fn file(hdus: &[RawHdu]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for hdu in hdus {
        for card in hdu.cards.iter().map(String::as_str).chain(["END"]) {
            bytes.extend(format!("{card:<80}").into_bytes());
        }
        bytes.resize(bytes.len().next_multiple_of(2880), b' ');
        bytes.extend(&hdu.data);
        bytes.resize(bytes.len().next_multiple_of(2880), 0);
    }
    bytes
}
