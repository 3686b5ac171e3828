"""A disagreement is looked at again, along fresh directions and with another oracle, before it is a Finding.

It is excused where a kink or lost digits explain it, and where it is less than what is told to be seen: what is told
to be visible is visible, and nothing of two fifths of that size is alleged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradverify._arrays import Array
from gradverify._claim import Claim
from gradverify._law import Law
from gradverify._method import Excuse, Instruments, Oracle, Trial
from gradverify._subject import Broken, Subject
from gradverify._tally import Tally
from gradverify._vectors import CannotHere, Estimate, Vectors, Weighed
from gradverify._verdict import Finding, Outcome
from gradverify.judge import ALL_SEEN, Judgement, Least, effects, judge

ATTEMPTS = 2  # directions and cotangents along which a derivative is tried at every point
LOOKS = 5  # at a disagreement: the attempt again, and fresh ones
MISSES = 2  # of these must disagree before it is confirmed
TOLD = 2.5  # the least mistake is told to a factor of 3: what is so many times smaller is not alleged ...
SMALL = 1e-3  # ... but nothing above this is too small: a tenth of what makes a trial decisive
ALONE = 2.0  # bars: a gap no further from what one entry by itself makes, along every look, is that entry's
Look = tuple[dict[str, Any], Claim, Judgement]  # the quantifiers, a claim made with them, and what is judged of it
LESS = "less than half of what is told to be seen"


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
    attempt: Attempt,
    at_first: Claim,
    first: Judgement,
    by: Instruments,
    tally: Tally,
    least: Mapping[int, Least],
    *,
    strict: bool,
) -> tuple[int, ...] | None:
    """A disagreement becomes a finding, is excused (the arguments seen are returned), or decides nothing.

    ``at_first`` is the claim about which both sides disagree. ``least`` is for each argument the least mistake that was
    told to be seen at this point so far.
    """
    law, trial = attempt.law, attempt.trial
    careful, narrowed = by.careful(first.gap), _narrowed(attempt, by, first.gap)
    confirmed = looks = _second_look(narrowed, careful)
    if narrowed is not attempt:
        confirmed = confirmed or _second_look(attempt, careful)
        looks = (({}, at_first, first),)  # of how large a mistake is, a few entries say nothing
    if confirmed is None:
        tally.reasons.append(first.reason or "a disagreement was not confirmed by fresh directions")
        return None
    values, claim, found = confirmed[0]
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
            and (note := _slight(finding, looks or confirmed, attempt.judged, least, trial.subject))
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


def _narrowed(attempt: Attempt, by: Instruments, gap: float) -> Attempt:
    """Of very many entries a few that are wrong are looked at by themselves: so they are seen most sharply."""
    if not attempt.law.derivative or attempt.entries or "u" not in attempt.law.quantifiers:
        return attempt
    few = by.doubted(attempt.law, attempt.trial, attempt.values(attempt.number, by.oracle), gap)
    return replace(attempt, entries=few) if few else attempt


def _second_look(attempt: Attempt, careful: Oracle) -> tuple[Look, ...] | None:
    """The same attempt and fresh ones, with a second oracle: does the disagreement stand, or is nothing known here?"""
    misses: list[Look] = []
    unknown: list[Look] = []
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
            return tuple(misses)
        if len(unknown) >= MISSES and not misses:
            return tuple(unknown)
    return None


def _slight(
    finding: Finding, looks: tuple[Look, ...], judged: tuple[int, ...], least: Mapping[int, Least], f: Subject
) -> str:
    """What to note of a mistake that is less than what is told to be seen; nothing of any other.

    What one entry makes along every look is that entry's mistake, and held against what is told for one; else all
    entries'.
    """
    if any(_weighed(claim) is None for _, claim, _ in looks):
        return ""
    claimed, expected, doubted = finding.claimed, finding.expected, set(judged)
    if finding.argument in f.names:
        doubted = {f.names.index(finding.argument)}
    if finding.argument in f.names and finding.index is not None:
        if isinstance(claimed, str) or isinstance(expected, str):
            return ""
        k, apart = f.names.index(finding.argument), abs(claimed - expected)
        if all(_of_one_entry(look, k, finding.index, apart, abs(expected)) for look in looks):
            if not apart < abs(expected) * min(least.get(k, ALL_SEEN).entry / TOLD, SMALL):
                return ""
            return f"{finding.place} is off by {apart / abs(expected):.1e} of its size: {LESS}"
    for k in least.keys() & doubted:
        share = _share_of_all(looks, k)
        if share < min(least[k].norm / TOLD, SMALL):
            return f"a disagreement of {share:.1e} in norm: {LESS}"
    return ""


def _weighed(claim: Claim) -> Weighed | None:
    """The claimed answer along its direction."""
    weighed = claim.left.answers[0] if isinstance(claim.left, Estimate) and claim.left.answers else None
    return None if weighed is None or weighed.along is None else weighed


def _share_of_all(looks: tuple[Look, ...], k: int) -> float:
    """The share that all entries of argument k are off by: what the gaps are of what those make, or usually do.

    Where one factor explains every look, that factor at least is known, however little they happen to make together.
    """
    usual, least, most = 0.0, 0.0, np.inf
    for _, claim, found in looks:
        weighed = _weighed(claim)
        if weighed is None or weighed.along is None:
            return np.inf
        made = abs(weighed.weight * Vectors(weighed.answer.parts).inner(weighed.along.only(k)).value)
        size = max(effects(weighed, k)[1], made)
        usual = max(usual, found.gap / size if size > 0 else np.inf)
        if made > 0:
            least, most = max(least, (found.gap - found.bar) / made), min(most, (found.gap + found.bar) / made)
    return max(usual, least) if least <= most else usual


def _of_one_entry(look: Look, k: int, index: tuple[int, ...], apart: float, size: float) -> bool:
    """Is the gap of this look what the mistake of that entry makes, the same in itself or in relation to the entry?"""
    _, claim, found = look
    weighed = _weighed(claim)
    if weighed is None or weighed.along is None:
        return False
    step, entry = float(weighed.along[k][index]), float(weighed.answer.parts[k][index])
    shares = (apart * abs(weighed.weight * step * factor) for factor in (1.0, entry / size if size else 1.0))
    return any(abs(found.gap - share) <= ALONE * found.bar for share in shares)
