"""After a disagreement: the argument and the entry where it shows, with what is claimed and what is expected there."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradverify._arrays import Array, deferred
from gradverify._law import Law
from gradverify._method import Excuse, Oracle, Trial
from gradverify._subject import Broken, Subject
from gradverify._vectors import Estimate, Vectors
from gradverify._verdict import Finding
from gradverify.explain.matrix import matrix_entry, output_name
from gradverify.explain.witness import witness
from gradverify.judge import Judgement
from gradverify.oracles.line import addable

MANY = 2**14  # entries: where a call costs much, and most mistakes are in all of them
ALL, FEW = 200, 8  # entries up to which every one is asked, of many fewer; beyond, halves are


def locate(
    law: Law, trial: Trial, values: Mapping[str, Any], found: Judgement, excuse: Excuse, quick: Oracle
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
            error,
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
        wanted = (
            f"{least} (the slope nearby)"
            if least == greatest
            else f"between {least} and {greatest} (the slopes nearby)"
        )
        return finding(f.names[k], index, claimed, wanted, 0.0)
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
    law: Law, f: Subject, x: Vectors, values: Mapping[str, Any], quick: Oracle
) -> tuple[int, tuple[int, ...], float, float | str, float] | None:
    """The entry with the largest mistake (all of them asked, or halves followed), both sides, and the bar there.

    The quick oracle finds it, the careful one among the values confirms it, or is asked about all of them.
    Of more than ``MANY`` the one where the claim is largest is asked first, and is told if it is wrong itself.
    """
    y, w, oracle = x.higher, values["v"].higher, values["D"]
    judged = tuple(k for k, p in enumerate(values["u"]) if p.size)
    try:
        g = f.pullback(y, w) if "vjp" in law.needs else None
    except Broken:
        return None

    def claim(u: Vectors) -> Estimate:
        found: Estimate = g.inner(u) if g is not None else f.pushforward(y, u).inner(w)
        return found

    if g is not None:
        for k in judged:
            bad = np.argwhere(~np.isfinite(g[k]))
            if bad.size or (g[k].ndim == 0 and not np.isfinite(g[k])):
                index = tuple(int(i) for i in bad[0]) if bad.size else ()
                known = oracle.directional(f, y, along(y, k, index), w)
                step = float(along(y, k, index)[k][index])
                return (
                    k,
                    index,
                    float(g[k][index]),
                    known.value / step if isinstance(known, Estimate) else "a finite number",
                    0.0,
                )
    starts = dict(zip(judged, itertools.accumulate((y[k].size for k in judged), initial=0), strict=False))

    def worst(
        entries: Sequence[tuple[int, tuple[int, ...]]],
    ) -> tuple[int, tuple[int, ...], float, float | str, float] | None:
        found = _worst(quick, f, y, w, claim, entries)
        confirmed = _worst(oracle, f, y, w, claim, [found[:2]]) if found is not None else None
        return confirmed or _worst(oracle, f, y, w, claim, entries)

    entries = range(sum(y[k].size for k in judged))
    if g is not None and len(entries) > MANY:
        first = worst([max(((k, _steepest(g[k], y.steps[k])) for k in judged), key=lambda e: _size(g, y, *e))])
        if first is not None:
            return first
    rng = np.random.default_rng(1)
    few = ALL if len(entries) <= MANY else FEW
    while len(entries) > few:
        half = len(entries) // 2
        sides = entries[:half], entries[half:]
        entries = max(sides, key=lambda side: _excess(quick, f, y, w, claim, _mixture(y, side, starts, rng)))
    return worst(
        [
            (k, tuple(int(n) for n in np.unravel_index(i - start, y[k].shape)))
            for k, start in starts.items()
            for i in _within(entries, start, y[k].size)
        ]
    )


def _steepest(g: Array, steps: Array) -> tuple[int, ...]:
    """The entry that a step changes the function by most, as the claim has it."""
    sizes = np.asarray(deferred(lambda p, s: np.abs(p) * s, g, steps))
    return tuple(int(n) for n in np.unravel_index(int(np.argmax(sizes)), sizes.shape))


def _size(g: Vectors, x: Vectors, k: int, index: tuple[int, ...]) -> float:
    return abs(float(g[k][index])) * float(x.steps[k][index])


def _within(entries: range, start: int, size: int) -> range:
    """Those of the entries that lie in the part that starts there."""
    return range(max(entries.start, start), min(entries.stop, start + size))


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


def _mixture(x: Vectors, entries: range, starts: Mapping[int, int], rng: np.random.Generator) -> Vectors:
    parts: list[Array] = [np.zeros(0)] * len(x)
    for k, start in starts.items():
        here = _within(entries, start, x[k].size)
        if not here:
            continue
        chosen = np.zeros(x[k].size)
        signs, sizes = rng.integers(0, 2, len(here)) * 2.0 - 1.0, rng.uniform(0.5, 1.5, len(here))
        chosen[here.start - start : here.stop - start] = signs * sizes
        parts[k] = addable(x[k], chosen.reshape(x[k].shape) * x.steps[k])
    return Vectors(tuple(parts))


def _excess(oracle: Any, f: Subject, y: Vectors, w: Vectors, claim: Any, u: Vectors) -> float:
    known = oracle.directional(f, y, u, w)
    if not isinstance(known, Estimate):
        return 0.0
    claimed = claim(u)
    bar = known.error + claimed.error
    gap = abs(claimed.value - known.value)
    return gap / bar if bar > 0 else float(np.inf if gap > 0 else 0.0)
