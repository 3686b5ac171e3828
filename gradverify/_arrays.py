"""Arrays of millions of entries are worked on a slice at a time; what is made of them is made where it is looked at.

So what a vector is compared with, a bar, a term of a sum, need not lie beside it in memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import NDArray

Array = NDArray[Any]
Wide = np.longdouble  # sums are taken in this type
SLICE = 2**14  # entries of a larger array are worked on so many at a time


@dataclass(frozen=True, eq=False)
class Deferred(NDArrayOperatorsMixin):
    """An array of which ``work`` makes every slice from the same slice of the operands, where it is looked at.

    It is never kept: ``slices`` and single entries work out what they show, all else the whole array anew.
    """

    work: Callable[..., Array]
    operands: tuple[Array, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    exact = False

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        out = np.empty(self.shape, self.dtype if dtype is None else dtype)
        flat = out.reshape(-1)
        for start in range(0, self.size, SLICE):
            flat[start : start + SLICE] = _entries(cast(Array, self), start, start + SLICE)
        return out

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        whole = (np.asarray(a) if isinstance(a, Deferred) else a for a in inputs)
        return getattr(ufunc, method)(*whole, **options)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, tuple) and len(index) == self.ndim and all(isinstance(i, int) for i in index):
            start = int(np.ravel_multi_index(index, self.shape))
            return _entries(cast(Array, self), start, start + 1)[0]
        return np.asarray(self)[index]

    def __len__(self) -> int:
        return self.shape[0]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(np.asarray(self), name)


def deferred(work: Callable[..., Any], *operands: Array) -> Array:
    """``work(*operands)``, which acts on every entry by itself; of large arrays it is Deferred.

    So what is made of a vector of millions of entries, a bar, a term of a sum, need not lie beside it in memory.
    """
    if operands[0].size <= SLICE:
        return np.asarray(work(*map(np.asarray, operands)))
    dtype = np.asarray(work(*(np.empty(0, a.dtype) for a in operands))).dtype
    return cast(Array, Deferred(work, operands, operands[0].shape, dtype))


def slices(*arrays: Array) -> Iterator[tuple[Array, ...]]:
    """Arrays of one shape, ``SLICE`` entries of each at a time, in the same order; small arrays whole, as they are."""
    if arrays[0].size <= SLICE:
        yield tuple(map(np.asarray, arrays))
        return
    for start in range(0, arrays[0].size, SLICE):
        yield tuple(_entries(a, start, start + SLICE) for a in arrays)


def _entries(a: Array, start: int, end: int) -> Array:
    """The entries of a from start to end, counted with the last index first."""
    if isinstance(a, Deferred):
        with np.errstate(all="ignore"):
            return np.asarray(a.work(*(_entries(p, start, end) for p in a.operands)))
    return np.asarray(a.reshape(-1)[start:end] if a.flags.c_contiguous else a.flat[start:end])


def largest(a: Array) -> float:
    """The largest entry, NaN where one is, and 0 where none is larger or there is none."""
    if a.size <= SLICE:
        return float(np.asarray(a).max(initial=0.0))
    return float(np.max([run.max(initial=0.0) for (run,) in slices(a)]))


def furthest(a: Array) -> tuple[float, tuple[int, ...]]:
    """The largest entry, and where it is."""
    best, place, start = -math.inf, 0, 0
    for (run,) in slices(a):
        i = int(np.argmax(run))
        if start == 0 or float(run.flat[i]) > best:
            best, place = float(run.flat[i]), start + i
        start += run.size
    return best, tuple(int(n) for n in np.unravel_index(place, a.shape))


def wide(a: Array) -> Array:
    """The same numbers in extended precision (integers and booleans included)."""
    return np.asarray(a).astype(Wide)


def clone(a: Array) -> Array:
    """A copy in the same memory layout (strides of any sign, zero included), writeable or not as ``a`` is."""
    if isinstance(a, Deferred):
        return np.asarray(a)
    a = np.asarray(a)
    if a.flags.c_contiguous or not a.size:
        out = np.array(a)
    else:
        spans = [(n - 1) * step for n, step in zip(a.shape, a.strides, strict=True)]
        start = -sum(min(span, 0) for span in spans)
        memory = np.zeros(start + sum(max(span, 0) for span in spans) + a.itemsize, np.uint8)
        out = np.ndarray(a.shape, a.dtype, memory.data, start, a.strides)
        out[...] = a
    out.flags.writeable = a.flags.writeable
    return out
