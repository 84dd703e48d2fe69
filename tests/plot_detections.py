#!/usr/bin/env python3
"""Draw an exposure with what was found on it.

Usage: plot_detections.py ALMAGEST CATALOG IMAGE OUTPUT.png

Circles are the Sources of the exposure (radius: three times the width of its PSF), crosses the
Objects that have no Source on it; flags colour a circle. Pixels are shown from 2 sigma below the
sky to 10 sigma above, north and east as they lie on the detector.
"""

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from astropy.io import fits
from astropy.stats import sigma_clipped_stats
from astropy.wcs import WCS

sys.path.insert(0, str(Path(__file__).parent / "real_data"))
from answers import query

STYLES = [  # the first that holds is drawn
    ("pixelFlags_saturatedCenter", "saturated", "red"),
    ("pixelFlags_edge", "at the edge", "orange"),
    ("psfFlux_flag", "PSF flux flagged", "magenta"),
]


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    almagest, catalog, image, output = sys.argv[1:]
    with fits.open(image) as hdus:
        hdu = next(hdu for hdu in hdus if hdu.data is not None)
        pixels, wcs = hdu.data.astype(float), WCS(hdu.header)
    name = Path(image).name
    frame = query(almagest, catalog, f"""
        SELECT visitId, detector, band, psfSigma, expMidptMJD FROM VisitDetector
        WHERE imageName = '{name}'""")
    if len(frame) != 1:
        sys.exit(f"{name} is {len(frame)} images of the catalog")
    frame = frame[0]
    on_image = f"visit = {frame['visitId']} AND detector = {frame['detector']}"
    flags = ", ".join(flag for flag, _, _ in STYLES)
    sources = query(almagest, catalog, f"SELECT x, y, {flags} FROM Source WHERE {on_image}")
    objects = query(almagest, catalog, f"""
        SELECT o.coord_ra, o.coord_dec FROM Object AS o
        JOIN ForcedSource AS f ON f.objectId = o.objectId WHERE f.{on_image}""")

    _, sky, noise = sigma_clipped_stats(pixels)
    figure, axes = plt.subplots(figsize=(9, 9 * pixels.shape[0] / pixels.shape[1] + 0.4))
    axes.imshow(pixels, origin="lower", cmap="gray_r", vmin=sky - 2 * noise, vmax=sky + 10 * noise,
                interpolation="nearest")
    radius = 3 * frame["psfSigma"]
    counts = {}
    for source in sources:
        raised = [style for style in STYLES if str(source[style[0]]).lower() == "true"]
        _, label, color = raised[0] if raised else (None, "Source", "deepskyblue")
        counts[label, color] = counts.get((label, color), 0) + 1
        axes.add_patch(plt.Circle((source["x"], source["y"]), radius, fill=False, color=color,
                                  linewidth=1.2))
    x, y = wcs.all_world2pix(objects["coord_ra"], objects["coord_dec"], 0)
    nearest = [np.hypot(sources["x"] - a, sources["y"] - b).min() for a, b in zip(x, y)]
    unseen = np.array(nearest) > radius
    axes.plot(x[unseen], y[unseen], "+", color="limegreen", markersize=9)
    for (label, color), count in counts.items():
        axes.plot([], [], "o", markerfacecolor="none", color=color, label=f"{label} ({count})")
    axes.plot([], [], "+", color="limegreen", label=f"Object not detected here ({unseen.sum()})")
    axes.legend(loc="upper right", fontsize=8)
    axes.set(title=f"{name}: visit {frame['visitId']}, {frame['band']}, "
                   f"MJD {frame['expMidptMJD']:.4f}", xlabel="x [pixel]", ylabel="y [pixel]",
             xlim=(-0.5, pixels.shape[1] - 0.5), ylim=(-0.5, pixels.shape[0] - 0.5))
    figure.tight_layout()
    figure.savefig(output, dpi=100)
    print(f"{output}: {len(sources)} sources, {unseen.sum()} objects not detected")


if __name__ == "__main__":
    main()
