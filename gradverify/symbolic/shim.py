"""While a function runs on symbols, the modules it is written in see a NumPy that can make arrays of symbols.

``np.zeros(n)`` would make an array that no symbol fits into, ``math.exp`` and ``float`` would ask a symbol
for a number. Only the modules of the user's own code are touched, their names are put back in any case,
and other threads get what they always got.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from gradverify.symbolic import expression as ex
from gradverify.symbolic.branches import active
from gradverify.symbolic.trace import Symbolic, bare, filled, symbolic, wrapped

LIBRARIES = frozenset({"numpy", "scipy", "flint", "sympy", "hypothesis", "pytest", "_pytest"})
OWN = ("gradverify._", "gradverify.symbolic", "gradverify.points", "gradverify.oracles", "gradverify.laws")
_lock = threading.RLock()


@contextmanager
def shimmed(*functions: Any) -> Iterator[None]:
    """The modules these functions are written in see the shim inside."""
    changed: list[tuple[dict[str, Any], str, Any]] = []
    with _lock:
        try:
            for space in _spaces(functions):
                for name, value in list(space.items()):
                    other = _instead(value)
                    if other is not None:
                        changed.append((space, name, value))
                        space[name] = other
                if "float" not in space:
                    changed.append((space, "float", _ABSENT))
                    space["float"] = Float
            yield
        finally:
            for space, name, value in reversed(changed):
                if value is _ABSENT:
                    space.pop(name, None)
                else:
                    space[name] = value


_ABSENT = object()


def _spaces(roots: tuple[Any, ...]) -> list[dict[str, Any]]:
    """The global names of every function that can be reached from these, outside of libraries."""
    spaces: dict[int, dict[str, Any]] = {}
    seen: set[int] = set()
    todo = list(roots)
    while todo:
        thing = todo.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, MethodType):
            todo += [thing.__func__, thing.__self__]
        elif isinstance(thing, functools.partial):
            todo += [thing.func, *thing.args, *thing.keywords.values()]
        elif isinstance(thing, FunctionType):
            if not _is_users(thing.__module__):
                continue
            todo += [cell.cell_contents for cell in thing.__closure__ or () if _filled(cell)]
            todo += list(thing.__defaults__ or ())
            space = thing.__globals__
            if id(space) not in spaces:
                spaces[id(space)] = space
                todo += [v for v in space.values() if isinstance(v, FunctionType | type)]
        elif isinstance(thing, type):
            if _is_users(thing.__module__):
                todo += [getattr(v, "__func__", v) for v in vars(thing).values()]
        elif isinstance(thing, list | tuple | set):
            todo += list(thing)
        elif isinstance(thing, dict):
            todo += list(thing.values())
        elif dataclasses.is_dataclass(thing) and not isinstance(thing, type):
            todo += [getattr(thing, f.name) for f in dataclasses.fields(thing)]
        elif callable(thing) or hasattr(thing, "__dict__"):
            todo += [type(thing), *getattr(thing, "__dict__", {}).values()]
    return list(spaces.values())


def _filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - an empty cell raises
    except ValueError:
        return False
    return True


def _is_users(module: str | None) -> bool:
    if module is None:
        return True
    root = module.partition(".")[0]
    return root not in LIBRARIES and root not in sys.stdlib_module_names and not module.startswith(OWN)


# -- what is seen instead -----------------------------------------------------------------------------


def _instead(value: Any) -> Any:
    """What a name is bound to while tracing, or None where it stays."""
    if isinstance(value, ModuleType):
        return {"numpy": NUMPY, "math": MATH}.get(value.__name__)
    return _BY_FUNCTION.get(value) if isinstance(value, FunctionType | BuiltinFunctionType | np.ufunc) else None


class Shim:
    """A module with some names exchanged."""

    def __init__(self, module: ModuleType, others: dict[str, Any]) -> None:
        self.__dict__.update(others)
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


class _IsFloat(type):
    def __instancecheck__(cls, thing: Any) -> bool:
        return isinstance(thing, float)


class Float(float, metaclass=_IsFloat):
    """``float`` as the traced code sees it: a symbol stays a symbol."""

    dtype = np.dtype(np.float64)

    def __new__(cls, value: Any = 0.0) -> Any:
        return value if isinstance(value, Symbolic) else float(value)


def _whole(dtype: Any) -> bool:
    return dtype is not None and np.dtype(dtype).kind in "iub"


def _making(real: Callable[..., Any], value: int) -> Callable[..., Any]:
    @functools.wraps(real)
    def make(shape: Any, dtype: Any = None, *args: Any, **kwargs: Any) -> Any:
        if not active() or _whole(dtype):
            return real(shape, dtype, *args, **kwargs) if dtype is not None else real(shape, *args, **kwargs)
        return filled(shape, value)

    return make


def _making_like(real: Callable[..., Any], value: int) -> Callable[..., Any]:
    @functools.wraps(real)
    def make(a: Any, dtype: Any = None, *args: Any, **kwargs: Any) -> Any:
        kind = dtype if dtype is not None else getattr(a, "dtype", None)
        if not active() or (kind is not None and _whole(kind)):
            return real(a, dtype, *args, **kwargs) if dtype is not None else real(a, *args, **kwargs)
        return filled(np.shape(a), value)

    return make


def _full(shape: Any, fill_value: Any, dtype: Any = None, *args: Any, **kwargs: Any) -> Any:
    if not active() or _whole(dtype) or (dtype is None and _whole(getattr(fill_value, "dtype", None))):
        return np.full(shape, fill_value, dtype, *args, **kwargs)
    out = filled(shape, 0)
    out[...] = fill_value
    return out


def _eye(N: int, M: int | None = None, k: int = 0, dtype: Any = float, **kwargs: Any) -> Any:
    plain = np.eye(N, M, k, int if active() else dtype)
    return symbolic(plain) if active() and not _whole(dtype) else plain


def _array(real: Callable[..., Any], copies: bool) -> Callable[..., Any]:
    @functools.wraps(real)
    def array(a: Any, dtype: Any = None, *args: Any, **kwargs: Any) -> Any:
        if active() and (isinstance(a, Symbolic) or (isinstance(a, list | tuple) and _holds(a))):
            made = symbolic(a)
            if dtype is not None:
                made = made.astype(dtype)
            return made.copy() if copies else made
        return real(a, dtype, *args, **kwargs) if dtype is not None else real(a, *args, **kwargs)

    return array


def _holds(a: Any) -> bool:
    return isinstance(a, Symbolic) or (isinstance(a, list | tuple) and any(_holds(e) for e in a))


def _on_numbers(real: Callable[..., Any], name: str) -> Callable[..., Any]:
    """A function of plain numbers gives the number itself, not its nearest float."""

    @functools.wraps(real)
    def function(x: Any, *args: Any, **kwargs: Any) -> Any:
        plain = isinstance(x, int | float | np.floating | np.integer) and not args and not kwargs
        if active() and (isinstance(x, Symbolic) or (plain and math.isfinite(x) and (x > 0 or name == "exp"))):
            return getattr(np, name)(symbolic(x), *args, **kwargs)
        return real(x, *args, **kwargs)

    return function


def _of_math(name: str, ufunc: str) -> Callable[..., Any]:
    real = getattr(math, name)

    @functools.wraps(real)
    def function(*args: Any) -> Any:
        if active() and any(isinstance(a, Symbolic) for a in args):
            if ufunc in ("erf", "erfc"):
                return Symbolic.__array_ufunc__(wrapped(ex.ZERO), _Named(ufunc), "__call__", *args)
            return getattr(np, ufunc)(*args)
        return real(*args)

    return function


@dataclasses.dataclass(frozen=True)
class _Named:
    """A ufunc by its name alone."""

    __name__: str


class _Rows:
    """``np.r_`` of symbols: one after the other along the only axis; anything else is NumPy's."""

    def __getitem__(self, key: Any) -> Any:
        items = key if isinstance(key, tuple) else (key,)
        if active() and any(isinstance(i, Symbolic) for i in items):
            return wrapped(np.concatenate([bare(symbolic(i)).reshape(-1) for i in items]))
        return np.r_[key]


_MAKERS: dict[str, Any] = {
    "zeros": _making(np.zeros, 0),
    "empty": _making(np.empty, 0),
    "ones": _making(np.ones, 1),
    "zeros_like": _making_like(np.zeros_like, 0),
    "empty_like": _making_like(np.empty_like, 0),
    "ones_like": _making_like(np.ones_like, 1),
    "full": _full,
    "eye": _eye,
    "identity": _eye,
    "array": _array(np.array, True),
    "asarray": _array(np.asarray, False),
    "asanyarray": _array(np.asanyarray, False),
    "ascontiguousarray": _array(np.ascontiguousarray, False),
    "asfortranarray": _array(np.asfortranarray, False),
    "r_": _Rows(),
    "sqrt": _on_numbers(np.sqrt, "sqrt"),
    "exp": _on_numbers(np.exp, "exp"),
    "log": _on_numbers(np.log, "log"),
}
_MATH = {
    name: _of_math(name, ufunc)
    for name, ufunc in {
        "sin": "sin", "cos": "cos", "tan": "tan", "atan": "arctan", "sinh": "sinh", "cosh": "cosh", "tanh": "tanh",
        "asinh": "arcsinh", "atanh": "arctanh", "log1p": "log1p", "expm1": "expm1", "log2": "log2", "log10": "log10",
        "fabs": "fabs", "pow": "power", "hypot": "hypot", "erf": "erf", "erfc": "erfc",
    }.items()
} | {name: _on_numbers(getattr(math, name), name) for name in ("sqrt", "exp", "log")}  # fmt: skip


class _Numpy(Shim):
    @property
    def pi(self) -> Any:
        return wrapped(ex.PI) if active() else np.pi


class _Math(Shim):
    @property
    def pi(self) -> Any:
        return wrapped(ex.PI) if active() else math.pi


NUMPY, MATH = _Numpy(np, _MAKERS), _Math(math, _MATH)
_BY_FUNCTION: dict[Any, Any] = {getattr(np, name): other for name, other in _MAKERS.items() if name != "r_"}
_BY_FUNCTION |= {getattr(math, name): other for name, other in _MATH.items()}
