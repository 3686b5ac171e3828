"""A Method supplies the points of a domain, and an Oracle the trusted derivatives there: the two interfaces."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from gradverify._judge import Judgement
from gradverify._law import Law
from gradverify._subject import Subject
from gradverify._vectors import CannotHere, Estimate, Vectors
from gradverify._verdict import Finding, Outcome


class Oracle(Protocol):
    """A trusted derivative with its error, or an honest refusal."""

    def directional(self, subject: Subject, x: Vectors, u: Vectors, v: Vectors) -> Estimate | CannotHere:
        """<v, Df(x) u>."""
        ...


@dataclass(frozen=True)
class Excuse:
    """What the neighbourhood says of a disagreement: it stands, it is excused (with a note), or that cannot be told.

    ``isolated`` marks a value right by the chain rule that is not the derivative at this one point;
    ``place`` is the (argument, index, claimed, least, greatest slope) that no smooth neighbour allows;
    ``seen`` are the arguments whose slopes nearby are not all zero.
    """

    outcome: Outcome
    note: str = ""
    isolated: bool = False
    place: tuple[int, tuple[int, ...], float, float, float] | None = None
    seen: tuple[int, ...] = ()


@dataclass(frozen=True)
class Trial:
    """One point: a subject with its options in force, x, and fresh quantifiers for every attempt."""

    subject: Subject
    x: Vectors
    cell: str  # dtype and options in words
    where: str  # the kind of point, in words
    draw: Callable[[int, tuple[int, ...]], dict[str, Any]]  # attempt, judged positions -> u v w a y
    seed: int = 0  # what the draws, and a witness, start from


class Method(Protocol):
    """Where the points of a domain come from, and which oracle they are judged by."""

    @property
    def name(self) -> str:
        """The method in a word."""
        ...

    @property
    def oracle(self) -> Oracle:
        """The trusted derivative."""
        ...

    @property
    def careful(self) -> Oracle:
        """The same with a second opinion."""
        ...

    def trials(self, subject: Subject, law: Law, seed: int) -> Iterator[Trial]:
        """The points, plain ones first."""
        ...

    def beside(self, subject: Subject, law: Law, seed: int) -> Iterator[Trial]:
        """Points beside the only one, for where its derivative is zero; none where points are generated."""
        ...

    def neighbourhood(self, law: Law, trial: Trial, values: Mapping[str, Any]) -> Excuse:
        """What may be claimed at this point if it is a kink."""
        ...

    def refusal(self, law: Law, trial: Trial, what: str, cause: str) -> Finding:
        """The finding for a rule that raises, or answers nothing readable, where the function answers."""
        ...

    def locate(self, law: Law, trial: Trial, values: Mapping[str, Any], found: Judgement, excuse: Excuse) -> Finding:
        """The entry at which a confirmed disagreement shows."""
        ...
