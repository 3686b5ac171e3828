"""The Method Proof decides a law for all real inputs of some small sizes, by running the code itself on symbols.

What holds is proved: every claim vanishes modulo random primes, and the traced expressions agree with
the real code at random floats. What fails is shown: a rational point, a ball that excludes zero there,
and the real code run at that point. Anything else is UNDECIDED, with the name of what is in the way.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from gradverify._examine import examine
from gradverify._law import Law
from gradverify._render import PROVED
from gradverify._subject import Broken, Subject
from gradverify._tally import Budget
from gradverify._vectors import Misfit, Vectors
from gradverify._verdict import Status, Verdict
from gradverify.sampling import Sampling
from gradverify.symbolic import expression as ex
from gradverify.symbolic.branches import READINGS, NoValue, Reading, Unsupported
from gradverify.symbolic.decide import Open, OutOfTime
from gradverify.symbolic.run import ELSEWHERE, Apart, Refuted, runs, scope_of
from gradverify.symbolic.settings import settings

TIES = 4  # kinds of points at which ties are probed: a grid of halves, tied slices, exact kinks among them
TOLD = 3  # ties that a note names
LEFT_OUT = "left out: ties"
ABOUT_FLOATS = "it speaks of floats (types, memory, overflow), a proof of real numbers"


PATIENCE = 30.0  # seconds for one law where no budget is given


@dataclass(frozen=True)
class Proof:
    """Decides a law exactly, at concrete small ``sizes`` (by default each symbol's own, and all at their least)."""

    sizes: Mapping[str, int] | None = None
    name: str = "Proof"

    def verdict(
        self,
        law: Law,
        subject: Subject,
        *,
        seed: int = 0,
        budget: int | float | Budget | None = None,
        strict: bool = False,
    ) -> Verdict:
        """Proved, refuted by a counterexample of the real code, or undecided by name."""
        begun = time.perf_counter()
        blank = Verdict(subject.name, law.name, law.statement, Status.UNDECIDED, self.name, derivative=law.derivative)
        missing = law.missing(subject)
        if missing or law.floats:
            return replace(blank, reason=f"{subject.name} claims no {missing}" if missing else ABOUT_FLOATS)
        meter = budget if isinstance(budget, Budget) else Budget(budget)
        if meter.most is None:
            meter = Budget(PATIENCE)
        try:
            found = self._read(blank, law, subject, seed, meter, strict)
        finally:
            _forget(subject, self.sizes)
        return replace(found, seconds=time.perf_counter() - begun)

    def _read(self, blank: Verdict, law: Law, subject: Subject, seed: int, meter: Budget, strict: bool) -> Verdict:
        """The verdict with the first reading of the code's floats that does not leave both sides merely apart."""
        reason = ""
        for assumed, reading in READINGS:
            try:
                found = self._verdict(blank, law, subject, seed, meter, reading)
            except Apart as close:
                reason = str(close)
                continue
            if found.status is Status.HOLDS:
                found = replace(found, notes=(*found.notes, *([assumed] if assumed else [])))
                if any(note.startswith(LEFT_OUT) for note in found.notes):
                    found = _probed(found, law, subject, seed, meter, strict, Sampling(points=TIES))
            elif found.reason.endswith(ELSEWHERE):
                found = _probed(found, law, subject, seed, meter, strict, Sampling())
            return found
        return replace(blank, reason=reason)

    def _verdict(
        self, blank: Verdict, law: Law, subject: Subject, seed: int, meter: Budget, reading: Reading
    ) -> Verdict:
        """The verdict with the code's floats read in one way; raises Apart where the floats alone may differ."""
        done, replayed, whole = 0, 0, True
        scopes, ties, without = dict[str, None](), dict[str, None](), dict[str, None]()
        try:
            for setting in settings(subject, self.sizes, several=law.derivative):
                scopes[setting.scope] = None
                try:
                    for run in runs(law, setting, reading, seed, meter):
                        run.decide(seed, ties)
                        run.by_floats(seed)
                        run.replay(seed)
                        if law.derivative and not done:
                            run.elsewhere(seed)
                        done, replayed = done + 1, replayed + run.replayed
                        whole = whole and all(map(ex.defined, run.assume.values))
                except Refuted as refuted:
                    return run.failed(blank, refuted, seed, tuple(scopes))
                except NoValue as nothing:
                    if not done:
                        raise
                    without[f"without {setting.scope}: {nothing}"] = scopes.pop(setting.scope)
            if not replayed:
                raise Open(f"{subject.name} has no value at any point tried, so that no trace could be replayed")
        except (Unsupported, Open, OutOfTime, Misfit, Broken) as obstacle:
            return replace(blank, reason=_reason(obstacle), trials=done, scope=scope_of(scopes))
        except RecursionError:
            return replace(blank, reason="the expressions nest too deeply", trials=done, scope=scope_of(scopes))
        left_out = _told(tuple(ties))
        notes = (PROVED, *((f"{LEFT_OUT} {left_out}; probed by floats",) if left_out else ()), *without)
        notes += () if whole else ("claimed where every root and logarithm in the function has a value",)
        return replace(blank, status=Status.HOLDS, trials=done, decisive=done, scope=scope_of(scopes), notes=notes)


def _forget(subject: Subject, sizes: Mapping[str, int] | None) -> None:
    """Let the code be called on floats once more, so that what it keeps of its last call are no symbols."""
    with contextlib.suppress(Exception):
        setting = next(iter(settings(subject, sizes, several=False)))
        y = subject.forward(x := setting.floats(next(iter(setting.assume.points(0)))))
        if subject.vjp is not None:
            subject.pullback(x, y.exact())
        if subject.jvp is not None:
            subject.pushforward(x, Vectors(tuple(np.zeros(p.shape) for p in x)))


def _reason(obstacle: Exception) -> str:
    if isinstance(obstacle, Unsupported):
        return f"not supported on symbols: {obstacle}"
    if isinstance(obstacle, Misfit):
        return f"not judged: the gradient has not its input's shape ({obstacle})"
    return str(obstacle)


def _told(ties: tuple[str, ...]) -> str:
    more = f" and {len(ties) - TOLD} more" if len(ties) > TOLD else ""
    return ", ".join(f"{t} = 0" for t in ties[:TOLD]) + more


def _probed(
    found: Verdict, law: Law, subject: Subject, seed: int, meter: Budget, strict: bool, by: Sampling
) -> Verdict:
    """What a proof leaves open, tried by floats: a failure there is one."""
    probe = examine(law, subject, by=by, seed=seed, budget=meter, strict=strict)
    if probe.status is not Status.FAILS:
        return found
    return replace(found, status=Status.FAILS, findings=probe.findings, by="Proof, then Sampling", reason="")
