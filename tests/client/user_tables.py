#!/usr/bin/env python3
"""Make, fill, index and remove a table of one's own on a running service, through pyvo.

Usage: user_tables.py URL       (such as http://localhost:8080/tap)

ALMAGEST_TOKEN holds a token of the user ada. Needs pyvo and astropy. Each check prints one line; the
exit status is the number of checks that failed.
"""

import io
import os

import numpy as np
import pyvo
import requests
from astropy.table import Table
from pyvo.utils import activate_features

import checks

NAME = "user_ada.mine"
DEFINITION = """<vosi:table xmlns:vosi="http://www.ivoa.net/xml/VOSITables/v1.0"
  xmlns:vod="http://www.ivoa.net/xml/VODataService/v1.1"
  xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" type="output">
<name>my_table</name>
<description>This is my very own table</description>
<column><name>article</name><description>some article</description>
  <dataType xsi:type="vod:VOTableType" arraysize="30*">char</dataType></column>
<column><name>count</name><dataType xsi:type="vod:VOTableType">long</dataType></column>
<column><name>ra</name><unit>deg</unit><ucd>pos.eq.ra</ucd><dataType xsi:type="vod:VOTableType">double</dataType></column>
<column><name>dec</name><unit>deg</unit><ucd>pos.eq.dec</ucd><dataType xsi:type="vod:VOTableType">double</dataType></column>
</vosi:table>
"""
ROWS = Table({
    "article": ["art1", "art2", "art3"],
    "count": np.array([1, 2, 3], dtype="int64"),
    "ra": [10.0, 20.0, 30.0],
    "dec": [-5.0, 0.0, 5.0],
})


def connect(url):
    activate_features("cadc-tb-upload")
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {os.environ['ALMAGEST_TOKEN']}"
    return pyvo.dal.TAPService(url, session=session)


def text_of(table, delimiter):
    out = io.StringIO()
    table.write(out, format="ascii.csv", delimiter=delimiter)
    return io.BytesIO(out.getvalue().encode())


def check_a_table_lives_from_create_to_remove(service):
    service.create_table(NAME, io.StringIO(DEFINITION))
    try:
        service.load_table(NAME, text_of(ROWS, "\t"))
        service.load_table(NAME, text_of(ROWS, ","), format="csv")
        fits = io.BytesIO()
        ROWS.write(fits, format="fits")
        fits.seek(0)
        service.load_table(NAME, fits, format="FITSTable")
        counts = service.search(f"SELECT article, COUNT(*) AS n FROM {NAME} GROUP BY article ORDER BY article")
        assert list(counts["n"]) == [3, 3, 3], counts
        assert list(counts["article"]) == ["art1", "art2", "art3"], counts
        # No value of the column is unique, so that the index must be a plain one.
        service.create_index(NAME, "count")
        cone = service.search(f"SELECT count FROM {NAME} WHERE DISTANCE(ra, dec, 10, -5) < 1")
        assert list(cone["count"]) == [1, 1, 1], cone
        column = service.search(
            f"SELECT unit, description FROM TAP_SCHEMA.columns WHERE table_name = '{NAME}'"
            " AND column_name IN ('ra', 'article') ORDER BY column_name")
        assert column["unit"][1] == "deg" and column["description"][0] == "some article", column
    finally:
        service.remove_table(NAME)
    names = service.search("SELECT table_name FROM TAP_SCHEMA.tables WHERE schema_name = 'user_ada'")
    assert len(names) == 0, names


def check_a_unique_index(service):
    votable = io.BytesIO()
    ROWS.write(votable, format="votable")
    votable.seek(0)
    service.create_table(NAME, votable, format="VOTable")
    try:
        service.load_table(NAME, text_of(ROWS, "\t"))
        service.create_index(NAME, "count", unique=True)
        indexed = service.search(
            f"SELECT indexed FROM TAP_SCHEMA.columns WHERE table_name = '{NAME}' AND column_name LIKE '%count%'")
        assert list(indexed["indexed"]) == [1], indexed
        try:
            service.load_table(NAME, text_of(ROWS, "\t"))
        except requests.HTTPError as error:
            assert error.response.status_code == 400, error
        else:
            raise AssertionError("the same values were taken twice")
    finally:
        service.remove_table(NAME)


if __name__ == "__main__":
    checks.run(globals(), connect)
