#!/usr/bin/env python3
"""Ask a running service for the same rows in every format, and compare what readers make of them.

Usage: formats.py URL       (such as http://localhost:8080/tap)

VOTable is read by astropy (strictly) and by STILTS where it is installed, FITS by astropy and
STILTS, Parquet by pyarrow, pandas, astropy and DuckDB, Arrow by pyarrow, JSON, CSV and TSV by
Python, HTML as XML. Values and units must agree; NULL is NULL where the format has it. Nothing
about the catalog is assumed but TAP_SCHEMA. Each check prints one line; the exit status is the
number of checks that failed.
"""

import csv
import gzip
import io
import json
import math
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import warnings
import xml.etree.ElementTree

import duckdb
import numpy as np
import pandas
import pyarrow.ipc
import pyarrow.parquet
import requests
import zstandard
from astropy.io import fits
from astropy.io.votable import parse as parse_votable
from astropy.table import Table

import checks

# Every type that a result can have, with and without values; text beyond ASCII, markup, quotes.
QUERY = """
SELECT column_index, 'Ω Cen <"&\\''' || column_name AS label, "std",
  CASE WHEN column_index > 2 THEN column_index * 0.1 END AS tenth,
  CAST(column_index AS REAL) / 3 AS third,
  CAST(column_index AS BIGINT) * 1000000000000 AS big,
  CAST(column_index AS SMALLINT) AS small,
  description, unit,
  POINT(column_index, 10) AS place,
  TIMESTAMP('2026-01-02T03:04:05.678') AS at_time
FROM TAP_SCHEMA.columns ORDER BY table_name, column_index, column_name
""".replace("\\''", "''")
UNITS_QUERY = "SELECT TOP 5 {} FROM {}"

VOTABLES = ["votable", "votable/td", "votable/b"]
FORMATS = [*VOTABLES, "csv", "tsv", "json", "parquet", "arrow", "fits", "html", "text"]


def ask(url, accept=None, encoding=None, **parameters):
    """Send a query; return the body as it was sent, and the headers."""
    body = urllib.parse.urlencode({"LANG": "ADQL", **parameters}).encode()
    request = urllib.request.Request(f"{url}/sync", data=body)
    for header, value in [("Accept", accept), ("Accept-Encoding", encoding)]:
        if value:
            request.add_header(header, value)
    with urllib.request.urlopen(request, timeout=60) as response:
        return response.read(), response.headers


def plain(value):
    """A value as comparable text: NULL, NaN and the empty string as None, floats to 6 digits."""
    if value is None or value is np.ma.masked:
        return None
    if isinstance(value, (list, tuple, np.ndarray)):
        return tuple(plain(v) for v in value)
    if isinstance(value, (bytes, np.bytes_)):
        value = value.decode()
    if isinstance(value, pandas.Timestamp) or hasattr(value, "isoformat"):
        return None if value is pandas.NaT else value.isoformat(timespec="microseconds")
    if isinstance(value, np.datetime64):
        return np.datetime_as_string(value, unit="us")
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value)).lower()
    if isinstance(value, (float, np.floating)):
        return None if math.isnan(value) else f"{value:.6g}"
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    text = str(value)
    if text in ("", "nan", "NaN", "<NA>"):
        return None
    words = text.split(" ")
    try:
        numbers = tuple(plain(float(word) if "." in word else int(word)) for word in words)
        return numbers if len(numbers) > 1 else numbers[0]
    except ValueError:
        return text


def columns_of(table):
    return {name: [plain(value) for value in table[name]] for name in table.colnames}


def units_of(table):
    return {name: str(table[name].unit) for name in table.colnames if table[name].unit}


def read_votable(body):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parsed = parse_votable(io.BytesIO(body), verify="exception")
    return parsed.get_first_table().to_table(use_names_over_ids=True)


def read_fits(body):
    return Table.read(io.BytesIO(body), format="fits", character_as_bytes=False)


def read_stilts(body, suffix, kind):
    """What STILTS makes of a file, as VOTable."""
    with tempfile.NamedTemporaryFile(suffix=suffix) as file:
        file.write(body)
        file.flush()
        done = subprocess.run(
            ["stilts", "tpipe", f"in={file.name}", f"ifmt={kind}", "cmd=clearparams *",
             "ofmt=votable-tabledata"],
            capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return parse_votable(io.BytesIO(done.stdout)).get_first_table().to_table(use_names_over_ids=True)


def read_separated(body, delimiter):
    quoting = csv.QUOTE_MINIMAL if delimiter == "," else csv.QUOTE_NONE
    rows = list(csv.reader(io.StringIO(body.decode(), newline=""), delimiter=delimiter,
                           quoting=quoting))
    return {name: [plain(row[at]) for row in rows[1:]] for at, name in enumerate(rows[0])}


def read_json(body):
    document = json.loads(body)
    names = [column["name"] for column in document["metadata"]]
    assert document["query_status"] == "OK", document["query_status"]
    return {name: [plain(row[at]) for row in document["data"]] for at, name in enumerate(names)}


def read_arrow(body):
    table = pyarrow.ipc.open_stream(io.BytesIO(body)).read_all()
    return {name: [plain(v) for v in table[name].to_pylist()] for name in table.column_names}


def read_parquet(body):
    table = pyarrow.parquet.read_table(io.BytesIO(body))
    return {name: [plain(v) for v in table[name].to_pylist()] for name in table.column_names}


def read_pandas(body):
    frame = pandas.read_parquet(io.BytesIO(body), dtype_backend="numpy_nullable")
    return {name: [plain(v) for v in frame[name]] for name in frame.columns}


def read_duckdb(body):
    with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
        file.write(body)
        file.flush()
        relation = duckdb.sql(f"SELECT * FROM '{file.name}'")
        rows = relation.fetchall()
        return {name: [plain(row[at]) for row in rows] for at, name in enumerate(relation.columns)}


def read_html(body):
    namespace = "{http://www.w3.org/1999/xhtml}"
    page = xml.etree.ElementTree.fromstring(body.decode().split("\n", 1)[1])
    table = page.find(f".//{namespace}table")
    names = [th.text for th in table.iter(f"{namespace}th")]
    rows = [[td.text or "" for td in tr] for tr in table.find(f"{namespace}tbody")]
    return {name: [plain(row[at]) for row in rows] for at, name in enumerate(names)}


def compare(expected, found, what):
    assert list(found) == list(expected), f"{what}: {list(found)}"
    for name, values in expected.items():
        assert len(found[name]) == len(values), f"{what}: {name} has {len(found[name])} rows"
        for row, (want, have) in enumerate(zip(values, found[name])):
            if isinstance(want, tuple) and all(v is None for v in want):
                want = None
            if isinstance(have, tuple) and all(v is None for v in have):
                have = None
            assert want == have, f"{what}: {name}, row {row}: {have!r} is not {want!r}"


def check_all_readers_agree(url):
    body = {form: ask(url, QUERY=QUERY, RESPONSEFORMAT=form)[0] for form in FORMATS}
    expected = columns_of(read_votable(body["votable"]))
    assert any("Ω Cen <\"&'" in (label or "") for label in expected["label"]), expected["label"][0]
    found = {
        "votable/td": columns_of(read_votable(body["votable/td"])),
        "votable/b": columns_of(read_votable(body["votable/b"])),
        "fits": columns_of(read_fits(body["fits"])),
        "csv": read_separated(body["csv"], ","),
        "tsv": read_separated(body["tsv"], "\t"),
        "json": read_json(body["json"]),
        "arrow": read_arrow(body["arrow"]),
        "parquet": read_parquet(body["parquet"]),
        "parquet in pandas": read_pandas(body["parquet"]),
        "parquet in DuckDB": read_duckdb(body["parquet"]),
        "html": read_html(body["html"]),
    }
    if shutil.which("stilts"):
        for form in VOTABLES:
            found[f"{form} in STILTS"] = columns_of(read_stilts(body[form], ".vot", "votable"))
        fits_table = columns_of(read_stilts(body["fits"], ".fits", "fits"))
        # STILTS reads a FITS file's text as the ASCII that the standard has.
        ascii_only = {name: values for name, values in expected.items() if name != "label"}
        compare(ascii_only, {n: v for n, v in fits_table.items() if n != "label"}, "fits in STILTS")
    for what, columns in found.items():
        compare(expected, columns, what)
    lines = body["text"].decode().splitlines()
    n_rows = len(expected["label"])
    assert lines[-1] == f"{n_rows} rows", lines[-1]
    assert sum("Ω Cen" in line for line in lines) == n_rows, "text lacks rows"
    return f"{n_rows} rows, {len(expected)} columns, {len(found) + 1} ways to read them"


def a_position(url):
    """A table with a position, and the names of its columns."""
    body, _ = ask(url, RESPONSEFORMAT="json", QUERY="""
        SELECT a.table_name, a.column_name, b.column_name FROM TAP_SCHEMA.columns AS a
        JOIN TAP_SCHEMA.columns AS b ON a.table_name = b.table_name
        WHERE a.ucd LIKE 'pos.eq.ra%main' AND b.ucd LIKE 'pos.eq.dec%main'""")
    data = json.loads(body)["data"]
    assert data, "no table has a position"
    return data[0]


def check_units_arrive(url):
    table, ra, dec = a_position(url)
    query = UNITS_QUERY.format(f"{ra}, {dec}", table)
    body = {form: ask(url, QUERY=query, RESPONSEFORMAT=form)[0] for form in FORMATS}
    expected = {name: "deg" for name in (ra, dec)}
    for form in VOTABLES:
        assert units_of(read_votable(body[form])) == expected, form
        table = parse_votable(io.BytesIO(body[form]))
        field = table.get_first_table().fields[0]
        system = next(c for c in table.resources[0].coordinate_systems if c.ID == field.ref)
        assert system.system == "ICRS", system.system
    assert units_of(read_fits(body["fits"])) == expected, units_of(read_fits(body["fits"]))
    header = fits.open(io.BytesIO(body["fits"]))[1].header
    assert header["TUCD1"].startswith("pos.eq.ra") and header["RADESYS"] == "ICRS", repr(header)
    columns = json.loads(body["json"])["metadata"]
    assert {c["name"]: c["unit"] for c in columns} == expected, columns
    schema = pyarrow.ipc.open_stream(io.BytesIO(body["arrow"])).schema
    assert schema.field(0).metadata[b"unit"] == b"deg", schema
    with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
        file.write(body["parquet"])
        file.flush()
        parquet = Table.read(file.name, format="parquet.votable")
    assert units_of(parquet) == expected, units_of(parquet)
    assert b"<i>deg</i>" in body["html"]
    assert b"deg" in body["text"].splitlines()[1]
    if shutil.which("stilts"):
        assert units_of(read_stilts(body["fits"], ".fits", "fits")) == expected
        assert units_of(read_stilts(body["votable"], ".vot", "votable")) == expected
    return f"{table}" if isinstance(table, str) else "deg"


def check_votlint_accepts_votables(url):
    if not shutil.which("stilts"):
        return "skipped: STILTS is not here"
    for form in VOTABLES:
        for maxrec in ["1000000", "0"]:
            body, _ = ask(url, QUERY=QUERY, RESPONSEFORMAT=form, MAXREC=maxrec)
            done = subprocess.run(["stilts", "votlint", "votable=-"], input=body,
                                  capture_output=True, check=False)
            said = (done.stdout + done.stderr).decode().strip()
            assert done.returncode == 0 and not said, f"{form}, MAXREC={maxrec}: {said}"
    return f"{len(VOTABLES)} serializations"


def check_maxrec_0_gives_columns_in_every_format(url):
    names = list(read_json(ask(url, QUERY=QUERY, RESPONSEFORMAT="json")[0]))
    body = {form: ask(url, QUERY=QUERY, RESPONSEFORMAT=form, MAXREC="0")[0] for form in FORMATS}
    for form in VOTABLES:
        table = read_votable(body[form])
        assert table.colnames == names and len(table) == 0, form
        assert b'value="OVERFLOW"' in body[form].split(b"</TABLE>")[1], form
    opened = fits.open(io.BytesIO(body["fits"]))[1]
    assert opened.columns.names == names and opened.header["NAXIS2"] == 0, opened.columns.names
    assert opened.header["QSTATUS"] == "OVERFLOW", opened.header["QSTATUS"]
    document = json.loads(body["json"])
    assert document["data"] == [] and document["query_status"] == "OVERFLOW", document
    for read in (pyarrow.parquet.read_table, lambda f: pyarrow.ipc.open_stream(f).read_all()):
        form = "parquet" if read is pyarrow.parquet.read_table else "arrow"
        table = read(io.BytesIO(body[form]))
        assert table.column_names == names and table.num_rows == 0, form
    assert b"more rows than MAXREC" in body["html"] and b"more rows than MAXREC" in body["text"]
    for form, comma in [("csv", ","), ("tsv", "\t")]:
        assert body[form].decode().strip() == comma.join(names), form
    return f"{len(FORMATS)} formats"


def check_a_result_can_be_cited(url):
    query = "SELECT TOP 1 table_name FROM TAP_SCHEMA.tables"
    infos = []
    for text in (query, query.lower().replace("tap_schema.tables", "TAP_SCHEMA.tables") + " -- again"):
        body, _ = ask(url, QUERY=text)
        resource = parse_votable(io.BytesIO(body)).resources[0]
        infos.append({info.name: info.value for info in resource.infos})
    assert infos[0]["QUERY_SHA256"] == infos[1]["QUERY_SHA256"], infos
    assert len(infos[0]["QUERY_SHA256"]) == 64 and infos[0]["CATALOG_VERSION"].isdigit(), infos
    header = fits.open(io.BytesIO(ask(url, QUERY=query, RESPONSEFORMAT="fits")[0]))[1].header
    assert header["QUERYSHA"] == infos[0]["QUERY_SHA256"], header["QUERYSHA"]
    return infos[0]["QUERY_SHA256"][:12]


def check_accept_chooses_the_format(url):
    query = "SELECT TOP 1 table_name FROM TAP_SCHEMA.tables"
    browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    for accept, expected in [
        ("*/*", "application/x-votable+xml"),
        ("text/csv", "text/csv;header=present;charset=utf-8"),
        ("application/fits, text/csv;q=0.1", "application/fits"),
        (browser, "text/html;charset=utf-8"),
        ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", "application/x-votable+xml"),
    ]:
        _, headers = ask(url, accept=accept, QUERY=query)
        assert headers["Content-Type"] == expected, f"{accept}: {headers['Content-Type']}"


def check_answers_are_compressed_where_wanted(url):
    plain_body, headers = ask(url, QUERY=QUERY, RESPONSEFORMAT="csv")
    assert headers["Content-Encoding"] is None, headers["Content-Encoding"]
    sizes = [len(plain_body)]
    for encoding, unpack in [
        ("gzip", gzip.decompress),
        ("zstd", lambda body: zstandard.ZstdDecompressor().decompressobj().decompress(body)),
    ]:
        body, headers = ask(url, encoding=encoding, QUERY=QUERY, RESPONSEFORMAT="csv")
        assert headers["Content-Encoding"] == encoding, headers["Content-Encoding"]
        assert unpack(body) == plain_body, encoding
        sizes.append(len(body))
    _, headers = ask(url, encoding="gzip", QUERY=QUERY, RESPONSEFORMAT="parquet")
    assert headers["Content-Encoding"] is None, "Parquet is compressed twice"
    return "{} bytes, {} as gzip, {} as zstd".format(*sizes)


def check_arrow_is_brought_along_compressed_or_not(url):
    rows = pyarrow.table({"id": [1, 2, 3], "label": ["a", "Ω", None], "place": [0.5, None, -1.0]})
    expected = rows.to_pydict()
    kinds = {"stream": pyarrow.ipc.new_stream, "file": pyarrow.ipc.new_file}
    for kind, new in kinds.items():
        for compression in (None, "lz4", "zstd"):
            file = io.BytesIO()
            options = pyarrow.ipc.IpcWriteOptions(compression=compression)
            with new(file, rows.schema, options=options) as writer:
                writer.write_table(rows)
            media = f"application/vnd.apache.arrow.{kind}"
            answer = requests.post(
                f"{url}/sync",
                data={
                    "LANG": "ADQL",
                    "QUERY": "SELECT id, label, place FROM TAP_UPLOAD.mine ORDER BY id",
                    "UPLOAD": "mine,param:rows",
                    "RESPONSEFORMAT": "arrow",
                },
                files={"rows": ("rows.arrow", file.getvalue(), media)},
                timeout=60,
            )
            assert answer.ok, f"{kind}, {compression}: {answer.text}"
            found = pyarrow.ipc.open_stream(answer.content).read_all().to_pydict()
            assert found == expected, found
    return "stream and file, plain, lz4, zstd"


if __name__ == "__main__":
    checks.run(globals(), lambda url: url)
