"""A disagreement is looked at again, along fresh directions and with another oracle, before it is a Finding.

It is excused where a kink or lost digits explain it, and where it is less than what is told to be seen: what is told
to be visible is visible, and nothing of a third of that size is alleged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from gradverify._arrays import Array
from gradverify._claim import Claim
from gradverify._law import Law
from gradverify._method import Excuse, Instruments, Oracle, Trial
from gradverify._subject import Broken, Subject
from gradverify._tally import Tally
from gradverify._vectors import CannotHere, Estimate, Vectors
from gradverify._verdict import Finding, Outcome
from gradverify.judge import ALL_SEEN, Judgement, Least, effects, judge

ATTEMPTS = 2  # directions and cotangents along which a derivative is tried at every point
LOOKS = 5  # at a disagreement: the attempt again, and fresh ones
MISSES = 2  # of these must disagree before it is confirmed
TOLD = 2.5  # the least mistake is told to a factor of 3: what is so many times smaller is not alleged ...
SMALL = 1e-3  # ... but nothing above this is too small: a tenth of what makes a trial decisive
MOST = 2.0  # times what one entry by itself makes: a gap no larger is that entry's
LESS = "less than a third of what is told to be seen"


@dataclass(frozen=True)
class Attempt:
    """A law at a trial, with the quantifiers of this number, about the arguments at these positions.

    ``outputs`` are those that the cotangents look at, and ``entries`` those that tangents move, where not all are.
    """

    law: Law
    trial: Trial
    number: int
    judged: tuple[int, ...]
    outputs: tuple[Array, ...] = ()
    entries: tuple[Array, ...] = ()

    def values(self, number: int, oracle: Oracle) -> dict[str, Any]:
        """What the law is about, with the quantifiers of that number."""
        fresh = self.trial.draw(number, self.judged)
        asked = {"u", "v", *self.law.quantifiers} - {"f", "x", "D"}
        drawn: dict[str, Any] = {name: getattr(fresh, name) for name in asked}
        drawn |= {"f": self.trial.subject, "x": self.trial.x, "D": oracle}
        for name, kept in (("v", self.outputs), ("u", self.entries)):
            if kept:
                parts = (p * mask if p.size else p for p, mask in zip(drawn[name], kept, strict=True))
                drawn[name] = replace(drawn[name], parts=tuple(parts))
        return drawn


def settle(
    attempt: Attempt, first: Judgement, by: Instruments, tally: Tally, least: Mapping[int, Least], *, strict: bool
) -> tuple[int, ...] | None:
    """A disagreement becomes a finding, is excused (the arguments seen are returned), or decides nothing.

    ``least`` is for each argument the least mistake that was told to be seen at this point so far.
    """
    law, trial = attempt.law, attempt.trial
    confirmed = _second_look(attempt, by.careful(first.gap))
    if confirmed is None:
        tally.reasons.append(first.reason or "a disagreement was not confirmed by fresh directions")
        return None
    values, claim, found = confirmed
    from_oracle = isinstance(claim.right, CannotHere) or (
        isinstance(claim.right, Estimate) and bool(claim.right.source)
    )
    excuse = by.neighbourhood(law, trial, values) if law.almost_everywhere and from_oracle else None
    if excuse is None:
        excuse = Excuse(Outcome.DISAGREES)
    if excuse.outcome is Outcome.AGREES and not excuse.note and found.outcome is Outcome.DISAGREES:
        tally.reasons.append("a disagreement at the edge of what rounding allows, and none beside this point")
        return None
    if excuse.outcome is Outcome.AGREES and not (excuse.isolated and strict):
        tally.notes.append(excuse.note)
        return excuse.seen
    if excuse.outcome is not Outcome.BLUNT and (found.outcome is Outcome.DISAGREES or excuse.place is not None):
        finding = by.locate(law, trial, values, found, excuse)
        if (
            excuse.place is None
            and from_oracle
            and (note := _slight(finding, claim, found, attempt.judged, least, trial.subject))
        ):
            tally.notes.append(note)
            return tuple(k for k in attempt.judged if found.sight.get(k) == "decisive")
        tally.findings.append(finding)
        return None
    place = excuse.beside() if excuse.outcome is Outcome.DISAGREES else None
    if place is not None:
        tally.findings.append(by.locate(law, trial, values, found, replace(excuse, place=place)))
        return None
    tally.reasons.append(excuse.note or found.reason)
    return None


def _second_look(attempt: Attempt, careful: Oracle) -> tuple[dict[str, Any], Claim, Judgement] | None:
    """The same attempt and fresh ones, with a second oracle: does the disagreement stand, or is nothing known here?"""
    misses: list[tuple[dict[str, Any], Claim, Judgement]] = []
    unknown: list[tuple[dict[str, Any], Claim, Judgement]] = []
    for look in (attempt.number, *range(ATTEMPTS + 1, ATTEMPTS + LOOKS)):
        values = attempt.values(look, careful)
        try:
            for claim in attempt.law(**values):
                found = judge(claim)
                if found.outcome is Outcome.DISAGREES:
                    misses.append((values, claim, found))
                    break
                if isinstance(claim.right, CannotHere):
                    unknown.append((values, claim, found))
        except Broken:
            continue
        if len(misses) >= MISSES:
            return misses[0]
        if len(unknown) >= MISSES and not misses:
            return unknown[0]
    return None


def _slight(
    finding: Finding, claim: Claim, found: Judgement, judged: tuple[int, ...], least: Mapping[int, Least], f: Subject
) -> str:
    """What to note of a mistake that is less than what is told to be seen; nothing of any other.

    What one entry makes most of is that entry's mistake, and held against what is told for one; else all entries'.
    """
    weighed = claim.left.answers[0] if isinstance(claim.left, Estimate) and claim.left.answers else None
    if weighed is None or weighed.along is None:
        return ""
    claimed, expected = finding.claimed, finding.expected
    if finding.argument in f.names and finding.index is not None:
        if isinstance(claimed, str) or isinstance(expected, str):
            return ""
        k, apart = f.names.index(finding.argument), abs(claimed - expected)
        if found.gap <= MOST * apart * abs(float(weighed.along[k][finding.index])):
            if not apart < abs(expected) * min(least.get(k, ALL_SEEN).entry / TOLD, SMALL):
                return ""
            return f"{finding.place} is off by {apart / abs(expected):.1e} of its size: {LESS}"
    answer = Vectors(weighed.answer.parts)
    for k in least.keys() & set(judged):
        size = max(effects(weighed, k)[1], abs(weighed.weight * answer.inner(weighed.along.only(k)).value))
        if found.gap < size * min(least[k].norm / TOLD, SMALL):
            return f"a disagreement of {found.gap / size:.1e} in norm: {LESS}"
    return ""
