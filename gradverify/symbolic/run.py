"""One run is a law along one way through the code: decided on symbols, replayed by the real code, or refuted by it."""

from __future__ import annotations

import itertools
import random
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from flint import fmpq

from gradverify._claim import Claim
from gradverify._law import Law
from gradverify._subject import Broken, Subject
from gradverify._tally import Budget
from gradverify._vectors import Estimate, Misfit, Pairing, Vectors
from gradverify._verdict import Finding, Outcome, Status, Verdict
from gradverify.explain.witness import witness
from gradverify.judge import judge
from gradverify.points.generate import laid
from gradverify.symbolic import expression as ex
from gradverify.symbolic.branches import Branches, Reading, Unsupported, tracing
from gradverify.symbolic.decide import Assumptions, Decider, Decision, Drawn, Open, Undefined, enclose
from gradverify.symbolic.expression import Expr
from gradverify.symbolic.settings import Setting
from gradverify.symbolic.shim import shimmed
from gradverify.symbolic.trace import Symbolic, entries, symbolic
from gradverify.symbolic.traced import Exactly, Traced

MOST_BRANCHES = 64  # ways through the code
LEADERS = 200  # points tried until one lies on a way through the code
REPLAYS = 2  # random points at which the real code must answer what was traced
FLOATS_APART = 2.0**-36  # relative differences below this may come from constants that were rounded
LARGE = fmpq(1024)  # of the points at which overflow would show
SMALL = fmpq(1, 4)  # of those at which little cancels, so that float32 keeps its digits
COARSE = 2.0**-12  # float32, and cancellation in the thousands, may cost this share
ELSEWHERE = ", and the formula is right"


class Refuted(Exception):
    """A claim does not hold at a point."""

    def __init__(self, decision: Decision, place: tuple[int, tuple[int, ...]] | None, claim: Claim) -> None:
        super().__init__()
        self.decision, self.place, self.claim = decision, place, claim


class Elsewhere(Open):
    """The formula is right, and the code answers something else in another type, layout or size."""


class Apart(Exception):
    """Both sides differ by no more than rounded constants can make them."""


def runs(law: Law, setting: Setting, reading: Reading, seed: int, meter: Budget) -> Iterator[Run]:
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
        scope = scope_of(dict.fromkeys(scopes))
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


def scope_of(scopes: Mapping[str, None]) -> str:
    """What was tried, in words."""
    return "all real inputs of " + "; ".join(scopes) if scopes else ""
