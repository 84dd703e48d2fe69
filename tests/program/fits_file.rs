//! FITS files made of bytes, right ones and wrong ones.

/// Size of a FITS block, bytes.
const BLOCK: usize = 2880;

/// The cards of a tangential projection and what else a calibrated exposure must say.
pub const WCS: [(&str, &str); 9] = [
    ("CTYPE1", "'RA---TAN'"),
    ("CTYPE2", "'DEC--TAN'"),
    ("CRVAL1", "150.0"),
    ("CRVAL2", "2.0"),
    ("CRPIX1", "32.5"),
    ("CRPIX2", "32.5"),
    ("CD1_1", "-0.00007"),
    ("CD2_2", "0.00007"),
    ("CUNIT1", "'deg'"),
];

/// Make an image of `side` pixels square, 32-bit floats, with these cards.
pub fn image(side: usize, cards: &[(&str, &str)]) -> Vec<u8> {
    let side_text = side.to_string();
    let first = [
        ("SIMPLE", "T"),
        ("BITPIX", "-32"),
        ("NAXIS", "2"),
        ("NAXIS1", side_text.as_str()),
        ("NAXIS2", side_text.as_str()),
    ];
    let mut bytes: Vec<u8> = first
        .iter()
        .chain(cards)
        .flat_map(|(key, value)| format!("{:<80}", format!("{key:<8}= {value:>20}")).into_bytes())
        .collect();
    bytes.extend(format!("{:<80}", "END").bytes());
    bytes.resize(bytes.len().next_multiple_of(BLOCK), b' ');
    for index in 0..side * side {
        // A level with a little structure; nothing here is measured.
        let pixel = 100.0 + (index % 7) as f32;
        bytes.extend(pixel.to_be_bytes());
    }
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    bytes
}
