"""A Method brings the points of a domain to one loop, and an Oracle gives the trusted derivatives: the interfaces."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from gradverify._arrays import Array
from gradverify._law import Law
from gradverify._subject import Subject
from gradverify._tally import Budget
from gradverify._vectors import CannotHere, Estimate, Vectors
from gradverify._verdict import Finding, Outcome, Verdict
from gradverify.judge import Judgement


class Oracle(Protocol):
    """A trusted derivative with its error, or an honest refusal."""

    def directional(self, subject: Subject, x: Vectors, u: Vectors, v: Vectors) -> Estimate | CannotHere:
        """<v, Df(x) u>."""
        ...


class Quantifiers(Protocol):
    """What a law may ask for at a point, fresh for every attempt, and the same however often it is asked for."""

    @property
    def u(self) -> Vectors:
        """A tangent."""
        ...

    @property
    def v(self) -> Vectors:
        """A cotangent."""
        ...

    @property
    def w(self) -> Vectors:
        """Another one."""
        ...

    @property
    def a(self) -> float:
        """A number."""
        ...

    @property
    def y(self) -> Vectors:
        """Another point, beside x."""
        ...


@dataclass(frozen=True)
class Excuse:
    """What the neighbourhood says of a disagreement: it stands, it is excused (with a note), or that cannot be told.

    AGREES without a note: all is smooth here and the claim fits its neighbours, so the disagreement was rounding.

    ``isolated`` marks a value right by the chain rule that is not the derivative at this one point;
    ``place`` is the (argument, index, claimed, least, greatest slope) that no smooth neighbour allows;
    ``tied`` are all entries that it is about, where it is no single one's doing: each an argument and an index.
    ``seen`` are the arguments whose slopes nearby are not all zero. ``beside`` finds such a place at a smooth
    neighbour, for where the point itself can be told nothing about.
    """

    outcome: Outcome
    note: str = ""
    isolated: bool = False
    place: tuple[int, tuple[int, ...], float, float, float] | None = None
    tied: tuple[tuple[int, tuple[int, ...]], ...] = ()
    seen: tuple[int, ...] = ()
    beside: Callable[[], tuple[int, tuple[int, ...], float, float, float] | None] = lambda: None


@dataclass(frozen=True)
class Trial:
    """One point: a subject with its options in force, x, and fresh quantifiers for every attempt."""

    subject: Subject
    x: Vectors
    cell: str  # dtype and options in words
    where: str  # the kind of point, in words
    draw: Callable[[int, tuple[int, ...]], Quantifiers]  # of an attempt, for the positions that are judged
    seed: int = 0  # what the draws, and a witness, start from
    key: tuple[int, ...] = ()  # what tells these draws from those of other points of the same seed


class Instruments(Protocol):
    """What a point is judged with: two oracles, what a kink excuses, and the words for a disagreement."""

    @property
    def oracle(self) -> Oracle:
        """The trusted derivative."""
        ...

    def careful(self, gap: float) -> Oracle:
        """The same with a second opinion, as sharp as settling a gap of this size takes; 0 where none is known."""
        ...

    def beside(self, subject: Subject, seed: int) -> Iterator[Trial]:
        """Points beside the only one, for where its derivative is zero; none where points are generated."""
        ...

    def doubted(self, law: Law, trial: Trial, values: Mapping[str, Any], gap: float) -> tuple[Array, ...]:
        """Of very many entries a few among which a wrong one is, marked; nothing where there are not so many."""
        ...

    def neighbourhood(self, law: Law, trial: Trial, values: Mapping[str, Any]) -> Excuse:
        """What a disagreement may be down to: lost digits, or a kink, and what may be claimed there."""
        ...

    def refusal(self, law: Law, trial: Trial, what: str, cause: str) -> Finding:
        """The finding for a rule that raises, or answers nothing readable, where the function answers."""
        ...

    def locate(self, law: Law, trial: Trial, values: Mapping[str, Any], found: Judgement, excuse: Excuse) -> Finding:
        """The entry at which a confirmed disagreement shows."""
        ...


class Loop(Protocol):
    """The one loop, as a Method sees it: many laws are judged at each point that is brought."""

    @property
    def open(self) -> tuple[str, ...]:
        """The laws that a further point could say more of; none once the budget is spent."""
        ...

    def judge(self, trial: Trial) -> tuple[Finding, ...]:
        """Judge one more point by every law still open; the findings of those that break there, which closes them."""
        ...

    def again(self, trial: Trial, law: str) -> Finding | None:
        """The finding of this law at another point, which counts for nothing; none where it is not judged at all."""
        ...

    def holds(self, trial: Trial, law: str) -> bool:
        """Is this law decided at another point, and not broken there? False once the budget is spent."""
        ...

    @property
    def spent(self) -> bool:
        """Is the budget spent? Then nothing more is asked of the user's code."""
        ...

    def kept(self, law: str) -> Finding:
        """The finding that this law has."""
        ...

    def keep(self, finding: Finding) -> None:
        """Let this finding stand in place of the one that its law has."""
        ...

    def stop(self, reason: str) -> None:
        """No more points can be made, for this reason; what is not broken by now stays undecided."""
        ...


class Method(Protocol):
    """Where the points of a domain come from, and what they are judged with."""

    @property
    def name(self) -> str:
        """The method in a word."""
        ...

    @property
    def instruments(self) -> Instruments:
        """What its points are judged with."""
        ...

    def drive(self, subject: Subject, seed: int, loop: Loop) -> None:
        """Bring the points to the loop, plain ones first, until it is done or there are no more."""
        ...


@runtime_checkable
class Prover(Protocol):
    """A Method that needs no points: it decides a law as a whole."""

    @property
    def name(self) -> str:
        """The method in a word."""
        ...

    def verdict(self, law: Law, subject: Subject, *, seed: int, budget: Budget, strict: bool) -> Verdict:
        """The verdict, never an exception for what the subject's code does."""
        ...
