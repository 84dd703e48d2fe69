#!/usr/bin/env python3
"""Use a running service as a notebook would, through pyvo, and check what comes back.

Usage: tap_client.py URL       (such as http://localhost:8080/tap)

Needs pyvo and astropy; Parquet is looked at where pyarrow is. Nothing about the catalog is assumed but that some table has rows;
what must hold is derived from what the service says of itself. Each check prints one line; the
exit status is the number of checks that failed. Runs with pyvo from 1.2 on, the one of Debian 12;
what that one lacks is left out.
"""

import io
import time
import urllib.parse
import urllib.request

import numpy as np
import pyvo
import requests
from astropy.io.votable import parse as parse_votable
from astropy.table import Table
from astropy.units import Unit
from pyvo.dal.exceptions import DALQueryError, DALServiceError

import checks

try:
    import pyarrow.parquet
except ModuleNotFoundError:
    pyarrow = None

# Debian 12's pyvo does not find QUERY among a job's parameters, and drops a job's message.
OLD = tuple(int(part) for part in pyvo.__version__.split(".")[:2]) < (1, 4)


def sync(url, **parameters):
    """Send a query without pyvo in between, and return the body and its media type."""
    body = urllib.parse.urlencode({"LANG": "ADQL", **parameters}).encode()
    with urllib.request.urlopen(f"{url}/sync", data=body, timeout=60) as response:
        return response.read(), response.headers["Content-Type"]


def survey_tables(service):
    """The tables that are not TAP_SCHEMA's, with at least one row."""
    names = [name for name in service.tables.keys() if not name.upper().startswith("TAP_SCHEMA.")]
    filled = [name for name in names if len(service.search(f"SELECT TOP 1 * FROM {name}")) == 1]
    assert filled, f"no table of {names} has rows"
    return filled


def check_tables_are_those_of_tap_schema(service):
    declared = service.search("SELECT table_name, column_name FROM TAP_SCHEMA.columns")
    declared = {(row["table_name"], row["column_name"]) for row in declared}
    found = {(t.name, c.name) for t in service.tables.values() for c in t.columns}
    assert found == declared, f"differ in {found ^ declared}"
    assert any(table == "TAP_SCHEMA.columns" for table, _ in found), "TAP_SCHEMA lacks itself"
    return f"{len(found)} columns"


def check_capabilities(service):
    standards = {capability.standardid for capability in service.capabilities}
    assert "ivo://ivoa.net/std/TAP" in standards, standards
    if OLD:
        return
    tap = service.get_tap_capability()
    versions = {v.content for language in tap.languages for v in language.versions}
    assert {"2.0", "2.1"} <= versions, versions
    functions = {f.form for f in tap.get_adql().get_feature_list(
        "ivo://ivoa.net/std/TAPRegExt#features-adqlgeo")}
    assert {"POINT", "CIRCLE", "CONTAINS"} <= functions, functions
    formats = {str(f.mime) for f in tap.outputformats}
    assert "application/vnd.apache.parquet" in formats, formats
    assert 0 < service.maxrec <= service.hardlimit, (service.maxrec, service.hardlimit)
    return f"MAXREC {service.maxrec}, at most {service.hardlimit}"


def check_result_columns_are_as_declared(service):
    count = 0
    for name in survey_tables(service):
        declared = {column.name.strip('"'): column for column in service.tables[name].columns}
        result = service.search(f"SELECT TOP 3 * FROM {name}")
        assert set(result.fieldnames) == set(declared), f"{name}: {result.fieldnames}"
        for field in result.fieldnames:
            desc, column = result.getdesc(field), declared[field]
            unit = Unit(column.unit, format="vounit") if column.unit else None
            assert desc.unit == unit, f"{name}.{field}: unit {desc.unit}, declared {unit}"
            assert (desc.ucd or None) == (column.ucd or None), f"{name}.{field}: UCD {desc.ucd}"
            assert desc.datatype == column.datatype.content, f"{name}.{field}: {desc.datatype}"
            count += 1
    return f"{count} columns"


def check_units_and_ucds_arrive(service):
    for name in survey_tables(service):
        columns = service.tables[name].columns
        position = [c.name for c in columns if (c.ucd or "").startswith("pos.eq.ra")]
        if position:
            table = service.search(f"SELECT TOP 1 {position[0]} FROM {name}").to_table()
            column = table[position[0]]
            assert str(column.unit) == "deg", column.unit
            assert column.meta["ucd"].startswith("pos.eq.ra"), column.meta
            return f"{name}.{position[0]} in {column.unit}"
    raise AssertionError("no table has a position")


def cells(column):
    """The values of a column as comparable text, NULL and the empty string as None."""
    values = []
    for value in column:
        if value is None or value is np.ma.masked or value == "" or value != value:
            values.append(None)
        elif isinstance(value, np.datetime64):
            values.append(np.datetime_as_string(value, unit="us"))
        elif isinstance(value, (float, np.floating)):
            values.append(f"{np.float32(value):.6g}")
        else:
            values.append(str(value).lower())
    return values


def votable(body):
    return parse_votable(io.BytesIO(body)).get_first_table().to_table(use_names_over_ids=True)


def parquet(body):
    """The columns of a Parquet file, which must also describe itself as a VOTable."""
    file = pyarrow.parquet.ParquetFile(io.BytesIO(body))
    table = file.read()
    described = parse_votable(io.BytesIO(file.metadata.metadata[b"IVOA.VOTable-Parquet.content"]))
    fields = [field.name for field in described.get_first_table().fields]
    assert fields == table.column_names, f"{fields} describe {table.column_names}"
    times = [c for c in fields if pyarrow.types.is_timestamp(table.schema.field(c).type)]
    columns = {c: table[c].to_pylist() for c in fields}
    columns.update({c: [v and v.isoformat(timespec="microseconds") for v in columns[c]]
                    for c in times})
    return columns


def check_formats_agree(service):
    """The same rows in each format; a NULL in one is a NULL in all."""
    n_rows = 0
    for name in survey_tables(service):
        order = ", ".join(column.name for column in service.tables[name].columns[:5])
        query = f"SELECT TOP 50 * FROM {name} ORDER BY {order}"
        answers = {form: sync(service.baseurl, QUERY=query, RESPONSEFORMAT=form)
                   for form in ["votable", "votable/td", "csv", "tsv", *["parquet"] * bool(pyarrow)]}
        assert answers["votable"][1] == "application/x-votable+xml", answers["votable"][1]
        if pyarrow:
            assert answers["parquet"][1] == "application/vnd.apache.parquet", answers["parquet"][1]
        readers = {
            "votable": votable, "votable/td": votable, "parquet": parquet,
            "csv": lambda body: Table.read(body.decode(), format="ascii.csv"),
            "tsv": lambda body: Table.read(body.decode(), format="ascii.tab"),
        }
        tables = {form: readers[form](body) for form, (body, _) in answers.items()}
        expected = tables.pop("votable")
        n_rows += len(expected)
        for form, table in tables.items():
            assert list(table.keys()) == expected.colnames, f"{name} as {form}: {table.keys()}"
            for column in expected.colnames:
                want = cells(expected[column])
                have = cells(table[column])
                if expected[column].dtype.kind == "f":
                    # A reader may take a column of whole floats for integers.
                    want, have = ([v and f"{np.float32(v):.6g}" for v in vs] for vs in (want, have))
                assert want == have, f"{name}.{column} differs as {form}: {want[:3]} {have[:3]}"
    return f"{n_rows} rows in {len(answers)} formats"


def check_examples_run(service):
    examples = service.examples
    assert examples, "no examples"
    for example in examples:
        example.execute()
    return f"{len(examples)} examples"


def check_overflow_is_announced(service):
    result = service.search("SELECT column_name FROM TAP_SCHEMA.columns", maxrec=1)
    assert len(result) == 1, len(result)
    assert result.query_status == "OVERFLOW", result.query_status
    complete = service.search("SELECT TOP 1 column_name FROM TAP_SCHEMA.columns", maxrec=1)
    assert complete.query_status == "OK", complete.query_status


def check_maxrec_0_gives_columns_only(service):
    # pyvo takes 0 for "as the service likes".
    body, _ = sync(service.baseurl, QUERY="SELECT table_name, std FROM TAP_SCHEMA.columns", MAXREC=0)
    assert b'value="OVERFLOW"' in body, body
    table = parse_votable(io.BytesIO(body)).get_first_table()
    assert [field.name for field in table.fields] == ["table_name", "std"], table.fields
    assert len(table.array) == 0, len(table.array)


def check_a_wrong_query_is_explained(service):
    try:
        service.search("SELECT tabel_name FROM TAP_SCHEMA.columns")
    except DALQueryError as error:
        assert "tabel_name" in str(error), str(error)
        return str(error).splitlines()[0]
    raise AssertionError("no error")


QUERY = "SELECT column_name, \"size\", principal FROM TAP_SCHEMA.columns"

# It computes for minutes, and gives no row before its end.
ENDLESS = "SELECT COUNT(*) AS n FROM " + " JOIN ".join(
    f"TAP_SCHEMA.columns AS {b}" + (f" ON {a}.\"size\" < {b}.\"size\" OR {a}.std = {b}.principal" if a else "")
    for a, b in zip([None, *"abcde"], "abcdef"))


def check_a_query_as_a_job(service):
    rows = service.run_async(QUERY, delete=True)
    assert rows.to_table().as_array().tolist() == service.search(QUERY).to_table().as_array().tolist()
    return f"{len(rows)} rows"


def check_a_job_step_by_step(service):
    job = service.submit_job(QUERY, maxrec=5, runid="step by step")
    assert job.phase == "PENDING", job.phase
    assert OLD or job.query == QUERY, job.query
    job.query = QUERY + " WHERE principal = 1"
    job.execution_duration = 77
    job.run()
    assert job.phase in ("QUEUED", "EXECUTING", "COMPLETED"), job.phase
    job.wait(timeout=30)
    job.raise_if_error()
    rows = job.fetch_result()
    assert len(rows) == 5 and rows.query_status == "OVERFLOW", (len(rows), rows.query_status)
    assert float(str(job.execution_duration)) == 77, job.execution_duration
    assert job.result_uri.endswith("/results/result"), job.result_uri
    again = pyvo.dal.AsyncTAPJob(job.url)
    assert len(again.fetch_result()) == 5
    job.delete()
    try:
        pyvo.dal.AsyncTAPJob(again.url)
    except (DALServiceError, requests.HTTPError) as error:
        assert "there is no job" in str(error) or OLD, str(error)
        return
    raise AssertionError("the job is still there")


def check_a_wrong_job_is_explained(service):
    for start in [lambda: service.run_async("SELECT tabel_name FROM TAP_SCHEMA.columns"),
                  lambda: service.submit_job("SELECT 1 / FROM").run().wait().raise_if_error()]:
        try:
            start()
        except DALQueryError as error:
            message = str(error)
            assert OLD or "line 1, column" in message, message
        else:
            raise AssertionError("no error")
    return message.splitlines()[0]


def check_a_job_can_be_aborted(service):
    job = service.submit_job(ENDLESS).run()
    begin = time.monotonic()
    while job.phase == "QUEUED":
        assert time.monotonic() < begin + 20
    assert job.phase == "EXECUTING", job.phase
    begin = time.monotonic()
    job.abort()
    assert job.phase == "ABORTED", job.phase
    elapsed = time.monotonic() - begin
    job.delete()
    assert elapsed < 1, elapsed
    return f"after {elapsed:.2f} s"


def check_the_list_of_jobs(service):
    jobs = [service.submit_job(QUERY, runid=f"listed {n}") for n in range(3)]
    listed = {job.jobid: job for job in service.get_job_list()}
    for n, job in enumerate(jobs):
        assert listed[job.job_id].runid == f"listed {n}", listed[job.job_id].runid
    last = [job.jobid for job in service.get_job_list(last=2)]
    assert last == [jobs[2].job_id, jobs[1].job_id], last
    jobs[0].run().wait()
    done = [job.jobid for job in service.get_job_list(phases=["COMPLETED"])]
    assert jobs[0].job_id in done and jobs[1].job_id not in done, done
    for job in jobs:
        job.delete()
    return f"{len(listed)} jobs"


def check_an_uploaded_table(service):
    mine = Table({"x": [1, 2, 3], "name": ["a", "b", "c"]})
    query = "SELECT x, name FROM TAP_UPLOAD.mine WHERE x > 1 ORDER BY x"
    for search in [service.search, service.run_async]:
        rows = search(query, uploads={"mine": mine}).to_table()
        assert list(rows["x"]) == [2, 3] and list(rows["name"]) == ["b", "c"], rows


if __name__ == "__main__":
    checks.run(globals(), pyvo.dal.TAPService)
