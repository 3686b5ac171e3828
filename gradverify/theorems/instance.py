"""The second opinion on an equality: both sides at sizes 1 to 3, at rational points that satisfy the hypotheses.

The points satisfy the hypotheses that are named and, but for chance, no others, so that a step that needs one
it does not name is refuted here too. Two sides agree when their balls meet and are narrow; a comparison
*separates* when the common value, or a summand of it, is not 0: a wrong sign or factor there would have been seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product

from flint import arb

from gradverify.theorems.ball import PRECISIONS, Undefined, decimal, differ, narrow, precision
from gradverify.theorems.draw import drawn, whole
from gradverify.theorems.notation import Array
from gradverify.theorems.term import Derivative, Index, Plus, Sigma, Size, Term
from gradverify.theorems.written import Exactly, InBalls, Instance, Scope, Writer

LARGEST = 3  # sizes are 1, 2 and 3
ROUNDS = 4  # the sizes in turn, then 2 and 3 once more at a point of entries -1, 0 and 1: zeros, ties and kinks
REDRAWN = 50  # points tried before we say that no point satisfies the hypotheses


@dataclass(frozen=True)
class Equality:
    """A hypothesis as the points see it: two sides, and the array whose entries are chosen to satisfy it."""

    left: Term
    right: Term
    fixes: Array


@dataclass(frozen=True)
class Setting:
    """What the points have to satisfy: sizes, free arrays, positive ones, and the hypotheses that are named."""

    sizes: tuple[Size, ...]
    arrays: tuple[Array, ...]
    positive: frozenset[Array] = frozenset()
    nonzero: tuple[Term, ...] = ()
    equalities: tuple[Equality, ...] = ()


@dataclass(frozen=True)
class Opinion:
    """What the instances say: how many comparisons were made and separate, or where the sides differ, or why not."""

    comparisons: int = 0
    separating: int = 0
    counterexample: str = ""
    trouble: str = ""

    @property
    def agrees(self) -> bool:
        """True when every comparison agreed and at least one was made."""
        return self.comparisons > 0 and not self.counterexample and not self.trouble


class NoPoint(Exception):
    """No point was found that satisfies the hypotheses."""


@dataclass
class Instances:
    """The instances of one setting, and what has been evaluated at them."""

    setting: Setting
    points: list[Instance] = field(default_factory=list)
    scopes: dict[tuple[int, int], Scope] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.points = [instance(self.setting, number) for number in range(ROUNDS)]

    def compare(self, left: Term, right: Term) -> Opinion:
        """Both sides at every instance and every value of the free indices."""
        free = tuple(sorted(left.free | right.free, key=lambda i: i.key))
        comparisons = separating = 0
        for point in self.points:
            for where in _every(free, point.sizes):
                try:
                    a, b = self.narrow_pair(left, right, where, point)
                except Undefined as why:
                    return Opinion(comparisons, separating, trouble=f"at {_told(point, where)}: {why}")
                if differ(a, b):
                    sides = f"the left side is {decimal(a)}, the right side {decimal(b)}"
                    return Opinion(comparisons, separating, counterexample=f"at {_told(point, where)}: {sides}")
                comparisons += 1
                separating += self.separates(a, left, where, point) or self.separates(b, right, where, point)
        return Opinion(comparisons, separating, trouble=self.blunt(separating))

    def separates(self, value: arb, t: Term, where: Mapping[Index, int], point: Instance) -> bool:
        """Whether a side, or a summand of it, is certainly not 0 here."""
        if not value.contains(0):
            return True
        bits = PRECISIONS[0]
        with precision(bits):
            parts = (self.value(x, {**where, **at}, point, bits) for x, at in _summands(t, point.sizes))
            return any(not part.contains(0) for part in parts)

    def blunt(self, separating: int) -> str:
        """Why a mistake would not have been seen, or nothing."""
        if not separating:
            return "both sides and all their summands are 0 at every instance: a wrong sign or factor would not be seen"
        seen: dict[str, set[bool | None]] = {}
        for point in self.points:
            for key, sides in point.sides.items():
                seen.setdefault(key, set()).update(sides)
        if any(not sides >= {True, False} for sides in seen.values()):
            return "the argument of a ReLU lies on one side of 0 at every instance"
        return ""

    def narrow_pair(self, left: Term, right: Term, where: Mapping[Index, int], point: Instance) -> tuple[arb, arb]:
        """Both values, as precisely as it takes to call them equal or different."""
        trouble = Undefined("the balls stay too wide to compare")
        for bits in PRECISIONS:
            try:
                with precision(bits):
                    a, b = self.value(left, where, point, bits), self.value(right, where, point, bits)
                    if differ(a, b) or (narrow(a) and narrow(b)):
                        return a, b
            except Undefined as why:
                trouble = why
        raise trouble

    def value(self, t: Term, where: Mapping[Index, int], point: Instance, bits: int) -> arb:
        """A side's value; what has been evaluated at this point with this precision is looked up."""
        scope = self.scopes.setdefault((point.number, bits), Scope(point.values))
        return Writer(point, InBalls()).value(t, where, scope)


def instance(setting: Setting, number: int) -> Instance:
    """The instance with this number: sizes in turn, values drawn by name, then the hypotheses satisfied."""
    turn = [1 + (number + n) % LARGEST if number < LARGEST else 2 + n % 2 for n in range(len(setting.sizes))]
    sizes = {size.name: n for size, n in zip(setting.sizes, turn, strict=True)}
    for attempt in range(REDRAWN):
        values = {a.name: dict(_entries(a, sizes, setting, number, attempt)) for a in setting.arrays}
        found = Instance(number, sizes, values)
        for e in setting.equalities:
            _satisfy(e, found)
        if all(_satisfied(e, found) for e in setting.equalities) and _signs_are_right(found, setting):
            return found
    raise NoPoint(
        f"no point at {sizes} satisfies the hypotheses; a hypothesis has to be an equation in which some entry of the "
        "array it fixes stands to the first power."
    )


def _entries(
    a: Array, sizes: Mapping[str, int], setting: Setting, number: int, attempt: int
) -> Iterator[tuple[tuple[int, ...], Fraction | int]]:
    for at in product(*(range(sizes[s.name]) for s in a.sizes)):
        words = (a.name, at, number, attempt)
        if a.into is not None:
            yield at, whole(sizes[a.into.name], *words)
        else:
            # smaller at each attempt: positive labels that sum to 1 exist, and have to be found
            value = drawn(*words) / (1 + attempt) if number < LARGEST else Fraction(whole(3, *words) - 1)
            yield at, (abs(value) or Fraction(1)) / (1 + attempt) if a in setting.positive else value


def _satisfy(e: Equality, point: Instance) -> None:
    """Choose, for every value of the free indices, an entry that makes the two sides equal, where one does."""
    free = tuple(sorted(e.left.free | e.right.free, key=lambda i: i.key))
    entries = point.values[e.fixes.name]
    chosen: set[tuple[int, ...]] = set()
    for where in _every(free, point.sizes):
        for at in [at for at in reversed(list(entries)) if at not in chosen]:
            before = entries[at]
            gaps = []
            for trial in (Fraction(0), Fraction(1)):
                entries[at] = trial
                gaps.append(_gap(e, where, point))
            if gaps[0] == gaps[1]:
                entries[at] = before
                continue
            entries[at] = gaps[0] / (gaps[0] - gaps[1])
            chosen.add(at)
            break


def _satisfied(e: Equality, point: Instance) -> bool:
    free = tuple(sorted(e.left.free | e.right.free, key=lambda i: i.key))
    return all(_gap(e, where, point) == 0 for where in _every(free, point.sizes))


def _gap(e: Equality, where: Mapping[Index, int], point: Instance) -> Fraction:
    try:
        return _exactly(e.left, where, point) - _exactly(e.right, where, point)
    except Undefined as why:
        raise NoPoint(f"a hypothesis could not be evaluated in rational numbers: {why}") from None


def _exactly(t: Term, where: Mapping[Index, int], point: Instance) -> Fraction:
    alone = Instance(point.number, point.sizes, point.values)  # what is asked here says nothing of the two sides
    value: Fraction = Writer(alone, Exactly()).value(t, where, Scope(point.values))
    return value


def _signs_are_right(point: Instance, setting: Setting) -> bool:
    positive = all(v > 0 for a in setting.arrays if a in setting.positive for v in point.values[a.name].values())
    return positive and not any(
        _is_zero(t, where, point) for t in setting.nonzero for where in _every(t.in_order, point.sizes)
    )


def _is_zero(t: Term, where: Mapping[Index, int], point: Instance) -> bool:
    try:
        return _exactly(t, where, point) == 0
    except Undefined:
        return False  # no rational number; where it is 0 the two sides will have no value


def _summands(t: Term, sizes: Mapping[str, int]) -> Iterator[tuple[Term, dict[Index, int]]]:
    """What a sum, or the derivative of a sum, is made up of."""
    if isinstance(t, Derivative):
        yield from ((Derivative(x, t.by), at) for x, at in _summands(t.body, sizes) if not frozenset(at) & t.by.free)
    elif isinstance(t, Plus | Sigma):
        yield from ((x, at) for at in _every(t.binds, sizes) for x in t.terms)


def _every(free: Iterable[Index], sizes: Mapping[str, int]) -> Iterator[dict[Index, int]]:
    indices = tuple(free)
    for numbers in product(*(range(sizes[i.size.name]) for i in indices)):
        yield dict(zip(indices, numbers, strict=True))


def _told(point: Instance, where: Mapping[Index, int]) -> str:
    indices = ", ".join(f"{i.name} = {n + 1}" for i, n in where.items())
    return f"{point.told()}{', with ' if indices else ''}{indices}"
