"""Write the same three rows in each format, with units, UCDs and descriptions, as astropy does.

    pip install astropy pyarrow; python make_units.py
"""

import warnings

import astropy.units as u
import numpy as np
from astropy.table import Table
from astropy.io.votable import from_table

warnings.filterwarnings("ignore")

table = Table()
table["ID"] = np.array([11, 12, 13], dtype=np.int64)
table["RAJ2000"] = np.array([0.5, 3600.0, 1295999.5]) * u.arcsec
table["DEJ2000"] = np.array([-3600.25, 0.0, 324000.0]) * u.arcsec
table["flux"] = np.array([1.5, -0.25, 1e-6]) * u.mJy
table["pmra"] = np.array([3.6, -7.2, 0.0], dtype=np.float32) * u.mas / u.yr
table["rmag"] = np.array([31.4, 8.9, 26.4]) * u.mag
ucds = {
    "ID": "meta.id;meta.main",
    "RAJ2000": "pos.eq.ra;meta.main",
    "DEJ2000": "pos.eq.dec;meta.main",
    "flux": "phot.flux;em.opt.R",
    "pmra": "pos.pm;pos.eq.ra",
    "rmag": "phot.mag;em.opt.R",
}
for name, ucd in ucds.items():
    table[name].description = f"the column {name}"
    table[name].meta["ucd"] = ucd

table.write("units.ecsv", format="ascii.ecsv", overwrite=True)
table.write("units.parquet", format="parquet", overwrite=True)
votable = from_table(table)
for field in votable.get_first_table().fields:
    field.ucd = ucds[field.name]
votable.to_xml("units.vot", tabledata_format="binary2")
table.write(
    "units_votable.parquet",
    format="parquet.votable",
    overwrite=True,
    metadata={
        name: {"unit": str(table[name].unit or ""), "ucd": ucd, "utype": "", "description": ""}
        for name, ucd in ucds.items()
    },
)
table.write("units.fits", format="fits", overwrite=True)
