"""Im f(x + ihu)/h is the derivative of an analytic f to machine precision, believed where differences confirm it.

No subtraction, so no cancellation: h = 2^-80 (Squire and Trapp, SIAM Review 40, 1998). abs, norms,
comparisons and casts silently answer 0 or something else: hence the self-test against a block of
real differences, output by output.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradverify._arrays import Array
from gradverify._subject import Broken, Subject
from gradverify._vectors import CannotHere, Estimate, Vectors
from gradverify.oracles.finite_difference import Block, Slopes, blocks, combined
from gradverify.oracles.line import Line, flat, moved

H = 2.0**-80
SAME = 1e-6  # of |f|: the real part must be the value this well, or the function does something else on complex inputs
SHARP = 0.01  # of the slope: differences this well known confirm or refute
STILL = 1e-6  # of the largest |f|: ... or this well, where the slope is 0
ROUNDINGS = 64  # granted to the comparison itself


def raw(line: Line) -> Array | CannotHere:
    """The imaginary parts over h, not yet believed."""
    try:
        out = line.subject.values(moved(line.x, line.u, 1j * H, np.complex128))
    except Broken as failure:
        return CannotHere(f"complex step: {failure}")
    if any(p.dtype.kind != "c" for p in out):
        return CannotHere("complex step: the function dropped the imaginary part")
    got = flat(out, np.complex128)
    if got.shape != line.f0.shape:
        return CannotHere("complex step: the function answers complex inputs in another shape")
    slope = got.imag / H
    size = np.abs(line.f0)
    close = np.abs(got.real - line.f0) <= SAME * size + SAME**2 * size.max(initial=0.0)
    if not (close & np.isfinite(slope)).all():
        return CannotHere("complex step: the function answers complex inputs with other values")
    return slope


def settled(line: Line, slope: Array) -> Slopes:
    """The complex step's slopes with their bars: eight roundings of the slope and of the value it came with."""
    eps = float(np.finfo(np.float64).eps)
    bar = 8 * eps * (np.abs(slope) + np.abs(line.f0).astype(np.float64))
    return Slopes(slope, bar, np.ones(slope.shape, bool))


def confirms(b: Block, slope: Array) -> Array:
    """Where this block of differences is sharp and agrees with the complex step."""
    own = ROUNDINGS * float(np.finfo(np.float64).eps) * (np.abs(slope) + b.size)
    sharp = (b.bar <= SHARP * np.abs(slope)) | (b.bar <= STILL * b.size)
    return np.asarray(b.counts & sharp & (np.abs(b.value - slope) <= b.bar + own))


def refutes(b: Block, slope: Array) -> Array:
    """Where this block of differences is sharp and says something else."""
    own = ROUNDINGS * float(np.finfo(np.float64).eps) * (np.abs(slope) + b.size)
    gap = np.abs(b.value - slope)
    return np.asarray(b.counts & (gap > 4 * (b.bar + own)) & (b.bar <= SHARP * gap))


def self_test(line: Line, slope: Array, weight: Array) -> bool:
    """Do differences confirm the complex step at every output that matters, and refute it at none?

    To refute takes two blocks running: one alone may lie by chance, where the function repeats itself.
    """
    matters = weight > 0
    confirmed, refuted = np.zeros(slope.shape, bool), np.zeros(slope.shape, int)
    for b in blocks(line, "float64"):
        confirmed |= confirms(b, slope)
        refuted = np.where(refutes(b, slope), refuted + 1, 0)
        if (refuted[matters] >= 2).any():
            return False
        if not refuted[matters].any() and confirmed[matters].all():
            return True
    return False


@dataclass(frozen=True)
class ComplexStep:
    """The oracle: the complex step, confirmed by differences along the same line."""

    def directional(self, subject: Subject, x: Vectors, u: Vectors, v: Vectors) -> Estimate | CannotHere:
        """<v, f'(x) u> with its error, or why the complex step is not to be believed here."""
        line = Line(subject, x, u, flat(subject.forward(x)))
        slope = raw(line)
        if isinstance(slope, CannotHere):
            return slope
        weights = flat(v).astype(np.float64)
        if not self_test(line, slope, np.abs(weights)):
            return CannotHere("complex step: differences do not confirm it here")
        return combined(line, settled(line, slope), weights, "complex step")
