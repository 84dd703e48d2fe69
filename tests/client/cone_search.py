#!/usr/bin/env python3
"""Search cones of a running service with pyvo, and check them against the same in ADQL.

Usage: cone_search.py URL       (such as http://localhost:8080/tap)

The exit status is 0 where all is well.
"""

import sys
import warnings

import numpy as np
import pyvo
from pyvo.dal.exceptions import DALQueryError


def position_columns(service, table):
    """The names of the main position columns of a table, or None."""
    names = {}
    for column in service.tables[table].columns:
        for axis in ("ra", "dec"):
            if (column.ucd or "").startswith(f"pos.eq.{axis};meta.main"):
                names[axis] = column.name
    return (names["ra"], names["dec"]) if len(names) == 2 else None


def check(service, root, table, ra, dec):
    first = service.search(f"SELECT TOP 1 {ra}, {dec} FROM {table}")
    if len(first) == 0:
        return None
    position = (float(first[ra.strip('"')][0]), float(first[dec.strip('"')][0]))
    cones = pyvo.dal.SCSService(f"{root}/scs/{table}")
    expected = service.search(
        f"SELECT {ra} FROM {table} WHERE DISTANCE({ra}, {dec}, {position[0]!r}, {position[1]!r}) <= 20")
    found = cones.search(pos=position, radius=20.0)
    assert len(found) == len(expected) > 0, (len(found), len(expected))
    record = found[0]
    assert isinstance(record.id, str) and record.id, record.id
    near = [r.pos.separation(found[0].pos).deg for r in found]
    assert np.all(np.array(near) <= 40.1), max(near)
    for word in ("ID_MAIN", "POS_EQ_RA_MAIN", "POS_EQ_DEC_MAIN"):
        assert sum(desc.ucd == word for desc in found.fielddescs) == 1, word
    few = cones.search(pos=position, radius=20.0, verbosity=1)
    assert len(few.fieldnames) == 3, few.fieldnames
    none = cones.search(pos=position, radius=0.0, verbosity=3)
    assert len(none) == 0 and len(none.fieldnames) >= len(found.fieldnames), none.fieldnames
    try:
        cones.search(pos=position, radius=500.0)
    except DALQueryError as error:
        assert "SR" in str(error), error
    else:
        raise AssertionError("a radius of 500 degrees is taken")
    return len(found)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    url = sys.argv[1].rstrip("/")
    root = url.removesuffix("/tap")
    # What is out of the standard is an error here.
    if hasattr(pyvo.dal.exceptions, "DALOverflowWarning"):  # from pyvo 1.3 on
        warnings.filterwarnings("error", category=pyvo.dal.exceptions.DALOverflowWarning)
    service = pyvo.dal.TAPService(url)
    n_searched = 0
    for table in service.tables.keys():
        columns = position_columns(service, table)
        if columns is None:
            continue
        n_found = check(service, root, table, *columns)
        if n_found is not None:
            n_searched += 1
            print(f"ok    {table}: {n_found} rows within 20 degrees")
    assert n_searched > 0, "no table with positions has rows"


if __name__ == "__main__":
    main()
