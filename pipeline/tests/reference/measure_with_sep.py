"""Aperture sums and detections by SEP, as references for the measurement.

    pip install sep==1.4.1 numpy astropy
    python measure_with_sep.py SEQUENCE_FRAME.fits

writes sep_apertures.csv (an image that the test makes from a formula, and a real frame), and
sep_detections.csv (the real frame).
"""

import sys

import numpy as np
import sep
from astropy.io import fits

RADII = (3, 5, 6, 9, 12, 17, 25)


def formula_image(ny=120, nx=150):
    """Pixels that a test in another language can make exactly: integers from a linear congruence."""
    y, x = np.mgrid[0:ny, 0:nx]
    return ((x * 7919 + y * 104729 + x * y * 31) % 1009).astype(np.float32)


frame = fits.getdata(sys.argv[1]).astype(np.float32)
rng = np.random.default_rng(1)
with open("sep_apertures.csv", "w") as out:
    out.write("image,x,y,radius_px,flux,flux_err_if_variance_is_1\n")
    for name, image, size in (("formula", formula_image(), (150, 120)), ("frame", frame, (256, 256))):
        for _ in range(8):
            x, y = rng.uniform(26, size[0] - 27), rng.uniform(26, size[1] - 27)
            x, y = round(float(x), 3), round(float(y), 3)
            for radius in RADII:
                flux, err, flag = sep.sum_circle(image.astype(np.float64), [x], [y], radius, err=1.0, subpix=0)
                assert flag[0] == 0
                out.write(f"{name},{x},{y},{radius},{flux[0]:.12e},{err[0]:.12e}\n")

image = frame.astype(np.float64)
background = sep.Background(image, bw=128, bh=128)
image -= background.back()
noise = background.globalrms
sources = sep.extract(image, 5.0, err=noise, minarea=3, filter_kernel=None)
with open("sep_detections.csv", "w") as out:
    out.write("x,y,flux,a,b,npix\n")
    for s in sources:
        out.write(f"{s['x']:.3f},{s['y']:.3f},{s['flux']:.2f},{s['a']:.3f},{s['b']:.3f},{s['npix']}\n")
