"""A Tally is what the trials of one law have said so far and the Verdict they make; a Budget, what they may cost."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from gradverify._errors import Misuse
from gradverify._law import Law
from gradverify._subject import Subject
from gradverify._verdict import Finding, Status, Verdict
from gradverify.judge import ALL_SEEN, Least

MOST_CELLS = 8  # that a scope names; of more it names the types and says how many
RANK = {"blunt": 0, "faint": 1, "zero": 2, "decisive": 3}


@dataclass
class Budget:
    """How much may be spent: evaluations of the function (an int) or seconds (a float). Shared by all who hold it."""

    most: int | float | None = None
    calls: int = 0
    start: float = field(default_factory=time.perf_counter)

    def __post_init__(self) -> None:
        most = self.most
        if most is not None and (isinstance(most, bool) or not isinstance(most, int | float) or not most > 0):
            raise Misuse(f"budget={most!r}: give a number of evaluations (an int) or of seconds (a float), above 0.")

    @property
    def spent(self) -> bool:
        """Is it used up?"""
        if self.most is None:
            return False
        return self.calls >= self.most if isinstance(self.most, int) else time.perf_counter() - self.start > self.most

    def counted(self, subject: Subject) -> Subject:
        """The subject with the evaluations of its function counted here."""

        def value(*inputs: Any, **options: Any) -> Any:
            self.calls += 1
            return subject.value(*inputs, **options)

        return subject if self.most is None else dataclasses.replace(subject, value=value)


@dataclass
class Tally:
    """What the trials of one verdict have said so far; a cell is (argument, dtype and options)."""

    points: int = 0
    trials: int = 0
    decisive: int = 0
    cells: dict[tuple[str, str], str] = field(default_factory=dict)  # how well a mistake was seen there
    smallest: dict[tuple[str, str], dict[int, Least]] = field(default_factory=dict)  # point: the least mistake seen
    reached: dict[str, bool] = field(default_factory=dict)  # was any point of this dtype and these options judged?
    made_of: dict[str, frozenset[str]] = field(default_factory=dict)  # the dtype and each option of those, apart
    refused: dict[str, str] = field(default_factory=dict)  # what the function said where it refused these
    left_out: int = 0  # points where the function itself refused, or was not finite
    reasons: list[str] = field(default_factory=list)  # why trials were blunt, or could not be made
    notes: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    closed: bool = False  # would no further point say more?
    beside: str = ""  # what is wrong beside a point at which too little can be seen
    stopped: str = ""  # why the method could make no more points
    seconds: float = 0.0  # spent on this law by itself

    @property
    def unreached(self) -> list[str]:
        """Types and options at which no point was judged, other than combinations of what was judged with others."""
        there = [self.made_of[cell] for cell, reached in self.reached.items() if reached]
        return [
            cell for cell, reached in self.reached.items()
            if not reached and not (cell in self.refused and _all_met(self.made_of[cell], there))
        ]  # fmt: skip

    def record(self, name: str, cell: str, sight: str, smallest: Least = ALL_SEEN) -> None:
        """One more trial of this cell; the best counts."""
        key = (name, cell)
        if RANK[sight] >= RANK[self.cells.get(key, "blunt")]:
            self.cells[key] = sight
        if smallest != ALL_SEEN and sight == "decisive":
            at = self.smallest.setdefault(key, {})  # the better direction of a point: what it shows is looked at again
            at[self.points] = smallest.better(at.get(self.points, smallest))


def _all_met(parts: frozenset[str], there: list[frozenset[str]]) -> bool:
    """Is each of these, in its dtype, among what was judged?"""
    dtype = frozenset(part for part in parts if "=" not in part)
    return all(any(dtype | {part} <= other for other in there) for part in parts)


def verdict(law: Law, subject: Subject, by: str, tally: Tally, seconds: float) -> Verdict:
    """What the trials add up to."""
    status, reason = _status(law, tally)
    notes = list(_notes(tally))
    without = [cell for cell, reached in tally.reached.items() if not reached and cell not in tally.unreached]
    if status is Status.HOLDS and without:
        more = f" (and {len(without) - 1} more such combinations)" if len(without) > 1 else ""
        notes.append(f"left out, as the function refuses it: {without[0]}{more}: {tally.refused[without[0]]}")
    judged = {cell for _, cell in tally.cells}
    unjudged = [cell for cell, reached in tally.reached.items() if reached and cell not in judged]
    if status is Status.HOLDS and unjudged:
        notes.append(f"not judged in {', '.join(unjudged)}: {next(iter(tally.reasons), 'nothing is claimed there')}")
    zero = [key for key, sight in tally.cells.items() if sight == "zero"]
    if status is Status.HOLDS and zero:
        notes.append(f"zero here: {_said(zero)}")
    visible = _visible(tally)
    return Verdict(
        subject=subject.name,
        law=law.name,
        statement=law.statement,
        status=status,
        by=by,
        trials=tally.trials,
        decisive=tally.decisive,
        findings=tuple(tally.findings),
        reason=reason,
        notes=tuple(notes),
        scope=_scope(tally),
        smallest=max((least.entry for least in visible.values()), default=None),
        visible={name: least.entry for name, least in visible.items()},
        visible_in_norm={name: least.norm for name, least in visible.items()},
        derivative=law.derivative,
        seconds=seconds,
    )


def _visible(tally: Tally) -> dict[str, Least]:
    """For each argument the least mistake that every decided cell of it would have shown, at its best point."""
    out: dict[str, Least] = {}
    for (name, _), at in tally.smallest.items():
        out[name] = reduce(Least.better, at.values()).worse(out.get(name, ALL_SEEN))
    return out


def _scope(tally: Tally) -> str:
    """Over how many points, of which types and options, and how many of them were left out."""
    points = f"{tally.points} point{'s' * (tally.points != 1)}"
    left_out = f" ({tally.left_out} left out: not finite, or refused)" if tally.left_out else ""
    cells = list(tally.reached)
    if len(cells) > MOST_CELLS:
        kinds = list(dict.fromkeys(part for cell in cells for part in tally.made_of[cell] if "=" not in part))
        apart = {tally.made_of[cell] - {*kinds} for cell in cells}
        return f"{points}{left_out} in {' / '.join(kinds)}, {len(apart)} combinations of options"
    return f"{points}{left_out} in {' / '.join(cells)}" if cells else points


def _status(law: Law, tally: Tally) -> tuple[Status, str]:
    """HOLDS needs every cell decided, and for a derivative one of them other than zero; else the reason why not."""
    if tally.findings:
        return Status.FAILS, ""
    reasons = [r for r in tally.reasons if r]
    if tally.stopped:
        return Status.UNDECIDED, tally.stopped
    if not tally.cells:
        return Status.UNDECIDED, reasons[0] if reasons else "no point could be tried"
    if tally.beside:
        return Status.UNDECIDED, tally.beside
    blunt = [key for key, sight in tally.cells.items() if sight in ("blunt", "faint")]
    if law.derivative:
        blunt += [("every input", cell) for cell in tally.unreached]
    if blunt:
        first = blunt[0][1]
        said = [tally.refused[first]] if first in tally.refused and not tally.reached.get(first) else reasons
        return Status.UNDECIDED, f"{_said(blunt)}: {said[0] if said else 'a mistake would not have been seen'}"
    if law.derivative and set(tally.cells.values()) == {"zero"}:
        why = "the derivative is zero at every point tried, so a wrong factor could not be seen"
        return Status.UNDECIDED, f"{_said(list(tally.cells))}: {why}"
    return Status.HOLDS, ""


def _notes(tally: Tally) -> Iterator[str]:
    """Every note once, and of many kinks the first."""
    notes = list(dict.fromkeys(n for n in tally.notes if n))
    kinks = [n for n in notes if n.startswith("a kink")]
    for note in notes:
        if note not in kinks:
            yield note
        elif note == kinks[0]:
            yield note + (f" ({len(kinks) - 1} more like it)" if len(kinks) > 1 else "")


def _said(keys: list[tuple[str, str]]) -> str:
    cells: dict[str, list[str]] = {}
    for name, cell in keys:
        cells.setdefault(cell, []).append(name)
    return "; ".join(f"{', '.join(names)} ({cell})" for cell, names in cells.items())
