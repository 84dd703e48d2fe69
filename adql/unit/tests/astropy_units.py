"""Write astropy.tsv: pairs of units and the factor between them, as astropy converts them.

Run with astropy installed:  python astropy_units.py > astropy.tsv
"""

import astropy
from astropy import units as u

# Astropy reads VOUnits strictly; what it refuses there is read in its own, wider format.
PAIRS = """
deg rad|arcmin deg|arcsec deg|mas arcsec|uarcsec mas|rad arcsec|sr deg2|deg2 arcmin2|sr arcsec2
mrad arcsec|arcsec2 sr|mas/yr deg/d|mas.yr-1 arcsec/yr|deg/h arcsec/s|rad/s mas/yr|uarcsec/d mas/yr
m km|cm um|nm Angstrom|Angstrom um|pc AU|kpc lyr|AU km|lyr m|Mpc cm|pc m|solRad km|um2 m2|barn cm2
s min|h s|d h|yr d|a s|Myr s|ms us|min d|kyr h|ns ps
Hz s-1|GHz Hz|MHz kHz|Bq Hz|km/s m/s|km/s AU/yr|km.s-1 pc/Myr|cm/s2 m.s-2|km.s-1.Mpc-1 s-1
g kg|solMass kg|u g|kg.m-3 g.cm-3|solMass.pc-3 g/cm3
J erg|eV J|keV erg|Ry eV|erg J|MeV keV|TeV erg|W erg/s|solLum W|solLum erg/s|kW mW
Jy W.m-2.Hz-1|nJy Jy|uJy nJy|mJy erg/s/cm2/Hz|Jy erg.s-1.cm-2.Hz-1|nJy erg/s/cm2/Hz
erg/s/cm2/Angstrom W.m-2.um-1|erg/s/cm2 W/m2|Jy/sr nJy/arcsec2|mJy/beam Jy/beam|MJy/sr Jy/arcsec2
N kg.m.s-2|Pa N/m2|C A.s|V W/A|Ohm V/A|S Ohm-1|F C/V|Wb V.s|T G|H Wb/A|lm cd.sr|lx lm/m2|uG T
K mK|mol mmol|mag mmag|byte bit|kbyte byte|Mbyte kbit|ct/s ct/h|adu/pix adu/kpix|photon/s/m2 photon/s/cm2
ph/s/cm2/keV ph/s/m2/eV|electron/s electron/ms|R photon/s/cm2/sr|cd mcd|rad mrad|Gyr yr
m**(3/2) cm**(3/2)|sqrt(m2) cm|km2.s-2 m2.s-2|m2.s-2 J/kg|kg.m2.s-2 erg|deg.d-1 mas/yr|1/s Hz
""".replace("\n", "|")


def read(text):
    try:
        return u.Unit(text, format="vounit")
    except ValueError:
        return u.Unit(text)


print(f"# Made by astropy_units.py with astropy {astropy.__version__}: from, to, factor")
for pair in filter(None, PAIRS.split("|")):
    source, target = pair.split(" ")
    print(source, target, repr(float(read(source).to(read(target)))), sep="\t")
