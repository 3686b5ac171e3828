"""Unmodified NumPy code runs on symbols: an array whose entries are expressions answers NumPy's functions itself.

What is not known here raises ``Unsupported`` with its name, and is never guessed. A Python ``if`` on a
condition, an argmax or a sort asks the ``Branches`` in force which way to go, and the code is run once
for every way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from flint import fmpq

from gradverify.symbolic import expression as ex
from gradverify.symbolic import linear_algebra
from gradverify.symbolic.branches import NoValue, Unsupported, divisor, to_expr, truth
from gradverify.symbolic.entries import CONDITIONS, REDUCTIONS, UFUNCS, flag, is_condition, with_a_value
from gradverify.symbolic.expression import Expr
from gradverify.symbolic.field import vanishes

FLOAT64 = np.dtype(np.float64)

# -- arrays -----------------------------------------------------------------------------------------


def _method(name: str) -> Callable[..., Any]:
    """An array's method is the function of the same name."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return call(name, getattr(np, name), (self, *args), kwargs)

    return method


class Symbolic(np.ndarray[Any, Any]):
    """An array of expressions. Its ``dtype`` says float64, as the code that it goes through expects."""

    exact = True  # entries are real numbers, known without error

    @property
    def dtype(self) -> Any:
        """float64, whatever the entries are made of."""
        return FLOAT64

    @dtype.setter
    def dtype(self, value: Any) -> None:
        raise Unsupported("setting the dtype of a symbol")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **kwargs: Any) -> Any:
        answer = _ufunc(ufunc.__name__, method, inputs, kwargs)
        if answer is NotImplemented:
            detail = "" if method == "__call__" else f".{method}"
            raise Unsupported(f"np.{ufunc.__name__}{detail}")
        if out is None or out[0] is None:
            return answer
        _assign(out[0], ..., answer)
        return out[0]

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return call(func.__name__, func, args, kwargs)

    def __getitem__(self, key: Any) -> Any:
        return wrapped(bare(self)[_index(key)])

    def __setitem__(self, key: Any, value: Any) -> None:
        _assign(self, key, value)

    def __iter__(self) -> Iterator[Any]:
        if not self.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError("The truth value of an array with more than one element is ambiguous.")
        return truth(bare(self).reshape(-1)[0])

    def __float__(self) -> float:
        if self.size == 1 and (e := to_expr(bare(self).reshape(-1)[0])).kind == ex.NUMBER:
            return float(Fraction(int(e.args[0].p), int(e.args[0].q)))
        raise Unsupported("float() of a symbol")

    def __int__(self) -> int:
        return int(float(self)) if self.size == 1 else super().__int__()

    def __index__(self) -> int:
        raise Unsupported("a symbol as an index")

    def __contains__(self, item: Any) -> bool:
        raise Unsupported("in")

    def __format__(self, spec: str) -> str:
        return ex.words(to_expr(bare(self)[()])) if self.ndim == 0 else repr(bare(self))

    def astype(self, dtype: Any, *args: Any, **kwargs: Any) -> Any:
        """The same expressions: real numbers have no type. Whole numbers are asked for by their value."""
        if np.dtype(dtype).kind in "iu" and any(e.kind != ex.NUMBER for e in entries(self)):
            if all(is_condition(e) for e in entries(self)):
                return self.copy()
            raise Unsupported("rounding a symbol to a whole number")
        return self.copy()

    def item(self, *args: Any) -> Any:
        """One entry, still a symbol."""
        return self[args[0] if len(args) == 1 else args] if args else self.reshape(())

    def tolist(self) -> Any:
        """Nested lists of 0-d symbols."""
        return [row.tolist() for row in self] if self.ndim else self

    sum, mean, prod, max, min = map(_method, ("sum", "mean", "prod", "max", "min"))
    var, std, cumsum, clip, argmax, argmin = map(_method, ("var", "std", "cumsum", "clip", "argmax", "argmin"))
    all, any, dot, round, take, argsort = map(_method, ("all", "any", "dot", "round", "take", "argsort"))
    repeat, trace, diagonal, cumprod = map(_method, ("repeat", "trace", "diagonal", "cumprod"))

    def sort(self, axis: Any = -1, *args: Any, **kwargs: Any) -> None:
        """Sorted in place, along the branch in force."""
        self[...] = call("sort", np.sort, (self,), {"axis": axis})

    def fill(self, value: Any) -> None:
        """Every entry the same."""
        self[...] = value


def bare(a: Any) -> np.ndarray[Any, Any]:
    """The plain object array under a symbolic one; anything else as an array."""
    if isinstance(a, Symbolic):
        return a.view(np.ndarray)
    return np.asarray(a)


def wrapped(a: Any) -> Symbolic:
    """An object array, or one entry, as a symbolic array; conditions and numbers included."""
    if not isinstance(a, np.ndarray):
        box = np.empty((), object)
        box[()] = a
        a = box
    seen: Symbolic = a.view(Symbolic)
    return seen


def symbolic(a: Any) -> Symbolic:
    """Anything array-like with every entry an expression."""
    if isinstance(a, Symbolic):
        return a
    if isinstance(a, list | tuple):
        a = _nested(a)
        if isinstance(a, Symbolic):
            return a
    plain = np.asarray(a)
    out = np.empty(plain.shape, object)
    for i in np.ndindex(plain.shape):
        out[i] = to_expr(plain[i])
    return out.view(Symbolic)


def _nested(a: Sequence[Any]) -> Any:
    """A nested list that may hold symbols, stacked."""
    if not any(_holds_symbol(e) for e in a):
        return np.asarray(a)
    return wrapped(np.stack([bare(symbolic(e)) for e in a]))


def _holds_symbol(a: Any) -> bool:
    return isinstance(a, Symbolic | Expr) or (isinstance(a, list | tuple) and any(_holds_symbol(e) for e in a))


def entries(a: Any) -> list[Expr]:
    """All entries in order, as expressions."""
    return [to_expr(e) for e in bare(a).reshape(-1)]


def _index(key: Any) -> Any:
    """An index that NumPy understands: symbolic masks are decided along the branch."""
    if isinstance(key, tuple):
        return tuple(_index(k) for k in key)
    if not isinstance(key, Symbolic):
        return key
    numbers = entries(key)
    if all(e.kind == ex.NUMBER and e.args[0].q == 1 for e in numbers):
        return np.array([int(e.args[0].p) for e in numbers], np.intp).reshape(key.shape)
    if all(is_condition(e) for e in numbers):
        return np.array([truth(e) for e in numbers], bool).reshape(key.shape)
    raise Unsupported("a symbol as an index")


def _assign(target: Any, key: Any, value: Any) -> None:
    """target[key] = value; a symbolic mask chooses entry by entry between the old value and the new one."""
    if not isinstance(target, Symbolic):
        raise Unsupported("writing a symbol into an array of plain numbers")
    plain = bare(target)
    if isinstance(key, Symbolic) and key.shape == target.shape[: key.ndim] and not _all_numbers(key):
        mask = symbolic(np.broadcast_to(bare(key).reshape(key.shape + (1,) * (target.ndim - key.ndim)), target.shape))
        if not (isinstance(value, np.ndarray) and value.ndim):
            plain[...] = bare(_where(mask, value, target))
            return
    plain[_index(key)] = bare(symbolic(value)) if np.ndim(value) else to_expr(value)


def _all_numbers(a: Symbolic) -> bool:
    return all(e.kind == ex.NUMBER for e in entries(a))


# -- entry by entry -----------------------------------------------------------------------------------


def _where(mask: Any, a: Any, b: Any) -> Symbolic:
    """a where the condition holds, else b; a plain mask chooses without a trace."""
    if not isinstance(mask, Symbolic):
        chosen = np.where(np.asarray(mask, bool), bare(symbolic_lazily(a)), bare(symbolic_lazily(b)))
        return symbolic(chosen)
    h, x, y = np.broadcast_arrays(bare(mask), bare(symbolic_lazily(a)), bare(symbolic_lazily(b)))
    out = np.empty(h.shape, object)
    for i in np.ndindex(h.shape):
        c = to_expr(h[i])
        if c.kind == ex.NUMBER:
            out[i] = to_expr(x[i] if c is not ex.ZERO else y[i])
        else:
            out[i] = _either(c, to_expr(x[i]), to_expr(y[i]))
    return out.view(Symbolic)


def _either(c: Expr, left: Expr, right: Expr) -> Expr:
    """left where the condition holds, else right; where both are then the same function there is no condition."""
    h = c if c.kind == ex.INDICATOR else 1 - c
    if h.kind == ex.INDICATOR:
        yes, no = (ex.ONE, ex.ZERO) if h is c else (ex.ZERO, ex.ONE)
        left, right = ex.replaced(left, {h: yes}), ex.replaced(right, {h: no})
    if ex.NUMBER not in (left.kind, right.kind) and vanishes(left - right):
        return right
    return c * left + (1 - c) * right


def symbolic_lazily(a: Any) -> Any:
    """An array of objects whose entries become expressions only where they are used."""
    return a if isinstance(a, Symbolic) else np.asarray(a, object)


def _settled(mask: Symbolic) -> Any:
    """A mask of plain booleans where every condition is settled, else as it is."""
    flags = entries(mask)
    if any(e.kind != ex.NUMBER for e in flags):
        return mask
    return np.array([e is not ex.ZERO for e in flags], bool).reshape(mask.shape)


def _ufunc(name: str, method: str, inputs: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    if name == "matmul" and method == "__call__":
        return wrapped(np.matmul(bare(symbolic(inputs[0])), bare(symbolic(inputs[1]))))
    if method == "__call__" and name in UFUNCS:
        where = kwargs.get("where", True)
        if where is not True:
            raise Unsupported(f"np.{name} with where=")
        answer = _each(UFUNCS[name], *inputs)
        return _settled(answer) if name in CONDITIONS else answer
    if method == "reduce" and name in REDUCTIONS:
        if kwargs.get("where", True) is not True:
            raise Unsupported(f"np.{name}.reduce with where=")
        initial = kwargs.get("initial", None)
        some = REDUCTIONS[name]
        start = [] if initial is None or initial is np._NoValue else [to_expr(initial)]
        axis = kwargs.get("axis", 0)
        return along(lambda es: some([*start, *es]), inputs[0], axis, kwargs.get("keepdims", False))
    if method == "accumulate" and name in REDUCTIONS:
        return _accumulated(REDUCTIONS[name], symbolic(inputs[0]), kwargs.get("axis", 0))
    if method == "outer" and name in UFUNCS:
        a, b = symbolic(inputs[0]), symbolic(inputs[1])
        return _each(UFUNCS[name], a.reshape(a.shape + (1,) * b.ndim), b)
    if method == "at" and name in ("add", "subtract"):
        target, key, value = inputs[0], inputs[1], inputs[2]
        return _at(target, key, value, 1 if name == "add" else -1)
    return NotImplemented


def _each(function: Callable[..., Expr], *inputs: Any) -> Symbolic:
    arrays = np.broadcast_arrays(*(bare(symbolic(a)) for a in inputs))
    out = np.empty(arrays[0].shape, object)
    flat = [a.reshape(-1) for a in arrays]
    answer = out.reshape(-1)
    try:
        for i in range(answer.size):
            answer[i] = function(*(to_expr(a[i]) for a in flat))
    except (ZeroDivisionError, ValueError) as undefined:
        raise NoValue(f"{undefined}, at every point of this branch") from None
    return out.view(Symbolic)


def along(reduce: Callable[[list[Expr]], Expr], a: Any, axis: Any, keepdims: Any = False) -> Symbolic:
    """An array reduced over one axis, several, or all (None)."""
    x = bare(symbolic(a))
    axes = tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int | np.integer) else tuple(axis)
    axes = tuple(int(k) % max(x.ndim, 1) for k in axes) if x.ndim else ()
    rest = tuple(k for k in range(x.ndim) if k not in axes)
    moved = x.transpose(*rest, *axes).reshape(*(x.shape[k] for k in rest), -1)
    out = np.empty(moved.shape[:-1], object)
    for i in np.ndindex(out.shape):
        out[i] = reduce([to_expr(e) for e in moved[i]])
    if keepdims is True:
        out = out.reshape(tuple(1 if k in axes else n for k, n in enumerate(x.shape)))
    return out.view(Symbolic)


def _accumulated(reduce: Callable[[list[Expr]], Expr], a: Symbolic, axis: int) -> Symbolic:
    x = np.moveaxis(bare(a), axis, -1)
    out = np.empty(x.shape, object)
    for i in np.ndindex(x.shape[:-1]):
        row = [to_expr(e) for e in x[i]]
        for k in range(len(row)):
            out[(*i, k)] = reduce(row[: k + 1])
    return np.moveaxis(out, -1, axis).view(Symbolic)


def _at(target: Any, key: Any, value: Any, sign: int) -> None:
    """target[key] += value, entry after entry, repeated places included."""
    if not isinstance(target, Symbolic):
        raise Unsupported("adding a symbol into an array of plain numbers")
    places = np.arange(target.size).reshape(target.shape)[_index(key)]
    added = np.broadcast_to(bare(symbolic(value)), places.shape)
    flat = bare(target)
    for i in np.ndindex(places.shape):
        at = np.unravel_index(int(places[i]), target.shape)
        flat[at] = to_expr(flat[at]) + sign * to_expr(added[i])


# -- NumPy's functions --------------------------------------------------------------------------------

STRUCTURAL = frozenset(
    [
        "reshape",
        "ravel",
        "transpose",
        "swapaxes",
        "moveaxis",
        "rollaxis",
        "expand_dims",
        "squeeze",
        "broadcast_to",
        "concatenate",
        "stack",
        "vstack",
        "hstack",
        "dstack",
        "column_stack",
        "row_stack",
        "tile",
        "repeat",
        "roll",
        "flip",
        "fliplr",
        "flipud",
        "rot90",
        "take",
        "take_along_axis",
        "diag",
        "diagonal",
        "diagflat",
        "tril",
        "triu",
        "split",
        "array_split",
        "vsplit",
        "hsplit",
        "atleast_1d",
        "atleast_2d",
        "atleast_3d",
        "copy",
        "trace",
        "dot",
        "inner",
        "tensordot",
        "outer",
        "kron",
        "einsum",
        "vdot",
        "append",
        "delete",
        "insert",
        "compress",
        "matrix_transpose",
        "sliding_window_view",
        "pad",
        "permute_dims",
        "resize",
        "as_strided",
    ]
)


def call(name: str, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """One NumPy function on symbols."""
    kwargs = {k: v for k, v in kwargs.items() if v is not np._NoValue}
    if name in FUNCTIONS:
        try:
            return FUNCTIONS[name](*args, **kwargs)
        except TypeError as refusal:
            raise Unsupported(f"np.{name} with these arguments") from refusal
    if name in STRUCTURAL:
        if name == "einsum":
            kwargs.pop("optimize", None)
        out = func(*map(_plain, args), **{k: _plain(v) for k, v in kwargs.items()})
        if isinstance(out, list | tuple):
            return [wrapped(a) for a in out]
        return symbolic(wrapped(out)) if isinstance(out, np.ndarray) else wrapped(out)
    raise Unsupported(f"np.{name}")


def _plain(a: Any) -> Any:
    if isinstance(a, Symbolic):
        return bare(a)
    if isinstance(a, list | tuple):
        return type(a)(_plain(e) for e in a) if _holds_symbol(a) else a
    if isinstance(a, np.ndarray) and a.dtype.kind == "f":
        return bare(symbolic(a))
    return a


def _mean(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False) -> Symbolic:
    _no_out(out)
    return along(lambda es: ex.total(es) * ex.number(fmpq(1, max(len(es), 1))), a, axis, keepdims)


def _var(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: int = 0, keepdims: Any = False, **rest: Any
) -> Symbolic:
    _no_out(out)

    def variance(es: list[Expr]) -> Expr:
        n = len(es)
        mean = ex.total(es) * ex.number(fmpq(1, n))
        return ex.total((e - mean) * (e - mean) for e in es) * ex.number(fmpq(1, n - int(ddof)))

    return along(variance, a, axis, keepdims)


def _no_out(out: Any) -> None:
    if out is not None:
        raise Unsupported("out= of a reduction")


def _reduction(name: str) -> Callable[..., Symbolic]:
    def reduce(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, **rest: Any) -> Any:
        _no_out(out)
        kwargs = {"axis": axis, "keepdims": keepdims, **rest}
        return _ufunc(name, "reduce", (a,), kwargs)

    return reduce


def _extreme(name: str) -> Callable[..., Symbolic]:
    def reduce(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, **rest: Any) -> Any:
        _no_out(out)
        return _ufunc(name, "reduce", (a,), {"axis": axis, "keepdims": keepdims, **rest})

    return reduce


def _clip(a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, **rest: Any) -> Symbolic:
    _no_out(out)
    low, high = rest.get("min", a_min), rest.get("max", a_max)
    x = symbolic(a)
    if low is not None and not (np.ndim(low) == 0 and not isinstance(low, Symbolic) and low == -math.inf):
        x = _each(ex.maximum, x, low)
    if high is not None and not (np.ndim(high) == 0 and not isinstance(high, Symbolic) and high == math.inf):
        x = _each(UFUNCS["minimum"], x, high)
    return x


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: Any = False) -> Symbolic:
    matrix = np.ndim(x) == 2 if axis is None else isinstance(axis, tuple)
    if ord not in (None, 2, "fro") or (ord == 2 and matrix):
        raise Unsupported(f"np.linalg.norm with ord={ord!r}")
    return along(lambda es: UFUNCS["sqrt"](ex.total(e * e for e in es)), x, axis, keepdims)


def _ordered(es: list[Expr]) -> list[int]:
    """The places of the entries from least to largest, along the branch in force; stable."""
    from functools import cmp_to_key

    def compare(i: int, j: int) -> int:
        a, b = es[i], es[j]
        if a is b:
            return 0
        return 1 if truth(ex.above(a - b)) else -1

    return sorted(range(len(es)), key=cmp_to_key(compare))


def _argsort(a: Any, axis: Any = -1, **rest: Any) -> Any:
    x = np.moveaxis(bare(symbolic(a)), axis, -1) if axis is not None else bare(symbolic(a)).reshape(-1)
    out = np.empty(x.shape, np.intp)
    for i in np.ndindex(x.shape[:-1]):
        out[i] = _ordered([to_expr(e) for e in x[i]])
    return np.moveaxis(out, -1, axis) if axis is not None else out


def _sort(a: Any, axis: int = -1, **rest: Any) -> Symbolic:
    x = bare(symbolic(a))
    return wrapped(np.take_along_axis(x, _argsort(x.view(Symbolic), axis), axis))


def _extreme_place(es: list[Expr], sign: int) -> int:
    """The first place of the largest entry (sign 1) or the least, along the branch in force."""
    best = 0
    for j in range(1, len(es)):
        if truth(ex.above(sign * (es[j] - es[best]))):
            best = j
    return best


def _arg(sign: int) -> Callable[..., Any]:
    def arg(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, **rest: Any) -> Any:
        x = bare(symbolic(a))
        rows = x.reshape(-1) if axis is None else np.moveaxis(x, axis, -1)
        best = np.empty(rows.shape[:-1], np.intp)
        for i in np.ndindex(best.shape):
            best[i] = _extreme_place([to_expr(e) for e in rows[i]], sign)
        if keepdims is True and axis is not None:
            best = np.expand_dims(best, axis)
        return best if best.ndim else int(best)

    return arg


def _matrices(function: Callable[[Any], Any], a: Any) -> Symbolic:
    """A function of matrices on each one of a stack."""
    stack = bare(symbolic(a))
    try:
        answers = [function(m) for m in stack.reshape(-1, *stack.shape[-2:])]
    except (ValueError, ZeroDivisionError) as refusal:
        raise Unsupported(str(refusal)) from None
    shape = np.shape(answers[0])
    out = np.empty((len(answers), *shape), object)
    for place, answer in enumerate(answers):
        out[place] = answer
    return out.reshape((*stack.shape[:-2], *shape)).view(Symbolic)


def _sign_and_log(a: Any) -> tuple[Symbolic, Symbolic]:
    whole = _matrices(linear_algebra.determinant, a)
    return _each(UFUNCS["sign"], whole), _each(ex.log, _each(ex.absolute, whole))


def _same(a: Any, b: Any, **rest: Any) -> bool:
    """Are these the same expressions, entry by entry?"""
    x, y = symbolic(a), symbolic(b)
    return x.shape == y.shape and entries(x) == entries(y)


def _like(value: int) -> Callable[..., Symbolic]:
    def like(a: Any, *args: Any, shape: Any = None, **kwargs: Any) -> Symbolic:
        return filled(np.shape(a) if shape is None else shape, value)

    return like


def _put_along_axis(a: Any, indices: Any, values: Any, axis: Any) -> None:
    if not isinstance(a, Symbolic):
        raise Unsupported("writing a symbol into an array of plain numbers")
    np.put_along_axis(bare(a), np.asarray(indices), bare(symbolic(values)), axis)


def _copyto(target: Any, source: Any, casting: str = "", where: Any = True) -> None:
    _assign(target, ..., source if where is True else _where(where, source, target))


def filled(shape: Any, value: Any) -> Symbolic:
    """An array of one value, symbols welcome."""
    out = np.empty(shape, object)
    out[...] = to_expr(value)
    return out.view(Symbolic)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "where": lambda mask, a=None, b=None: _where(mask, a, b) if a is not None else _nonzero(mask),
    "sum": _reduction("add"),
    "prod": _reduction("multiply"),
    "max": _extreme("maximum"),
    "amax": _extreme("maximum"),
    "min": _extreme("minimum"),
    "amin": _extreme("minimum"),
    "any": _extreme("logical_or"),
    "all": _extreme("logical_and"),
    "mean": _mean,
    "average": lambda a, axis=None, **rest: _mean(a, axis, **rest),
    "var": _var,
    "std": lambda *args, **kwargs: _each(UFUNCS["sqrt"], _var(*args, **kwargs)),
    "cumsum": lambda a, axis=None, **rest: _cumulated(REDUCTIONS["add"], a, axis),
    "cumprod": lambda a, axis=None, **rest: _cumulated(REDUCTIONS["multiply"], a, axis),
    "clip": _clip,
    "norm": _norm,
    "sinc": lambda a: _each(lambda e: ex.sin(ex.PI * e) / (ex.PI * divisor(e)), a),
    "sort": _sort,
    "argsort": _argsort,
    "nonzero": lambda a: _nonzero(a),
    "flatnonzero": lambda a: _nonzero(a.reshape(-1))[0],
    "argwhere": lambda a: np.transpose(_nonzero(a)),
    "inv": lambda a: _matrices(linear_algebra.inverse, a),
    "det": lambda a: _matrices(linear_algebra.determinant, a),
    "cholesky": lambda a, **rest: _matrices(linear_algebra.cholesky, a),
    "solve": lambda a, b: _matrices(linear_algebra.inverse, a) @ b,
    "slogdet": _sign_and_log,
    "argmax": _arg(1),
    "argmin": _arg(-1),
    "array_equal": _same,
    "zeros_like": _like(0),
    "empty_like": _like(0),
    "ones_like": _like(1),
    "full_like": lambda a, value, **rest: filled(np.shape(a), 0) + value,
    "put_along_axis": _put_along_axis,
    "copyto": _copyto,
    "nan_to_num": lambda a, **rest: _each(lambda e: with_a_value(e, e), a),
    "real": lambda a: a,
    "ndim": lambda a: a.ndim,
    "shape": lambda a: a.shape,
    "size": lambda a, axis=None: a.size if axis is None else a.shape[axis],
    "iscomplexobj": lambda a: False,
    "isscalar": lambda a: False,
    "result_type": lambda *a: FLOAT64,
    "may_share_memory": lambda a, b, **rest: np.may_share_memory(bare(a), bare(b)),
    "shares_memory": lambda a, b, **rest: np.shares_memory(bare(a), bare(b)),
}


def _nonzero(mask: Any) -> Any:
    flags = np.array([truth(flag(e)) for e in entries(mask)], bool).reshape(np.shape(mask))
    return np.nonzero(flags)


def _cumulated(reduce: Callable[[list[Expr]], Expr], a: Any, axis: Any) -> Symbolic:
    x = symbolic(a)
    return _accumulated(reduce, wrapped(x.reshape(-1)) if axis is None else x, 0 if axis is None else axis)
