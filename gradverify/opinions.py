"""A disagreement is put to two more opinions: the claimed rule in more digits, and the remainder of Taylor's theorem.

Both speak for the claim only. The first tells a formula that is right, and has lost its digits in float64, from one
that is wrong; the second needs no step, and is asked where one kind of differences stands alone.
"""

from __future__ import annotations

import numpy as np

from gradverify._subject import Subject
from gradverify._vectors import CannotHere, Estimate, Vectors
from gradverify.judge.rounding import UNCAPPED
from gradverify.oracles import arbitrary, remainder_rate
from gradverify.oracles.taylor import BOUND, Rate

LOST = 2.0**-20  # of the function's largest value: it is off by more where its digits are lost ...
TINY = float(np.finfo(np.float64).tiny)  # ... but what underflows is no loss
KEPT = 2.0**-10  # of the slope, and of what float64 is off by: what the same code may be off by in 730 digits


def lost_digits(subject: Subject, x: Vectors, u: Vectors, v: Vectors, known: Estimate | CannotHere) -> str:
    """What to note where the claimed rule is right in 730 digits, and float64 loses as much as it is off; or nothing.

    So it is where it inverts an ill-conditioned matrix. Code that rounds by itself, with a cast, does not run on those.
    """
    said = subject.pullback(x, v).inner(u)
    if not isinstance(known, Estimate) or not said.answers or not np.isfinite(said.value - known.value):
        return ""
    exact = arbitrary.pullback(subject, x, v)
    if isinstance(exact, CannotHere):
        return ""
    slope = sum(np.sum(g * d) for g, d in zip(exact, u, strict=True) if g.size and d.size)
    scatter, lost = UNCAPPED.along(said.answers[0].answer, u), _value_is_lost(subject, x)
    for truth in (known, arbitrary.Arbitrary().directional(subject, x, u, v)):  # differences of noise are noise
        if isinstance(truth, CannotHere):
            continue
        gap, size = abs(said.value - truth.value), abs(truth.value)
        within = lost or gap <= truth.error + scatter
        if within and abs(slope - truth.value) <= max(truth.error, KEPT * min(gap, size)):
            return f"right in 730 digits; in float64 rounding takes {gap / max(size, gap):.1e} of the slope here"
    return ""


def _value_is_lost(subject: Subject, x: Vectors) -> bool:
    """Is the function's own value off, as it is where a matrix is singular to 16 digits? Then no scatter is steady."""
    exact = arbitrary.value(subject, x)
    if isinstance(exact, CannotHere):
        return False
    pairs = [
        (p.astype(np.float64).ravel().astype(object), q.ravel()) for p, q in zip(subject.forward(x), exact, strict=True)
    ]
    top = max((abs(number) for _, q in pairs for number in q), default=0.0)
    return any(bool(np.any(abs(p - q) > LOST * max(top, TINY))) for p, q in pairs)


def remainder_doubts(subject: Subject, x: Vectors, u: Vectors, v: Vectors, known: Estimate | CannotHere) -> str:
    """Why the differences behind ``known`` are in doubt: they stand alone, and the claim's remainder falls as h^2."""
    if not isinstance(known, Estimate) or known.second is not None or "differences" not in known.source:
        return ""
    said = subject.pullback(x, v).inner(u)
    if not abs(said.value - known.value) > 2 * BOUND * known.scale:  # that is no finer than a remainder sees
        return ""
    rate = remainder_rate(subject, x, u, v, said)
    if not isinstance(rate, Rate) or rate.verdict != "right":
        return ""
    return f"{known.source} and the Taylor remainder disagree: {rate.why}"
