"""Points of a Domain from any source of choices: special points, scales, ties, literals, labels, shapes."""

from gradverify.points.choices import Choices, Seeded
from gradverify.points.generate import KINDS, SPECIAL, Kind, point
from gradverify.points.literals import literals

__all__ = ["KINDS", "SPECIAL", "Choices", "Kind", "Seeded", "literals", "point"]
