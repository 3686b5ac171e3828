"""Trials become Findings, Findings a Verdict, Verdicts a Report; each is a value and raises nothing by itself."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gradverify import _render
from gradverify._errors import LawBroken, Misuse, NothingDecided


class Status(enum.StrEnum):
    """FAILS on a confirmed disagreement, HOLDS when every cell was decided and agrees, else UNDECIDED."""

    HOLDS = "HOLDS"
    FAILS = "FAILS"
    UNDECIDED = "UNDECIDED"


class Outcome(enum.StrEnum):
    """What one claim says: blunt means that nothing follows, for a mistake would not have been seen or is in doubt."""

    AGREES = "agrees"
    DISAGREES = "disagrees"
    BLUNT = "blunt"


@dataclass(frozen=True)
class Finding:
    """One confirmed disagreement: where it is, both sides, and the width within which they had to agree."""

    law: str
    argument: str
    index: tuple[int, ...] | None
    claimed: float | str
    expected: float | str
    error: float
    cause: str = ""
    witness: str = ""
    dtype: str = ""
    where: str = ""
    inputs: tuple[Any, ...] = field(default=(), compare=False, repr=False)
    cotangent: tuple[Any, ...] = field(default=(), compare=False, repr=False)
    kind: str = ""  # of cause, in a word; empty where there is no simple pattern
    places: tuple[str, ...] = ()  # all that is wrong, as a user writes it; none where that is everything, or unknown
    note: str = ""  # with what a cause begins that is about the two sides shown, and not about where it was first seen
    outputs: tuple[str, ...] = ()  # the parts of the value whose cotangents are answered wrongly; in the same way

    @property
    def place(self) -> str:
        """The entry as a user writes it: ``W1[3, 7]``."""
        return self.argument + (f"[{', '.join(map(str, self.index))}]" if self.index else "")

    @property
    def test(self) -> str:
        """The witness as a pytest test, to keep until it passes; empty where there is no witness to paste."""
        return _render.as_test(self.witness)


@dataclass(frozen=True)
class Verdict:
    """What a Method says of one law about one subject, and how much that is worth.

    ``trials`` were made, ``decisive`` of them would have seen a mistake. ``visible`` is, for each argument,
    the least mistake in its largest entry, as a share of it, that would have been seen (mostly right within a factor
    of 3: directions are random, and longer at larger entries where the function takes no complex numbers);
    ``visible_in_norm`` the same for a share that all entries are off by; ``smallest`` is the greatest of ``visible``.
    ``reason`` says why it is UNDECIDED.
    """

    subject: str
    law: str
    statement: str
    status: Status
    by: str
    trials: int = 0
    decisive: int = 0
    findings: tuple[Finding, ...] = ()
    reason: str = ""
    notes: tuple[str, ...] = ()
    scope: str = ""
    smallest: float | None = None
    visible: Mapping[str, float] = field(default_factory=dict)
    visible_in_norm: Mapping[str, float] = field(default_factory=dict)
    derivative: bool = False
    seconds: float = 0.0


@dataclass(frozen=True)
class Report:
    """The verdicts of one check, the seed that repeats it, and what was assumed or skipped."""

    verdicts: tuple[Verdict, ...]
    seed: int = 0
    notes: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> Status:
        """FAILS if any verdict does; UNDECIDED if a derivative is undecided, or nothing was judged; else HOLDS."""
        if any(v.status is Status.FAILS for v in self.verdicts):
            return Status.FAILS
        undecided = any(v.status is Status.UNDECIDED and v.derivative for v in self.verdicts)
        decided = any(v.status is Status.HOLDS for v in self.verdicts)
        return Status.HOLDS if decided and not undecided else Status.UNDECIDED

    @property
    def ok(self) -> bool:
        """True when the status is HOLDS."""
        return self.status is Status.HOLDS

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every confirmed disagreement, in the order of the verdicts."""
        return tuple(f for v in self.verdicts for f in v.findings)

    def require(self) -> Report:
        """This report if it holds; raises LawBroken on FAILS, NothingDecided on UNDECIDED."""
        if self.status is Status.FAILS:
            raise LawBroken(str(self))
        if self.status is Status.UNDECIDED:
            raise NothingDecided(str(self))
        return self

    def __bool__(self) -> bool:
        raise Misuse("the truth of a Report is ambiguous: write report.ok, or report.require() to raise on a failure.")

    def __str__(self) -> str:
        return _render.plain(self)

    def _repr_markdown_(self) -> str:
        return _render.markdown(self)

    def to_json(self) -> str:
        """The report as JSON text with sorted keys; numbers keep every digit."""
        return _render.as_json(self)
