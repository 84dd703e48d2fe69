"""The table of classes, in the order in which it is printed."""

from . import lookups, matches, regions, scans
from .case import Case
from .data import Data


def classes(data: Data) -> list[Case]:
    """Return all classes on the surveys of one size."""
    return [
        *lookups.cases(data),
        *regions.cones(data),
        *scans.cases(data),
        *matches.cases(data),
        *regions.starts(data),
        *regions.growth(data),
    ]
