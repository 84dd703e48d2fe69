#!/usr/bin/env python3
"""Ask other implementations about shapes on the sky, and store their answers.

    PGHOST=… PGUSER=… ./make_shapes.py > shapes.txt

Not run by the tests: they read `shapes.txt`. Needs a PostgreSQL with pg_sphere (Debian:
postgresql-15-pgsphere) that psql reaches, and astropy, astropy_healpix, mocpy and
spherical_geometry.

One case a line, fields separated by `|`, shapes as STC-S, angles in degrees:

    within     | a | b | 0 or 1                      pg_sphere   a <@ b
    intersects | a | b | 0 or 1                      pg_sphere   a && b
    area       | a |   | square degrees, error       spherical_geometry (polygons), mocpy (others)
    centroid   | a |   | longitude, latitude, error  mocpy: mean of the cells of a fine cover
    transform  | frames | lon, lat | lon, lat        astropy
    moc-point  | MOC | POSITION | 0 or 1             mocpy
    moc-within, moc-intersects | MOC | MOC | 0 or 1  mocpy

A relation is stored only if it stays the same when one shape moves by 1e-6 degrees to four sides:
pg_sphere rounds by 1e-9 radians. pg_sphere has no circle beyond 90 degrees: such a one is asked
about through its complement. (mocpy 0.21's difference of MOCs without a common cell is empty: the
script intersects with the complement.)
"""

import math
import random
import subprocess

import astropy.units as u
import numpy as np
from astropy.coordinates import (
    ICRS, BarycentricMeanEcliptic, FK4NoETerms, Galactic, Latitude, Longitude, SkyCoord,
)
from astropy_healpix import HEALPix
from mocpy import MOC
from spherical_geometry.polygon import SphericalPolygon

RNG = random.Random(20260)
STEP = 1e-6


def offset(lon, lat, angle, bearing):
    """The position so many degrees away in a direction (north through east)."""
    lon, lat, angle, bearing = map(math.radians, (lon, lat, angle, bearing))
    sin_lat = math.sin(lat) * math.cos(angle) + math.cos(lat) * math.sin(angle) * math.cos(bearing)
    end = math.asin(max(-1.0, min(1.0, sin_lat)))
    east = math.sin(bearing) * math.sin(angle) * math.cos(lat)
    turn = math.atan2(east, math.cos(angle) - math.sin(lat) * sin_lat)
    return math.degrees(lon + turn) % 360.0, math.degrees(end)


def fixed(x):
    return f"{x:.9f}".rstrip("0").rstrip(".")


class Point:
    def __init__(self, lon, lat):
        self.lon, self.lat, self.size = lon, lat, 0.0

    def moved(self, bearing):
        return Point(*offset(self.lon, self.lat, STEP, bearing))

    def stcs(self):
        return f"POSITION {fixed(self.lon)} {fixed(self.lat)}"

    def pg(self):
        return f"spoint '({self.lon:.12f}d,{self.lat:.12f}d)'"


class Circle(Point):
    def __init__(self, lon, lat, size):
        super().__init__(lon, lat)
        self.size = size

    def moved(self, bearing):
        return Circle(*offset(self.lon, self.lat, STEP, bearing), self.size)

    def stcs(self):
        return f"CIRCLE {fixed(self.lon)} {fixed(self.lat)} {fixed(self.size)}"

    def pg(self):
        return f"scircle '<({self.lon:.12f}d,{self.lat:.12f}d),{self.size:.12f}d>'"

    def complement(self):
        return Circle((self.lon + 180.0) % 360.0, -self.lat, 180.0 - self.size)

    def moc(self, order):
        return MOC.from_cone(
            lon=Longitude(self.lon, u.deg), lat=Latitude(self.lat, u.deg),
            radius=self.size * u.deg, max_depth=order,
        )


class Polygon(Point):
    def __init__(self, lon, lat, size, vertices):
        super().__init__(lon, lat)
        self.size, self.vertices = size, vertices

    def moved(self, bearing):
        # Moves the vertices by up to a step, which is as good.
        return Polygon(
            self.lon, self.lat, self.size, [offset(*v, STEP, bearing) for v in self.vertices]
        )

    def stcs(self):
        return "POLYGON " + " ".join(f"{fixed(a)} {fixed(b)}" for a, b in self.vertices)

    def pg(self):
        return "spoly '{" + ",".join(f"({a:.12f}d,{b:.12f}d)" for a, b in self.vertices) + "}'"

    def moc(self, order):
        lon, lat = map(list, zip(*self.vertices))
        # mocpy takes the smaller side whatever the winding.
        return MOC.from_polygon(
            lon=Longitude(lon, u.deg), lat=Latitude(lat, u.deg), max_depth=order
        )


def rounded(lon, lat):
    return round(lon, 9) % 360.0, round(lat, 9)


def anywhere():
    kind = RNG.random()
    if kind < 0.15:
        return rounded(RNG.uniform(0, 360), RNG.choice([90.0, -90.0, 89.9, -89.5, 80.0]))
    if kind < 0.35:
        return rounded(RNG.choice([0.0, 359.99, 0.01, 355.0, 5.0]), RNG.uniform(-80, 80))
    return rounded(RNG.uniform(0, 360), math.degrees(math.asin(RNG.uniform(-1, 1))))


def polygon(lon, lat, size):
    """A star-shaped polygon, convex or not, in either winding."""
    count = RNG.choice([3, 3, 4, 4, 5, 6, 8, 12])
    first = RNG.uniform(0, 360)
    bearings = [first + 360.0 * (i + RNG.uniform(-0.3, 0.3)) / count for i in range(count)]
    if RNG.random() < 0.5:
        bearings.reverse()
    least = RNG.choice([0.3, 0.95])
    vertices = [rounded(*offset(lon, lat, size * RNG.uniform(least, 1.0), b)) for b in bearings]
    return Polygon(lon, lat, size, vertices)


def shape(kind, lon, lat, size):
    if kind == "point":
        return Point(lon, lat)
    if kind == "circle":
        return Circle(lon, lat, round(size, 9))
    return polygon(lon, lat, min(size, 80.0))


def ask(operator, a, b):
    """SQL for one relation, circles beyond 90 degrees by way of their complements."""
    big_a, big_b = (isinstance(s, Circle) and s.size > 90.0 for s in (a, b))
    if operator == "<@":
        if big_b and big_a:
            return ask("<@", b.complement(), a.complement())
        if big_b:
            return f"not ({relate('&&', a, b.complement())})"
        if big_a:
            return "false"  # Wider than a hemisphere, and pg_sphere's shapes are not.
        return relate("<@", a, b)
    if big_a and big_b:
        return "true"
    if big_a:
        return ask("&&", b, a)
    if big_b:
        return f"not ({relate('<@', a, b.complement())})"
    return relate("&&", a, b)


def relate(operator, a, b):
    point_a, point_b = type(a) is Point, type(b) is Point
    if operator == "<@" and point_b:
        return "false"
    if operator == "&&" and point_a:
        return f"{a.pg()} <@ {b.pg()}"
    if operator == "&&" and point_b:
        return f"{b.pg()} <@ {a.pg()}"
    return f"{a.pg()} {operator} {b.pg()}"


def psql(expressions):
    """The answers by the expression's index. pg_sphere refuses some polygons as too large."""
    sql = "\n".join(f"SELECT {i}, {e};" for i, e in enumerate(expressions))
    run = subprocess.run(["psql", "-At", "-q"], input=sql, text=True, capture_output=True)
    if not run.stdout:
        raise SystemExit(run.stderr)
    pairs = (line.split("|") for line in run.stdout.split())
    return {int(i): answer == "t" for i, answer in pairs}


def relations(count):
    kinds = ["point", "circle", "polygon"]
    pairs = [(a, b) for a in kinds for b in kinds if (a, b) != ("point", "point")]
    cases = []
    for i in range(count):
        kind_a, kind_b = pairs[i % len(pairs)]
        size = 10 ** RNG.uniform(-3, 1.9) if RNG.random() < 0.7 else RNG.uniform(1.0, 170.0)
        ratio = RNG.choice([1.0, RNG.uniform(0.05, 0.5), RNG.uniform(0.5, 2.0)])
        lon, lat = anywhere()
        other = min(size * ratio, 175.0)
        reach = min(RNG.uniform(0.0, 1.3) * (other + (0.0 if kind_a == "point" else size)), 179.0)
        a = shape(kind_a, *rounded(*offset(lon, lat, reach, RNG.uniform(0, 360))), size)
        b = shape(kind_b, lon, lat, other)
        cases.append((a, b))
    for name, operator in [("within", "<@"), ("intersects", "&&")]:
        variants = [
            [ask(operator, a, b)] + [ask(operator, a.moved(t), b) for t in (0, 90, 180, 270)]
            for a, b in cases
        ]
        answers = psql([e for v in variants for e in v])
        for i, (a, b) in enumerate(cases):
            found = {answers.get(j) for j in range(5 * i, 5 * i + 5)}
            if len(found) == 1 and None not in found:
                print(f"{name}|{a.stcs()}|{b.stcs()}|{int(found.pop())}")


def fine_order(size):
    """An order whose cells are some 1/150 of a shape."""
    return max(4, min(24, round(math.log2(58.6 * 150.0 / size))))


def measures(count):
    for i in range(count):
        size = 10 ** RNG.uniform(-3, 1.85)
        a = shape("polygon", *anywhere(), size)
        lon, lat = zip(*a.vertices)
        sphere = SphericalPolygon.from_radec(lon, lat, center=(a.lon, a.lat))
        area = abs(sphere.area())
        area = min(area, 4 * math.pi - area) * math.degrees(1) ** 2
        # spherical_geometry sums angles, which leaves few digits to small areas.
        error = max(1e-9 * area, 1e-10)
        if size > 0.1:
            print(f"area|{a.stcs()}||{area:.12g} {error:.3g}")
    for i in range(count // 2):
        size = 10 ** RNG.uniform(-2, 1.5)
        lon, lat = anywhere()
        beside = offset(lon, lat, size * RNG.uniform(0, 1.2), RNG.uniform(0, 360))
        a = shape(RNG.choice(["circle", "polygon"]), lon, lat, size)
        b = shape(RNG.choice(["circle", "polygon"]), *rounded(*beside), size * RNG.uniform(0.3, 1))
        order = fine_order(size)
        moc_a, moc_b = a.moc(order), b.moc(order)
        cell = math.degrees(math.sqrt(4 * math.pi / (12 * 4**order)))
        # Covers are too large by part of the cells along the edge.
        error = 12 * (a.size + b.size) * cell
        for text, moc in [
            (f"UNION ({a.stcs()} {b.stcs()})", moc_a.union(moc_b)),
            (f"INTERSECTION ({a.stcs()} {b.stcs()})", moc_a.intersection(moc_b)),
            (f"INTERSECTION ({a.stcs()} NOT ({b.stcs()}))", moc_a.intersection(moc_b.complement())),
            (a.stcs(), moc_a),
        ]:
            area = moc.sky_fraction * 4 * math.pi * math.degrees(1) ** 2
            print(f"area|{text}||{area:.9g} {error:.3g}")
            if area > 4 * error:
                lon_c, lat_c = mean(moc, order)
                print(f"centroid|{text}||{lon_c:.9f} {lat_c:.9f} {2 * cell:.3g}")


def mean(moc, order):
    """Longitude and latitude of the mean of the cells' centres."""
    lon, lat = HEALPix(nside=2**order, order="nested").healpix_to_lonlat(
        moc.flatten().astype(np.int64)
    )
    lon, lat = lon.rad, lat.rad
    x, y, z = (
        component.mean()
        for component in (np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat))
    )
    return math.degrees(math.atan2(y, x)) % 360.0, math.degrees(math.atan2(z, math.hypot(x, y)))


def transforms(count):
    frames = {
        "ICRS": ICRS(),
        "GALACTIC": Galactic(),
        "FK4": FK4NoETerms(equinox="B1950", obstime="B1950"),
        "ECLIPTIC": BarycentricMeanEcliptic(equinox="J2000"),
    }
    for _ in range(count):
        source, target = RNG.sample(list(frames), 2)
        lon, lat = anywhere()
        there = SkyCoord(lon * u.deg, lat * u.deg, frame=frames[source]).transform_to(frames[target])
        lon2, lat2 = there.spherical.lon.deg, there.spherical.lat.deg
        print(f"transform|{source} {target}|{fixed(lon)} {fixed(lat)}|{lon2:.12f} {lat2:.12f}")


def mocs(count):
    def some():
        size = RNG.uniform(1, 30)
        return shape(RNG.choice(["circle", "polygon"]), *anywhere(), size).moc(RNG.choice([3, 4, 5]))

    def text(moc):
        return " ".join(moc.to_string(format="ascii").split())

    for _ in range(count):
        a = some()
        b = RNG.choice([some(), a.union(some()), a.intersection(some())])
        print(f"moc-intersects|MOC ({text(a)})|MOC ({text(b)})|{int(not a.intersection(b).empty())}")
        print(f"moc-within|MOC ({text(a)})|MOC ({text(b)})|{int(a.intersection(b.complement()).empty())}")
        for _ in range(3):
            lon, lat = anywhere()
            inside = bool(a.contains_lonlat(lon=[lon] * u.deg, lat=[lat] * u.deg)[0])
            print(f"moc-point|MOC ({text(a)})|POSITION {fixed(lon)} {fixed(lat)}|{int(inside)}")


if __name__ == "__main__":
    relations(2000)
    measures(200)
    transforms(200)
    mocs(30)
