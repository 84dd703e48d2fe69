"""LSDB on the same Objects as HATS."""

from .data import Data
from .measure import Answer, Missing, Request


class Lsdb:
    def __init__(self, data: Data) -> None:
        raise Missing("later")

    def ask(self, request: Request) -> Answer: ...
