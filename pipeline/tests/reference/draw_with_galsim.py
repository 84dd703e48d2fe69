"""Draw stars and Sersic galaxies with galsim, as a reference for the simulator.

    pip install galsim==2.8.5 numpy
    python draw_with_galsim.py > galsim_stamps.txt

Each object is one line of parameters, then its pixels row by row: light of a unit-flux object. The pixel
(0, 0) is the first one; (x, y) is the centre in 0-based pixels. Seeing is a Moffat profile of exponent
beta (0: a Gaussian); the shear of the PSF and of the galaxy are reduced shears (g1, g2).
"""

import galsim
import numpy as np

SIZE = 64
# kind, x, y, psf fwhm, beta, psf g1, psf g2, sersic n, half-light radius, g1, g2
OBJECTS = [
    ("star", 31.3, 32.7, 3.5, 3.0, 0.0, 0.0, 0, 0, 0, 0),
    ("star", 30.81, 31.07, 5.5, 3.0, 0.03, -0.02, 0, 0, 0, 0),
    ("star", 31.5, 31.5, 4.0, 0.0, -0.02, 0.04, 0, 0, 0, 0),
    ("galaxy", 31.2, 32.9, 4.0, 3.0, 0.02, 0.01, 0.5, 3.0, 0.1, -0.2),
    ("galaxy", 32.4, 30.6, 3.5, 3.0, 0.0, 0.0, 1.0, 2.5, -0.3, 0.1),
    ("galaxy", 31.0, 31.0, 5.0, 3.0, -0.02, 0.02, 2.5, 3.5, 0.2, 0.2),
    ("galaxy", 31.7, 32.2, 4.0, 3.0, 0.01, -0.03, 4.0, 3.0, 0.0, 0.35),
    ("galaxy", 32.1, 31.4, 4.5, 0.0, 0.02, 0.02, 1.0, 5.0, 0.25, -0.1),
]

params = galsim.GSParams(folding_threshold=1e-4, maxk_threshold=1e-5, kvalue_accuracy=1e-7,
                         stepk_minimum_hlr=10, maximum_fft_size=32768)
for kind, x, y, fwhm, beta, p1, p2, n, radius, g1, g2 in OBJECTS:
    psf = galsim.Moffat(beta, fwhm=fwhm, gsparams=params) if beta else galsim.Gaussian(fwhm=fwhm)
    profile = psf.shear(g1=p1, g2=p2)
    if kind == "galaxy":
        galaxy = galsim.Sersic(n, half_light_radius=radius, gsparams=params).shear(g1=g1, g2=g2)
        profile = galsim.Convolve([profile, galaxy], gsparams=params)
    # galsim counts pixels from 1 and puts (SIZE + 1) / 2 at the centre of the stamp.
    offset = (x + 1 - (SIZE + 1) / 2, y + 1 - (SIZE + 1) / 2)
    image = profile.drawImage(nx=SIZE, ny=SIZE, scale=1.0, offset=offset, method="auto", dtype=float)
    print(kind, x, y, fwhm, beta, p1, p2, n, radius, g1, g2)
    for row in image.array:
        print(" ".join(f"{value:.4e}" for value in row))
