"""The remainder f(x + hu) - f(x) - h s falls as h^2 where s is the slope, and as h where it is not: no step to choose.

A second opinion on a claimed slope, along the line through x and summed with a cotangent. Both sides of x
are used: the odd part of the remainder is (slope - s) h + O(h^3), the even part O(h^2) where the function is
smooth. "Wrong" is said only of a remainder that falls as h over a thousandfold range of steps down to the
rounding, with an even part far below it, and with no larger step at which the claim explains the movement.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from gradverify._arrays import Array
from gradverify._floating import limits
from gradverify._subject import Broken, Subject, coarsest
from gradverify._vectors import CannotHere, Estimate, Vectors
from gradverify.oracles.line import flat, moved

STEPS = tuple(2.0**-k for k in range(4, 36, 2))  # x + h u is exact for them
ABOVE = 8.0  # times the rounding: a remainder this large is seen
RUN = 6  # steps in a row, 4^5 = 1024 from first to last, that leave the same slope over
STEADY = 0.1  # ... to so much of it
ODD = 2.0**-5  # at the end of the run the even part is this far below the odd one, or within the rounding: no kink
SEEN = 2.0**-20  # of sum |v||f'u|: the least mistake that is told; or 64 roundings of the claim's type if that is more
ROUNDINGS = 64
FEW = 4  # steps in a row that show a rate of 2 or more
STEEP = 1.75  # the least rate of a remainder without a linear part
BOUND = 2.0**-12  # of sum |v||f'u|: what a right claim is shown to be right to


@dataclass(frozen=True)
class Rate:
    """The Taylor remainder of a claimed slope falls as h^value over ``steps`` (h, the largest first).

    ``error`` is how far single steps stray from that power; ``verdict`` is what follows for the claim, and
    ``why`` says it in words for a report. A remainder within the rounding at every step has the value inf.
    """

    value: float
    error: float
    steps: tuple[float, ...]
    verdict: Literal["right", "wrong", "cannot tell"]
    why: str


@dataclass(frozen=True)
class Remainders:
    """The remainder at every step h, split into its odd and even part; the movement of f; the rounding in them."""

    h: Array
    odd: Array
    even: Array
    movement: Array
    rounding: float
    scale: Array  # sum |v||f'u| as each step sees it: what a mistake is small beside

    @property
    def size(self) -> Array:
        """The larger remainder of the two sides."""
        larger: Array = np.abs(self.odd) + np.abs(self.even)
        return larger


def remainder_rate(
    subject: Subject, x: Vectors, u: Vectors, v: Vectors, claimed: float | Estimate
) -> Rate | CannotHere:
    """How the Taylor remainder of the claim <v, f'(x) u> = ``claimed`` falls, and what that says of the claim.

    Calls the function 33 times, on float64 copies of x. An Estimate's error is granted to the claim.
    """
    slope, slack = (claimed.value, claimed.error) if isinstance(claimed, Estimate) else (float(claimed), 0.0)
    if not np.isfinite(slope):
        return CannotHere(f"Taylor remainder: the claim is {slope}")
    try:
        found = remainders(subject, x, u, v, slope)
    except Broken as failure:
        return CannotHere(f"Taylor remainder: {failure}")
    if isinstance(found, CannotHere):
        return found
    own = limits(np.dtype(coarsest(x, tuple(k for k, d in enumerate(u) if d.size))))
    underflow = own.subnormal * sum(float(np.abs(d).sum()) for d in u)
    least: Array = max(SEEN, ROUNDINGS * own.eps) * found.scale + ROUNDINGS * underflow + slack
    return wrong(found, least) or right(found, least) or nothing(found)


def remainders(subject: Subject, x: Vectors, u: Vectors, v: Vectors, slope: float) -> Remainders | CannotHere:
    """What is seen from the largest step down to the one at which an output that has moved stands still again."""
    weights = flat(v).astype(np.longdouble)
    kept = weights != 0
    weights = weights[kept]

    def outputs(t: float) -> Array:
        found: Array = flat(subject.values(moved(x, u, t, np.float64)))[kept]
        return found

    f0 = outputs(0.0)
    awake, rows = np.zeros(f0.shape, bool), []
    with np.errstate(all="ignore"):
        for h in STEPS:
            ahead, behind = outputs(h).astype(np.longdouble) - f0, outputs(-h).astype(np.longdouble) - f0
            still = (ahead == 0) & (behind == 0)
            if np.any(awake & still):
                break  # below the spacing of that output the slope is not seen any more, and looks like 0
            awake |= ~still
            a, b = float(weights @ ahead), float(weights @ behind)
            scale = float(np.abs(weights) @ np.abs(ahead - behind)) / (2 * h)
            rows.append((h, (a - b) / 2 - h * slope, (a + b) / 2, max(abs(a), abs(b)), scale))
        spacing = 4 * limits(f0.dtype).eps * float(np.abs(weights) @ np.abs(f0)) if f0.dtype.kind == "f" else 0.0
    if len(rows) < RUN or not np.all(np.isfinite(rows)):
        return CannotHere("Taylor remainder: the function is not finite, or does not move, at too many steps")
    h, odd, even, movement, scales = np.array(rows).T
    return Remainders(h, odd, even, movement, max(spacing, float(np.abs(even[-3:]).max())), scales)


def wrong(found: Remainders, least: Array) -> Rate | None:
    """The rate of 1 that an error of more than ``least`` (as each step sees it) shows, None if it does not."""
    seen = np.flatnonzero(np.abs(found.odd) > ABOVE * found.rounding)
    if not seen.size:
        return None
    left = found.odd / found.h  # the slope less the claim, wherever the remainder is linear
    first = last = int(seen[-1])
    while first > 0 and abs(left[first - 1] - left[last]) <= STEADY * abs(left[last]):
        first -= 1
    excess = abs(left[last])
    smooth = abs(found.even[last]) <= max(ODD * abs(found.odd[last]), found.rounding)
    # Of a rounded function, small steps see single stairs; then the claim explains the movement at larger ones.
    explained = (found.size < found.h * excess / 4) & (found.size < found.movement / 2)
    if last - first + 1 < RUN or excess <= least[last] or not smooth or np.any(explained[:first]):
        return None
    return told(found, slice(last + 1 - RUN, last + 1), "wrong", ", not h^2")


def right(found: Remainders, least: Array) -> Rate | None:
    """The rate of 2 or more down to where rounding hides it, or that rounding hides it at once; None if neither."""
    for floor in (ABOVE * found.rounding + 0 * found.h, ABOVE * found.rounding + least * found.h):
        seen = np.flatnonzero(found.size > floor)
        last = int(seen[-1]) if seen.size else -1
        place = last if last >= FEW - 1 else last + 1
        bound = max(found.size[place], floor[place]) / found.h[place]
        if bound > BOUND * found.scale[place]:
            continue
        if last < FEW - 1:
            why = "the Taylor remainder is within rounding at all but a few steps"
            return Rate(float("inf"), 0.0, tuple(map(float, found.h[last + 1 :])), "right", why)
        rate = told(found, slice(last + 1 - FEW, last + 1), "right", "")
        if rate.value >= STEEP:
            return rate
    return None


def nothing(found: Remainders) -> Rate:
    """What can be said where no step shows a rate: rounding hides it, or it changes from step to step."""
    if np.count_nonzero(found.size > ABOVE * found.rounding) < FEW:
        why = "rounding hides the Taylor remainder at all but a few steps"
    else:
        why = "the Taylor remainder falls neither as h nor as h^2 (a kink nearby, steps too long, or rounding)"
    return Rate(float("nan"), float("inf"), (), "cannot tell", why)


def told(found: Remainders, chosen: slice, verdict: Literal["right", "wrong"], tail: str) -> Rate:
    """The power of h by least squares of the logarithms over these steps."""
    h, size = found.h[chosen], found.size[chosen]
    a, b = np.log2(h), np.log2(size)
    value = float(np.polyfit(a, b, 1)[0])
    stray = float(np.max(np.abs(np.diff(b) / np.diff(a) - value)))
    return Rate(value, stray, tuple(map(float, h)), verdict, f"the Taylor remainder falls as h^{value:.2f}{tail}")
