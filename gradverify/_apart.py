"""What is lost beside something larger is tried apart: outputs, and entries, too small for a sum over all to show.

So it is of points that are not large: among millions some are small by chance, and a sum is what can be afforded.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gradverify._arrays import Array, slices
from gradverify._memory import ENTRIES
from gradverify._method import Trial
from gradverify._vectors import Vectors
from gradverify.judge import FAULT

Masks = dict[str, tuple[Array, ...]]  # by what they are of, ``outputs`` or ``entries``: those to try; empty if none


def outputs_lost(trial: Trial, judged: tuple[int, ...], bar: float) -> Masks:
    """The outputs a hundredth of which is below the bar of a sum over all, so that little was seen of them.

    None where the gradient is not finite: then it is so for any cotangent, 0 included.
    """
    values = trial.draw(0, judged)
    y, v = trial.subject.forward(trial.x), values.v
    return _lost("outputs", list(zip(y, v, strict=True)), bar) if _finite(_gradient(trial, v)) else {}


def entries_lost(trial: Trial, judged: tuple[int, ...], bar: float) -> Masks:
    """The entries whose share of a derivative along a direction is as small; those claimed to be 0 go with them."""
    values = trial.draw(0, judged)
    g = _gradient(trial, values.v)
    pairs = [(p, d) if p.size and d.size else (np.zeros(0), np.zeros(0)) for p, d in zip(g, values.u, strict=True)]
    found = _lost("entries", pairs, bar) if _finite(g) else {}
    return {name: tuple(m | (p == 0) for m, (p, _) in zip(masks, pairs, strict=True)) for name, masks in found.items()}


def _gradient(trial: Trial, v: Vectors) -> Vectors:
    return trial.subject.pullback(trial.x.higher, v.higher)


def _finite(g: Vectors) -> bool:
    return all(bool(np.isfinite(run).all()) for p in g if p.size for (run,) in slices(p))


def _lost(name: str, pairs: list[tuple[Array, Array]], bar: float) -> Masks:
    """The products that are not 0, and a hundredth of which is below the bar; none where all are, or none is."""

    def faint(p: Array, q: Array) -> Array:
        size = np.abs(p.astype(np.float64)) * np.abs(q.astype(np.float64))
        return (size > 0) & (size * FAULT < bar)

    def found() -> Iterator[Array]:
        return (faint(*run) for pair in pairs if pair[0].size for run in slices(*pair))

    if sum(p.size for p, _ in pairs) > ENTRIES or not np.isfinite(bar):
        return {}
    if not any(map(np.any, found())) or all(map(np.all, found())):
        return {}
    return {name: tuple(faint(p, q) for p, q in pairs)}
