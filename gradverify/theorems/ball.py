"""Balls: a real number as a midpoint and a radius that encloses it, by python-flint's ``arb``; no bit is guessed.

Two balls that do not meet are two numbers; two narrow ones that meet agree to DIGITS digits, which is evidence
and no proof.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction

import flint
from flint import arb, fmpq

DIGITS = 30  # to which two sides that agree are told apart from two that do not
PRECISIONS = (160, 320, 640)  # bits, tried in turn until every ball is narrow


class Undefined(Exception):
    """A formula has no value here, or none that this precision can tell."""


@contextmanager
def precision(bits: int) -> Iterator[None]:
    """Ball arithmetic with this many bits; the precision is what it was afterwards."""
    before = flint.ctx.prec
    flint.ctx.prec = bits
    try:
        yield
    finally:
        flint.ctx.prec = before


def ball(value: Fraction) -> arb:
    """The ball around a rational number, as narrow as the precision allows."""
    return arb(fmpq(value.numerator, value.denominator))


def finite(value: arb) -> arb:
    """The ball, if it is one; Undefined if the formula has no value or the ball is unbounded."""
    if not value.is_finite():
        raise Undefined("it has no finite value")
    return value


def narrow(value: arb) -> bool:
    """Whether a ball is narrow enough to agree to DIGITS digits, of its own size or of 1 where it is smaller."""
    scale = max(arb(1), abs(value.mid()))
    return bool(value.rad() * arb(10) ** DIGITS < scale)


def differ(left: arb, right: arb) -> bool:
    """Whether the two are certainly different numbers."""
    return not left.overlaps(right)


def decimal(value: arb, digits: int = 8) -> str:
    """The midpoint in decimals, for people."""
    return str(value.mid().str(digits, radius=False))
