"""Unmodified NumPy code runs at any precision: an array of Numbers answers NumPy's functions itself.

NumPy's own loops over Python objects do the work; floats that meet a Number become one first, exactly.
What has no such loop and no function here is refused by its name, and never guessed.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from gradverify._arrays import Array
from gradverify.oracles.arbitrary import linear_algebra
from gradverify.oracles.arbitrary.number import BINARY, TESTS, UNARY, Number, Work


class Numbers(np.ndarray[Any, Any]):
    """An array whose entries are Numbers of one call."""

    work: Work

    def __array_finalize__(self, other: Any) -> None:
        if isinstance(other, Numbers):
            self.__dict__.update(other.__dict__)

    def __getattr__(self, name: str) -> Any:
        if name == "work":  # of an array that NumPy made by itself, as W.dot(x) does
            for entry in self.view(np.ndarray).flat:
                if type(entry) is Number:
                    return entry.work
        raise AttributeError(name)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **kwargs: Any) -> Any:
        work = self.work
        places = 1 if method in ("at", "reduceat") else None  # that one says where, and is no number
        plain = [a if k == places else lifted(a, work) for k, a in enumerate(inputs)]
        if out is not None:
            kwargs["out"] = tuple(o.view(np.ndarray) if isinstance(o, Numbers) else o for o in out)
        if "initial" in kwargs and kwargs["initial"] is not np._NoValue:
            kwargs["initial"] = work.number(kwargs["initial"])
        result = getattr(_loop(ufunc, work), method)(*plain, **kwargs)
        if ufunc.__name__ in TESTS:
            result = np.asarray(result).astype(bool)[()]
        if out is not None:
            return out[0] if len(out) == 1 else out
        return read(result, work)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        own = linear_algebra.FUNCTIONS.get(func)
        if own is not None:
            return read(_by_matrix(own, args, kwargs, self.work), self.work)
        return read(super().__array_function__(func, (Numbers,), args, kwargs), self.work)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.view(np.ndarray)[key] = lifted(value, self.work)

    def astype(self, dtype: Any, *args: Any, **kwargs: Any) -> Any:
        """Itself for ``object``, its own dtype; whole numbers and truth values; to floats it raises."""
        kind = np.dtype(dtype).kind
        if kind in "iub":
            self.work.branches = True
        return super().astype(dtype, *args, **kwargs)

    def tobytes(self, *args: Any) -> bytes:
        """Not to be had: the memory holds addresses, not numbers."""
        raise self.work.leaves("reads its inputs' bytes")


@functools.cache
def _own(name: str) -> Any:
    """The loop over Numbers for a function of that name, None if there is none here."""
    if name in TESTS:
        return np.frompyfunc(TESTS[name], 1, 1)
    if name in UNARY:
        return np.frompyfunc(UNARY[name], 1, 1)
    return np.frompyfunc(BINARY[name], 2, 1, identity=None) if name in BINARY else None


UNSET = float("nan")  # what an entry of np.empty is, until something is written there
NAMES = {"divide": "true_divide", "digamma": "psi"}


def _loop(ufunc: np.ufunc, work: Work) -> Any:
    name = NAMES.get(ufunc.__name__, ufunc.__name__)
    own = _own(name)
    if own is not None:
        return own
    if not any(set(t.split("->")[0]) == {"O"} for t in ufunc.types):
        raise work.leaves(f"calls np.{ufunc.__name__}, which is not known at this precision")
    return ufunc


def lifted(value: Any, work: Work) -> Any:
    """The same numbers as Numbers in a plain object array; object arrays are changed in place where they can be."""
    if isinstance(value, np.ndarray):
        plain = value.view(np.ndarray)
        if plain.dtype != object:
            return _each(plain, work)
        if all(type(a) is Number and a.work is work for a in plain.flat):
            return plain
        if not plain.flags.writeable:
            return _each(plain, work)
        plain[...] = _each(plain, work)
        return plain
    if isinstance(value, list | tuple):
        return lifted(np.asarray(value), work)
    out = np.empty((), object)  # a bare Number would call NumPy's function anew
    out[()] = work.number(value)
    return out


def _each(plain: Array, work: Work) -> Array:
    out = np.empty_like(plain, dtype=object, subok=False)
    work.spend(plain.size)
    for index in np.ndindex(plain.shape):
        entry = plain[index]
        out[index] = work.number(UNSET if entry is None else entry)
    return out


def wrapped(plain: Array, work: Work) -> Numbers:
    """An object array as Numbers of this call."""
    out: Numbers = plain.view(Numbers)
    out.work = work
    return out


def read(result: Any, work: Work) -> Any:
    """What a NumPy function answered, its numbers as Numbers; truth values, indices and shapes as they are."""
    if isinstance(result, np.ndarray):
        if result.dtype != object:
            return result.view(np.ndarray)
        return wrapped(lifted(result, work), work)
    if type(result) in (tuple, list):
        return type(result)(read(r, work) for r in result)
    if isinstance(result, tuple) and hasattr(result, "_make"):
        return result._make(read(r, work) for r in result)
    return result


def _by_matrix(function: Callable[..., Any], args: Any, kwargs: Any, work: Work) -> Any:
    """A function of matrices over all leading axes of its arguments."""
    return function(*(lifted(np.asarray(a), work) for a in args), **kwargs)
