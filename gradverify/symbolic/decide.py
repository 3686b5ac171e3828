"""Whether an expression is zero: proved modulo primes, refuted by a ball at a rational point, or left open.

A ball (python-flint's ``arb``) encloses the true value, so one that excludes zero refutes; an expression
that vanishes in random fields is zero (``field``). Conditions are first taken as free numbers, and only
then case by case.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from flint import arb, ctx, fmpq

from gradverify.symbolic import expression as ex
from gradverify.symbolic.expression import Expr
from gradverify.symbolic.field import Expansions, Field, Fields

Point = Mapping[Expr, fmpq]
PRECISIONS = (100, 400, 1600)  # bits
POINTS = 24  # rational points at which a difference is looked for
LED = 4  # points led between thresholds, for each case
CASES = 10  # conditions up to which every combination is tried
GRID = 64  # points are multiples of 1/64 below 3: exact in every floating type
SPAN = 192
SCALES = (fmpq(1), fmpq(1), fmpq(8), fmpq(1, 64), fmpq(64))  # of the points, in turn


class Open(Exception):
    """A claim could neither be proved nor refuted."""


class OutOfTime(Exception):
    """The budget was spent on the way to a decision."""


class Undefined(Exception):
    """An expression has no value at a point: a tie, a division by zero, the logarithm of a negative number."""


@dataclass(frozen=True)
class Assumptions:
    """The symbols, and what is known of them: rows that sum to 1, and the branch of the code that is followed."""

    symbols: tuple[Expr, ...]
    simplices: tuple[tuple[Expr, ...], ...] = ()
    branch: Mapping[Expr, bool] = field(default_factory=dict)
    on_it: Point = field(default_factory=dict)  # a point on that branch, if one is known
    values: tuple[Expr, ...] = ()  # what the function itself answers: a point counts only where that is defined

    def constrain(self, values: Field) -> None:
        """Set what is not free in a field."""
        for row in self.simplices:
            values.values[row[-1]] = (1 - sum(values(s) for s in row[:-1])) % values.p

    def point(self, rng: random.Random, fine: bool = False, scale: fmpq = SCALES[0]) -> dict[Expr, fmpq]:
        """A rational point inside the bounds and on every simplex; a ``fine`` one needs every bit of a float."""
        at = {s: _between(s, rng, fine, scale) for s in self.symbols}
        for row in self.simplices:
            weights = [rng.randint(1, 9) for _ in row]
            weights[-1] += 64 * (1 + sum(weights) // 64) - sum(weights)
            at |= {s: fmpq(w, sum(weights)) for s, w in zip(row, weights, strict=True)}
        return at

    def points(self, seed: int, fine: bool = False, scale: fmpq | None = None) -> Iterable[dict[Expr, fmpq]]:
        """Rational points on the branch that is followed, as far as they are found; of several scales, or of one."""
        rng = random.Random(seed)
        if self.on_it and not fine and self.holds(self.on_it):
            yield dict(self.on_it)
        for number in range(POINTS * (1 + 8 * bool(self.branch))):
            if fine and self.on_it:
                at = {s: q * (1 + fmpq(rng.getrandbits(40), 2**48)) for s, q in self.on_it.items()}
                at |= {s: self.on_it[s] for row in self.simplices for s in row}
            else:
                at = self.point(rng, fine, scale or SCALES[0 if fine else number % len(SCALES)])
            if self.holds(at):
                yield at

    def holds(self, at: Point) -> bool:
        """Does this point lie on the branch, and has the function a value there?"""
        try:
            enclose(self.values, at, 100)
            return all(bool(enclose([h.args[0]], at, 100)[0] > 0) == taken for h, taken in self.branch.items())
        except Undefined:
            return False


class Drawn(dict[Expr, fmpq]):
    """A point that draws the value of a symbol when it is first asked for."""

    def __init__(self, assume: Assumptions, rng: random.Random) -> None:
        super().__init__(assume.point(rng))
        self.rng = rng

    def __missing__(self, s: Expr) -> fmpq:
        self[s] = _between(s, self.rng)
        return self[s]

    def says(self, h: Expr) -> bool:
        """Does this condition hold here?"""
        try:
            return bool(enclose([h.args[0]], self, 100)[0] > 0)
        except Undefined:
            return False


def _between(s: Expr, rng: random.Random, fine: bool = False, scale: fmpq = SCALES[0]) -> fmpq:
    _, low, high = s.args
    step = scale * (fmpq(rng.getrandbits(50) + 1, 2**50) if fine else fmpq(rng.randint(1, SPAN), GRID))
    if low is None and high is None:
        return step * rng.choice((1, -1))
    if high is None:
        return low + step
    if low is None:
        return high - step
    return low + (high - low) * fmpq(rng.getrandbits(30) | 1 if fine else 4 * rng.randint(1, 2**28 - 1), 2**30)


@dataclass(frozen=True)
class Decision:
    """What is known of an expression: ``zero``, ``nonzero`` at a point (with the ball there), or ``open``."""

    status: Literal["zero", "nonzero", "open"]
    at: Point = field(default_factory=dict)
    ball: Any = None
    reason: str = ""


ZERO = Decision("zero")


@dataclass
class Decider:
    """Decides under fixed assumptions, and remembers what was expanded."""

    assume: Assumptions
    seed: int = 0
    shared: Expansions = field(default_factory=Expansions)
    spent: Callable[[], bool] = lambda: False  # is the budget used up?

    def __post_init__(self) -> None:
        self.fields = Fields(self.assume.constrain, seed=self.seed, shared=self.shared)

    def vanishes(self, e: Expr) -> bool:
        """Is this zero for all values of its symbols and whatever its conditions are?"""
        if self.spent():
            raise OutOfTime("the budget was spent")
        return self.fields.vanishes(e)

    def zero(self, e: Expr) -> Decision:
        """Decide whether e = 0 wherever it is defined, off ties."""
        if self.vanishes(e):
            return ZERO
        found = self.refuted(e)
        if found is not None:
            return found
        plain = e
        if any(node.kind == ex.MAX for node in ex.reachable([e])):
            plain = ex.max_by_cases(e)
            if self.vanishes(plain):
                return ZERO
        return self._by_cases(plain)

    def refuted(self, e: Expr, keep: Callable[[arb], bool] = lambda ball: not ball.contains(0)) -> Decision | None:
        """A rational point at which a ball satisfies ``keep`` (by default: excludes zero), or None."""
        for at in self.assume.points(self.seed):
            for bits in PRECISIONS:
                try:
                    (ball,) = enclose([e], at, bits)
                except Undefined:
                    break
                if keep(ball):
                    return Decision("nonzero", at, ball)
                if ball.rad() < arb(2) ** (-bits // 2):
                    break
        return None

    def _by_cases(self, e: Expr) -> Decision:
        conditions = ex.conditions(e)
        if not conditions:
            return Decision("open", reason=f"no field shows that {ex.words(e)} vanishes, and no point that it does not")
        if len(conditions) > CASES:
            return Decision("open", reason=f"{len(conditions)} conditions are too many to tell apart")
        for values in itertools.product((0, 1), repeat=len(conditions)):
            if self.spent():
                raise OutOfTime("the budget was spent")
            cases = dict(zip(conditions, values, strict=True))
            case = ex.replaced(e, {h: ex.number(v) for h, v in cases.items()})
            if not self.fields.vanishes(case):
                if _impossible({**self.assume.branch, **cases}):
                    continue
                led = self._at(cases, e)
                if led is not None:
                    return led
                where = ", ".join(f"{ex.words(h, 40)} = {v}" for h, v in cases.items())
                return Decision("open", reason=f"not shown to vanish where {where}")
        return ZERO

    def _at(self, cases: Mapping[Expr, int], e: Expr) -> Decision | None:
        """A refutation at points led between the thresholds that these conditions set."""
        rng = random.Random(self.seed)
        for _ in range(LED):
            at = _between_thresholds(cases, self.assume.point(rng))
            try:
                (ball,) = enclose([e], at, PRECISIONS[0])
                if not ball.contains(0) and self.assume.holds(at):
                    return Decision("nonzero", at, ball)
            except Undefined:
                continue
        return None

    def sign(self, e: Expr) -> Decision:
        """Decide whether e >= 0: ``zero`` here means that it is known."""
        if ex.nonnegative(e) or self.vanishes(e):
            return ZERO
        found = self.refuted(e, lambda ball: bool(ball < 0))
        return found or Decision("open", reason=f"an inequality, and the sign of {ex.words(e)} is not plain")


def _between_thresholds(cases: Mapping[Expr, int], at: dict[Expr, fmpq]) -> dict[Expr, fmpq]:
    """The point moved so that conditions on single symbols, k s + c > 0 or not, are as these cases say."""
    low, high = dict[Expr, fmpq](), dict[Expr, fmpq]()
    for h, yes in cases.items():
        u = h.args[0]
        const, terms = u.args if u.kind == ex.SUM else (ex.ZERO_Q, ((u, ex.ONE_Q),))
        if len(terms) != 1 or terms[0][0].kind != ex.SYMBOL:
            continue
        (s, k), end = terms[0], -const / terms[0][1]
        side = low if (k > 0) == bool(yes) else high
        side[s] = end if s not in side else max(side[s], end) if side is low else min(side[s], end)
    for s in {*low, *high}:
        if s in low and s in high:
            at[s] = (low[s] + high[s]) / 2
        elif s in low:
            at[s] = max(at[s], low[s] + abs(at[s]) / 64)
        else:
            at[s] = min(at[s], high[s] - abs(at[s]) / 64)
    return at


def _impossible(cases: Mapping[Expr, int]) -> bool:
    """Do these conditions contradict each other plainly: [a > b], [b > c] and not [a > c]?"""
    differences: list[Expr] = [h.args[0] if yes else -h.args[0] for h, yes in cases.items()]
    plain = [d for d in differences if not ex.conditions(d)]
    for size in (2, 3, 4):
        for some in itertools.combinations(plain, size):
            if ex.nonnegative(-ex.total(some)):  # numbers that are all positive have a positive sum
                return True
    return False


# -- balls ----------------------------------------------------------------------------------------


def enclose(roots: Sequence[Expr], at: Point, bits: int) -> list[arb]:
    """A ball around the value of each expression at a rational point; raises Undefined where there is none."""
    before = ctx.prec
    ctx.prec = bits
    try:
        values: dict[Expr, arb] = {}
        for node in ex.reachable(roots):
            values[node] = _ball(node, values, at)
            if not values[node].is_finite():
                raise Undefined(f"{ex.words(node)} has no value")
        return [values[e] for e in roots]
    finally:
        ctx.prec = before


def _ball(e: Expr, of: Mapping[Expr, arb], at: Point) -> arb:
    if e.kind == ex.NUMBER:
        return arb(e.args[0])
    if e.kind == ex.SYMBOL:
        return arb(at[e])
    if e.kind == ex.INFINITE:
        raise Undefined("an infinite constant")
    if e.kind == ex.SUM:
        out = arb(e.args[0])
        for t, k in e.args[1]:
            out += of[t] * arb(k)
        return out
    if e.kind == ex.PRODUCT:
        out = arb(1)
        for f, k in e.args:
            base = of[f].sqrt() if k.q == 2 else of[f]
            n = int(k.p)
            out *= base if n == 1 else base**n if n > 0 else 1 / base**-n
        return out
    if e.kind == ex.INDICATOR:
        u = of[e.args[0]]
        if u > 0:
            return arb(1)
        if u < 0:
            return arb(0)
        raise Undefined(f"{ex.words(e.args[0])} is a tie")
    if e.kind == ex.MAX:
        out = of[e.args[0]]
        for a in e.args[1:]:
            out = out.max(of[a])
        return out
    u = of[e.args[0]]
    names = {ex.EXP: "exp", ex.LOG: "log", ex.SIN: "sin", ex.COS: "cos", ex.ERF: "erf", ex.ARCTAN: "atan"}
    return getattr(u, names[e.kind])()
