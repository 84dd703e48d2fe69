"""Plot a simulated survey: one raw frame as its amplifiers gave it, and the focal plane of a visit.

    pip install numpy astropy matplotlib pyyaml pyarrow
    cargo run -p almagest-pipeline --example simulate -- s DIR
    python pipeline/tests/plot_survey.py DIR pipeline/cameras/testcam-s.yaml VISIT OUT.png

Left: the raw frame of the visit's first detector, amplifiers side by side with prescan and overscans.
Middle: all detectors at their places, overscan and gain taken off, with the true places of bright stars.
Right, where there are calibrated exposures: the first detector as a perfect instrument sees it.
"""

import pathlib
import re
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pyarrow.parquet as pq
import yaml
from astropy.io import fits

folder, camera_file, visit, out = sys.argv[1:5]
folder, visit = pathlib.Path(folder), int(visit)
camera = yaml.load(
    re.sub(r"!\w+ ", "", pathlib.Path(camera_file).read_text()), Loader=yaml.SafeLoader
)


def section(text):
    """Slices of rows and columns of '[x1:x2,y1:y2]'."""
    x1, x2, y1, y2 = map(int, re.findall(r"\d+", text))
    return slice(y1 - 1, y2), slice(x1 - 1, x2)


def assemble(hdus, layout):
    """The detector's electrons: overscan and gain taken off, amplifiers turned and put together."""
    nx, ny = layout["size_px"]
    image = np.zeros((ny, nx))
    for amplifier in layout["amplifiers"]:
        raw = hdus[amplifier["hdu"]].data.astype(float)
        data = raw[section(layout["sections"]["data"])]
        overscan = raw[section(layout["sections"]["serial_overscan"])]
        data = (data - np.median(overscan, axis=1)[:, None]) * amplifier["gain"]
        flip = amplifier.get("flip", "none")
        data = data[:, ::-1] if "x" in flip else data
        data = data[::-1] if "y" in flip else data
        image[section(amplifier["detector"])] = data
    return image


paths = sorted((folder / "raw").glob(f"raw-{visit:05d}-*.fits"))
sources = pq.read_table(folder / "truth/truth_source.parquet").to_pandas()
sources = sources[(sources.visit == visit) & (sources.electrons > 3e4)]

perfect = sorted((folder / "calibrated").glob(f"calibrated-{visit:05d}-*.fits"))
n_panels = 3 if perfect else 2
figure, axes = plt.subplots(1, n_panels, figsize=(10 * n_panels, 10))
left, right = axes[0], axes[1]
with fits.open(paths[0]) as hdus:
    layout = camera["layouts"][camera["detectors"][0]["layout"]]
    amplifiers = [hdus[a["hdu"]].data for a in layout["amplifiers"]]
    half = len(amplifiers) // 2
    gap = np.full((amplifiers[0].shape[0], 4), np.nan)
    rows = [
        np.hstack([part for image in group for part in (image, gap)])
        for group in (amplifiers[:half], amplifiers[half:])
    ]
    raw = np.vstack([rows[0], np.full((4, rows[0].shape[1]), np.nan), rows[1]])
    low, high = np.nanpercentile(raw, [1, 98])
    left.imshow(raw, origin="lower", vmin=low, vmax=high, cmap="gray", interpolation="nearest")
    left.set_title(f"{paths[0].name}: as read, ADU {low:.0f} to {high:.0f}")

pixel_mm = camera["pixel_um"] / 1000
for path in paths:
    with fits.open(path) as hdus:
        number = hdus[0].header["DETECTOR"]
        detector = next(d for d in camera["detectors"] if d["id"] == number)
        layout = camera["layouts"][detector["layout"]]
        image = assemble(hdus, layout)
    ny, nx = image.shape
    x0, y0 = detector["x_mm"] - nx / 2 * pixel_mm, detector["y_mm"] - ny / 2 * pixel_mm
    sky = np.median(image)
    right.imshow(
        image,
        origin="lower",
        extent=(x0, x0 + nx * pixel_mm, y0, y0 + ny * pixel_mm),
        vmin=0.9 * sky,
        vmax=1.3 * sky,
        cmap="gray",
        interpolation="nearest",
    )
    here = sources[sources.detector == number]
    right.plot(
        x0 + (here.x + 0.5) * pixel_mm, y0 + (here.y + 0.5) * pixel_mm, "o", ms=9, mfc="none",
        mec="tab:orange", mew=0.7,
    )
    print(f"{path.name}: sky {sky:.1f} e-, {len(here)} bright sources")
right.autoscale()
right.set_aspect("equal")
right.set_title(f"visit {visit}: focal plane, mm; circles: truth above 30,000 electrons")
if perfect:
    with fits.open(perfect[0]) as hdus:
        image, mask = hdus["IMAGE"].data, hdus["MASK"].data
        print(f"{perfect[0].name}: {hdus['IMAGE'].header['CTYPE1']}, {np.sum(mask != 0)} masked")
    sky = np.median(image)
    axes[2].imshow(image, origin="lower", vmin=0.9 * sky, vmax=1.3 * sky, cmap="gray")
    axes[2].set_title(f"{perfect[0].name}")
figure.tight_layout()
figure.savefig(out, dpi=70)
