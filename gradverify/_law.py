"""A Law is a sentence that is true of every right subject, written once and tried by every Method.

Its parameters are its quantifiers: ``f`` the Subject, ``x`` a point, ``y`` another point beside it,
``u`` a tangent, ``v w`` cotangents, ``a`` a real, ``D`` the method's oracle. It yields Claims.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, overload

from gradverify._claim import Claim
from gradverify._subject import Subject

QUANTIFIERS = frozenset("fxyuvwaD")


@dataclass(frozen=True)
class Law:
    """A named statement with its quantifiers.

    ``needs`` names the rules a subject must claim (``vjp``, ``jvp``). ``derivative`` marks the laws
    whose verdict says whether the derivative is right. ``almost_everywhere`` marks those that kinks
    excuse: there a disagreement is held against the slopes nearby. ``after`` names laws
    whose failure would be told twice: a check does not judge this one then. ``everywhere`` has the law
    tried where the function is not finite, too. ``floats`` marks those that speak of types, memory or
    overflow: they say nothing about real numbers, and are not proved.
    """

    name: str
    statement: str
    claims: Callable[..., Iterator[Claim]]
    quantifiers: tuple[str, ...]
    needs: tuple[str, ...] = ()
    derivative: bool = False
    almost_everywhere: bool = False
    after: tuple[str, ...] = ()
    everywhere: bool = False
    floats: bool = False

    def __call__(self, **values: Any) -> Iterator[Claim]:
        return self.claims(**{q: values[q] for q in self.quantifiers})

    def missing(self, subject: Subject) -> str:
        """The rule this law is about and the subject does not claim, or nothing."""
        return next((rule for rule in self.needs if getattr(subject, rule) is None), "")


@overload
def law(claims: Callable[..., Iterator[Claim]], /) -> Law: ...
@overload
def law(
    *,
    needs: tuple[str, ...] = ...,
    derivative: bool = ...,
    almost_everywhere: bool = ...,
    after: tuple[str, ...] = ...,
    everywhere: bool = ...,
    floats: bool = ...,
) -> Callable[[Callable[..., Iterator[Claim]]], Law]: ...


def law(
    claims: Callable[..., Iterator[Claim]] | None = None,
    /,
    *,
    needs: tuple[str, ...] | None = None,
    derivative: bool = False,
    almost_everywhere: bool = False,
    after: tuple[str, ...] = (),
    everywhere: bool = False,
    floats: bool = False,
) -> Law | Callable[[Callable[..., Iterator[Claim]]], Law]:
    """Make a Law of a generator of Claims; its docstring's first line is the statement.

    ``needs`` defaults to ``vjp`` where a cotangent ``v`` is quantified.
    """

    def make(function: Callable[..., Iterator[Claim]]) -> Law:
        quantifiers = tuple(inspect.signature(function).parameters)
        unknown = set(quantifiers) - QUANTIFIERS
        if unknown:
            raise TypeError(
                f"{function.__name__}: {', '.join(sorted(unknown))} quantifies nothing; use {' '.join('fxyuvwaD')}"
            )
        if not function.__doc__:
            raise TypeError(f"{function.__name__}: a law's docstring is its statement; write one")
        rules = needs if needs is not None else ("vjp",) if "v" in quantifiers else ()
        statement = inspect.cleandoc(function.__doc__).splitlines()[0]
        marks = (derivative, almost_everywhere, after, everywhere, floats)
        return Law(function.__name__, statement, function, quantifiers, rules, *marks)

    return make if claims is None else make(claims)
