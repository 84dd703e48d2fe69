#!/usr/bin/env python3
"""Are Gaia's stars found where they were at the time of the exposure?

Usage: gaia_positions.py ALMAGEST CATALOG GAIA_FILE CCDS_FILE

Takes the rows of a Gaia DR2 table that lie on an image of the catalog, moves them by proper motion
and parallax to the time of the exposure, and compares them with the nearest Source.

The world coordinates of a frame have errors of their own, which no measurement on it can undo. The
Legacy Surveys measured them with all Gaia stars of the whole CCD (table CCDS: median offset
Gaia - frame, and the scatter about it, arcsec). The offset is taken out, and the scatter is part
of the combined error, with the errors of both positions and of the motion between the epochs.

The exit status is the number of stars further off than 3 sigma, or not found at all.
"""

import sys
from pathlib import Path

import numpy as np
from astropy.coordinates import get_body_barycentric
from astropy.table import Table
from astropy.time import Time

from answers import query

MATCH_ARCSEC = 2.0
MARGIN_PX = 5.0
LIMIT_SIGMA = 3.0
MAS = 1 / 3.6e6  # degrees


def moved(star, time):
    """Position of a star at a time, its errors along RA and Dec (mas), as Gaia tells them."""
    reference = Time(star["ref_epoch"], format="jyear", scale="tcb")
    years = (time.tcb - reference).to_value("yr")
    # Parallax shifts a star against the observer's displacement from the barycentre.
    observer = get_body_barycentric("earth", time).xyz.to_value("au")
    sin_ra, cos_ra = np.sin(np.radians(star["ra"])), np.cos(np.radians(star["ra"]))
    sin_dec, cos_dec = np.sin(np.radians(star["dec"])), np.cos(np.radians(star["dec"]))
    east = np.array([-sin_ra, cos_ra, 0.0])
    north = np.array([-sin_dec * cos_ra, -sin_dec * sin_ra, cos_dec])
    east_mas = star["pmra"] * years - star["parallax"] * east @ observer
    north_mas = star["pmdec"] * years - star["parallax"] * north @ observer
    ra = star["ra"] + east_mas * MAS / cos_dec
    dec = star["dec"] + north_mas * MAS
    return float(ra), float(dec), np.hypot(star["ra_error"], star["pmra_error"] * years), \
        np.hypot(star["dec_error"], star["pmdec_error"] * years)


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    almagest, catalog, gaia, ccds = sys.argv[1:]
    frames = {Path(ccd["image_filename"].strip()).name: ccd for ccd in Table.read(ccds)}
    stars = Table.read(gaia)
    stars = stars[np.isfinite(np.array(stars["pmra"], dtype=float))]
    images = query(almagest, catalog, """
        SELECT visitId, expMidptMJD, imageName, llcra, llcdec, ulcra, ulcdec, urcra, urcdec,
               lrcra, lrcdec, ra, dec FROM VisitDetector""")
    compared, failed = 0, 0
    for image in images:
        frame = frames.get(image["imageName"])
        if frame is None:
            continue
        time = Time(image["expMidptMJD"], format="mjd", scale="tai")
        corners = [(image[f"{c}ra"], image[f"{c}dec"]) for c in ("llc", "ulc", "urc", "lrc")]
        ras, decs = np.transpose(corners)
        margin = MARGIN_PX * 0.27 / 3600
        for star in stars:
            cos_dec = np.cos(np.radians(image["dec"]))
            if not (ras.min() + margin / cos_dec < star["ra"] < ras.max() - margin / cos_dec and
                    decs.min() + margin < star["dec"] < decs.max() - margin):
                continue
            compared += 1
            ra, dec, ra_error, dec_error = moved(star, time)
            source = query(almagest, catalog, f"""
                SELECT TOP 1 coord_ra, coord_dec, raErr, decErr, psfInstFlux, psfInstFluxErr,
                       DISTANCE(coord_ra, coord_dec, {ra!r}, {dec!r}) * 3600 AS arcsec
                FROM Source WHERE visit = {image['visitId']}
                  AND DISTANCE(coord_ra, coord_dec, {ra!r}, {dec!r}) < {MATCH_ARCSEC / 3600}
                ORDER BY arcsec""")
            name = f"{image['imageName']}  G {star['phot_g_mean_mag']:.2f}"
            if len(source) == 0:
                print(f"{name}: not found")
                failed += 1
                continue
            source = source[0]
            east = (source["coord_ra"] - ra) * cos_dec / MAS + 1e3 * frame["ccdraoff"]
            north = (source["coord_dec"] - dec) / MAS + 1e3 * frame["ccddecoff"]
            east_error, north_error = source["raErr"] / MAS, source["decErr"] / MAS
            east_sigma = np.sqrt(east_error**2 + ra_error**2 + (1e3 * frame["ccdrarms"])**2)
            north_sigma = np.sqrt(north_error**2 + dec_error**2 + (1e3 * frame["ccddecrms"])**2)
            sigma = np.hypot(east / east_sigma, north / north_sigma)
            snr = source["psfInstFlux"] / source["psfInstFluxErr"]
            print(f"{name}  S/N {snr:.0f}: east {east:+.1f} ± {east_sigma:.1f} mas, north "
                  f"{north:+.1f} ± {north_sigma:.1f} mas: {sigma:.2f} sigma "
                  f"(errors of the source alone: {east_error:.1f}, {north_error:.1f} mas)")
            failed += sigma > LIMIT_SIGMA
    print(f"N = {compared} stars, {failed} beyond {LIMIT_SIGMA:.0f} sigma")
    sys.exit(min(int(failed), 99) if compared else 100)


if __name__ == "__main__":
    main()
