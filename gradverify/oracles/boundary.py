"""Whether a function stands exactly on a tie or a comparison boundary is recorded while it runs.

The inputs are wrapped in an ndarray subclass that watches ``maximum``, comparisons, ``abs``, ``sign``,
``where``, ``sort`` and ``argmax`` go by. What does not stay wrapped cannot be told from smooth code.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradverify._subject import Subject
from gradverify._vectors import Vectors

PAIRS = {
    np.maximum, np.minimum, np.fmax, np.fmin,
    np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal,
}  # fmt: skip
AT_ZERO = {np.absolute, np.fabs, np.sign, np.heaviside}
STEPS = {np.floor, np.ceil, np.rint, np.trunc, np.floor_divide, np.remainder}
ORDERED = {np.sort, np.argsort, np.partition, np.argpartition, np.argmax, np.argmin, np.median, np.quantile, np.percentile}


@dataclass
class Record:
    """What was met: ties and boundaries, and whether wrapped values reached the output."""

    met: list[str] = field(default_factory=list)
    calls: int = 0


class Watched(np.ndarray):
    """An array that reports the boundaries its values stand on."""

    record: Record

    def __array_finalize__(self, other: Any) -> None:
        self.record = getattr(other, "record", None) or Record()

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **kwargs: Any) -> Any:
        plain = [np.asarray(i) for i in inputs]
        self.record.calls += 1
        if method == "__call__":
            _note(self.record, ufunc, plain)
        elif method in ("reduce", "accumulate") and ufunc in PAIRS:
            _note_order(self.record, ufunc.__name__, plain[0])
        if out is not None:
            kwargs["out"] = tuple(o.view(np.ndarray) if isinstance(o, Watched) else o for o in out)
        result = getattr(ufunc, method)(*plain, **kwargs)
        return tuple(_wrap(r, self.record) for r in result) if isinstance(result, tuple) else _wrap(result, self.record)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        self.record.calls += 1
        if func in ORDERED and args:
            _note_order(self.record, func.__name__, np.asarray(args[0]))
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
        if ufunc in PAIRS and np.any(values[0] == values[1]):
            record.met.append(ufunc.__name__)
        elif ufunc in AT_ZERO and np.any(values[0] == 0):
            record.met.append(ufunc.__name__)
        elif ufunc in STEPS and np.any(values[0] == np.rint(values[0])):
            record.met.append(ufunc.__name__)


def _note_order(record: Record, name: str, values: np.ndarray) -> None:
    """A tie along any axis is a boundary of sorting and of maxima."""
    for axis in range(values.ndim):
        ordered = np.sort(values, axis)
        if np.any(np.diff(ordered, axis=axis) == 0):
            record.met.append(name)
            return


def boundaries(subject: Subject, x: Vectors) -> list[str] | None:
    """The names of the operations that stand on a boundary at x; None if that cannot be told."""
    record = Record()
    wrapped = tuple(_wrap(a, record) if a.dtype.kind == "f" else a for a in x)
    try:
        with np.errstate(all="ignore"):
            out = subject.value(*wrapped, **subject.at)
    except Exception:
        return None
    first = out[0] if isinstance(out, tuple | list) else out
    return list(dict.fromkeys(record.met)) if record.met or isinstance(first, Watched) else None
