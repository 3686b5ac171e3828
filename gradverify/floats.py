"""What a point of floats is judged with: fresh quantifiers, the ladder of oracles, kinks nearby, the entry at fault."""

from __future__ import annotations

import dataclasses
import itertools
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradverify import kinks, opinions
from gradverify._arrays import Array
from gradverify._domain import At, Box, Domain
from gradverify._floating import is_floating
from gradverify._law import Law
from gradverify._memory import Memory, latest
from gradverify._method import Excuse, Loop, Trial
from gradverify._subject import Broken, Subject, ends
from gradverify._tally import Budget
from gradverify._vectors import Vectors, vectors
from gradverify._verdict import Finding, Outcome
from gradverify.explain.diagnose import diagnose
from gradverify.explain.locate import MANY, among_many, locate, mismatch, moved
from gradverify.explain.minimise import alike, minimise
from gradverify.explain.shapes import shorter
from gradverify.explain.witness import witness
from gradverify.judge import Judgement
from gradverify.laws.derivative import ANSWER, FORMULA
from gradverify.oracles.ladder import Ladder
from gradverify.oracles.line import relaid
from gradverify.points import KINDS, Seeded, changed, plainest, point
from gradverify.quantifiers import Cotangents, RandomQuantifiers

FEW = 3  # options that are swept and told in full
ENOUGH = 2.0**-10  # of a gap: an oracle with a bar below that settles it, for single entries too
SEEDS = 8  # tried for quantifiers with which a witness fails
PATIENCE = 5.0  # seconds for it; reached by slow functions alone, which are shown as small as was found by then
EFFORT = 20_000  # calls of the function and its rules that looking for a smaller point may cost
INSIDE = 2.0**-10  # of an argument's usual step: so far from an end
MODERATE = (1.0, 1.0, 2.0**-3, 2.0**-6)  # times moderate values: tried in place of a given point without derivatives
NEARBY = (2.0**-24, -(2.0**-24), 2.0**-12, -(2.0**-12), 2.0**-4, -(2.0**-4))


@dataclass(frozen=True)
class Floats:
    """The instruments of every Method whose points are floats. ``cotangent`` fixes v, as a witness does."""

    cotangent: tuple[Any, ...] | None = None
    oracle: Ladder = field(default_factory=Ladder, compare=False)

    def careful(self, gap: float = 0.0) -> Ladder:
        """The oracle with a second opinion, to settle a gap of this size."""
        return Ladder(careful=True, enough=gap * ENOUGH if np.isfinite(gap) else 0.0)

    def _quick(self, careful: Ladder) -> Ladder:
        """The oracle, which knows what it trusts here, no sharper than the careful one."""
        return dataclasses.replace(self.oracle, enough=careful.enough)

    def trial(self, subject: Subject, x: Vectors, where: str, seed: int, key: tuple[int, ...]) -> Trial:
        """The trial of this subject at x, whose quantifiers are drawn from the seed and the key."""
        kinds = "/".join(dict.fromkeys(a.dtype.name for a in x if is_floating(a.dtype))) or "no floats"
        cell = ", ".join([kinds, *_told(subject)])

        remembering = dataclasses.replace(subject, memory=Memory())

        @latest(x.size)
        def cotangents(attempt: int) -> Cotangents:
            rng = np.random.default_rng([seed, *key, attempt])
            return Cotangents(remembering.forward(x), rng, attempt % 2 == 1, self.cotangent)

        def draw(attempt: int, judged: tuple[int, ...]) -> RandomQuantifiers:
            def even() -> bool:
                return attempt % 2 == 1 and self.oracle.trusts(remembering, x.higher)

            rng = np.random.default_rng([seed, *key, attempt, 1])
            return RandomQuantifiers(remembering, x, judged, rng, even, cotangents(attempt))

        return Trial(remembering, x, cell, where, draw, seed, key)

    def given(self, subject: Subject, options: Mapping[str, Any], seed: int) -> Trial:
        """The one point of a domain in which every input is given."""
        return self.trial(subject.given(options), _given(subject), "the given inputs", seed, (0,))

    def inside(self, subject: Subject, seed: int) -> Iterator[Trial]:
        """The given point, with what lies at an end of its range a little inside, where oracles may step both ways."""
        x, kinds = _given(subject), [a.kind for a in subject.domain.arguments.values()]
        if inward := {k: way for k, way in ends(subject, x).items() if kinds[k] == "real"}:
            parts = list(x.parts)
            for k, way in inward.items():
                parts[k] = relaid((x[k] + way * INSIDE * x.usual_steps[k]).astype(x[k].dtype), x[k])
            yield self.trial(subject, Vectors(tuple(parts)), "just inside the ends of its range", seed, (3,))

    def beside(self, subject: Subject, seed: int) -> Iterator[Trial]:
        """The given point moved by about 2^-24, 2^-12 and 2^-4 of its size or of 1, both ways; then moderate ones."""
        if not subject.domain.fixed:
            return
        x = _given(subject)
        for number, distance in enumerate(NEARBY):
            parts, rng = list(x.parts), np.random.default_rng([seed, number])
            for k in subject.domain.smooth:
                low, high = subject.domain.bounds(k)
                far = distance * rng.uniform(0.5, 1.5, x[k].shape) * np.maximum(np.abs(x[k]), 1.0)
                moved = x[k].astype(np.float64) + far
                parts[k] = relaid(np.asarray(np.clip(moved, low, high).astype(x[k].dtype)), x[k])
            yield self.trial(subject, Vectors(tuple(parts)), f"{distance:+.0e} beside it", seed, (1, number))
        for number, scale in enumerate(MODERATE):
            parts, source = list(x.parts), Seeded(np.random.default_rng([seed, 2, number]))
            for k in subject.domain.smooth:
                low, high = subject.domain.bounds(k)
                kind = tuple(subject.domain.arguments.values())[k].kind
                places = Domain({"x": Box(x[k].shape, low=low, high=high, kind=kind)})
                (moved,) = point(places, KINDS[0], x[k].dtype.name, source, ())
                if kind == "real":
                    moved = np.clip(scale * moved, low, high).astype(moved.dtype)
                parts[k] = relaid(moved, x[k])
            yield self.trial(subject, Vectors(tuple(parts)), "at moderate values in its place", seed, (2, number))

    def doubted(self, law: Law, trial: Trial, values: Mapping[str, Any], gap: float) -> tuple[Array, ...]:
        """Of very many entries a few among which a wrong one is, marked."""
        f, y, w, judged = trial.subject, trial.x.higher, values["v"].higher, moved(values["u"])
        if sum(y[k].size for k in judged) <= MANY or "vjp" not in law.needs:
            return ()
        try:
            few = among_many(mismatch(law, f, y, w, judged, self._quick(self.careful(gap))))
        except Broken:
            return ()
        marks = [np.zeros(p.shape, bool) for p in values["u"]]
        for k, index in few:
            marks[k][index] = True
        return tuple(marks) if few else ()

    def neighbourhood(self, law: Law, trial: Trial, values: Mapping[str, Any]) -> Excuse:
        """What other opinions say of a disagreement, and what the slopes nearby allow; asked on float64 copies."""
        y, w = trial.x.higher, values["v"].higher
        rng = np.random.default_rng(trial.seed)
        try:
            if "vjp" not in law.needs:
                return kinks.look_forward(trial.subject, y, values["u"], w, values["D"], rng)
            claimed = trial.subject.pullback(y, w)  # a joint kink shows only if every argument moves
            judged = tuple(k for k, p in enumerate(claimed) if p.size)
            known = values["D"].directional(trial.subject, y, values["u"], w)
            if note := opinions.lost_digits(trial.subject, y, values["u"], w, known):
                return Excuse(Outcome.AGREES, note, seen=judged)
            if doubt := opinions.remainder_doubts(trial.subject, y, values["u"], w, known):
                return Excuse(Outcome.BLUNT, doubt)
            even = self.oracle.trusts(trial.subject, y)
            place = kinks.Place(trial.subject, y, w, judged, values["u"])
            return kinks.look(place, values["D"], self._quick(values["D"]), rng, even=even)
        except Broken as failure:
            return Excuse(Outcome.DISAGREES, str(failure) if failure.rule == trial.subject.name else "")

    def refusal(self, law: Law, trial: Trial, what: str, cause: str) -> Finding:
        """What was raised, and the line that raises it again."""
        line = witness(trial.subject, law.name, trial.x.parts, (), trial.seed)
        return Finding(law.name, "", None, what, "an answer", 0.0, cause, line, trial.cell, trial.where, trial.x.parts)

    def locate(self, law: Law, trial: Trial, values: Mapping[str, Any], found: Judgement, excuse: Excuse) -> Finding:
        """The entry where it shows, and the line that reproduces it."""
        return locate(law, trial, values, found, excuse, self._quick(values["D"]))

    def plainer(self, trial: Trial, finding: Finding, loop: Loop) -> tuple[Trial, Finding]:
        """The same law broken with as few options as possible away from their first values; the loop keeps that."""
        shown = [(trial, finding)]

        def fails(options: Mapping[str, Any]) -> bool:
            other = self.trial(trial.subject.given(options), trial.x, trial.where, trial.seed, trial.key)
            found = loop.again(other, finding.law)
            shown.extend([(other, found)] if found is not None else [])
            return found is not None

        plainest(trial.subject.options, trial.subject.at, fails)
        if len(shown) > 1:
            loop.keep(shown[-1][1])
        return shown[-1]

    def explain(self, trial: Trial, finding: Finding, loop: Loop) -> None:
        """Let what the loop keeps for this finding's law say why it fails, as it shows where it was found."""

        def at(x: Vectors) -> Trial:
            return self.trial(trial.subject.fresh, x, trial.where, trial.seed, trial.key)

        cause = diagnose(trial, finding, at, loop, self.oracle)
        kept = loop.kept(finding.law)
        note = "" if cause.says and (kept.cause in (FORMULA, ANSWER) or kept.cause in cause.says) else kept.cause
        says = "; ".join(filter(None, (note, cause.says)))
        told = dataclasses.replace(kept, kind=cause.kind, cause=says, note=note)
        loop.keep(dataclasses.replace(told, places=cause.places or finding.places, outputs=cause.outputs))

    def shrink(self, trial: Trial, finding: Finding, loop: Loop) -> int:
        """Let the loop keep the finding at the smallest inputs and cotangent found; how many were tried.

        First with the plainest options that show it. The inputs are tried in the very form in which the witness will
        give them, given inputs and a given cotangent, so that it reproduces what is told; the other quantifiers are
        drawn anew, from the first of a few seeds with which it fails. What fails with none is left as it is, and so are
        given inputs that are too large to be written out, or come with their cotangent.
        """
        trial, finding = self.plainer(trial, finding, loop)
        if trial.subject.domain.fixed and (trial.x.size > MANY or self.cotangent is not None):
            return 0
        f, count, effort = trial.subject, len(trial.x), Budget(EFFORT)
        shown: list[Finding] = []  # as the witness shows it, the first one at the inputs where it was found
        start, seed, tried = (*trial.x, *finding.cotangent), trial.seed, itertools.count()
        end = time.perf_counter() + PATIENCE

        def fails(arrays: tuple[Array, ...]) -> bool:
            unlikely = arrays[count:] and not any(np.any(v) for v in arrays[count:])  # a cotangent of zeros
            if effort.spent or time.perf_counter() > end or unlikely:
                return False
            next(tried)
            places = Domain({name: At(a) for name, a in zip(f.names, arrays, strict=False)})
            fixed = dataclasses.replace(self, cotangent=arrays[count:] or None)
            pasted = metered(dataclasses.replace(f, domain=places, typical=0.0), effort)
            found = loop.again(fixed.given(pasted, f.at, seed), finding.law)
            if found is None or not alike(found, shown[0] if shown else found):
                return False
            shown.append(found)
            return True

        for seed in (trial.seed, *range(1, SEEDS)):  # noqa: B007 - ``fails`` reads it
            if fails(start):
                self._made_small(f.domain, start, fails, lambda: shown[-1].cotangent)
                loop.keep(dataclasses.replace(shown[-1], where=_where(f, trial.x, shown[-1], finding.where)))
                break
        return next(tried)

    def _made_small(
        self,
        domain: Domain,
        start: tuple[Array, ...],
        fails: Callable[[tuple[Array, ...]], bool],
        cotangent: Callable[[], tuple[Any, ...]],
    ) -> None:
        """Ask of smaller sizes and plainer entries in turn; ``cotangent`` is that of the latest that failed."""
        places, least = tuple(domain.arguments.values()), {name: n for name, n, _ in domain.ranges}
        for number in range(1 if domain.fixed else 2):  # entries made plain leave more to be left out
            inputs = shorter(start[: len(places)], fails, places, least)
            changed = any(a is not b for a, b in zip(inputs, start, strict=False))
            if number and not changed:
                return
            start = (*inputs, *cotangent()) if changed else start
            start = minimise(start, fails, (*places, *(Box(v.shape) for v in start[len(places) :]))).arrays


def _where(f: Subject, x: Vectors, small: Finding, where: str) -> str:
    """The kind of point at which it was found, with the shapes it had there if they are smaller now."""
    shapes = [f"{name} {a.shape}" for name, a in zip(f.names, x, strict=True)]
    same = all(np.shape(a) == b.shape for a, b in zip(small.inputs, x, strict=True))
    return where if same else f"{where} at {', '.join(shapes)}"


def answers(trial: Trial) -> bool:
    """Does the function answer there? Asked of the trial's memory, where the point has been judged."""
    try:
        trial.subject.forward(trial.x)
    except Broken:
        return False
    return True


def _told(subject: Subject) -> list[str]:
    """The options in force; of many that are swept only those that are not at their first value."""
    away = changed(subject.options, subject.at)
    many = sum(len(values) > 1 for values in subject.options.values()) > FEW
    return [f"{k}={v!r}" for k, v in subject.at.items() if k in away or not many]


def typical(subject: Subject, seed: int) -> Subject:
    """The subject with the size of its values at a moderate point: the median |f|, 0 where the function refuses it."""
    source = Seeded(np.random.default_rng([seed, named(subject.name)]))
    x = Vectors(point(subject.domain, KINDS[0], subject.dtypes[0], source, subject.literals))
    try:
        sizes = np.concatenate([np.abs(p).astype(np.float64).ravel() for p in subject.forward(x)])
    except Broken:
        return dataclasses.replace(subject, typical=0.0)
    finite = sizes[np.isfinite(sizes)]
    return dataclasses.replace(subject, typical=float(np.median(finite)) if finite.size else 0.0)


def metered(subject: Subject, budget: Budget) -> Subject:
    """The subject with every call of its function and of its rules counted."""

    def counted(rule: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **options: Any) -> Any:
            budget.calls += 1
            return rule(*given, **options)

        return call

    vjp, jvp = (None if rule is None else counted(rule) for rule in (subject.vjp, subject.jvp))
    return dataclasses.replace(subject, value=counted(subject.value), vjp=vjp, jvp=jvp)


def named(text: str) -> int:
    """A number that stands for a name among the keys of a seed."""
    return zlib.crc32(text.encode())


def _given(subject: Subject) -> Vectors:
    return vectors([a.array for a in subject.domain.arguments.values()])  # type: ignore[union-attr]
