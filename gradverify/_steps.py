"""How far an entry is usually moved: by its own size, and at 0 by what is usual beside it."""

from __future__ import annotations

import numpy as np

from gradverify._arrays import Array, deferred, slices


def step_of(a: Array, usual: float | None = None) -> Array:
    """The natural step of every entry: |a_i|, and at 0 the RMS of the others (``usual``, where known), 1 at most."""
    if all(bool((_size(p) > 0).all()) for (p,) in slices(a)):
        return deferred(_size, a)
    at_zero = min(usual_step(a) if usual is None else usual, 1.0)

    def step(p: Array) -> Array:
        size = _size(p)
        return np.where(size > 0, size, at_zero)

    return deferred(step, a)


def usual_step(a: Array) -> float:
    """The RMS of the entries that are not 0; 1 where there are none."""
    top = 0.0
    for (p,) in slices(a):
        size = _size(p)
        top = max(top, float(size.max(initial=0.0, where=np.isfinite(size))))
    if not top > 0:
        return 1.0
    count, total = 0, 0.0
    for (p,) in slices(a):
        size = _size(p)
        others = size[(size > 0) & np.isfinite(size)]
        count, total = count + others.size, total + float(((others / top) ** 2).sum())
    return top * float(np.sqrt(total / count))


def _size(p: Array) -> Array:
    return np.abs(p).astype(np.float64, copy=False)
