"""Answers of `almagest query` as astropy tables."""

import subprocess

import numpy as np
from astropy.table import Table


def query(almagest, catalog, adql):
    """Answer an ADQL query; identifiers stay exact, a NULL number is NaN."""
    command = [almagest, "query", catalog, adql, "--format", "csv"]
    csv = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    table = Table.read(csv, format="ascii.csv", fast_reader=False)
    for name in table.colnames:
        if table[name].dtype.kind == "f" and hasattr(table[name], "filled"):
            table[name] = table[name].filled(np.nan)
    return Table(table, masked=False, copy=False)
