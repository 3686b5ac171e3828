"""A fault makes a right derivative wrong in one way that people get wrong, and leaves everything else as it is.

A :class:`Fault` is the inverse of a diagnosis: planted in a right Subject it gives a mutant that a law
must catch, and its name is the sentence that would explain what is then seen. :data:`FAULTS` is all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from gradverify._arrays import Array
from gradverify._errors import Misuse
from gradverify._floating import is_floating
from gradverify._subject import Subject

Rule = Callable[..., Any]  # vjp(g, *inputs) or jvp(u, *inputs)
LITTLE = 0.01  # the 1 % by which the small faults are off


@dataclass(frozen=True)
class Fault:
    """One way to be wrong: what it does, in words, and the rule that does it in place of a right one."""

    name: str
    plant: Callable[[Rule], Rule]

    def apply(self, subject: Subject, *, rule: Literal["vjp", "jvp", ""] = "") -> Subject:
        """The subject with this fault in its ``rule``: by default its vjp, or its jvp where it claims no vjp."""
        chosen = rule or ("vjp" if subject.vjp is not None else "jvp")
        right = subject.vjp if chosen == "vjp" else subject.jvp
        if right is None:
            raise Misuse(f"{subject.name} claims no {chosen}; plant {self.name!r} in a rule that it claims.")
        setup = "; ".join(line for line in (subject.setup, "from gradverify.faults import fault") if line)
        changed = replace(
            subject,
            name=f"{subject.name} ({self.name})",
            call=f"fault({self.name!r}).apply({subject.call or subject.name}, rule={chosen!r})",
            setup=setup,
        )
        wrong = self.plant(right)
        return replace(changed, vjp=wrong) if chosen == "vjp" else replace(changed, jvp=wrong)


def fault(name: str) -> Fault:
    """The fault of this name."""
    for known in FAULTS:
        if known.name == name:
            return known
    raise Misuse(f"fault({name!r}) is not known; choose one of: {'; '.join(f.name for f in FAULTS)}.")


# -- what is answered is changed ------------------------------------------------------------------


def each(change: Callable[[Array], Any]) -> Callable[[Rule], Rule]:
    """Every array of the answer is changed by itself."""
    return whole(lambda answer, given, inputs: [None if a is None else change(a) for a in answer])


def whole(change: Callable[[list[Any], Any, tuple[Any, ...]], list[Any]]) -> Callable[[Rule], Rule]:
    """The answer is changed: ``change(arrays or None, (co)tangent, inputs)``, on copies."""

    def plant(right: Rule) -> Rule:
        def wrong(given: Any, *inputs: Any, **options: Any) -> Any:
            out = right(given, *inputs, **options)
            several = isinstance(out, tuple | list)
            changed = change([None if a is None else np.array(a) for a in (out if several else (out,))], given, inputs)
            return tuple(changed) if several else changed[0]

        return wrong

    return plant


def in_the_largest(change: Callable[[Array], Array]) -> Callable[[Rule], Rule]:
    """Only the array with the largest entry is changed."""

    def alone(answer: list[Any], given: Any, inputs: tuple[Any, ...]) -> list[Any]:
        sizes = [-1.0 if a is None or not a.size else float(np.max(np.abs(a))) for a in answer]
        k = int(np.argmax(sizes))
        return [change(a) if i == k and a is not None and a.size else a for i, a in enumerate(answer)]

    return whole(alone)


def _largest_is_zero(a: Array) -> Array:
    a.reshape(-1)[int(np.argmax(np.abs(a)))] = 0
    return a


def _first_is_off(a: Array) -> Array:
    a.reshape(-1)[0] += a.dtype.type(LITTLE) * np.max(np.abs(a))
    return a


def _last_row_is_zero(a: Array) -> Array:
    if a.size:
        a[-1 if a.ndim else ...] = 0
    return a


def _transposed(a: Array) -> Array:
    return np.swapaxes(a, -1, -2).reshape(a.shape) if a.ndim > 1 else a[::-1] if a.ndim else a


def _coarser(a: Array) -> Array:
    lower = np.float32 if a.dtype.itemsize > 4 else np.float16
    with np.errstate(over="ignore"):
        return a.astype(lower).astype(a.dtype)


def _last_argument_is_zero(answer: list[Any], given: Any, inputs: tuple[Any, ...]) -> list[Any]:
    last = max((k for k, a in enumerate(answer) if a is not None), default=-1)
    return [np.zeros_like(a) if k == last else a for k, a in enumerate(answer)]


def _nan_where_the_input_is_zero(answer: list[Any], given: Any, inputs: tuple[Any, ...]) -> list[Any]:
    changed = [
        a if a is None or np.shape(x) != a.shape else np.where(np.equal(x, 0), a.dtype.type(np.nan), a)
        for a, x in zip(answer, inputs, strict=False)
    ]
    return changed + answer[len(inputs) :]


# -- what is handed in is changed -----------------------------------------------------------------


def of_another_cotangent(change: Callable[[Array], Array]) -> Callable[[Rule], Rule]:
    """The rule answers rightly, for another cotangent than was asked about."""

    def plant(right: Rule) -> Rule:
        def wrong(given: Any, *inputs: Any, **options: Any) -> Any:
            several = isinstance(given, tuple | list)
            other = [np.asarray(change(np.asarray(g)), np.asarray(g).dtype) for g in (given if several else (given,))]
            return right(tuple(other) if several else other[0], *inputs, **options)

        return wrong

    return plant


def _writes(into_the_cotangent: bool) -> Callable[[Rule], Rule]:
    """The answer is right; afterwards the first floating array handed in holds something else."""

    def overwrite(answer: list[Any], given: Any, inputs: tuple[Any, ...]) -> list[Any]:
        handed = (given if isinstance(given, tuple | list) else (given,)) if into_the_cotangent else inputs
        for a in handed:
            if isinstance(a, np.ndarray) and is_floating(a.dtype) and a.flags.writeable:
                a[...] = 2 * a + 1
                break
        return answer

    return whole(overwrite)


# -- what a call leaves behind --------------------------------------------------------------------


def _stale(right: Rule) -> Rule:
    """The first answer for inputs of these shapes and types is the answer ever after."""
    kept: dict[Any, Any] = {}

    def wrong(given: Any, *inputs: Any, **options: Any) -> Any:
        key = (*((np.shape(a), np.asarray(a).dtype.name) for a in inputs), *sorted(map(str, options.items())))
        if key not in kept:
            kept[key] = right(given, *inputs, **options)
        return kept[key]

    return wrong


def _jitter(right: Rule) -> Rule:
    """Every call multiplies by another number near 1."""
    rng = np.random.default_rng(1)
    return each(lambda a: a * (1 + rng.normal(0, LITTLE, a.shape)).astype(a.dtype))(right)


FAULTS: tuple[Fault, ...] = (
    Fault("the sign is wrong", each(np.negative)),
    Fault("twice too large", each(lambda a: 2 * a)),
    Fault("half too small", each(lambda a: a / 2)),
    Fault("too large by 1 %", each(lambda a: a * a.dtype.type(1 + LITTLE))),
    Fault("too large by 1e-5", each(lambda a: a * a.dtype.type(1 + 1e-5))),
    Fault("the largest entry is zero", in_the_largest(_largest_is_zero)),
    Fault("the first entry is off by 1 % of the scale", in_the_largest(_first_is_off)),
    Fault("the last row is left out", in_the_largest(_last_row_is_zero)),
    Fault("transposed", each(_transposed)),
    Fault("moved on by one place", each(lambda a: np.roll(a, 1))),
    Fault("the cotangent is ignored", of_another_cotangent(np.ones_like)),
    Fault("the cotangent has lost its sign", of_another_cotangent(np.abs)),
    Fault("the cotangent enters squared", of_another_cotangent(np.square)),
    Fault("the last argument's gradient is zero", whole(_last_argument_is_zero)),
    Fault("rounded to a coarser type on the way", each(_coarser)),
    Fault("wrong in float32 only", each(lambda a: 2 * a if a.dtype == np.float32 else a)),
    Fault("writes into the cotangent", _writes(into_the_cotangent=True)),
    Fault("writes into an input", _writes(into_the_cotangent=False)),
    Fault("the first answer is kept", _stale),
    Fault("random", _jitter),
    Fault("of the wrong dtype", each(lambda a: a.astype(np.float32 if a.dtype == np.float64 else np.float64))),
    Fault("of the wrong shape", each(lambda a: a[np.newaxis])),
    Fault("NaN where the input is zero", whole(_nan_where_the_input_is_zero)),
)
