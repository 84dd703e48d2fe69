#!/usr/bin/env python3
"""Make random small tables and random conditions on positions, with the rows that other packages find.

    ./make_queries.py [NUMBER [SEED [TABLES]]] > queries.txt

The tests read `queries.txt`, made with the defaults; the long run makes 100,000 conditions anew.
Needs astropy, mocpy and spherical_geometry. Who decides about which shape:

    circles, rings, ellipses     astropy     angular_separation (Vincenty); foci by offset_by
    polygons                     spherical_geometry    contains_point, intersects_poly
    boxes of ADQL                astropy     SkyOffsetFrame, in which two of the sides are meridians
    cells of a MOC               mocpy       contains_lonlat
    other frames                 astropy     SkyCoord
    limits of lon and lat        comparisons of the numbers

Lines of the file, fields separated by `|`, angles in degrees:

    table | number of rows
    row   | ra | dec | reach | circle: lon lat radius | polygon: lon lat …       as many as that
    KIND  | numbers or text | rows that match | rows not judged

Rows are bits, the first row the lowest bit of the first byte, in hexadecimal; none is nothing. A row nearer than 1e-7
degrees to an edge is not judged, unless its place on the edge is exact: positions whose vectors are
whole numbers, the vertices of a polygon, limits of lon and lat.
"""

import math
import random
import sys

import astropy.units as u
import numpy as np
from astropy.coordinates import (
    Angle, FK4NoETerms, Galactic, Latitude, Longitude, SkyCoord, angular_separation, offset_by,
)
from mocpy import MOC
from spherical_geometry import great_circle_arc
from spherical_geometry.polygon import SphericalPolygon

MARGIN = 1e-7
ROWS = 200


def rounded(lon, lat):
    return round(float(lon) % 360.0, 9) % 360.0, round(float(lat), 9)


def beside(lon, lat, angle, bearing):
    """The position so many degrees away in a direction (north through east)."""
    if abs(lat) == 90.0:  # astropy leaves the direction open there
        return rounded(lon + bearing if lat < 0 else lon + 180.0 - bearing, lat - math.copysign(angle, lat))
    lon, lat = offset_by(*(Angle(x, u.deg) for x in (lon, lat, bearing, angle)))
    return rounded(lon.deg, lat.deg)


def vectors(lon, lat):
    lon, lat = np.radians(lon), np.radians(lat)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)


def separation(lon1, lat1, lon2, lat2):
    return np.degrees(angular_separation(*(np.radians(x) for x in (lon1, lat1, lon2, lat2))))


def near_edges(points, corners):
    """Which points lie within the margin of a side of a polygon."""
    ends = np.roll(corners, -1, axis=0)
    reach = math.radians(MARGIN)
    poles = np.cross(corners, ends)
    poles /= np.linalg.norm(poles, axis=1)[:, None]
    on_side = (points @ np.cross(poles, corners).T >= 0) & (points @ np.cross(ends, poles).T >= 0)
    near_side = on_side & (np.abs(points @ poles.T) < reach)
    near_end = np.linalg.norm(points[:, None] - corners, axis=2) < reach
    return (near_side | near_end).any(axis=1)


class Polygon:
    """Vertices as a star about a centre, which tells spherical_geometry the side that is meant."""

    def __init__(self, center, vertices):
        self.vertices = vertices
        lon, lat = zip(*vertices)
        self.corners = vectors(np.array(lon), np.array(lat))
        self.sphere = SphericalPolygon.from_radec(lon, lat, center=center)

    def numbers(self):
        return [x for vertex in self.vertices for x in vertex]

    def holds(self, points):
        """The crossings that contains_point counts, for all points at once."""
        (single,) = self.sphere
        crossings = np.zeros(len(points), int)
        for a, b in zip(single._points[:-1], single._points[1:]):
            inside = np.broadcast_to(single._inside, points.shape)
            crossings += great_circle_arc.intersects(inside, points, a, b).astype(int)
        return crossings % 2 == 0

    def judge(self, points):
        return self.holds(points), near_edges(points, self.corners)


class Table:
    def __init__(self, rng):
        self.rng = rng
        self.clumps = [
            (rng.uniform(0, 360), rng.uniform(-60, 60)),
            (rng.choice([0.0, 359.999, 0.001]), rng.uniform(-85, 85)),
            (rng.uniform(0, 360), rng.choice([90.0, -90.0, 89.9, -89.95])),
        ]
        exact = [(90.0 * k, 0.0) for k in range(4)] + [(90.0, 90.0), (0.0, 90.0), (10.0, -90.0)]
        exact += [(359.999999999, 0.25), (0.0, -45.0), (180.0, 45.0), (90.0, 30.0)]
        # Longitudes may be turns off; these are exact in binary.
        exact += [(-1.5, 12.25), (361.0, -3.5), (360.0, 20.0), (-0.0625, 80.0)]
        places = [rounded(lon, lat) for lon, lat in self.clumps] + exact
        while len(places) < ROWS:
            where = rng.random()
            if where < 0.15:
                places.append(self.anywhere())
            elif where < 0.9:
                size = 10 ** rng.choice([rng.uniform(-6, -1), rng.uniform(-1, 1.2)])
                places.append(beside(*rng.choice(self.clumps), size, rng.uniform(0, 360)))
            else:
                places.append(beside(*rng.choice(places), 10 ** rng.uniform(-6.5, -4), rng.uniform(0, 360)))
        self.places = places
        self.lon = np.array([place[0] for place in places])
        self.lat = np.array([place[1] for place in places])
        self.points = vectors(self.lon, self.lat)
        self.sky = SkyCoord(self.lon * u.deg, self.lat * u.deg)
        self.reach = np.array([round(10 ** rng.uniform(-3, 1.5), 6) for _ in places])
        self.discs, self.outlines = [], []
        for place in places:
            at = beside(*place, 10 ** rng.uniform(-2, 0.7), rng.uniform(0, 360))
            self.discs.append((*at, round(10 ** rng.uniform(-2, 1.3), 6)))
            at = beside(*place, 10 ** rng.uniform(-2, 0.7), rng.uniform(0, 360))
            self.outlines.append(self.polygon(at, 10 ** rng.uniform(-1, 1.3)))

    def write(self):
        print(f"table|{len(self.places)}")
        for (lon, lat), reach, disc, outline in zip(self.places, self.reach, self.discs, self.outlines):
            print(f"row|{lon}|{lat}|{reach}|{text(disc)}|{text(outline.numbers())}")

    def anywhere(self):
        rng = self.rng
        return rounded(rng.uniform(0, 360), math.degrees(math.asin(rng.uniform(-1, 1))))

    def center(self):
        """Where a shape lies: mostly with rows about it."""
        rng = self.rng
        kind = rng.random()
        if kind < 0.15:
            return rounded(rng.uniform(0, 360), rng.choice([90.0, -90.0]))
        if kind < 0.6:
            return beside(*rng.choice(self.clumps), 10 ** rng.uniform(-5, 0.5), rng.uniform(0, 360))
        if kind < 0.85:
            return rounded(*rng.choice(self.places))
        return self.anywhere()

    def size(self, most=175.0):
        rng = self.rng
        size = 10 ** rng.uniform(-5, 1.3) if rng.random() < 0.7 else rng.uniform(1.0, most)
        return round(min(size, most), 9)

    def radius(self, lon, lat):
        """A radius, often one that ends just short of a row or just behind it."""
        if self.rng.random() < 0.5:
            return self.size()
        at = self.rng.randrange(len(self.places))
        step = self.rng.choice([-1, 1]) * 10 ** self.rng.uniform(-6.5, -4)
        radius = separation(lon, lat, self.lon[at], self.lat[at]) + step
        return round(min(max(radius, 1e-6), 179.999), 9)

    def polygon(self, center, size):
        """A star-shaped polygon, convex or not, in either winding, sometimes with a row as vertex."""
        rng = self.rng
        size = min(size, 80.0)
        count = rng.choice([3, 3, 4, 4, 5, 6, 8, 12])
        first = rng.uniform(0, 360)
        bearings = [first + 360.0 * (i + rng.uniform(-0.25, 0.25)) / count for i in range(count)]
        if rng.random() < 0.5:
            bearings.reverse()
        least = rng.choice([0.3, 0.95])
        vertices = [beside(*center, size * rng.uniform(least, 1.0), b) for b in bearings]
        return Polygon(center, vertices)

    # Verdicts: the rows that match, and those not judged.

    def within(self, lon, lat, radius):
        distance = separation(lon, lat, self.lon, self.lat)
        return distance <= radius, np.abs(distance - radius) < MARGIN

    def in_polygon(self, polygon):
        return polygon.judge(self.points)

    def in_box(self, lon, lat, width, height):
        frame = self.sky.transform_to(SkyCoord(lon * u.deg, lat * u.deg).skyoffset_frame())
        along = frame.lon.wrap_at(180 * u.deg).deg
        # The other two sides cross the central meridian at right angles.
        up = np.degrees(np.arctan2(np.sin(frame.lat.rad), np.cos(frame.lat.rad) * np.cos(frame.lon.rad)))
        beyond = np.maximum(np.abs(along) - width / 2, np.abs(up) - height / 2)
        # Degrees of longitude shrink towards the frame's poles.
        return beyond <= 0, np.abs(beyond) < MARGIN / np.maximum(np.cos(frame.lat.rad), 1e-3)

    def in_ellipse(self, lon, lat, major, minor, angle):
        focal = math.degrees(math.acos(math.cos(math.radians(major)) / math.cos(math.radians(minor))))
        total = 0.0
        for direction in (angle, angle + 180.0):
            focus = offset_by(*(Angle(x, u.deg) for x in (lon, lat, direction, focal)))
            total += separation(focus[0].deg, focus[1].deg, self.lon, self.lat)
        # Where the cosines cancel the foci are blurred.
        blur = MARGIN + 1e-15 / math.radians(max(focal, 1e-9)) * 60
        return total <= 2 * major, np.abs(total - 2 * major) < 2 * blur


def text(numbers):
    return " ".join(repr(float(x)).removesuffix(".0") for x in numbers)


def bits(flags):
    return np.packbits(flags, bitorder="little").tobytes().hex() if flags.any() else ""


def emit(kind, what, verdict):
    holds, edge = verdict
    what = what if isinstance(what, str) else text(what)
    print(f"{kind}|{what}|{bits(holds & ~edge)}|{bits(edge)}")


# One function for each kind of condition.


def circle(table, rng):
    lon, lat = table.center()
    radius = table.radius(lon, lat)
    kind = rng.choice(["closed", "closed", "open"])
    emit(kind, [lon, lat, radius], table.within(lon, lat, radius))


AXES = [(0.0, 0.0), (90.0, 0.0), (180.0, 0.0), (270.0, 0.0), (0.0, 90.0), (0.0, -90.0)]


def on_edge(table, rng):
    """Circles whose edge runs through rows: positions on the axes, whose vectors are whole numbers."""
    lon, lat = rng.choice(AXES)
    radius = rng.choice([0.0, 90.0, 180.0])
    kind = rng.choice(["closed", "open"])
    distance = separation(lon, lat, table.lon, table.lat)
    holds, edge = distance <= radius, np.abs(distance - radius) < MARGIN
    whole = np.round(vectors(lon, lat))
    for at, (row_lon, row_lat) in enumerate(table.places):
        if row_lon % 90.0 == 0.0 and row_lat % 90.0 == 0.0 or abs(row_lat) == 90.0:
            angle = {1: 0.0, 0: 90.0, -1: 180.0}[int(whole @ np.round(table.points[at]))]
            holds[at] = angle < radius if kind == "open" else angle <= radius
            edge[at] = False
        elif radius == 180.0:
            holds[at], edge[at] = True, False  # nothing but the antipode is as far
    emit(kind, [lon, lat, radius], (holds, edge))


def ring(table, rng):
    lon, lat = table.center()
    low, high = sorted([table.radius(lon, lat), table.radius(lon, lat)])
    distance = separation(lon, lat, table.lon, table.lat)
    edge = (np.abs(distance - low) < MARGIN) | (np.abs(distance - high) < MARGIN)
    emit("ring", [lon, lat, low, high], ((low <= distance) & (distance <= high), edge))


def polygon(table, rng):
    center = table.center()
    shape = table.polygon(center, table.size())
    if rng.random() < 0.15:
        # A vertex on a row, the others about it: the row belongs to the polygon, the edge being
        # part of it.
        at = rng.randrange(len(table.places))
        row = table.places[at]
        size = rng.uniform(0.01, 30.0)
        first = rng.uniform(0, 360)
        corner = [beside(*row, size, first), beside(*row, size * rng.uniform(0.5, 1), first + rng.uniform(30, 120))]
        middle = (vectors(*row) + vectors(*corner[0]) + vectors(*corner[1])) / 3
        lon, lat = math.degrees(math.atan2(middle[1], middle[0])), math.degrees(math.atan2(middle[2], math.hypot(middle[0], middle[1])))
        shape = Polygon((lon, lat), [row, *corner])
        holds, edge = table.in_polygon(shape)
        same = (table.lon == row[0]) & (table.lat == row[1])
        emit("polygon", shape.numbers(), (holds | same, edge & ~same))
        return
    emit("polygon", shape.numbers(), table.in_polygon(shape))


def center_box(table, rng):
    lon, lat = table.center()
    if abs(lat) == 90.0:
        lat -= math.copysign(0.5, lat)
    sizes = [lon, lat, table.size(170.0), table.size(170.0)]
    emit("box", sizes, table.in_box(*sizes))


def lonlat(table, rng):
    """Limits often on rows: exact, as they are compared as they stand."""
    lon, lat = table.center()
    width, height = table.size(300.0), table.size(120.0)
    west, east = (lon - width / 2) % 360.0, (lon + width / 2) % 360.0
    south, north = max(lat - height / 2, -90.0), min(lat + height / 2, 90.0)
    a, b = (rng.choice(table.places) for _ in range(2))
    if rng.random() < 0.5:
        west, east = a[0] % 360.0, b[0] % 360.0
    if rng.random() < 0.5:
        south, north = sorted([a[1], b[1]])
    if rng.random() < 0.5:
        turned = np.mod(table.lon, 360.0)
        spans = (west <= turned) & (turned <= east) if west <= east else (turned >= west) | (turned <= east)
        holds = spans & (south <= table.lat) & (table.lat <= north)
        emit("lonlat", [west, south, east, north], (holds, holds & False))
        return
    # What BETWEEN makes of the numbers themselves: no wrap. A row whose longitude is kept a turn off
    # is not judged: limits of both coordinates are a box, which it lies in where the sky has it.
    west, east = sorted([west, east])
    if rng.random() < 0.2:
        west -= 360.0
    holds = (west <= table.lon) & (table.lon <= east) & (south <= table.lat) & (table.lat <= north)
    emit("range", [west, south, east, north], (holds, (table.lon < 0.0) | (table.lon >= 360.0)))


def ellipse(table, rng):
    lon, lat = table.center()
    if abs(lat) == 90.0:
        lat -= math.copysign(1e-3, lat)
    major = max(table.size(80.0), 0.01)
    minor = round(major * rng.uniform(0.1, 0.9), 9)
    angle = round(rng.uniform(0, 180), 6)
    emit("ellipse", [lon, lat, major, minor, angle], table.in_ellipse(lon, lat, major, minor, angle))


# Not FK5, which is taken as ICRS: 23 mas off, by design.
FRAMES = {"GALACTIC": Galactic(), "FK4": FK4NoETerms(equinox="B1950", obstime="B1950")}


def leaf(table, rng, center):
    """A shape in STC-S, and its rows."""
    kind = rng.choice(["CIRCLE", "CIRCLE", "POLYGON", "BOX", "POSITIONINTERVAL", "FRAME"])
    lon, lat = center
    if kind == "CIRCLE":
        radius = table.radius(lon, lat)
        return f"CIRCLE {text([lon, lat, radius])}", table.within(lon, lat, radius)
    if kind == "POLYGON":
        shape = table.polygon(center, table.size())
        return f"POLYGON {text(shape.numbers())}", table.in_polygon(shape)
    if kind == "BOX":
        sizes = [lon, min(max(lat, -89.5), 89.5), table.size(120.0), table.size(120.0)]
        return f"BOX {text(sizes)}", table.in_box(*sizes)
    if kind == "FRAME":
        # Frames agree to some 1e-9 degrees (FK4: 1e-8).
        name = rng.choice(list(FRAMES))
        there = SkyCoord(lon * u.deg, lat * u.deg).transform_to(FRAMES[name]).spherical
        there = rounded(there.lon.deg, there.lat.deg)
        back = SkyCoord(*there, unit="deg", frame=FRAMES[name]).icrs
        radius = table.radius(lon, lat)
        return f"CIRCLE {name} {text([*there, radius])}", table.within(back.ra.deg, back.dec.deg, radius)
    width, height = table.size(170.0), table.size(60.0)
    west, east = round((lon - width / 2) % 360.0, 9), round((lon + width / 2) % 360.0, 9)
    south, north = max(lat - height / 2, -90.0), min(lat + height / 2, 90.0)
    turned = np.mod(table.lon, 360.0)
    spans = (west <= turned) & (turned <= east) if west <= east else (turned >= west) | (turned <= east)
    gap = lambda a, b: np.abs((a - b + 180.0) % 360.0 - 180.0) * np.cos(np.radians(table.lat))
    edge = (gap(turned, west) < MARGIN) | (gap(turned, east) < MARGIN)
    edge |= (np.abs(table.lat - south) < MARGIN) | (np.abs(table.lat - north) < MARGIN)
    holds = spans & (south <= table.lat) & (table.lat <= north)
    return f"POSITIONINTERVAL {text([west, south, east, north])}", (holds, edge)


def tree(table, rng, center, depth):
    kind = rng.choice(["UNION", "INTERSECTION", "NOT", "leaf"]) if depth else "leaf"
    at = beside(*center, 10 ** rng.uniform(-3, 1.3), rng.uniform(0, 360))
    if kind == "leaf":
        return leaf(table, rng, at)
    if kind == "NOT":
        stcs, (holds, edge) = tree(table, rng, center, depth - 1)
        return f"NOT ({stcs})", (~holds, edge)
    parts = [tree(table, rng, center, depth - 1) for _ in range(rng.choice([2, 2, 3]))]
    join = np.logical_or if kind == "UNION" else np.logical_and
    holds = join.reduce([holds for _, (holds, _) in parts])
    edge = np.logical_or.reduce([edge for _, (_, edge) in parts])
    return f"{kind} ({' '.join(stcs for stcs, _ in parts)})", (holds, edge)


def region(table, rng):
    stcs, verdict = tree(table, rng, table.center(), rng.choice([0, 1, 1, 2, 3]))
    emit("region", stcs, verdict)


def moc(table, rng):
    lon, lat = table.center()
    size = max(table.size(60.0), 1e-3)
    order = min(max(round(math.log2(58.6 * rng.uniform(2, 6) / size)), 0), 20)
    cells = MOC.from_cone(lon=Longitude(lon, u.deg), lat=Latitude(lat, u.deg), radius=size * u.deg, max_depth=order)
    if rng.random() < 0.3 and order < 6:
        cells = cells.complement()
    answers = []
    for bearing in (None, 45, 135, 225, 315):
        lon, lat = np.mod(table.lon, 360.0), table.lat
        if bearing is not None:
            north, east = math.cos(math.radians(bearing)) * MARGIN, math.sin(math.radians(bearing)) * MARGIN
            lon = np.mod(lon + east / np.maximum(np.cos(np.radians(lat)), 1e-9), 360.0)
            lat = np.clip(lat + north, -90.0, 90.0)
        answers.append(cells.contains_lonlat(lon * u.deg, lat * u.deg))
    edge = np.logical_or.reduce([answer != answers[0] for answer in answers])
    emit("moc", " ".join(cells.to_string(format="ascii").split()), (answers[0], edge))


def about_rows(table, rng):
    """Circles about the rows, of one radius or of each row's own, and a circle."""
    lon, lat = table.center()
    distance = separation(lon, lat, table.lon, table.lat)
    radius = table.size(60.0)
    kind = rng.choice(["holds", "meets", "within", "reach-holds", "reach-meets", "reach-within"])
    if kind == "reach-holds":
        emit(kind, [lon, lat], (distance <= table.reach, np.abs(distance - table.reach) < MARGIN))
        return
    own = table.reach if kind.startswith("reach") else table.size(60.0)
    numbers = [lon, lat, radius] if kind.startswith("reach") else [lon, lat, radius, own]
    limit = {"holds": own - radius, "meets": own + radius, "within": radius - own}[kind.split("-")[-1]]
    emit(kind, numbers, (distance <= limit, np.abs(distance - limit) < MARGIN))


def stored(table, rng):
    """Columns of shapes, and a shape."""
    lon, lat = table.center()
    disc_lon, disc_lat, disc_radius = (np.array(x) for x in zip(*table.discs))
    distance = separation(lon, lat, disc_lon, disc_lat)
    kind = rng.choice(["disc-holds", "disc-meets", "disc-within", "outline-holds", "outline-meets"])
    radius = table.size(60.0)
    if kind == "disc-holds":
        emit(kind, [lon, lat], (distance <= disc_radius, np.abs(distance - disc_radius) < MARGIN))
    elif kind.startswith("disc"):
        limit = disc_radius + radius if kind == "disc-meets" else radius - disc_radius
        emit(kind, [lon, lat, radius], (distance <= limit, np.abs(distance - limit) < MARGIN))
    elif kind == "outline-holds":
        point = vectors(np.array([lon]), np.array([lat]))
        judged = [outline.judge(point) for outline in table.outlines]
        emit(kind, [lon, lat], tuple(np.array([j[i][0] for j in judged]) for i in (0, 1)))
    else:
        shape = table.polygon((lon, lat), table.size(30.0))
        holds = [bool(outline.sphere.intersects_poly(shape.sphere)) for outline in table.outlines]
        edge = [
            near_edges(outline.corners, shape.corners).any() or near_edges(shape.corners, outline.corners).any()
            for outline in table.outlines
        ]
        emit(kind, shape.numbers(), (np.array(holds), np.array(edge)))


KINDS = [(circle, 20), (on_edge, 5), (ring, 5), (polygon, 20), (center_box, 8), (lonlat, 12), (ellipse, 7),
         (region, 16), (moc, 8), (about_rows, 8), (stored, 5)]


def main(number=2010, seed=2026, tables=4):
    print(f"# made by make_queries.py {number} {seed} {tables}")
    functions, weights = zip(*KINDS)
    for part in range(tables):
        rng = random.Random(seed * 1000 + part)
        table = Table(rng)
        table.write()
        for _ in range(number * (part + 1) // tables - number * part // tables):
            rng.choices(functions, weights)[0](table, rng)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
