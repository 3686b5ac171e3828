"""Whether a function stands exactly on a tie or a comparison boundary is recorded while it runs.

The inputs are wrapped in an ndarray subclass that watches ``maximum``, comparisons, ``abs``, ``sign``,
``where``, ``sort`` and ``argmax`` go by. What does not stay wrapped cannot be told from smooth code.
Run on a complex step, the same wrapper can take either side of every tie: so the values that the chain
rule gives are found, one for each way of choosing.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradverify._floating import is_inexact
from gradverify._subject import Subject
from gradverify._vectors import Vectors
from gradverify.oracles.line import moved

STEP = 2.0**-80
CHOICES = 32  # ways of taking sides; two ties need four
PAIRS = {
    np.maximum, np.minimum, np.fmax, np.fmin,
    np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal,
}  # fmt: skip
CHOSEN = (np.maximum, np.minimum)  # of which many are reduced with a side taken
AT_ZERO = {np.absolute, np.fabs, np.sign, np.heaviside}
STEPS = {np.floor, np.ceil, np.rint, np.trunc, np.floor_divide, np.remainder}
ORDERED = {
    np.max,
    np.min,
    np.nanmax,
    np.nanmin,
    np.ptp,
    np.sort,
    np.argsort,
    np.partition,
    np.argpartition,
    np.argmax,
    np.argmin,
    np.median,
    np.quantile,
    np.percentile,
}
KNOTS = {np.interp: (0, 1), np.digitize: (0, 1), np.searchsorted: (1, 0)}  # which argument is sought among which


class NoSide(Exception):
    """No side of a tie can be taken by what orders numbers here."""


@dataclass
class Record:
    """What was met: ties and boundaries, and whether wrapped values reached the output."""

    met: list[str] = field(default_factory=list)
    choose: np.random.Generator | None = None  # takes a side of every tie, on complex steps ...
    share: float = 0.5  # ... the first, or the upper, this often


class Watched(np.ndarray):
    """An array that reports the boundaries its values stand on."""

    record: Record

    def __array_finalize__(self, other: Any) -> None:
        self.record = getattr(other, "record", None) or Record()

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **kwargs: Any) -> Any:
        if ufunc.__name__ == "clip" and out is None:  # what x.clip calls has no public name
            return np.minimum(np.maximum(*inputs[:2]), inputs[2])
        plain = [np.asarray(i) for i in inputs]
        if method == "__call__":
            _note(self.record, ufunc, plain)
        elif ufunc in PAIRS and not (method == "reduce" and ufunc in CHOSEN and self.record.choose is not None):
            _note_order(self.record, ufunc.__name__, plain[0])
        if self.record.choose is not None and out is None:
            chosen = _chosen(self.record.choose, self.record.share, ufunc, method, plain, kwargs)
            if chosen is not None:
                return _wrap(chosen, self.record)
        if out is not None:
            kwargs["out"] = tuple(o.view(np.ndarray) if isinstance(o, Watched) else o for o in out)
        result = getattr(ufunc, method)(*plain, **kwargs)
        return tuple(_wrap(r, self.record) for r in result) if isinstance(result, tuple) else _wrap(result, self.record)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if func is np.clip and len(args) == 3 and not kwargs:
            low, high = (end if end is not None else np.inf * sign for end, sign in zip(args[1:], (-1, 1), strict=True))
            return np.minimum(np.maximum(args[0], low), high)
        if func in (np.max, np.min) and self.record.choose is not None and "where" not in kwargs:
            return _reduced(np.maximum if func is np.max else np.minimum, *args, **kwargs)
        if func in ORDERED and args:
            _note_order(self.record, func.__name__, np.asarray(args[0]))
        if func in KNOTS:
            sought, among = (np.asarray(args[k]) for k in KNOTS[func])
            if np.any(np.isin(sought, among)):
                self.record.met.append(func.__name__)
        result = func(*_plain(args), **_plain(kwargs))
        return tuple(_wrap(r, self.record) for r in result) if isinstance(result, tuple) else _wrap(result, self.record)

    def sort(self, *args: Any, **kwargs: Any) -> None:
        _note_order(self.record, "sort", np.asarray(self))
        self.view(np.ndarray).sort(*args, **kwargs)

    def argmax(self, *args: Any, **kwargs: Any) -> Any:
        _note_order(self.record, "argmax", np.asarray(self))
        return self.view(np.ndarray).argmax(*args, **kwargs)

    def argsort(self, *args: Any, **kwargs: Any) -> Any:
        _note_order(self.record, "argsort", np.asarray(self))
        return self.view(np.ndarray).argsort(*args, **kwargs)


def _plain(value: Any) -> Any:
    if isinstance(value, Watched):
        return value.view(np.ndarray)
    if isinstance(value, tuple | list):
        return type(value)(_plain(v) for v in value)
    return {k: _plain(v) for k, v in value.items()} if isinstance(value, dict) else value


def _wrap(result: Any, record: Record) -> Any:
    if not isinstance(result, np.ndarray | np.generic):
        return result
    out = np.asarray(result).view(Watched)
    out.record = record
    return out


def _note(record: Record, ufunc: np.ufunc, values: list[np.ndarray]) -> None:
    with np.errstate(all="ignore"):
        if (
            (ufunc in PAIRS and np.any(values[0] == values[1]))
            or (ufunc in AT_ZERO and np.any(values[0] == 0))
            or (ufunc in STEPS and np.any(values[0] == np.rint(values[0])))
        ):
            record.met.append(ufunc.__name__)


def _reduced(ufunc: np.ufunc, a: Any, axis: Any = None, *, keepdims: Any = False, **start: Any) -> Any:
    """A maximum or minimum of many, and of the number it starts from, by the ufunc, which takes a side."""
    found = ufunc.reduce(a, axis=axis, keepdims=keepdims is True)
    return ufunc(found, start["initial"]) if "initial" in start else found


def _note_order(record: Record, name: str, values: np.ndarray) -> None:
    """A tie along any axis counts as a boundary of sorting and of maxima, also one that decides nothing.

    Where sides are to be taken, what orders numbers by itself can take none.
    """
    for axis in range(values.ndim):
        ordered = np.sort(values.real, axis)
        if np.any(np.diff(ordered, axis=axis) == 0):
            if record.choose is not None:
                raise NoSide(name)
            record.met.append(name)
            return


def _chosen(
    rng: np.random.Generator,
    share: float,
    ufunc: np.ufunc,
    method: str,
    values: list[np.ndarray],
    kwargs: dict[str, Any],
) -> np.ndarray | None:
    """The ufunc on complex steps, ordered by real parts, with a side taken at random at every tie; None for others."""
    real = [v.real for v in values]
    if method == "reduce" and ufunc in CHOSEN:
        axis = kwargs.get("axis", 0)
        flat = values[0].reshape(-1) if axis is None else np.moveaxis(values[0], axis, -1)
        sign = 1 if ufunc is np.maximum else -1
        tied = flat.real == (sign * flat.real).max(-1, keepdims=True) * sign
        place = np.argmax(np.where(tied, rng.random(flat.shape), -1.0), axis=-1)
        out = np.take_along_axis(flat, place[..., None], -1)
        kept = kwargs.get("keepdims", False)
        return np.asarray(np.moveaxis(out, -1, axis) if kept and axis is not None else out[..., 0])
    if method != "__call__":
        return None
    if ufunc in PAIRS:
        a, b = np.broadcast_arrays(*values)
        side = np.where(real[0] == real[1], rng.random(a.shape) < share, real[0] > real[1])
        if ufunc in (np.maximum, np.fmax, np.minimum, np.fmin):
            return np.where(side == (ufunc in (np.maximum, np.fmax)), a, b)
        if ufunc in (np.equal, np.not_equal):
            return np.asarray((real[0] == real[1]) == (ufunc is np.equal))
        return np.asarray(side == (ufunc in (np.greater, np.greater_equal)))
    if ufunc in AT_ZERO:
        side = np.where(rng.random(real[0].shape) < share, 1.0, -1.0)
        turned = np.where(real[0] == 0, side, np.sign(real[0]))
        return np.asarray(values[0] * turned if ufunc in (np.absolute, np.fabs) else turned)
    return None


def boundaries(subject: Subject, x: Vectors) -> list[str] | None:
    """The names of the operations that stand on a boundary at x; None if that cannot be told."""
    record = Record()
    out = _watched(subject, x, record)
    if out is None:
        return None
    return list(dict.fromkeys(record.met)) if record.met or isinstance(out[0], Watched) else None


def chain_rule_values(subject: Subject, x: Vectors, u: Vectors, v: Vectors, rng: np.random.Generator) -> list[float]:
    """<v, f'(x) u> by the chain rule, for choices of a side at every tie; empty where that cannot be had."""
    return [float(row[0]) for row in chain_rule_slopes(subject, x, [u], v, rng)]


def chain_rule_slopes(
    subject: Subject, x: Vectors, tangents: Sequence[Vectors], v: Vectors, rng: np.random.Generator
) -> np.ndarray:
    """A row for each choice of sides: what the chain rule gives along every tangent; no rows where it cannot be had.

    First one side of comparisons throughout, then the other, then sides at random; maxima of many take any of them.
    """
    steps, rows = [moved(x, u, 1j * STEP, np.complex128) for u in tangents], []
    for share in (0.0, 1.0, *[0.5] * CHOICES):
        row, seed = [], int(rng.integers(2**32))
        for step in steps:  # from the same seed the same sides are taken
            out = _watched(subject, step, Record(choose=np.random.default_rng(seed), share=share))
            if out is None or any(not np.iscomplexobj(o) for o in out):
                return np.empty((0, len(steps)))
            terms = (np.asarray(o).imag / STEP * w for o, w in zip(out, v, strict=True))
            row.append(float(sum(np.sum(t) for t in terms)))
        rows.append(row)
    slopes = np.array(rows)
    return slopes if np.all(np.isfinite(slopes)) else np.empty((0, len(steps)))


def _watched(subject: Subject, x: Vectors, record: Record) -> tuple[Any, ...] | None:
    wrapped = tuple(_wrap(a, record) if is_inexact(a.dtype) else a for a in x)
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            out = subject.value(*wrapped, **subject.at)
    except Exception:
        return None
    return tuple(out) if isinstance(out, tuple | list) else (out,)
