"""Where a claim is made: the shape, range, kind and kinks of every argument.

A :class:`Box` says "generate", an :class:`At` says "exactly here", a :class:`Domain` names one of
them for each argument.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradverify._arrays import Array
from gradverify._errors import Misuse
from gradverify._floating import is_inexact, typed

KINDS = ("real", "one-hot", "simplex", "index", "mask", "sign", "positive-definite")
SMOOTH = ("real", "simplex", "positive-definite")  # kinds one can differentiate in
DEFAULT_SIZES = (1, 5)
Sizes = Mapping[str, int | tuple[int, int]]  # as users give them: {"n": 3, "k": (1, 6)}


@dataclass(frozen=True)
class Box:
    """An argument to generate: ``Box("n k")`` is any real matrix.

    ``shape`` is blank-separated sizes, each a number or a symbol ("" is a scalar). Entries lie in
    [low, high] (arrays broadcast against the shape). ``kind`` is one of ``real``, ``one-hot`` and
    ``simplex`` (along the last axis), ``index`` (integers in [0, high), where ``high`` may name a
    size), ``mask``, ``sign`` and ``positive-definite`` (the last two axes). ``kinks`` are values where
    the function of this argument has a corner; they are tried exactly.
    """

    shape: str | tuple[int, ...] = ""
    low: Any = -np.inf
    high: Any = np.inf
    dtype: str | None = None
    kind: str = "real"
    kinks: tuple[float, ...] = ()

    def __init__(
        self,
        shape: str | tuple[int, ...] = "",
        *,
        low: Any = -np.inf,
        high: Any = np.inf,
        dtype: Any = None,
        kind: str = "real",
        kinks: tuple[float, ...] = (),
    ) -> None:
        if isinstance(shape, int):
            shape = (shape,)
        if not isinstance(shape, str | tuple):
            raise Misuse(f'Box: shape is {shape!r}; write symbols such as "n k" or numbers such as (3, 4).')
        if kind not in KINDS:
            raise Misuse(f"Box: kind {kind!r} is not known; choose one of {', '.join(KINDS)}.")
        if kind != "index" and not np.all(np.less(low, high)):
            raise Misuse(f"Box: low={low!r} is not below high={high!r}; exchange them or widen the range.")
        if kind == "index" and not isinstance(high, str) and not np.isfinite(high):
            raise Misuse('Box: kind="index" needs an exclusive upper bound; write high=10, or high="k" for a size.')
        for name, value in (("shape", shape), ("low", low), ("high", high), ("kind", kind), ("kinks", tuple(kinks))):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "dtype", None if dtype is None else typed(dtype).name)
        _real_kind("Box", self)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The named sizes, in order of appearance."""
        return tuple(t for t in self.tokens if not t.isdigit())

    @property
    def tokens(self) -> tuple[str, ...]:
        return tuple(self.shape.split()) if isinstance(self.shape, str) else tuple(str(n) for n in self.shape)

    def dims(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        """The shape with numbers for its symbols."""
        return tuple(int(t) if t.isdigit() else sizes[t] for t in self.tokens)

    @property
    def smooth(self) -> bool:
        return self.kind in SMOOTH

    @property
    def complex(self) -> bool:
        """Are its entries complex numbers?"""
        return self.dtype is not None and self.dtype.startswith("complex")


@dataclass(frozen=True)
class At:
    """An argument at exactly this array; an oracle probes around it, within [low, high].

    ``kind`` says how it may be probed: a ``positive-definite`` matrix symmetrically, a ``simplex``
    along its sums where the function refuses other points. Whole numbers are never moved.
    """

    array: Array
    low: Any = -np.inf
    high: Any = np.inf
    kind: str = "real"

    def __post_init__(self) -> None:
        object.__setattr__(self, "array", np.asarray(self.array))
        if self.kind not in KINDS:
            raise Misuse(f"At: kind {self.kind!r} is not known; choose one of {', '.join(KINDS)}.")
        _real_kind("At", self)
        if not is_inexact(self.array.dtype):
            object.__setattr__(self, "kind", "index" if self.array.dtype.kind in "iu" else "mask")

    @property
    def smooth(self) -> bool:
        return is_inexact(self.array.dtype) and self.kind in SMOOTH

    @property
    def complex(self) -> bool:
        """Are its entries complex numbers?"""
        return self.array.dtype.kind == "c"

    def half(self, which: str) -> tuple[Array, Any, Any]:
        """The real or the imaginary part and its bounds."""
        return getattr(self.array, which), half_of(self.low, which), half_of(self.high, which)

    @property
    def symbols(self) -> tuple[str, ...]:
        return ()

    @property
    def dtype(self) -> str:
        return self.array.dtype.name


def _real_kind(word: str, place: Box | At) -> None:
    """Misuse for complex numbers of a kind that speaks of real ones."""
    if place.complex and place.kind != "real":
        raise Misuse(f"{word}: kind {place.kind!r} speaks of real numbers, not of {place.dtype}; leave kind= out.")


def half_of(bound: Any, which: str) -> Any:
    """What a bound of complex numbers says of their real or imaginary parts: a bound that is real is one of both."""
    return getattr(bound, which) if np.iscomplexobj(bound) else bound


@dataclass(frozen=True)
class Domain:
    """One Box or At for each argument, by name, and the range of every size: {"n": (1, 5)}."""

    arguments: Mapping[str, Box | At]
    sizes: Sizes = field(default_factory=dict)

    def __post_init__(self) -> None:
        sizes: dict[str, int | tuple[int, int]] = {s: DEFAULT_SIZES for a in self.arguments.values() for s in a.symbols}
        for symbol, given in self.sizes.items():
            if symbol not in sizes:
                known = ", ".join(sizes) or "none"
                raise Misuse(f"sizes={{{symbol!r}: ...}}: no input has a size {symbol!r} (sizes here: {known}).")
            least, most = (given, given) if isinstance(given, int) else (int(given[0]), int(given[1]))
            sizes[symbol] = (least, most)
            if not 0 <= least <= most:
                raise Misuse(f"sizes={{{symbol!r}: {given!r}}}: write (least, most) with 0 <= least <= most.")
        object.__setattr__(self, "sizes", sizes)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.arguments)

    @property
    def ranges(self) -> tuple[tuple[str, int, int], ...]:
        """(symbol, least, most) for every size."""
        return tuple((s, r, r) if isinstance(r, int) else (s, *r) for s, r in self.sizes.items())

    @property
    def fixed(self) -> bool:
        """Is every argument an At, so that there is one point only?"""
        return all(isinstance(a, At) for a in self.arguments.values())

    @property
    def smooth(self) -> tuple[int, ...]:
        """The positions of the arguments one can differentiate in."""
        return tuple(k for k, a in enumerate(self.arguments.values()) if a.smooth)

    def bounds(self, k: int) -> tuple[Any, Any]:
        """The closed range of argument k's entries."""
        a = tuple(self.arguments.values())[k]
        if a.kind == "simplex":
            return 0.0, np.inf
        return (a.low, a.high) if a.kind == "real" else (-np.inf, np.inf)
