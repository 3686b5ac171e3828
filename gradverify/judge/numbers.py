"""Two numbers (directional derivatives, inner products) are compared within the error of the sums they are."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from gradverify._arrays import Array, deferred, largest, slices, wide
from gradverify._claim import Claim
from gradverify._floating import is_floating, limits
from gradverify._vectors import FAR, Answer, Estimate, Weighed
from gradverify._verdict import Outcome
from gradverify.judge.judgement import ALL_SEEN, EDGE, FAULT, FAULT_EPS, TINY, ZERO, Judgement, Least
from gradverify.judge.rounding import CHANCE, ELSEWHERE, MEASURED, Rounding, exponents, together
from gradverify.judge.sizes import Sizes, elsewhere_of, naturals_of, size_of

SUSPICIOUS = 1 / 32  # of the least visible gap: what is off by as much may have more rounding than it was granted
ALONE = 1e-8  # of |v||f|: below this the complex step, whose self-test passes such errors, refutes nothing alone
# A second look grants more of the rounding, and wants a mistake seen along two directions. Measured, not derived:
CONFIRMED = Least(8.0, 9.0)  # times the rounding that a first look grants, what a second look mostly confirms ...
GRANTED = 3.0  # ... or of what it grants where f is large, if that is more ...
LIMITED = Least(4.0, 3.0)  # ... and times the least gap that its oracle can confirm
# Which entry is the largest depends on the cotangent: what is told is twice as much, where that is still little.
CAUTION, LITTLE = 2.0, 5e-10
LONE = ("complex step",)  # the oracles that ALONE is about
UNDERFLOW = float(np.finfo(np.float64).tiny) ** 0.5  # derivatives below this are taken for 0: their products vanish


def weighed_up(claim: Claim, left: Estimate, right: Estimate, rounding: Rounding) -> Judgement:
    """Left against right within the errors they carry and this much of the code's own rounding."""
    weighed = left.answers + right.answers
    bar = left.error + right.error + sum(_rounding_along(w, rounding) for w in weighed)
    with np.errstate(all="ignore"):
        gap = left.value - right.value if claim.relation == "at most" else abs(left.value - right.value)
    if not math.isfinite(left.value):
        return _not_finite(left, right)
    terms = tuple(map(_terms, weighed))
    size = sum(t for of_one in terms for t in of_one.values())
    limit = max(right.refutes, right.share * max(right.scale, size))
    own = bar
    if right.source and gap > SUSPICIOUS * max(bar, limit):  # its own rounding may be what counts
        own = max(own, left.error + right.error + sum(_rounding_along(w, MEASURED) for w in weighed))
    sizes = elsewhere_of if rounding is ELSEWHERE else naturals_of
    sight, smallest = _sight_along(weighed, terms, bar, own, right, sizes)
    if not weighed:
        sharp = bar == 0.0 or bar <= FAULT * max(abs(left.value), abs(right.value))
        sight = {-1: "decisive" if sharp else "blunt"}
    found = Judgement(Outcome.AGREES, gap, bar, None, None, left.value, right.value, sight=sight, smallest=smallest)
    if not math.isfinite(bar):
        return replace(found, outcome=Outcome.BLUNT, reason="the error bar is infinite here")
    if right.source and max(abs(left.value), abs(right.value)) < UNDERFLOW:
        return replace(found, sight=dict.fromkeys(sight, "zero"), smallest={})
    if gap <= bar:
        if any(s != "blunt" for s in sight.values()):
            note = _lost(gap, size, weighed) if right.source else ""
            return replace(found, note=note) if note else found
        reason = f"the error bar {bar:.1e} is too wide to have seen a mistake"
        return replace(found, outcome=Outcome.BLUNT, reason=reason)
    excuse = _blunt_oracle(left, right, gap, limit, weighed)
    return replace(found, outcome=Outcome.BLUNT if excuse else Outcome.DISAGREES, reason=excuse, note=claim.what)


def _blunt_oracle(left: Estimate, right: Estimate, gap: float, limit: float, weighed: tuple[Weighed, ...]) -> str:
    """Why the oracle behind the right side may not refute, or nothing."""
    if not right.source:
        return ""
    if gap < limit:
        return f"a gap of {gap:.1e}, and no oracle here confirms less than {limit:.1e}"
    if right.error > FAR * gap:
        return f"the oracle's error {right.error:.1e} is not far below the gap {gap:.1e}"
    second = right.second
    if second is not None and second.error <= FAR * gap:
        apart = abs(left.value - second.value)
        return "" if apart > second.error + 0.5 * gap else f"{right.source} and {second.source} disagree here"
    if right.source in LONE and weighed and gap < ALONE * size_of(weighed[0].answer):
        return f"only the {right.source} sees a gap this small beside |v||f|"
    return ""


def _lost(gap: float, size: float, weighed: tuple[Weighed, ...]) -> str:
    """What to note where the code is right, and rounds so much that more than half of its type's digits are lost."""
    eps = max((e for w in weighed for e in w.answer.eps), default=0.0)
    if not math.sqrt(eps) * size < gap or not eps:
        return ""
    return "right, and somewhere rounding takes more than half of the digits: pullback_is_accurate asks whether it must"


def _not_finite(left: Estimate, right: Estimate) -> Judgement:
    """An entry that is not finite disagrees where the expected derivative of it is known to be well in range."""
    for w in left.answers:
        for k, p in enumerate(w.answer.parts):
            u = w.along[k] if w.along is not None else np.zeros(0)
            for bad in np.argwhere(~np.isfinite(p)) if is_floating(p.dtype) and u.size else ():
                index = tuple(int(i) for i in bad)
                with np.errstate(all="ignore"):
                    others = np.abs(p.astype(np.float64) * u)
                    size = abs(right.value) + float(others[np.isfinite(others)].sum())
                    expected = size / abs(float(u[index])) if u[index] else math.inf
                if expected < EDGE * limits(p.dtype).max:
                    bar, value = right.error, float(p[index])
                    return Judgement(Outcome.DISAGREES, math.inf, bar, k, index, value, "finite", note="not finite")
    return Judgement(
        Outcome.BLUNT, reason="the claimed gradient is not finite here, nor known to be well within the range"
    )


def _terms(w: Weighed) -> dict[int, float]:
    """For each part the sum of the sizes of an inner product's terms, or what random signs leave of that at most."""
    pairs = enumerate(zip(w.answer.parts, w.along or (), strict=False))
    return {
        k: abs(w.weight) * together(deferred(_size, g, u), CHANCE if w.along is not None and w.along.random else np.inf)
        for k, (g, u) in pairs
        if g.size and u.size
    }


def _size(g: Array, u: Array) -> Array:
    return np.abs(g).astype(np.float64) * np.abs(u)


def effects(w: Weighed, k: int) -> tuple[float, float]:
    """How far the largest entry of part k by itself, and all of its entries together, usually move the product.

    Which is largest depends on the cotangent: its size is taken for the geometric mean of the largest and the root mean
    square, its step for what the direction has at the largest few.
    """
    g, u = w.answer.parts[k], w.along[k] if w.along is not None else np.zeros(0)
    top = largest(deferred(np.abs, g))
    if not top > 0:
        return 0.0, 0.0
    squares = fourths = steps = moved = 0.0
    for p, d in slices(g, u):
        part, along = (np.abs(wide(p)) / top) ** 2, np.abs(d)
        squares, fourths = squares + float(part.sum()), fourths + float((part**2).sum())
        steps, moved = steps + float((part**2 * along).sum()), moved + float((part * along**2).sum())
    mean = squares / g.size
    largest_one, together = mean**0.25 * steps / fourths, moved**0.5
    return float(abs(w.weight) * top * largest_one), float(abs(w.weight) * top * together)


def _cautious(least: float) -> float:
    """What is told of a least mistake worked out along one direction and cotangent."""
    return max(least, min(CAUTION * least, LITTLE))


def _rounding_along(w: Weighed, rounding: Rounding) -> float:
    if w.along is None:
        return 0.0
    with np.errstate(all="ignore"):
        return abs(w.weight) * rounding.along(w.answer, w.along)


def _sight_along(
    weighed: tuple[Weighed, ...],
    terms: tuple[dict[int, float], ...],
    bar: float,
    own: float,
    right: Estimate,
    sizes: Callable[[Answer], Sizes],
) -> tuple[dict[int, str], dict[int, Least]]:
    """Would a reference fault of each argument have moved its side beyond the bar; and which is the least that would?

    ``own`` is the bar that a mistake would have met, with more of its own rounding granted if there is reason to.
    """
    sight: dict[int, str] = {}
    smallest: dict[int, Least] = {}
    for w, sizes_of_terms in zip(weighed, terms, strict=True):
        if w.along is None:
            continue
        for k, (g, u) in enumerate(zip(w.answer.parts, w.along, strict=True)):
            if not g.size or not u.size or not u.any():
                continue
            fault = max(FAULT, FAULT_EPS * w.answer.eps[k])
            with np.errstate(all="ignore"):
                top = abs(w.weight) * largest(deferred(lambda p, q: np.abs(wide(p) * wide(q)), g, u))
            if top > 0:
                seen = bar < fault * top
                if seen:
                    limit = max(right.refutes, right.share * sizes_of_terms[k])
                    entry, norm = effects(w, k)
                    if entry > 0 and norm > 0:
                        pairs = zip(CONFIRMED, LIMITED, strict=True)
                        more = GRANTED * (own + exponents(w.answer, k) * sizes_of_terms[k])
                        one, alike = (float(max(c * own, more, d * limit)) for c, d in pairs)
                        least = Least(_cautious(one / entry), _cautious(alike / norm))
                        smallest[k] = least.worse(smallest.get(k, ALL_SEEN))
            else:
                seen = False
            if seen:
                sight[k] = "decisive"
                continue
            natural = sizes(w.answer).get(k)
            size = largest(deferred(lambda n, d: n * np.abs(d), natural, u)) if natural is not None else 0.0
            vanishes = bar <= ZERO * size + TINY
            sight.setdefault(k, ("faint" if top > 0 else "zero") if vanishes else "blunt")
    return sight, smallest
