"""Central differences over several steps give a derivative with an error bar, or say that none is known.

A block is three steps h, h/2, h/4 and two Richardson columns. Its bar is made of the columns' spread, of the rounding
of f (measured from the block's own even part) over the smallest step, and of a guard against functions that are not
smooth to second order. A block counts for an output where the gap of its one-sided slopes shrinks with the step. Input
rounding is no more than that of f: steps are exact, or nearly (see ``line``). The value is known once two blocks agree;
a value never confirmed at two scales is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from gradverify._arrays import Array, largest
from gradverify._memory import ENTRIES
from gradverify._subject import Subject
from gradverify._vectors import CannotHere, Estimate, Vectors
from gradverify.oracles.line import Line, flat

# From step to step, other factors than powers of two alone: sin(3x) at 2134 repeats itself after 2134/64 and 2134/256.
UNEVEN = 21 / 16  # five bits, which the coarser steps have to spare
STEPS = {
    "float64": tuple(2.0**-k * (UNEVEN if k in (8, 12, 19) else 1) for k in (6, 8, 10, 12, 15, 19, 24, 29, 34)),
    "longdouble": tuple(2.0**-k * (UNEVEN if k in (12, 20) else 1) for k in (9, 12, 15, 20, 26, 33, 40)),
}
CONVERGED = 1e-3  # of the value: a spread of the columns below this says that an output has converged
ROUGH = 0.35  # the second difference of slopes shrinks by less than this from step to step: not smooth to second order
CLOSING = (0.6, 0.35)  # by at least so much the gap of one-sided slopes shrinks from h to h/2, and to h/4
SHARP = 0.01  # of the value: one of two blocks that agree must be known this well ...
STILL = 1e-4  # ... or both to this much of the largest |f|, where slopes are 0
LONG = 1.0  # a step that an output may stand still over and move within; finer steps are asked, if there are any
FEW = 2**14  # outputs: so many blocks are remembered, as two oracles look at the same
GROWN = 4  # times its bar: what a value known from larger steps may not be off by
TARGET = {"float64": 1e-11, "longdouble": 5e-15}  # of sum |v||slope|: no finer block is asked for
KINDS = {"float64": np.float64, "longdouble": np.longdouble}


@dataclass(frozen=True)
class Slopes:
    """The derivative of every output along a line, its bar, and where it is known."""

    value: Array
    bar: Array
    known: Array


@dataclass(frozen=True)
class Block:
    """What one triple of steps says of every output; ``counts`` where its one-sided slopes close up."""

    value: Array
    bar: Array
    counts: Array
    truncated: Array  # of the bar, what does not come from rounding
    noise: Array  # the rounding of f seen in this block
    converged: Array
    size: Array  # the largest |f| seen so far: what a derivative of 0 is small beside


def block(
    phi: Callable[[float], Array], f0: Array, h: float, before: Block | None, moved: Array, *, far: bool = False
) -> Block:
    """Six calls at +-h, +-h/2, +-h/4. ``moved`` marks outputs that answered smoothly to a larger step; updated.

    An output that stands still says nothing where it has moved, or where steps are ``far``: they may be whole periods.
    """
    eps = np.finfo(f0.dtype).eps
    steps = np.array([h, h / 2, h / 4])[:, None]
    up, down = np.array([phi(h / 2**k) for k in range(3)]), np.array([phi(-h / 2**k) for k in range(3)])
    d1, d2, d3 = (up - down) / (2 * steps)
    r1, r2 = (4 * d2 - d1) / 3, (4 * d3 - d2) / 3
    value = (16 * r2 - r1) / 15
    spread = np.abs(value - r2)
    size = np.maximum(np.abs(up), np.abs(down)).max(axis=0)

    bend = up + down - 2 * f0
    noise = np.abs(bend[0] - 20 * bend[1] + 64 * bend[2]) / 134  # exact for t^2 and t^4
    converged = spread <= CONVERGED * np.abs(value)
    shares = np.sort((noise / size)[converged & (size > 0)])
    share = float(shares[shares.size // 2]) if shares.size else 0.0
    sigma = np.maximum(2 * eps * size, 4 * np.maximum(noise, share * size))
    if before is not None:
        sigma = np.maximum(sigma, np.where(before.converged, 4 * before.noise, 0))
    floor = sigma / (h / 4)

    bar = 2 * spread + 2 * floor
    truncated = np.where(spread > 4 * floor, spread, 0)
    turn = np.abs(d3 - d2)
    rough = (turn > ROUGH * np.abs(d2 - d1)) & (turn > 4 * floor)
    bar = np.where(rough, np.maximum(bar, 3 * turn), bar)

    gap = np.abs(bend) / steps
    closing = (gap[1] <= CLOSING[0] * gap[0]) & (gap[2] <= CLOSING[1] * gap[0]) | (gap[2] < 4 * floor)
    moves = ((up != f0) | (down != f0)).any(axis=0)
    asleep = (moved | far) & ~moves  # below the quantum of a rounded function, or from period to period
    moved |= moves & closing  # a step that crossed a kink says nothing of flat ground beside it
    counts = closing & ~asleep & np.isfinite(value) & np.isfinite(bar)
    size = size if before is None else np.maximum(size, before.size)
    return Block(value, bar, counts, truncated, noise, converged, size)


def blocks(line: Line, kind: str) -> Iterator[Block]:
    """Blocks from the largest step to the smallest, in the arithmetic ``kind``, which small lines keep."""
    if line.f0.size > FEW or line.x.size > ENTRIES:
        yield from _worked_out(line, kind)
        return
    known, others = line.memo.setdefault(kind, ([], _worked_out(line, kind)))
    yield from known
    for b in others:
        known.append(b)
        yield b


def _worked_out(line: Line, kind: str) -> Iterator[Block]:
    dtype = KINDS[kind]

    def phi(t: float) -> Array:
        return line(t, dtype).astype(dtype, copy=False)

    f0 = line.f0 if _already(line, dtype) else flat(line.subject.values(at_zero(line, dtype)), dtype).astype(dtype)
    moved, reach = np.zeros(f0.shape, bool), max((largest(np.abs(d)) for d in line.u if d.size), default=0.0)
    before = None
    for h in (h for h in STEPS[kind] if h <= line.within):
        far = h * reach > LONG and h > STEPS[kind][-2]
        with np.errstate(all="ignore"):
            before = block(phi, f0, h, before, moved, far=far)
        yield before


def _already(line: Line, dtype: type) -> bool:
    """Is the value at x one of this arithmetic as it is?"""
    moving = (a for a, d in zip(line.x, line.u, strict=True) if d.size)
    return line.f0.dtype == dtype and all(a.dtype == dtype for a in moving)


def at_zero(line: Line, dtype: type) -> Vectors:
    """x itself, with the parts that move in the type ``dtype``."""
    from gradverify.oracles.line import moved

    return moved(line.x, line.u, 0.0, dtype)


def slopes(line: Line, kind: str, weight: Array, enough: float = 0.0) -> Slopes:
    """The sequence of blocks, settled output by output; stops when their bars are enough, or no longer improve."""
    known = value = bar = None
    contradicted = np.zeros(line.f0.shape, bool)
    last: Block | None = None
    for b in blocks(line, kind):
        if value is None or bar is None or known is None:
            value, bar, known = b.value.copy(), np.where(b.counts, b.bar, np.inf), np.zeros(b.value.shape, bool)
            last = b
            continue
        assert last is not None
        both = b.counts & last.counts & (np.abs(b.value - last.value) <= b.bar + last.bar)
        sharp = np.minimum(b.bar, last.bar) <= SHARP * np.abs(b.value)
        small = np.maximum(b.bar, last.bar) <= STILL * b.size
        best = np.where(b.bar < last.bar, b.value, last.value), np.minimum(b.bar, last.bar)
        # Truncation falls with the step; where it has grown, larger steps agreed by chance (a period, a threshold).
        chance = known & (b.truncated > GROWN * bar)
        apart = known & b.counts & (b.bar <= SHARP * np.abs(b.value - value)) & (GROWN * bar < np.abs(b.value - value))
        contradicted |= apart
        known &= ~(chance | apart)
        first = ~known & both & (sharp | small) & ~contradicted
        finer = known & b.counts & (b.bar < bar) & (np.abs(b.value - value) <= b.bar + bar)
        value = np.where(first, best[0], np.where(finer, b.value, value))
        bar = np.where(first, best[1], np.where(finer, b.bar, bar))
        known = known | first
        needed = weight > 0
        if known[needed].all():
            total = float((weight * np.abs(value))[needed].sum())
            now, then = float((weight * bar)[needed].sum()), float((weight * b.bar)[needed].sum())
            if now <= max(TARGET[kind] * total, enough) or then > 4 * now:
                break
        last = b
    assert value is not None and bar is not None and known is not None
    return Slopes(value, np.where(known, bar, np.inf), known)


def combined(line: Line, found: Slopes, v: Array, source: str) -> Estimate | CannotHere:
    """<v, f'(x) u> from the outputs' slopes, with the sum's own rounding."""
    needed = v != 0
    if not found.known[needed].all():
        j = int(np.flatnonzero(needed & ~found.known)[0])
        return CannotHere(f"differences of output {j} never agree at two scales (a kink, a jump, or noise)")
    terms = (v.astype(np.longdouble) * found.value)[needed]
    rounding = (2 + np.log2(terms.size + 2)) * float(np.finfo(found.value.dtype).eps) * float(np.abs(terms).sum())
    error = float((np.abs(v) * found.bar)[needed].sum()) + rounding
    return Estimate(float(terms.sum()), error, source=source, scale=float(np.abs(terms).sum()))


@dataclass(frozen=True)
class FiniteDifference:
    """The oracle: central differences in float64 (or ``longdouble``, where the function computes in it)."""

    kind: str = "float64"
    within: float = 1.0
    enough: float = 0.0

    def directional(self, subject: Subject, x: Vectors, u: Vectors, v: Vectors) -> Estimate | CannotHere:
        """<v, f'(x) u> with its error."""
        line = Line(subject, x, u, flat(subject.forward(x)), self.within)
        weights = flat(v).astype(np.float64)
        found = slopes(line, self.kind, np.abs(weights), self.enough)
        return combined(line, found, weights, f"{self.kind} differences")
