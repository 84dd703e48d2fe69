#!/usr/bin/env python3
"""Ask a running service for the images behind rows, and check what comes back.

Usage: images.py URL       (such as http://localhost:8080/tap)

Needs pyvo and astropy, and a catalog that the pipeline has filled. Each check prints one line; the
exit status is the number of checks that failed.
"""

import io
import urllib.parse
import urllib.request

import numpy as np
import pyvo
from astropy.io import fits
from astropy.wcs import WCS

import checks

RADIUS = 0.002


def images(service):
    """Calibrated images, by the time at which they were taken."""
    rows = service.search("SELECT * FROM ivoa.ObsCore WHERE dataproduct_subtype = 'visit_image' "
                          "ORDER BY t_min")
    assert len(rows) > 0, "no images"
    return rows


def cutout_of(data, ra, dec, radius=RADIUS):
    """Check the parts of a cut-out about a place, and return its HDUs."""
    hdus = fits.open(io.BytesIO(data))
    names = [hdu.name for hdu in hdus]
    assert names == ["PRIMARY", "IMAGE", "MASK", "VARIANCE", "PSF"], names
    image = hdus["IMAGE"]
    assert image.data.shape == hdus["MASK"].data.shape == hdus["VARIANCE"].data.shape
    wcs = WCS(image.header)
    for name, unit in [("MASK", None), ("VARIANCE", "adu2")]:
        header = hdus[name].header
        assert WCS(header).has_celestial and header.get("BUNIT") == unit, name
        assert np.array_equal(WCS(header).wcs_pix2world([[0, 0]], 0), wcs.wcs_pix2world([[0, 0]], 0)), name
    assert image.header["BUNIT"] == "adu"
    assert hdus["MASK"].header["MP_SAT"] == 1 and hdus["MASK"].header["MP_NO_DATA"] == 8
    x, y = wcs.wcs_world2pix([[ra, dec]], 0)[0]
    ny, nx = image.data.shape
    assert -0.5 <= x <= nx - 0.5 and -0.5 <= y <= ny - 0.5, (x, y, nx, ny)
    scale = np.sqrt(abs(np.linalg.det(wcs.pixel_scale_matrix)))
    most = 2 * radius / scale + 3
    assert nx <= most and ny <= most, (nx, ny, most)
    psf = hdus["PSF"].data
    assert 0.8 < psf.sum() < 1.1 and psf.max() == psf[psf.shape[0] // 2, psf.shape[1] // 2]
    return hdus


def check_images_are_observations(service):
    rows = images(service)
    tables = {name.lower() for name in service.tables.keys()}
    assert {"ivoa.obscore", "butler.dataset", "butler.quantum"} <= tables, tables
    for row in rows:
        assert row["calib_level"] == 2 and row["dataproduct_type"] == "image", row
        assert row["t_max"] > row["t_min"] and row["em_max"] > row["em_min"]
        assert row["access_format"] == "application/x-votable+xml;content=datalink"
    first = rows[0]
    inside = service.search(
        "SELECT COUNT(*) AS n FROM ivoa.ObsCore WHERE dataproduct_subtype = 'visit_image' AND "
        f"CONTAINS(POINT({first['s_ra']}, {first['s_dec']}), s_region) = 1")
    assert inside["n"][0] >= 1, inside
    return f"{len(rows)} images"


def check_the_registry_answers_adql(service):
    rows = service.search(
        "SELECT t.dataset_type, COUNT(*) AS n FROM butler.dataset AS d JOIN butler.dataset_type AS t "
        "ON t.dataset_type = d.dataset_type WHERE t.storage_class = 'exposure' GROUP BY t.dataset_type")
    counts = {row["dataset_type"]: row["n"] for row in rows}
    assert counts["visit_image"] == len(images(service)), counts
    failed = service.search("SELECT COUNT(*) AS n FROM butler.quantum WHERE status <> 'successful'")
    assert failed["n"][0] == 0, failed["n"][0]


def check_links_of_an_image(service):
    row = images(service)[0]
    for links in [row.getdatalink()]:
        semantics = [link.semantics for link in links]
        assert semantics[0] == "#this" and "#cutout" in semantics, semantics
        described = " ".join(link.description for link in links)
        assert "psf of" in described and "characterize_config" in described, described
        with urllib.request.urlopen(links[0].access_url, timeout=60) as response:
            data = response.read()
        assert len(data) == links[0].content_length, len(data)
        assert "IMAGE" in [hdu.name for hdu in fits.open(io.BytesIO(data))]
    return f"{len(semantics)} links"


def check_a_cut_out_by_soda(service):
    row = images(service)[0]
    ra, dec = float(row["s_ra"]), float(row["s_dec"])
    links = row.getdatalink()
    data = links.get_first_proc().process(circle=(ra, dec, RADIUS)).read()
    part = cutout_of(data, ra, dec)
    with urllib.request.urlopen(links[0].access_url, timeout=60) as response:
        whole = fits.open(io.BytesIO(response.read()))
    # The pixels are those of the whole image, at the same place on the sky.
    corner = WCS(part["IMAGE"].header).wcs_pix2world([[0, 0]], 0)
    x, y = np.round(WCS(whole["IMAGE"].header).wcs_world2pix(corner, 0)[0]).astype(int)
    ny, nx = part["IMAGE"].data.shape
    for name in ("IMAGE", "MASK", "VARIANCE"):
        expected = whole[name].data[y:y + ny, x:x + nx]
        assert np.array_equal(part[name].data, expected), name
    polygon = [ra - RADIUS, dec, ra, dec - RADIUS, ra + RADIUS, dec]
    data = links.get_first_proc().process(polygon=polygon).read()
    cutout_of(data, ra, dec - RADIUS / 2)
    base = service.baseurl.removesuffix("/tap")
    box = f"RANGE {ra - RADIUS} {ra + RADIUS} {dec - RADIUS} {dec + RADIUS}"
    query = urllib.parse.urlencode({"ID": row["obs_publisher_did"], "POS": box, "NONSENSE": 1})
    with urllib.request.urlopen(f"{base}/soda/sync?{query}", timeout=60) as response:
        cutout_of(response.read(), ra, dec, 1.5 * RADIUS)
    standards = {capability.standardid for capability in service.capabilities}
    assert "ivo://ivoa.net/std/SODA#sync-1.0" in standards, standards
    return f"{nx} × {ny} pixels"


def check_rows_lead_to_their_images(service):
    found = []
    for table, key in [("Source", "sourceId"), ("Object", "objectId")]:
        rows = service.search(f"SELECT TOP 2 {key}, coord_ra, coord_dec FROM {table}")
        for row, links in zip(rows, rows.iter_datalinks(preserve_order=True)):
            cutouts = [link for link in links if link.semantics == "#cutout"]
            assert cutouts and any(link.semantics == "#progenitor" for link in links), table
            with urllib.request.urlopen(cutouts[0].access_url, timeout=60) as response:
                cutout_of(response.read(), row["coord_ra"], row["coord_dec"], 11 / 3600)
            found.append(len(cutouts))
    # A forced flux has no number of its own: object, visit and detector lead to the one image.
    query = "SELECT TOP 3 f.psfFlux, f.visit, f.objectId, f.detector, o.coord_ra, o.coord_dec FROM ForcedSource AS f JOIN Object AS o ON f.objectId = o.objectId"
    rows = service.search(query)
    for row in rows:
        links = row.getdatalink()
        semantics = [link.semantics for link in links]
        assert "#cutout" in semantics, semantics
        assert all(f"visit={row['visit']}," in link.description + "," for link in links), links[0].description
        # Not by bysemantics: it asks the network for the vocabulary.
        link = next(link for link in links if link.semantics == "#cutout")
        with urllib.request.urlopen(link.access_url, timeout=60) as response:
            cutout_of(response.read(), row["coord_ra"], row["coord_dec"], 11 / 3600)
        found.append(1)
    for row, links in zip(rows, rows.iter_datalinks(preserve_order=True)):
        assert f"visit={row['visit']}," in links[0].description + ",", links[0].description
    return f"{found} cut-outs"


def check_what_is_not_there_is_said(service):
    base = service.baseurl.removesuffix("/tap")
    links = pyvo.dal.adhoc.DatalinkResults.from_result_url(f"{base}/datalink/links?ID=ivo://nowhere?1")
    assert links[0].error_message.startswith("NotFoundFault"), links[0].error_message
    did = urllib.request.quote(str(images(service)[0]["obs_publisher_did"]))
    nothing = urllib.request.urlopen(f"{base}/soda/sync?ID={did}&CIRCLE=1+-89+0.001", timeout=60)
    assert (nothing.status, nothing.read()) == (204, b"")
    for query, status, text in [
            ("ID=ivo://nowhere?1&CIRCLE=1+2+3", 404, "there is no image"),
            (f"ID={did}&CIRCLE=1+2", 400, "longitude, latitude and radius"),
            (f"ID={did}&POLYGON=1+2+3+4", 400, "three or more vertices"),
            (f"ID={did}", 400, "CIRCLE or POLYGON"), ("CIRCLE=1+2+3", 400, "ID")]:
        try:
            urllib.request.urlopen(f"{base}/soda/sync?{query}", timeout=60)
        except urllib.error.HTTPError as error:
            message = error.read().decode()
            assert error.code == status and text in message and message.startswith("UsageError: "), (query, error.code, message)
        else:
            raise AssertionError(f"{query} is answered")


if __name__ == "__main__":
    checks.run(globals(), pyvo.dal.TAPService)
