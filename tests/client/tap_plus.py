#!/usr/bin/env python3
"""Use a running service through astroquery's TapPlus, and check what comes back.

Usage: tap_plus.py URL       (such as http://localhost:8080/tap)

Its load_tables asks for attributes that only ESA's archives have, and is left out. Each check prints
one line; the exit status is the number of checks that failed.
"""

import tempfile

from astropy.table import Table
from astroquery.utils.tap.core import TapPlus

import checks

QUERY = 'SELECT column_name, "size", principal FROM TAP_SCHEMA.columns ORDER BY table_name, column_name'


def check_a_synchronous_query(tap):
    rows = tap.launch_job(QUERY).get_results()
    assert rows.colnames == ["column_name", "size", "principal"], rows.colnames
    return f"{len(rows)} rows"


def check_an_asynchronous_query(tap):
    job = tap.launch_job_async(QUERY)
    assert job.get_phase() == "COMPLETED", job.get_phase()
    rows = job.get_results()
    assert rows.as_array().tolist() == tap.launch_job(QUERY).get_results().as_array().tolist()
    return f"{len(rows)} rows"


def check_a_job_in_the_background(tap):
    job = tap.launch_job_async(QUERY, background=True)
    _, phase = job.wait_for_job_end()
    assert phase == "COMPLETED", phase
    again = tap.load_async_job(jobid=job.jobid)
    assert len(again.get_results()) == len(job.get_results())


def check_a_wrong_job_is_explained(tap):
    try:
        tap.launch_job_async("SELECT tabel_name FROM TAP_SCHEMA.columns")
    except Exception as error:  # what it raises differs with its version
        assert "tabel_name" in str(error), repr(error)
        return str(error).splitlines()[0]
    raise AssertionError("no error")


def check_a_table_is_brought_along(tap):
    brought = Table({"id": [1, 2, 3], "place": [0.5, 1.5, 2.5]})
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/brought.vot"
        brought.write(path, format="votable")
        job = tap.launch_job(
            "SELECT id, place * 2 AS twice FROM TAP_UPLOAD.mine ORDER BY id",
            upload_resource=path,
            upload_table_name="mine",
        )
    assert job.get_results().as_array().tolist() == [(1, 1.0), (2, 3.0), (3, 5.0)], job.get_results()


def check_the_list_of_jobs(tap):
    job = tap.launch_job_async(QUERY)
    listed = {job.jobid: job.get_phase() for job in tap.list_async_jobs()}
    assert listed[job.jobid] == "COMPLETED", listed
    return f"{len(listed)} jobs"


if __name__ == "__main__":
    checks.run(globals(), lambda url: TapPlus(url=url))
