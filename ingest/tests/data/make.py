"""Makes the table files of this folder: `python make.py` (astropy, pyarrow, pandas; stilts).

All of them hold the same four rows, as far as each format can say them (tests/it/typed_formats.rs
has the expected values).
"""

import subprocess
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
from astropy import units as u
from astropy.io import fits
from astropy.io.votable.tree import Resource, TableElement, VOTableFile, Field
from astropy.io.votable import from_table, writeto
from astropy.table import MaskedColumn, QTable, Table

warnings.simplefilter("ignore")

MASK = [False, True, False, False]


def columns():
    table = Table()
    table["id"] = MaskedColumn(np.array([1, 2, 3, 9007199254740993], "i8"), description="number of the star")
    table["ra"] = MaskedColumn(np.array([10.5, 359.999999999, 0.0, 180.25]), unit="deg", description="Right ascension")
    table["dec"] = MaskedColumn(np.array([-20.25, 89.5, 0.0, -90.0]), unit="deg")
    table["flag"] = MaskedColumn(np.array([True, False, False, True]), mask=MASK)
    table["u1"] = MaskedColumn(np.array([0, 7, 128, 255], "u1"), mask=MASK)
    table["i2"] = MaskedColumn(np.array([-32768, 7, 0, 32767], "i2"), mask=MASK)
    table["i4"] = MaskedColumn(np.array([-2147483647, 7, 0, 2147483647], "i4"), mask=MASK)
    table["f4"] = MaskedColumn(np.array([1.5, np.nan, -0.25, np.inf], "f4"), unit="mag")
    table["name"] = MaskedColumn(["alpha", "", "a<b & \"c\"", "été"], mask=MASK)
    table["vec"] = np.array([[1, 2, 3], [4, np.nan, 6], [7, 8, 9], [10, 11, 12]], "f4")
    table["mat"] = np.arange(24, dtype="i4").reshape(4, 3, 2)
    table["ra"].meta["ucd"] = "pos.eq.ra;meta.main"
    table["dec"].meta["ucd"] = "pos.eq.dec;meta.main"
    table["id"].meta["ucd"] = "meta.id;meta.main"
    return table


def votables():
    table = columns()
    var = np.empty(4, object)
    for row, values in enumerate([[1.5], [], [2.5, 3.5], [4.5]]):
        var[row] = np.ma.array(values, "f8", mask=np.zeros(len(values), bool))
    table["var"] = var
    table["cplx"] = np.array([1 + 2j, 0, -1j, 3], "c8")
    # The last character is none of ASCII: astropy writes str columns as unicodeChar.
    votable = from_table(table)
    first = votable.get_first_table()
    for field in first.fields:
        column = table[field.name]
        field.ucd = column.meta.get("ucd")
        if field.name == "u1":
            field.values.null = 7
        if field.name == "i2":
            field.values.null = 7
        if field.name == "i4":
            field.values.null = 7
    # BINARY has no other NULL than this for integers, so that it is what is written there.
    for name in ["u1", "i2", "i4"]:
        first.array[name].data[1] = 7
    first.name = "stars"
    writeto(votable, "astropy_tabledata.vot", tabledata_format="tabledata")
    writeto(votable, "astropy_binary.vot", tabledata_format="binary")
    votable.version = "1.4"
    writeto(votable, "astropy_binary2.vot", tabledata_format="binary2")


def fits_tables():
    i4 = np.array([1, 2, 3, 4])
    var = np.array([np.array([1, 2], "i4"), np.array([], "i4"), np.array([3], "i4"), np.array([4, 5, 6], "i4")], object)
    cols = [
        fits.Column("id", "K", array=np.array([1, 2, 3, 9007199254740993])),
        fits.Column("ra", "D", unit="deg", array=[10.5, 359.999999999, 0.0, 180.25]),
        fits.Column("dec", "D", unit="deg", array=[-20.25, 89.5, 0.0, -90.0]),
        fits.Column("flag", "L", array=[True, False, False, True]),
        fits.Column("bits", "11X", array=np.array([[1, 0] * 5 + [1]] * 4, bool)),
        fits.Column("u1", "B", null=7, array=np.array([0, 7, 128, 255], "u1")),
        fits.Column("i1", "B", bzero=-128, array=np.array([-128, 0, 1, 127], "i1")),
        fits.Column("i2", "I", null=7, array=np.array([-32768, 7, 0, 32767], "i2")),
        fits.Column("u2", "I", bzero=32768, array=np.array([0, 1, 32768, 65535], "u2")),
        fits.Column("i4", "J", null=7, array=np.array([-2147483647, 7, 0, 2147483647], "i4")),
        fits.Column("u4", "J", bzero=2**31, array=np.array([0, 1, 2**31, 2**32 - 1], "u4")),
        fits.Column("u8", "K", bzero=2**63, array=np.array([0, 1, 2**63, 2**64 - 1], "u8")),
        fits.Column("scaled", "I", array=np.array([0, 1, -2, 2], "i2")),
        fits.Column("f4", "E", unit="mag", array=np.array([1.5, np.nan, -0.25, np.inf], "f4")),
        fits.Column("name", "12A", array=["alpha", "", "a<b & \"c\"", "omega"]),
        fits.Column("names", "9A", dim="(3,3)", array=np.array([["a", "bc", "def"]] * 4)),
        fits.Column("vec", "3E", array=np.array([[1, 2, 3], [4, np.nan, 6], [7, 8, 9], [10, 11, 12]], "f4")),
        fits.Column("mat", "6J", dim="(2,3)", array=np.arange(24, dtype="i4").reshape(4, 3, 2)),
        fits.Column("var", "PJ()", array=var),
        fits.Column("wide", "QJ()", array=var),
        fits.Column("cplx", "C", array=np.array([1 + 2j, 0, -1j, 3], "c8")),
    ]
    table = fits.BinTableHDU.from_columns(cols, name="STARS")
    table.header["TUCD2"] = "pos.eq.ra;meta.main"
    table.header["TCOMM2"] = "Right ascension"
    image = fits.ImageHDU(np.zeros((40, 40), "f4"))
    second = fits.BinTableHDU.from_columns([fits.Column("n", "J", array=i4)], name="MORE")
    fits.HDUList([fits.PrimaryHDU(), image, table, second]).writeto("astropy.fits", overwrite=True)
    fits.setval("astropy.fits", "TSCAL13", value=0.5, ext=2)
    fits.setval("astropy.fits", "TZERO13", value=100, ext=2)


def others():
    table = columns()
    table.write("astropy.ecsv", overwrite=True)
    table.write("astropy_comma.ecsv", delimiter=",", overwrite=True)
    frame = pd.DataFrame({
        "id": pd.array([1, 2, 3, 9007199254740993], "Int64"),
        "ra": [10.5, 359.999999999, 0.0, 180.25],
        "i4": pd.array([-2147483647, None, 0, 2147483647], "Int32"),
        "flag": pd.array([True, None, False, True], "boolean"),
        "name": pd.array(["alpha", None, "a<b & \"c\"", "été"], "string"),
    })
    frame.to_json("pandas.jsonl", orient="records", lines=True, force_ascii=False, double_precision=15)
    frame.to_parquet("pandas.parquet")
    arrow = pa.Table.from_pandas(frame)
    arrow = arrow.append_column("kind", pa.array(["star", "galaxy", "star", None]).dictionary_encode())
    arrow = arrow.append_column("var", pa.array([[1.5], None, [2.5, 3.5], []]))
    with pa.ipc.new_file("pyarrow.arrow", arrow.schema) as sink:
        sink.write_table(arrow, max_chunksize=3)
    with pa.ipc.new_stream("pyarrow.arrows", arrow.schema) as sink:
        sink.write_table(arrow, max_chunksize=3)


def stilts():
    # STILTS takes the ends of a type's range for NULL, and ECSV for Latin-1.
    table = columns()
    table["i2"][0], table["u1"][3], table["f4"][3], table["name"][3] = -32767, 254, 0.5, "omega"
    table.write("source.ecsv", overwrite=True)
    metadata = [
        "cmd=colmeta -ucd 'pos.eq.ra;meta.main' -utype stc:ra ra",
        "cmd=colmeta -ucd 'pos.eq.dec;meta.main' dec",
        "cmd=colmeta -ucd 'meta.id;meta.main' id",
        "cmd=tablename stars",
    ]

    def convert(target, form):
        subprocess.run(["stilts", "tpipe", "in=source.ecsv", f"out={target}", f"ofmt={form}", *metadata], check=True)

    convert("stilts_tabledata.vot", "votable-tabledata")
    convert("stilts_binary.vot", "votable-binary-inline")
    convert("stilts_binary2.vot", "votable-binary2-inline")
    convert("stilts_fits.vot", "votable-fits-inline")
    convert("stilts.fits", "fits-plus")
    convert("stilts_var.fits", "fits-var")
    Path("source.ecsv").unlink()


votables()
fits_tables()
others()
stilts()
