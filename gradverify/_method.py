"""A Method supplies the points, an Oracle the trusted derivatives, and ``examine`` is the one loop.

``examine`` tries one law on one subject: trials come from the Method; each is judged; a disagreement
is looked at a second time, with fresh directions and another oracle, before it becomes a Finding; and
every cell (argument x dtype x options) has to be decided before the verdict HOLDS.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from gradverify._claim import Claim
from gradverify._judge import Judgement, judge
from gradverify._law import Law
from gradverify._subject import Broken, Subject
from gradverify._vectors import CannotHere, Estimate, Misfit, Vectors
from gradverify._verdict import Finding, Outcome, Status, Verdict

ATTEMPTS = 2  # directions and cotangents tried at every point
LOOKS = 5  # fresh ones tried before a disagreement is confirmed
MISSES = 2  # of which this many must disagree


class Oracle(Protocol):
    """A trusted derivative with its error, or an honest refusal."""

    def directional(self, subject: Subject, x: Vectors, u: Vectors, v: Vectors) -> Estimate | CannotHere:
        """<v, Df(x) u>."""
        ...


@dataclass(frozen=True)
class Excuse:
    """What the neighbourhood says of a disagreement: it stands, it is excused (with a note), or that cannot be told.

    ``isolated`` marks a value right by the chain rule that is not the derivative at this one point;
    ``place`` is the (argument, index, claimed, least, greatest slope) that no smooth neighbour allows.
    """

    outcome: Outcome
    note: str = ""
    isolated: bool = False
    place: tuple[int, tuple[int, ...], float, float, float] | None = None


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


@dataclass
class _Tally:
    """What the trials of one verdict have said so far."""

    trials: int = 0
    decisive: int = 0
    cells: dict[tuple[str, str], str] = field(default_factory=dict)
    smallest: dict[tuple[str, str], float] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    points: int = 0
    reached: dict[str, bool] = field(default_factory=dict)  # cell -> was any point of it judged


RANK = {"blunt": 0, "zero": 1, "decisive": 2}


def examine(
    law: Law,
    subject: Subject,
    *,
    by: Method,
    seed: int = 0,
    spent: Callable[[], bool] | None = None,
    strict: bool = False,
) -> Verdict:
    """The verdict on one law about one subject; never raises for what the subject's code does.

    ``spent`` is asked between trials whether the budget is used up. ``strict`` refuses a value that is
    right as the chain rule goes but is not the derivative at an isolated point.
    """
    start, tally = time.perf_counter(), _Tally()
    missing = law.missing(subject)
    if missing:
        tally.reasons.append(f"{subject.name} claims no {missing}")
    else:
        for trial in by.trials(subject, law, seed):
            if tally.points and spent is not None and spent():
                tally.notes.append("stopped: the budget was spent")
                break
            tally.points += 1
            tally.reached.setdefault(trial.cell, False)
            try:
                _try(law, trial, by, tally, strict)
            except Misfit as misfit:
                tally.reasons.append(f"not judged: the gradient has not its input's shape ({misfit})")
                break
            except Broken as failure:
                _broken(law, trial, by, failure, tally)
            if tally.findings:
                break
        if law.derivative and not tally.findings and set(tally.cells.values()) == {"zero"}:
            _look_beside(law, subject, by, tally, seed)
    return _verdict(law, subject, by, tally, seed, time.perf_counter() - start)


def _try(law: Law, trial: Trial, by: Method, tally: _Tally, strict: bool) -> None:
    """Judge the law at one point: two attempts, then every argument not yet decided by itself."""
    f, x = trial.subject, trial.x
    y = f.forward(x)
    if "D" in law.quantifiers or "same" in law.name:
        again = f.forward(x)
        if any(not np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in zip(y, again, strict=True)):
            raise _Undecidable(
                f"{f.name} is random: two calls with the same inputs differ; pass the seed or the mask in"
            )
    if law.derivative:
        _differentiable(f, y)
    stable = law.name.startswith("finite")
    if not stable and not all(bool(np.isfinite(p).all()) for p in y if p.dtype.kind == "f"):
        raise _Undecidable(f"{f.name} is not finite at {trial.where}")
    judged = _judged(law, trial)
    tally.reached[trial.cell] = True
    if law.derivative:
        for k in judged:
            tally.cells.setdefault((f.names[k], trial.cell), "blunt")
    seen: dict[int, str] = {}
    for attempt in range(ATTEMPTS if "u" in law.quantifiers or "v" in law.quantifiers else 1):
        _attempt(law, trial, by, tally, attempt, judged, seen, strict)
        if tally.findings:
            return
    if {"u", "D"} <= set(law.quantifiers) and len(judged) > 1:
        for k in judged:
            if seen.get(k, "blunt") == "blunt" and not tally.findings:
                _attempt(law, trial, by, tally, ATTEMPTS, (k,), seen, strict)


def _look_beside(law: Law, subject: Subject, by: Method, tally: _Tally, seed: int) -> None:
    """Where the derivative is zero at the only point, a right claim beside it shows that a wrong one would be seen."""
    for trial in by.beside(subject, law, seed):
        other = _Tally()
        try:
            _try(law, trial, by, other, False)
        except (Broken, Misfit):
            continue
        if not other.findings and "decisive" in other.cells.values():
            tally.notes.append(f"zero at this point; not zero and right {trial.where}")
            tally.cells.update({key: s for key, s in other.cells.items() if s == "decisive"})
            return


class _Undecidable(Broken):
    """The point itself cannot be judged; no fault of the claimed rule."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, "")
        self.reason = reason


def _differentiable(f: Subject, y: Vectors) -> None:
    if any(p.dtype.kind != "f" for p in y):
        kinds = ", ".join(sorted({p.dtype.name for p in y if p.dtype.kind != "f"}))
        raise _Undecidable(f"{f.name} returns {kinds}; a derivative needs floating outputs")
    if not any(p.size for p in y):
        raise _Undecidable(f"{f.name} returns no entry here")


def _judged(law: Law, trial: Trial) -> tuple[int, ...]:
    """The arguments whose gradient is claimed: all smooth ones, less those the rule answers with None."""
    f, x = trial.subject, trial.x
    smooth = tuple(k for k in f.domain.smooth if x[k].dtype.kind == "f" and x[k].size)
    if f.vjp is None or "v" not in law.quantifiers:
        return smooth
    values = trial.draw(0, smooth)
    if "v" not in values:
        return smooth
    g = f.pullback(x, values["v"])
    claimed = tuple(k for k in smooth if g[k].size)
    if not claimed and law.derivative:
        raise _Undecidable("every gradient is None" if smooth else "no input is a floating array with entries")
    return claimed


def _attempt(
    law: Law,
    trial: Trial,
    by: Method,
    tally: _Tally,
    attempt: int,
    judged: tuple[int, ...],
    seen: dict[int, str],
    strict: bool,
) -> None:
    values = trial.draw(attempt, judged) | {"f": trial.subject, "x": trial.x, "D": by.oracle}
    names = trial.subject.names
    decided, judgements = [], []
    for claim in law(**values):
        found = judge(claim)
        if found.outcome is not Outcome.AGREES:
            found = judge(claim, measured=True) if found.outcome is Outcome.DISAGREES else found
        judgements.append((claim, found))
    tally.trials += 1
    for claim, found in judgements:
        if found.outcome is Outcome.DISAGREES or (
            found.outcome is Outcome.BLUNT and law.almost_everywhere and isinstance(claim.right, CannotHere)
        ):
            confirmed = _second_look(law, trial, by, attempt, judged)
            if confirmed is None:
                tally.reasons.append(found.reason or "a disagreement was not confirmed by fresh directions")
                continue
            values, claim, found = confirmed
            kinks_excuse = law.almost_everywhere and _from_oracle(claim)
            excuse = by.neighbourhood(law, trial, values) if kinks_excuse else Excuse(Outcome.DISAGREES)
            if excuse.outcome is Outcome.AGREES and not (excuse.isolated and strict):
                tally.notes.append(excuse.note)
                decided.append(True)
                for k in judged:
                    _record(tally, seen, names[k], trial.cell, k, "decisive", None)
                continue
            if excuse.outcome is Outcome.BLUNT:
                tally.reasons.append(excuse.note or found.reason)
                continue
            if found.outcome is Outcome.DISAGREES or excuse.place is not None:
                tally.findings.append(by.locate(law, trial, values, found, excuse))
                return
            tally.reasons.append(excuse.note or found.reason)
            continue
        if found.outcome is Outcome.BLUNT:
            tally.reasons.append(found.reason)
        else:
            decided.append(any(s == "decisive" for s in found.sight.values()))
            if found.note:
                tally.notes.append(found.note)
        for k, sight in found.sight.items():
            about_input = claim.about == "input" and 0 <= k < len(names)
            name = names[k] if about_input else "value"
            _record(tally, seen if about_input else {}, name, trial.cell, k, sight, found.smallest)
    tally.decisive += bool(decided) and all(decided)


def _record(
    tally: _Tally, seen: dict[int, str], name: str, cell: str, k: int, sight: str, smallest: float | None
) -> None:
    key = (name, cell)
    if RANK[sight] >= RANK[tally.cells.get(key, "blunt")]:
        tally.cells[key] = sight
    seen[k] = max(seen.get(k, "blunt"), sight, key=RANK.__getitem__)
    if smallest is not None and sight == "decisive":
        tally.smallest[key] = min(smallest, tally.smallest.get(key, np.inf))


def _from_oracle(claim: Claim) -> bool:
    """Is the right side a derivative that may not exist here, rather than another answer of the subject's?"""
    return isinstance(claim.right, CannotHere) or (isinstance(claim.right, Estimate) and bool(claim.right.source))


def _second_look(
    law: Law, trial: Trial, by: Method, attempt: int, judged: tuple[int, ...]
) -> tuple[dict[str, Any], Claim, Judgement] | None:
    """The same attempt and fresh ones, with measured rounding and a second oracle: does the disagreement stand?"""
    misses: list[tuple[dict[str, Any], Claim, Judgement]] = []
    unknown: list[tuple[dict[str, Any], Claim, Judgement]] = []
    for look in (attempt, *range(ATTEMPTS + 1, ATTEMPTS + LOOKS)):
        values = trial.draw(look, judged) | {"f": trial.subject, "x": trial.x, "D": by.careful}
        try:
            for claim in law(**values):
                found = judge(claim, measured=True)
                if found.outcome is Outcome.DISAGREES:
                    misses.append((values, claim, found))
                    break
                if found.outcome is Outcome.BLUNT and isinstance(claim.right, CannotHere):
                    unknown.append((values, claim, found))
        except Broken:
            continue
        if len(misses) >= MISSES:
            return misses[0]
        if len(unknown) >= MISSES and not misses:
            return unknown[0]
    return None


def _broken(law: Law, trial: Trial, by: Method, failure: Broken, tally: _Tally) -> None:
    """The code raised: the function's own refusal is no evidence; a rule that fails where the function answers is."""
    if isinstance(failure, _Undecidable):
        tally.reasons.append(failure.reason)
        return
    try:
        trial.subject.forward(trial.x)
    except Broken as refusal:
        tally.reasons.append(str(refusal))
        return
    if failure.rule == trial.subject.name:
        tally.reasons.append(str(failure))
        return
    tally.trials += 1
    if not law.derivative:
        tally.reasons.append(f"not judged: {failure}")
        return
    cause = f"{failure}, where {trial.subject.name} itself answers"
    tally.findings.append(by.refusal(law, trial, failure.what, cause))


def _verdict(law: Law, subject: Subject, by: Method, tally: _Tally, seed: int, seconds: float) -> Verdict:
    """HOLDS needs every cell decided, and one of them other than zero."""
    notes = list(dict.fromkeys(n for n in tally.notes if n))
    kinks = [n for n in notes if n.startswith("a kink")]
    if len(kinks) > 1:
        notes = [n for n in notes if n not in kinks[1:]]
        notes[notes.index(kinks[0])] += f" ({len(kinks) - 1} more like it)"
    reason = ""
    if tally.findings:
        status = Status.FAILS
    else:
        blunt = [key for key, sight in tally.cells.items() if sight == "blunt"]
        zero = [key for key, sight in tally.cells.items() if sight == "zero"]
        reasons = list(dict.fromkeys(r for r in tally.reasons if r))
        blunt += [("every input", cell) for cell, reached in tally.reached.items() if not reached and law.derivative]
        if not tally.cells:
            status, reason = Status.UNDECIDED, reasons[0] if reasons else "no point could be tried"
        elif blunt:
            status = Status.UNDECIDED
            reason = f"{_cells(blunt)}: {reasons[0] if reasons else 'a mistake would not have been seen'}"
        elif len(zero) == len(tally.cells) and law.derivative:
            status = Status.UNDECIDED
            reason = f"{_cells(zero)}: the derivative is zero at every point tried, so a wrong factor could not be seen"
        else:
            status = Status.HOLDS
            if zero:
                notes.append(f"zero here: {_cells(zero)}")
    return Verdict(
        subject=subject.name,
        law=law.name,
        statement=law.statement,
        status=status,
        by=by.name,
        trials=tally.trials,
        decisive=tally.decisive,
        findings=tuple(tally.findings),
        reason=reason,
        notes=tuple(notes),
        scope=f"{tally.points} point{'s' * (tally.points != 1)}",
        smallest=max(tally.smallest.values(), default=None),
        derivative=law.derivative,
        seconds=seconds,
    )


def _cells(keys: list[tuple[str, str]]) -> str:
    by_cell: dict[str, list[str]] = {}
    for name, cell in keys:
        by_cell.setdefault(cell, []).append(name)
    return "; ".join(f"{', '.join(names)} ({cell})" for cell, names in by_cell.items())
