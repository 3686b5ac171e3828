"""Traced code goes one way at a time: conditions ask the ``Branches`` in force, floats the reading in force."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from flint import fmpq

from gradverify.symbolic import expression as ex
from gradverify.symbolic.expression import Expr

SHORT = 1000  # numerators and denominators of constants that are recognised
Reading = Callable[[float], Expr]


class Unsupported(Exception):
    """Something that cannot be done on symbols, by name."""


class NoValue(Unsupported):
    """The code has no value at all here, such as a division by zero at these sizes."""


# -- numbers of the code ----------------------------------------------------------------------------


def exactly(value: float) -> Expr:
    """The rational number that this float is."""
    return _rational(Fraction(value))


def as_printed(value: float) -> Expr:
    """The shortest decimal that gives this float back: 0.1 is one tenth."""
    return _rational(Fraction(repr(value)))


def as_meant(value: float) -> Expr:
    """The short fraction, root or multiple of a root of pi that rounds to this float; else as printed."""
    if value == 0 or abs(value) != abs(float(value)):
        return as_printed(value)
    for scale, node in ((1.0, ex.ONE), (math.pi, ex.PI), (1 / math.pi, 1 / ex.PI)):
        for square in (False, True):
            wanted = (value * value if square else abs(value)) / scale
            short = Fraction(wanted).limit_denominator(SHORT)
            if short > 0 and abs(float(short) - wanted) <= 4 * math.ulp(wanted) and short.numerator <= SHORT:
                found = _rational(short) * node
                found = ex.power(found, fmpq(1, 2)) if square else found
                return found if value > 0 else -found
    return as_printed(value)


def _rational(q: Fraction) -> Expr:
    return ex.number(fmpq(q.numerator, q.denominator))


READINGS: tuple[tuple[str, Reading], ...] = (
    ("", exactly),
    ("floats of the code are read as the decimals they print as", as_printed),
    ("floats of the code are read as the fractions, roots and multiples of pi that they round", as_meant),
)


# -- branches -------------------------------------------------------------------------------------


@dataclass
class Branches:
    """The decisions of one run: those prescribed first, then as a ``guide`` (a point, say) decides."""

    prescribed: tuple[bool, ...] = ()
    guide: Callable[[Expr], bool] = lambda condition: True
    taken: list[tuple[Expr, bool]] = field(default_factory=list)
    ties: dict[Expr, None] = field(default_factory=dict)  # what the code compares with 0

    def decide(self, h: Expr) -> bool:
        """Which way a condition goes in this run."""
        for known, answer in self.taken:
            if known is h:
                return answer
        place = len(self.taken)
        answer = self.prescribed[place] if place < len(self.prescribed) else self.guide(h)
        self.taken.append((h, answer))
        return answer

    def others(self) -> list[tuple[bool, ...]]:
        """The prescriptions that leave this run at one of its own decisions."""
        answers = [answer for _, answer in self.taken]
        return [(*answers[:i], not answers[i]) for i in range(len(self.prescribed), len(answers))]


_branches: ContextVar[Branches | None] = ContextVar("branches", default=None)
_reading: ContextVar[Reading] = ContextVar("reading", default=exactly)


@contextmanager
def tracing(branches: Branches, reading: Reading) -> Iterator[None]:
    """Symbols answer inside, along these branches, and floats are read so."""
    tokens = _branches.set(branches), _reading.set(reading)
    try:
        yield
    finally:
        _branches.reset(tokens[0])
        _reading.reset(tokens[1])


def active() -> bool:
    """Is code being traced in this thread?"""
    return _branches.get() is not None


def compared(u: Expr) -> Expr:
    """The difference of two sides that the code compares; where it is 0 there is a tie, and that is remembered."""
    branches = _branches.get()
    if branches is not None and u.kind != ex.NUMBER:
        branches.ties[u] = None
    return u


def divisor(u: Expr) -> Expr:
    """What the code divides by; where it may be 0 the quotient is left out, and that is remembered."""
    return u if ex.positive(u) else compared(u)


def truth(h: Any) -> bool:
    """The truth of a condition, along the branch in force."""
    branches = _branches.get()
    node = h if isinstance(h, Expr) else to_expr(h)
    if node.kind == ex.NUMBER:
        return bool(node.args[0] != 0)
    if branches is None:
        raise Unsupported("the truth of a symbol outside of a trace")
    if node.kind != ex.INDICATOR:  # 1 - [u > 0], a product of conditions ...
        for inside in ex.conditions(node):
            node = ex.replaced(node, {inside: ex.number(int(branches.decide(inside)))})
        if node.kind != ex.NUMBER:
            raise Unsupported("the truth of a number that is not a condition")
        return bool(node.args[0] != 0)
    return branches.decide(node)


def to_expr(value: Any) -> Expr:
    """One entry as an expression; a float is read as the reading in force says."""
    if isinstance(value, Expr):
        return value
    if isinstance(value, np.ndarray) and value.ndim == 0:
        return to_expr(np.ndarray.item(value))
    if isinstance(value, bool | np.bool_ | int | np.integer):
        return ex.number(fmpq(int(value)))
    if isinstance(value, float | np.floating):
        if math.isnan(value):
            raise Unsupported("the constant nan")
        if math.isinf(value):
            return ex.infinity(1 if value > 0 else -1)
        return _reading.get()(float(value))
    raise Unsupported(f"an entry of type {type(value).__name__}")
