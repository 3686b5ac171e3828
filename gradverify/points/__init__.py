"""Points of a Domain from any source of choices: special points, scales, ties, literals, labels, shapes, options."""

from gradverify.points.choices import Choices, Seeded
from gradverify.points.generate import KINDS, SPECIAL, Kind, point
from gradverify.points.literals import literals
from gradverify.points.options import changed, combinations, plainest, swept

__all__ = [
    "KINDS",
    "SPECIAL",
    "Choices",
    "Kind",
    "Seeded",
    "changed",
    "combinations",
    "literals",
    "plainest",
    "point",
    "swept",
]
