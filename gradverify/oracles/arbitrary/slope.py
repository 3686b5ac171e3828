"""A derivative is a difference quotient at a step of 10^-60 of each coordinate, in arithmetic of 730 digits.

The quotient at a larger step in fewer digits must agree with it: their difference is the error, truncation
and rounding included. The finest arithmetic holds the sum of any two float64 numbers, and of a step of
either, without loss: no term of the function is swallowed by another. One-sided slopes that do not meet
are a kink. Code that leaves this arithmetic (a cast, a float buffer, ``math``) is refused, never guessed.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gradverify._arrays import Array
from gradverify._floating import is_number, unit
from gradverify._subject import NOTHING, Broken, Subject
from gradverify._vectors import CannotHere, Estimate, Vectors

if TYPE_CHECKING:
    from gradverify.oracles.arbitrary.run import Line

SOURCE = "arbitrary precision"
MOST = 2_000  # entries of all inputs together
FINEST = 2432  # bits: 2098 from the least float64 to the greatest, 200 for the step, 134 that are left
COARSER = (400, 1280)  # ... of the quotient that must agree; the second where the first loses small terms
FINE, COARSE = 200, 140  # steps are 2^-200 of the tangent, and 2^-140
SAME = 60  # bits of agreement, or there is no answer; float64 has 53
LEAST = 1074  # ... but what is below 2^-1074, the least float64, is 0 to any claim
CLOSING = 20  # both slopes fall by so many bits over the 60 between the steps: the derivative is 0
NEAR = 20  # bits of the value that float64 has; or it misses it by as much as this arithmetic does in 53 bits
WIDE = (5, 8, 11, 15, 20, 26, 32, 38)  # steps of 2^-5 ... at which a function that compares or rounds is looked at too
ALIKE = 6  # bits to which slopes at two of them agree, from both sides, while the slope here is another: stairs


class NoSlope(Exception):
    """Why there is no answer here; the message goes into CannotHere."""


@dataclass(frozen=True)
class Arbitrary:
    """The oracle: differences of the function's own code on numbers of up to 730 digits. For small problems."""

    def directional(self, subject: Subject, x: Vectors, u: Vectors, v: Vectors) -> Estimate | CannotHere:
        """<v, f'(x) u> with its error, or why the function does not run on such numbers, or has no slope here."""
        if x.size > MOST:
            return CannotHere(f"arbitrary precision: {x.size:,} entries are too many")
        from gradverify.oracles.arbitrary.functions import Refused
        from gradverify.oracles.arbitrary.run import Line

        try:
            return _slope(Line(subject, x, u), subject.forward(x), v)
        except (Refused, NoSlope, Broken) as failure:
            return CannotHere(f"arbitrary precision: {failure}")


def value(subject: Subject, x: Vectors) -> tuple[Array, ...] | CannotHere:
    """The function's value at x, right to 60 bits at least and mostly to hundreds: arrays of mpmath numbers."""
    if x.size > MOST:
        return CannotHere(f"arbitrary precision: {x.size:,} entries are too many")
    from gradverify.oracles.arbitrary.functions import Refused
    from gradverify.oracles.arbitrary.run import Line

    line = Line(subject, x, Vectors((NOTHING,) * len(x)))
    try:
        fine, coarse = line(FINEST), line(COARSER[1])
    except Refused as failure:
        return CannotHere(f"arbitrary precision: {failure}")
    same = (fine == coarse) | (fine != fine) & (coarse != coarse)  # inf and NaN are values
    if not np.all(same | (abs(fine - coarse) <= _below(abs(fine), SAME))):
        return CannotHere("arbitrary precision: the value is not the same at 385 and at 730 digits")
    ends = np.cumsum([math.prod(shape) for shape in line.shapes])[:-1]
    return tuple(p.reshape(shape) for p, shape in zip(np.split(fine, ends), line.shapes, strict=True))


def pullback(subject: Subject, x: Vectors, v: Vectors) -> Vectors | CannotHere:
    """What the claimed rule answers at these digits, where it answers anything here: parts of mpmath numbers."""
    judged = tuple(k for k, p in enumerate(subject.pullback(x, v)) if p.size)

    def rule(*inputs: Any, **options: Any) -> Any:
        assert subject.vjp is not None
        out = subject.vjp(v[0] if v.bare else v.parts, *inputs, **options)
        parts = tuple(out) if isinstance(out, tuple | list) else (out,)
        return tuple(parts[k] for k in judged)

    exact = value(dataclasses.replace(subject, value=rule), x)
    if isinstance(exact, CannotHere):
        return exact
    found = dict(zip(judged, exact, strict=True))
    return Vectors(tuple(found.get(k, NOTHING) for k in range(len(x))))


@dataclass(frozen=True)
class Slopes:
    """The central quotients of the outputs that matter, and what their right slopes exceed their left ones by."""

    central: Array
    gap: Array

    @property
    def size(self) -> Array:
        """The larger of the two, output by output."""
        larger: Array = np.maximum(abs(self.central), abs(self.gap))
        return larger


def _slopes(line: Line, bits: int, k: int, needed: Array) -> Slopes:
    """Both at steps of 2^-k, with f computed in so many bits."""
    from gradverify.oracles.arbitrary.run import finite

    ahead, behind, here = line(bits, k, 1)[needed], line(bits, k, -1)[needed], line(bits)[needed]
    if not (finite(here) and finite(ahead) and finite(behind)):
        raise NoSlope("the function is not finite here, or a step of 10^-42 beside it")
    return Slopes((ahead - behind) * 2.0 ** (k - 1), (ahead + behind - 2 * here) * 2.0**k)


def _slope(line: Line, y: Vectors, v: Vectors) -> Estimate | CannotHere:
    from gradverify.oracles.arbitrary.functions import exact

    weights = np.concatenate([p.ravel() for p in v])
    needed = np.flatnonzero(weights)
    w = line.numbers(exact(a) for a in weights[needed])
    _same_function(line, y, needed)
    fine = _slopes(line, FINEST, FINE, needed)
    if not np.any(fine.size):
        raise NoSlope("the function does not answer to a move of 10^-60 of a step")
    bits, bar = _settled(line, abs(w), fine, needed)
    slope = _sum(w * fine.central)
    rounding = _below(_sum(abs(w * line(FINEST)[needed])), FINEST - FINE - SAME) + _below(_sum(abs(w)), LEAST)
    if line.branches:
        _no_stairs(line, bits, abs(w), fine, needed)
    return _rounded(slope, _sum(abs(w) * bar) + rounding, _sum(abs(w * fine.central)))


def _settled(line: Line, w: Array, fine: Slopes, needed: Array) -> tuple[int, Array]:
    """The bits in which coarse quotients agree with the fine ones, or go to 0 with the step, and how far they are off.

    NoSlope where neither is so.
    """
    own = _below(abs(fine.central), SAME)
    shared = np.maximum(_below(_sum(w * abs(fine.central)), SAME), _below(1, LEAST))
    for bits in COARSER:
        coarse = _slopes(line, bits, COARSE, needed)
        bar = abs(fine.central - coarse.central) + abs(fine.gap)
        loose = (bar > own) & (w * bar > shared)
        vanishes = fine.size <= _below(coarse.size, CLOSING)
        if not np.any(loose & ~vanishes):
            return bits, np.where(loose, coarse.size + fine.size, bar)
    j = int(np.flatnonzero(loose & ~vanishes)[0])
    kink = bool(fine.gap[j]) and abs(fine.gap[j] - coarse.gap[j]) <= abs(fine.gap[j]) / 2
    where = f"of output {needed[j]}"
    if kink:
        raise NoSlope(f"the one-sided slopes {where} differ (a kink or a tie)")
    raise NoSlope(f"the slopes {where} at steps of 10^-42 and 10^-60 differ (a jump, an infinite slope, or noise)")


def _no_stairs(line: Line, bits: int, w: Array, fine: Slopes, needed: Array) -> None:
    """NoSlope where larger steps see a steady slope and this one is that of a single stair.

    So it is with a function rounded to 9 decimals, or found by bisection. (Beyond a kink nearby the slopes of
    both sides differ; where a function bends or swings the slopes change from step to step.)
    """
    before = None
    for k in WIDE:
        try:
            now = _slopes(line, bits, k, needed)
        except NoSlope:
            before = None
            continue
        if before is not None:
            larger, off = np.maximum(abs(now.central), abs(fine.central)), abs(now.central - fine.central)
            clear = np.maximum(_below(larger, ALIKE), _below(abs(line(bits)[needed]), bits - k - ALIKE))
            steady = np.maximum(abs(now.central - before.central), np.maximum(abs(now.gap), abs(before.gap))) <= clear
            stairs = steady & (off > 2 * clear) & (w * off > _below(_sum(w * larger), SAME // 2))
            if np.any(stairs):
                j = needed[np.flatnonzero(stairs)[0]]
                raise NoSlope(
                    f"output {j} goes up in stairs (rounding, bisection): its slope at larger steps is another"
                )
        before = now


def _same_function(line: Line, y: Vectors, needed: Array) -> None:
    """NoSlope unless the value is the float one, or that one is off as 53 bits (24 for float32 ...) explain."""
    from gradverify.oracles.arbitrary.functions import exact

    if not all(is_number(p.dtype) and p.dtype.kind != "c" for p in y):
        raise NoSlope("the function's own answer is not of real numbers")
    floats = np.concatenate([p.ravel().astype(np.longdouble) for p in y])[needed]
    if not np.all(np.isfinite(floats)):
        raise NoSlope("the function is not finite here in its own type")
    here = line(COARSER[0])
    if line.shapes != tuple(p.shape for p in y):
        raise NoSlope("the function answers in another shape than for floats")
    same = line.numbers(exact(a) for a in floats)
    off = abs(same - here[needed])
    if np.any(off > _below(np.max(abs(same), initial=0), NEAR)):
        eps = max(unit(p.dtype) for p in y) or unit(np.float64)
        missed = abs(line(1 - round(math.log2(eps))) - here)[needed]
        if np.any(off > missed * 2.0**NEAR):
            raise NoSlope("the function has another value on these numbers than on floats")


def _sum(numbers: Array) -> Any:
    return np.sum(numbers, initial=0)


def _below(size: Any, bits: int) -> Any:
    """The size over 2^bits, which may be far below the floats."""
    while bits > 1000:
        size, bits = size * 2.0**-1000, bits - 1000
    return size * 2.0**-bits


def _rounded(slope: Any, error: Any, scale: Any) -> Estimate | CannotHere:
    """All as floats, the error with what the value lost."""
    near = float(slope)
    if not math.isfinite(near):
        return CannotHere("arbitrary precision: the derivative is beyond float64's range")
    error = math.nextafter(float(abs(slope - near) + error), math.inf)
    return Estimate(near, error, source=SOURCE, scale=float(scale))
