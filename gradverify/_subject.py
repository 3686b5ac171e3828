"""A Subject is a function, the derivative it claims, and the domain where it claims it."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import numpy as np

from gradverify._arrays import Array, clone, deferred, largest, slices
from gradverify._domain import Domain
from gradverify._floating import is_floating, is_number, unit
from gradverify._memory import Memory
from gradverify._vectors import Answer, Vectors, Weighed
from gradverify.surroundings import Surroundings

# (x, output, its index, input, its index, options) -> the name and the index of that entry of the matrix
Entry = Callable[[Vectors, int, tuple[int, ...], int, tuple[int, ...], Mapping[str, Any]], tuple[str, tuple[int, ...]]]
ELSEWHERE = 8  # points at which the size of the values is looked at again
STEEP = 2**10  # times the inputs: larger values than these elsewhere (exp of what was negative) say nothing of here
NOTHING = np.zeros(0)  # the part of a tangent or gradient that belongs to an argument not differentiated


class Form(Protocol):
    """What inputs and outputs stand for that are not the user's own: the parts of complex numbers."""

    def given(self, x: tuple[Array, ...], v: tuple[Array, ...]) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
        """The user's inputs and cotangent (none, where v is empty) from those of the subject."""
        ...

    def cotangent(self, v: tuple[Any, ...]) -> tuple[Array, ...]:
        """The subject's cotangent from the user's; raises ValueError where their number does not fit."""
        ...

    def output(self, part: int) -> str:
        """What the subject's output is of the user's value: ``.imag``, ``[1].real``."""
        ...


class Broken(Exception):
    """What the subject's code did when called: it raised, or answered what cannot be read as promised."""

    def __init__(self, rule: str, what: str) -> None:
        super().__init__(f"{rule} {what}")
        self.rule, self.what = rule, what


@dataclass(frozen=True)
class Subject:
    """A function ``value(*inputs, **options)`` with a ``vjp(g, *inputs)``, a ``jvp(u, *inputs)``, or both.

    ``value`` returns an array or a tuple of arrays; ``vjp`` a gradient for each input (``None`` where
    it is not differentiated), ``jvp`` what ``value`` returns. ``spec`` names the laws it promises
    beyond the derivative. A Subject is called like its function; a law calls its rules on Vectors,
    as copies, so that nothing of the caller's can be changed.
    """

    name: str
    value: Callable[..., Any]
    domain: Domain
    vjp: Callable[..., Any] | None = None
    jvp: Callable[..., Any] | None = None
    spec: str = ""
    dtypes: tuple[str, ...] = ("float64",)
    options: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    parts: tuple[Subject, ...] = ()  # what a network is made of, in order
    at: Mapping[str, Any] = field(default_factory=dict)  # the options in force
    call: str = ""  # how a witness names it: "softmax, vjp=softmax_vjp"
    setup: str = ""  # what a witness runs first: a line that imports it
    literals: tuple[float, ...] = ()  # numbers of its own source: thresholds, branch points
    memory: Memory | None = field(default=None, compare=False, repr=False)  # of answers, while a point is judged
    surroundings: Surroundings | None = field(default=None, compare=False, repr=False)  # what its functions reach
    typical: float = 0.0  # the size of its values at a moderate point: what its code rounds at where they are tiny
    entry: Entry | None = None  # where a rule returns a whole matrix: what an entry of it is called
    form: Form | None = None  # where inputs or outputs stand for others: what they stand for

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        return self.value(*inputs, **options)

    @property
    def names(self) -> tuple[str, ...]:
        """The arguments' names, in order."""
        return self.domain.names

    def given(self, options: Mapping[str, Any]) -> Subject:
        """The same subject with these options in force."""
        return dataclasses.replace(self, at=dict(options)) if options else self

    @property
    def fresh(self) -> Subject:
        """The same subject without a memory: every question is a call."""
        return self if self.memory is None else dataclasses.replace(self, memory=None)

    def _recalled(self, rule: str, given: tuple[Vectors, ...], ask: Callable[[], Vectors]) -> Vectors:
        return (
            ask()
            if self.memory is None
            else self.memory.recall(rule, given, repr(dict(self.at)) if self.at else "", ask)
        )

    def forward(self, x: Vectors) -> Vectors:
        """The value at x, one part for each output. Raises Broken where the code does."""
        return self._recalled("value", (x,), lambda: self._forward(x))

    def values(self, x: Vectors) -> tuple[Array, ...]:
        """The bare numbers of the value at x, asked for and not kept: an oracle hardly comes to a point twice."""
        out = self.observe("value", x)[0]
        return tuple(_read(self.name, o) for o in (out if isinstance(out, tuple | list) else (out,)))

    def _forward(self, x: Vectors) -> Vectors:
        y = outputs(self.name, self.observe("value", x)[0])
        moves = self.domain.smooth

        def again(x: Vectors, _: Vectors) -> tuple[Array, ...]:
            return self.values(x)

        def natural(**_: bool) -> tuple[Array, ...]:
            return tuple(np.abs(p) for p in y.parts)

        answer = Answer(again, x, x.only(), y.parts, natural, moves, self.domain.bounds, coarsest(x, moves))
        return Vectors(y.parts, None, (Weighed(answer),), y.bare)

    def pullback(self, x: Vectors, v: Vectors) -> Vectors:
        """J(x)' v as the claimed rule answers it: one part for each input, empty where none is claimed."""
        return self._recalled("vjp", (x, v), lambda: self._pullback(x, v))

    def _pullback(self, x: Vectors, v: Vectors) -> Vectors:
        parts = self._gradients(x, v)
        moves = tuple(k for k, p in enumerate(parts) if p.size)

        def natural(**how: bool) -> tuple[Array, ...]:
            sizes = self.naturals(x, v, moves, **how)
            return tuple(n if p.size else NOTHING for n, p in zip(sizes, parts, strict=True))

        def most() -> float:
            return max((largest(deferred(np.abs, p)) for p in self.forward(x)), default=0.0)

        low = coarsest(x, moves)
        lost = partial(self.lost, x, low)
        answer = Answer(self._gradients, x, v, parts, natural, moves, self.domain.bounds, low, lost, most)
        return Vectors(parts, None, (Weighed(answer),))

    def naturals(
        self,
        x: Vectors,
        v: Vectors,
        moves: tuple[int, ...],
        *,
        elsewhere: bool = False,
        scattered: bool = False,
        usual: bool = False,
    ) -> tuple[Array, ...]:
        """|v||f|/s_i, the size that every entry of a gradient has without cancellation.

        ``elsewhere``: f taken as large as it is where it is not as small as here, as the arguments at ``moves`` change.
        ``scattered``: as what adds up by chance does, the root of the sum of (v_j f_j)^2. ``usual``: over steps of the
        argument's usual size at least.
        """
        size = _size(self.forward(x), v, self.elsewhere(x, moves) if elsewhere else self.typical, 2 if scattered else 1)
        steps = zip(x.steps, x.usual_steps if usual else (0.0,) * len(x), strict=True)
        return tuple(deferred(partial(_over, size, least), step) for step, least in steps)

    def elsewhere(self, x: Vectors, moves: tuple[int, ...]) -> float:
        """The size of the values where these arguments have other signs, and half to three halves of their sizes.

        What is left of a term that cancels at x, as p - t does where the right class has won, is rounded at that
        size. It is the largest median |f| of a few such points, and no more than ``STEEP`` times the inputs.
        """
        if self.typical or self.memory is None:
            return self.typical or self._elsewhere(x, moves)
        key = moves, str(self.at)
        if key not in self.memory.sizes:
            self.memory.sizes[key] = self._elsewhere(x, moves)
        return self.memory.sizes[key]

    def _elsewhere(self, x: Vectors, moves: tuple[int, ...]) -> float:
        rng, sizes, top = np.random.default_rng(20262), [0.0], 1.0
        for _ in range(ELSEWHERE):
            parts = list(x.parts)
            for k in moves:
                low, high = self.domain.bounds(k)
                signs = rng.integers(0, 2, x[k].shape) * 2 - 1
                parts[k] = np.clip(signs * rng.uniform(0.5, 1.5, x[k].shape) * x[k], low, high).astype(x[k].dtype)
                top = max(top, float(np.max(np.abs(x[k]), initial=0.0)))
            try:
                y = self.fresh.forward(Vectors(tuple(parts), bare=x.bare))
            except Broken:
                continue
            values = np.concatenate([np.abs(p).astype(np.float64).ravel() for p in y])
            finite = values[np.isfinite(values)]
            sizes.append(float(np.median(finite)) if finite.size else 0.0)
        return min(max(sizes), STEEP * top)

    def lost(self, x: Vectors, low: str) -> float:
        """How far the value in type ``low`` is from the same code's in float64, in norm and in eps; 0 where unknown."""
        if low == "float64":
            return 0.0
        wider = Vectors(tuple(p.astype(np.float64) if is_floating(p.dtype) else p for p in x), bare=x.bare)
        try:
            here, there = self.forward(x), self.forward(wider)
        except Broken:
            return 0.0
        if any(p.shape != q.shape or not is_floating(p.dtype) for p, q in zip(here, there, strict=True)):
            return 0.0
        with np.errstate(all="ignore"):
            gap = sum(float(np.sum((p.astype(np.float64) - q) ** 2)) for p, q in zip(here, there, strict=True))
            size = sum(float(np.sum(q**2)) for q in there)
        return float(np.sqrt(gap / size)) / unit(low) if size > 0 and np.isfinite(gap) else 0.0

    def pushforward(self, x: Vectors, u: Vectors) -> Vectors:
        """J(x) u as the claimed forward rule answers it: one part for each output."""
        return self._recalled("jvp", (x, u), lambda: self._pushforward(x, u))

    def _pushforward(self, x: Vectors, u: Vectors) -> Vectors:
        tangents = self._tangents(x, u)
        moves = tuple(k for k, p in enumerate(u) if p.size)

        def natural(**_: bool) -> tuple[Array, ...]:
            ratio = max(
                (largest(deferred(lambda p, s: np.abs(p) / s, p, x.steps[k])) for k, p in enumerate(u) if p.size),
                default=1.0,
            )
            return tuple(ratio * np.abs(p) for p in self.forward(x))

        answer = Answer(self._tangents, x, u, tangents, natural, moves, self.domain.bounds, coarsest(x, moves))
        return Vectors(tangents, None, (Weighed(answer),))

    def observe(self, rule: str, x: Vectors, v: Vectors | None = None) -> tuple[Any, tuple[Array, ...]]:
        """Call ``value``, ``vjp`` or ``jvp`` on copies: its raw answer, and the copies as it left them.

        A (co)tangent's copies come first. Of parts that are to spare there are no copies.
        """
        function = getattr(self, rule)
        handed = tuple(a if k in x.spare else clone(a) for k, a in enumerate(x))
        first: tuple[Array, ...] = ()
        leading: tuple[Any, ...] = ()
        if v is not None:
            first = tuple(p if k in v.spare else clone(np.asarray(p)) for k, p in enumerate(v))
            leading = (first[0] if v.bare else first,)
        label = self.said(rule)
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                warnings.simplefilter("error", np.exceptions.ComplexWarning)
                out = function(*leading, *handed, **self.at)
        except Broken:
            raise
        except (Exception, SystemExit) as failure:
            raise Broken(label, f"raised {type(failure).__name__}{_words(failure)}") from failure
        if self.memory is not None:
            given = out if isinstance(out, tuple | list) else (out,)
            own = tuple(a for a in given if isinstance(a, np.ndarray))
            self.memory.watch(rule, tuple(a for a in own if not any(np.may_share_memory(a, b) for b in first + handed)))
        return out, first + handed

    def said(self, rule: str) -> str:
        """How a rule of the subject's is called in a message."""
        return self.name if rule == "value" else f"{self.name}'s {rule}"

    def _gradients(self, x: Vectors, v: Vectors) -> tuple[Array, ...]:
        out = self.observe("vjp", x, v)[0]
        label, n = f"{self.name}'s vjp", len(x)
        given = tuple(out) if isinstance(out, tuple | list) else (out,)
        form = "a list of " if isinstance(out, list) else "a dict, which counts as " if isinstance(out, Mapping) else ""
        if len(given) != n:
            wanted = "give an array" if n == 1 else "give a tuple with one for each, None where not differentiated"
            raise Broken(label, f"returned {form}{len(given)} gradient(s) for {n} input(s); {wanted}")
        smooth = self.domain.smooth
        parts = tuple(NOTHING if g is None or k not in smooth else _read(label, g) for k, g in enumerate(given))
        for name, p in zip(self.names, parts, strict=True):
            if p.dtype.kind == "c":
                raise Broken(label, f"returned complex numbers for the real input {name}; return its real part")
        return parts

    def whole_tangent(self, x: Vectors, u: Vectors) -> Vectors:
        """u in the inputs' shapes and dtypes, zeros where it has nothing, as a forward rule takes it."""
        full = (
            (p if p.size or not a.size else np.zeros(a.shape)).astype(a.dtype if is_floating(a.dtype) else np.float64)
            for p, a in zip(u, x, strict=True)
        )
        return Vectors(tuple(full), bare=len(x) == 1)

    def _tangents(self, x: Vectors, u: Vectors) -> tuple[Array, ...]:
        out = self.observe("jvp", x, self.whole_tangent(x, u))[0]
        return outputs(f"{self.name}'s jvp", out).parts


def outputs(label: str, out: Any) -> Vectors:
    """What a function returned, as Vectors that remember whether it was a bare array."""
    if isinstance(out, tuple | list):
        return Vectors(tuple(_read(label, o) for o in out))
    return Vectors((_read(label, out),), bare=True)


def _words(failure: BaseException) -> str:
    """What an exception says, even where saying it raises."""
    try:
        said = str(failure)
    except Exception:
        said = "(it cannot say what)"
    return f": {said}" if said else ""


def _read(label: str, out: Any) -> Array:
    if out is None:
        raise Broken(label, "returned None; return an array")
    try:
        array = np.array(out)  # a copy: the code may write to its own array again
    except Exception as failure:
        raise Broken(label, f"returned {type(out).__name__}, which is no array: {failure}") from failure
    if not is_number(array.dtype):
        raise Broken(label, f"returned {type(out).__name__} of dtype {array.dtype}; return numbers")
    return array


def _size(y: Vectors, v: Vectors, typical: float, power: int) -> float:
    """|v||f| = sum_j |v_j f_j|, what was summed, no |f_j| taken below the typical one; or the root of squares."""

    def weighed(w: Array, p: Array) -> float:
        return float(((np.abs(w.astype(np.float64)) * np.maximum(np.abs(p), typical)) ** power).sum())

    with np.errstate(all="ignore"):
        return float(sum(sum(weighed(*run) for run in slices(v[k], p)) for k, p in enumerate(y)) ** (1 / power))


def _over(size: float, least: float, step: Array) -> Array:
    """This size over every entry's step, which is no less than this."""
    return np.asarray(size / np.maximum(step, least))


def ends(f: Subject, x: Vectors) -> dict[int, Array]:
    """For each floating argument with entries at an end of their range, which way is inside; 0 for all others."""
    out = {}
    for k in f.domain.smooth:
        low, high = (np.asarray(end, np.float64) for end in f.domain.bounds(k))
        if not (np.isfinite(low).any() or np.isfinite(high).any()):
            continue
        inward = np.where(low < high, (x[k] == low) * 1.0 - (x[k] == high) * 1.0, 0.0)
        if np.any(inward):
            out[k] = inward
    return out


def coarsest(x: Vectors, positions: tuple[int, ...]) -> str:
    """The name of the floating type with the largest spacing among these parts."""
    kinds = [x[k].dtype for k in positions if is_floating(x[k].dtype)] or [np.dtype(np.float64)]
    return max(kinds, key=unit).name
