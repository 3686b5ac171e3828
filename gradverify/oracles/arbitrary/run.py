"""A subject along a line is run on Numbers, and says by an exception where it cannot be."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from mpmath import MPContext, libmp

from gradverify._arrays import Array, clone
from gradverify._floating import is_floating
from gradverify._subject import Subject
from gradverify._vectors import Vectors
from gradverify.oracles.arbitrary.array import wrapped
from gradverify.oracles.arbitrary.functions import INFINITE, Raw, Refused, add, exact, multiply
from gradverify.oracles.arbitrary.number import Number, Work

EXACT = 4096  # bits in which what came out of runs is compared: more than any run has
FEW = 20_000  # operations of one run, weighted: six runs take about a second


@dataclass
class Line:
    """t -> f(x + t u) at any precision, all outputs as one flat array of mpmath numbers; runs are remembered.

    ``branches`` tells whether the function compared or rounded its numbers, ``shapes`` how its outputs lie.
    """

    subject: Subject
    x: Vectors
    u: Vectors
    branches: bool = False
    shapes: tuple[tuple[int, ...], ...] = ()
    context: Any = field(default_factory=MPContext)
    memo: dict[tuple[int, int, int], Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.context.prec = EXACT

    def __call__(self, bits: int, k: int = 0, sign: int = 0) -> Array:
        """The outputs at t = sign 2^-k (sign 0: at x itself) in so many bits; raises Refused where there are none."""
        key = (bits, k if sign else 0, sign)
        if key not in self.memo:
            work = Work(bits, FEW, wrapped)
            parts = [_read(part, work) for part in self._answer(libmp.from_man_exp(sign, -k), work)]
            self.shapes = tuple(shape for shape, _ in parts)
            self.memo[key] = self.numbers(raw for _, raws in parts for raw in raws)
        return self.memo[key]

    def numbers(self, raws: Any) -> Array:
        """mpmath numbers in an array."""
        found = [self.context.make_mpf(raw) for raw in raws]
        out = np.empty(len(found), object)
        out[:] = found
        return out

    def _answer(self, step: Raw, work: Work) -> tuple[Any, ...]:
        """What the function answers for x + step u, if it never left this arithmetic."""
        given = tuple(_moved(a, d, step, work) for a, d in zip(self.x, self.u, strict=True))
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                out = self.subject.value(*given, **self.subject.at)
        except (Exception, SystemExit) as failure:
            if work.left:
                raise Refused(f"the function {work.left}") from failure
            said = str(failure).split("\n")[0]
            raise Refused(f"the function raised {type(failure).__name__}: {said}") from failure
        if work.left:
            raise Refused(f"the function {work.left}")
        self.branches |= work.branches
        return tuple(out) if isinstance(out, tuple | list) else (out,)


def _moved(a: Array, d: Array, step: Raw, work: Work) -> Any:
    """a + step d as Numbers, rounded once; whole numbers and truth values are handed over as they are."""
    if not is_floating(a.dtype):
        return clone(a)
    out = np.empty_like(a, dtype=object, subok=False)
    moves = d.size > 0 and step != libmp.fzero
    for index in np.ndindex(a.shape):
        raw = exact(a[index])
        if moves:
            raw = add(raw, multiply(step, exact(d[index]), work.bits), work.bits)
        out[index] = Number(raw, work)
    return wrapped(out, work)


def _read(part: Any, work: Work) -> tuple[tuple[int, ...], list[Raw]]:
    """Shape and numbers of one output, which must not be floats: those would be what left this arithmetic."""
    array = np.asarray(part.array() if isinstance(part, Number) else part)
    if array.dtype.kind not in "Oiub":
        raise Refused(f"the function answers in {array.dtype}, not in the numbers it was given")
    try:
        return array.shape, [work.number(entry).raw for entry in array.flat]
    except Refused as failure:
        raise Refused(f"the function {failure}") from failure


def finite(values: Array) -> bool:
    """Whether no entry is inf or NaN."""
    return all(v._mpf_ not in INFINITE for v in values)
