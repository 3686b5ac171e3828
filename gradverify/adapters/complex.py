"""A function of complex arrays is judged as the real function of their real and imaginary parts that it is.

The input z becomes two, ``z.real`` and ``z.imag``, and a complex value two outputs: what is found is told of
``z.imag[1, 2]``, and a witness gives complex arrays again. Two conventions are in use for what a pullback takes
and answers. For a real L and z = a + ib,

- ``torch``: the gradient of L by z is G = dL/da + i dL/db, so that dL = Re(conj(G) dz);
- ``jax`` (HIPS autograd too): it is G = dL/da - i dL/db, so that dL = Re(G dz).

The cotangent of a complex value is such a gradient too. A forward rule, and a Jacobian J with dy = J dz, mean the
same under both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradverify._arrays import Array
from gradverify._domain import At, Box, Domain, half_of
from gradverify._errors import Misuse
from gradverify._subject import Broken, Subject
from gradverify._vectors import Vectors
from gradverify.points import KINDS, Seeded, point
from gradverify.surroundings import left_as_found

CONVENTIONS: Mapping[str, str] = {"torch": "dL/da + i dL/db", "jax": "dL/da - i dL/db"}
WHOSE: Mapping[str, str] = {"torch": "PyTorch's", "jax": "JAX's"}
HALVES = (".real", ".imag")


def other(convention: str) -> str:
    """The convention that this one is not."""
    return next(name for name in CONVENTIONS if name != convention)


def told(convention: str) -> str:
    """What a report says first of complex numbers."""
    gradients = f"gradients are {CONVENTIONS[convention]} for z = a + ib ({WHOSE[convention]} convention)"
    return f"complex numbers are judged by their real and imaginary parts; {gradients}"


def checked(convention: str) -> str:
    """The convention; Misuse where there is none of this name."""
    if convention not in CONVENTIONS:
        meant = " or ".join(f'"{name}", for gradients {words},' for name, words in CONVENTIONS.items())
        raise Misuse(f"convention={convention!r} is not known; write {meant} where z = a + ib.")
    return convention


def halved(subject: Subject, convention: str) -> Subject:
    """The subject on real and imaginary parts; as it is where neither an input nor an output is complex."""
    whole = tuple(subject.domain.arguments.items())
    inputs = tuple(place.complex for _, place in whole)
    places = {n: p for name, place in whole for n, p in (_parts(name, place) if place.complex else [(name, place)])}
    domain = Domain(places, subject.domain.sizes)
    found = _value(subject, domain, inputs)
    bare = not isinstance(found, tuple | list)
    outputs = tuple(np.iscomplexobj(y) for y in ((found,) if bare else found))
    if not any(inputs) and not any(outputs):
        return subject
    form = Halves(subject, inputs, outputs, bare, checked(convention))
    vjp, jvp = form.vjp if subject.vjp is not None else None, form.jvp if subject.jvp is not None else None
    spec = "" if convention == "jax" and subject.spec == "gradient" else subject.spec  # (dL/da, -dL/db) is no gradient
    changed = replace(subject, domain=domain, spec=spec, form=form, entry=None)
    return replace(changed, value=form.value, vjp=vjp, jvp=jvp)


def _parts(name: str, place: Box | At) -> Iterator[tuple[str, Box | At]]:
    """Where the real and the imaginary parts lie."""
    for ending in HALVES:
        half = ending[1:]
        if isinstance(place, At):
            yield name + ending, At(*place.half(half))
        else:
            low, high = half_of(place.low, half), half_of(place.high, half)
            kinks = tuple(float(half_of(k, half)) for k in place.kinks)
            dtype = np.empty(0, place.dtype).real.dtype
            yield name + ending, Box(place.shape, low=low, high=high, dtype=dtype, kinks=kinks)


def _value(subject: Subject, domain: Domain, inputs: tuple[bool, ...]) -> Any:
    """What the function answers at a point; a number where it refuses every kind of point, which is told later."""
    options = {name: values[0] for name, values in subject.options.items()}
    for kind in KINDS:
        x = point(domain, kind, subject.dtypes[0], Seeded(np.random.default_rng(0)), ())
        try:
            with left_as_found((subject.value,)):
                return subject.given(options).observe("value", Vectors(tuple(joined(x, inputs))))[0]
        except Broken:
            continue
    return 0.0


@dataclass(frozen=True)
class Halves:
    """A subject's rules on the halves of its complex inputs and outputs, which are marked."""

    subject: Subject
    inputs: tuple[bool, ...]
    outputs: tuple[bool, ...]
    bare: bool  # is the value a single array rather than a tuple?
    convention: str

    @property
    def matrix(self) -> bool:
        """Does the rule return a Jacobian of a complex value?"""
        return self.subject.entry is not None and any(self.outputs)

    def output(self, part: int) -> str:
        """``.real`` or ``.imag`` of the output to which this half belongs."""
        names = [f"[{k}]" if len(self.outputs) > 1 else "" for k in range(len(self.outputs))]
        halves = [n + half for n, of in zip(names, self.outputs, strict=True) for half in (HALVES if of else ("",))]
        return halves[part]

    def value(self, *parts: Array, **options: Any) -> Any:
        """The function's value, complex outputs in halves."""
        z = joined(parts, self.inputs)
        found = self.subject.value(*z, **options)
        hand_back(z, parts, self.inputs)
        return self._answered(self.subject.name, found)

    def jvp(self, u: Any, *parts: Array, **options: Any) -> Any:
        """The forward rule's answer, complex outputs in halves."""
        given = u if isinstance(u, tuple) else (u,)
        z, dz = joined(parts, self.inputs), joined(given, self.inputs)
        assert self.subject.jvp is not None
        found = self.subject.jvp(dz[0] if len(dz) == 1 else tuple(dz), *z, **options)
        hand_back(dz, given, self.inputs)
        hand_back(z, parts, self.inputs)
        return self._answered(f"{self.subject.name}'s jvp", found)

    def vjp(self, g: Any, *parts: Array, **options: Any) -> tuple[Any, ...]:
        """The gradients by the parts: that by z.imag is the imaginary part of the one by z, or its negative."""
        given = g if isinstance(g, tuple) else (g,)
        z, cotangent = joined(parts, self.inputs), self._turned(joined(given, self.outputs))
        assert self.subject.vjp is not None
        found = self.subject.vjp(cotangent[0] if self.bare else tuple(cotangent), *z, **options)
        hand_back(self._turned(cotangent), given, self.outputs)
        hand_back(z, parts, self.inputs)
        return tuple(self._gradients(found, z))

    def given(self, x: tuple[Array, ...], v: tuple[Array, ...]) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
        """The inputs and the cotangent as the function and its rules are handed them."""
        return tuple(joined(x, self.inputs)), tuple(self._turned(joined(v, self.outputs))) if v else ()

    def cotangent(self, v: tuple[Any, ...]) -> tuple[Array, ...]:
        """The halves of a cotangent that was given as the rules take it."""
        turned = self._turned([np.asarray(c) for c in v])
        return tuple(part for c, of in zip(turned, self.outputs, strict=True) for part in (split(c) if of else (c,)))

    def _turned(self, arrays: Sequence[Array]) -> list[Array]:
        """Cotangents, or gradients, from the one convention to the other, where it is JAX's."""
        return [np.conj(a) if self.convention == "jax" and np.iscomplexobj(a) else a for a in arrays]

    def _answered(self, label: str, found: Any) -> Any:
        """Outputs in halves; raises Broken where another one is complex than at other points."""
        given = found if isinstance(found, tuple | list) else (found,)
        if len(given) != len(self.outputs):
            raise Broken(label, f"returned {len(given)} output(s), and {len(self.outputs)} elsewhere")
        out: list[Any] = []
        for y, of in zip(given, self.outputs, strict=True):
            kind = np.asarray(y).dtype
            if (kind.kind == "c") != of and y is not None:
                wanted = "complex" if of else "real"
                raise Broken(label, f"returned {kind}, and {self.subject.name} is {wanted} elsewhere; keep to one type")
            out += split(np.asarray(y)) if of else [y]
        return out[0] if len(out) == 1 and self.bare else tuple(out)

    def _gradients(self, found: Any, z: list[Array]) -> Iterator[Any]:
        """Each gradient in halves; raises Broken where it is real for a complex input, or the other way round."""
        label, names = f"{self.subject.name}'s vjp", self.subject.names
        given = found if isinstance(found, tuple | list) else (found,)
        if len(given) != len(z):
            expected = f"{len(z)} input(s); give one for each, None where not differentiated"
            raise Broken(label, f"returned {len(given)} gradient(s) for {expected}")
        for g, name, a, of in zip(given, names, z, self.inputs, strict=True):
            kind = None if g is None else np.asarray(g).dtype
            if kind is None:
                yield from (None, None) if of else (None,)
            elif of and kind.kind != "c":
                wanted = f"the gradient of a complex input is complex, {CONVENTIONS[self.convention]} for z = a + ib"
                raise Broken(label, f"returned {kind} for {name}, which is {a.dtype}; {wanted}")
            elif not of and kind.kind == "c":
                raise Broken(label, f"returned {kind} for {name}, which is {a.dtype}; its gradient is the real part")
            elif of and np.shape(g) != a.shape:
                raise Broken(label, f"returned shape {np.shape(g)} for {name}, which has shape {a.shape}")
            else:
                yield from split(self._turned([np.asarray(g)])[0]) if of else (g,)


# -- arrays and their halves ----------------------------------------------------------------------


def joined(parts: Sequence[Array], which: tuple[bool, ...]) -> list[Array]:
    """The arrays of which these are the halves, where ``which`` says so."""
    rest = iter(parts)
    return [_join(next(rest), next(rest)) if of else next(rest) for of in which]


def _join(real: Array, imag: Array) -> Array:
    """re + i im, laid out in memory and writeable as the real part is."""
    if getattr(real, "exact", False):
        raise TypeError("complex numbers are not traced")
    if np.iscomplexobj(real) or np.iscomplexobj(imag):
        raise Broken("the function", "takes complex arrays by their halves, which make no complex step")
    turned: Any = (..., *(slice(None, None, -1 if step < 0 else 1) for step in real.strides))
    z: Array = np.empty_like(real[turned], dtype=np.result_type(real, imag, np.complex64))[turned]
    z.real, z.imag = real, imag
    z.flags.writeable = real.flags.writeable
    return z


def split(z: Array) -> tuple[Array, Array]:
    """The real and the imaginary part."""
    return z.real, z.imag


def hand_back(whole: Sequence[Array], parts: Sequence[Array], which: tuple[bool, ...]) -> None:
    """What was written into complex arrays is written into their halves, where it will be seen."""
    rest = iter(parts)
    for z, of in zip(whole, which, strict=True):
        halves = [next(rest) for _ in range(1 + of)]
        if of and halves[0].flags.writeable:
            halves[0][...], halves[1][...] = z.real, z.imag
