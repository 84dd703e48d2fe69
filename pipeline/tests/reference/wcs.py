#!/usr/bin/env python3
"""World coordinates as astropy.wcs sees them: the reference for tests/it/wcs.rs.

    python3 wcs.py DATA_FOLDER

Writes, for each case, NAME.hdr (the WCS cards of a header) and NAME.csv (pixel x, y from 0, ra, dec in
degrees) into the folder of this script. Real headers: facts from DECam files under DATA_FOLDER.
Positions span a whole DECam chip of 2048 x 4096 pixels around each cut-out.
"""

import csv
import pathlib
import re
import sys
import warnings

import astropy
import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

HERE = pathlib.Path(__file__).parent
WCS_CARD = re.compile(r"(CTYPE|CUNIT|CRVAL|CRPIX|CDELT|CROTA)\d$|(CD|PC)\d_\d$|PV\d_\d+$|[AB]P?_(ORDER|\d_\d)$|LONPOLE$|LATPOLE$")
CASES = {
    "decam_field3_tpv": "decam/field3/images/c4d_140818_232043_ooi_z_ls9.N12.fits",
    "decam_field4_tpv": "decam/field4/images/c4d_170316_062107_ooi_z_ls9.N2.fits",
    "decam_field6_tpv": "decam/field6/images/c4d_181215_051332_ooi_r_ls9.S9.fits",
    "decam_sequence_tpv": "decam-sequence/DEC-OBS18e.mini.fits",
}


def synthetic():
    """Headers that no file at hand has: SIP, all TPV terms, poles, RA 0, LONPOLE, CROTA2."""
    def base(ctype, ra, dec, **more):
        h = fits.Header()
        h["CTYPE1"], h["CTYPE2"] = "RA---" + ctype, "DEC--" + ctype
        h["CRVAL1"], h["CRVAL2"], h["CRPIX1"], h["CRPIX2"] = ra, dec, 1024.5, 2048.25
        for key, value in more.items():
            h[key] = value
        return h

    cd = dict(CD1_1=-7.2e-5, CD1_2=3.1e-6, CD2_1=2.9e-6, CD2_2=7.3e-5)
    yield "sip", base("TAN-SIP", 202.4696, 47.1952, **cd, A_ORDER=3, B_ORDER=4,
                      A_2_0=2.1e-7, A_1_1=-3.4e-7, A_0_2=1.7e-7, A_3_0=4.4e-11, A_1_2=-8.1e-12, A_0_3=2.2e-11,
                      B_2_0=-1.9e-7, B_1_1=2.6e-7, B_0_2=3.3e-7, B_2_1=6.1e-11, B_0_3=-2.4e-11, B_2_2=1.3e-14)
    pv = {}
    random = np.random.default_rng(20260101)
    for axis in (1, 2):
        for j in range(40):
            # A missing PV1_1 must count as 1; the others bend by some hundredths over half a degree.
            pv[f"PV{axis}_{j}"] = round(float(random.normal()) * (1e-4 if j == 0 else 1e-2), 12)
    # By the registration a missing PVi_1 is 1; wcslib takes 0, so the reference states it.
    pv["PV1_1"], pv["PV2_1"] = 1.0, 1.0031
    yield "tpv_all_terms", base("TPV", 150.1, 2.2, **cd, **pv)
    yield "tan_ra_zero", base("TAN", 0.01, -5.0, **cd)
    yield "tan_near_pole", base("TAN", 123.0, 89.97, **cd)
    yield "tan_at_pole", base("TAN", 123.0, 90.0, **cd)
    yield "tan_south_pole", base("TAN", 123.0, -90.0, **cd)
    yield "tan_lonpole", base("TAN", 210.0, 33.0, **cd, LONPOLE=151.0)
    yield "tan_crota", base("TAN", 210.0, 33.0, CDELT1=-7.2e-5, CDELT2=7.3e-5, CROTA2=27.0)
    yield "tan_pc", base("TAN", 210.0, 33.0, CDELT1=-7.2e-5, CDELT2=7.3e-5,
                         PC1_1=0.9, PC1_2=-0.43, PC2_1=0.41, PC2_2=0.91)


def write(name, header):
    kept = [card for card in header.cards if WCS_CARD.match(card.keyword)]
    lines = [str(fits.Card(card.keyword, card.value)).rstrip() for card in kept]
    (HERE / f"{name}.hdr").write_text("\n".join(lines) + "\n")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wcs = WCS(fits.Header(kept))
    x, y = np.meshgrid(np.linspace(0.0, 2047.0, 8), np.linspace(0.0, 4095.0, 12))
    x, y = x.ravel() + 0.123, y.ravel() - 0.321
    ra, dec = wcs.all_pix2world(x, y, 0)
    back = wcs.all_world2pix(ra, dec, 0, tolerance=1e-9, maxiter=60)
    error = np.hypot(back[0] - x, back[1] - y).max()
    # wcslib does not invert a TPV with radial terms; its forward direction is the reference there.
    assert error < 1e-5 or name == "tpv_all_terms", (name, error)
    with open(HERE / f"{name}.csv", "w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["x", "y", "ra_deg", "dec_deg"])
        rows.writerows(zip(*(map(repr, map(float, column)) for column in (x, y, ra, dec))))
    print(name, "astropy", astropy.__version__, len(x), "points")


def main(data):
    for name, path in CASES.items():
        with fits.open(pathlib.Path(data) / path) as hdus:
            write(name, next(hdu.header for hdu in hdus if hdu.header.get("NAXIS") == 2))
    for name, header in synthetic():
        write(name, header)


if __name__ == "__main__":
    main(sys.argv[1])
