"""Group testing: which of many members are wrong, where only what some of them are off by together can be measured.

Halves of a group that is wrong are followed (Dorfman, The detection of defective members of large populations, 1943),
and a group whose members are weighed by their place tells at once where a single one is, as a syndrome does. Whoever
measures gives every member a size and a sign of its own, so that no two mistakes cancel.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gradverify._arrays import Array

LEVELS = 1024  # places that one weighing tells apart; weights have 16 bits
ROUNDED = 2.0**-12  # of a weight: what rounding it makes of a place
EACH = 8  # members up to which every one is asked
DRAWN = 8  # members at random that are asked of a group that may be wrong throughout, besides its ends
TRIES = 2  # groups in which more than one turned out to be wrong, until no single one is looked for
FEW, TWO = 32, 4  # groups at once that are partly wrong: of entries told one by one; those at the ends of two runs
STRIDE, SEEN = 48, 5  # members drawn to find a stride, and wrong ones that tell it
MOST = 300  # measurements


@dataclass(frozen=True)
class Gap:
    """What a group is off by, and how well that is known: a bar without end where it is not."""

    value: float
    bar: float

    @property
    def wrong(self) -> bool:
        """Is it off by more than its bar?"""
        return abs(self.value) > self.bar

    @property
    def bars(self) -> float:
        """By how many bars."""
        return abs(self.value) / self.bar if self.bar > 0 else math.inf if self.value else 0.0

    def __sub__(self, other: Gap) -> Gap:
        return Gap(self.value - other.value, self.bar + other.bar)


Measure = Callable[[int, Array], Gap]  # of the members from the first number on, times these weights
Group = tuple[int, int, Gap]  # the members from the one number up to the other, and what they are off by


class Unknown(Exception):
    """It cannot be told: neither half of a group that is wrong is wrong, or too many would have to be asked."""


@dataclass
class Groups:
    """``count`` members and what measures them; Unknown is raised where ``most`` measurements do not do."""

    count: int
    measure: Measure
    most: int = MOST

    def asked(self, start: int, weights: Array) -> Gap:
        """A measurement."""
        self.most -= 1
        if self.most < 0:
            raise Unknown
        return self.measure(start, weights)

    def together(self, start: int, stop: int) -> Gap:
        """What these members are off by together."""
        return self.asked(start, np.ones(stop - start))

    def one(self, enough: int) -> tuple[int, int]:
        """At most so many members with a wrong one: of halves the one that is further off is followed."""
        if self.count <= enough:
            return 0, self.count
        start, stop, tries, whole = 0, self.count, TRIES, self.together(0, self.count)
        while stop - start > enough:
            aimed = self._pointed(start, stop, whole) if tries and stop - start > EACH else None
            if aimed is None:
                tries -= 1
                halves = self._halves(start, stop, whole)
                aimed = max(halves, key=lambda half: half[2].bars)
            start, stop, whole = aimed
        return start, stop

    def alone(self, whole: Gap) -> int | None:
        """The one member that is wrong, where it is one."""
        start, stop = 0, self.count
        while stop - start > 1:
            aimed = self._pointed(start, stop, whole)
            if aimed is None:
                return None
            start, stop, whole = aimed
        return start

    def wrong(self, whole: Gap, at_once: int = FEW) -> Array:
        """Which members are wrong: a few, or a few runs. Unknown where more than ``at_once`` groups are mixed."""
        wrong, open_ = np.zeros(self.count, bool), [(0, self.count, whole)]
        while open_:
            below: list[Group] = []
            mixed = 0
            for start, stop, gap in open_:
                if stop - start <= EACH:
                    wrong[start:stop] = self._each(start, stop, gap)
                elif at_once > TWO and (aimed := self._pointed(start, stop, gap)) is not None:
                    below.append(aimed)
                elif self.throughout(start, stop):
                    wrong[start:stop] = True
                else:
                    halves = [half for half in self._halves(start, stop, gap) if half[2].wrong]
                    mixed += 1
                    if not halves or mixed > at_once:
                        raise Unknown
                    below += halves
            open_ = below
        return wrong

    def throughout(self, start: int, stop: int) -> bool:
        """Are the first and the last of these members wrong, and some drawn at random?"""
        drawn = np.random.default_rng([start, stop]).integers(start, stop, DRAWN).tolist()
        return all(self.together(i, i + 1).wrong for i in (start, stop - 1, *drawn))

    def spread(self) -> bool:
        """Are the members that are wrong so many that every random 64th of all has some?"""
        rng, parts = np.random.default_rng(0), 64
        label = rng.integers(0, parts, self.count)
        return all(self.asked(0, (label == part).astype(np.float64)).wrong for part in range(4))

    def strided(self) -> Array:
        """The members that are wrong, if it is every so-manyth. Raises Unknown where it is not."""
        rng, found = np.random.default_rng(1), list[int]()
        for i in rng.permutation(min(self.count, 2**20))[:STRIDE].tolist():
            found += [i] if self.together(i, i + 1).wrong else []
            stride = math.gcd(*(i - found[0] for i in found))
            if stride == 1 or len(found) >= SEEN:
                break
        if stride < 2 or len(found) < SEEN:
            raise Unknown
        wrong = np.asarray(np.arange(self.count) % stride == found[0] % stride)
        if self.asked(0, (~wrong).astype(np.float64)).wrong:
            raise Unknown
        return wrong

    def _each(self, start: int, stop: int, gap: Gap) -> Array:
        if stop - start == 1:
            return np.array([gap.wrong])
        return np.array([self.together(i, i + 1).wrong for i in range(start, stop)])

    def _pointed(self, start: int, stop: int, whole: Gap) -> Group | None:
        """A smaller group that alone is wrong, where a single member is; weighed by its place it is off by more."""
        size = stop - start
        levels = min(LEVELS, size)
        place = np.arange(size) * levels // size
        ramp = self.asked(start, 1 + place / levels)
        if not whole.wrong or not math.isfinite(ramp.bar):
            return None
        at = levels * (ramp.value / whole.value - 1)
        doubt = levels * ((ramp.bar + 2 * whole.bar) / abs(whole.value) + ROUNDED)
        low, high = max(math.ceil(at - doubt), 0), min(math.floor(at + doubt), levels - 1)
        if not 0 <= high - low < max(levels // 4, 1):
            return None
        first, last = np.searchsorted(place, (low, high + 1))
        part = self.together(start + int(first), start + int(last))
        return None if not part.wrong or (whole - part).wrong else (start + int(first), start + int(last), part)

    def _halves(self, start: int, stop: int, whole: Gap) -> tuple[Group, Group]:
        """Both halves; the second is what is left of the whole, where that is known well enough."""
        middle = (start + stop) // 2
        left = self.together(start, middle)
        right = whole - left
        if not right.wrong or right.bar > 4 * left.bar:
            right = self.together(middle, stop)
        return (start, middle, left), (middle, stop, right)
