"""What a claimed derivative is off by, at one point and for one cotangent, when some of the entries move."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gradverify._arrays import Array
from gradverify._subject import Subject
from gradverify._vectors import CannotHere, Estimate, Vectors
from gradverify.explain.groups import Gap, Groups, Unknown
from gradverify.judge.rounding import FLOORED, MEASURED
from gradverify.oracles.ladder import Ladder
from gradverify.oracles.line import addable
from gradverify.quantifiers import tangent


@dataclass(frozen=True)
class Mismatch:
    """A claim for the arguments at ``judged``, the oracle it is held against, and whether all steps are alike.

    ``gradient`` is what the pullback answers, asked for once; where the claim is a forward rule's, it is None.
    """

    f: Subject
    x: Vectors
    v: Vectors
    judged: tuple[int, ...]
    oracle: Ladder
    gradient: Vectors | None
    even: bool = False
    spent: Callable[[], bool] = lambda: False  # is the budget? Then nothing more is asked

    @cached_property
    def base(self) -> Vectors:
        """A tangent that moves every entry by a size and a sign of its own: no two mistakes cancel."""
        return tangent(self.f, self.x, np.random.default_rng(20268), self.judged, even=self.even)

    @cached_property
    def starts(self) -> dict[int, int]:
        """The number that the first entry of each argument has, when all are counted one after another."""
        sizes = itertools.accumulate((self.x[k].size for k in self.judged), initial=0)
        return dict(zip(self.judged, sizes, strict=False))

    def moves(self, k: int) -> bool:
        """Does every entry of this argument move? What lies at an end of its range does not: nothing is seen of it."""
        return bool(np.all(self.base[k]))

    @property
    def count(self) -> int:
        """How many entries there are."""
        return sum(self.x[k].size for k in self.judged)

    def claim(self, u: Vectors) -> Estimate:
        """The claimed <v, Df(x) u>."""
        if self.gradient is not None:
            found: Estimate = self.gradient.inner(u)
            return found
        pushed: Estimate = self.f.pushforward(self.x, u).inner(self.v)
        return pushed

    def along(self, u: Vectors) -> Gap:
        """What the claim is off by along a direction, and how far it may be: without end where no oracle answers."""
        known = CannotHere("") if self.spent() else self.oracle.directional(self.f, self.x, u, self.v)
        if not isinstance(known, Estimate):
            return Gap(0.0, np.inf)
        claimed = self.claim(u)
        gap, bar = claimed.value - known.value, claimed.error + known.error
        if abs(gap) > bar and claimed.answers and (weighed := claimed.answers[0]).along is not None:
            rounding = MEASURED if self.gradient is not None else FLOORED  # of one answer, measured once
            bar += abs(weighed.weight) * rounding.along(weighed.answer, weighed.along)
        return Gap(float(gap), float(bar))

    def weighed(self, weights: Mapping[int, Array]) -> Gap:
        """The same where each entry of these arguments moves by so many times its own share."""
        parts: list[Array] = [np.zeros(0)] * len(self.x)
        for k, times in weights.items():
            parts[k] = addable(self.x[k], self.base[k] * times)
        return self.along(Vectors(tuple(parts), random=True))

    def few(self, enough: int) -> range:
        """The numbers of at most so many entries among which a wrong one is; the first ones, where none is found."""
        try:
            return range(*Groups(self.count, self._of_entries).one(enough))
        except Unknown:
            return range(min(enough, self.count))

    def entry(self, number: int) -> tuple[int, tuple[int, ...]]:
        """The argument and the index of the entry with this number."""
        k = max(
            (k for k, start in self.starts.items() if start <= number and self.x[k].size), key=self.starts.__getitem__
        )
        return k, tuple(int(n) for n in np.unravel_index(number - self.starts[k], self.x[k].shape))

    def entries_of(self, k: int) -> Groups:
        """The entries of one argument."""
        return Groups(self.x[k].size, lambda first, weights: self._of_entries(self.starts[k] + first, weights))

    def slices_of(self, k: int, axis: int) -> Groups:
        """The slices of one argument along an axis."""
        shape = self.x[k].shape

        def measure(first: int, weights: Array) -> Gap:
            every = np.zeros(shape[axis])
            every[first : first + len(weights)] = weights
            return self.weighed({k: every.reshape([-1 if i == axis else 1 for i in range(len(shape))])})

        return Groups(shape[axis], measure)

    def _of_entries(self, first: int, weights: Array) -> Gap:
        chosen = {}
        for k, start in self.starts.items():
            here = within(range(first, first + len(weights)), start, self.x[k].size)
            if here:
                every = np.zeros(self.x[k].size)
                every[here.start - start : here.stop - start] = weights[here.start - first : here.stop - first]
                chosen[k] = every.reshape(self.x[k].shape)
        return self.weighed(chosen)


def within(entries: range, start: int, size: int) -> range:
    """Those of the entries that lie in the part that starts there."""
    return range(max(entries.start, start), min(entries.stop, start + size))
