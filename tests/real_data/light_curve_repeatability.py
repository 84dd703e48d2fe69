#!/usr/bin/env python3
"""Do ForcedSource light curves repeat better than plain apertures on the same frames and stars?

Usage: light_curve_repeatability.py ALMAGEST CATALOG FOLDER_OF_IMAGES

The stars are all objects of the catalog's frames in FOLDER_OF_IMAGES that are point-like, isolated
(no other object within 12 pixels that has a tenth of their flux), away from the edge, never
saturated, and above a median S/N of 30. The apertures are SEP's: radius 5 pixels, on the frame less
SEP's background, at the object's position.

Each light curve is divided by its mean. Exposures differ in transparency and have no zero point:
the factor of each comes from the other stars (leave one out), with the same formula for both kinds
of flux. A star's repeatability is the standard deviation of what is left. The figure is the
geometric mean over stars of the ratio PSF / aperture, with its bootstrap interval over stars.

The exit status is 0 if the ratio is below 1.
"""

import sys
from pathlib import Path

import numpy as np
import sep
from astropy.io import fits
from astropy.wcs import WCS

from answers import query

RADIUS_PX = 5.0
ISOLATION_PX = 12.0
NEIGHBOUR_FLUX = 0.1
MIN_SNR = 30.0
EDGE_PX = 12.0
N_BOOTSTRAP = 20_000


def read_frame(path):
    """Pixels less their background, and the world coordinates, of the first HDU with an image."""
    with fits.open(path) as hdus:
        hdu = next(hdu for hdu in hdus if hdu.data is not None)
        pixels = np.ascontiguousarray(hdu.data, dtype=np.float64)
        wcs = WCS(hdu.header)
    return pixels - sep.Background(pixels).back(), wcs


def select_stars(forced):
    """Identifiers of the stars whose light curves are compared."""
    stars = []
    objects = {object_id: forced[forced["objectId"] == object_id]
               for object_id in np.unique(forced["objectId"])}
    n_epochs = max(len(rows) for rows in objects.values())
    flux = {i: np.median(rows["psfInstFlux"]) for i, rows in objects.items()}
    for object_id, rows in objects.items():
        snr = np.median(rows["psfInstFlux"] / rows["psfInstFluxErr"])
        if snr < MIN_SNR or len(rows) < n_epochs or np.any(rows["is_flagged"]):
            continue
        if np.any(rows["extendedness"] > 0.5):
            continue
        others = [i for i in objects if i != object_id and
                  np.hypot(objects[i]["x"][0] - rows["x"][0],
                           objects[i]["y"][0] - rows["y"][0]) < ISOLATION_PX]
        if all(flux[i] < NEIGHBOUR_FLUX * flux[object_id] for i in others):
            stars.append(object_id)
    return stars


def repeatability(fluxes, snr):
    """Scatter of each star (row) over exposures (columns), the exposures' factors taken out."""
    relative = fluxes / fluxes.mean(axis=1, keepdims=True)
    # Faint stars say little of an exposure's factor; no star says more than to 1 %.
    weights = 1 / (snr ** -2 + 0.01 ** 2)
    scatter = []
    for star in range(len(relative)):
        others = np.arange(len(relative)) != star
        factors = np.average(relative[others], axis=0, weights=weights[others])
        corrected = relative[star] / factors
        scatter.append(corrected.std(ddof=1) / corrected.mean())
    return np.array(scatter)


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    almagest, catalog, folder = sys.argv[1:]
    names = sorted(path.name for path in Path(folder).glob("*.fits"))
    frames = {name: read_frame(Path(folder) / name) for name in names}

    forced = query(almagest, catalog, """
        SELECT f.objectId, v.imageName, f.coord_ra, f.coord_dec, f.psfInstFlux, f.psfInstFluxErr,
               f.psfFlux_flag, f.pixelFlags_edge, f.pixelFlags_saturated, f.pixelFlags_bad,
               COALESCE(o.i_extendedness, 0) AS extendedness
        FROM ForcedSource AS f
        JOIN VisitDetector AS v ON v.visitId = f.visit AND v.detector = f.detector
        JOIN Object AS o ON o.objectId = f.objectId""")
    forced = forced[np.isin(forced["imageName"], names)]
    flags = ["psfFlux_flag", "pixelFlags_edge", "pixelFlags_saturated", "pixelFlags_bad"]
    forced["is_flagged"] = np.any([[str(v).lower() == "true" for v in forced[f]] for f in flags],
                                  axis=0)
    positions = [frames[name][1].all_world2pix(ra, dec, 0) for name, ra, dec in
                 forced.iterrows("imageName", "coord_ra", "coord_dec")]
    forced["x"], forced["y"] = np.transpose(positions)
    shape = frames[names[0]][0].shape
    near_edge = ((forced["x"] < EDGE_PX) | (forced["x"] > shape[1] - 1 - EDGE_PX) |
                 (forced["y"] < EDGE_PX) | (forced["y"] > shape[0] - 1 - EDGE_PX))
    forced["is_flagged"] |= near_edge

    stars = select_stars(forced)
    if len(stars) < 3:
        sys.exit(f"only {len(stars)} stars: leaving one out leaves too few")
    psf, aperture = np.zeros((2, len(stars), len(names)))
    for row, star in enumerate(stars):
        for epoch in forced[forced["objectId"] == star]:
            column = names.index(epoch["imageName"])
            pixels = frames[epoch["imageName"]][0]
            psf[row, column] = epoch["psfInstFlux"]
            x, y = [epoch["x"]], [epoch["y"]]
            aperture[row, column] = sep.sum_circle(pixels, x, y, RADIUS_PX)[0][0]

    snr = np.array([np.median(rows["psfInstFlux"] / rows["psfInstFluxErr"]) for rows in
                    (forced[forced["objectId"] == star] for star in stars)])
    of_psf, of_aperture = repeatability(psf, snr), repeatability(aperture, snr)
    print(f"{'objectId':>20} {'S/N':>6} {'PSF %':>7} {'r=5 %':>7} {'ratio':>6}")
    for star, s, a, b in zip(stars, snr, of_psf, of_aperture):
        print(f"{star:>20} {s:6.0f} {100 * a:7.2f} {100 * b:7.2f} {a / b:6.2f}")
    log_ratio = np.log(of_psf / of_aperture)
    draws = np.random.default_rng(1).choice(log_ratio, (N_BOOTSTRAP, len(stars))).mean(axis=1)
    low, high = np.exp(np.percentile(draws, [2.5, 97.5]))
    ratio = np.exp(log_ratio.mean())
    print(f"N = {len(stars)} stars, {len(names)} exposures: "
          f"median repeatability {100 * np.median(of_psf):.2f} % (PSF), "
          f"{100 * np.median(of_aperture):.2f} % (aperture)")
    print(f"ratio PSF / aperture = {ratio:.3f}, 95 % of bootstraps in {low:.3f} to {high:.3f}")
    sys.exit(0 if ratio < 1 else 1)


if __name__ == "__main__":
    main()
