"""The judge turns a Claim on floats into agreement, disagreement or bluntness; every tolerance lives here.

A bar is worked out from what is known to be inexact: the error both sides carry, a few roundings of
the code's own answer, and, only where those do not suffice, that code's rounding as measured
(``_rounding``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gradverify._claim import Claim
from gradverify._rounding import Rounding, granted, measured_rounding, naturals_of, reordered
from gradverify._subject import step_of
from gradverify._vectors import Array, CannotHere, Estimate, Vectors, Weighed, wide
from gradverify._verdict import Outcome

FAULT = 0.01  # the reference faults change an argument by 1 % of its scale ...
FAULT_EPS = 16  # ... or by this many eps of its type, whichever is more
BLUNT = 0.05  # an oracle whose bar is not below this share of the gap refutes nothing
ALONE = 1e-8  # of |v||f|: below this the complex step, whose self-test passes such errors, refutes nothing alone
ZERO = 1e-4  # of |v||f|: a bar below this makes a zero a seen zero
TINY = float(np.finfo(np.float32).tiny)  # a bar below every normal number is no width at all
UNDERFLOW = float(np.finfo(np.float64).tiny) ** 0.5  # derivatives below this are taken for 0: their products vanish
EDGE = 1e-3  # of the type's range: expected values above it may overflow in the code
Sight = Mapping[int, str]


@dataclass(frozen=True)
class Judgement:
    """What one claim says. ``sight`` tells for each argument whether a mistake there would have been seen:
    "decisive", "zero" (both sides vanish within tight bars) or "blunt"; ``smallest`` the least relative mistake
    seen of each decisive one.
    """

    outcome: Outcome
    gap: float = 0.0
    bar: float = 0.0
    part: int | None = None
    index: tuple[int, ...] | None = None
    left: float | str = 0.0
    right: float | str = 0.0
    reason: str = ""
    note: str = ""
    sight: Sight = field(default_factory=dict)
    smallest: Mapping[int, float] = field(default_factory=dict)


def judge(claim: Claim) -> Judgement:
    """Judge one claim; what disagrees is judged again with more of the code's own rounding granted.

    First with that of the size entries have without cancellation (numbers start there: they are
    sums of many entries), then with the scatter that is seen. A claim of the same bits is about two
    calls alike, so no scatter of *different* inputs excuses it.
    """
    levels: tuple[Rounding, ...] = (granted, reordered, measured_rounding)
    if claim.relation == "same bits":
        levels = levels[:2]
    if isinstance(claim.right, CannotHere):
        return Judgement(Outcome.BLUNT, reason=claim.right.reason)
    if isinstance(claim.left, Vectors) and isinstance(claim.right, Vectors):
        return _arrays(claim, claim.left, claim.right, levels)
    if isinstance(claim.left, Estimate) and isinstance(claim.right, Estimate):
        for rounding in levels[1:]:
            found = _numbers(claim, claim.left, claim.right, rounding)
            if found.outcome is not Outcome.DISAGREES or math.isinf(found.gap):
                break
        return found
    raise TypeError(
        "a claim compares two Vectors or two Estimates, "
        f"not {type(claim.left).__name__} with {type(claim.right).__name__}"
    )


# -- numbers: directional derivatives and inner products ------------------------------------------


def _numbers(claim: Claim, left: Estimate, right: Estimate, rounding: Rounding) -> Judgement:
    weighed = left.answers + right.answers
    bar = left.error + right.error + sum(_rounding_along(w, rounding) for w in weighed)
    with np.errstate(all="ignore"):
        gap = left.value - right.value if claim.relation == "at most" else abs(left.value - right.value)
    if not math.isfinite(left.value):
        return _not_finite(left, right)
    sight, smallest = _sight_along(weighed, bar)
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
            return found
        reason = f"the error bar {bar:.1e} is too wide to have seen a mistake"
        return replace(found, outcome=Outcome.BLUNT, reason=reason)
    excuse = _blunt_oracle(left, right, gap, weighed)
    return replace(found, outcome=Outcome.BLUNT if excuse else Outcome.DISAGREES, reason=excuse, note=claim.what)


def _blunt_oracle(left: Estimate, right: Estimate, gap: float, weighed: tuple[Weighed, ...]) -> str:
    """Why the oracle behind the right side may not refute, or nothing."""
    if not right.source:
        return ""
    if right.error > BLUNT * gap:
        return f"the oracle's error {right.error:.1e} is not far below the gap {gap:.1e}"
    second = right.second
    if second is not None and second.error <= BLUNT * gap:
        apart = abs(left.value - second.value)
        return "" if apart > second.error + 0.5 * gap else f"{right.source} and {second.source} disagree here"
    if right.source == "complex step" and weighed:
        answer = weighed[0].answer
        size = sum(float(np.max(n * step_of(answer.x[k]), initial=0.0)) for k, n in naturals_of(answer).items())
        if gap < ALONE * size:
            return "only the complex step sees a gap this small beside |v||f|"
    return ""


def _not_finite(left: Estimate, right: Estimate) -> Judgement:
    """An entry that is not finite disagrees where the expected derivative of it is known to be well in range."""
    for w in left.answers:
        for k, p in enumerate(w.answer.parts):
            u = w.along[k] if w.along is not None else np.zeros(0)
            for bad in np.argwhere(~np.isfinite(p)) if p.dtype.kind == "f" and u.size else ():
                index = tuple(int(i) for i in bad)
                with np.errstate(all="ignore"):
                    others = np.abs(p.astype(np.float64) * u)
                    size = abs(right.value) + float(others[np.isfinite(others)].sum())
                    expected = size / abs(float(u[index])) if u[index] else math.inf
                if expected < EDGE * float(np.finfo(p.dtype).max):
                    bar, value = right.error, float(p[index])
                    return Judgement(Outcome.DISAGREES, math.inf, bar, k, index, value, "finite", note="not finite")
    return Judgement(
        Outcome.BLUNT, reason="the claimed gradient is not finite here, nor known to be well within the range"
    )


def _rounding_along(w: Weighed, rounding: Rounding) -> float:
    if w.along is None:
        return 0.0
    a, total = w.answer, 0.0
    with np.errstate(all="ignore"):
        for bar, u in zip(rounding(a), w.along, strict=True):
            if u.size and bar.size:
                total += float((bar * np.abs(u)).sum())
    return abs(w.weight) * total


def _sight_along(weighed: tuple[Weighed, ...], bar: float) -> tuple[dict[int, str], dict[int, float]]:
    """Would a reference fault of each argument have moved its side beyond the bar?"""
    sight: dict[int, str] = {}
    smallest: dict[int, float] = {}
    for w in weighed:
        if w.along is None:
            continue
        for k, (g, u) in enumerate(zip(w.answer.parts, w.along, strict=True)):
            if not g.size or not u.size or not np.any(u):
                continue
            fault = max(FAULT, FAULT_EPS * w.answer.eps[k])
            with np.errstate(all="ignore"):
                top = abs(w.weight) * float(np.max(np.abs(wide(g) * wide(u))))
            if top > 0:
                seen = bar < fault * top
                if seen:
                    smallest[k] = max(bar / top, smallest.get(k, 0.0))
            else:
                natural = naturals_of(w.answer).get(k)
                size = float(np.max(natural * np.abs(u))) if natural is not None else 0.0
                seen = False
                if bar <= ZERO * size + TINY:
                    sight.setdefault(k, "zero")
            if seen:
                sight[k] = "decisive"
            else:
                sight.setdefault(k, "blunt")
    return sight, smallest


# -- arrays: entry by entry -----------------------------------------------------------------------


def _arrays(claim: Claim, left: Vectors, right: Vectors, levels: tuple[Rounding, ...]) -> Judgement:
    """Part by part; only a part that disagrees is granted more."""
    worst: Judgement | None = None
    ratio, hint = 0.0, ""
    sight: dict[int, str] = {}
    smallest: dict[int, float] = {}
    exact = claim.relation == "same bits"
    for k, (a, b) in enumerate(zip(left, right, strict=True)):
        words = a.dtype.kind not in "fciub" or b.dtype.kind not in "fciub"
        if a.shape != b.shape or (words and not np.array_equal(a, b)):
            sides = (str(a), str(b)) if words else (f"shape {a.shape}", f"shape {b.shape}")
            return Judgement(Outcome.DISAGREES, math.inf, 0.0, k, None, *sides, note=claim.what)
        if not a.size:
            continue
        same = words or (a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"))
        if same and (exact or words):
            sight[k] = "decisive"
            continue
        gap = _gap(claim, a, b)
        for rounding in levels:
            bar = _entry_bar(left, right, k, rounding)
            if not np.any(gap > bar):
                break
        sight[k], smallest[k] = _sight(claim, left, right, k, bar)
        with np.errstate(all="ignore"):
            over = np.where(gap > bar, np.where(bar > 0, gap / np.where(bar > 0, bar, 1), np.inf), 0.0)
        i = np.unravel_index(int(np.argmax(over)), over.shape)
        if over[i] > ratio:
            ratio, index = float(over[i]), tuple(int(n) for n in i)
            entry = _number(a[i]), _number(b[i])
            worst = Judgement(Outcome.DISAGREES, float(gap[i]), float(bar[i]), k, index, *entry, note=claim.what)
        elif exact:
            hint = "not bit for bit, but within rounding"
    if worst is not None:
        return worst
    if not sight:
        return Judgement(Outcome.BLUNT, reason="there is nothing to compare: no entry", sight=sight)
    if all(s == "blunt" for s in sight.values()):
        return Judgement(Outcome.BLUNT, reason="rounding is too wide to have seen a mistake", sight=sight)
    return Judgement(Outcome.AGREES, note=hint, sight=sight, smallest=smallest)


def _sight(claim: Claim, left: Vectors, right: Vectors, k: int, bar: Array) -> tuple[str, float]:
    """Would a fault in an entry of part k have been seen, and the least one relative to the part's largest entry."""
    sides = (left[k], right[k]) if claim.relation == "at most" else (right[k],)
    top = max(float(np.max(np.abs(p), initial=0.0, where=np.isfinite(p))) for p in sides)
    fault = max(FAULT, FAULT_EPS * max((w.answer.eps[k] for w in (*left.answers, *right.answers)), default=0.0))
    widest = float(np.max(bar, initial=0.0))
    if widest < fault * top:
        return "decisive", widest / top
    return ("zero" if top == 0 and _zero_seen(left, right, k, bar) else "blunt"), 0.0


def _number(a: Any) -> float | str:
    return float(a) if np.asarray(a).dtype.kind != "c" else str(a)


def _gap(claim: Claim, a: Array, b: Array) -> Array:
    """|a - b| (or a - b for "at most"); 0 where both are the same infinity or NaN, infinite where one is."""
    with np.errstate(all="ignore"):
        difference = wide(a) - wide(b) if a.dtype.kind != "c" else np.abs(a - b)
        gap = difference if claim.relation == "at most" else np.abs(difference)
        both = (a == b) | (np.isnan(a) & np.isnan(b)) if a.dtype.kind in "fc" and b.dtype.kind in "fc" else a == b
        limit = EDGE * float(np.finfo(a.dtype).max) if a.dtype.kind == "f" else np.inf
        excused = ~np.isfinite(a) & (~np.isfinite(b) | (np.abs(b) > limit))
    return np.where(both | excused, 0.0, np.where(np.isnan(gap), np.inf, gap))


def _entry_bar(left: Vectors, right: Vectors, k: int, rounding: Rounding) -> Array:
    bar = np.nan_to_num(left.bars()[k] + right.bars()[k], nan=0.0, posinf=0.0)
    for w in (*left.answers, *right.answers):
        bar = bar + abs(w.weight) * np.nan_to_num(rounding(w.answer)[k], nan=0.0, posinf=0.0)
    return np.asarray(bar)


def _zero_seen(left: Vectors, right: Vectors, k: int, bar: Array) -> bool:
    naturals = [naturals_of(w.answer).get(k) for w in (*left.answers, *right.answers)]
    return all(n is None or bool(np.all(bar <= ZERO * n + TINY)) for n in naturals)
