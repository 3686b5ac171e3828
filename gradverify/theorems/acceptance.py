"""A step is accepted when two judges agree that it leaves the value as it is.

The one is the index calculus, by nothing but the laws that the step's rules license. The other is the instances
(``instance``), which know nothing of the calculus; their points satisfy the hypotheses that the step names and no
others. What a step says it uses, it has to need; what it needs, it has to say. A refusal names the step, both
sides and the reason; whether a rule, a hypothesis or a sign was missing is found out by lending it.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from gradverify._errors import Misuse
from gradverify.theorems.algebra import Law
from gradverify.theorems.calculus import definition, equation
from gradverify.theorems.derivation import DEFINITION, HYPOTHESIS, THEOREM, Derivation, Hypothesis, Step
from gradverify.theorems.index import Blocked, identity, plain, put
from gradverify.theorems.instance import Equality, Instances, NoPoint, Opinion, Setting
from gradverify.theorems.notation import Array
from gradverify.theorems.rules import BY_NAME, RULES, Answer, Rule, equal
from gradverify.theorems.sign import Facts, nonzero, positive
from gradverify.theorems.term import Call, Entry, Formula, Index, Term
from gradverify.theorems.text import text

# -- what becomes of a derivation ------------------------------------------------------------------------------


class Reason(enum.StrEnum):
    """Why a derivation is refused."""

    ILL_FORMED = "it is not well formed"
    UNKNOWN = "it names what there is not"
    HYPOTHESIS = "it needs a hypothesis that it does not name"
    SIGN = "it needs a number to be positive, or not 0, that is not known to be"
    OTHER_RULE = "it needs a rule that it does not name"
    FALSE = "it is false"
    NOT_SHOWN = "it does not follow by the rules it names"
    NOT_NEEDED = "it names what it does not need"
    BLUNT = "the instances cannot tell"
    UNFINISHED = "the steps do not end where the statement does"


@dataclass(frozen=True)
class Refused:
    """A derivation that is not accepted: at which step (0 is the statement), why, and what was found."""

    derivation: str
    step: int
    reason: Reason
    found: str
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        place = f"{self.derivation}, step {self.step}" if self.step else f"{self.derivation}, the statement"
        sides = f"\n  from  {self.before}\n  to    {self.after}" if self.before else ""
        return f"{place}: {self.reason}.{sides}\n  {self.found}"


@dataclass(frozen=True)
class Checked:
    """A step that both judges accept: its rules, the signs it leaned on, and the comparisons made."""

    step: Step
    rules: tuple[Rule, ...]
    leaned_on: tuple[str, ...]
    comparisons: int
    separating: int


@dataclass(frozen=True)
class Accepted:
    """A derivation of which every step is accepted, and the derivations it leans on."""

    derivation: Derivation
    steps: tuple[Checked, ...]
    cited: tuple[Derivation, ...] = ()


class _Refusal(Exception):
    """A refusal on its way out."""

    def __init__(self, reason: Reason, found: str) -> None:
        super().__init__(found)
        self.reason, self.found = reason, found


def accept(d: Derivation, cited: Mapping[str, Derivation] | None = None) -> Accepted | Refused:
    """Judge a derivation; ``cited`` are the theorems it may lean on, each accepted before."""
    judge, before, checked = Judge(d, cited or {}), d.left, []
    try:
        well_formed(d)
    except _Refusal as no:
        return Refused(d.name, 0, no.reason, no.found)
    for number, step in enumerate(d.steps, start=1):
        try:
            checked.append(judge.step(before, step))
        except _Refusal as no:
            return Refused(d.name, number, no.reason, no.found, text(before), text(step.expression))
        before = step.expression
    if plain(before) != plain(d.right):
        found = "Add the steps that are missing, each with its rule."
        return Refused(d.name, len(d.steps), Reason.UNFINISHED, found, text(before), text(d.right))
    idle = judge.idle_hypothesis()
    if idle:
        return Refused(d.name, 0, Reason.NOT_NEEDED, f"No step uses the hypothesis {idle!r}; leave it out.")
    return Accepted(d, tuple(checked), tuple(judge.cited[name] for name in d.cites))


# -- a well-formed derivation ----------------------------------------------------------------------------------


def well_formed(d: Derivation) -> None:
    """Every name means one thing, and no index is both free and bound or bound twice over: a reader could not tell."""

    def no(found: str) -> _Refusal:
        return _Refusal(Reason.ILL_FORMED, found)

    if not d.steps:
        raise no("It has no steps.")
    formulas = [f.body for f in d.functions if f.body is not None]
    indices = sorted(_of_the_author(*d.terms, *formulas), key=lambda i: i.key)
    kinds = (
        [size.name for size in d.sizes],
        [index.name for index in indices],
        [*(a.name for a in d.arrays), *(f.name for f in d.functions)],
        [h.name for h in d.hypotheses],
    )
    for names in kinds:
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise no(f"{twice} is declared in two ways.")
    marked = [i.name for i in indices if not i.name[0].isalpha()]
    if marked:
        raise no(f"the index {marked[0]} has a name that only we give; rename it.")
    for t in (d.right, *(s.expression for s in d.steps)):
        stray = sorted(i.name for i in t.free - d.left.free)
        if stray:
            raise no(f"The index {stray[0]} stands free in {text(t)}, and not on the statement's left side.")
    apart = {*d.nonzero, *(t for h in d.hypotheses for t in (h.left, h.right))}  # their free indices are their own
    for t in d.terms:
        again = next(_bound_again(t, t.free if t in apart else d.left.free | t.free), None)
        if again:
            raise no(
                f"The index {again.name} is bound in {text(t)} where that name already has a meaning; give the bound "
                "one another name."
            )


def _of_the_author(*terms: Term) -> frozenset[Index]:
    """The indices that the author named: all but those of arrays that stand as arguments by their name."""
    found = frozenset[Index]()
    for t in terms:
        given = isinstance(t, Formula) and isinstance(t.body, Entry | Call) and t.body.points == t.binds
        own = frozenset(t.binds).union(*(p.free for p in t.points))
        inside = _of_the_author(*t.terms)
        found |= (inside - frozenset(t.binds)) if given else own | inside
    return found


def _bound_again(t: Term, taken: frozenset[Index]) -> Iterator[Index]:
    """Indices of the author's that a binder uses although the name is free outside, or bound around it."""
    names = {i.name for i in taken}
    yield from (i for i in t.binds if i.name in names)
    for part in t.terms:
        yield from _bound_again(part, taken | {i for i in t.binds if not i.name.startswith("~")})


# -- a step -------------------------------------------------------------------------------------------------------


@dataclass
class Judge:
    """One derivation under judgement; the instances of a set of hypotheses are made once."""

    d: Derivation
    cited: Mapping[str, Derivation]
    instances: dict[tuple[str, ...], Instances] = field(default_factory=dict)

    def step(self, before: Term, step: Step) -> Checked:
        """Both judges on one step; raises where one of them does not agree."""
        rules = self.rules(step)
        answer = equal(before, step.expression, (*rules, *self.assumed(step.uses)), self.d.facts)
        if not answer.equal:
            raise self.why(before, step)
        self.all_is_needed(before, step)
        opinion = self.seen(before, step.expression, step.uses)
        if opinion.counterexample:
            raise _Refusal(
                Reason.FALSE,
                f"The calculus accepts it, and {opinion.counterexample}. One of the two is wrong: please report it.",
            )
        if not opinion.agrees:
            raise _Refusal(Reason.BLUNT, f"{opinion.trouble[0].upper()}{opinion.trouble[1:]}.")
        return Checked(step, rules, answer.leaned_on, opinion.comparisons, opinion.separating)

    def rules(self, step: Step) -> tuple[Rule, ...]:
        """The rules by their names."""
        return tuple(self.rule(name, step) for name in step.rules)

    def rule(self, name: str, step: Step) -> Rule:
        """The rule with this name: one of the catalogue, or one that speaks of a declared thing."""
        if name in BY_NAME:
            return BY_NAME[name]
        if name.startswith(DEFINITION):
            for f in self.d.functions:
                if f.name == name.removeprefix(DEFINITION) and f.body is not None:
                    return Rule(name, "", (definition(f),))
        if name == HYPOTHESIS:
            return Rule(name, "", ())
        if name.startswith(THEOREM) and name.removeprefix(THEOREM) in self.cited:
            return Rule(name, "", (self.theorem(self.cited[name.removeprefix(THEOREM)], step),))
        known = [*BY_NAME, *(DEFINITION + f.name for f in self.d.functions if f.body), HYPOTHESIS]
        known += [THEOREM + other for other in self.cited]
        raise _Refusal(Reason.UNKNOWN, f"There is no rule {name!r}; the rules are: {', '.join(known)}.")

    def assumed(self, names: tuple[str, ...]) -> tuple[Rule, ...]:
        """What the named hypotheses license."""
        found = [(name, self.hypothesis(name)) for name in names]
        return tuple(Rule(name, "", (equation(h.left, h.right, at_the_point=h.arrays),)) for name, h in found)

    def hypothesis(self, name: str) -> Hypothesis:
        """The declared hypothesis with this name."""
        for h in self.d.hypotheses:
            if h.name == name:
                return h
        declared = ", ".join(repr(h.name) for h in self.d.hypotheses) or "none"
        raise _Refusal(Reason.UNKNOWN, f"It uses the hypothesis {name!r}; declared are: {declared}.")

    def theorem(self, other: Derivation, step: Step) -> Law:
        """What an accepted theorem licenses here, with the step's arrays put into it, if all it assumes is granted."""
        for mine, its in (
            (self.d.sizes, other.sizes),
            (self.d.arrays, other.arrays),
            (self.d.functions, other.functions),
        ):
            meant = {thing.name: thing for thing in mine}
            for thing in its:
                if thing.name in meant and meant[thing.name] != thing:
                    raise _Refusal(
                        Reason.UNKNOWN,
                        f"{thing.name} is declared otherwise in the theorem {other.name}; use its words.",
                    )
        at = {array: formula for array, formula in ((a, plain(f)) for a, f in step.at) if isinstance(formula, Formula)}
        try:
            granted = [(put(plain(h.left), at), put(plain(h.right), at), h.name) for h in other.hypotheses]
            bound = frozenset[Array]().union(*(t.arrays for left, right, _ in granted for t in (left, right)))
            law = equation(other.left, other.right, at, at_the_point=bound)
            lacking = [text(t) for t in other.nonzero if nonzero(put(plain(t), at), self.d.facts) is None]
        except Blocked as why:
            raise _Refusal(
                Reason.UNKNOWN, f"These arrays cannot be put into the theorem {other.name}: {why}."
            ) from None
        here = {(plain(h.left), plain(h.right)) for h in map(self.hypothesis, step.uses)}
        for left, right, name in granted:
            if (left, right) not in here:
                raise _Refusal(
                    Reason.HYPOTHESIS,
                    f"The theorem {other.name} assumes {name!r}: declare it, and say uses=({name!r},).",
                )
        lacking += [a.name for a in other.positive if not self.is_positive(at.get(a, identity(a)))]
        if lacking:
            raise _Refusal(
                Reason.SIGN,
                f"The theorem {other.name} is about numbers with a sign; nobody says so of {', '.join(lacking)} here.",
            )
        return law

    def is_positive(self, t: Term) -> bool:
        """Whether every entry is known to be positive."""
        return positive(plain(t.body if isinstance(t, Formula) else t), self.d.facts) is not None

    def all_is_needed(self, before: Term, step: Step) -> None:
        """Every rule and every hypothesis that is named is one without which the step does not follow."""
        for name in step.rules:
            if name in ("same", HYPOTHESIS):
                continue
            less = replace(step, rules=tuple(other for other in step.rules if other != name))
            if self.follows(before, less):
                raise _Refusal(Reason.NOT_NEEDED, f"It follows without {name!r}; leave that out, or say 'same'.")
        for name in step.uses:
            less = replace(step, uses=tuple(other for other in step.uses if other != name))
            if self.follows(before, less):
                raise _Refusal(Reason.NOT_NEEDED, f"It follows without the hypothesis {name!r}; leave that out.")

    def follows(self, before: Term, step: Step, facts: Facts | None = None, *lent: Rule) -> Answer | None:
        """The calculus' answer for a step that may name what there is not, or lack what it needs; None is no."""
        try:
            rules = (*self.rules(step), *self.assumed(step.uses), *lent)
        except _Refusal:
            return None
        answer = equal(before, step.expression, rules, facts or self.d.facts)
        return answer if answer.equal else None

    def idle_hypothesis(self) -> str:
        """A hypothesis that no step uses, or nothing."""
        used = {name for s in self.d.steps for name in s.uses}
        return next((h.name for h in self.d.hypotheses if h.name not in used), "")

    # -- the second judge

    def seen(self, before: Term, after: Term, uses: tuple[str, ...]) -> Opinion:
        """What the instances say, at points that satisfy these hypotheses only."""
        key = tuple(sorted(uses))
        try:
            if key not in self.instances:
                named = map(self.hypothesis, key)
                equalities = tuple(Equality(h.left, h.right, h.fixes) for h in named)
                setting = Setting(self.d.sizes, self.d.arrays, frozenset(self.d.positive), self.d.nonzero, equalities)
                self.instances[key] = Instances(setting)
            return self.instances[key].compare(before, after)
        except NoPoint as none:
            return Opinion(trouble=str(none))

    # -- why not

    def why(self, before: Term, step: Step) -> _Refusal:
        """The reason of a step that does not follow: what would have to be lent for it to."""
        if self.follows(before, step, replace(self.d.facts, waived=True)):
            return _Refusal(
                Reason.SIGN, "It would follow if every number were positive; say what is: positive=, nonzero=."
            )
        for h in self.d.hypotheses:
            if h.name not in step.uses and self.follows(before, replace(step, uses=(*step.uses, h.name))):
                return _Refusal(Reason.HYPOTHESIS, f"It would follow with uses=({h.name!r},).")
        opinion = self.seen(before, step.expression, step.uses)
        if opinion.counterexample:
            return _Refusal(Reason.FALSE, f"{opinion.counterexample[0].upper()}{opinion.counterexample[1:]}.")
        for other in (*RULES, *self.definitions()):
            instead = replace(step, rules=(other.name,))
            if self.follows(before, step, None, other) or self.follows(before, instead):
                return _Refusal(Reason.OTHER_RULE, f"It would follow by {other.name!r}.")
        agree = (
            "The two sides agree at every instance"
            if opinion.agrees
            else f"The instances cannot tell ({opinion.trouble})"
        )
        return _Refusal(Reason.NOT_SHOWN, f"{agree}: go in smaller steps, each with the one rule that it takes.")

    def definitions(self) -> tuple[Rule, ...]:
        """The definitions of every function that has a formula."""
        return tuple(Rule(DEFINITION + f.name, "", (definition(f),)) for f in self.d.functions if f.body is not None)


def misuse(refused: Refused) -> Misuse:
    """The refusal as an error, for a door that has to raise."""
    return Misuse(str(refused))
