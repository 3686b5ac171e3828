"""The Method Proof decides a law for all real inputs of some small sizes, by running the code itself on symbols.

What holds is proved: every claim vanishes modulo random primes, and the traced expressions agree with
the real code at random floats. What fails is shown: a rational point, a ball that excludes zero there,
and the real code run at that point. Anything else is UNDECIDED, with the name of what is in the way.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from flint import fmpq

from gradverify._claim import Claim
from gradverify._examine import examine
from gradverify._judge import judge
from gradverify._law import Law
from gradverify._render import PROVED
from gradverify._subject import NOTHING, Broken, Subject
from gradverify._tally import Budget
from gradverify._vectors import Estimate, Misfit, Pairing, Vectors
from gradverify._verdict import Finding, Outcome, Status, Verdict
from gradverify.explain.witness import witness
from gradverify.points.generate import laid
from gradverify.sampling import Sampling
from gradverify.symbolic import expression as ex
from gradverify.symbolic.branches import READINGS, Branches, NoValue, Reading, Unsupported, tracing
from gradverify.symbolic.decide import Assumptions, Decider, Decision, Drawn, OutOfTime, Undefined, enclose
from gradverify.symbolic.expression import Expr
from gradverify.symbolic.settings import Setting, settings
from gradverify.symbolic.shim import shimmed
from gradverify.symbolic.trace import Symbolic, entries, symbolic

MOST_BRANCHES = 64  # ways through the code
TIES = 4  # kinds of points at which ties are probed: a grid of halves, tied slices, exact kinks among them
LEADERS = 200  # points tried until one lies on a way through the code
REPLAYS = 2  # random points at which the real code must answer what was traced
TOLD = 3  # ties that a note names
FLOATS_APART = 2.0**-36  # relative differences below this may come from constants that were rounded
LARGE = fmpq(1024)  # of the points at which overflow would show
SMALL = fmpq(1, 4)  # of those at which little cancels, so that float32 keeps its digits
COARSE = 2.0**-12  # float32, and cancellation in the thousands, may cost this share
ELSEWHERE = ", and the formula is right"
LEFT_OUT = "left out: ties"
ABOUT_FLOATS = "it speaks of floats (types, memory, overflow), and a proof of real numbers"


PATIENCE = 30.0  # seconds for one law where no budget is given


class Refuted(Exception):
    """A claim does not hold at a point."""

    def __init__(self, decision: Decision, place: tuple[int, tuple[int, ...]] | None, claim: Claim) -> None:
        super().__init__()
        self.decision, self.place, self.claim = decision, place, claim


class Open(Exception):
    """A claim could neither be proved nor refuted."""


class Elsewhere(Open):
    """The formula is right, and the code answers something else in another type, layout or size."""


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
                    for run in _runs(law, setting, reading, seed, meter):
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
            return replace(blank, reason=_reason(obstacle), trials=done, scope=_scope(scopes))
        except RecursionError:
            return replace(blank, reason="the expressions nest too deeply", trials=done, scope=_scope(scopes))
        left_out = _told(tuple(ties))
        notes = (PROVED, *((f"{LEFT_OUT} {left_out}; probed by floats",) if left_out else ()), *without)
        notes += () if whole else ("claimed where every root and logarithm in the function has a value",)
        return replace(blank, status=Status.HOLDS, trials=done, decisive=done, scope=_scope(scopes), notes=notes)


def _forget(subject: Subject, sizes: Mapping[str, int] | None) -> None:
    """Let the code be called on floats once more, so that what it keeps of its last call are no symbols."""
    with contextlib.suppress(Exception):
        setting = next(iter(settings(subject, sizes, several=False)))
        y = subject.forward(x := setting.floats(next(iter(setting.assume.points(0)))))
        if subject.vjp is not None:
            subject.pullback(x, y.exact())
        if subject.jvp is not None:
            subject.pushforward(x, Vectors(tuple(np.zeros(p.shape) for p in x)))


class Apart(Exception):
    """Both sides differ by no more than rounded constants can make them."""


def _reason(obstacle: Exception) -> str:
    if isinstance(obstacle, Unsupported):
        return f"not supported on symbols: {obstacle}"
    if isinstance(obstacle, Misfit):
        return f"not judged: the gradient has not its input's shape ({obstacle})"
    return str(obstacle)


def _scope(scopes: Mapping[str, None]) -> str:
    return "all real inputs of " + "; ".join(scopes) if scopes else ""


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


# -- one run: a law, a setting, one way through the code ----------------------------------------------


def _runs(law: Law, setting: Setting, reading: Reading, seed: int, meter: Budget) -> Iterator[Run]:
    """The law's claims once for every way through the code; each way is led by a point on it, where one is found."""
    todo: list[tuple[tuple[bool, ...], tuple[tuple[Expr, bool], ...]]] = [((), ())]
    rng = random.Random(seed)
    for number in itertools.count():
        if not todo:
            return
        if number == MOST_BRANCHES:
            raise Unsupported(f"more than {MOST_BRANCHES} ways through the code")
        prescribed, before = todo.pop()
        at = _leader(setting, before, rng)
        branches = Branches(prescribed, at.says)
        f = setting.subject
        shown = shimmed(f.value, f.vjp, f.jvp), tracing(branches, reading)
        with shown[0], shown[1], np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            traced = Traced(f, lambda: meter.spent)
            values = traced.quantities(setting)
            claims = tuple(law(**values, f=traced, D=Exactly(Decider(setting.assume, spent=traced.spent))))
        todo += [(way, tuple(branches.taken[: len(way)])) for way in branches.others()]
        facts = dict(branches.taken)
        known = {s: at[s] for s in setting.assume.symbols}
        told = {h: ex.number(int(yes)) for h, yes in facts.items()}
        first = [e for rule, _, out in traced.calls[:1] if rule == "forward" for p in out for e in entries(p)]
        answers = tuple(ex.replaced(e, told) for e in first)
        assume = replace(setting.assume, branch=facts, on_it=known if facts else {}, values=answers)
        yield Run(law, setting, values, claims, facts, traced, assume, tuple(branches.ties))


def _leader(setting: Setting, before: tuple[tuple[Expr, bool], ...], rng: random.Random) -> Drawn:
    """A point at which all these decisions but the last are right and the last is wrong, or just a point."""
    at = Drawn(setting.assume, rng)
    for _ in range(LEADERS if before else 0):
        if all(at.says(h) == yes for h, yes in before[:-1]) and at.says(before[-1][0]) != before[-1][1]:
            break
        at = Drawn(setting.assume, rng)
    return at


@dataclass
class Run:
    """What a law claims along one way through the code, ready to be decided."""

    law: Law
    setting: Setting
    values: Mapping[str, Any]
    claims: tuple[Claim, ...]
    facts: Mapping[Expr, bool]
    traced: Traced
    assume: Assumptions
    compared: tuple[Expr, ...]
    replayed: int = 0  # random points at which the real code answered what was traced

    def decide(self, seed: int, ties: dict[str, None]) -> None:
        """Every claim holds, or Refuted or Open is raised; ties met on the way are noted."""
        decider = Decider(self.assume, seed, spent=self.traced.spent)
        ties |= {ex.words(u, 40): None for u in self.compared}
        for claim in self.claims:
            for place, left, right in _pairs(claim):
                difference = self.along(left - right)
                for node in ex.reachable([self.along(left), self.along(right)]):
                    if node.kind == ex.INDICATOR:
                        ties[ex.words(node.args[0], 40)] = None
                at_most = claim.relation == "at most"
                decision = decider.sign(-difference) if at_most else decider.zero(difference)
                if decision.status == "nonzero":
                    raise Refuted(decision, place, claim)
                if decision.status == "open":
                    raise Open(decision.reason)

    def along(self, e: Expr) -> Expr:
        """The expression on the way that was taken."""
        return ex.replaced(e, {h: ex.number(int(yes)) for h, yes in self.facts.items()}) if self.facts else e

    def replay(self, seed: int) -> None:
        """The traced expressions are what the real code answers at random points; raises Open where they are not.

        Code whose rounding hides its answer at one point (p - t where p has rounded to 1) is asked at another.
        """
        agreed, apart = 0, []
        for at in self.assume.points(seed + 1, fine=True):
            try:
                difference = self._differs(at)
            except Undefined:
                continue
            agreed += not difference
            apart += [difference] if difference else []
            if agreed == REPLAYS:
                break
            if len(apart) > REPLAYS:
                raise Open(apart[0])
        self.replayed = agreed

    def by_floats(self, seed: int) -> None:
        """A law without an oracle is tried by the real code at a random point, types and memory included."""
        if "D" in self.law.quantifiers:
            return
        for at in itertools.islice(self.assume.points(seed + 2, fine=True), 1):
            numbers = {q: self.setting.numbers(v, at) for q, v in self.values.items()}
            for claim in self.law(**numbers, f=self.setting.subject):
                if judge(claim).outcome is Outcome.DISAGREES:
                    raise Refuted(Decision("nonzero", at), None, claim)

    def elsewhere(self, seed: int) -> None:
        """The code answers what was traced in other types, layouts and sizes too; raises Elsewhere where not."""
        f = self.setting.subject
        large = next(iter(self.assume.points(seed + 3, scale=LARGE)), None)
        usual = next(iter(self.assume.points(seed + 3, scale=SMALL)), None)
        ways: list[tuple[Any, str, Callable[[Any], Any]]] = [
            (usual, "reversed in memory", _reversed),
            (large, "in the thousands", _as_it_is),
        ]
        ways += [(usual, f"in {kind}", _in_type(kind)) for kind in f.dtypes if kind != "float64"]
        for at, where, how in ways:
            if at is None:
                continue
            try:
                finite = all(np.isfinite(p).all() for p in f.forward(self.setting.floats(at)))
            except Broken:  # the function itself refuses such numbers
                continue
            try:
                difference = self._differs(at, how, coarse=COARSE) if finite else ""
            except Undefined:
                continue
            except Broken as failure:
                difference = str(failure)
            if difference:
                raise Elsewhere(f"{difference} {where}{ELSEWHERE}")

    def _differs_in_value(self, at: Any) -> str:
        """How the function's own value differs from the traced one at a point, or nothing."""
        calls, self.traced.calls = self.traced.calls, [c for c in self.traced.calls if c[0] == "forward"][:1]
        try:
            return self._differs(at)
        except (Undefined, Broken) as failure:
            return str(failure)
        finally:
            self.traced.calls = calls

    def _differs(self, at: Any, how: Callable[[Any], Any] = lambda a: a, *, coarse: float = 0.0) -> str:
        """How the real code's answers differ from the traced ones at a point, or nothing; ``coarse`` is rounding."""
        f, setting = self.setting.subject, self.setting
        for rule, args, out in self.traced.calls:
            if not all(map(setting.plain, args)):
                continue
            values = tuple(_at(self.along, p, at) for p in out)
            known = Vectors(tuple(a for a, _ in values), tuple(b for _, b in values))
            found = judge(Claim("equal", _real(f, rule, [_changed(setting.numbers(a, at), how) for a in args]), known))
            if found.outcome is Outcome.DISAGREES and not _close(found.left, found.right, coarse):
                both = f"{found.left} by the code, {found.right} on symbols"
                return f"{f.name}'s {rule} is not what was traced: {both} at a random point"
        return ""

    def failed(self, blank: Verdict, refuted: Refuted, seed: int, scopes: tuple[str, ...]) -> Verdict:
        """The counterexample on the real code, or why it is none."""
        f, at, setting = self.setting.subject, refuted.decision.at, self.setting
        x = setting.floats(at)
        numbers = {q: setting.numbers(v, at) for q, v in self.values.items() if q != "f"}
        scope = _scope(dict.fromkeys(scopes))
        entry = self._entry(refuted, at)
        if _random(f, x):
            told = "is random: two calls with the same inputs differ; pass the seed or the mask in"
            return replace(blank, reason=f"{f.name} {told}", scope=scope)
        apart = self._differs_in_value(at)
        if apart:
            return replace(blank, reason=f"at a counterexample on symbols {apart}", scope=scope)
        try:
            claims = tuple(self.law(**numbers, f=f, D=Known(self, at)))
            worst = next((j for c in claims if (j := judge(c)).outcome is Outcome.DISAGREES), None)
        except (Broken, Misfit, Undefined) as failure:
            stale = isinstance(failure, Broken) and Symbolic.__name__ in failure.what
            reason = "keeps what an earlier call saw: it answers numbers with symbols" if stale else f"{failure}"
            return replace(blank, reason=f"at a counterexample on symbols {f.name} {reason}", scope=scope)
        if worst is None:
            if entry is not None and abs(entry[3] - entry[2]) <= FLOATS_APART * max(abs(entry[2]), abs(entry[3])):
                raise Apart(
                    f"both sides differ by {entry[3] - entry[2]:.1e} at a point, less than rounded constants may"
                )
            return replace(blank, reason="a counterexample on symbols is none of the code in floats", scope=scope)
        v = numbers.get("v")
        cotangent = v.parts if isinstance(v, Vectors) and "v" in self.law.quantifiers else ()
        line = witness(f, self.law.name, x.parts, cotangent, seed)
        argument, index, claimed, expected = entry or (worst.note or "value", worst.index, worst.left, worst.right)
        if entry is not None and f.vjp is not None and "v" in self.law.quantifiers and isinstance(v, Vectors):
            claimed = _real_entry(f, x, v, refuted) or claimed
        finding = Finding(
            self.law.name,
            argument,
            index,
            claimed,
            expected,
            worst.bar,
            refuted.claim.what,
            line,
            "float64",
            "numbers found on symbols",
            x.parts,
            cotangent,
        )
        return replace(blank, status=Status.FAILS, findings=(finding,), trials=1, decisive=1, scope=scope)

    def _entry(self, refuted: Refuted, at: Any) -> tuple[str, tuple[int, ...], float, float] | None:
        """The entry at which the claim fails, with both sides there."""
        if refuted.place is None:
            return None
        for place, left, right in _pairs(refuted.claim):
            if place == refuted.place:
                both = enclose([self.along(left), self.along(right)], at, 200)
                k, index = place
                inside = refuted.claim.about == "input" and k < len(self.setting.subject.names)
                name = self.setting.subject.names[k] if inside else "value"
                return name, index, float(both[0].mid()), float(both[1].mid())
        return None


def _close(a: Any, b: Any, share: float) -> bool:
    """Are two numbers the same to this share of the larger? Words never are."""
    return all(isinstance(n, float) for n in (a, b)) and abs(a - b) <= share * max(abs(a), abs(b))


def _as_it_is(a: Any) -> Any:
    return a


def _reversed(a: Any) -> Any:
    return laid(a, "reversed")


def _in_type(kind: str) -> Callable[[Any], Any]:
    return lambda a: a.astype(kind) if a.dtype.kind == "f" else a


def _changed(x: Vectors, how: Callable[[Any], Any]) -> Vectors:
    return Vectors(tuple(how(np.asarray(p)) for p in x), bare=x.bare)


def _real(f: Subject, rule: str, given: list[Vectors]) -> Vectors:
    """What the real code answers; raises Open where symbols of an earlier call come back."""
    try:
        answer: Vectors = getattr(f, rule)(*given)
    except Broken as failure:
        if Symbolic.__name__ in failure.what:
            raise Open(f"{failure.rule} keeps what an earlier call saw: it answers numbers with symbols") from None
        raise
    return answer


def _random(f: Subject, x: Vectors) -> bool:
    """Do two calls differ?"""
    try:
        pairs = zip(f.forward(x), f.forward(x), strict=True)
        return any(not np.array_equal(a, b, equal_nan=a.dtype.kind in "fc") for a, b in pairs)
    except (Broken, ValueError):
        return False


def _real_entry(f: Subject, x: Vectors, v: Vectors, refuted: Refuted) -> float | None:
    if refuted.place is None or not isinstance(refuted.claim.left, Pairing) or refuted.claim.about != "input":
        return None
    k, index = refuted.place
    return float(f.pullback(x, v)[k][index])


def _at(along: Any, part: Any, at: Any) -> tuple[Any, Any]:
    """A part's values at a point, with the ball's radius."""
    balls = enclose([along(e) for e in entries(part)], at, 200)
    shape = np.shape(part)
    values = np.array([float(b.mid()) for b in balls]).reshape(shape)
    return values, np.array([float(b.rad()) for b in balls]).reshape(shape) + 2.0**-52 * np.abs(values)


def _pairs(claim: Claim) -> Iterator[tuple[tuple[int, tuple[int, ...]] | None, Expr, Expr]]:
    """Both sides of a claim, entry by entry: (part, index), left, right."""
    left, right = claim.left, claim.right
    if isinstance(left, Pairing) and isinstance(right, Pairing) and left.right is right.right:
        kept = [k for k, p in enumerate(left.right) if p.size]
        yield from _entrywise(left.left, right.left, kept)
    elif isinstance(left, Vectors) and isinstance(right, Vectors):
        yield from _entrywise(left, right, range(len(left)))
    else:
        yield None, _scalar(left), _scalar(right)


def _entrywise(left: Vectors, right: Vectors, kept: Any) -> Iterator[tuple[tuple[int, tuple[int, ...]], Expr, Expr]]:
    for k in kept:
        a, b = left[k], right[k]
        if np.shape(a) != np.shape(b):
            raise Misfit(f"shapes {np.shape(a)} and {np.shape(b)} differ")
        if np.asarray(a).dtype.kind in "US":  # words, such as a shape
            yield (k, ()), ex.ZERO, ex.number(int(not np.array_equal(a, b)))
            continue
        for index, l, r in zip(np.ndindex(np.shape(a)), entries(symbolic(a)), entries(symbolic(b)), strict=True):
            yield (k, index), l, r


def _scalar(side: Any) -> Expr:
    if isinstance(side, Estimate):
        return entries(symbolic(np.asarray(side.value)))[0]
    if isinstance(side, Pairing):
        sums = (
            a * b
            for p, q in zip(side.left, side.right, strict=True)
            if np.size(p) and np.size(q)
            for a, b in zip(entries(symbolic(p)), entries(symbolic(q)), strict=True)
        )
        return ex.total(sums)
    raise Unsupported(f"a claim about {type(side).__name__}")


# -- the subject and the oracle on symbols ----------------------------------------------------------


class Traced:
    """A Subject whose rules are run on symbols; what a law asks of a Subject, and nothing else."""

    def __init__(self, subject: Subject, spent: Callable[[], bool]) -> None:
        self.subject, self.spent = subject, spent
        self.calls: list[tuple[str, tuple[Vectors, ...], tuple[Any, ...]]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.subject, name)

    def forward(self, x: Vectors) -> Vectors:
        """The value at x."""
        out, _ = self.observe("value", x)
        y = Vectors(tuple(map(symbolic, out)) if isinstance(out, tuple | list) else (symbolic(out),))
        self.calls.append(("forward", (x,), y.parts))
        return replace(y, bare=not isinstance(out, tuple | list))

    def pullback(self, x: Vectors, v: Vectors) -> Vectors:
        """The claimed rule's answer, nothing where it claims none."""
        out, _ = self.observe("vjp", x, v)
        given = tuple(out) if isinstance(out, tuple | list) else (out,)
        if len(given) != len(x):
            raise Open(f"{self.subject.name}'s vjp returned {len(given)} gradient(s) for {len(x)} input(s)")
        smooth = self.subject.domain.smooth
        parts = tuple(NOTHING if g is None or k not in smooth else symbolic(g) for k, g in enumerate(given))
        self.calls.append(("pullback", (x, v), parts))
        return Vectors(parts)

    def pushforward(self, x: Vectors, u: Vectors) -> Vectors:
        """The claimed forward rule's answer."""
        out, _ = self.observe("jvp", x, self.whole_tangent(x, u))
        parts = tuple(map(symbolic, out)) if isinstance(out, tuple | list) else (symbolic(out),)
        self.calls.append(("pushforward", (x, u), parts))
        return Vectors(parts)

    def observe(self, rule: str, x: Vectors, v: Vectors | None = None) -> tuple[Any, tuple[Any, ...]]:
        """Call a rule on copies: its raw answer, and the copies as it left them."""
        if self.spent():
            raise OutOfTime("the budget was spent")
        first = tuple(np.copy(p, subok=True) for p in v) if v is not None else ()
        leading: tuple[Any, ...] = () if v is None else (first[0] if v.bare else first,)
        handed = tuple(np.copy(p, subok=True) for p in x)
        try:
            out = getattr(self.subject, rule)(*leading, *handed, **self.subject.at)
        except (Unsupported, Open, OutOfTime):
            raise
        except Exception as failure:
            label = self.subject.name if rule == "value" else f"{self.subject.name}'s {rule}"
            raise Unsupported(f"{label} raised {type(failure).__name__}: {failure}") from failure
        return out, first + handed

    def whole_tangent(self, x: Vectors, u: Vectors) -> Vectors:
        """u in the inputs' shapes, zeros where it has nothing."""
        return Vectors(
            tuple(p if p.size or not a.size else np.zeros(a.shape) for p, a in zip(u, x, strict=True)), bare=len(x) == 1
        )

    def quantities(self, setting: Setting) -> dict[str, Any]:
        """Symbols for everything that a law may quantify."""
        x = setting.x
        y = self.forward(x)
        v, w = setting.cotangent("v", y), setting.cotangent("w", y)
        judged = [k for k in self.subject.domain.smooth if x[k].size]
        if self.subject.vjp is not None:
            g = self.pullback(x, v)
            judged = [k for k in judged if g[k].size]
        u = setting.tangent(judged)
        return {"x": x, "y": setting.other, "u": u, "v": v, "w": w, "a": setting.real("a")}


@dataclass(frozen=True)
class Exactly:
    """The oracle on symbols: the derivative of the traced expression, by reverse accumulation."""

    decider: Decider

    def directional(self, f: Traced, x: Vectors, u: Vectors, v: Vectors) -> Pairing:
        """<Df(x)' v, u>, not multiplied out."""
        y = f.forward(x)
        pairs = [
            e * c for p, q in zip(y, v, strict=True) for e, c in zip(entries(p), entries(symbolic(q)), strict=True)
        ]
        positions = [k for k, p in enumerate(u) if p.size]
        symbols = [e for k in positions for e in entries(x[k])]
        slopes = iter(ex.gradient(ex.total(pairs), symbols, self.decider.vanishes))
        parts: list[Any] = [NOTHING] * len(x)
        for k in positions:
            part = np.empty(x[k].shape, object)
            for index in np.ndindex(part.shape):
                part[index] = next(slopes)
            parts[k] = part.view(Symbolic)
        return Pairing(Vectors(tuple(parts)), u)


@dataclass(frozen=True)
class Known:
    """The same oracle at a point, as numbers with their balls: what the real code is held against."""

    run: Run
    at: Any

    def directional(self, f: Subject, x: Vectors, u: Vectors, v: Vectors) -> Estimate:
        """<v, Df(x) u> of the claim that was refuted, at its point."""
        for claim in self.run.claims:
            if isinstance(claim.right, Pairing) and claim.right.right is self.run.values["u"]:
                e = self.run.along(_scalar(claim.right))
                (ball,) = enclose([e], self.at, 200)
                return Estimate(float(ball.mid()), float(ball.rad()) + 2.0**-52 * abs(float(ball.mid())))
        raise Undefined("no derivative is known at this point")
