"""Races of single steps of the image pipeline against other programs on the same pixels.

    cargo run --release -p almagest-pipeline --example simulate -- 2048 DIR
    cargo build --release -p almagest-pipeline --example measure
    python race.py target/release/examples/measure DIR/field-2048.fits

Needs numpy, astropy, sep, astroscrappy, galsim and photutils, and SExtractor as `source-extractor`; what is
missing is left out. One thread each; each number is the best of three. Beside the times stand the differences
of what was measured.
"""

import csv
import os
import shutil
import subprocess
import sys
import tempfile
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np
from astropy.io import fits

REPEATS = 3
RADII = (3.0, 6.0, 9.0, 12.0)


def best(action):
    """Shortest of several runs, and the last result."""
    times = []
    result = None
    for _ in range(REPEATS):
        start = time.perf_counter()
        result = action()
        times.append(time.perf_counter() - start)
    return min(times), result


def planes(path):
    """Image and variance of a calibrated frame."""
    with fits.open(path) as file:
        images = {hdu.name.upper(): hdu.data for hdu in file if hdu.data is not None}
    image = next(data for name, data in images.items() if name not in ("MASK", "VARIANCE"))
    image = np.ascontiguousarray(image, dtype=np.float32)
    variance = images.get("VARIANCE")
    variance = np.clip(image, 1, None) if variance is None else variance
    return image, np.ascontiguousarray(variance, dtype=np.float32)


def ours(program, path):
    """Run the example `measure`: the lines it prints, and its table."""
    with tempfile.TemporaryDirectory() as folder:
        table = os.path.join(folder, "sources.csv")
        lines = []
        for _ in range(REPEATS):
            run = subprocess.run([program, path, table, "1"], check=True, capture_output=True, text=True)
            lines.append(run.stdout)
        with open(table, newline="") as file:
            rows = list(csv.DictReader(file))
    return lines, rows


def report(name, seconds, mpix, note=""):
    print(f"  {name:34} {seconds / mpix:8.4f} s/Mpix  {note}")


def race_sep(image, variance, mpix, rows):
    import sep

    seconds, sky = best(lambda: sep.Background(image, bw=128, bh=128))
    report("sep background", seconds, mpix)
    flat = image - sky.back()
    noise = np.sqrt(variance)
    seconds, found = best(lambda: sep.extract(flat, 1.5, err=noise))
    report("sep extract", seconds, mpix, f"{len(found)} sources")
    seconds, _ = best(
        lambda: [sep.sum_circle(flat, found["x"], found["y"], r, err=noise, subpix=0) for r in RADII]
    )
    report("sep four apertures", seconds, mpix)
    if rows:
        x = np.array([float(row["x"]) for row in rows])
        y = np.array([float(row["y"]) for row in rows])
        single = np.array([row["parent"] == "-1" for row in rows])
        flux, error, _ = sep.sum_circle(flat, x, y, 6.0, err=noise, subpix=0)
        mine = np.array([float(row["ap06"]) for row in rows])
        good = single & np.isfinite(mine) & (flux > 50 * error)
        ratio = np.median(mine[good] / flux[good] - 1)
        print(f"    our aperture of 6 px over sep's, sources alone: {1e3 * ratio:+.3f} per mille of {good.sum()}")


def race_astroscrappy(image, mpix):
    import astroscrappy

    options = {"sigclip": 4.5, "objlim": 5.0, "niter": 4, "gain": 1.0, "readnoise": 6.0}
    seconds, result = best(lambda: astroscrappy.detect_cosmics(image, **options))
    report("astroscrappy", seconds, mpix, f"{int(result[0].sum())} pixels")


def race_galsim(image, variance, rows):
    import galsim

    sky = np.median(image)
    total, times, differences = 0, 0.0, []
    for row in rows:
        x, y = float(row["x"]), float(row["y"])
        column, line = round(x), round(y)
        snr = float(row["psf_flux"]) / float(row["psf_flux_err"])
        cut = image[line - 24 : line + 25, column - 24 : column + 25]
        if not snr > 100 or row["parent"] != "-1" or cut.shape != (49, 49):
            continue
        stamp = galsim.Image(cut - sky)
        start = time.perf_counter()
        try:
            moments = galsim.hsm.FindAdaptiveMom(stamp, strict=False)
        except galsim.GalSimError:
            continue
        times += time.perf_counter() - start
        total += 1
        if moments.error_message:
            continue
        determinant = float(row["xx"]) * float(row["yy"]) - float(row["xy"]) ** 2
        differences.append(determinant**0.25 / moments.moments_sigma - 1)
    if total:
        print(
            f"  galsim adaptive moments            {1e3 * times / total:8.4f} ms a source; our size over galsim's:"
            f" {1e3 * np.median(differences):+.3f} per mille of {total}"
        )


def race_photutils(image, variance, mpix):
    from photutils.background import Background2D
    from photutils.segmentation import detect_sources

    seconds, sky = best(lambda: Background2D(image, 128))
    report("photutils background", seconds, mpix)
    flat = image - sky.background
    seconds, found = best(lambda: detect_sources(flat, 1.5 * np.sqrt(variance), 5))
    report("photutils detect_sources", seconds, mpix, f"{found.nlabels} sources")


def race_sextractor(image, variance, mpix):
    program = shutil.which("source-extractor") or shutil.which("sex")
    if program is None:
        raise ImportError
    with tempfile.TemporaryDirectory() as folder:
        write = lambda name, data: fits.writeto(os.path.join(folder, name), data)
        write("image.fits", image)
        write("rms.fits", np.sqrt(variance))
        columns = "X_IMAGE Y_IMAGE FLUX_AUTO FLUXERR_AUTO FLUX_APER(4) X2_IMAGE Y2_IMAGE XY_IMAGE FLAGS"
        files = {"columns.param": columns.replace(" ", "\n"), "default.sex": ""}
        kernel = "CONV NORM\n1 2 1\n2 4 2\n1 2 1\n"
        for name, text in {**files, "default.conv": kernel}.items():
            with open(os.path.join(folder, name), "w") as file:
                file.write(text + "\n")
        options = {
            "PARAMETERS_NAME": "columns.param", "CATALOG_NAME": "out.fits", "CATALOG_TYPE": "FITS_1.0",
            "FILTER_NAME": "default.conv", "DETECT_THRESH": "1.5", "BACK_SIZE": "128", "NTHREADS": "1",
            "WEIGHT_TYPE": "MAP_RMS", "WEIGHT_IMAGE": "rms.fits", "VERBOSE_TYPE": "QUIET",
            "PHOT_APERTURES": ",".join(str(2 * r) for r in RADII),
        }  # fmt: skip
        command = [program, "image.fits", "-c", "default.sex"]
        command += [word for key, value in options.items() for word in ("-" + key, value)]
        seconds, _ = best(lambda: subprocess.run(command, cwd=folder, check=True, capture_output=True))
        found = len(fits.getdata(os.path.join(folder, "out.fits")))
    report("SExtractor, apertures and AUTO", seconds, mpix, f"{found} sources")


def main():
    program, paths = sys.argv[1], sys.argv[2:]
    for path in paths:
        image, variance = planes(path)
        mpix = image.size * 1e-6
        print(f"{path}: {image.shape[1]} x {image.shape[0]}")
        lines, rows = ours(program, path)
        print("\n".join("  " + line for line in lines[-1].splitlines()))
        races = (
            ("sep", lambda: race_sep(image, variance, mpix, rows)),
            ("astroscrappy", lambda: race_astroscrappy(image, mpix)),
            ("galsim", lambda: race_galsim(image, variance, rows)),
            ("photutils", lambda: race_photutils(image, variance, mpix)),
            ("SExtractor", lambda: race_sextractor(image, variance, mpix)),
        )
        for name, race in races:
            try:
                race()
            except ImportError:
                print(f"  {name} is not installed")


if __name__ == "__main__":
    main()
