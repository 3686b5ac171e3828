"""A Number is a real number at a working precision that cannot turn into a float unseen.

It has what NumPy asks of the entries of an object array: arithmetic, comparisons and a method for each
function (``np.exp`` calls ``.exp()``). ``float()`` of it raises and is remembered, so that code which
leaves this arithmetic is known to have left it. Errors follow IEEE: 1/0 is inf, log(-1) is NaN.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from mpmath import libmp

from gradverify._arrays import Array
from gradverify.oracles.arbitrary import functions
from gradverify.oracles.arbitrary.functions import Raw, Refused


@dataclass
class Work:
    """One call of a function: its working precision in bits, what it may cost, and what it did on the way."""

    bits: int
    most: float
    wrap: Callable[[Array, Work], Any]  # how an object array of its numbers becomes one that NumPy's functions know
    spent: int = 0  # operations, each at its weight
    left: str = ""  # the first way out of this arithmetic that was tried
    branches: bool = False  # whether it compared numbers or rounded them: what it answers may go up in stairs

    def spend(self, weight: int) -> None:
        """Count an operation; raises Refused when there have been too many."""
        self.spent += weight
        if self.spent > self.most:
            raise self.leaves(f"takes more than {self.most:,.0f} operations, too many at this precision")

    def leaves(self, how: str) -> Refused:
        """Remember that the function left, whatever it does with the exception to raise."""
        self.left = self.left or how
        return Refused(how)

    def number(self, value: Any) -> Number:
        """This real number, exactly; a Number is itself. Raises Refused for anything else."""
        if type(value) is Number:
            self.owns(value)
            return value
        raw = functions.exact(value)
        if raw is None:
            raise self.leaves(f"computes with {type(value).__name__} values")
        return Number(raw, self)

    def owns(self, number: Number) -> None:
        """Raise Refused unless the number was made in this very call."""
        if number.work is not self:
            raise self.leaves("keeps numbers from one call to the next")


def _binary(name: str, *, turned: bool = False) -> Any:
    """The method for a function of two numbers, with its operands exchanged if ``turned``."""
    function, stairs = functions.BINARY[name], name in functions.STAIRS

    def method(self: Number, other: Any) -> Any:
        raw = self.partner(other)
        if raw is None:
            return NotImplemented
        a, b, work = (raw, self.raw, self.work) if turned else (self.raw, raw, self.work)
        work.spend(functions.weight(name, b))
        work.branches |= stairs
        return Number(function(a, b, work.bits), work)

    return method


def _relation(relation: Callable[[Raw, Raw], bool]) -> Any:
    """The comparison method; False where a NaN is compared."""

    def method(self: Number, other: Any) -> Any:
        raw = self.partner(other)
        self.work.branches = True
        return NotImplemented if raw is None else bool(relation(self.raw, raw))

    return method


class Number:
    """A real number (or inf, or NaN) in the precision of the call that made it."""

    __slots__ = ("raw", "work")

    def __init__(self, raw: Raw, work: Work) -> None:
        self.raw, self.work = raw, work

    def partner(self, other: Any) -> Raw:
        """The other operand as it stands in libmp, None if it is no real number."""
        if type(other) is Number:
            if other.work is not self.work:
                self.work.owns(other)
            return other.raw
        if isinstance(other, complex | np.complexfloating):
            raise self.work.leaves("computes with complex numbers")
        return functions.exact(other)

    __add__ = __radd__ = _binary("add")
    __mul__ = __rmul__ = _binary("multiply")
    __sub__, __rsub__ = _binary("subtract"), _binary("subtract", turned=True)
    __truediv__, __rtruediv__ = _binary("true_divide"), _binary("true_divide", turned=True)
    __pow__, __rpow__ = _binary("power"), _binary("power", turned=True)
    __mod__, __rmod__ = _binary("remainder"), _binary("remainder", turned=True)
    __floordiv__, __rfloordiv__ = _binary("floor_divide"), _binary("floor_divide", turned=True)

    __eq__, __lt__, __le__ = _relation(libmp.mpf_eq), _relation(libmp.mpf_lt), _relation(libmp.mpf_le)
    __gt__, __ge__ = _relation(libmp.mpf_gt), _relation(libmp.mpf_ge)
    __ne__ = _relation(lambda a, b: not libmp.mpf_eq(a, b))

    def __hash__(self) -> int:
        return int(libmp.mpf_hash(self.raw))

    def __neg__(self) -> Number:
        return Number(libmp.mpf_neg(self.raw), self.work)

    def __pos__(self) -> Number:
        return self

    def __abs__(self) -> Number:
        return Number(libmp.mpf_abs(self.raw), self.work)

    def __bool__(self) -> bool:
        self.work.branches = True
        return bool(self.raw != libmp.fzero)

    # -- ways out ------------------------------------------------------------------------------------

    def __float__(self) -> float:
        raise self.work.leaves("turns its inputs into floats (float, np.asarray(x, float), astype, a float buffer)")

    def __complex__(self) -> complex:
        raise self.work.leaves("turns its inputs into complex numbers")

    def __repr__(self) -> str:
        self.work.leaves("writes its inputs out as text")
        return str(libmp.to_str(self.raw, 17))

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> Any:
        raise self.work.leaves("pickles its inputs")

    def __copy__(self) -> Number:
        return self

    def __deepcopy__(self, memo: Any) -> Number:
        return self

    def __int__(self) -> int:
        self.work.branches = True
        if self.raw in functions.INFINITE:
            raise OverflowError("cannot convert inf or NaN to an integer")
        return int(libmp.to_int(self.raw))

    __trunc__ = __int__

    def __round__(self, digits: int | None = None) -> Any:
        scale = 1 if digits is None else 10**digits
        whole = (self * scale).rint()
        return int(whole) if digits is None else whole / scale

    # -- what NumPy's own scalars have ------------------------------------------------------------------

    shape: tuple[int, ...] = ()
    ndim, size = 0, 1
    dtype = np.dtype(object)

    @property
    def real(self) -> Number:
        """Itself."""
        return self

    @property
    def T(self) -> Number:
        """Itself."""
        return self

    def array(self) -> Any:
        """Itself as an array without axes."""
        out = np.empty((), object)
        out[()] = self
        return self.work.wrap(out, self.work)

    def conjugate(self) -> Number:
        """Itself."""
        return self

    def item(self) -> Number:
        """Itself: still a Number."""
        return self

    conj = copy = item

    def __getitem__(self, key: Any) -> Any:
        return self.array()[key]

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return self.array().__array_ufunc__(ufunc, method, *inputs, **kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return self.array().__array_function__(func, types, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        if name in METHODS:
            return getattr(self.array(), name)
        raise AttributeError(name)


METHODS = frozenset({
    "sum", "mean", "prod", "max", "min", "var", "std", "cumsum", "clip", "argmax", "argmin", "all", "any", "dot",
    "round", "take", "astype", "reshape", "ravel", "flatten", "squeeze", "transpose", "tolist", "repeat",
})  # fmt: skip


def _unary(name: str, function: Callable[[Raw, int], Raw]) -> Callable[[Number], Number]:
    def method(self: Number) -> Number:
        self.work.spend(functions.weight(name))
        self.work.branches |= name in functions.STAIRS
        return Number(function(self.raw, self.work.bits), self.work)

    return method


UNARY = {name: _unary(name, function) for name, function in functions.UNARY.items()}
BINARY = {name: _binary(name) for name in functions.BINARY if name not in functions.OPERATORS}
for _name, _method in (UNARY | BINARY).items():
    setattr(Number, _name, _method)  # np.exp of an object array calls entry.exp()
TESTS: dict[str, Callable[[Number], bool]] = {
    "isfinite": lambda a: a.raw not in functions.INFINITE,
    "isinf": lambda a: a.raw in functions.INFINITE and a.raw != libmp.fnan,
    "isnan": lambda a: a.raw == libmp.fnan,
    "signbit": lambda a: operator.lt(a, 0),
}
