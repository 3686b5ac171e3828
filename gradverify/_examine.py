"""``survey`` is the one loop: it tries laws on one subject at a method's points and gives their verdicts.

Trials come from the Method, and every law still open judges each; a disagreement is settled in ``_disagreement``; and
every cell (argument x dtype x options) has to be decided before a verdict HOLDS. ``examine`` is a survey of one law.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from gradverify._apart import entries_lost, outputs_lost
from gradverify._disagreement import ATTEMPTS, Attempt, settle
from gradverify._floating import is_floating, is_inexact
from gradverify._law import Law
from gradverify._memory import latest
from gradverify._method import Instruments, Method, Prover, Trial
from gradverify._subject import Broken, Subject
from gradverify._tally import RANK, Budget, Tally, verdict
from gradverify._vectors import CannotHere, Estimate, Misfit, Vectors
from gradverify._verdict import Finding, Outcome, Status, Verdict
from gradverify.judge import ALL_SEEN, Least, judge
from gradverify.surroundings import Surroundings, left_as_found, listed


class Undecidable(Broken):
    """The point itself cannot be judged; no fault of the claimed rule."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, "")
        self.reason = reason


class Unsteady(Undecidable):
    """Two calls with the same inputs differ: no point can be judged."""


def examine(
    law: Law,
    subject: Subject,
    *,
    by: Method | Prover,
    seed: int = 0,
    budget: int | float | Budget | None = None,
    strict: bool = False,
) -> Verdict:
    """The verdict on one law about one subject; never raises for what the subject's code does.

    ``budget`` is looked at between points. ``strict`` refuses a value that is right as the chain rule
    goes but is not the derivative at an isolated point.
    """
    (verdict,) = survey((law,), subject, by=by, seed=seed, budget=budget, strict=strict)
    return verdict


@np.errstate(all="ignore")  # what overflows is judged, not warned of
def survey(
    laws: Sequence[Law],
    subject: Subject,
    *,
    by: Method | Prover,
    seed: int = 0,
    budget: int | float | Budget | None = None,
    strict: bool = False,
) -> tuple[Verdict, ...]:
    """The verdict on each law, in their order, all of them judged at the same points.

    A law that breaks is closed, and so are the later ones that rest on it: those are not judged. What the subject's
    functions keep outside their arguments stands afterwards as it did before.
    """
    meter = budget if isinstance(budget, Budget) else Budget(budget)
    rules = (subject.value, subject.vjp, subject.jvp)
    with left_as_found(rules) as before:
        if isinstance(by, Prover):
            return _decided(laws, subject, by, seed, meter, strict)
        within = _within(subject, Surroundings(rules, before)) if before.held else subject
        return _tried(laws, within, by, seed, meter, strict)


def _within(subject: Subject, around: Surroundings) -> Subject:
    """The subject, which knows its surroundings, and leaves nothing in them that only an oracle hands over."""
    kept = [rule and around.guarded(rule) for rule in (subject.vjp, subject.jvp)]
    return replace(subject, value=around.guarded(subject.value), vjp=kept[0], jvp=kept[1], surroundings=around)


def _tried(
    laws: Sequence[Law], subject: Subject, by: Method, seed: int, meter: Budget, strict: bool
) -> tuple[Verdict, ...]:
    """The verdicts of a Method that brings points."""
    start = time.perf_counter()
    loop = _Survey(by, tuple(laws), tuple(Tally() for _ in laws), meter, strict)
    for law, tally in loop.pairs:
        missing = law.missing(subject)
        tally.closed = bool(missing)
        tally.reasons += [f"{subject.name} claims no {missing}"] if missing else []
    if loop.open:
        by.drive(meter.counted(subject), seed, loop)
    for law, tally in loop.pairs:
        if law.derivative and not tally.findings and {"zero", "faint"} & set(tally.cells.values()):
            _look_beside(law, subject, by, tally, seed)
    shared = (time.perf_counter() - start - sum(tally.seconds for tally in loop.tallies)) / max(len(laws), 1)
    verdicts: list[Verdict] = []
    for law, tally in loop.pairs:
        told = _not_judged(law, subject, by.name, verdicts)
        verdicts.append(told or verdict(law, subject, by.name, tally, tally.seconds + shared))
    return tuple(verdicts)


def _not_judged(law: Law, subject: Subject, by: str, before: Sequence[Verdict]) -> Verdict | None:
    """The verdict on a law that rests on one that fails."""
    told = [v.law for v in before if v.status is Status.FAILS and v.law in law.after]
    reason = f"not judged: it rests on {told[0]}, which fails" if told else ""
    return Verdict(subject.name, law.name, law.statement, Status.UNDECIDED, by, reason=reason) if told else None


def _decided(
    laws: Sequence[Law], subject: Subject, by: Prover, seed: int, meter: Budget, strict: bool
) -> tuple[Verdict, ...]:
    """The verdicts of a Method that needs no points."""
    verdicts: list[Verdict] = []
    for law in laws:
        told = _not_judged(law, subject, by.name, verdicts)
        verdicts.append(told or by.verdict(law, subject, seed=seed, budget=meter, strict=strict))
    return tuple(verdicts)


@dataclass(frozen=True)
class _Survey:
    """The Loop that a Method is handed: a Tally for each law."""

    by: Method
    laws: tuple[Law, ...]
    tallies: tuple[Tally, ...]
    meter: Budget
    strict: bool

    @property
    def pairs(self) -> tuple[tuple[Law, Tally], ...]:
        return tuple(zip(self.laws, self.tallies, strict=True))

    @property
    def open(self) -> tuple[str, ...]:
        """The laws not closed yet; a spent budget closes those that have been tried at a point."""
        if self.meter.spent:
            for tally in self.tallies:
                if tally.points and not tally.closed:
                    tally.notes.append("stopped: the budget was spent")
                    tally.closed = True
        return tuple(law.name for law, tally in self.pairs if not tally.closed)

    def judge(self, trial: Trial) -> tuple[Finding, ...]:
        """Every open law at this point, in order; one that breaks closes those that rest on it."""
        point, found = _Point(trial), []
        for number, (law, tally) in enumerate(self.pairs):
            if tally.closed:
                continue
            broken = any(t.findings and other.name in law.after for other, t in self.pairs[:number])
            tally.closed = broken or not self._tried(law, point, tally)
            found += tally.findings
        return tuple(found)

    def again(self, trial: Trial, law: str) -> Finding | None:
        """What the law finds there, on a Tally of its own; nothing once the budget is spent."""
        if self.meter.spent:
            return None
        (chosen, own), aside = next((pair for pair in self.pairs if pair[0].name == law), (None, None)), Tally()
        if chosen is None or own is None:
            return None
        self._tried(chosen, _Point(trial), aside)
        own.seconds += aside.seconds
        return aside.findings[0] if aside.findings else None

    def holds(self, trial: Trial, law: str) -> bool:
        """Is the law decided there, and unbroken?"""
        chosen, point = next(known for known in self.laws if known.name == law), _Point(trial)
        try:
            judged = _prepared(chosen, point, first=False)
            attempts = (Attempt(chosen, point.trial, number, judged) for number in range(ATTEMPTS))
            return not self.meter.spent and all(_agrees(attempt, self.by.instruments) for attempt in attempts)
        except (Misfit, Broken):
            return False

    @property
    def spent(self) -> bool:
        """Is the budget spent?"""
        return self.meter.spent

    def kept(self, law: str) -> Finding:
        """The finding that this law has."""
        return next(tally.findings[0] for known, tally in self.pairs if known.name == law)

    def keep(self, finding: Finding) -> None:
        """The finding in place of the one that its law has."""
        for law, tally in self.pairs:
            if law.name == finding.law:
                tally.findings[:] = [finding]

    def stop(self, reason: str) -> None:
        """Whatever is still open is closed, undecided for this reason."""
        for tally in self.tallies:
            tally.stopped = tally.stopped if tally.closed else reason
            tally.closed = True

    def _tried(self, law: Law, point: _Point, tally: Tally) -> bool:
        start = time.perf_counter()
        tally.points += 1
        goes_on = _try(law, point, self.by.instruments, tally, self.strict)
        tally.seconds += time.perf_counter() - start
        return goes_on


# -- one point ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Point:
    """A trial, and what every law asks of it first, computed once."""

    trial: Trial

    def __post_init__(self) -> None:
        object.__setattr__(self, "trial", replace(self.trial, draw=latest(self.trial.x.size)(self.trial.draw)))

    @cached_property
    def value(self) -> Vectors:
        """f(x)."""
        return self.trial.subject.forward(self.trial.x)

    @cached_property
    def steady(self) -> bool:
        """Is f(x) the same when it is asked for again?"""
        return _same(self.value, self.trial.subject.fresh.forward(self.trial.x))

    @cached_property
    def smooth(self) -> tuple[int, ...]:
        """The positions of the floating arguments with entries."""
        x = self.trial.x
        return tuple(k for k in self.trial.subject.domain.smooth if is_floating(x[k].dtype) and x[k].size)

    @cached_property
    def claimed(self) -> tuple[int, ...]:
        """Those of them for which the vjp answers a gradient."""
        g = self.trial.subject.pullback(self.trial.x, self.trial.draw(0, self.smooth).v)
        return tuple(k for k in self.smooth if g[k].size)


def _try(law: Law, point: _Point, by: Instruments, tally: Tally, strict: bool) -> bool:
    """Try the law at one point; False where no further point would say more."""
    trial = point.trial
    tally.reached.setdefault(trial.cell, False)
    options = (f"{name}={value!r}" for name, value in trial.subject.at.items())
    tally.made_of.setdefault(trial.cell, frozenset({trial.cell.partition(",")[0], *options}))
    try:
        judged = _prepared(law, point, first=tally.points <= 1)
        tally.reached[trial.cell] = True
        if law.derivative and not judged:
            _nothing_to_judge(point, tally)
            return True
        if law.derivative:
            for k in judged:
                tally.record(trial.subject.names[k], trial.cell, "blunt")
        _judge_point(law, trial, by, tally, judged, strict)
    except Misfit as misfit:
        answer, like = ("gradient", "input") if trial.subject.vjp is not None else ("forward rule's answer", "value")
        tally.reasons.append(f"not judged: the {answer} has not its {like}'s shape ({misfit})")
        return False
    except Undecidable as unable:
        tally.left_out += 1
        tally.reasons.append(unable.reason)
        return not isinstance(unable, Unsteady)
    except Broken as failure:
        _refused(law, trial, by, failure, tally)
    return not tally.findings


def _prepared(law: Law, point: _Point, first: bool) -> tuple[int, ...]:
    """The positions of the arguments whose derivative is claimed here; raises where the point cannot be judged."""
    f, y = point.trial.subject, point.value
    if first and not point.steady:
        raise Unsteady(_unsteady(f, point.trial.x))
    if law.derivative and any(not is_floating(p.dtype) for p in y):
        kinds = ", ".join(sorted({p.dtype.name for p in y if not is_floating(p.dtype)}))
        way = "gv.check, and gv.suite with convention=, judge its parts" if "complex" in kinds else ""
        raise Undecidable(f"{f.name} returns {kinds}; {way or 'a derivative needs floating outputs'}")
    if not law.everywhere and not all(bool(np.isfinite(p).all()) for p in y if is_floating(p.dtype)):
        raise Undecidable(f"{f.name} is not finite at {point.trial.where}")
    if f.vjp is None or "v" not in law.quantifiers:
        return point.smooth
    if law.derivative and point.smooth and not point.claimed:
        raise Undecidable("every gradient is None")
    if law.derivative and not point.smooth and not f.domain.smooth:
        raise Undecidable("no input is a floating array")
    return point.claimed if any(p.size for p in y) or not law.derivative else _nonzero(point)


def _unsteady(f: Subject, x: Vectors) -> str:
    """Why two calls with the same inputs differ: of what is kept between them, or else at random."""
    names = f.surroundings.explains(lambda: f.fresh.forward(x), _same) if f.surroundings else ()
    if names:
        moved = f"two calls with the same inputs differ; {listed(names)} moved between them"
        return f"{f.name} is no function of its inputs: {moved}; pass it in, or hold it still"
    return f"{f.name} is random: two calls with the same inputs differ; pass the seed or the mask in"


def _same(y: Vectors, z: Vectors) -> bool:
    """Are these the same numbers?"""
    return all(np.array_equal(a, b, equal_nan=is_inexact(a.dtype)) for a, b in zip(y, z, strict=True))


def _nonzero(point: _Point) -> tuple[int, ...]:
    """Where the value has no entry: the arguments whose gradient is not 0, as it must be."""
    g = point.trial.subject.pullback(point.trial.x, point.trial.draw(0, point.smooth).v)
    return tuple(k for k in point.claimed if np.any(g[k]))


def _nothing_to_judge(point: _Point, tally: Tally) -> None:
    """No input, or no output, has an entry, and every gradient is as empty or 0: there is no other derivative."""
    trial = point.trial
    tally.trials, tally.decisive = tally.trials + 1, tally.decisive + 1
    tally.notes.append("no entry of the inputs, or of the value: every gradient is empty or 0, as it must be")
    for k in trial.subject.domain.smooth:
        tally.record(trial.subject.names[k], trial.cell, "decisive")


@dataclass
class _Sight:
    """What the attempts at one point have seen of each argument (-1 is the value), and the least mistake they would."""

    how: dict[int, str] = field(default_factory=dict)
    least: dict[int, Least] = field(default_factory=dict)


def _judge_point(law: Law, trial: Trial, by: Instruments, tally: Tally, judged: tuple[int, ...], strict: bool) -> None:
    """An attempt, two for a law about the derivative, and then every argument by itself that those did not decide.

    By itself no other argument's terms count: what is 0, or faint, beside them need not be so by itself. What is lost
    beside larger outputs, or entries, is tried apart as long as that shows more.
    """
    seen, bar = _Sight(), np.inf
    for number in range(ATTEMPTS if law.derivative else 1):
        bar = min(bar, _attempt(Attempt(law, trial, number, judged), by, tally, seen, strict))
        if tally.findings:
            return
    if len(judged) > 1 and law.derivative and "u" in law.quantifiers:
        for k in judged:
            if seen.how.get(k) != "decisive" and not tally.findings:
                _attempt(Attempt(law, trial, ATTEMPTS, (k,)), by, tally, seen, strict)
    for lost in (outputs_lost, entries_lost) if law.derivative and "vjp" in law.needs else ():
        least = bar
        while not tally.findings and (apart := lost(trial, judged, least)):
            sharper = _attempt(Attempt(law, trial, ATTEMPTS, judged, **apart), by, tally, seen, strict)
            if not sharper < least:
                break
            least = sharper


def _attempt(attempt: Attempt, by: Instruments, tally: Tally, seen: _Sight, strict: bool) -> float:
    """One set of quantifiers: judge the law's claims, settle what is in doubt, and record what was seen.

    Returned is the smallest bar of a claim that was held against an oracle. What a kink or lost digits excuse counts as
    decisive: right neighbours show that a wrong claim would be seen.
    """
    law, names = attempt.law, attempt.trial.subject.names
    whole = attempt.number < ATTEMPTS  # what is tried apart is no trial more
    tally.trials += whole
    decided, bar = list[bool](), np.inf
    sights: dict[int, tuple[str, Least]] = {}  # the worst of this attempt's claims, by argument; -1 is the value
    for claim in law(**attempt.values(attempt.number, by.oracle)):
        found = judge(claim)
        if isinstance(claim.right, Estimate) and claim.right.source:
            bar = min(bar, found.bar)
        for k, least in found.smallest.items() if whole else ():
            seen.least[k] = least.better(seen.least.get(k, least))
        apart = found.outcome is Outcome.DISAGREES or (found.outcome is Outcome.BLUNT and found.gap > found.bar)
        if apart or (law.almost_everywhere and isinstance(claim.right, CannotHere)):
            settled = settle(attempt, claim, found, by, tally, seen.least, strict=strict)
            if tally.findings:
                return bar
            decided.append(settled is not None)
            told = dict.fromkeys(settled or (), ("decisive", ALL_SEEN))
        else:
            agrees = found.outcome is Outcome.AGREES
            (tally.notes if agrees else tally.reasons).append(found.note or found.reason)
            decided.append(agrees and "decisive" in found.sight.values())
            inside = claim.about == "input"
            told = {}
            for k, sight in found.sight.items():
                whose = k if inside and 0 <= k < len(names) else -1
                told[whose] = (sight if agrees else "blunt"), found.smallest.get(k, ALL_SEEN)
        for k, (sight, least) in told.items():
            worst, before = sights.get(k, (sight, ALL_SEEN))
            sights[k] = min(worst, sight, key=RANK.__getitem__), least.worse(before)
        del claim  # its arrays would lie in memory beside those of the next
    for k, (sight, smallest) in sights.items():
        tally.record("value" if k < 0 else names[k], attempt.trial.cell, sight, smallest)
        seen.how[k] = max(seen.how.get(k, "blunt"), sight, key=RANK.__getitem__)
    tally.decisive += whole and bool(decided) and all(decided)
    return bar


def _agrees(attempt: Attempt, by: Instruments) -> bool:
    """Do all the claims of one set of quantifiers agree, and would any have shown a mistake?"""
    found = [judge(claim) for claim in attempt.law(**attempt.values(attempt.number, by.oracle))]
    seen = any("decisive" in judgement.sight.values() for judgement in found)
    return seen and all(judgement.outcome is Outcome.AGREES for judgement in found)


def _refused(law: Law, trial: Trial, by: Instruments, failure: Broken, tally: Tally) -> None:
    """The code raised: the function's own refusal is no evidence; a rule's is, where the function answers."""
    try:
        trial.subject.forward(trial.x)
    except Broken as refusal:
        tally.left_out += 1
        tally.reasons.append(str(refusal))
        tally.refused.setdefault(trial.cell, str(refusal))
        return
    if failure.rule == trial.subject.name:
        tally.reasons.append(str(failure))
        return
    tally.trials += 1
    if law.derivative:
        cause = f"{failure}, where {trial.subject.name} itself answers"
        tally.findings.append(by.refusal(law, trial, failure.what, cause))
    else:
        tally.reasons.append(f"not judged: {failure}")


def _look_beside(law: Law, subject: Subject, by: Method, tally: Tally, seed: int) -> None:
    """Where derivatives vanish at the only point, a right claim beside it shows that a wrong one would be seen."""
    for trial in by.instruments.beside(subject, seed):
        lost = [key for key, sight in tally.cells.items() if sight in ("zero", "faint")]
        if "faint" not in tally.cells.values() and len(lost) < len(tally.cells):
            return  # a cell that is zero holds beside one that is not
        other = Tally()
        _try(law, _Point(trial), by.instruments, other, False)
        found = {key: sight for key, sight in other.cells.items() if key in lost and sight == "decisive"}
        if other.findings:
            wrong = other.findings[0]
            said = f"claimed {wrong.claimed}, expected {wrong.expected} at {wrong.place}"
            tally.beside = f"0, or too small to be judged, at this point, and wrong {trial.where}: {said}"
            return
        if found:
            names = ", ".join(name for name, _ in found)
            how = "zero" if all(tally.cells[key] == "zero" for key in found) else "no more than rounding"
            tally.notes.append(f"{names}: {how} at this point; more than that, and right, {trial.where}")
            tally.cells.update(found)
