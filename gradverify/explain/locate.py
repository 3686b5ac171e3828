"""After a disagreement: the argument and the entry where it shows, with what is claimed and what is expected there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gradverify._arrays import Array, deferred
from gradverify._law import Law
from gradverify._method import Excuse, Trial
from gradverify._subject import Broken, Subject
from gradverify._vectors import Estimate, Vectors
from gradverify._verdict import Finding
from gradverify.explain.matrix import matrix_entry, output_name
from gradverify.explain.mismatch import Mismatch
from gradverify.explain.witness import witness
from gradverify.judge import Judgement
from gradverify.oracles.ladder import Ladder
from gradverify.oracles.line import addable

Entry = tuple[int, tuple[int, ...]]  # an argument and an index
MANY = 2**14  # entries: where a call costs much, and most mistakes are in all of them
ALL, SOME, FEW = 200, 16, 8  # entries that are asked one by one: where each costs one call, or a dozen; of very many


def locate(
    law: Law, trial: Trial, values: Mapping[str, Any], found: Judgement, excuse: Excuse, quick: Ladder
) -> Finding:
    """The finding for a confirmed disagreement. ``quick`` looks for the entry, the values' own oracle confirms it."""
    f, x = trial.subject, trial.x
    v = values.get("v")
    cotangent = v.parts if isinstance(v, Vectors) and "v" in law.quantifiers else ()
    line = witness(f, law.name, x.parts, cotangent, trial.seed)
    cause = excuse.note or found.note

    def finding(argument: str, index: tuple[int, ...] | None, claimed: Any, expected: Any, error: float) -> Finding:
        return Finding(
            law.name,
            argument,
            index,
            claimed,
            expected,
            float(error),
            cause,
            line,
            trial.cell,
            trial.where,
            x.parts,
            cotangent,
        )

    if excuse.place is not None:
        k, index, claimed, low, high = excuse.place
        least, greatest = f"{low:.6g}", f"{high:.6g}"
        wanted = f"between {least} and {greatest} (the slopes nearby)"
        if least == greatest:
            wanted = f"{least} (the slope nearby)"
        elif low <= claimed <= high:
            wanted = f"what agrees with all that tie: one mixture of the slopes nearby, here from {least} to {greatest}"
        tied = [f.names[k] + (str(list(at)) if at else "") for k, at in excuse.tied]
        return replace(finding(f.names[k], index, claimed, wanted, 0.0), places=tuple(tied))
    if law.derivative and found.part is None and "u" in values:
        entry = wrong_entry(law, f, x, values, quick)
        if entry is not None:
            k, index, claimed, expected, error = entry
            column = along(x.higher, k, index)
            inner = matrix_entry(f, x, column, values["D"], forward="vjp" not in law.needs)
            if inner is not None:
                shown = finding(inner.argument, inner.index, inner.claimed, inner.expected, inner.error)
                again = witness(f, law.name, x.parts, inner.cotangent, trial.seed)
                because = "; ".join(filter(None, (cause, inner.cause)))
                return replace(shown, cotangent=inner.cotangent, witness=again, cause=because)
            return finding(f.names[k], index, claimed, expected, error)
    if found.part is None:
        return finding(found.note or "value", None, found.left, found.right, found.bar)
    if cause.startswith("the vjp writes into the cotangent"):
        name = "cotangent"
    elif found.about == "input" and found.part < len(f.names):
        name = f.names[found.part]
    else:
        name = "value" + output_name(f, found.part, len(f.forward(x)))
    return finding(name, found.index, found.left, found.right, found.bar)


def wrong_entry(
    law: Law, f: Subject, x: Vectors, values: Mapping[str, Any], quick: Ladder
) -> tuple[int, tuple[int, ...], float, float | str, float] | None:
    """The entry with the largest mistake (all of them asked, or halves followed), both sides, and the bar there.

    The quick oracle finds it, the careful one among the values confirms it, or is asked about all of them.
    Of more than ``MANY`` those that a tangent moves, where these are few; else such as ``among_many`` finds.
    """
    y, w, oracle = x.higher, values["v"].higher, values["D"]
    judged = moved(values["u"])
    try:
        m = mismatch(law, f, y, w, judged, quick)
    except Broken:
        return None
    if (bad := _not_finite(m)) is not None:
        k, index = bad
        known = oracle.directional(f, y, along(y, k, index), w)
        step = float(along(y, k, index)[k][index])
        expected = known.value / step if isinstance(known, Estimate) else "a finite number"
        return k, index, float(m.gradient[k][index]) if m.gradient is not None else np.nan, expected, 0.0
    if sum(np.count_nonzero(p) for p in values["u"]) <= FEW < m.count:
        entries = [(k, tuple(map(int, index))) for k, p in enumerate(values["u"]) for index in np.argwhere(p)]
    else:
        entries = among_many(m) if m.count > MANY else [m.entry(i) for i in m.few(ALL if m.even else SOME)]
    found = _worst(quick, f, y, w, m.claim, entries)
    confirmed = _worst(oracle, f, y, w, m.claim, [found[:2]]) if found is not None else None
    return confirmed or _worst(oracle, f, y, w, m.claim, entries)


def moved(u: Vectors) -> tuple[int, ...]:
    """The positions of the arguments that a tangent moves."""
    return tuple(k for k, p in enumerate(u) if p.size)


def mismatch(law: Law, f: Subject, y: Vectors, w: Vectors, judged: tuple[int, ...], quick: Ladder) -> Mismatch:
    """What the law claims of these arguments, held against the quick oracle; raises Broken as the rule does."""
    g = f.pullback(y, w) if "vjp" in law.needs else None
    return Mismatch(f, y, w, judged, quick, g, quick.trusts(f, y))


def among_many(m: Mismatch) -> list[Entry]:
    """A few entries among which a wrong one is: the one where the claim is largest, if it is wrong, else by halves."""
    if _not_finite(m) is not None:
        return []
    if (g := m.gradient) is not None:
        steepest = max(((k, _steepest(g[k], m.x.steps[k])) for k in m.judged), key=lambda e: _size(g, m.x, *e))
        if _worst(m.oracle, m.f, m.x, m.v, m.claim, [steepest]) is not None:
            return [steepest]
    return [m.entry(i) for i in m.few(FEW)]


def _not_finite(m: Mismatch) -> Entry | None:
    """The first entry of a claimed gradient that is not finite."""
    for k, g in enumerate(m.gradient or ()):
        bad = np.argwhere(~np.isfinite(g))
        if len(bad) and k in m.judged:
            return k, tuple(map(int, bad[0]))
    return None


def _steepest(g: Array, steps: Array) -> tuple[int, ...]:
    """The entry that a step changes the function by most, as the claim has it."""
    sizes = np.asarray(deferred(lambda p, s: np.abs(p) * s, g, steps))
    return tuple(int(n) for n in np.unravel_index(int(np.argmax(sizes)), sizes.shape))


def _size(g: Vectors, x: Vectors, k: int, index: tuple[int, ...]) -> float:
    return abs(float(g[k][index])) * float(x.steps[k][index])


def _worst(
    oracle: Any, f: Subject, y: Vectors, w: Vectors, claim: Any, entries: Iterable[tuple[int, tuple[int, ...]]]
) -> tuple[int, tuple[int, ...], float, float | str, float] | None:
    """Which of these entries has the largest mistake beyond its bar; none where none has."""
    best: tuple[float, tuple[int, tuple[int, ...], float, float | str, float]] | None = None
    for k, index in entries:
        u = along(y, k, index)
        step = float(u[k][index])
        known = oracle.directional(f, y, u, w)
        if not isinstance(known, Estimate) or step == 0:
            continue
        claimed = claim(u).value / step
        expected, bar = known.value / step, known.error / abs(step)
        excess = abs(claimed - expected) - bar
        if best is None or excess > best[0]:
            best = excess, (k, index, claimed, expected, bar)
    return best[1] if best is not None and best[0] > 0 else None


def along(x: Vectors, k: int, index: tuple[int, ...]) -> Vectors:
    """One natural step of one entry."""
    part = np.zeros(x[k].shape)
    part[index] = x.steps[k][index]
    parts: list[Array] = [np.zeros(0)] * len(x)
    parts[k] = addable(x[k], part)
    return Vectors(tuple(parts))
